"""A second factor: enrolled, asked for, spent, lost and taken away."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.identity import totp
from ecolink.identity.models import RecoveryCode, SecondFactor
from ecolink.identity.roles import Role
from tests.support.web import PASSWORD, Desk

pytestmark = pytest.mark.by_turns

ME = "/api/v1/me/otp"
NEXT = timedelta(seconds=totp.STEP_SECONDS)


class App:
    """An authenticator app on somebody's telephone."""

    def __init__(self, desk: Desk, username: str, *roles: Role) -> None:
        self.desk, self.username = desk, username
        desk.person(username, *roles)
        token = desk.log_in(username).json()["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        begun = desk.client.post(ME, json={"current_password": PASSWORD}, headers=self.headers)
        assert begun.status_code == 200, begun.text
        self.secret = begun.json()["secret"].replace(" ", "")

    def code(self) -> str:
        import base64

        return totp.code_at(base64.b32decode(self.secret), totp.step_at(self.desk.clock.now()))

    def confirm(self) -> list[str]:
        answer = self.desk.client.post(f"{ME}/confirm", json={"otp": self.code()}, headers=self.headers)
        assert answer.status_code == 200, answer.text
        self.desk.clock.advance(NEXT)  # the code is spent
        return answer.json()["recovery_codes"]

    def log_in(self, otp: str | None = None, password: str = PASSWORD):
        form = {"grant_type": "password", "username": self.username, "password": password}
        return self.desk.client.post("/api/v1/oauth/token", data={**form, **({"otp": otp} if otp else {})})


@pytest.fixture
def lin(desk: Desk) -> App:
    return App(desk, "lin.xiaoman", Role.OFFICER)


def test_an_enrolment_that_was_not_confirmed_counts_for_nothing(desk: Desk, lin: App):
    assert desk.log_in("lin.xiaoman").status_code == 200
    assert desk.client.get(ME, headers=lin.headers).json() == {"since": None, "recovery_codes_left": 0}

    wrong = desk.client.post(f"{ME}/confirm", json={"otp": "000000"}, headers=lin.headers)

    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/otp")
    assert desk.log_in("lin.xiaoman").status_code == 200


def test_once_confirmed_the_right_password_alone_is_told_that_a_code_is_wanted(lin: App):
    lin.confirm()

    wanted = lin.log_in()
    assert (wanted.status_code, wanted.json()["error"]) == (400, "otp_required")
    assert lin.log_in(lin.code()).status_code == 200


def test_who_does_not_know_the_password_learns_nothing_of_a_second_factor(desk: Desk, lin: App):
    lin.confirm()
    unknown = desk.log_in("nobody.here", "wrong password")

    for otp in (None, lin.code(), "000000"):
        answer = lin.log_in(otp, password="wrong password")
        assert (answer.status_code, answer.json()) == (unknown.status_code, unknown.json())


def test_a_code_opens_the_door_once(desk: Desk, lin: App):
    lin.confirm()
    code = lin.code()

    assert lin.log_in(code).status_code == 200
    again = lin.log_in(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    desk.clock.advance(NEXT)
    assert lin.log_in(code).status_code == 400, "not even while the app of a slow clock would still show it"
    assert lin.log_in(lin.code()).status_code == 200


def test_the_code_that_confirmed_is_spent(desk: Desk, lin: App):
    code = lin.code()
    desk.client.post(f"{ME}/confirm", json={"otp": code}, headers=lin.headers)

    assert lin.log_in(code).status_code == 400


def test_who_guesses_codes_is_made_to_wait_and_the_password_gives_no_new_tries(desk: Desk, lin: App):
    lin.confirm()
    answers = []
    for _ in range(7):
        answers.append(lin.log_in("000000").status_code)
        lin.log_in()  # the right password alone, in between

    assert answers == [400] * 5 + [429] * 2
    assert lin.log_in(lin.code()).status_code == 429, "the right code waits as well"
    desk.clock.advance(timedelta(minutes=15))
    assert lin.log_in(lin.code()).status_code == 200


def test_a_recovery_code_opens_the_door_once_however_it_is_typed(desk: Desk, lin: App):
    first, second, *others = lin.confirm()

    assert lin.log_in(first).status_code == 200
    assert lin.log_in(first).status_code == 400
    assert lin.log_in(second.upper().replace("-", " ")).status_code == 200
    headers = {"Authorization": f"Bearer {lin.log_in(lin.code()).json()['access_token']}"}
    assert desk.client.get(ME, headers=headers).json()["recovery_codes_left"] == len(others) == 8


def test_new_recovery_codes_end_the_old_ones_and_need_both_factors(desk: Desk, lin: App):
    old = lin.confirm()[0]
    body = {"current_password": PASSWORD, "otp": lin.code()}

    for wrong in ({"current_password": "not the one"}, {"otp": "000000"}):
        refused = desk.client.post(f"{ME}/recovery-codes", json=body | wrong, headers=lin.headers)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/{next(iter(wrong))}")
    answer = desk.client.post(f"{ME}/recovery-codes", json=body, headers=lin.headers)

    assert answer.status_code == 200
    assert lin.log_in(old).status_code == 400
    assert lin.log_in(answer.json()["recovery_codes"][0]).status_code == 200


def test_a_stolen_token_neither_enrols_nor_removes(desk: Desk, lin: App):
    lin.confirm()
    guess = {"current_password": "not the one", "otp": "000000"}

    assert desk.client.post(f"{ME}/remove", json=guess, headers=lin.headers).status_code == 422
    assert desk.client.post(ME, json={"current_password": "not the one"}, headers=lin.headers).status_code == 422
    assert lin.log_in().json()["error"] == "otp_required"


def test_who_has_one_enrols_no_second_before_it_is_removed(desk: Desk, lin: App):
    lin.confirm()
    assert desk.client.post(ME, json={"current_password": PASSWORD}, headers=lin.headers).status_code == 409

    body = {"current_password": PASSWORD, "otp": lin.code()}
    assert desk.client.post(f"{ME}/remove", json=body, headers=lin.headers).status_code == 204
    assert desk.log_in("lin.xiaoman").status_code == 200
    assert desk.client.post(ME, json={"current_password": PASSWORD}, headers=lin.headers).status_code == 200


def test_confirming_ends_the_logins_made_with_the_password_alone(desk: Desk, lin: App):
    elsewhere = {"Authorization": f"Bearer {desk.log_in('lin.xiaoman').json()['access_token']}"}
    lin.confirm()

    assert desk.client.get("/api/v1/me", headers=elsewhere).status_code == 401
    assert desk.client.get("/api/v1/me", headers=lin.headers).status_code == 200


def test_an_administrator_takes_a_lost_telephones_factor_away(desk: Desk, lin: App):
    recovery = lin.confirm()[0]
    admin = desk.as_role(Role.ADMINISTRATOR)
    person = desk.client.get("/api/v1/users?q=lin", headers=admin).json()["items"][0]
    assert person["second_factor_since"] is not None

    answer = desk.client.post(f"/api/v1/users/{person['id']}/reset-otp", headers=admin)

    assert answer.json()["second_factor_since"] is None
    assert desk.client.get("/api/v1/me", headers=lin.headers).status_code == 401
    assert desk.log_in("lin.xiaoman").status_code == 200
    assert lin.log_in(recovery).status_code == 200, "what is not asked for is not looked at"


def test_what_becomes_of_a_second_factor_stands_in_the_access_log(desk: Desk, lin: App):
    recovery = lin.confirm()[0]
    lin.log_in(lin.code())
    lin.log_in(recovery)
    admin = desk.as_role(Role.ADMINISTRATOR)
    person = desk.client.get("/api/v1/users?q=lin", headers=admin).json()["items"][0]["id"]
    desk.client.post(f"/api/v1/users/{person}/reset-otp", headers=admin)

    with desk.database.read() as session:
        entries = session.scalars(select(AccessRow).where(AccessRow.object_id == person).order_by(AccessRow.n)).all()
    assert [(entry.actor, entry.reason or entry.details.get("second_factor")) for entry in entries] == [
        ("console", "created"),
        ("lin.xiaoman", None),
        ("lin.xiaoman", "second factor enrolled"),
        ("lin.xiaoman", "code"),
        ("lin.xiaoman", "recovery code"),
        ("administrator", "second factor removed"),
    ]


def test_the_database_alone_shows_neither_secret_nor_recovery_codes(desk: Desk, lin: App):
    codes = lin.confirm()

    with desk.database.read() as session:
        assert lin.secret.encode() not in session.scalars(select(SecondFactor.sealed)).one()
        kept = "".join(session.scalars(select(RecoveryCode.digest)))
    assert not any(code.replace("-", "") in kept for code in codes)


def test_a_factor_whose_key_is_gone_still_gives_way_to_a_recovery_code(desk: Desk, lin: App):
    """So after a restore without the node's own keys."""
    code, recovery = None, lin.confirm()[0]
    with desk.database.begin() as session:
        session.scalars(select(SecondFactor)).one().sealed = b"sealed to another key"
        code = lin.code()

    assert lin.log_in(code).status_code == 400
    assert lin.log_in(recovery).status_code == 200


def test_a_code_is_good_once_even_if_it_comes_twice_at_once(desk: Desk, lin: App):
    from concurrent.futures import ThreadPoolExecutor

    lin.confirm()
    code = lin.code()
    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(lambda _: lin.log_in(code).status_code, range(4)))

    assert answers == [200, 400, 400, 400]


def test_a_program_is_asked_for_no_code(desk: Desk):
    admin = desk.as_role(Role.ADMINISTRATOR)
    body = {"client_id": "case-system", "name": "办案系统", "roles": ["integrator"]}
    secret = desk.client.post("/api/v1/clients", json=body, headers=admin).json()["client_secret"]
    form = {"grant_type": "client_credentials", "client_id": "case-system", "client_secret": secret}

    assert desk.client.post("/api/v1/oauth/token", data=form).status_code == 200


def test_who_holds_a_role_that_asks_for_a_factor_enrols_before_anything_else(database):
    with Desk.open(database, enrolling=[Role.ADMINISTRATOR]) as desk:
        chen = App(desk, "chen.bo", Role.ADMINISTRATOR)
        refused = desk.client.get("/api/v1/users", headers=chen.headers)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/second-factor-required")
        assert desk.log_in("chen.bo").json()["must_enrol"] is True
        assert desk.client.get("/api/v1/me", headers=chen.headers).json()["must_enrol"] is True

        chen.confirm()

        assert desk.client.get("/api/v1/users", headers=chen.headers).status_code == 200
        assert chen.log_in(chen.code()).json()["must_enrol"] is False
        desk.person("zhou.ning", Role.OFFICER)
        assert desk.log_in("zhou.ning").json()["must_enrol"] is False
