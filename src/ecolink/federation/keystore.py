"""Whose keys are believed: every bureau's pinned manifest chain, read once and cached by version."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.errors import ConflictError, SettingError
from ecolink.federation.models import ManifestRow, PeerKey, PeerRow
from ecolink.federation.peers import PeerState
from ecolink.federation.signer import EXCHANGE, OwnKeys, Signer, read_keys, write_key
from ecolink.protocol import manifest
from ecolink.protocol.keys import SigningKey, Use, VerifyKey
from ecolink.protocol.manifest import Document, Manifest
from ecolink.storage.base import table_of
from ecolink.storage.bells import Bell, ring
from ecolink.storage.queries import Query
from ecolink.storage.upsert import insert_new

OVERLAP = timedelta(days=7)
"""How long a rotated key is still believed, so that what is under way arrives."""

_PEERS = table_of(PeerRow).c
_PEER = Query(select(_PEERS.manifest_version, _PEERS.state).where(_PEERS.unit_code == bindparam("unit_code")))


@dataclass(frozen=True, slots=True)
class BureauKeys:
    """The keys of one bureau as the head of its manifest chain gives them."""

    unit_code: str
    state: PeerState
    version: int
    by_kid: Mapping[str, VerifyKey]

    def find(self, kid: str) -> VerifyKey | None:
        """Return the key named `kid`, if it is this bureau's."""
        return self.by_kid.get(kid)

    def of(self, use: Use, at: datetime) -> VerifyKey | None:
        """Return the newest key of a use that is believed at `at`."""
        fit = [
            key
            for key in self.by_kid.values()
            if key.use is use
            and (key.not_after is None or at < key.not_after)
            and (key.revoked_at is None or at < key.revoked_at)
        ]
        return max(fit, key=lambda key: key.not_before, default=None)


