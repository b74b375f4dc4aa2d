"""A login is a row, asked on every call."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from ecolink.errors import NotFoundError, UnauthenticatedError
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.roles import Role
from ecolink.identity.service import LOGINS_KEPT, Identity
from ecolink.identity.sessions import select_open
from ecolink.kit.vault import Vault
from ecolink.protocol.keys import SigningKey
from ecolink.storage.engine import Database
from tests.support.hashing import CHEAP
from tests.support.web import NOON, PASSWORD, SHOUNING, access_log


@pytest.fixture
def identity(database: Database) -> Identity:
    from ecolink.identity.passwords import Passwords

    return Identity.build(
        SigningKey.generate(),
        SHOUNING,
        access_log(database),
        Vault(SigningKey.generate().private),
        passwords=Passwords(CHEAP),
    )


@pytest.fixture
def token(database: Database, identity: Identity) -> str:
    with database.begin() as session:
        identity.accounts.add_user(
            session,
            username="lin.xiaoman",
            name="林小满",
            roles=[Role.OFFICER],
            password_hash=identity.passwords.hash(PASSWORD),
            by=CONSOLE,
            now=NOON,
            must_change_password=False,
        )
    return identity.logins.log_in(database, AccountKind.USER, "lin.xiaoman", PASSWORD, "10.20.3.4", NOON).issued.token


def authenticate(database: Database, identity: Identity, token: str, now=NOON):
    with database.read() as session:
        return identity.sessions.authenticate(session, token, now)


def test_a_call_costs_one_query(database, identity, token):
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    principal = authenticate(database, identity, token)

    assert principal.username == "lin.xiaoman"
    assert len([query for query in asked if query.startswith("SELECT")]) == 1


def test_the_row_decides_even_when_the_token_is_good(database, identity, token):
    principal = authenticate(database, identity, token)
    with database.begin() as session:
        identity.sessions.revoke(session, principal.session_id, principal, NOON)

    with pytest.raises(UnauthenticatedError):
        authenticate(database, identity, token)


def test_a_good_token_without_a_row_is_nobody(database, identity, token):
    with database.begin() as session:
        identity.tidy(session, NOON + LOGINS_KEPT)
    assert authenticate(database, identity, token)

    with database.begin() as session:
        identity.tidy(session, NOON + LOGINS_KEPT + timedelta(minutes=15))

    with pytest.raises(UnauthenticatedError):
        authenticate(database, identity, token)


def test_roles_are_those_of_this_moment(database, identity, token):
    with database.begin() as session:
        account = session.get_one(Account, authenticate(database, identity, token).id)
        account.roles = ["auditor"]

    assert authenticate(database, identity, token).roles == {Role.AUDITOR}


def test_a_disabled_account_is_nobody_even_if_its_row_was_missed(database, identity, token):
    with database.begin() as session:
        session.get_one(Account, authenticate(database, identity, token).id).disabled_at = NOON

    with pytest.raises(UnauthenticatedError):
        authenticate(database, identity, token)


def test_only_open_logins_are_listed(database, identity, token):
    with database.read() as session:
        assert len(session.scalars(select_open(NOON)).all()) == 1
        assert session.scalars(select_open(NOON + timedelta(minutes=15))).all() == []
        assert session.scalars(select_open(NOON, "somebody else")).all() == []


def test_revoking_a_login_that_is_not_there_is_told(database, identity):
    with database.begin() as session, pytest.raises(NotFoundError):
        identity.sessions.revoke(session, "nothing", CONSOLE, NOON)


def test_a_first_revocation_is_not_rewritten_by_a_second(database, identity, token):
    principal = authenticate(database, identity, token)
    with database.begin() as session:
        identity.sessions.revoke(session, principal.session_id, principal, NOON)
    with database.begin() as session:
        login = identity.sessions.revoke(session, principal.session_id, CONSOLE, NOON + timedelta(minutes=1))

        assert (login.revoked_at, login.revoked_by) == (NOON, "lin.xiaoman")
