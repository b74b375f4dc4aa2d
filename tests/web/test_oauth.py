"""How people and programs get a token, and how it ends."""

import base64
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.models import AccountKind, Guessing
from ecolink.identity.roles import Role
from tests.support.web import PASSWORD, Desk

pytestmark = pytest.mark.by_turns


def ask(desk: Desk, headers=None, **form: str):
    return desk.client.post("/api/v1/oauth/token", data=form, headers=headers)


def me(desk: Desk, token: str):
    return desk.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def program(desk: Desk) -> tuple[str, str]:
    with desk.database.begin() as session:
        account, secret = desk.identity.accounts.add_client(
            session, client_id="case-system", name="办案系统", roles=[Role.INTEGRATOR], by=CONSOLE, now=desk.clock.now()
        )
    return account.username, secret


def test_a_person_logs_in_with_name_and_password(desk: Desk):
    desk.person("lin.xiaoman", Role.OFFICER)

    answer = desk.log_in("Lin.Xiaoman")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 900
    assert me(desk, answer.json()["access_token"]).json()["username"] == "lin.xiaoman"


def test_a_login_stands_in_the_access_log(desk: Desk):
    person = desk.person("lin.xiaoman", Role.OFFICER)
    desk.log_in("lin.xiaoman")

    with desk.database.read() as session:
        entry = session.scalars(select(AccessRow).where(AccessRow.action == "login")).one()
        assert (entry.actor, entry.object_id, entry.details) == ("lin.xiaoman", person.id, {"source": "10.20.3.4"})


def test_a_program_logs_in_with_its_secret_in_the_form_or_by_basic(desk: Desk, program):
    client_id, secret = program
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()

    in_form = ask(desk, grant_type="client_credentials", client_id=client_id, client_secret=secret)
    by_basic = ask(desk, {"Authorization": f"Basic {basic}"}, grant_type="client_credentials")

    for answer in (in_form, by_basic):
        assert answer.status_code == 200
        assert me(desk, answer.json()["access_token"]).json()["kind"] == "client"


def test_every_wrong_login_gets_the_same_answer(desk: Desk):
    desk.person("lin.xiaoman", Role.OFFICER)
    shut = desk.person("zhou.ning", Role.OFFICER)
    desk.person("chen.bo", Role.ADMINISTRATOR)
    with desk.database.begin() as session:
        account = desk.identity.accounts.get(session, AccountKind.USER, shut.id)
        desk.identity.accounts.disable(session, account, by=CONSOLE, now=desk.clock.now())

    wrong = desk.log_in("lin.xiaoman", "wrong password")
    unknown = desk.log_in("nobody.here", "wrong password")
    impossible = desk.log_in("no/such name", "wrong password")
    disabled = desk.log_in("zhou.ning", PASSWORD)

    assert wrong.status_code == 400
    assert wrong.json()["error"] == "invalid_grant"
    for other in (unknown, impossible, disabled):
        assert (other.status_code, other.json()) == (wrong.status_code, wrong.json())


