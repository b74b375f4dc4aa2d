"""The way in: one batch, one transaction, one receipt.

`receive` tells the whole story: take the batch apart and verify everything with no transaction open; then,
in one transaction, place it in its channel, keep each statement once, seal the receipt over a checkpoint that
already covers them, and commit. Only then is the receipt handed out: 'stored' means durably held.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.callers import PEER_SUSPENDED, Caller, Callers
from ecolink.federation.models import Equivocation, InBatch, InChannel, InEntry, StatementRow
from ecolink.federation.peers import PeerState
from ecolink.federation.signer import Signer
from ecolink.federation.statements import columns
from ecolink.kit.times import to_text
from ecolink.protocol.batch import GENESIS, Batch, Entry, chain, open_batch, unpack
from ecolink.protocol.jws import digest_of
from ecolink.protocol.keys import FindKey
from ecolink.protocol.limits import CLOCK_SKEW, MAX_PUSH_BYTES
from ecolink.protocol.receipt import Outcome, Verdict, seal_receipt
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane, Statement, open_statement
from ecolink.storage.engine import Database, after_commit
from ecolink.storage.upsert import insert_new

STALE_EPOCH: Final = "stale-epoch"
WRONG_LINK: Final = "wrong-link"


@dataclass(frozen=True, slots=True)
class Receipted:
    """The batch is durably held; these are the receipt's bytes, the same for every re-send of it."""

    receipt: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """The batch starts beyond what is held: nothing was receipted, `expected` is the seq that is wanted."""

    expected: int


Kept = Receipted | Gap

Judged = Statement | Refused
"""What verification made of one entry."""


