"""How much is tried, and databases: a test that asks for one runs on SQLite and on PostgreSQL, on a fresh one each.

The schema is made once in a run, as a template that each test's database is copied from.
"""

import functools
import gc
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import Engine
from structlog.dev import plain_traceback

from ecolink.storage import schema
from ecolink.storage.engine import Database, connect
from tests.support.compiled import share_compiled
from tests.support.connections import hand_on_connections
from tests.support.databases import Lent, Pool
from tests.support.postgres import NoPostgresError, Server, find_server
from tests.support.town import QINGYUAN, SHOUNING, Town
from tests.support.unsynced import skip_syncing

# What every run tries is the same, so that a red run is never chance; `make fuzz` goes looking for what it misses.
settings.register_profile("suite", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("deep", max_examples=2_000, deadline=None, print_blob=True)

BACKENDS = ("sqlite", "postgresql")

_NUMBERS = count(1)
_TEMPLATE = f"ecolink_test_{os.getpid()}"


def pytest_configure(config: pytest.Config) -> None:
    """Spend the run on what is tested: what all tests have in common is made once, and looked through seldom."""
    settings.load_profile(config.getoption("--hypothesis-profile") or "suite")
    if "MUTANT_UNDER_TEST" in os.environ:
        _forget_computed()
    share_compiled()
    hand_on_connections()
    skip_syncing()
    gc.set_threshold(50_000)
    _keep_no_logger()
    # By itself structlog paints tracebacks, with every local: seconds of work for each fault that a test brings about.
    structlog.get_config()["processors"][-1].exception_formatter = plain_traceback


def _keep_no_logger() -> None:
    """Let no logger keep what one test set up, as in a node it does for good: the next could not listen to it."""
    configure = structlog.configure
    structlog.configure = lambda **options: configure(**options | {"cache_logger_on_first_use": False})


def _forget_computed() -> None:
    """Forget what functions computed before one of them was changed: each change is tried in a fork of a process."""
    ours = [module for name, module in sys.modules.items() if name.startswith("ecolink.")]
    for thing in [thing for module in ours for thing in vars(module).values()]:
        for each in vars(thing).values() if isinstance(thing, type) else (thing,):
            computed = getattr(each, "__func__", each)
            if isinstance(computed, functools._lru_cache_wrapper):
                computed.cache_clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that are given the most time: all processors would wait for one that began last."""
    items.sort(key=_time_given, reverse=True)


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later collection of garbage."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where a skipped test would hide a missing server (CI), count it as a failure."""
    report = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("ECOLINK_TEST_NO_SKIPS") and report is not None and report.stats.get("skipped"):
        report.write_line("Tests were skipped, and ECOLINK_TEST_NO_SKIPS is set: this run has failed.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that is marked `by_turns` on one of the two databases; its name decides on which, in every run."""
    definition = metafunc.definition
    narrowed = any("backend" in mark.args[0] for mark in definition.iter_markers("parametrize"))
    by_turns = definition.get_closest_marker("by_turns") and not os.environ.get("ECOLINK_TEST_BOTH")
    if "backend" in metafunc.fixturenames and by_turns and not narrowed:
        turn = BACKENDS[crc32(definition.name.encode()) % 2]
        definition.add_marker(pytest.mark.parametrize("backend", [turn], indirect=True))


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Let the log of a test be nobody else's: what a command set up would write to a stream that is closed by then."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if structlog.is_configured():
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on: on each. Narrow it with `parametrize("backend", ["sqlite"], indirect=True)`.

    Tests of rules and of whole stories, which ask little of a database that other tests do not ask of both, are marked
    `by_turns`: each of them runs on one, and half of them on PostgreSQL. With `ECOLINK_TEST_BOTH` in the environment
    they run on each as well.
    """
    return str(request.param)


@pytest.fixture
def new_database_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Make a fresh database, with every table and no row, and return its URL; as often as it is called."""
    made: list[Lent] = []

    def on_sqlite() -> str:
        path = tmp_path / f"node-{next(_NUMBERS)}.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"

    def on_postgresql() -> str:
        made.append(request.getfixturevalue("postgres_pool").lend())
        return made[-1].url

    yield on_sqlite if backend == "sqlite" else on_postgresql
    for lent in made:
        lent.give_back()


@pytest.fixture
def new_database(new_database_url: Callable[[], str]) -> Iterator[Callable[[], Database]]:
    """Make a fresh database; as often as it is called, for tests with several nodes."""
    made: list[Database] = []

    def make() -> Database:
        made.append(Database(connect(new_database_url())))
        return made[-1]

    yield make
    for database in made:
        database.dispose()


@pytest.fixture
def database_url(new_database_url: Callable[[], str]) -> str:
    """Return the URL of one fresh database, for a test that starts a process on it."""
    return new_database_url()


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """One fresh database."""
    return new_database()


@pytest.fixture
def town(tmp_path: Path, new_database_url: Callable[[], str]) -> Iterator[Town]:
    """Shouning and Qingyuan, who trust each other; see `tests.support.town`."""
    town = Town(tmp_path, new_database_url)
    for unit_code in (SHOUNING, QINGYUAN):
        town.add(unit_code)
    town.introduce(SHOUNING, QINGYUAN)
    yield town
    town.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the SQLite file that tests copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _create_schema(connect(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Server:
    """Return the PostgreSQL server of this test process; skip, loudly, where there is none."""
    try:
        return find_server()
    except NoPostgresError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: Server) -> Iterator[Pool]:
    """Return the pool that lends PostgreSQL databases."""
    postgres_server.execute(f"CREATE DATABASE {_TEMPLATE}")
    _create_schema(connect(postgres_server.database(_TEMPLATE)))
    pool = Pool(postgres_server, _TEMPLATE)
    yield pool
    pool.close()
    postgres_server.execute(f"DROP DATABASE {_TEMPLATE} WITH (FORCE)")


def _time_given(item: pytest.Item) -> float:
    """Return the seconds of the mark `timeout`; 0 for all that are content with the usual ones."""
    given = item.get_closest_marker("timeout")
    return float(given.args[0]) if given else 0.0


def _create_schema(engine: Engine) -> None:
    schema.upgrade(engine)
    engine.dispose()
