"""Rows written past the mapper are read back by it as they were meant."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from ecolink.audit.models import LogLeaf
from ecolink.federation.models import Equivocation
from ecolink.storage.engine import Database
from ecolink.storage.rows import RowInsert

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