def test_a_program_with_a_wrong_secret_is_an_invalid_client(desk: Desk, program):
    answer = ask(desk, grant_type="client_credentials", client_id=program[0], client_secret="wrong")

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_persons_password_opens_no_programs_door_and_the_other_way_round(desk: Desk, program):
    desk.person("lin.xiaoman", Role.OFFICER)
    client_id, secret = program

    as_program = ask(desk, grant_type="client_credentials", client_id="lin.xiaoman", client_secret=PASSWORD)
    as_person = ask(desk, grant_type="password", username=client_id, password=secret)

    assert (as_program.status_code, as_person.status_code) == (401, 400)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"grant_type": "password", "username": "lin"}, "invalid_request"),
        ({"grant_type": "password", "username": "lin", "password": "x" * 5_000}, "invalid_request"),
        ({"grant_type": "password", "username": "lin\0", "password": "\0"}, "invalid_grant"),
        ({"grant_type": "client_credentials"}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
    ],
)
def test_a_form_that_cannot_be_one_is_told_as_the_rfc_says(desk: Desk, form, error):
    answer = ask(desk, **form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("basic", ["", "!!!", "bm9jb2xvbg==", "//79"])
def test_basic_that_cannot_be_read_is_refused(desk: Desk, basic):
    answer = ask(desk, {"Authorization": f"Basic {basic}"}, grant_type="client_credentials")

    assert answer.status_code in {400, 401}


def test_a_form_over_the_limit_is_too_large(desk: Desk):
    assert ask(desk, grant_type="password", username="x" * 20_000).status_code == 413


def test_who_guesses_is_made_to_wait_whether_the_name_exists_or_not(desk: Desk):
    desk.person("lin.xiaoman", Role.OFFICER)
    answers = {}
    for name in ("lin.xiaoman", "nobody.here"):
        for _ in range(5):
            assert desk.log_in(name, "wrong password").status_code == 400
        answers[name] = desk.log_in(name, "wrong password")

    for answer in answers.values():
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "30"
        assert answer.json()["type"] == "/problems/throttled"
    assert desk.log_in("lin.xiaoman").status_code == 429, "the right password waits as well"

    desk.clock.advance(timedelta(seconds=30))
    assert desk.log_in("lin.xiaoman").status_code == 200


def test_no_name_that_was_tried_is_kept(desk: Desk):
    desk.log_in("my secret password typed into the wrong field", "x")

    with desk.database.read() as session:
        for row in session.scalars(select(Guessing)):
            assert "secret" not in row.subject


def test_an_unknown_name_takes_as_long_as_a_known_one(desk: Desk, monkeypatch):
    """Both compare a hash: measured in hashes, for a clock would measure the machine."""
    desk.person("lin.xiaoman", Role.OFFICER)
    compared: list[bool] = []
    hasher = type(desk.identity.passwords.hasher)
    verify = hasher.verify
    monkeypatch.setattr(hasher, "verify", lambda *given: (compared.append(True), verify(*given))[1])

    for name in ("lin.xiaoman", "nobody.here", "no/such name"):
        compared.clear()
        desk.log_in(name, "wrong password")
        assert compared == [True], name


def test_a_token_is_dead_as_soon_as_it_is_revoked(desk: Desk):
    desk.person("lin.xiaoman", Role.OFFICER)
    token, other = (desk.log_in("lin.xiaoman").json()["access_token"] for _ in range(2))

    answer = desk.client.post("/api/v1/oauth/revoke", data={"token": token, "token_type_hint": "access_token"})

    assert answer.status_code == 200
    assert me(desk, token).status_code == 401
    assert me(desk, other).status_code == 200
    assert desk.client.post("/api/v1/oauth/revoke", data={"token": token}).status_code == 200


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "\ud7ff", "x" * 7_000])
def test_revoking_what_is_no_token_of_ours_is_answered_alike(desk: Desk, token):
    assert desk.client.post("/api/v1/oauth/revoke", data={"token": token}).status_code == 200


def test_revoking_nothing_is_an_invalid_request(desk: Desk):
    answer = desk.client.post("/api/v1/oauth/revoke", data={})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_token_lives_a_quarter_of_an_hour(desk: Desk):
    headers = desk.as_role(Role.OFFICER)
    desk.clock.advance(timedelta(minutes=14, seconds=59))
    assert desk.client.get("/api/v1/me", headers=headers).status_code == 200

    desk.clock.advance(timedelta(seconds=1))
    assert desk.client.get("/api/v1/me", headers=headers).status_code == 401


def test_a_disabled_persons_token_is_dead_at_once(desk: Desk):
    admin = desk.as_role(Role.ADMINISTRATOR)
    person = desk.person("lin.xiaoman", Role.OFFICER)
    token = desk.log_in("lin.xiaoman").json()["access_token"]

    desk.client.post(f"/api/v1/users/{person.id}/disable", headers=admin)

    assert me(desk, token).status_code == 401
    desk.client.post(f"/api/v1/users/{person.id}/enable", headers=admin)
    assert me(desk, token).status_code == 401, "what ended does not come back"
    assert desk.log_in("lin.xiaoman").status_code == 200


def test_no_transaction_is_open_while_a_password_is_hashed(desk: Desk, monkeypatch):
    desk.person("lin.xiaoman", Role.OFFICER)
    hasher = type(desk.identity.passwords.hasher)
    verify = hasher.verify

    def verify_while_others_write(*given):
        started = time.monotonic()
        with desk.database.begin():
            pass
        assert time.monotonic() - started < 5
        return verify(*given)

    monkeypatch.setattr(hasher, "verify", verify_while_others_write)
    assert desk.log_in("lin.xiaoman").status_code == 200
