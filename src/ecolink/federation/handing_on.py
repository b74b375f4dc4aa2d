"""Handing on what came back: what one bureau gave us back may be news to another that was to be told it too.

A word to several is forgotten with all its places. Who held it gave it back (`reclaiming`); who never got it has no
place for it in our channels, and is sent it now as if it had just been said.
"""

from datetime import datetime

from sqlalchemy import String, cast, exists, or_, select
from sqlalchemy.orm import Session

from ecolink.federation.models import OutChannel, OutEntry, PeerRow, StatementRow
from ecolink.federation.outbox import Entry, queue
from ecolink.federation.statements import audience
from ecolink.storage.engine import Database


def hand_on(database: Database, peer: str, now: datetime) -> int:
    """Queue for `peer` what came back from others and it never got; return how many.

    Call it only when nothing is missing of our channels to it, or it cannot say: then what it lacks has no
    place in them. Should it hold a statement after all, it answers 'duplicate', and nothing happens twice.
    """
    with database.read() as session:
        if not _owed(session, peer):
            return 0
    with database.begin() as session:
        session.get(PeerRow, peer, with_for_update=True)  # two workers that compare at once take turns
        owed = _owed(session, peer)
        for n in owed:
            queue(session, Entry.of(session.get_one(StatementRow, n)), peer, now)
        return len(owed)


def _owed(session: Session, peer: str) -> list[int]:
    queued = exists().where(
        OutEntry.statement_n == StatementRow.n,
        OutChannel.id == OutEntry.channel_id,
        OutChannel.recipient == peer,
    )
    written = cast(StatementRow.aud, String)
    rows = session.execute(
        select(StatementRow.n, StatementRow.aud)
        .where(
            StatementRow.returned_at.is_not(None),
            or_(written.contains(peer), written.not_like('["%"]')),  # the latter is damaged
            ~queued.correlate(StatementRow),
        )
        .order_by(StatementRow.n)
    ).all()
    return [n for n, aud in rows if peer in audience(session, n, aud)]
