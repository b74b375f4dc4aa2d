"""Collecting everything this node can prove about one thread, for an evidence file (`protocol.evidence`).

Statements with their private parts or tombstones; the batches and receipts that carried them; the place of each in
our evidence log, under its present checkpoint and under those other bureaus attest to hold; the keys of all.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit import restores, tombstones
from ecolink.audit.log import EvidenceLog, Place
from ecolink.audit.models import Attestation as AttestationRow
from ecolink.audit.models import Tombstone
from ecolink.errors import NotFoundError
from ecolink.federation.keystore import BureauKeys, Keystore
from ecolink.federation.models import InBatch, InChannel, InEntry, OutBatch, OutEntry, StatementRow
from ecolink.federation.signer import Signer
from ecolink.federation.statements import audience_of, parents_of
from ecolink.federation.witnessing import open_own
from ecolink.kit.canonical import sha256_hex
from ecolink.protocol import evidence
from ecolink.protocol.attestation import open_attestation
from ecolink.protocol.checkpoint import Checkpoint, seal_checkpoint
from ecolink.protocol.evidence import Content, GrowthProof, LeafProof, StatementRecord
from ecolink.protocol.jws import digest_of
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.manifest import Document
from ecolink.protocol.refusal import Refused
from ecolink.storage.engine import Database

_PROVING = frozenset(
    {
        LeafKind.SENT,
        LeafKind.RECEIVED,
        LeafKind.REFUSED,
        LeafKind.EQUIVOCATION,
        LeafKind.RECEIPT,
        LeafKind.RECEIPT_HELD,
        LeafKind.ERASURE,
        LeafKind.RESTORE,
    }
)


@dataclass(frozen=True, repr=False)
class EvidenceDesk:
    """Makes evidence files."""

    us: str
    database: Database
    keystore: Keystore
    signer: Signer
    log: EvidenceLog

    def export(self, thread: str, now: datetime, *, withhold: bool = False) -> bytes:
        """Return the evidence file of a thread, sealed; `withhold` leaves the personal data out.

        Raises:
            NotFoundError: no statement of this thread is held here.

        """
        with self.database.read() as session:
            content = self._collect(session, thread, now, withhold=withhold)
        return evidence.write(content, self.signer.key)

    def _collect(self, session: Session, thread: str, now: datetime, *, withhold: bool) -> Content:
        rows = session.scalars(select(StatementRow).where(StatementRow.thread == thread).order_by(StatementRow.n)).all()
        if not rows:
            raise NotFoundError(f"No statement of thread {thread} is held here.", f"本节点没有线程 {thread} 的报文。")
        stones = tombstones.of(session, [row.digest for row in rows])
        carried = list(_carried(session, rows))
        wanted = [(row.digest, row.jti) for row in rows]
        wanted += [(digest_of(receipt), digest_of(batch)) for batch, receipt in carried]
        wanted += [(stone.digest, statement) for statement, stone in stones.items()]
        places = self._places(session, wanted)
        proofs = _Proofs(self.log, session)
        oldest = min((place.log_epoch for place in places), default=1)
        for log_epoch in self.log.epochs(session):
            if log_epoch >= oldest:
                proofs.show_present(log_epoch)
        declared = {at: text for at, text in restores.declarations(session).items() if at in proofs.present}
        places += self._places(session, [(sha256_hex(text.encode()), f"log {at}") for at, text in declared.items()])
        attestations = self._attestations(session, rows, places, proofs)
        proofs.prove(places)
        return Content(
            thread=thread,
            made_by=self.us,
            made_at=now,
            manifests=self._manifests(session, rows),
            statements=[_record(row, stones.get(row.digest), withhold=withhold) for row in rows],
            batches=list(dict.fromkeys(batch for batch, _ in carried)),
            receipts=list(dict.fromkeys(receipt for _, receipt in carried)),
            attestations=attestations,
            checkpoints=proofs.notes,
            leaves=proofs.leaves,
            growth=proofs.growth,
            restores=[declared[at] for at in sorted(declared)],
        )

    def _places(self, session: Session, wanted: Iterable[tuple[str, str]]) -> list[Place]:
        """Find the leaves with these digests and refs that prove something."""
        found = [place for digest, ref in wanted for place in self.log.find(session, digest, ref)]
        return [place for place in dict.fromkeys(found) if place.kind in _PROVING]

    def _manifests(self, session: Session, rows: Iterable[StatementRow]) -> dict[str, list[Document]]:
        bureaus = {self.us, *(row.iss for row in rows), *(code for row in rows for code in audience_of(row))}
        chains = {code: self.keystore.documents(session, code) for code in sorted(bureaus)}
        return {code: documents for code, documents in chains.items() if documents}

    def _attestations(
        self, session: Session, rows: Iterable[StatementRow], places: Collection[Place], proofs: "_Proofs"
    ) -> list[bytes]:
        """Choose, of each participant's attestations, the first that covers each leaf and its newest word."""
        own = self.keystore.keys_of(session, self.us)
        participants = {code for row in rows for code in (row.iss, *audience_of(row))} - {self.us}
        chosen: dict[bytes, str] = {}
        for code in sorted(participants):
            held = select(AttestationRow).where(AttestationRow.unit_code == code)
            covering = [
                held.where(AttestationRow.log_epoch == place.log_epoch, AttestationRow.size > place.index)
                .order_by(AttestationRow.since)
                .limit(1)
                for place in places
            ]
            for query in (*covering, held.order_by(AttestationRow.held_at.desc()).limit(1)):
                row = session.scalar(query)
                if row is not None:
                    chosen[row.token] = code
        for token, code in chosen.items():
            keys = self.keystore.keys_of(session, code)
            if keys is not None and own is not None:
                for note in _own_notes(token, keys, own):
                    proofs.show_held(note)
        return list(chosen)


