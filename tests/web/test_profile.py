"""What callers see and change of themselves."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ecolink.identity.accounts import CONSOLE
from ecolink.identity.models import LoginSession
from ecolink.identity.roles import GRANTS, Role
from tests.support.web import PASSWORD, Desk

pytestmark = pytest.mark.by_turns

NEW = "a quieter valley path"


def change(desk: Desk, headers, current=PASSWORD, new=NEW):
    body = {"current_password": current, "password": new}
    return desk.client.post("/api/v1/me/password", json=body, headers=headers)


def test_a_caller_sees_their_roles_and_what_these_allow(desk: Desk):
    shown = desk.client.get("/api/v1/me", headers=desk.as_role(Role.AUDITOR)).json()

    assert shown["roles"] == ["auditor"]
    assert set(shown["permissions"]) == {permission.value for permission in GRANTS[Role.AUDITOR]}


def test_the_table_of_roles_is_shown_whole(desk: Desk):
    shown = desk.client.get("/api/v1/roles", headers=desk.as_role(Role.OFFICER)).json()["roles"]

    assert [entry["role"] for entry in shown] == [role.value for role in Role]
    for entry in shown:
        assert set(entry["permissions"]) == {permission.value for permission in GRANTS[Role(entry["role"])]}


def test_a_changed_password_ends_every_other_login(desk: Desk):
    here = desk.as_role(Role.OFFICER)
    elsewhere = {"Authorization": "Bearer " + desk.log_in("officer").json()["access_token"]}

    assert change(desk, here).status_code == 204

    assert desk.client.get("/api/v1/me", headers=here).status_code == 200
    assert desk.client.get("/api/v1/me", headers=elsewhere).status_code == 401
    assert desk.log_in("officer").status_code == 400
    assert desk.log_in("officer", NEW).status_code == 200


def test_the_current_password_must_be_proven(desk: Desk):
    headers = desk.as_role(Role.OFFICER)

    answer = change(desk, headers, current="not the one")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/current_password"
    assert desk.log_in("officer").status_code == 200


def test_a_stolen_token_cannot_guess_the_password(desk: Desk):
    headers = desk.as_role(Role.OFFICER)
    answers = [change(desk, headers, current=f"guess number {number}").status_code for number in range(7)]

    assert answers == [422] * 5 + [429] * 2


@pytest.mark.parametrize("weak", ["short", "x" * 129, "aaaaaaaaaaaaaaaa", "officer is my name"])
def test_a_weak_password_is_refused(desk: Desk, weak):
    answer = change(desk, desk.as_role(Role.OFFICER), new=weak)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/password"


def test_a_password_one_was_given_cannot_become_ones_own(desk: Desk):
    desk.person("lin.xiaoman", Role.OFFICER, must_change_password=True)
    headers = {"Authorization": f"Bearer {desk.log_in('lin.xiaoman').json()['access_token']}"}

    answer = change(desk, headers, new=PASSWORD)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/password"
    assert desk.log_in("lin.xiaoman").json()["must_change_password"] is True


def test_a_password_one_was_given_opens_nothing_after_a_week(desk: Desk):
    desk.person("lin.xiaoman", Role.OFFICER, must_change_password=True)
    desk.person("zhou.ning", Role.OFFICER)

    desk.clock.advance(timedelta(days=7))
    assert desk.log_in("lin.xiaoman").status_code == 200
    desk.clock.advance(timedelta(seconds=1))
    assert desk.log_in("lin.xiaoman").json() == desk.log_in("nobody.here").json()
    assert desk.log_in("zhou.ning").status_code == 200, "a password one chose oneself stays good"


def test_a_person_sees_and_ends_their_own_logins_and_nobody_elses(desk: Desk):
    headers = desk.as_role(Role.OFFICER)
    desk.clock.advance(timedelta(seconds=1))
    stolen = {"Authorization": "Bearer " + desk.log_in("officer").json()["access_token"]}
    desk.as_role(Role.AUDITOR)

    mine = desk.client.get("/api/v1/me/sessions", headers=headers).json()["items"]
    assert [login["username"] for login in mine] == ["officer", "officer"]

    with desk.database.read() as session:
        another = session.scalars(select(LoginSession).where(LoginSession.account.has(username="auditor"))).one().id

    def end(login: str, password: str = PASSWORD):
        body = {"current_password": password}
        return desk.client.post(f"/api/v1/me/sessions/{login}/revoke", json=body, headers=headers).status_code

    assert end(mine[0]["id"], "not the one") == 422
    assert end(another) == 404
    assert desk.client.get("/api/v1/me", headers=stolen).status_code == 200

    assert end(mine[0]["id"]) == 200
    assert desk.client.get("/api/v1/me", headers=stolen).status_code == 401
    assert len(desk.client.get("/api/v1/me/sessions", headers=headers).json()["items"]) == 1
    assert desk.client.get("/api/v1/me", headers=desk.as_role(Role.AUDITOR)).status_code == 200


def test_a_repeated_change_gets_its_first_answer(desk: Desk):
    headers = desk.as_role(Role.OFFICER) | {"Idempotency-Key": "change-of-password-1"}

    first, second = change(desk, headers), change(desk, headers)

    assert (first.status_code, second.status_code) == (204, 204)
    assert second.headers["Idempotency-Replayed"] == "true"


def test_a_program_has_no_password_to_change(desk: Desk):
    with desk.database.begin() as session:
        _, secret = desk.identity.accounts.add_client(
            session, client_id="case-system", name="办案系统", roles=[Role.INTEGRATOR], by=CONSOLE, now=desk.clock.now()
        )
    form = {"grant_type": "client_credentials", "client_id": "case-system", "client_secret": secret}
    token = desk.client.post("/api/v1/oauth/token", data=form).json()["access_token"]

    assert change(desk, {"Authorization": f"Bearer {token}"}).status_code == 404


def test_who_was_given_a_password_changes_it_before_anything_else(desk: Desk):
    desk.person("lin.xiaoman", Role.ADMINISTRATOR, must_change_password=True)
    answer = desk.log_in("lin.xiaoman").json()
    headers = {"Authorization": f"Bearer {answer['access_token']}"}

    assert answer["must_change_password"] is True
    refused = desk.client.get("/api/v1/users", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/password-change-required")
    assert desk.client.get("/api/v1/me", headers=headers).status_code == 200

    assert change(desk, headers).status_code == 204
    assert desk.client.get("/api/v1/users", headers=headers).status_code == 200
    desk.clock.advance(timedelta(seconds=1))
    assert desk.log_in("lin.xiaoman", NEW).json()["must_change_password"] is False
