"""The evidence log in the database: grown in any steps by anyone, it stays one tree that proves all it holds."""

import threading
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, func, select

from ecolink.audit.log import TILE_WIDTH, EvidenceLog, Place
from ecolink.audit.models import LogHead, LogLeaf, LogTile
from ecolink.errors import NotFoundError
from ecolink.kit.canonical import sha256_hex
from ecolink.kit.clock import HandClock
from ecolink.protocol import leaves, merkle
from ecolink.protocol.checkpoint import open_checkpoint
from ecolink.protocol.keys import SigningKey, Use

SHOUNING = "350924000000"
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
KEY = SigningKey.generate()
LOG_KEY = KEY.verify_key(SHOUNING, Use.LOG, NOW)


@pytest.fixture
def log(database):
    log = EvidenceLog(SHOUNING, KEY, HandClock(NOW))
    database.before_commit(log.flush)
    return log


def digest(n):
    return sha256_hex(b"statement %d" % n)


def tree_of(numbers):
    return merkle.root_of(leaves.hash_of("statement", digest(n)) for n in numbers)


def append(log, session, numbers):
    for n in numbers:
        log.append(session, "statement", digest(n), f"ref-{n}")


def grow(log, database, numbers):
    with database.begin() as session:
        append(log, session, numbers)


def test_what_a_transaction_appends_is_in_the_log_once_it_is_committed(database, log):
    with database.begin() as session:
        append(log, session, range(3))
    with database.read() as session:
        head = log.head(session)
        assert (head.origin, head.tree.size, head.tree.root()) == ("ecolink.log/350924000000/1", 3, tree_of(range(3)))
        assert log.find(session, digest(1), "ref-1") == [Place(1, 1, "statement", digest(1), NOW)]


def test_a_transaction_that_fails_leaves_no_trace_in_the_log(database, log):
    grow(log, database, range(3))
    with suppress(ZeroDivisionError), database.begin() as session:
        append(log, session, range(3, 6))
        log.checkpoint(session)
        raise ZeroDivisionError
    with database.read() as session:
        assert log.head(session).tree.size == 3
        assert log.find(session, digest(4), "ref-4") == []


def test_a_transaction_that_appends_nothing_does_not_touch_the_log(database, log):
    with database.begin() as session:
        session.execute(select(LogHead))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(LogHead)) == 0
        assert log.head(session).tree.size == 0


def test_a_leaf_shares_the_fate_of_the_savepoint_it_was_remembered_in(database, log):
    with database.begin() as session:
        append(log, session, [0])
        with session.begin_nested():
            append(log, session, [1])
        savepoint = session.begin_nested()
        append(log, session, [2])
        with session.begin_nested():
            append(log, session, [3])
        savepoint.rollback()
        append(log, session, [4])
    with database.read() as session:
        assert log.head(session).tree.root() == tree_of([0, 1, 4])


def test_the_log_is_never_written_inside_a_savepoint(database, log):
    with database.begin() as session:
        append(log, session, [0])
        with pytest.raises(RuntimeError, match="savepoint"), session.begin_nested():
            log.checkpoint(session)
    with database.read() as session:
        assert log.head(session).tree.size == 1


def test_a_checkpoint_covers_what_was_appended_before_it_and_not_what_comes_after(database, log):
    grow(log, database, range(2))
    with database.begin() as session:
        append(log, session, [2])
        note = log.checkpoint(session)
        append(log, session, [3])
    checkpoint = open_checkpoint(note, log_key=LOG_KEY, origin="ecolink.log/350924000000/1")
    assert (checkpoint.size, checkpoint.root) == (3, tree_of(range(3)))
    with database.read() as session:
        assert log.head(session).tree.size == 4


def test_the_first_checkpoint_of_a_new_node_is_over_the_empty_log(database, log):
    with database.begin() as session:
        note = log.checkpoint(session)
    assert open_checkpoint(note, log_key=LOG_KEY).root == merkle.EMPTY_ROOT


