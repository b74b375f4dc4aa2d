"""Key manifests: which keys a bureau uses, and how it changes them so that others may follow.

A manifest names its predecessor by digest and commits to the next signing key before that key is ever
used. So a thief of the current key cannot rotate (he lacks the committed one), and the owner of the
committed key can revoke without the current one.

- The first manifest is signed by its own signing key. Trust in it comes from a fingerprint read out by phone.
- A *rotation* carries two signatures over the same payload: the new key's (the committed one), then the old
  key's. The old key stays valid until the end of the overlap.
- A *revocation* carries one, by the committed key alone, and marks the old key revoked.

Keys never leave the list: what they signed must stay verifiable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ecolink.kit import canonical
from ecolink.kit.times import to_seconds, to_text
from ecolink.protocol import base64url, claims, jws, strict_json
from ecolink.protocol.claims import Claims
from ecolink.protocol.keys import FindKey, SigningKey, Use, VerifyKey, thumbprint
from ecolink.protocol.limits import MAX_CARD_BYTES, MAX_MANIFEST_BYTES
from ecolink.protocol.refusal import Reason, Refused

TYP = "ecolink-keys+jws"

Document = tuple[bytes, ...]
"""A manifest on the wire: one or two tokens over the same payload, the new key's first."""

_MAX_KEYS = 100
_MAX_VERSIONS = 200
_USES = {use.value: use for use in Use}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A verified manifest at the head of its chain."""

    document: Document = field(repr=False)
    iss: str
    version: int
    prev: str | None
    """The digest of the manifest before; None for the first."""
    digest: str
    """SHA-256 over the payload, the same for both tokens."""
    keys: tuple[VerifyKey, ...]
    next: str
    """What the next signing key must hash to: SHA-256 of its kid."""
    iat: datetime
    previous: "Manifest | None" = field(default=None, repr=False)

    @property
    def chain(self) -> tuple["Manifest", ...]:
        """All manifests from the first to this one."""
        return (*(self.previous.chain if self.previous else ()), self)

    def current(self, use: Use) -> VerifyKey:
        """Return the key in force for `use`: the last one listed."""
        return next(key for key in reversed(self.keys) if key.use is use)

    def find(self, kid: str) -> VerifyKey | None:
        """Return the key with this kid, in force or not."""
        return next((key for key in self.keys if key.kid == kid), None)


def commitment(kid: str) -> str:
    """Return what a manifest says about the next signing key before showing it."""
    return canonical.sha256_hex(kid.encode())


def new_manifest(
    *, iss: str, now: datetime, sign_key: SigningKey, log_key: SigningKey, seal_key: SigningKey, next_kid: str
) -> Document:
    """Return a bureau's first manifest, signed by `sign_key`; `next_kid` names the key kept for later."""
    keys = (
        sign_key.verify_key(iss, Use.SIGN, now),
        log_key.verify_key(iss, Use.LOG, now),
        seal_key.verify_key(iss, Use.SEAL, now),
    )
    return _seal(iss, 1, None, keys, next_kid, now, [sign_key])


def rotate(
    head: Manifest,
    *,
    now: datetime,
    new_key: SigningKey,
    old_key: SigningKey,
    next_kid: str,
    overlap: timedelta,
    log_key: SigningKey | None = None,
    seal_key: SigningKey | None = None,
) -> Document:
    """Return the manifest after `head` in which `new_key`, the committed one, takes over from `old_key`.

    Everything replaced stays valid for `overlap`. A log or a sealing key may be replaced with it.
    """
    replaced = _replaced(head, log_key, seal_key)
    keys = [
        replace(key, not_after=_sooner(key.not_after, now + overlap)) if key.kid in replaced else key
        for key in head.keys
    ]
    return _seal(
        head.iss,
        head.version + 1,
        head.digest,
        (*keys, *_fresh(head.iss, now, new_key, log_key, seal_key)),
        next_kid,
        now,
        [new_key, old_key],
    )


def revoke(
    head: Manifest,
    *,
    now: datetime,
    new_key: SigningKey,
    next_kid: str,
    compromised_since: datetime | None = None,
    log_key: SigningKey | None = None,
    seal_key: SigningKey | None = None,
) -> Document:
    """Return the manifest after `head` that revokes its signing key at `now`, signed by the committed key alone.

    A log or a sealing key given here replaces, and revokes, the one in force. `compromised_since` says from
    when on signatures of the revoked keys prove nothing by themselves.
    """
    replaced = _replaced(head, log_key, seal_key)
    keys = [
        replace(key, revoked_at=now, compromised_since=compromised_since) if key.kid in replaced else key
        for key in head.keys
    ]
    return _seal(
        head.iss,
        head.version + 1,
        head.digest,
        (*keys, *_fresh(head.iss, now, new_key, log_key, seal_key)),
        next_kid,
        now,
        [new_key],
    )


