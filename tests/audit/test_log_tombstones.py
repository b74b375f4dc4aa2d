"""Lawful erasures leave a tombstone in the evidence log."""

from datetime import UTC, datetime

from ecolink.audit import tombstones
from ecolink.audit.log import EvidenceLog
from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.clock import HandClock
from ecolink.protocol.keys import SigningKey

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
STATEMENT, PRIVATE = "aa" * 32, "bb" * 32


def bury(log, session, reason="retention-over"):
    return tombstones.bury(log, session, statement=STATEMENT, private=PRIVATE, by="lin", reason=reason, now=NOW)


def test_an_erasure_is_a_leaf_that_says_who_when_and_why(database):
    log = EvidenceLog("350924000000", SigningKey.generate(), HandClock(NOW))
    database.before_commit(log.flush)
    with database.begin() as session:
        digest = bury(log, session)
    with database.read() as session:
        stone = tombstones.of(session, [STATEMENT])[STATEMENT]
        assert sha256_hex(dumps(stone.document)) == digest == stone.digest
        assert stone.document["by"] == "lin"
        assert [place.kind for place in log.find(session, digest, STATEMENT)] == ["erasure"]


def test_a_part_is_buried_once(database):
    log = EvidenceLog("350924000000", SigningKey.generate(), HandClock(NOW))
    database.before_commit(log.flush)
    for _ in range(2):
        with database.begin() as session:
            bury(log, session)
    with database.read() as session:
        assert log.head(session).tree.size == 1
        assert tombstones.of(session, [PRIVATE]) == {}
