"""A person at the console of an in-process node: what a browser would send, without a browser."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from ecolink.entrypoints.applications import local_app
from ecolink.entrypoints.wiring import Node
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.roles import Role
from ecolink.identity.sessions import IDLE

PASSWORD = "walk the ridge at dawn"
BROWSER = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "User-Agent": "Mozilla/5.0 (X11) Chrome/140"}


@dataclass
class Visitor:
    """Somebody with a browser; the cookies are kept, as a browser does."""

    client: TestClient
    csrf: str = ""

    def get(self, path: str, **more: str) -> Response:
        """Look at a page."""
        answer = self.client.get(path, headers=BROWSER | more, follow_redirects=False)
        found = re.search(r'name="csrf-token" content="([0-9a-f]*)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer

    def post(self, path: str, form: dict[str, str | list[str]] | None = None, **more: str) -> Response:
        """Send a form of the page that was looked at last."""
        data = {"csrf": self.csrf, **(form or {})}
        return self.client.post(path, data=data, headers=BROWSER | more, follow_redirects=False)

    def send(self, path: str, form: dict[str, str | list[str]] | None = None) -> Response:
        """Send a form as the page's script does, which asks for a problem document where something is wrong."""
        return self.post(path, form, **{"HX-Request": "true"})


@dataclass
class Reception:
    """The console of one node, and its people."""

    node: Node
    _visitors: dict[str, tuple[Visitor, datetime]] = field(default_factory=dict)

    @cached_property
    def app(self) -> FastAPI:
        """What the node serves its own people: put together once, for that takes a second."""
        return local_app(self.node)

    def visitor(self) -> Visitor:
        """Return somebody whom nobody knows yet."""
        return Visitor(TestClient(self.app, client=("10.20.3.4", 50000)))

    def person(self, username: str, *roles: Role, must_change_password: bool = False) -> None:
        """Give a person an account."""
        with self.node.database.begin() as session:
            self.node.identity.accounts.add_user(
                session,
                username=username,
                name=username.title(),
                roles=roles,
                password_hash=self.node.identity.passwords.hash(PASSWORD),
                by=CONSOLE,
                now=self.node.clock.now(),
                must_change_password=must_change_password,
            )

    def signed_in(self, *roles: Role) -> Visitor:
        """Return a person with exactly these roles at a console that shows Today; the same person each time.

        A login that is not used ends: ask again after the clock was moved, and they have signed in anew if need be.
        """
        username, now = "-".join(roles), self.node.clock.now()
        visitor, since = self._visitors.get(username, (None, now))
        if visitor is None or now - since >= IDLE:
            if visitor is None:
                self.person(username, *roles)
            visitor = self.visitor()
            answer = visitor.post("/sign-in", {"/username": username, "/password": PASSWORD})
            assert answer.status_code == 303, answer.text
            visitor.get("/")
            self._visitors[username] = visitor, now
        return visitor

    def send(self) -> None:
        """Let the worker send what waits for our own people."""
        while self.node.post_office.sending.step(self.node.clock.now):
            pass
