"""The nodes as processes: made by `ecolink init`, run by `demo/node.py`, gone without a trace at the end."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import httpx

from ecolink.entrypoints.demo.cast import ADMINISTRATOR, Bureau
from ecolink.entrypoints.demo.clock import PlayClock

READY_WITHIN_S = 60.0
END_WITHIN_S = 15.0


class DemoFailed(Exception):
    """Something did not happen as the story says."""


@dataclass
class House:
    """One bureau's node and where it lives."""

    bureau: Bureau
    folder: Path
    clock: PlayClock
    local_port: int
    federation_port: int
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where the bureau's own people reach the node."""
        return f"http://127.0.0.1:{self.local_port}"

    def make(self) -> None:
        """Make the node: settings, keys, database, administrator."""
        self.folder.mkdir(parents=True)
        password_file = self.folder / "administrator-password"
        password_file.touch(0o600)
        password_file.write_text(self.password, "utf-8")
        self.run(
            "init",
            *("--unit-code", self.bureau.unit_code, "--name-zh", self.bureau.name_zh, "--name-en", self.bureau.name_en),
            *("--duty-phone", self.bureau.duty_phone, "--data-dir", str(self.folder / "data")),
            *("--local-port", str(self.local_port), "--federation-port", str(self.federation_port)),
            *("--allowed-network", "127.0.0.0/8", "--admin", ADMINISTRATOR),
            *("--admin-password-file", str(password_file), "--json"),
        )
        border = self.folder / "border.geojson"
        border.write_bytes(files("ecolink").joinpath("data/border-schematic.geojson").read_bytes())
        with (self.folder / "ecolink.toml").open("a", encoding="utf-8") as settings:
            settings.write(f"\nborder_file = {json.dumps(str(border))}\n")

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one `ecolink` command as this bureau's operator.

        Raises:
            DemoFailed: it refused, and `check` was asked for.

        """
        command = [sys.executable, "-m", "ecolink", "--config", str(self.folder / "ecolink.toml"), *arguments]
        done = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, env=_environment(), timeout=120, check=False, cwd=self.folder
        )
        if check and done.returncode != 0:
            msg = (
                f"{self.bureau.short}: ecolink {' '.join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()}"
            )
            raise DemoFailed(msg)
        return done

    def tell(self, *arguments: str) -> dict[str, object]:
        """Run a command that prints JSON and return it."""
        told: dict[str, object] = json.loads(self.run(*arguments, "--json").stdout)
        return told

    def start(self) -> None:
        """Start the node; `wait_until_ready` tells when it serves."""
        log = (self.folder / "node.log").open("ab")
        node = ("ecolink.entrypoints.demo.node", str(self.folder / "ecolink.toml"), str(self.clock.file))
        command = [sys.executable, "-m", *node]
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=_environment(), cwd=self.folder
        )
        log.close()

    def wait_until_ready(self) -> None:
        """Return when the node answers.

        Raises:
            DemoFailed: it ended, or did not answer in time.

        """
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                msg = f"{self.bureau.short}'s node ended at start:\n{self.log()[-2000:]}"
                raise DemoFailed(msg)
            try:
                if httpx.get(f"{self.address}/readyz", timeout=2, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        msg = f"{self.bureau.short}'s node did not answer within {READY_WITHIN_S:.0f} seconds"
        raise DemoFailed(msg)

    def stop(self) -> None:
        """End the node; kill it if it does not end by itself."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log(self) -> str:
        """Return what the node wrote."""
        return (self.folder / "node.log").read_text("utf-8", "replace")


def build(bureaus: list[Bureau], folder: Path, clock: PlayClock) -> list[House]:
    """Return a house for each bureau, with free ports, nothing started yet."""
    ports = iter(_free_ports(2 * len(bureaus)))
    return [House(bureau, folder / bureau.slug, clock, next(ports), next(ports)) for bureau in bureaus]


def _free_ports(count: int) -> list[int]:
    """Return ports nobody listens on now; all are held at once, so that none comes twice."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def _environment() -> dict[str, str]:
    """Return our environment without settings of another node."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ECOLINK_")}
