"""Administration of people, programs and their logins."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.identity.roles import Role
from tests.support.web import NOON, PASSWORD, Desk

pytestmark = pytest.mark.by_turns

LIN = {"username": "Lin.Xiaoman", "name": "林小满", "roles": ["officer"]}


@pytest.fixture
def admin(desk: Desk) -> dict[str, str]:
    return desk.as_role(Role.ADMINISTRATOR)


def test_a_new_person_gets_a_password_that_is_told_once_and_must_be_changed(desk: Desk, admin):
    made = desk.client.post("/api/v1/users", json=LIN, headers=admin)

    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/users/{made.json()['id']}"
    shown = desk.client.get(made.headers["Location"], headers=admin)
    assert "one_time_password" not in shown.json()
    assert "credential" not in shown.json()
    login = desk.log_in("lin.xiaoman", made.json()["one_time_password"])
    assert login.json()["must_change_password"] is True


def test_a_password_chosen_for_somebody_is_not_told_back(desk: Desk, admin):
    made = desk.client.post("/api/v1/users", json=LIN | {"password": PASSWORD}, headers=admin)

    assert made.json()["one_time_password"] is None
    assert desk.log_in("lin.xiaoman").status_code == 200


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"username": "l"}, "/username"),
        ({"username": "林小满"}, "/username"),
        ({"username": "lin xiaoman"}, "/username"),
        ({"name": ""}, "/name"),
        ({"name": "林\u202e小满"}, "/name"),
        ({"roles": []}, "/roles"),
        ({"roles": ["emperor"]}, "/roles/0"),
        ({"password": "short"}, "/password"),
        ({"rolls": ["officer"]}, "/rolls"),
    ],
)
def test_what_an_account_cannot_be_is_pointed_at(desk: Desk, admin, change, pointer):
    answer = desk.client.post("/api/v1/users", json=LIN | change, headers=admin)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_username_is_taken_once_however_it_is_written(desk: Desk, admin):
    desk.client.post("/api/v1/users", json=LIN, headers=admin)
    answer = desk.client.post("/api/v1/users", json=LIN | {"username": "LIN.XIAOMAN"}, headers=admin)

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict")


def test_roles_that_are_taken_away_count_from_the_next_call_on(desk: Desk, admin):
    other = desk.person("zhou.ning", Role.ADMINISTRATOR)
    headers = {"Authorization": "Bearer " + desk.log_in("zhou.ning").json()["access_token"]}
    assert desk.client.get("/api/v1/users", headers=headers).status_code == 200

    body = {"name": "周宁", "roles": ["officer"]}
    changed = desk.client.put(f"/api/v1/users/{other.id}", json=body, headers=admin | {"If-Match": '"1"'})

    assert changed.headers["ETag"] == '"2"'
    assert desk.client.get("/api/v1/users", headers=headers).status_code == 403


def test_two_administrators_do_not_overwrite_each_other(desk: Desk, admin):
    person = desk.person("lin.xiaoman", Role.OFFICER)

    def change(etag: str | None, name: str):
        headers = admin | ({"If-Match": etag} if etag else {})
        body = {"name": name, "roles": ["officer"]}
        return desk.client.put(f"/api/v1/users/{person.id}", json=body, headers=headers)

    assert change(None, "林小满").status_code == 428
    assert change('"1"', "林小满").status_code == 200
    assert change('"1"', "林大满").status_code == 412
    assert desk.client.get(f"/api/v1/users/{person.id}", headers=admin).json()["name"] == "林小满"


def test_the_last_administrator_can_be_neither_disabled_nor_demoted(desk: Desk, admin):
    me = desk.client.get("/api/v1/me", headers=admin).json()["id"]

    disabled = desk.client.post(f"/api/v1/users/{me}/disable", headers=admin)
    body = {"name": "x", "roles": ["chief"]}
    demoted = desk.client.put(f"/api/v1/users/{me}", json=body, headers=admin | {"If-Match": '"1"'})

    assert (disabled.status_code, demoted.status_code) == (409, 409)
    assert desk.client.get("/api/v1/users", headers=admin).status_code == 200


def test_a_reset_ends_every_login_and_hands_out_a_new_password(desk: Desk, admin):
    person = desk.person("lin.xiaoman", Role.OFFICER)
    token = desk.log_in("lin.xiaoman").json()["access_token"]

    told = desk.client.post(f"/api/v1/users/{person.id}/reset", json={}, headers=admin).json()["one_time_password"]

    assert desk.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert desk.log_in("lin.xiaoman").status_code == 400
    assert desk.log_in("lin.xiaoman", told).json()["must_change_password"] is True


def test_a_program_gets_its_secret_once_and_a_rotated_one_ends_the_old(desk: Desk, admin):
    body = {"client_id": "case-system", "name": "办案系统", "roles": ["integrator"]}
    made = desk.client.post("/api/v1/clients", json=body, headers=admin)

    def log_in(secret: str):
        form = {"grant_type": "client_credentials", "client_id": "case-system", "client_secret": secret}
        return desk.client.post("/api/v1/oauth/token", data=form)

    old = made.json()["client_secret"]
    token = log_in(old).json()["access_token"]
    rotated = desk.client.post(f"/api/v1/clients/{made.json()['id']}/rotate", headers=admin).json()

    assert "client_secret" not in desk.client.get(made.headers["Location"], headers=admin).json()
    assert log_in(old).status_code == 401
    assert desk.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert log_in(rotated["client_secret"]).status_code == 200


def test_people_and_programs_are_not_found_under_each_others_address(desk: Desk, admin):
    person = desk.person("lin.xiaoman", Role.OFFICER)

    assert desk.client.get(f"/api/v1/clients/{person.id}", headers=admin).status_code == 404
    assert desk.client.post(f"/api/v1/clients/{person.id}/rotate", headers=admin).status_code == 404
    assert desk.client.get("/api/v1/users/nobody", headers=admin).status_code == 404


def test_a_login_is_listed_until_it_is_revoked(desk: Desk, admin):
    person = desk.person("lin.xiaoman", Role.OFFICER)
    token = desk.log_in("lin.xiaoman").json()["access_token"]

    def listed():
        return desk.client.get(f"/api/v1/sessions?account_id={person.id}", headers=admin).json()["items"]

    (login,) = listed()
    assert (login["username"], login["source"]) == ("lin.xiaoman", "10.20.3.4")
    assert desk.client.post(f"/api/v1/sessions/{login['id']}/revoke", headers=admin).status_code == 200
    assert listed() == []
    assert desk.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert desk.client.post("/api/v1/sessions/nothing/revoke", headers=admin).status_code == 404


def test_a_list_is_walked_page_by_page_without_gap_or_repeat(desk: Desk, admin):
    for number in range(7):
        desk.person(f"officer-{number}", Role.OFFICER)

    address, seen = "/api/v1/users?limit=3", []
    while address:
        page = desk.client.get(address, headers=admin)
        seen += [user["username"] for user in page.json()["items"]]
        if len(seen) == 3:
            desk.person("aaa-came-meanwhile", Role.OFFICER)  # before the cursor: not shown again
            desk.person("zzz-came-meanwhile", Role.OFFICER)
        link = page.links.get("next", {}).get("url")
        assert (link is None) == (page.json()["next"] is None)
        address = link

    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 9
    assert "zzz-came-meanwhile" in seen


def test_a_list_in_order_of_time_is_walked_too(desk: Desk, admin):
    desk.person("lin.xiaoman", Role.OFFICER)
    for second in range(5):
        desk.clock.moment = NOON + timedelta(seconds=second // 2)  # some at the same moment
        desk.log_in("lin.xiaoman")

    address, seen = "/api/v1/sessions?limit=2", []
    while address:
        page = desk.client.get(address, headers=admin)
        assert page.status_code == 200, page.text
        seen += [(login["issued_at"], login["id"]) for login in page.json()["items"]]
        address = page.links.get("next", {}).get("url")

    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) == 6


def test_a_link_keeps_the_filter(desk: Desk, admin):
    for number in range(3):
        desk.person(f"officer-{number}", Role.OFFICER)
    page = desk.client.get("/api/v1/users?limit=1&q=officer", headers=admin)

    assert "q=officer" in urlsplit(page.links["next"]["url"]).query
    assert page.json()["items"][0]["username"] == "officer-0"


@pytest.mark.parametrize("words", ["%", "_", "'; DROP TABLE accounts; --", "林小"])
def test_a_search_takes_its_words_as_they_are(desk: Desk, admin, words):
    desk.client.post("/api/v1/users", json=LIN, headers=admin)
    found = desk.client.get("/api/v1/users", params={"q": words}, headers=admin).json()["items"]

    assert [user["name"] for user in found] == (["林小满"] if words == "林小" else [])


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "bnVsbA",  # null
        "WyIrdXNlcm5hbWUsaWQiLDEsMl0",  # numbers for text
        "WyItdXNlcm5hbWUsaWQiLCJhIiwiYiJd",  # of the other order
        "WyIrdXNlcm5hbWUsaWQiLCJhXHUwMDAwIiwiYiJd",  # U+0000
        "WyIrdXNlcm5hbWUsaWQiLCJcdWQ4MDAiLCJiIl0",  # a lone surrogate
        "x" * 1025,
        "é",
    ],
)
def test_a_forged_cursor_is_refused(desk: Desk, admin, cursor):
    answer = desk.client.get("/api/v1/users", params={"cursor": cursor}, headers=admin)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "cursor"


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "99999999999999999999"])
def test_a_page_has_one_to_two_hundred_items(desk: Desk, admin, limit):
    answer = desk.client.get("/api/v1/users", params={"limit": limit}, headers=admin)

    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "limit")


def test_administration_stands_in_the_access_log_with_who_and_what(desk: Desk, admin):
    made = desk.client.post("/api/v1/users", json=LIN, headers=admin).json()
    body = {"name": "林小满", "roles": ["officer", "approver"]}
    desk.client.put(f"/api/v1/users/{made['id']}", json=body, headers=admin | {"If-Match": '"1"'})
    desk.client.post(f"/api/v1/users/{made['id']}/disable", headers=admin)

    with desk.database.read() as session:
        rows = session.scalars(select(AccessRow).where(AccessRow.object_id == made["id"]).order_by(AccessRow.n)).all()
    assert [(row.actor, row.reason) for row in rows] == [
        ("administrator", "created"),
        ("administrator", "changed"),
        ("administrator", "disabled"),
    ]
    assert rows[1].details["roles_before"] == "officer"
    assert rows[1].details["roles_after"] == "approver officer"