def verify(
    documents: Sequence[Document], *, issuer: str, pinned_head: str | None, pinned_chain: Sequence[str] = ()
) -> Manifest:
    """Verify a bureau's whole chain of manifests, oldest first, and return its head.

    Args:
        documents: all manifests from the first.
        issuer: the bureau they must be of.
        pinned_head: the digest already trusted, which must be in the chain; None at onboarding.
        pinned_chain: all digests already held, oldest first; with it a chain that is merely old is told
            from one that contradicts.

    Raises:
        Refused: `manifest-broken`, `manifest-stale`, `manifest-fork`, or what is wrong with a token.

    """
    if not 1 <= len(documents) <= _MAX_VERSIONS:
        raise Refused(Reason.MANIFEST_BROKEN, f"a chain has 1 to {_MAX_VERSIONS} manifests")
    head = _first(documents[0], issuer)
    for document in documents[1:]:
        head = _following(document, head)
    shown = [manifest.digest for manifest in head.chain]
    if any(held != digest for held, digest in zip(pinned_chain, shown, strict=False)):
        raise Refused(Reason.MANIFEST_FORK, "another manifest is already held at the same version")
    if len(shown) < len(pinned_chain):
        raise Refused(Reason.MANIFEST_STALE, f"the chain ends at version {head.version}, older than what is held")
    if pinned_head is not None and pinned_head not in shown:
        raise Refused(Reason.MANIFEST_FORK, "the chain does not contain the pinned manifest")
    return head


def pack(documents: Sequence[Document]) -> bytes:
    """Return a chain as JSON: a list of lists of tokens."""
    return canonical.dumps(as_text(documents))


def unpack(raw: bytes, *, max_bytes: int = MAX_CARD_BYTES) -> list[Document]:
    """Take a chain apart; nothing in it is verified yet.

    Raises:
        Refused: `too-large`, `bad-json`, `invalid-claim`.

    """
    return from_text(strict_json.loads(raw, max_bytes=max_bytes))


def as_text(documents: Sequence[Document]) -> list[list[str]]:
    """Return a chain in the form it has inside a card."""
    return [[token.decode("ascii") for token in document] for document in documents]


def from_text(value: object) -> list[Document]:
    """Read a chain in the form it has inside a card.

    Raises:
        Refused: `invalid-claim`.

    """
    if not isinstance(value, list) or not all(isinstance(document, list) for document in value):
        raise Refused(Reason.INVALID_CLAIM, "manifests are lists of tokens")
    if not all(isinstance(token, str) and token.isascii() for document in value for token in document):
        raise Refused(Reason.INVALID_CLAIM, "a manifest's tokens are text")
    return [tuple(token.encode() for token in document) for document in value]


def _seal(
    iss: str,
    version: int,
    prev: str | None,
    keys: Sequence[VerifyKey],
    next_kid: str,
    now: datetime,
    signers: Sequence[SigningKey],
) -> Document:
    payload = canonical.dumps(
        {
            "iss": iss,
            "version": version,
            "prev": prev,
            "keys": [_written(key) for key in keys],
            "next": commitment(next_kid),
            "iat": to_seconds(now),
        }
    )
    return tuple(jws.sign_bytes(TYP, payload, signer) for signer in signers)


def _written(key: VerifyKey) -> dict[str, Any]:
    times = {
        "not_before": key.not_before,
        "not_after": key.not_after,
        "revoked_at": key.revoked_at,
        "compromised_since": key.compromised_since,
    }
    return {"kid": key.kid, "use": key.use, "jwk": dict(key.jwk)} | {
        name: to_text(moment) for name, moment in times.items() if moment is not None
    }


def _replaced(head: Manifest, log_key: SigningKey | None, seal_key: SigningKey | None) -> set[str]:
    uses = [Use.SIGN, *([Use.LOG] if log_key else []), *([Use.SEAL] if seal_key else [])]
    return {head.current(use).kid for use in uses}


def _fresh(
    iss: str, now: datetime, new_key: SigningKey, log_key: SigningKey | None, seal_key: SigningKey | None
) -> list[VerifyKey]:
    added = [(new_key, Use.SIGN), (log_key, Use.LOG), (seal_key, Use.SEAL)]
    return [key.verify_key(iss, use, now) for key, use in added if key is not None]


