"""Two real nodes on this machine that know each other: an author, whose hand the benchmark moves, and a receiver."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks import receiving
from benchmarks.receiving import _ecolink, _run, free_port
from ecolink.configuration import load
from ecolink.entrypoints.wiring import Node, build_node
from ecolink.federation.transport import Transport
from ecolink.kit.clock import SystemClock

AUTHOR, RECEIVER = "350924000000", "331126000000"
NAMES = {AUTHOR: ("寿宁", "Shouning"), RECEIVER: ("庆元", "Qingyuan")}


@dataclass(frozen=True)
class House:
    """One node's folder and addresses."""

    unit_code: str
    folder: Path
    database_url: str | None = None
    local: int = field(default_factory=free_port)
    federation: int = field(default_factory=free_port)

    def found(self) -> None:
        """Make the node, as a person would."""
        self.folder.mkdir(parents=True)
        (self.folder / "password").write_text("a long enough password")
        name_zh, name_en = NAMES[self.unit_code]
        command = [*_ecolink(self.folder), "init", "--unit-code", self.unit_code, "--name-zh", name_zh]
        command += ["--name-en", name_en, "--duty-phone", "0578-0000002", "--data-dir", f"{self.folder}/data"]
        command += ["--local-port", str(self.local), "--federation-port", str(self.federation)]
        command += ["--allowed-network", "127.0.0.0/8", "--admin-password-file", f"{self.folder}/password"]
        command += ["--database-url", self.database_url] if self.database_url else []
        _run(command)

    @property
    def disk_bytes(self) -> int:
        """What its data take on the disk."""
        return sum(file.stat().st_size for file in (self.folder / "data").rglob("*") if file.is_file())

    @contextmanager
    def opened(self, transport: Transport | None = None) -> Iterator[Node]:
        """Open the node in this process, to prepare or to look at what it holds."""
        node = build_node(load(self.folder / "ecolink.toml"), SystemClock(), transport=transport)
        node.open()
        try:
            yield node
        finally:
            node.close()


def introduce(one: House, other: House) -> None:
    """Let each know and trust the other."""
    for host, guest in ((one, other), (other, one)):
        with host.opened() as node, guest.opened() as known:
            now = node.clock.now()
            with node.database.begin() as session:
                peer = node.peers.import_card(session, known.card(now), by="benchmark", now=now)
                node.peers.activate(session, guest.unit_code, read_out=peer.fingerprint, by="benchmark", now=now)


class Watched:
    """What a node's processes use while the block lasts: memory at its highest, all and a child's; processor time."""

    def __init__(self, *pids: int) -> None:
        self.pids = pids
        self.began_mb = self.most_mb = self.child_mb = 0.0
        self.cpu_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self.began_mb = self.most_mb = memory_mb(*self.pids)
        self.cpu_s = -cpu_seconds(*self.pids)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.cpu_s += cpu_seconds(*self.pids)

    @property
    def grown_mb(self) -> float:
        """By how much its memory grew at most."""
        return self.most_mb - self.began_mb

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            self.most_mb = max(self.most_mb, memory_mb(*self.pids))
            children = [child for pid in self.pids for child in _family(pid)[1:]]
            self.child_mb = max([self.child_mb, *(each.memory_info().rss / 2**20 for each in children)])


def memory_mb(*pids: int) -> float:
    """Return the resident memory of processes and their children."""
    return float(sum(each.memory_info().rss for pid in pids for each in _family(pid)) / 2**20)


def cpu_seconds(*pids: int) -> float:
    """Return the processor time that processes and their children took so far."""
    times = [each.cpu_times() for pid in pids for each in _family(pid)]
    return float(sum(each.user + each.system for each in times))


def _family(pid: int) -> list[psutil.Process]:
    head = psutil.Process(pid)
    return [head, *head.children(recursive=True)]


@contextmanager
def serving(house: House) -> Iterator[int]:
    """Run a node as `ecolink serve` while the block lasts; return its process."""
    server = receiving.serving([*_ecolink(house.folder), "serve"], house.federation)
    with server:
        yield server._process.pid  # noqa: SLF001


class Author:
    """The author's node, a process of its own, which leaves the work to others if it has no worker; see `author.py`."""

    def __init__(self, house: House, *, worker: bool = True) -> None:
        command = [sys.executable, "-m", "benchmarks.author", str(house.folder / "ecolink.toml")]
        command += [] if worker else ["--no-worker"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._heard()  # it serves

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, **order: Any) -> dict[str, Any]:
        """Give an order and return what came of it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                said: dict[str, Any] = json.loads(line)
                return said
        raise SystemExit("the author's node ended")


def wait_for_quiet(seconds: float = 6.0) -> None:
    """Let what a node does only at its start be over: it is not what is measured."""
    time.sleep(seconds)
