"""A bureau with a real node: processes that serve it and work for it, its people, and its command line."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import httpx
from typer.testing import CliRunner, Result

from ecolink.entrypoints.cli import app
from ecolink.storage import schema
from ecolink.storage.engine import connect
from tests.entrypoints.processes import ECOLINK, Process, Program, ecolink, free_port
from tests.support.hashing import hashing_cheaply
from tests.support.nursery import Nursed
from tests.support.town import BUREAUS, QINGYUAN, SHOUNING

Json = dict[str, Any]
Titles = dict[str, list[str]]
"""Titles of emergencies, by status: `actual` and `exercise`."""

PATIENCE_S = 60.0
OCCURRED_AT = datetime.now(UTC).isoformat(timespec="seconds")
"""One moment for all: who tries again with the same key must say the same."""
PASSWORD = "walk the ridge at dawn"
SLUGS = {SHOUNING: "shouning", QINGYUAN: "qingyuan"}
ROLES = ("liaison_officer", "approver", "administrator", "chief")


@dataclass
class Bureau:
    """One node's folder and addresses, and whatever process runs for it now."""

    unit_code: str
    config: Path
    database_url: str | None
    local_port: int = field(default_factory=free_port)
    federation_port: int = field(default_factory=free_port)
    federation_url: str = ""
    person: str = "wu"
    """Who calls the local API."""
    token: str = ""

    def found(self) -> None:
        """Make the node and one person who may do everything that these tests do."""
        name_zh, name_en, phone = BUREAUS[self.unit_code]
        if self.database_url is None:
            data = self.config.parent / "data"
            data.mkdir(mode=0o700, parents=True)
            (data / "ecolink.db").write_bytes(_empty_database())
        self.run(
            "init",
            *("--unit-code", self.unit_code, "--name-zh", name_zh, "--name-en", name_en, "--duty-phone", phone),
            *("--local-port", self.local_port, "--federation-port", self.federation_port),
            *("--allowed-network", "127.0.0.0/8", "--json"),
            *(("--federation-url", self.federation_url) if self.federation_url else ()),
            *(("--database-url", self.database_url) if self.database_url else ()),
        )
        password = self.config.parent / "password"
        password.touch(0o600)
        password.write_text(PASSWORD)
        roles = (option for role in ROLES for option in ("--role", role))
        self.run(
            "user", "add", "wu", "--name", "吴建国", *roles, "--password-file", password, "--no-must-change", "--json"
        )

    def run(self, *arguments: object) -> Result:
        """Run one `ecolink` command for this node, in this process."""
        with hashing_cheaply():
            result = CliRunner().invoke(app, [str(each) for each in ("--config", self.config, *arguments)])
        assert result.exit_code == 0, (arguments, result.output)
        return result

    @contextmanager
    def process(
        self,
        *command: str,
        program: Program = ECOLINK,
        start: Callable[..., subprocess.Popen[str] | Nursed] = Nursed,
        **environment: str,
    ) -> Iterator[Process]:
        """Run `ecolink command` for this node until the block ends."""
        ports = {"ECOLINK_LOCAL_PORT": str(self.local_port), "ECOLINK_FEDERATION_PORT": str(self.federation_port)}
        with ecolink(self.config, *command, program=program, start=start, **ports, **environment) as process:
            process.wait_for_line()
            yield process

    def call(self, method: str, path: str, body: Json | None = None, **headers: str) -> Any:
        """Call the local API as `person`."""
        if not self.token:
            form = {"grant_type": "password", "username": self.person, "password": PASSWORD}
            self.token = self._ask("POST", "/oauth/token", data=form)["access_token"]
        authorized = {"Authorization": f"Bearer {self.token}", **headers}
        return self._ask(method, path, json=body, headers=authorized)

    def seen_by(self, person: str) -> Self:
        """Return the same bureau, called by somebody else with the same password."""
        return replace(self, person=person, token="")

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        url = f"http://127.0.0.1:{self.local_port}/api/v1{path}"
        answer = httpx.request(method, url, timeout=20, trust_env=False, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def raise_emergency(self, title: str, to: str, *, key: str = "", status: str = "actual") -> str:
        """Raise a fire, or a drill; one that is real goes out at once. Return its id."""
        fire = {
            "status": status, "kind": "wildfire", "title": title, "description": "上党村后山松林起火。", "colour": "orange",
            "urgency": "Immediate", "severity": "Severe", "certainty": "Observed",
            "occurred_at": OCCURRED_AT, "hotline": "0593-0000001",
            "location": {
                "text": "上党村", "region_code": "350924", "datum": "CGCS2000",
                "geometry": {"type": "Point", "coordinates": [119.2189, 27.4394]},
            },
            "fire": {"area_ha": 0.8, "casualties": {"dead": 0, "injured": 0}, "cause": "农事用火", "open_flame": True,
                     "wind": {"direction": "SW", "force": 4}},
            "recipients": [to], "confirm": title,
        }  # fmt: skip
        headers = {"Idempotency-Key": key} if key else {}
        return str(self.call("POST", "/emergencies", fire, **headers)["id"])

    def emergencies(self, status: str = "actual") -> list[str]:
        """Return the titles of all emergencies this node knows, each as often as it stands in the list."""
        titles: list[str] = []
        path = f"/emergencies?status={status}&limit=50"
        while path:
            page = self.call("GET", path)
            titles += [item["display_title"].removeprefix("【演练】").strip() for item in page["items"]]
            path = f"/emergencies?status={status}&limit=50&cursor={page['next']}" if page.get("next") else ""
        return sorted(titles)

    def waiting(self) -> int:
        return sum(queue["waiting"] for queue in self.call("GET", "/queues")["items"])

    def faults(self) -> list[Json]:
        """Return what an operator would have to look at."""
        return [*self.call("GET", "/inbox/parked")["items"], *self.call("GET", "/alarms")["items"]]


@cache
def _empty_database() -> bytes:
    """Return an SQLite file with every table: migrations are most of what it costs to found a bureau."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        engine = connect(f"sqlite:///{file}")
        schema.upgrade(engine)
        engine.dispose()
        return file.read_bytes()


def introduce(one: Bureau, other: Bureau) -> None:
    """Exchange cards, compare fingerprints by phone, activate: both ways."""
    told = {}
    for bureau in (one, other):
        card = bureau.config.parent / "own.card"
        fingerprint = bureau.run("peer", "card", "--out", card).stderr.strip().splitlines()[-1].strip()
        told[bureau.unit_code] = (card, fingerprint)
    for host, guest in ((one, other), (other, one)):
        card, fingerprint = told[guest.unit_code]
        host.run("peer", "add", card)
        host.run("peer", "activate", guest.unit_code, "--fingerprint", fingerprint)


class Traffic:
    """Somebody who raises one emergency after another, real ones and drills, and tries each again until it is taken."""

    def __init__(self, sender: Bureau, to: str, count: int, name: str = "火情", every_s: float = 0.1) -> None:
        self.sender, self.to, self.count, self.name, self.every_s = sender, to, count, name, every_s
        self.sent = 0
        self.thread = threading.Thread(target=self._raise_all, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join(PATIENCE_S)

    def until(self, sent: int) -> None:
        wait_until(lambda: self.sent >= sent)

    @property
    def titles(self) -> Titles:
        """Return what was raised."""
        numbered = [(number, f"{self.name}{number}") for number in range(self.count)]
        return {
            status: sorted(title for n, title in numbered if _status(n) == status) for status in ("actual", "exercise")
        }

    def _raise_all(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        for number in range(self.count):
            title = f"{self.name}{number}"
            while time.monotonic() < deadline:
                with suppress(httpx.HTTPError):
                    self.sender.raise_emergency(
                        title, self.to, key=f"raised-{self.sender.unit_code}-{number}", status=_status(number)
                    )
                    self.sent += 1
                    break
                time.sleep(0.2)
            time.sleep(self.every_s)


def _status(number: int) -> str:
    return "exercise" if number % 3 == 2 else "actual"


def wait_until(look: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Return as soon as `look` is true; a node that does not answer yet is asked again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if look():
                return
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} seconds in vain")


def settled(bureaus: tuple[Bureau, Bureau], *raised: Titles) -> None:
    """Wait until both hold all that was raised, and hold them to exactly that."""
    for status in ("actual", "exercise"):
        expected = sorted(title for titles in raised for title in titles.get(status, []))
        for bureau in bureaus:
            wait_until(lambda: len(bureau.emergencies(status)) >= len(expected))  # noqa: B023 - asked at once
            assert bureau.emergencies(status) == expected
    wait_until(lambda: all(bureau.waiting() == 0 for bureau in bureaus))
    assert [bureau.faults() for bureau in bureaus] == [[], []]


def kill(process: Process) -> None:
    """Pull the plug."""
    os.killpg(process.running.pid, signal.SIGKILL)
    process.running.wait(10)
