"""The other bureaus' nodes: pending until two people compared the fingerprint, then active, perhaps suspended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.errors import ConflictError, InvalidError, NotFoundError
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.models import ManifestRow, PeerKey, PeerRow
from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.times import to_text
from ecolink.protocol import manifest
from ecolink.protocol.card import fingerprint, open_card
from ecolink.protocol.keys import Use
from ecolink.protocol.manifest import Document, Manifest
from ecolink.protocol.refusal import Reason, Refused
from ecolink.storage.bells import Bell, ring
from ecolink.storage.upsert import insert_new


class PeerState(StrEnum):
    """Where a peer stands."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer as the other rooms see it."""

    unit_code: str
    name_zh: str
    name_en: str
    state: PeerState
    duty_phone: str
    federation_url: str
    fingerprint: str
    manifest_version: int
    activated_at: datetime | None
    suspended_reason: str | None
    last_contact_at: datetime | None
    clock_skew_s: int | None
    last_error: str | None


@dataclass(frozen=True, repr=False)
class Peers:
    """Imports, activates and suspends peers; every step is a leaf in the evidence log."""

    us: str
    log: EvidenceLog

    def get(self, session: Session, unit_code: str) -> Peer:
        """Return one peer.

        Raises:
            NotFoundError: no card of that bureau was ever imported.

        """
        return _peer(_row(session, unit_code))

    def names(self, session: Session) -> dict[str, Peer]:
        """Return every peer by unit code."""
        return {row.unit_code: _peer(row) for row in session.scalars(select(PeerRow).order_by(PeerRow.unit_code))}

    def import_card(self, session: Session, card: bytes, *, by: str, now: datetime) -> Peer:
        """Keep a bureau's card as pending. It proves only that it agrees with itself: two people still compare.

        Importing the same bureau again refreshes address and phone number; a changed key is taken only when
        the manifest chain leads to it from the head that is already pinned.

        Raises:
            InvalidError: the card is damaged, or our own.
            ConflictError: its keys do not follow from those held.

        """
        try:
            opened = open_card(card, received_at=now)
        except Refused as refused:
            raise InvalidError(
                f"This is no valid card ({refused.reason}): {refused.detail}",
                f"名片无效（{refused.reason}）。请对方重新导出。",
            ) from refused
        if opened.iss == self.us:
            raise InvalidError("This is this node's own card.", "这是本节点自己的名片。")
        row = session.get(PeerRow, opened.iss)
        if row is None:
            row = PeerRow(unit_code=opened.iss, state=PeerState.PENDING, imported_at=now)
            self._hold_keys(session, row, opened.manifest, now)
            session.add(row)
        elif row.manifest_digest != opened.manifest.digest:
            outcome = self.take_manifests(session, row.unit_code, opened.manifests, now=now)
            if isinstance(outcome, Refused):
                raise ConflictError(
                    f"The card's keys do not follow from those held ({outcome.reason}). Call the bureau.",
                    f"名片中的密钥与已保存的不衔接（{outcome.reason}）。请电话联系对方。",
                )
        row.name_zh, row.name_en, row.region = opened.name_zh, opened.name_en, opened.region
        row.federation_url, row.duty_phone, row.card = opened.federation_url, opened.duty_phone, card
        session.flush()
        self._note(session, "peer-imported", row, by, now)
        return _peer(row)

    def activate(self, session: Session, unit_code: str, *, read_out: str, by: str, now: datetime) -> Peer:
        """Trust a peer's keys: `read_out` is the fingerprint a person there read out over the phone.

        Raises:
            NotFoundError: the peer is not known.
            InvalidError: the fingerprints differ.

        """
        row = _row(session, unit_code, locked=True)
        if "".join(read_out.split()) != "".join(row.fingerprint.split()):
            raise InvalidError(
                "The fingerprints differ: do not activate. Call the bureau on a number you already knew.",
                "指纹不一致，请勿启用。请用已知的电话号码联系对方核实。",
                pointer="/fingerprint",
            )
        row.state, row.activated_at, row.activated_by = PeerState.ACTIVE, now, by
        row.suspended_at = row.suspended_reason = None
        session.flush()
        ring(session, *Bell)  # whatever waited for it
        self._note(session, "peer-activated", row, by, now)
        return _peer(row)

    def suspend(self, session: Session, unit_code: str, *, reason: str, by: str, now: datetime) -> Peer:
        """Stop exchanging with a peer; queues wait, receipts, keys and recalls still pass.

        Raises:
            NotFoundError: the peer is not known.

        """
        row = _row(session, unit_code, locked=True)
        row.state, row.suspended_at, row.suspended_reason = PeerState.SUSPENDED, now, reason[:500]
        session.flush()
        self._note(session, "peer-suspended", row, by, now)
        return _peer(row)

    def is_news(self, session: Session, unit_code: str, documents: Sequence[Document]) -> bool:
        """Tell whether `take_manifests` would write anything: newer keys, or a fork. Writes nothing itself.

        Raises:
            NotFoundError: the peer is not known.
            Refused: what they are is neither, and no good.

        """
        row = _row(session, unit_code)
        try:
            head = self._verify(session, row, documents)
        except Refused as refused:
            if refused.reason == Reason.MANIFEST_FORK:
                return True
            raise
        return head.version > row.manifest_version

    def take_manifests(
        self, session: Session, unit_code: str, documents: Sequence[Document], *, now: datetime
    ) -> Manifest | Refused:
        """Take a peer's newer key manifests when they follow from the pinned head. Needs no other proof.

        Returns what was wrong instead of raising it: a fork suspends the peer, and that must be committed.

        Raises:
            NotFoundError: the peer is not known.

        """
        row = _row(session, unit_code, locked=True)
        try:
            head = self._verify(session, row, documents)
        except Refused as refused:
            if refused.reason == Reason.MANIFEST_FORK:
                row.state, row.suspended_at = PeerState.SUSPENDED, now
                row.suspended_reason = "two key manifests with the same predecessor"
                raise_alarm(session, "manifest-fork", sha256_hex(manifest.pack(documents)), now, peer=unit_code)
            return refused
        if head.version > row.manifest_version:
            self._hold_keys(session, row, head, now)
            session.flush()
            self._note(session, "peer-keys-changed", row, unit_code, now)
        return head

    def _hold_keys(self, session: Session, row: PeerRow, head: Manifest, now: datetime) -> None:
        held = [
            {
                "unit_code": row.unit_code,
                "version": link.version,
                "digest": link.digest,
                "tokens": manifest.as_text([link.document])[0],
                "held_at": now,
            }
            for link in head.chain
        ]
        insert_new(session, ManifestRow, held)
        # Of the keys for its log and for sealing a manifest proves nothing: anyone may list another bureau's.
        kids = [key.kid for key in head.keys if key.use is Use.SIGN]
        session.execute(delete(PeerKey).where(PeerKey.unit_code == row.unit_code))
        if session.scalar(select(PeerKey.kid).where(PeerKey.kid.in_(kids)).limit(1)) is not None:
            raise ConflictError("Another bureau already holds one of these keys.", "其中一个密钥已属于另一单位。")
        insert_new(session, PeerKey, [{"kid": kid, "unit_code": row.unit_code} for kid in kids])
        row.manifest_version, row.manifest_digest = head.version, head.digest
        row.fingerprint = fingerprint(row.unit_code, head.digest)

    def _verify(self, session: Session, row: PeerRow, documents: Sequence[Document]) -> Manifest:
        held = select(ManifestRow.digest).where(ManifestRow.unit_code == row.unit_code).order_by(ManifestRow.version)
        return manifest.verify(
            documents,
            issuer=row.unit_code,
            pinned_head=row.manifest_digest,
            pinned_chain=session.scalars(held).all(),
        )

    def _note(self, session: Session, what: str, row: PeerRow, by: str, now: datetime) -> None:
        record = {
            "what": what,
            "peer": row.unit_code,
            "state": row.state,
            "manifest": row.manifest_digest,
            "by": by,
            "at": to_text(now),
        }
        self.log.append(session, what, sha256_hex(dumps(record)), row.unit_code)


def _row(session: Session, unit_code: str, *, locked: bool = False) -> PeerRow:
    row = session.get(PeerRow, unit_code, with_for_update=locked)
    if row is None:
        raise NotFoundError(f"No peer {unit_code} is known here.", f"本节点没有对端 {unit_code}。")
    return row


def _peer(row: PeerRow) -> Peer:
    return Peer(
        unit_code=row.unit_code,
        name_zh=row.name_zh,
        name_en=row.name_en,
        state=PeerState(row.state),
        duty_phone=row.duty_phone,
        federation_url=row.federation_url,
        fingerprint=row.fingerprint,
        manifest_version=row.manifest_version,
        activated_at=row.activated_at,
        suspended_reason=row.suspended_reason,
        last_contact_at=row.last_contact_at,
        clock_skew_s=row.clock_skew_s,
        last_error=row.last_error,
    )
