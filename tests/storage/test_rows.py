"""Rows written past the mapper are read back by it as they were meant."""

from datetime import UTC, datetime, timedelta
from traceback import format_exception

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ecolink.audit.models import LogLeaf
from ecolink.federation.models import Equivocation, InChannel, StatementRow
from ecolink.federation.statements import ARRIVING, arriving
from ecolink.kit.ids import new_id
from ecolink.protocol.push import Incoming
from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database
from ecolink.storage.rows import WORTH_COPYING, RowInsert
from ecolink.storage.upsert import insert_new
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

NOW = datetime(2026, 11, 23, 1, 2, 3, 456789, tzinfo=UTC)
LEAVES = RowInsert.into(LogLeaf, "log_epoch", "idx", "kind", "digest", "ref", "at")


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 200])
def test_as_many_rows_as_are_given_are_there(database: Database, count: int) -> None:
    rows = [(1, idx, "sent", f"{idx:064}", f"ref {idx}", NOW + timedelta(seconds=idx)) for idx in range(count)]
    with database.begin() as session:
        LEAVES.run(session, rows)
    with database.read() as session:
        kept = session.execute(
            select(LogLeaf.log_epoch, LogLeaf.idx, LogLeaf.kind, LogLeaf.digest, LogLeaf.ref, LogLeaf.at).order_by(
                LogLeaf.idx
            )
        )
        assert [tuple(row) for row in kept] == rows


def test_bytes_times_and_nothing_keep_their_kind(database: Database) -> None:
    columns = ("digest", "iss", "jti", "held_digest", "token", "private", "at")
    held = ("a" * 64, "350924000000", "j", "b" * 64, b"\x00\xff", None, NOW)
    with database.begin() as session:
        RowInsert.into(Equivocation, *columns).run(session, [held])
    with database.read() as session:
        row = session.scalars(select(Equivocation)).one()
        assert tuple(getattr(row, name) for name in columns) == held


@pytest.mark.parametrize("count", [2, WORTH_COPYING + 1])
def test_rows_that_break_a_key_are_told_without_their_values(database: Database, count: int) -> None:
    rows = [(1, 0, "sent", "a" * 64, "330104199001011234", NOW)] * count
    with pytest.raises(IntegrityError) as refused, database.begin() as session:
        LEAVES.run(session, rows)
    assert "330104199001011234" not in "".join(format_exception(refused.value))
    with database.begin() as session:
        LEAVES.run(session, rows[:1])


def test_lists_and_truths_are_kept_whichever_way_they_are_written(database: Database) -> None:
    channel = {"sender": SHOUNING, "lane": "bulk", "epoch": 1, "head_seq": 0, "head_chain": "0" * 64}
    with database.begin() as session:
        insert_new(session, InChannel, [channel])
        channel_id = session.scalars(select(InChannel.id)).one()
        incoming = [
            Incoming(
                token=b"t" * 1500,
                private=None,
                digest=f"{number:064}",
                private_digest=None,
                iss=SHOUNING,
                jti=new_id(NOW),
                iat=NOW,
                type="bulletin.published.v1",
                thread=new_id(NOW),
                lane=Lane.BULK,
                aud=(QINGYUAN, JINGNING),
                parents=("b" * 64,),
                is_exercise=True,
                deliver_by=None,
                retain_until=NOW,
            )
            for number in range(WORTH_COPYING + 1)
        ]
        rows = [arriving(each, channel_id, seq, NOW) for seq, each in enumerate(incoming, 1)]
        ARRIVING.run(session, rows[:1])
        ARRIVING.run(session, rows[1:])
        ARRIVING.run(session, [])
    with database.read() as session:
        kept = session.scalars(select(StatementRow).order_by(StatementRow.n)).all()
        assert [row.jti for row in kept] == [each.jti for each in incoming]
        for row in kept:
            assert (row.aud, row.parents, row.is_exercise) == ([QINGYUAN, JINGNING], ["b" * 64], True)
            assert (row.created_at, row.deliver_by, row.erased_at) == (NOW, None, None)
