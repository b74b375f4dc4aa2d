"""Exchange with a bureau that shares no network with us: a sealed file, carried by a person (`protocol.bundle`).

A bundle for a peer holds our key manifests, our attestation, the receipts for what its last bundle brought, every
batch it has not receipted yet and the attachments those name. Taking one in is pushing, pulling and fetching by
other means: the same checks, the same receipts, and doing it twice is doing it once. Nothing is lost with a lost
disc: the next bundle holds whatever has no receipt.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final, Protocol

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ecolink.errors import ConflictError, InvalidError, NotFoundError
from ecolink.federation.applying import Applier
from ecolink.federation.batches import CHANNEL, Channel, batch_from, push_body
from ecolink.federation.bundle_models import OwedReceipt
from ecolink.federation.callers import Caller, Callers
from ecolink.federation.inbox import Inbox
from ecolink.federation.intake import Receipted
from ecolink.federation.keystore import BureauKeys, Keystore
from ecolink.federation.models import InBatch, InChannel, OutChannel
from ecolink.federation.peers import Peers, PeerState
from ecolink.federation.receipts import Receipts
from ecolink.federation.signer import SEAL, OwnKeys, Signer
from ecolink.federation.witnessing import Witnessing
from ecolink.kit.ids import new_id
from ecolink.protocol import bundle
from ecolink.protocol.batch import unpack
from ecolink.protocol.bundle import MAX_ITEMS, Item, Kind, Part, item_of
from ecolink.protocol.jws import digest_of
from ecolink.protocol.keys import FindKey, Use
from ecolink.protocol.manifest import Document
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import AttachmentRef, Lane
from ecolink.storage.engine import Database
from ecolink.storage.upsert import insert_new

MOST_BATCHES: Final = 1_000
MOST_BATCH_BYTES: Final = 256 * 1024 * 1024
"""What one bundle takes of the queue; the next one takes the rest."""


class Blobs(Protocol):
    """The attachments, which belong to a room above this one."""

    def owed(self, session: Session, peer: str) -> Sequence[AttachmentRef]:
        """Return what our statements to `peer` name and it has not confirmed."""
        ...

    def read(self, digest: str) -> Iterable[bytes]:
        """Yield the bytes of an attachment."""
        ...

    def take(self, peer: str, digest: str, chunks: Iterator[bytes], now: datetime) -> bool:
        """Take in an attachment of `peer`; tell whether a standing statement of it names this one."""
        ...


@dataclass(slots=True)
class Carried:
    """What a bundle held, for the person who carries it."""

    peer: str
    receipts: int = 0
    batches: int = 0
    attachments: int = 0
    left_out: int = 0
    """Attachments that did not fit; the next bundle takes them."""
    problems: list[str] = field(default_factory=list)
    """What was not taken in, and why; nothing else suffers from it."""


@dataclass(frozen=True, repr=False)
class BundleDesk:
    """Makes bundles and takes them in."""

    us: str
    database: Database
    keys: OwnKeys
    keystore: Keystore
    signer: Signer
    peers: Peers
    callers: Callers
    inbox: Inbox
    receipts: Receipts
    applier: Applier
    witnessing: Witnessing
    blobs: Blobs

    def export(self, peer: str, out: BinaryIO, now: datetime) -> Carried:
        """Write a bundle for `peer` to `out`; what it holds stays queued until its receipt comes back.

        Raises:
            NotFoundError: the peer is not known.
            ConflictError: the peer was never activated.

        """
        load = _Load(self.blobs)
        with self.database.begin() as session:
            keys = self._onboarded(session, peer)
            seal_key = keys.of(Use.SEAL, now)
            if seal_key is None:
                raise ConflictError(
                    f"{peer} has no valid key to seal for; import its newest card.",
                    f"{peer} 没有有效的加封密钥，请导入其最新名片。",
                )
            manifests = self.keystore.documents(session, self.us)
            owed = self._owed(session, peer, load)
            self._queued(session, peer, keys.state, load, now)
            load.add_blobs(self.blobs.owed(session, peer))
            load.add(Kind.ATTESTATION, self.witnessing.attest(session, peer, now))
        out.writelines(
            bundle.write(
                load.items,
                load.bytes_of,
                iss=self.us,
                aud=peer,
                jti=new_id(now),
                now=now,
                manifests=manifests,
                key=self.signer.key,
                seal_key=seal_key,
            )
        )
        with self.database.begin() as session:
            session.execute(delete(OwedReceipt).where(OwedReceipt.peer == peer, OwedReceipt.batch.in_(owed)))
        return load.told(peer)

    def take_in(self, file: BinaryIO, now: datetime) -> Carried:
        """Take in a bundle.

        Raises:
            InvalidError: the file as a whole is not acceptable; what was taken in before it broke off stays.

        """
        try:
            contents, parts = bundle.read(
                file.readline,
                us=self.us,
                seal_keys=self.keys.by_use.get(SEAL, {}),
                introduce=lambda iss, documents: self._introduce(iss, documents, now),
                received_at=now,
            )
            told = Carried(contents.iss)
            for part in parts:
                try:
                    self._take(part, told, now)
                except Refused as refused:
                    if refused.reason == Reason.BAD_BUNDLE:
                        raise
                    told.problems.append(f"{part.item.kind} {part.item.digest[:12]}: {refused}")
        except Refused as refused:
            raise InvalidError(
                f"The bundle cannot be taken in: {refused}", f"无法导入该离线包：{refused.reason}"
            ) from refused
        return told

    def _introduce(self, iss: str, documents: Sequence[Document], now: datetime) -> FindKey:
        """Take newer manifests of a known bureau, as `POST /federation/v1/keys` does."""
        with self.database.begin() as session:
            try:
                outcome = self.peers.take_manifests(session, iss, documents, now=now)
            except NotFoundError:
                raise Refused(Reason.UNKNOWN_KEY, f"no card of {iss} was imported here") from None
        if isinstance(outcome, Refused) and outcome.reason != Reason.MANIFEST_STALE:
            raise outcome
        return self._caller(iss).keys.find

    def _take(self, part: Part, told: Carried, now: datetime) -> None:
        caller = self._caller(told.peer)
        match part.item.kind:
            case Kind.ATTESTATION:
                self.witnessing.take_carried(part.read(), caller.keys, now)
            case Kind.RECEIPT:
                token = part.read()
                with self.database.begin() as session:
                    self.receipts.record(session, caller.keys, token, now)
                told.receipts += 1
            case Kind.BATCH:
                self._take_batch(caller, part.read(), told, now)
            case Kind.BLOB:
                while self.applier.step(tuple(Lane), now):  # a blob is wanted once its statement is taken up
                    pass
                told.attachments += self.blobs.take(told.peer, part.item.digest, part.chunks, now)

    def _take_batch(self, caller: Caller, body: bytes, told: Carried, now: datetime) -> None:
        kept = self.inbox.receive(caller, body, now)
        if not isinstance(kept, Receipted):
            told.problems.append(
                f"a batch is held back: entry {kept.expected} comes first; take in the earlier bundle, then this again"
            )
            return
        row = {"peer": caller.unit_code, "batch": digest_of(unpack(body)[0]), "since": now}
        with self.database.begin() as session:
            insert_new(session, OwedReceipt, [row])
        told.batches += 1

    def _caller(self, unit_code: str) -> Caller:
        with self.database.read() as session:
            caller = self.callers.carried(session, unit_code)
        caller.refuse_unless_onboarded()
        return caller

    def _onboarded(self, session: Session, peer: str) -> BureauKeys:
        self.peers.get(session, peer)
        keys = self.keystore.keys_of(session, peer)
        if keys is None or keys.state is PeerState.PENDING:
            raise ConflictError(
                f"{peer} is not activated: compare fingerprints by phone first.", f"{peer} 尚未启用：请先电话核对指纹。"
            )
        return keys

    def _owed(self, session: Session, peer: str, load: "_Load") -> list[str]:
        rows = session.execute(
            select(OwedReceipt.batch, InBatch.receipt)
            .join(InBatch, InBatch.digest == OwedReceipt.batch)
            .join(InChannel, InChannel.id == InBatch.channel_id)
            .where(OwedReceipt.peer == peer, InChannel.sender == peer)
            .order_by(InBatch.id)
            .limit(MOST_BATCHES)
        ).all()
        for row in rows:
            load.add(Kind.RECEIPT, row.receipt)
        return [row.batch for row in rows]

    def _queued(self, session: Session, peer: str, state: PeerState, load: "_Load", now: datetime) -> None:
        """Add the batches the peer has not receipted: the sealed ones byte for byte, then new ones."""
        found = session.execute(
            select(*CHANNEL)
            .where(
                OutChannel.recipient == peer,
                OutChannel.closed.is_(False),
                OutChannel.last_seq > OutChannel.receipted_seq,
            )
            .with_for_update()
        ).all()
        channels = [Channel(*row) for row in found]
        for channel in sorted(channels, key=lambda each: list(Lane).index(Lane(each.lane))):
            if state is PeerState.SUSPENDED and channel.lane != Lane.CONTROL:
                continue
            after = channel.receipted_seq
            while after < channel.last_seq and load.has_room():
                batch = batch_from(session, self.us, self.signer, channel, after + 1, now)
                load.add(Kind.BATCH, push_body(session, batch))
                after = batch.last_seq


class _Load:
    """What goes into one bundle."""

    def __init__(self, blobs: Blobs) -> None:
        self.items: list[Item] = []
        self._blobs = blobs
        self._held: dict[str, bytes] = {}
        self._left_out = 0

    def add(self, kind: Kind, data: bytes) -> None:
        item = item_of(kind, data)
        self.items.append(item)
        self._held[item.digest] = data

    def add_blobs(self, refs: Iterable[AttachmentRef]) -> None:
        room = bundle.MAX_BUNDLE_BYTES - MOST_BATCH_BYTES * 2
        for ref in refs:
            room -= ref.size
            if room < 0 or ref.size > bundle.MAX_BLOB_BYTES or len(self.items) >= MAX_ITEMS - 1:
                self._left_out += 1
            else:
                self.items.append(Item(Kind.BLOB, ref.digest, ref.size))

    def has_room(self) -> bool:
        batches = self._of(Kind.BATCH)
        return len(batches) < MOST_BATCHES and sum(item.size for item in batches) < MOST_BATCH_BYTES

    def bytes_of(self, item: Item) -> Iterable[bytes]:
        return self._blobs.read(item.digest) if item.kind is Kind.BLOB else [self._held[item.digest]]

    def told(self, peer: str) -> Carried:
        return Carried(
            peer,
            receipts=len(self._of(Kind.RECEIPT)),
            batches=len(self._of(Kind.BATCH)),
            attachments=len(self._of(Kind.BLOB)),
            left_out=self._left_out,
        )

    def _of(self, kind: Kind) -> list[Item]:
        return [item for item in self.items if item.kind is kind]