@dataclass(repr=False)
class Keystore:
    """Pinned keys of every bureau, and the changes to our own."""

    us: str
    directory_keys: OwnKeys
    log: EvidenceLog
    passphrase: bytes | None
    _cache: dict[tuple[str, int], Mapping[str, VerifyKey]] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keys_of(self, session: Session, unit_code: str) -> BureauKeys | None:
        """Return a bureau's keys, ours included; None when it is not known here."""
        if unit_code == self.us:
            version = session.scalar(select(func.max(ManifestRow.version)).where(ManifestRow.unit_code == self.us))
            state = PeerState.ACTIVE
        else:
            peer = _PEER.first(session, {"unit_code": unit_code})
            version, state = (peer.manifest_version, PeerState(peer.state)) if peer else (None, PeerState.PENDING)
        if version is None:
            return None
        found = self._cache.get((unit_code, version))
        if found is None:
            head = self.head(session, unit_code)
            found = {key.kid: key for key in head.keys}
            with self._lock:
                self._cache[unit_code, head.version] = found
        return BureauKeys(unit_code, state, version, found)

    def owner(self, session: Session, kid: str) -> BureauKeys | None:
        """Return the keys of the bureau that owns `kid`; None when nobody we know does."""
        unit_code = self._owners.get(kid)
        if unit_code is None:
            unit_code = session.scalar(select(PeerKey.unit_code).where(PeerKey.kid == kid))
            if unit_code is None:
                return None
            self._owners[kid] = unit_code
        return self.keys_of(session, unit_code)

    def documents(self, session: Session, unit_code: str) -> list[Document]:
        """Return a bureau's manifest chain as it travels: oldest first, each link its one or two tokens."""
        rows = session.scalars(
            select(ManifestRow.tokens).where(ManifestRow.unit_code == unit_code).order_by(ManifestRow.version)
        )
        return manifest.from_text([list(tokens) for tokens in rows])

    def head(self, session: Session, unit_code: str) -> Manifest:
        """Return the newest manifest held of a bureau.

        Raises:
            SettingError: none is held (for our own: the node was never initialised).

        """
        documents = self.documents(session, unit_code)
        if not documents:
            raise SettingError(
                f"No key manifest of {unit_code} is held: run 'ecolink init'.",
                f"没有 {unit_code} 的密钥清单：请运行 ecolink init。",
            )
        return manifest.verify(documents, issuer=unit_code, pinned_head=None)

    def begin(self, session: Session, now: datetime) -> Manifest:
        """Write our first manifest over the freshly made keys of the directory (`ecolink init`)."""
        sign, committed = self.directory_keys.by_use[EXCHANGE].values()
        made = manifest.new_manifest(
            iss=self.us,
            now=now,
            sign_key=sign,
            log_key=self.directory_keys.only("log"),
            seal_key=self.directory_keys.only("seal"),
            next_kid=committed.kid,
        )
        return self._hold(session, [made], "keys-begun", now)

    def rotate(self, session: Session, now: datetime) -> Manifest:
        """Change to the committed next signing key; the present one stays valid for `OVERLAP`.

        The new committed key's file is on disk before the manifest that names it is committed.
        """
        head = self.head(session, self.us)
        made = manifest.rotate(
            head,
            now=now,
            new_key=self._committed(head),
            old_key=self._private(head.current(Use.SIGN).kid),
            next_kid=self._new_next().kid,
            overlap=OVERLAP,
        )
        return self._hold(session, [*self.documents(session, self.us), made], "keys-rotated", now)

    def revoke(self, session: Session, now: datetime, *, compromised_since: datetime | None) -> Manifest:
        """Revoke the present signing key at once, on the word of the committed next key alone."""
        head = self.head(session, self.us)
        made = manifest.revoke(
            head,
            now=now,
            new_key=self._committed(head),
            next_kid=self._new_next().kid,
            compromised_since=compromised_since,
        )
        return self._hold(session, [*self.documents(session, self.us), made], "keys-revoked", now)

    def learn(self, session: Session, documents: Sequence[Document], now: datetime) -> Manifest:
        """Take over manifests of our own that a restore had forgotten and a peer kept; they prove themselves.

        Raises:
            Refused: they do not lead on from the newest we hold.
            SettingError: the private key in force is not in the key directory; nothing was taken over.

        """
        held = self.head(session, self.us)
        pinned = [link.digest for link in held.chain]
        head = manifest.verify(documents, issuer=self.us, pinned_head=held.digest, pinned_chain=pinned)
        if head.version > held.version:
            self._private(head.current(Use.SIGN).kid)
            for length in range(held.version + 1, head.version + 1):
                self._hold(session, documents[:length], "keys-learnt", now)
        return head

    def signing_keys(self) -> list[SigningKey]:
        """Return every signing key of the directory, newest file first, whatever the manifests say of it."""
        self.directory_keys = read_keys(self.directory_keys.directory, self.passphrase)
        return list(self.directory_keys.by_use.get(EXCHANGE, {}).values())[::-1]

    def refresh(self, session: Session, signer: Signer) -> None:
        """Have `signer` use the key that our newest manifest names, also after another process rotated it."""
        kid = self.head(session, self.us).current(Use.SIGN).kid
        if not signer.signs_with(kid):
            signer.change(self._private(kid))

    def _private(self, kid: str) -> SigningKey:
        if kid not in self.directory_keys.by_use.get(EXCHANGE, {}):
            self.directory_keys = read_keys(self.directory_keys.directory, self.passphrase)
        return self.directory_keys.get(EXCHANGE, kid)

    def _committed(self, head: Manifest) -> SigningKey:
        for kid in self.directory_keys.by_use[EXCHANGE]:
            if manifest.commitment(kid) == head.next:
                return self.directory_keys.get(EXCHANGE, kid)
        raise SettingError(
            f"The committed next key is missing in {self.directory_keys.directory}: restore it from the key backup.",
            f"密钥目录 {self.directory_keys.directory} 缺少已承诺的下一把密钥，请从密钥备份恢复。",
        )

    def _new_next(self) -> SigningKey:
        key = SigningKey.generate()
        write_key(self.directory_keys.directory, EXCHANGE, key, self.passphrase)
        self.directory_keys = read_keys(self.directory_keys.directory, self.passphrase)
        return key

    def _hold(self, session: Session, documents: Sequence[Document], what: str, now: datetime) -> Manifest:
        head = manifest.verify(documents, issuer=self.us, pinned_head=None)
        row = {
            "unit_code": self.us,
            "version": head.version,
            "digest": head.digest,
            "tokens": manifest.as_text(documents)[-1],
            "held_at": now,
        }
        if insert_new(session, ManifestRow, [row]) == 0:
            raise ConflictError(
                "Another process just changed the keys: look at 'ecolink key list'.", "密钥刚被另一进程更改。"
            )
        self.log.append(session, what, head.digest, self.us)
        ring(session, Bell.WATCH)  # every process is to sign with the new key
        return head
