"""The access log cannot be rewritten unseen, and an auditor finds in it what was done."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction, AccessHead, AccessRow
from ecolink.audit.log import EvidenceLog
from ecolink.audit.models import LogLeaf
from ecolink.kit.clock import HandClock
from ecolink.protocol.keys import SigningKey
from ecolink.storage.engine import Database

NOW = datetime(2026, 11, 22, 2, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def log(database: Database) -> AccessLog:
    evidence = EvidenceLog("350924000000", SigningKey.generate(), HandClock(NOW))
    log = AccessLog(evidence.append)
    database.before_commit(log.flush)
    database.before_commit(evidence.flush)
    return log


def entry(**said: Any) -> AccessEntry:
    return AccessEntry(
        **{
            "at": NOW,
            "actor": "lin.qing",
            "role": "officer",
            "action": AccessAction.CONSULT,
            "object_type": "lead",
            "object_id": "019aa000-0000-7000-8000-000000000001",
            **said,
        }
    )


def record(database: Database, log: AccessLog, *entries: AccessEntry) -> None:
    with database.begin() as session:
        for one in entries:
            log.record(session, one)


def rows(database: Database, select_of: Callable[[], Any]) -> list[AccessRow]:
    with database.read() as session:
        return list(session.scalars(select_of().order_by(AccessRow.n)))


def test_each_entry_carries_the_digest_before_it_and_goes_into_the_evidence_log(
    database: Database, log: AccessLog
) -> None:
    record(database, log, entry(), entry(action=AccessAction.REVEAL, reason="核对身份"))
    record(database, log, entry(action=AccessAction.DISCLOSE, recipient="331126000000", details={"member": "facts"}))

    kept = rows(database, log.search)
    assert [row.n for row in kept] == [1, 2, 3]
    assert [row.prev for row in kept] == ["0" * 64, kept[0].digest, kept[1].digest]
    with database.read() as session:
        leaves = session.execute(select(LogLeaf.kind, LogLeaf.digest, LogLeaf.ref).order_by(LogLeaf.idx)).all()
        assert leaves == [("access", row.digest, str(row.n)) for row in kept]
        verdict = log.verify(session)
    assert (verdict.entries, verdict.head, verdict.fault) == (3, kept[2].digest, None)


def test_an_empty_log_holds(database: Database, log: AccessLog) -> None:
    with database.read() as session:
        assert log.verify(session).fault is None


def test_an_entry_is_kept_exactly_when_its_transaction_is(database: Database, log: AccessLog) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    database.before_commit(fail)
    with pytest.raises(ZeroDivisionError):
        record(database, log, entry())
    database._before_commit.remove(fail)
    assert rows(database, log.search) == []

    record(database, log, entry())
    assert [row.n for row in rows(database, log.search)] == [1]


def test_what_was_done_in_a_savepoint_is_forgotten_with_it(database: Database, log: AccessLog) -> None:
    with database.begin() as session:
        log.record(session, entry(object_id="before"))
        with session.begin_nested():
            log.record(session, entry(object_id="kept"))
        undone = session.begin_nested()
        log.record(session, entry(object_id="undone"))
        undone.rollback()

    assert [row.object_id for row in rows(database, log.search)] == ["before", "kept"]


def test_what_was_done_in_a_transaction_is_forgotten_with_it(database: Database, log: AccessLog) -> None:
    with database.begin() as session:
        log.record(session, entry(object_id="undone"))
        with session.begin_nested():
            log.record(session, entry(object_id="undone too"))
        session.rollback()
        log.record(session, entry(object_id="kept"))

    assert [row.object_id for row in rows(database, log.search)] == ["kept"]


def test_flushing_twice_writes_once(database: Database, log: AccessLog) -> None:
    with database.begin() as session:
        log.record(session, entry())
        log.flush(session)
        log.flush(session)
        log.record(session, entry(action=AccessAction.ALTER))

    assert [row.action for row in rows(database, log.search)] == ["consult", "alter"]


def test_a_log_nobody_hooked_is_noticed_at_once(database: Database) -> None:
    with pytest.raises(RuntimeError, match="before_commit"):
        record(database, AccessLog(lambda *_: None), entry())


def test_recording_in_a_transaction_that_keeps_nothing_is_refused(database: Database, log: AccessLog) -> None:
    with database.read() as session, pytest.raises(KeyError):
        log.record(session, entry())


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "someone.else"},
        {"reason": "another reason"},
        {"at": NOW + timedelta(milliseconds=1)},
        {"details": {"member": "nothing"}},
        {"case_number": None},
        {"digest": "f" * 64},
        {"prev": "f" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_entry_is_named(database: Database, log: AccessLog, change: dict[str, Any]) -> None:
    record(database, log, *(entry(case_number="寿公(森)立字〔2026〕12号", details={"n": str(n)}) for n in range(5)))
    with database.begin() as session:
        session.execute(update(AccessRow).where(AccessRow.n == 3).values(**change))

    with database.read() as session:
        verdict = log.verify(session)
    assert verdict.entries == 2
    assert verdict.fault is not None
    assert verdict.fault.n == 3


def test_a_chain_computed_anew_does_not_agree_with_the_evidence_log(database: Database, log: AccessLog) -> None:
    record(database, log, entry(), entry(actor="zhou.wei"))
    with database.begin() as session:
        session.execute(delete(AccessRow))
        session.execute(delete(AccessHead))
    forger = AccessLog(lambda *_: None)
    with database.begin() as session:
        forger.record(session, entry())
        forger.record(session, entry(actor="someone.else"))
        forger.flush(session)

    with database.read() as session:
        fault = log.verify(session).fault
    assert fault is not None
    assert fault.n == 2
    assert "evidence" in fault.detail_en


@pytest.mark.parametrize(("taken", "named"), [(1, 1), (3, 3), (5, 5)])
def test_an_entry_taken_out_is_missed(database: Database, log: AccessLog, taken: int, named: int) -> None:
    record(database, log, *(entry() for _ in range(5)))
    with database.begin() as session:
        session.execute(delete(AccessRow).where(AccessRow.n == taken))

    with database.read() as session:
        fault = log.verify(session).fault
    assert fault is not None
    assert fault.n == named


def test_a_log_emptied_as_a_whole_is_missed_while_its_head_stands(database: Database, log: AccessLog) -> None:
    record(database, log, entry())
    with database.begin() as session:
        session.execute(delete(AccessRow))

    with database.read() as session:
        assert log.verify(session).fault is not None


def test_an_entry_added_behind_the_head_is_noticed(database: Database, log: AccessLog) -> None:
    record(database, log, entry(), entry())
    with database.begin() as session:
        first = session.execute(select(AccessHead.digest)).scalar_one()
        copied = dict(session.execute(select(AccessRow.__table__).where(AccessRow.n == 2)).mappings().one())
        session.execute(insert(AccessRow), [{**copied, "n": 3, "prev": first, "digest": "a" * 64}])

    with database.read() as session:
        fault = log.verify(session).fault
    assert fault is not None
    assert fault.n == 3


def test_what_the_database_cannot_spell_is_still_logged(database: Database, log: AccessLog) -> None:
    record(database, log, entry(reason="a\0b\ud800c" + "长" * 900, details={"na\0me": "te\udfffxt"}))

    kept = rows(database, log.search)[0]
    assert kept.reason is not None
    assert kept.reason.startswith("a\ufffdb?c长")
    assert len(kept.reason) == 500
    with database.read() as session:
        assert log.verify(session).fault is None


def test_an_auditor_finds_entries_by_person_case_object_act_and_time(database: Database, log: AccessLog) -> None:
    later = NOW.replace(microsecond=0) + timedelta(hours=1)
    record(
        database,
        log,
        entry(case_number="A1"),
        entry(actor="zhou.wei", action=AccessAction.REVEAL, object_type="person", object_id="p-7"),
        entry(at=later, case_number="A1", action=AccessAction.EXPORT),
    )

    def found(**wanted: Any) -> list[int]:
        return [row.n for row in rows(database, lambda: log.search(**wanted))]

    assert found() == [1, 2, 3]
    assert found(actor="zhou.wei") == [2]
    assert found(case_number="A1") == [1, 3]
    assert found(object_type="person") == [2]
    assert found(object_id="p-7") == [2]
    assert found(action=AccessAction.REVEAL) == [2]
    assert found(since=later) == [3]
    assert found(until=later) == [1, 2]
    assert found(case_number="A1", actor="zhou.wei") == []


def test_two_writers_at_once_leave_one_chain(database: Database, log: AccessLog) -> None:
    together = threading.Barrier(4)

    def write(actor: str) -> None:
        together.wait()
        for _ in range(10):
            record(database, log, entry(actor=actor), entry(actor=actor))

    writers = [threading.Thread(target=write, args=(f"officer-{n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    with database.read() as session:
        verdict = log.verify(session)
    assert (verdict.entries, verdict.fault) == (80, None)
