"""The way out: seal a statement once and queue it on one channel per recipient, in the caller's transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.errors import ConflictError, InvalidError
from ecolink.federation.models import OutChannel, OutEntry, PeerRow, StatementRow
from ecolink.federation.peers import Peers, PeerState
from ecolink.federation.signer import Signer
from ecolink.federation.statements import Stored, audience, keep, parents_of
from ecolink.kit.ids import new_id
from ecolink.protocol.batch import GENESIS, chain
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.limits import MAX_ENTRIES
from ecolink.protocol.receipt import Outcome
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Draft, Lane
from ecolink.storage.base import table_of
from ecolink.storage.bells import Bell, ring
from ecolink.storage.queries import Query
from ecolink.storage.upsert import insert_new

DELIVER_WITHIN = {
    Lane.EMERGENCY: timedelta(hours=24),
    Lane.CASE: timedelta(days=30),
    Lane.BULK: timedelta(days=90),
}
"""How long a statement may wait for its receipt, by lane, unless its author says otherwise (protocol, Retry)."""

_PEERS, _CHANNELS = table_of(PeerRow).c, table_of(OutChannel).c
_STATE = Query(select(_PEERS.state).where(_PEERS.unit_code == bindparam("peer")))
_NEWEST = Query(
    select(
        _CHANNELS.id,
        _CHANNELS.last_seq,
        _CHANNELS.last_chain,
        _CHANNELS.receipted_seq,
        _CHANNELS.attempts,
        _CHANNELS.closed,
    )
    .where(_CHANNELS.recipient == bindparam("recipient"), _CHANNELS.lane == bindparam("lane"))
    .order_by(_CHANNELS.epoch.desc())
    .limit(1)
    .with_for_update()
)
_MOVE = Query(update(table_of(OutChannel)).where(_CHANNELS.id == bindparam("channel")))
_PLACE = Query(insert(table_of(OutEntry)))

Observer = Callable[[Session, Stored, datetime], None]
"""Told of every statement this node holds, ours when stored, a peer's when taken up: attachments are linked there."""


@dataclass(frozen=True, repr=False)
class Outbox:
    """Seals and queues."""

    us: str
    signer: Signer
    peers: Peers
    log: EvidenceLog
    kept: Observer

    def send(self, session: Session, draft: Draft, *, now: datetime, recipients: Sequence[str]) -> Stored:
        """Seal `draft` for `recipients` and queue it; nothing leaves before the caller's commit.

        A draft without a thread opens one: the thread takes the statement's own id. Parents are the heads of
        the thread that every recipient can see, so that nobody waits for a statement that was never theirs.

        Raises:
            InvalidError: no recipient, or ourselves among them.
            ConflictError: a recipient is not an active peer.

        """
        self._refuse_unreachable(session, draft, recipients)
        jti = new_id(now)
        thread = draft.thread or jti
        # What corrects, takes back or answers a recall is delivered however late.
        timeless = draft.supersedes is not None or draft.lane is Lane.CONTROL
        statement = seal(
            replace(
                draft,
                aud=tuple(sorted(recipients)),
                thread=thread,
                parents=visible_heads(session, thread, recipients) if draft.thread else (),
                deliver_by=draft.deliver_by or (None if timeless else now + DELIVER_WITHIN[draft.lane]),
            ),
            iss=self.us,
            jti=jti,
            iat=now,
            key=self.signer.key,
        )
        kept = keep(session, statement, now=now)
        size = len(statement.token) + len(statement.private or b"")
        entry = Entry(kept.n, statement.digest, statement.lane, size, statement.deliver_by)
        for recipient in statement.aud:
            queue(session, entry, recipient, now)
        self.log.append(session, LeafKind.SENT, statement.digest, statement.jti)
        self.kept(session, kept, now)
        return kept

    def _refuse_unreachable(self, session: Session, draft: Draft, recipients: Sequence[str]) -> None:
        if not recipients or self.us in recipients:
            raise InvalidError("Name at least one other bureau.", "请至少选择一个对方单位。", pointer="/recipients")
        for code in recipients:
            # A suspended peer still gets recalls and answers to them, so that withdrawn data disappears there too.
            state = _STATE.scalar(session, {"peer": code})
            if state == PeerState.ACTIVE or (state == PeerState.SUSPENDED and draft.lane is Lane.CONTROL):
                continue
            peer = self.peers.get(session, code)
            raise ConflictError(
                f"{peer.name_en} is not an active peer: finish its onboarding or lift its suspension first.",
                f"{peer.name_zh}不是已启用的对端：请先完成接入或解除暂停。",
                pointer="/recipients",
            )


