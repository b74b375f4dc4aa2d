"""Bureaus whose operators make backups and ask the doctor: real nodes in folders of their own, on both databases."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier

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

    def make() -> str | None:
        if backend == "sqlite":
            return None
        server: Server = request.getfixturevalue("postgres_server")
        made.append(f"operations_{os.getpid()}_{next(_NUMBERS)}")
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(made[-1])))
        return server.database(made[-1])

    yield make
    for name in made:
        server = request.getfixturevalue("postgres_server")
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def bureaus(tmp_path: Path, new_url: Callable[[], str | None]) -> tuple[Bureau, Bureau]:
    """Shouning and Qingyuan, who trust each other; nothing runs yet."""
    both = tuple(
        Bureau(unit_code, tmp_path / unit_code / "ecolink.toml", new_url()) for unit_code in (SHOUNING, QINGYUAN)
    )
    for bureau in both:
        bureau.found()
    introduce(*both)
    return both


@pytest.fixture
def shouning(tmp_path: Path, new_url: Callable[[], str | None]) -> Operator:
    """Shouning alone, its node freshly made, at the hands of its operator."""
    bureau = Bureau(SHOUNING, tmp_path / SHOUNING / "ecolink.toml", new_url())
    bureau.found()
    return Operator(bureau)
