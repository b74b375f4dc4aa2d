"""Batches that come in together share one commit, and none of them suffers for another."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from ecolink.errors import UnavailableError
from ecolink.storage import groups
from ecolink.storage.engine import Database
from ecolink.storage.groups import GroupCommit

PATIENCE_S = 30


class Ledger:
    """Writes numbers; the first group waits until it is let go, so that others gather behind it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.groups: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        with database.begin() as session:
            session.execute(text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))

    def write(self, session: Session, numbers: Sequence[int]) -> list[str]:
        self.groups.append(list(numbers))
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        for n in numbers:
            if n < 0:
                msg = f"{n} is no number for the ledger"
                raise ValueError(msg)
            session.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": n})
        return [f"kept {n}" for n in numbers]

    def kept(self) -> list[int]:
        with self.database.read() as session:
            return list(session.execute(text("SELECT n FROM numbers ORDER BY n")).scalars())


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def _waiting(commits: GroupCommit[int, str]) -> int:
    return len(commits._waiting)


def _gather(ledger: Ledger, commits: GroupCommit[int, str], numbers: Sequence[int]):
    """Let the first number's commit hold the others up until all wait; return what each was told."""
    everybody_waits = threading.Event()
    with ThreadPoolExecutor(len(numbers)) as threads:
        told = [threads.submit(commits.write, numbers[0])]
        assert ledger.begun.wait(PATIENCE_S)
        for place, n in enumerate(numbers[1:], 1):
            told.append(threads.submit(commits.write, n))
            while _waiting(commits) < place:
                everybody_waits.wait(0.001)
        ledger.go_on.set()
        return {n: each.exception(PATIENCE_S) or each.result() for n, each in zip(numbers, told, strict=True)}


def test_what_comes_while_one_commit_is_under_way_shares_the_next(ledger: Ledger) -> None:
    commits = GroupCommit(ledger.database, ledger.write, most=10)
    told = _gather(ledger, commits, [1, 2, 3, 4])
    assert told == {n: f"kept {n}" for n in (1, 2, 3, 4)}
    assert ledger.groups == [[1], [2, 3, 4]]
    assert ledger.kept() == [1, 2, 3, 4]


def test_a_small_group_waits_for_company_until_it_is_enough(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "LINGER_S", PATIENCE_S)
    ledger.go_on.set()
    commits = GroupCommit(ledger.database, ledger.write, most=10, enough=5, more_is_coming=lambda: True)
    with ThreadPoolExecutor(3) as threads:
        told = [threads.submit(commits.write, n, size=2) for n in (1, 2, 3)]
    assert [each.result() for each in told] == ["kept 1", "kept 2", "kept 3"]
    assert [sorted(group) for group in ledger.groups] == [[1, 2, 3]]


def test_a_small_group_waits_no_longer_than_a_moment(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "LINGER_S", 0.01)
    ledger.go_on.set()
    commits = GroupCommit(ledger.database, ledger.write, most=10, enough=5, more_is_coming=lambda: True)
    assert [commits.write(n) for n in (1, 2)] == ["kept 1", "kept 2"]
    assert ledger.groups == [[1], [2]]


def test_a_small_group_waits_for_nobody_where_no_more_is_coming(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "LINGER_S", PATIENCE_S)
    ledger.go_on.set()
    commits = GroupCommit(ledger.database, ledger.write, most=10, enough=5, more_is_coming=lambda: False)
    begun = time.monotonic()
    assert commits.write(1) == "kept 1"
    assert time.monotonic() - begun < PATIENCE_S


def test_a_group_is_never_larger_than_it_may_be(ledger: Ledger) -> None:
    commits = GroupCommit(ledger.database, ledger.write, most=2)
    _gather(ledger, commits, [1, 2, 3, 4])
    assert [len(group) for group in ledger.groups] == [1, 2, 1]
    assert ledger.kept() == [1, 2, 3, 4]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # where one writes at a time
def test_an_urgent_group_goes_before_one_that_has_waited_longer(ledger: Ledger) -> None:
    ledger.go_on.set()
    turns, moment = ledger.database._turns, threading.Event()
    assert turns is not None
    commits = GroupCommit(ledger.database, ledger.write, most=10)
    urgent_commits = GroupCommit(ledger.database, ledger.write, most=10, urgent=True)
    with ThreadPoolExecutor(2) as threads, ledger.database.begin():
        threads.submit(commits.write, 1)
        while not turns._others:
            moment.wait(0.001)
        threads.submit(urgent_commits.write, 2)
        while not turns._urgent:
            moment.wait(0.001)
    assert ledger.groups == [[2], [1]]


def test_one_that_cannot_be_written_takes_nothing_down_with_it(ledger: Ledger) -> None:
    commits = GroupCommit(ledger.database, ledger.write, most=10)
    told = _gather(ledger, commits, [1, 2, -3, 4])
    assert isinstance(told.pop(-3), ValueError)
    assert told == {n: f"kept {n}" for n in (1, 2, 4)}
    assert ledger.kept() == [1, 2, 4]


def test_a_database_that_is_away_is_told_to_all_at_once(ledger: Ledger) -> None:
    tries: list[int] = []

    def fail(_session: Session, numbers: Sequence[int]) -> list[str]:
        tries.append(len(numbers))
        ledger.begun.set()
        assert ledger.go_on.wait(PATIENCE_S)
        raise UnavailableError("away", "不可用")

    commits: GroupCommit[int, str] = GroupCommit(ledger.database, fail, most=10)
    told = _gather(ledger, commits, [1, 2, 3])
    assert all(isinstance(each, UnavailableError) for each in told.values())
    assert tries == [1, 2]
