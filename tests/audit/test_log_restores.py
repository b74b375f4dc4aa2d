"""A restored node closes its old log and opens a new one that says why."""

import json
from datetime import UTC, datetime

import pytest

from ecolink.audit import restores
from ecolink.audit.log import EvidenceLog
from ecolink.errors import NotFoundError
from ecolink.kit.canonical import sha256_hex
from ecolink.kit.clock import HandClock
from ecolink.protocol import leaves, merkle
from ecolink.protocol.checkpoint import open_checkpoint, origin_of, seal_checkpoint
from ecolink.protocol.keys import SigningKey, Use

SHOUNING, QINGYUAN = "350924000000", "331126000000"
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
KEY = SigningKey.generate()
LOG_KEY = KEY.verify_key(SHOUNING, Use.LOG, NOW)


@pytest.fixture
def log(database):
    log = EvidenceLog(SHOUNING, KEY, HandClock(NOW))
    database.before_commit(log.flush)
    with database.begin() as session:
        for n in range(5):
            log.append(session, "received", sha256_hex(b"%d" % n), str(n))
    return log


def shown(size, root=bytes(32), log_epoch=1):
    return open_checkpoint(seal_checkpoint(origin_of(SHOUNING, log_epoch), size, root, KEY), log_key=LOG_KEY)


def test_a_peer_that_holds_more_of_our_log_than_we_do_shows_that_we_were_restored(database, log):
    with database.read() as session:
        assert restores.is_behind(log, session, shown(6))
        assert restores.is_behind(log, session, shown(1, log_epoch=2))
        assert restores.is_behind(log, session, shown(5))  # the same size, another root
        assert not restores.is_behind(log, session, shown(5, log.root(session, 5)))
        assert not restores.is_behind(log, session, shown(3, log.root(session, 3)))


def test_a_restore_is_declared_as_the_first_leaf_of_a_new_log(database, log):
    held = shown(9)
    with database.begin() as session:
        old_root = log.root(session, 5)
        text = restores.declare_restore(log, session, {QINGYUAN: [held]}, NOW)
    said = json.loads(text)
    assert said["held_by_peers"] == [{"unit_code": QINGYUAN, "checkpoint": held.text}]
    closed = open_checkpoint(said["closed"], log_key=LOG_KEY)
    assert (closed.origin, closed.size, closed.root) == (origin_of(SHOUNING, 1), 5, old_root)
    with database.read() as session:
        head = log.head(session)
        assert (head.log_epoch, head.tree.size) == (2, 1)
        assert head.tree.root() == leaves.hash_of("restore", sha256_hex(text.encode()))
        assert restores.declarations(session) == {2: text}


def test_the_old_log_still_proves_what_it_held_and_never_grows(database, log):
    with database.begin() as session:
        restores.declare_restore(log, session, {}, NOW)
        log.append(session, "received", sha256_hex(b"after"), "after")
    with database.read() as session:
        assert log.head(session, 1).tree.size == 5
        assert log.head(session).tree.size == 2
        proof = log.inclusion(session, 3, 5, 1)
        merkle.verify_inclusion(leaves.hash_of("received", sha256_hex(b"3")), 3, 5, proof, log.root(session, 5, 1))
        assert [place.log_epoch for place in log.find(session, sha256_hex(b"after"), "after")] == [2]
        with pytest.raises(NotFoundError):
            log.inclusion(session, 3, 5)


def test_leaves_remembered_before_the_declaration_belong_to_the_old_log(database, log):
    with database.begin() as session:
        log.append(session, "received", sha256_hex(b"before"), "before")
        restores.declare_restore(log, session, {}, NOW)
    with database.read() as session:
        assert [place.log_epoch for place in log.find(session, sha256_hex(b"before"), "before")] == [1]


def test_a_node_restored_twice_from_one_backup_takes_a_number_no_peer_has_seen(database, log):
    with database.begin() as session:
        restores.declare_restore(log, session, {QINGYUAN: [shown(7), shown(4, log_epoch=3)]}, NOW)
    with database.read() as session:
        assert log.head(session).log_epoch == 4


def test_a_node_that_lost_everything_can_still_declare_it(database):
    log = EvidenceLog(SHOUNING, KEY, HandClock(NOW))
    database.before_commit(log.flush)
    with database.begin() as session:
        assert restores.is_behind(log, session, shown(1))
        restores.declare_restore(log, session, {QINGYUAN: [shown(7)]}, NOW)
    with database.read() as session:
        assert (log.head(session).log_epoch, log.head(session).tree.size) == (2, 1)
