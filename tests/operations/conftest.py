"""Bureaus whose operators make backups and ask the doctor: real nodes in folders of their own, on both databases."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import make_url

from tests.operations.operator import Operator
from tests.processes.bureau import Bureau, introduce
from tests.support.postgres import Server
from tests.support.town import QINGYUAN, SHOUNING

_NUMBERS = count(1)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ECOLINK_") and not name.startswith("ECOLINK_TEST")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def new_url(backend: str, request: pytest.FixtureRequest) -> Iterator[Callable[[], str | None]]:
    """Make an empty database, to which nobody is connected, and return its URL; None is SQLite in the node's folder."""
    made: list[str] = []

    def make(template: str = "template1") -> str | None:
        if backend == "sqlite":
            return None
        server: Server = request.getfixturevalue("postgres_server")
        made.append(f"operations_{os.getpid()}_{next(_NUMBERS)}")
        server.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(made[-1]), Identifier(template)))
        return server.database(made[-1])

    yield make
    for name in made:
        server = request.getfixturevalue("postgres_server")
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def first_founded(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str, str], Bureau]]:
    """Found a bureau when it is first asked for on that kind of database; nothing ever runs on it."""

    made: list[tuple[Server, str]] = []

    @cache
    def founded(unit_code: str, backend: str) -> Bureau:
        url = None
        if backend == "postgresql":
            server: Server = request.getfixturevalue("postgres_server")
            name = f"founded_{os.getpid()}_{unit_code}"
            server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            made.append((server, name))
            url = server.database(name)
        bureau = Bureau(unit_code, tmp_path_factory.mktemp("founded") / "ecolink.toml", url)
        bureau.found()
        return bureau

    yield founded
    for server, name in made:
        server.execute(SQL("DROP DATABASE {}").format(Identifier(name)))


@pytest.fixture
def found(
    first_founded: Callable[[str, str], Bureau], backend: str, new_url: Callable[..., str | None], tmp_path: Path
) -> Callable[[str], Bureau]:
    """Found a bureau: a copy of one, with a database and with addresses of its own."""

    def copy(unit_code: str) -> Bureau:
        first = first_founded(unit_code, backend)
        template = make_url(first.database_url).database if first.database_url else None
        url = new_url(str(template)) if template else None
        bureau = Bureau(unit_code, tmp_path / unit_code / "ecolink.toml", url)
        shutil.copytree(first.config.parent, bureau.config.parent)
        text = bureau.config.read_text("utf-8")
        for old, new in (
            (first.local_port, bureau.local_port),
            (first.federation_port, bureau.federation_port),
            (first.database_url, bureau.database_url),
        ):
            text = text.replace(str(old), str(new)) if old else text
        bureau.config.write_text(text, "utf-8")
        return bureau

    return copy


@pytest.fixture
def bureaus(found: Callable[[str], Bureau]) -> tuple[Bureau, Bureau]:
    """Shouning and Qingyuan, who trust each other; nothing runs yet."""
    both = (found(SHOUNING), found(QINGYUAN))
    introduce(*both)
    return both


@pytest.fixture
def shouning(found: Callable[[str], Bureau]) -> Operator:
    """Shouning alone, its node freshly made, at the hands of its operator."""
    return Operator(found(SHOUNING))
