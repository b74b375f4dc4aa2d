"""Real `ecolink` processes on free ports of this machine."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from queue import Empty, Queue

import psutil

from tests.support.nursery import Nursed

Program = Sequence[str | Path]
ECOLINK: Program = (Path(sys.executable).with_name("ecolink"),)

START_S = 60.0
STOP_S = 45.0


_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = cycle(range(10_000 + 2_000 * (_WORKER % 11), 12_000 + 2_000 * (_WORKER % 11)))
"""Below those that the system gives to connections, some for each process of a test run: nobody else takes one between
the moment at which it is found free and the moment at which a node listens there."""


def free_port() -> int:
    """Return a port on which nobody listens; another one each time, until all were returned."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@dataclass
class Process:
    """One running command; `lines` are what it printed."""

    running: subprocess.Popen[str] | Nursed
    local_port: int
    federation_port: int
    lines: Queue[str] = field(default_factory=Queue)

    def wait_for_line(self) -> str:
        try:
            return self.lines.get(timeout=START_S)
        except Empty:
            raise AssertionError(f"the process said nothing: {self.stop()}") from None

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Signal it, and return its exit code and what it wrote to standard error."""
        if self.running.poll() is None:
            self.running.send_signal(number)
        code = self.running.wait(STOP_S)
        assert self.running.stderr is not None
        return code, self.running.stderr.read()


def start(command: Sequence[object], env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a process from nothing."""
    return subprocess.Popen(
        [str(part) for part in command],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def ecolink(
    config: Path,
    *command: str,
    program: Program = ECOLINK,
    start: Callable[..., subprocess.Popen[str] | Nursed] = start,
    **environment: str,
) -> Iterator[Process]:
    """Run `ecolink --config config command`, on free ports, until the block ends."""
    local, federation = free_port(), free_port()
    running = start(
        [*program, "--config", config, *command],
        env={
            **os.environ,
            "ECOLINK_LOCAL_PORT": str(local),
            "ECOLINK_FEDERATION_PORT": str(federation),
            "PYTHONWARNINGS": "error",
            **environment,
        },
    )
    process = Process(running, local, federation)
    reader = threading.Thread(target=_read, args=(running, process.lines), daemon=True)
    reader.start()
    try:
        yield process
    finally:
        if running.poll() is None:
            running.terminate()
            try:
                running.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
        reader.join()
        for pipe in (running.stdout, running.stderr):
            if pipe is not None:
                pipe.close()


def _read(running: subprocess.Popen[str] | Nursed, lines: Queue[str]) -> None:
    assert running.stdout is not None
    for line in running.stdout:
        lines.put(line.rstrip("\n"))


def children(pid: int) -> list[int]:
    """Return the processes that serve for `pid`, of those that share its listening sockets."""
    return [child.pid for child in psutil.Process(pid).children() if _serves(child)]


def _serves(process: psutil.Process) -> bool:
    """Tell whether it does; one that was killed may end, and be reaped, while it is looked at."""
    with suppress(psutil.NoSuchProcess):
        return "spawn_main" in " ".join(process.cmdline())
    return False


def status_of(port: int, path: str) -> int:
    """Return the status of a GET; 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