class Entry(NamedTuple):
    """What a channel knows of a statement that is to be sent on it."""

    statement_n: int
    digest: str
    lane: Lane
    size: int
    deliver_by: datetime | None

    @classmethod
    def of(cls, row: StatementRow) -> Self:
        """Return what is known of a stored statement."""
        return cls(row.n, row.digest, Lane(row.lane), len(row.token) + len(row.private or b""), row.deliver_by)


def queue(session: Session, entry: Entry, recipient: str, now: datetime) -> None:
    """Give a stored statement the next place in our channel to `recipient`."""
    named = {"recipient": recipient, "lane": entry.lane.value}
    channel = _NEWEST.first(session, named)
    if channel is not None and channel.closed:
        # PostgreSQL made us wait for whoever closed it; the epoch that was opened with that is seen from now on.
        channel = _NEWEST.first(session, named)
    if channel is None:
        begin_channel(session, recipient, entry.lane, epoch=1, start_chain=GENESIS.hex(), now=now)
        channel = _NEWEST.one(session, named)
    seq = channel.last_seq + 1
    head = chain(bytes.fromhex(channel.last_chain), seq, entry.digest).hex()
    moved: dict[str, object] = {"channel": channel.id, "last_seq": seq, "last_chain": head}
    is_first = channel.receipted_seq == channel.last_seq
    if is_first:
        moved |= {"waiting_since": now, "next_try_at": now}
    _MOVE.run(session, moved)
    place = {
        "channel_id": channel.id,
        "seq": seq,
        "statement_n": entry.statement_n,
        "digest": entry.digest,
        "chain": head,
        "size": entry.size,
        "queued_at": now,
        "deliver_by": entry.deliver_by,
    }
    _PLACE.run(session, place)
    if is_first:  # what joins others goes with them: whoever sends them, or sleeps until they are due, looks anyway
        ring(session, Bell.sending(entry.lane, again=channel.attempts > 0))


def begin_channel(session: Session, recipient: str, lane: Lane, *, epoch: int, start_chain: str, now: datetime) -> None:
    """Make an empty channel whose chain goes on from `start_chain`, unless another worker just did."""
    row = {
        "recipient": recipient,
        "lane": lane.value,
        "epoch": epoch,
        "start_chain": start_chain,
        "last_seq": 0,
        "last_chain": start_chain,
        "receipted_seq": 0,
        "batch_limit": MAX_ENTRIES,
        "closed": False,
        "lease_fence": 0,
        "attempts": 0,
        "next_try_at": now,
    }
    insert_new(session, OutChannel, [row])


def visible_heads(session: Session, thread: str, recipients: Sequence[str]) -> tuple[str, ...]:
    """Return the digests that end the thread as every recipient sees it, in order of digest.

    Left out is what some recipient never got: statements not addressed to it, and those it refused or that
    expired on the way. It would wait for them for ever.
    """
    known = session.execute(
        select(StatementRow.n, StatementRow.digest, StatementRow.iss, StatementRow.aud, StatementRow.parents).where(
            StatementRow.thread == thread, StatementRow.state == "applied"
        )
    ).all()
    never_held = set(
        session.scalars(
            select(OutEntry.statement_n)
            .join(OutChannel, OutChannel.id == OutEntry.channel_id)
            .where(
                OutEntry.statement_n.in_([entry.n for entry in known]),
                OutEntry.verdict == Outcome.REFUSED,
                OutChannel.recipient.in_(recipients),
            )
        )
    )
    seen = [
        entry
        for entry in known
        if entry.n not in never_held and set(recipients) <= {entry.iss, *audience(session, entry.n, entry.aud)}
    ]
    answered = {parent for entry in seen for parent in _parents_of(session, entry.n, entry.parents)}
    return tuple(sorted(entry.digest for entry in seen if entry.digest not in answered))


def _parents_of(session: Session, n: int, written: Sequence[str] | None) -> Sequence[str]:
    """Return what a statement answers; its bytes are fetched only where what is `written` in its row is damaged."""
    return parents_of(session.get_one(StatementRow, n)) if written is None else written
