"""How we stand with one peer, for people about to talk to it: its keys, its clock, its log, what is on its way."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit import witness
from ecolink.errors import NotFoundError
from ecolink.federation.models import OutChannel, OutEntry, PeerRow, StatementRow
from ecolink.protocol.kinds.liaison import FootingV1, OpenMatterV1


def footing(session: Session, partner: str) -> FootingV1:
    """Return the state of a peer's node as we know it.

    Raises:
        NotFoundError: no such peer is known.

    """
    row = session.get(PeerRow, partner)
    if row is None:
        raise NotFoundError(f"No peer {partner} is known here.", f"本节点没有对端 {partner}。")
    return FootingV1(
        partner=partner,
        state=row.state,  # type: ignore[arg-type]  # the table knows no other
        keys=row.manifest_digest,
        clock_skew_s=row.clock_skew_s,
        last_contact_at=row.last_contact_at,
        checkpoint=witness.newest(session, partner),
    )


def undelivered(session: Session, partner: str) -> list[OpenMatterV1]:
    """Return what of ours the peer has not confirmed yet; nothing when all of it is."""
    waiting = (
        select(StatementRow.thread)
        .join(OutEntry, OutEntry.statement_n == StatementRow.n)
        .join(OutChannel, OutChannel.id == OutEntry.channel_id)
        .where(
            OutChannel.recipient == partner,
            OutChannel.closed.is_(False),
            OutEntry.seq > OutChannel.receipted_seq,
            OutEntry.verdict.is_(None),
        )
        .order_by(OutEntry.queued_at, StatementRow.n)
    )
    threads = list(dict.fromkeys(session.scalars(waiting)))
    return [OpenMatterV1.of(partner, "undelivered", threads)] if threads else []