def test_flushing_twice_writes_once(database, log):
    with database.begin() as session:
        append(log, session, range(2))
        log.flush(session)
        log.flush(session)
    with database.read() as session:
        assert log.head(session).tree.size == 2


def test_leaves_carry_the_time_they_were_written(database, log):
    later = datetime(2026, 11, 23, tzinfo=UTC)
    with database.begin() as session:
        append(log, session, [0])
        log.flush(session, later)
        append(log, session, [1])
    with database.read() as session:
        assert [log.find(session, digest(n), f"ref-{n}")[0].at for n in (0, 1)] == [later, NOW]


@pytest.mark.parametrize("steps", [[700], [1] * 20 + [300, 3, 400], [256, 256, 188]], ids=str)
def test_every_proof_verifies_however_the_log_grew(database, log, steps):
    done = 0
    for step in steps:
        grow(log, database, range(done, done + step))
        done += step
    with database.read() as session:
        for size in {1, 2, 255, 256, 257, 511, 513, done}:
            root = tree_of(range(size))
            assert log.root(session, size) == root
            for index in {0, 1, 254, 255, 256, 257, 512, size - 1} & set(range(size)):
                proof = log.inclusion(session, index, size)
                merkle.verify_inclusion(leaves.hash_of("statement", digest(index)), index, size, proof, root)
            for old in {0, 1, 3, 255, 256, 300, 512, size} & set(range(size + 1)):
                proof = log.consistency(session, old, size)
                merkle.verify_consistency(old, tree_of(range(old)), size, root, proof)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_proofs_of_a_large_log_verify_with_tiles_of_tiles(database, log):
    size = TILE_WIDTH * TILE_WIDTH + 300
    for start in range(0, size, 8192):
        grow(log, database, range(start, min(start + 8192, size)))
    with database.read() as session:
        levels = dict(iter(session.execute(select(LogTile.level, func.count()).group_by(LogTile.level))))
        assert levels == {1: 257, 2: 1}
        root = tree_of(range(size))
        for index in (0, 65_535, 65_536, size - 1):
            proof = log.inclusion(session, index, size)
            merkle.verify_inclusion(leaves.hash_of("statement", digest(index)), index, size, proof, root)
        proof = log.consistency(session, 65_000, size)
        merkle.verify_consistency(65_000, tree_of(range(65_000)), size, root, proof)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_proof_reads_a_few_tiles_and_not_the_log(database, log):
    for start in range(0, 10_000, 2_000):
        grow(log, database, range(start, start + 2_000))
    read = 0

    def count(*_):
        nonlocal read
        read += 1

    with database.read() as session:
        event.listen(database.engine, "before_cursor_execute", count)
        log.inclusion(session, 4_321, 10_000)
    assert read <= 1 + 2 * 2  # the head; two tiles on each of two levels


@pytest.mark.parametrize(("first", "size"), [(3, 3), (0, 4), (-1, 3), (5, 3)])
def test_nobody_gets_a_proof_of_what_never_was(database, log, first, size):
    grow(log, database, range(3))
    with database.read() as session:
        with pytest.raises(NotFoundError):
            log.inclusion(session, first, size)
        if (first, size) != (3, 3):
            with pytest.raises(NotFoundError):
                log.consistency(session, 4 if first == 0 else first, size)
        with pytest.raises(NotFoundError):
            log.head(session, 2)


def test_writers_at_the_same_time_get_places_without_gaps(database, log):
    faults = []

    def work(start):
        try:
            for n in range(start, start + 20, 4):
                grow(log, database, range(n, n + 4))
        except BaseException as fault:
            faults.append(fault)
            raise

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 160, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    with database.read() as session:
        rows = session.execute(select(LogLeaf.idx, LogLeaf.digest).order_by(LogLeaf.idx)).all()
        assert [row.idx for row in rows] == list(range(160))
        assert sorted(row.digest for row in rows) == sorted(map(digest, range(160)))
        root = merkle.root_of(leaves.hash_of("statement", row.digest) for row in rows)
        assert log.head(session).tree.root() == root
