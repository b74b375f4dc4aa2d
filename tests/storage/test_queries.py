"""What is asked past SQLAlchemy gets the answers that SQLAlchemy gives, and its errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, event, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ecolink.errors import UnavailableError
from ecolink.federation.models import InChannel, OutChannel, StatementRow
from ecolink.storage.base import table_of
from ecolink.storage.engine import Database
from ecolink.storage.queries import Query, among
from tests.support.town import QINGYUAN, SHOUNING

NOW = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)
STATEMENTS, CHANNELS = table_of(StatementRow).c, table_of(InChannel).c
KEEP = Query(insert(table_of(StatementRow)).returning(STATEMENTS.n))
KEEP_ALL = Query(insert(table_of(StatementRow)))
"""From Python 3.12 on, SQLite's driver tells the fault of several that give something back as one of its own use."""
FIND = Query(select(*STATEMENTS).where(STATEMENTS.thread == bindparam("thread")).order_by(STATEMENTS.n))
AMONG = Query(select(STATEMENTS.jti).where(among(STATEMENTS.jti, "jtis")))
ELSEWHERE = Query(select(STATEMENTS.jti).where(~among(STATEMENTS.jti, "jtis")))
AT = Query(select(STATEMENTS.jti).where(STATEMENTS.received_at.in_(bindparam("times", expanding=True))))
SETTLE = Query(update(table_of(StatementRow)).where(STATEMENTS.jti == bindparam("settled")))
OPEN = Query(insert(table_of(InChannel)))


def statement(jti: str, **others: object) -> dict[str, object]:
    """Return a row with a value of every kind: text, bytes, times, lists, yes or no, and nothing."""
    row = {"iss": QINGYUAN, "jti": jti, "digest": "a" * 64, "direction": "in", "type": "bulletin.published.v1"}
    row |= {"thread": "one", "lane": "bulk", "aud": [SHOUNING], "parents": [], "is_exercise": False, "state": "pending"}
    row |= {"created_at": NOW, "received_at": NOW, "deliver_by": None, "retain_until": NOW, "token": b"\x00\xff"}
    return {**row, "private": None, "clock_suspect": True, **others}


@contextmanager
def listened_to(database: Database) -> Iterator[list[str]]:
    """Listen to every statement while the block lasts, as tests do that interrupt them."""
    heard: list[str] = []

    def listen(*call: object) -> None:
        heard.append(str(call[2]))

    event.listen(database.engine, "before_cursor_execute", listen)
    yield heard
    event.remove(database.engine, "before_cursor_execute", listen)


def test_rows_come_back_as_they_were_given_and_as_sqlalchemy_returns_them(database: Database) -> None:
    in_china = NOW.astimezone(timezone(timedelta(hours=8)))
    with database.begin() as session:
        times = {"first": in_china, "second": NOW + timedelta(seconds=1)}
        numbers = [KEEP.scalar(session, statement(jti, received_at=at)) for jti, at in times.items()]
        changed = SETTLE.run(session, {"settled": "second", "state": "rejected", "state_reason": "为何"})
    assert (numbers[1] - numbers[0], changed) == (1, 1)
    with database.read() as session:
        rows = FIND.all(session, {"thread": "one"})
        with listened_to(database) as heard:
            by_sqlalchemy = FIND.all(session, {"thread": "one"})
        assert len(heard) == 1
        assert [tuple(row) for row in rows] == [tuple(row) for row in by_sqlalchemy]
        first, second = rows
        assert (first.jti, first.aud, first.is_exercise, first.token) == ("first", [SHOUNING], False, b"\x00\xff")
        assert (first.received_at, first.received_at.tzinfo, first.deliver_by) == (NOW, UTC, None)
        assert (second.state, second.state_reason) == ("rejected", "为何")
        assert FIND.first(session, {"thread": "another"}) is None
        for jtis, found in (
            ([], []),
            (["second", "third"], ["second"]),
            (["'\"为,", "first", "second"], ["first", "second"]),
        ):
            assert sorted(AMONG.scalars(session, {"jtis": jtis})) == found
            assert sorted(ELSEWHERE.scalars(session, {"jtis": jtis})) == sorted({"first", "second"} - set(found))
        assert AT.scalars(session, {"times": [in_china, NOW + timedelta(days=1)]}) == ["first"]
        with pytest.raises(ValueError, match="too many"):
            FIND.one(session, {"thread": "one"})


def test_several_rows_are_counted_and_defaults_made_in_python_are_kept(database: Database) -> None:
    opened = [
        {"sender": QINGYUAN, "lane": lane, "epoch": 1, "head_seq": 0, "head_chain": "b" * 64}
        for lane in ("bulk", "case", "control")
    ]
    with database.begin() as session:
        assert OPEN.run_each(session, opened) == 3
        waiting = {"recipient": QINGYUAN, "lane": "bulk", "epoch": 1, "start_chain": "0", "last_chain": "0"}
        Query(insert(table_of(OutChannel))).run(session, {**waiting, "batch_limit": 200, "next_try_at": NOW})
    with database.read() as session:
        assert session.execute(select(OutChannel.closed, OutChannel.attempts)).one() == (False, 0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda session: KEEP.scalar(session, statement("first")),
        lambda session: KEEP_ALL.run_each(session, [statement("second"), statement("first")]),
    ],
    ids=["one", "several"],
)
def test_a_fault_is_told_as_sqlalchemy_tells_it_and_without_values(
    database: Database, ask: Callable[[Session], object]
) -> None:
    with database.begin() as session:
        KEEP.scalar(session, statement("first", state_reason="陈某"))
    with pytest.raises(IntegrityError) as told, database.begin() as session:
        ask(session)
    assert "first" not in str(told.value)
    with database.read() as session:
        assert [row.jti for row in FIND.all(session, {"thread": "one"})] == ["first"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_database_that_cannot_be_written_is_told_as_an_outage(database: Database) -> None:
    with database.begin() as session:
        session.connection().exec_driver_sql("PRAGMA query_only=ON")
    try:
        with pytest.raises(UnavailableError), database.begin() as session:
            KEEP.scalar(session, statement("first"))
    finally:
        database.dispose()


def test_a_naive_time_is_refused_as_everywhere(database: Database) -> None:
    with pytest.raises(Exception, match="aware"), database.begin() as session:
        KEEP.scalar(session, statement("first", received_at=NOW.replace(tzinfo=None)))