@dataclass(frozen=True)
class Inbox:
    """Keeps what peers send. `wake` tells the worker that there is something to apply in a lane."""

    us: str
    database: Database
    callers: Callers
    signer: Signer
    log: EvidenceLog
    wake: Callable[[Lane], None]

    def receive(self, caller: Caller, raw: bytes, now: datetime) -> Kept:
        """Keep one push body from `caller`, received at `now`: pushed, pulled or carried, the checks are the same.

        Raises:
            Refused: the batch as a whole is not acceptable; nothing of it was kept.
            UnavailableError: the database cannot take it now; nothing of it was kept.

        """
        # 1. What was sent: verified, with no transaction open.
        token, parts = unpack(raw, max_bytes=MAX_PUSH_BYTES)
        batch = open_batch(token, find_key=caller.keys.find, us=self.us, sender=caller.unit_code, received_at=now)
        self._refuse_suspended(caller, batch)
        judged = [self._judge(entry, batch, caller.keys.find, now) for entry in batch.pair(parts)]

        # 2. Keep it: channel, statements, receipt, in one transaction.
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            known = session.scalar(
                select(InBatch.receipt)
                .join(InChannel, InChannel.id == InBatch.channel_id)
                .where(
                    InChannel.sender == batch.iss,
                    InChannel.lane == batch.lane.value,
                    InChannel.epoch == batch.epoch,
                    InBatch.first_seq == batch.first_seq,
                    InBatch.digest == batch.digest,
                )
            )
            if known is not None:
                return Receipted(known)
            channel = self._channel(session, batch)
            if batch.first_seq > channel.head_seq + 1:
                if batch.lane is Lane.EMERGENCY:
                    self._keep_early(session, judged, now)
                return Gap(channel.head_seq + 1)
            return Receipted(self._keep(session, channel, batch, judged, now))

    def _judge(self, entry: Entry, batch: Batch, find_key: FindKey, now: datetime) -> Judged:
        try:
            statement = open_statement(
                entry.token, entry.private, find_key=find_key, us=self.us, sender=batch.iss, received_at=now
            )
        except Refused as refused:
            return refused
        if statement.lane is not batch.lane:
            return Refused(Reason.INVALID_CLAIM, f"a statement of lane {statement.lane} in a batch of {batch.lane}")
        if statement.deliver_by is not None and statement.deliver_by < now:
            return Refused(Reason.EXPIRED, f"received after its deliver_by {to_text(statement.deliver_by)}")
        return statement

    def _refuse_suspended(self, caller: Caller, batch: Batch) -> None:
        caller.refuse_unless_onboarded()
        if caller.state is PeerState.SUSPENDED and batch.lane is not Lane.CONTROL:
            raise Refused(PEER_SUSPENDED, "this bureau has suspended the exchange with you; only recalls pass")

    def _channel(self, session: Session, batch: Batch) -> InChannel:
        """Return the channel of `batch`, locked; open it when this is its first entry."""
        newest = session.scalar(
            select(InChannel)
            .where(InChannel.sender == batch.iss, InChannel.lane == batch.lane.value)
            .order_by(InChannel.epoch.desc())
            .limit(1)
            .with_for_update()
        )
        if newest is not None and batch.epoch == newest.epoch:
            return newest
        if newest is not None and batch.epoch < newest.epoch:
            raise Refused(STALE_EPOCH, f"epoch {newest.epoch} is open; epoch {batch.epoch} is closed")
        # A new epoch goes on from the head of the old one, so that a restore cannot hide what was said before it.
        start = newest.head_chain if newest is not None else GENESIS.hex()
        if batch.first_seq == 1 and batch.prev.hex() != start:
            raise Refused(WRONG_LINK, "a new epoch starts from the head that is held of the last one")
        row = {"sender": batch.iss, "lane": batch.lane.value, "epoch": batch.epoch, "head_seq": 0, "head_chain": start}
        insert_new(session, InChannel, [row])
        return session.scalars(
            select(InChannel).filter_by(sender=batch.iss, lane=batch.lane.value, epoch=batch.epoch).with_for_update()
        ).one()

    def _keep(
        self, session: Session, channel: InChannel, batch: Batch, judged: Sequence[Judged], now: datetime
    ) -> bytes:
        held = self._held_entries(session, channel, batch)
        fresh = judged[len(held) :]
        if fresh and not held and batch.prev.hex() != channel.head_chain:
            raise ForkFound(batch, channel.head_seq)
        twins = self._twins(session, fresh)
        verdicts = list(held)
        rows = []
        for digest, verdict in zip(batch.entries[len(held) :], fresh, strict=True):
            told = self._decide(session, digest, verdict, twins, now)
            verdicts.append(told)
            if told.verdict is Outcome.STORED and isinstance(verdict, Statement):
                rows.append(self._row(verdict, now))
                twins[verdict.iss, verdict.jti] = verdict.digest
        if rows:
            session.execute(insert(StatementRow), rows)
        self._advance(session, channel, verdicts[len(held) :])
        receipt = self._receipt(session, channel, batch, verdicts, now)
        after_commit(session, lambda: self.wake(batch.lane))
        return receipt

    def _held_entries(self, session: Session, channel: InChannel, batch: Batch) -> list[Verdict]:
        """Return the verdicts already given to the first entries of an overlapping batch; they never change."""
        if batch.first_seq > channel.head_seq:
            return []
        rows = session.scalars(
            select(InEntry)
            .where(
                InEntry.channel_id == channel.id,
                InEntry.seq.between(batch.first_seq, batch.last_seq),
            )
            .order_by(InEntry.seq)
        ).all()
        for row, digest in zip(rows, batch.entries, strict=False):
            if row.digest != digest:
                raise ForkFound(batch, row.seq)
        return [Verdict(row.digest, Outcome(row.verdict), row.reason) for row in rows]

    def _twins(self, session: Session, judged: Sequence[Judged]) -> dict[tuple[str, str], str]:
        """Return the digests already held under the ids that came in."""
        ids = [(one.iss, one.jti) for one in judged if isinstance(one, Statement)]
        if not ids:
            return {}
        rows = session.execute(
            select(StatementRow.iss, StatementRow.jti, StatementRow.digest).where(
                StatementRow.iss == ids[0][0], StatementRow.jti.in_([jti for _, jti in ids])
            )
        )
        return {(row.iss, row.jti): row.digest for row in rows}

    def _decide(
        self, session: Session, digest: str, judged: Judged, twins: dict[tuple[str, str], str], now: datetime
    ) -> Verdict:
        if isinstance(judged, Refused):
            self.log.append(session, "refused", digest, judged.reason)
            return Verdict(digest, Outcome.REFUSED, judged.reason)
        twin = twins.get((judged.iss, judged.jti))
        if twin is None:
            self.log.append(session, "received", digest, judged.jti)
            return Verdict(digest, Outcome.STORED)
        if twin == digest:
            return Verdict(digest, Outcome.DUPLICATE)
        row = {
            "digest": digest,
            "iss": judged.iss,
            "jti": judged.jti,
            "held_digest": twin,
            "token": judged.token,
            "private": judged.private,
            "at": now,
        }
        insert_new(session, Equivocation, [row])
        raise_alarm(
            session, "equivocation", f"{judged.iss}/{judged.jti}", now, peer=judged.iss, held=twin, other=digest
        )
        self.log.append(session, "equivocation", digest, judged.jti)
        return Verdict(digest, Outcome.REFUSED, Reason.EQUIVOCATION)

    def _row(self, statement: Statement, now: datetime) -> dict[str, object]:
        suspect = statement.iat > now + CLOCK_SKEW
        row = columns(statement, direction="in", state="pending", received_at=now)
        row["clock_suspect"] = suspect
        # A statement from the future waits for its own time; an emergency is applied at once, with the flag.
        waits = suspect and statement.lane is not Lane.EMERGENCY
        row["apply_after"] = statement.iat - CLOCK_SKEW if waits else None
        return row

    def _keep_early(self, session: Session, judged: Sequence[Judged], now: datetime) -> None:
        """Keep emergencies that overtook their predecessors; the batch itself comes again and gets its receipt then."""
        twins = self._twins(session, judged)
        early = [one for one in judged if isinstance(one, Statement) and (one.iss, one.jti) not in twins]
        for statement in early:
            self.log.append(session, "received", statement.digest, statement.jti)
        if early:
            session.execute(insert(StatementRow), [self._row(one, now) for one in early])
            after_commit(session, lambda: self.wake(Lane.EMERGENCY))

    def _advance(self, session: Session, channel: InChannel, verdicts: Sequence[Verdict]) -> None:
        seq, head = channel.head_seq, bytes.fromhex(channel.head_chain)
        rows = []
        for verdict in verdicts:
            seq += 1
            head = chain(head, seq, verdict.digest)
            rows.append(
                {
                    "channel_id": channel.id,
                    "seq": seq,
                    "digest": verdict.digest,
                    "verdict": verdict.verdict.value,
                    "reason": verdict.reason,
                }
            )
        if rows:
            session.execute(insert(InEntry), rows)
            channel.head_seq, channel.head_chain = seq, head.hex()

    def _receipt(
        self, session: Session, channel: InChannel, batch: Batch, verdicts: Sequence[Verdict], now: datetime
    ) -> bytes:
        receipt = seal_receipt(
            iss=self.us,
            aud=batch.iss,
            batch=batch.digest,
            lane=batch.lane,
            epoch=batch.epoch,
            received_at=now,
            verdicts=verdicts,
            head_seq=channel.head_seq,
            head_chain=bytes.fromhex(channel.head_chain),
            checkpoint=self.log.checkpoint(session),
            key=self.signer.key,
        )
        # The receipt's own digest is a leaf under a later checkpoint: it cannot be under the one it carries.
        self.log.append(session, "receipt", digest_of(receipt), batch.digest)
        session.execute(
            insert(InBatch),
            [
                {
                    "digest": batch.digest,
                    "channel_id": channel.id,
                    "first_seq": batch.first_seq,
                    "last_seq": batch.last_seq,
                    "token": batch.token,
                    "receipt": receipt,
                    "received_at": now,
                }
            ],
        )
        return receipt


class ForkFound(Refused):
    """Another digest at a seq that is held: the sender shows two pasts. The signed batch is the evidence."""

    def __init__(self, batch: Batch, seq: int) -> None:
        """Keep what the alarm needs; it is raised in a transaction of its own, since this refusal rolls back."""
        super().__init__(Reason.CHANNEL_FORK, f"another digest is held at or before seq {seq} of this channel")
        self.batch = batch
        self.seq = seq

    def report(self, session: Session, now: datetime) -> None:
        """Raise the alarm."""
        raise_alarm(
            session,
            "channel-fork",
            f"{self.batch.iss}/{self.batch.lane}/{self.batch.epoch}/{self.batch.digest}",
            now,
            peer=self.batch.iss,
            seq=self.seq,
            batch=self.batch.token.decode(),
        )
