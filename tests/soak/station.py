"""A bureau in the soak: a real node that can be killed, restarted and given a wrong clock, and its two people."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.entrypoints.processes import ECOLINK, Program, free_port
from tests.processes.bureau import PASSWORD, Bureau, introduce
from tests.soak.plan import UNIT_CODES
from tests.soak.proxy import Proxy, Weather
from tests.support.nursery import Nursed

OFFICER, CHIEF = "wu", "chen"
"""Two people: nobody approves what they wrote themselves."""

STARTS_WITHIN_S = STOPS_WITHIN_S = 240.0
"""Long, for a machine with a whole suite on it."""

_SKEWED = Path(__file__).with_name("skewed.py")


@dataclass
class Station:
    """One node with its folder, its log and the line that leads to it."""

    bureau: Bureau
    proxy: Proxy
    starts: int = 0
    running: Nursed | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    _logging_in: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def make(cls, folder: Path, unit_code: str, weather: Weather, database_url: str | None = None) -> "Station":
        """Found the bureau: settings, keys, database, people."""
        bureau = Bureau(unit_code, folder / unit_code / "ecolink.toml", database_url)
        proxy = Proxy(bureau.federation_port, weather, port=free_port())
        bureau.federation_url = proxy.url
        bureau.found()
        password = bureau.config.parent / "password"
        who = ("chen", "--name", "陈远山", "--role", "chief", "--password-file", password)
        bureau.run("user", "add", *who, "--no-must-change", "--json")
        return cls(bureau, proxy)

    @property
    def unit_code(self) -> str:
        return self.bureau.unit_code

    @property
    def folder(self) -> Path:
        return self.bureau.config.parent

    @property
    def log(self) -> Path:
        return self.folder / "node.log"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.bureau.local_port}/api/v1"

    def start(self, *, wrong_by_s: float = 0.0) -> None:
        """Start the node and wait until it answers; with a wrong clock only when asked to."""
        program: Program = (sys.executable, _SKEWED, str(wrong_by_s)) if wrong_by_s else ECOLINK
        ports = {"LOCAL_PORT": self.bureau.local_port, "FEDERATION_PORT": self.bureau.federation_port}
        settings = {**{name: str(port) for name, port in ports.items()}, "LOG_FORMAT": "json"}
        with self.log.open("ab") as log:
            self.running = Nursed(
                [*program, "--config", self.bureau.config, "serve"],
                env={**os.environ, **{f"ECOLINK_{name}": value for name, value in settings.items()}},
                stdout=log,
                stderr=log,
            )
        self.starts += 1
        self._wait_until_ready()

    def kill(self) -> None:
        """Pull the plug."""
        assert self.running is not None
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait(10)
        self.running = None

    def stop(self) -> None:
        """End the node as an operator does; one that does not end by itself is killed, and that is told."""
        if self.running is None:
            return
        self.running.terminate()
        try:
            self.running.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.running = None

    def log_in(self, person: str, client: httpx.Client, *, instead_of: str | None = None) -> str:
        """Return the person's access token; a new one where nobody got one since `instead_of` was refused."""
        with self._logging_in:
            if self.tokens.get(person) == instead_of:
                form = {"grant_type": "password", "username": person, "password": PASSWORD}
                answer = client.post(f"{self.api}/oauth/token", data=form)
                answer.raise_for_status()
                self.tokens[person] = answer.json()["access_token"]
            return self.tokens[person]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            if self.running is None or self.running.poll() is not None:
                break
            try:
                if httpx.get(f"{self.api.removesuffix('/api/v1')}/readyz", timeout=2, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        msg = f"the node {self.unit_code} does not start; see {self.log}"
        raise RuntimeError(msg)


def found_all(folder: Path, weathers: Mapping[str, Weather], database_urls: Mapping[str, str]) -> dict[str, Station]:
    """Found every bureau and introduce each to each; nothing runs yet."""
    stations = {code: Station.make(folder, code, weathers[code], database_urls.get(code)) for code in UNIT_CODES}
    introduced = list(stations.values())
    for place, station in enumerate(introduced):
        for other in introduced[:place]:
            introduce(other.bureau, station.bureau)
    return stations
