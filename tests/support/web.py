"""The local API in one process, on a fresh database, with a person for every role."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import APIRouter, FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from ecolink.audit.access import AccessLog
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.models import Account
from ecolink.identity.passwords import Passwords
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.identity.service import Identity
from ecolink.identity.throttle import ThrottlePolicy
from ecolink.kit.buckets import Buckets
from ecolink.kit.clock import HandClock
from ecolink.kit.vault import Vault
from ecolink.protocol.keys import SigningKey
from ecolink.storage.engine import Database
from ecolink.surface.door import Door
from ecolink.web.local_api import build_local
from tests.support.hashing import CHEAP

SHOUNING = "350924000000"
PASSWORD = "walk the ridge at dawn"
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)

ANY_PACE = 1_000_000
"""Calls that a test may make at once: its clock stands still."""


def access_log(database: Database) -> AccessLog:
    """Return an access log that writes its chain and appends no leaves; hooked into `database`."""
    log = AccessLog(append_leaf=lambda *_: None)
    database.before_commit(log.flush)
    return log


@dataclass
class Desk:
    """The local API and the people of one bureau."""

    database: Database
    clock: HandClock
    identity: Identity
    app: FastAPI
    client: TestClient
    _tokens: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def open(
        cls,
        database: Database,
        rooms: Sequence[APIRouter] = (),
        *,
        log: AccessLog | None = None,
        policy: ThrottlePolicy | None = None,
        calls: Buckets | None = None,
        enrolling: Sequence[Role] = (),
        now: datetime = NOON,
    ) -> Iterator["Desk"]:
        """Serve `rooms` (routers, without /api/v1) on `database`.

        Pass `log` where your service writes the access log too: it must be hooked into the database once.
        """
        clock = HandClock(now)
        passwords = Passwords(CHEAP)
        log = log or access_log(database)
        identity = Identity.build(
            SigningKey.generate(),
            SHOUNING,
            log,
            Vault(SigningKey.generate().private),
            passwords=passwords,
            policy=policy,
            enrolling=enrolling,
        )
        calls = calls or Buckets(ANY_PACE, ANY_PACE)
        app = build_local(Door(database, clock, identity.sessions.authenticate, calls), identity, rooms)
        with TestClient(app, base_url="http://testserver", client=("10.20.3.4", 50000)) as client:
            yield cls(database, clock, identity, app, client)

    def person(self, username: str, *roles: Role, must_change_password: bool = False) -> Account:
        """Give a person an account with the password `PASSWORD`."""
        with self.database.begin() as session:
            return self.identity.accounts.add_user(
                session,
                username=username,
                name=username.title(),
                roles=roles,
                password_hash=self.identity.passwords.hash(PASSWORD),
                by=CONSOLE,
                now=self.clock.now(),
                must_change_password=must_change_password,
            )

    def log_in(self, username: str, password: str = PASSWORD) -> Response:
        """Ask for a token with a person's name and password."""
        form = {"grant_type": "password", "username": username, "password": password}
        return self.client.post("/api/v1/oauth/token", data=form)

    def as_role(self, *roles: Role) -> dict[str, str]:
        """Return the headers of a person with exactly these roles; the same person each time."""
        username = "-".join(role.value for role in roles) or "nobody"
        if username not in self._tokens:
            self.person(username, *roles)
            answer = self.log_in(username)
            assert answer.status_code == 200, answer.text
            self._tokens[username] = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self._tokens[username]}"}

    def principal(self, *roles: Role) -> Principal:
        """Return the same person as a caller, for services called directly."""
        token = self.as_role(*roles)["Authorization"].removeprefix("Bearer ")
        with self.database.read() as session:
            return self.identity.sessions.authenticate(session, token, self.clock.now())
