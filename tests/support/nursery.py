"""Node processes that begin with everything imported: imports are most of what a start costs.

A nursery imports ecolink once and forks whenever it is asked to. What it forks has a pid, session, files, sockets, exit
code and death of its own, as any process; only the imports are shared. `tests/entrypoints` starts the same commands
from nothing.
"""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

_NUMBER = struct.Struct("!q")


class Nursed:
    """A process that a nursery forked, with what `subprocess.Popen` has for a process in a session of its own."""

    def __init__(
        self,
        command: Sequence[object],
        *,
        env: Mapping[str, str],
        stdout: IO[Any] | None = None,
        stderr: IO[Any] | None = None,
    ) -> None:
        """Start `ecolink`, or the Python script after an interpreter; without files to write to, it writes to pipes."""
        out, self.stdout = _written_to(stdout)
        err, self.stderr = _written_to(stderr)
        job = {"command": [str(part) for part in command], "cwd": str(Path.cwd()), "environment": dict(env)}
        self._line, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(_nursery(), [b"+"], [theirs.fileno(), out, err])
        for file, given in ((out, stdout), (err, stderr)):
            if given is None:
                os.close(file)
        said = json.dumps(job).encode()
        self._line.sendall(_NUMBER.pack(len(said)) + said)
        self.args = str(job["command"])
        self.pid = self._hear()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended, as `Popen` gives it: a signal is its number, negative."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = self._hear()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _hear(self) -> int:
        (number,) = _NUMBER.unpack(self._line.recv(_NUMBER.size, socket.MSG_WAITALL))
        return int(number)


def _written_to(given: IO[Any] | None) -> tuple[int, TextIOWrapper | None]:
    if given is not None:
        return given.fileno(), None
    reads, writes = os.pipe()
    return writes, open(reads, encoding="utf-8")  # noqa: PTH123 - a pipe; whoever started it closes it


@cache
def _nursery() -> socket.socket:
    """Start the nursery of this test process; it ends with it, because then nobody is on the line."""
    ours, theirs = socket.socketpair()
    with theirs:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ECOLINK_")}
        root = Path(__file__).parents[2]
        nursery = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(theirs.fileno())],
            cwd=root,
            env={**environment, "PYTHONWARNINGS": "error"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    @atexit.register
    def end() -> None:
        ours.close()
        nursery.wait()

    return ours


def _next_job(door: socket.socket) -> list[str]:
    """Fork for everyone who asks. Return their command, in the forked process only; the nursery itself never returns."""
    while True:
        asked, files, _flags, _address = socket.recv_fds(door, 1, 3)
        if not asked:
            raise SystemExit
        line = socket.socket(fileno=files[0])
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            door.close()
            if _is_the_forked(line):
                return _take_up(line, files[1:])
        line.close()
        for file in files[1:]:
            os.close(file)


def _is_the_forked(line: socket.socket) -> bool:
    """Fork the process that is wanted; stay behind to tell its pid and its end."""
    pid = os.fork()
    if pid == 0:
        return True
    line.sendall(_NUMBER.pack(pid))
    _pid, status = os.waitpid(pid, 0)
    line.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _take_up(line: socket.socket, files: list[int]) -> list[str]:
    (length,) = _NUMBER.unpack(line.recv(_NUMBER.size, socket.MSG_WAITALL))
    job = json.loads(line.recv(length, socket.MSG_WAITALL))
    line.close()
    os.setsid()
    for file, number in zip(files, (1, 2), strict=True):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["cwd"])
    return list(job["command"])


def _run(command: list[str]) -> None:
    script = command[1:] if command[0] == sys.executable else None
    sys.argv = script or command
    if script:
        runpy.run_path(script[0], run_name="__main__")
    else:
        import_module("ecolink.entrypoints.cli").main()


def _import_all() -> None:
    package = import_module("ecolink")
    for module in pkgutil.walk_packages(package.__path__, "ecolink."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        wanted = _next_job(asking)
    _run(wanted)