@dataclass
class _Proofs:
    """Our checkpoints in a file, and what is proven under them."""

    log: EvidenceLog
    session: Session
    notes: list[str] = field(default_factory=list)
    leaves: list[LeafProof] = field(default_factory=list)
    growth: list[GrowthProof] = field(default_factory=list)
    present: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By log, the place in `notes` of its present checkpoint, and the size."""
    states: list[tuple[int, int]] = field(default_factory=list)
    """The log and the size of each note."""

    def show_present(self, log_epoch: int) -> None:
        """Show where one of our logs stands, or where it was closed."""
        head = self.log.head(self.session, log_epoch)
        self.present[log_epoch] = (len(self.notes), head.tree.size)
        self._show(
            seal_checkpoint(head.origin, head.tree.size, head.tree.root(), self.log.key), log_epoch, head.tree.size
        )

    def show_held(self, note: Checkpoint) -> None:
        """Show a checkpoint that another bureau holds, joined to the present one of its log."""
        if note.log_epoch not in self.present or (note.log_epoch, note.size) in self.states:
            return
        newest, size = self.present[note.log_epoch]
        if note.size < size:
            proof = self.log.consistency(self.session, note.size, size, note.log_epoch)
            self.growth.append(GrowthProof(len(self.notes), newest, tuple(proof)))
            self._show(note.text, note.log_epoch, note.size)

    def prove(self, places: Iterable[Place]) -> None:
        """Prove each leaf under every checkpoint shown that covers it."""
        for place in places:
            for number, (log_epoch, size) in enumerate(self.states):
                if log_epoch == place.log_epoch and place.index < size:
                    proof = self.log.inclusion(self.session, place.index, size, log_epoch)
                    self.leaves.append(LeafProof(number, place.kind, place.digest, place.index, tuple(proof)))

    def _show(self, text: str, log_epoch: int, size: int) -> None:
        self.notes.append(text)
        self.states.append((log_epoch, size))


def _record(row: StatementRow, stone: Tombstone | None, *, withhold: bool) -> StatementRecord:
    if stone is not None and row.private is None:
        return StatementRecord(row.token, tombstone=stone.document)
    if withhold and row.private is not None:
        return StatementRecord(row.token, withheld=True)
    return StatementRecord(row.token, row.private)


def _carried(session: Session, rows: Sequence[StatementRow]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the batches that carried the statements, or their refused parents, each with its receipt."""
    for batch in session.execute(
        select(OutBatch.token, OutBatch.receipt)
        .join(OutEntry, OutEntry.channel_id == OutBatch.channel_id)
        .where(
            OutEntry.statement_n.in_([row.n for row in rows]),
            OutEntry.seq.between(OutBatch.first_seq, OutBatch.last_seq),
            OutBatch.receipt.is_not(None),
        )
        .order_by(OutBatch.receipted_at)
    ):
        yield batch.token, batch.receipt or b""
    for channel_id, seq in _told_in(session, rows):
        # Overlapping batches give one verdict; the first receipt is the one that told it.
        told = session.execute(
            select(InBatch.token, InBatch.receipt)
            .where(InBatch.channel_id == channel_id, InBatch.first_seq <= seq, InBatch.last_seq >= seq)
            .order_by(InBatch.id)
            .limit(1)
        ).first()
        if told is not None:
            yield told.token, told.receipt


def _told_in(session: Session, rows: Sequence[StatementRow]) -> list[tuple[int, int]]:
    """Return the channel and seq of every entry that told of the statements that came in, or of a refused parent."""
    came_in = [row for row in rows if row.direction == "in"]
    stored = {
        (row.in_channel_id, row.in_seq) for row in came_in if row.in_channel_id is not None and row.in_seq is not None
    }
    digests = {row.digest for row in came_in}
    digests |= {parent for row in rows for parent in parents_of(row)} - {row.digest for row in rows}
    told_otherwise = session.execute(
        select(InEntry.channel_id, InEntry.seq)
        .join(InChannel, InChannel.id == InEntry.channel_id)
        .where(InChannel.sender.in_({row.iss for row in came_in}), InEntry.digest.in_(digests))
    )
    return sorted(stored | {(entry.channel_id, entry.seq) for entry in told_otherwise})


def _own_notes(token: bytes, keys: BureauKeys, own: BureauKeys) -> Iterator[Checkpoint]:
    """Yield our own checkpoints that a peer's attestation says it holds."""
    try:
        attestation = open_attestation(token, find_key=keys.find, us=None, sender=keys.unit_code)
    except Refused:  # kept when it verified; a key that left the chain would be no evidence anyway
        return
    for holding in attestation.holds:
        try:
            yield open_own(holding.checkpoint, own)
        except Refused:
            continue