def _sooner(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _first(document: Document, issuer: str) -> Manifest:
    if len(document) != 1:
        raise Refused(Reason.MANIFEST_BROKEN, "the first manifest has one signature")
    manifest = _open(document, issuer, lambda keys: _only(keys, Use.SIGN))
    if (manifest.version, manifest.prev) != (1, None):
        raise Refused(Reason.MANIFEST_BROKEN, "the first manifest has version 1 and no predecessor")
    for use in Use:
        _only(manifest.keys, use)
    _refuse_known_next(manifest)
    return manifest


def _following(document: Document, head: Manifest) -> Manifest:
    manifest = _open(document, head.iss, lambda keys: _committed(keys, head))
    if (manifest.version, manifest.prev) != (head.version + 1, head.digest):
        raise Refused(Reason.MANIFEST_BROKEN, f"version {manifest.version} does not follow version {head.version}")
    _refuse_rewritten_history(head, manifest)
    _refuse_known_next(manifest)
    old = manifest.find(head.current(Use.SIGN).kid)
    if len(document) == 2:  # noqa: PLR2004 - new key, old key
        _verify_by_old_key(document, head)
        if old is None or (old.not_after is None and old.revoked_at is None):
            raise Refused(Reason.MANIFEST_BROKEN, "a rotation says until when the old key is valid")
    elif old is None or old.revoked_at is None:
        raise Refused(Reason.MANIFEST_BROKEN, "only a revocation may do without the old key's signature")
    return replace(manifest, previous=head)


def _open(document: Document, issuer: str, signer_among: Callable[[tuple[VerifyKey, ...]], VerifyKey]) -> Manifest:
    """Open the first token with the one key among its own that may sign it."""

    def keys_inside(said: dict[str, Any]) -> FindKey:
        if said.get("iss") != issuer:
            raise Refused(Reason.WRONG_ISSUER, f"not a manifest of {issuer}")
        signer = signer_among(_keys(said, issuer))
        return {signer.kid: signer}.get

    opened = jws.open_self_signed(document[0], typ=TYP, keys_inside=keys_inside, max_bytes=MAX_MANIFEST_BYTES)
    said = opened.payload
    digest = canonical.sha256_hex(base64url.decode(_payload_segment(document[0])))
    return Manifest(
        document=document,
        iss=claims.unit(said, "iss"),
        version=claims.whole(said, "version", least=1),
        prev=claims.maybe_digest(said, "prev"),
        digest=digest,
        keys=_keys(said, issuer),
        next=claims.digest(said, "next"),
        iat=claims.seconds(said, "iat"),
    )


def _verify_by_old_key(document: Document, head: Manifest) -> None:
    new, old = document
    if _payload_segment(new) != _payload_segment(old):
        raise Refused(Reason.MANIFEST_BROKEN, "the two signatures of a rotation are over different payloads")
    signer = head.current(Use.SIGN)
    jws.open_token(old, typ=TYP, find_key={signer.kid: signer}.get, max_bytes=MAX_MANIFEST_BYTES)


def _payload_segment(token: bytes) -> bytes:
    return token.split(b".")[1]


def _only(keys: Sequence[VerifyKey], use: Use) -> VerifyKey:
    found = [key for key in keys if key.use is use]
    if len(found) != 1:
        raise Refused(Reason.MANIFEST_BROKEN, f"the first manifest has exactly one key for {use}")
    return found[0]


def _committed(keys: Sequence[VerifyKey], head: Manifest) -> VerifyKey:
    for key in keys:
        if key.use is Use.SIGN and commitment(key.kid) == head.next:
            return key
    raise Refused(Reason.MANIFEST_BROKEN, "no key is the one the manifest before committed to")


def _refuse_rewritten_history(head: Manifest, manifest: Manifest) -> None:
    """Known keys keep their place and their past; ends may come sooner, revocations are for ever."""
    if len(manifest.keys) <= len(head.keys):
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest keeps all earlier keys and adds the committed one")
    for before, after in zip(head.keys, manifest.keys, strict=False):
        same_key = (before.kid, before.use, before.not_before) == (after.kid, after.use, after.not_before)
        later_end = before.not_after is not None and (after.not_after is None or after.not_after > before.not_after)
        unrevoked = before.revoked_at is not None and after.revoked_at != before.revoked_at
        if not same_key or later_end or unrevoked:
            raise Refused(Reason.MANIFEST_BROKEN, f"the manifest rewrites the past of key {before.kid}")
    added = manifest.keys[len(head.keys) :]
    if [key.kid for key in added if key.use is Use.SIGN] != [_committed(manifest.keys, head).kid]:
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest adds the committed signing key and no other")
    if any(manifest.current(use).revoked_at for use in Use):
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest has a valid key for every use")


def _refuse_known_next(manifest: Manifest) -> None:
    if any(commitment(key.kid) == manifest.next for key in manifest.keys):
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest commits to a key not yet shown")


def _keys(said: Claims, issuer: str) -> tuple[VerifyKey, ...]:
    keys = tuple(_key(entry, issuer) for entry in claims.items(said, "keys", least=1, most=_MAX_KEYS))
    if len({key.kid for key in keys}) != len(keys):
        raise Refused(Reason.MANIFEST_BROKEN, "a key is listed twice")
    return keys


def _key(said: object, issuer: str) -> VerifyKey:
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "a key is not an object")
    jwk = claims.members(said, "jwk")
    if claims.text(said, "kid") != thumbprint(jwk):
        raise Refused(Reason.BAD_KEY, "a kid is not its key's thumbprint")
    revoked_at = claims.maybe_moment(said, "revoked_at")
    compromised_since = claims.maybe_moment(said, "compromised_since")
    if compromised_since is not None and revoked_at is None:
        raise Refused(Reason.MANIFEST_BROKEN, "a compromised key is revoked")
    return VerifyKey.from_jwk(
        jwk,
        issuer=issuer,
        use=claims.choice(said, "use", _USES),
        not_before=claims.moment(said, "not_before"),
        not_after=claims.maybe_moment(said, "not_after"),
        revoked_at=revoked_at,
        compromised_since=compromised_since,
    )
