"""PostgreSQL's own programs: `pg_dump` and `pg_restore` know best what belongs to a database."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from ecolink.errors import InvalidError, SettingError, UnavailableError

SET_ASIDE = "replaced_"
"""How the schemas begin that a restore set aside; they are part of no backup."""

_READ_BYTES = 1 << 20
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)
_TABLES = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(%s)"


def dump(url: str, snapshot: str) -> Iterator[bytes]:
    """Yield the dump of a database as an exported snapshot shows it.

    Raises:
        SettingError: `pg_dump` is not installed.
        InvalidError: it failed.

    """
    command = [_program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    command += [f"--exclude-schema={SET_ASIDE}*", f"--dbname={_address(url)}"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(url)
    ) as running:
        assert running.stdout is not None  # noqa: S101 - both are pipes
        assert running.stderr is not None  # noqa: S101 - the same
        try:
            while piece := running.stdout.read(_READ_BYTES):
                yield piece
            said = running.stderr.read()
        finally:
            if running.poll() is None:
                running.terminate()
    if running.returncode != 0:
        raise _failed("pg_dump", said)


def refuse_unreadable(file: Path) -> None:
    """Return if `pg_restore` can read the dump's table of contents.

    Raises:
        SettingError: `pg_restore` is not installed.
        InvalidError: it cannot.

    """
    _run("pg_restore", ["--list", str(file)], None)


def load(url: str, file: Path) -> None:
    """Bring a dump into a database that holds nothing, whole or not at all.

    Raises:
        SettingError: `pg_restore` is not installed.
        InvalidError: it failed.

    """
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    _run("pg_restore", [*options, f"--dbname={_address(url)}", str(file)], url)


def other_connections(url: str) -> int:
    """Return how many connections others have to the database."""
    return _ask(url, _OTHERS)


def tables(url: str, schema: str = "public") -> int:
    """Return how many tables a schema of the database holds."""
    return _ask(url, _TABLES, schema)


def set_aside(url: str, name: str) -> None:
    """Give what the database holds another name, and begin with nothing."""
    with _connection(url) as connection:
        connection.execute(sql.SQL("ALTER SCHEMA public RENAME TO {}").format(sql.Identifier(name)))
        connection.execute("CREATE SCHEMA public")


def put_back(url: str, name: str) -> None:
    """Undo `set_aside`, and whatever was brought in since."""
    with _connection(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO public").format(sql.Identifier(name)))


def drop(url: str, name: str) -> None:
    """Drop a schema that was set aside and holds no table."""
    with _connection(url) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def empty(url: str) -> None:
    """Throw away what the database holds."""
    with _connection(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def _ask(url: str, query: str, *values: str) -> int:
    with _connection(url) as connection:
        row = connection.execute(query.encode(), values).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _connection(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(_address(url, with_password=True)) as connection:
            yield connection
    except psycopg.Error as fault:
        why = str(fault).strip().splitlines()[0]
        raise UnavailableError(
            f"The database {_address(url)} cannot be used: {why}", f"无法使用数据库 {_address(url)}：{why}"
        ) from fault


def _run(program: str, options: Sequence[str], url: str | None) -> None:
    environment = _environment(url) if url else None
    done = subprocess.run([_program(program), *options], capture_output=True, env=environment, check=False)  # noqa: S603 - our own
    if done.returncode != 0:
        raise _failed(program, done.stderr)


def _program(name: str) -> str:
    """Return where a program lies: on the path, or where Debian and Red Hat put those of each version."""
    found = shutil.which(name) or next((str(each / name) for each in _folders() if (each / name).is_file()), None)
    if found is None:
        raise SettingError(
            f"{name} is not installed: install PostgreSQL's client programs (Debian: apt-get install "
            "postgresql-client), of the server's version or newer.",
            f"未安装 {name}：请安装版本不低于服务器的 PostgreSQL 客户端（Debian：apt-get install postgresql-client）。",
        )
    return found


def _folders() -> list[Path]:
    return sorted(
        (*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")),
        key=lambda folder: [int(part) for part in folder.parent.name.split("-") if part.isdigit()],
        reverse=True,
    )


def _address(url: str, *, with_password: bool = False) -> str:
    """Return the address as PostgreSQL's library reads it; on a command line, which others see, without password."""
    parsed = make_url(url).set(drivername="postgresql")
    if not with_password:
        parsed = URL.create(
            "postgresql",
            username=parsed.username,
            host=parsed.host,
            port=parsed.port,
            database=parsed.database,
            query=parsed.query,
        )
    return parsed.render_as_string(hide_password=False)


def _environment(url: str) -> dict[str, str]:
    password = make_url(url).password
    return {**os.environ, **({"PGPASSWORD": password} if password else {})}


def _failed(program: str, said: bytes) -> InvalidError:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    why = lines[0] if lines else "it said nothing"
    return InvalidError(f"{program} failed: {why}", f"{program} 执行失败：{why}")
