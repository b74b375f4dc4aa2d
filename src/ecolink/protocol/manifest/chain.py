"""Reading manifests: each must follow from the one before, and all from what is already trusted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ecolink.kit import canonical
from ecolink.protocol import base64url, claims, jws
from ecolink.protocol.keys import FindKey, Use, VerifyKey
from ecolink.protocol.limits import MAX_MANIFEST_BYTES
from ecolink.protocol.manifest.record import TYP, Document, Manifest, commitment, read_keys
from ecolink.protocol.refusal import Reason, Refused

_MAX_VERSIONS = 200


def verify(
    documents: Sequence[Document], *, issuer: str, pinned_head: str | None, pinned_chain: Sequence[str] = ()
) -> Manifest:
    """Verify a bureau's whole chain of manifests, oldest first, and return its head.

    Anyone can write a first manifest in a bureau's name and sign it with a key of their own, so a chain that
    starts elsewhere is a stranger's and proves nothing. A fork is two manifests that the same committed key
    signed: that is the bureau contradicting itself, or a thief with its keys.

    Args:
        documents: all manifests from the first.
        issuer: the bureau they must be of.
        pinned_head: the digest already trusted, which must be in the chain; None at onboarding.
        pinned_chain: all digests already held, oldest first; needed to tell a fork.

    Raises:
        Refused: `manifest-unrooted`, `manifest-fork`, `manifest-stale` (older than what is held, nothing
            wrong), `manifest-broken`, or what is wrong with a token.

    """
    if not 1 <= len(documents) <= _MAX_VERSIONS:
        raise Refused(Reason.MANIFEST_BROKEN, f"a chain has 1 to {_MAX_VERSIONS} manifests")
    pinned = dict(enumerate(pinned_chain, 1))
    head = _first(documents[0], issuer)
    if head.digest != pinned.get(1, head.digest):
        raise Refused(Reason.MANIFEST_UNROOTED, "the first manifest is not the pinned one")
    for document in documents[1:]:
        head = _following(document, head)
        if head.digest != pinned.get(head.version, head.digest):
            raise Refused(Reason.MANIFEST_FORK, f"another manifest is already held as version {head.version}")
    if head.version < len(pinned):
        raise Refused(Reason.MANIFEST_STALE, f"the chain ends at version {head.version}, older than what is held")
    if pinned_head is not None and all(pinned_head != manifest.digest for manifest in head.chain):
        raise Refused(Reason.MANIFEST_UNROOTED, "the chain does not lead to the pinned manifest")
    return head


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
    if not 1 <= len(document) <= 2:  # noqa: PLR2004 - the new key's, the old key's
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest has one or two signatures")
    manifest = _open(document, head.iss, lambda keys: _committed(keys, head))
    if (manifest.version, manifest.prev) != (head.version + 1, head.digest):
        raise Refused(Reason.MANIFEST_BROKEN, f"version {manifest.version} does not follow version {head.version}")
    _refuse_rewritten_history(head, manifest)
    _refuse_known_next(manifest)
    if manifest.iat < head.iat:
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest is not older than the one before")
    old = manifest.find(head.current(Use.SIGN).kid)
    if len(document) > 1:
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
        signer = signer_among(read_keys(said, issuer))
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
        keys=read_keys(said, issuer),
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
    """Known keys keep their place and their past, and the committed signing key is the only new one."""
    if len(manifest.keys) <= len(head.keys):
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest keeps all earlier keys and adds the committed one")
    for before, after in zip(head.keys, manifest.keys, strict=False):
        if not _is_same_key_later(before, after, manifest.iat):
            raise Refused(Reason.MANIFEST_BROKEN, f"the manifest rewrites the past of key {before.kid}")
    added = manifest.keys[len(head.keys) :]
    if [key.kid for key in added if key.use is Use.SIGN] != [_committed(manifest.keys, head).kid]:
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest adds the committed signing key and no other")
    if any(manifest.current(use).revoked_at for use in Use):
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest has a valid key for every use")


def _is_same_key_later(before: VerifyKey, after: VerifyKey, iat: datetime) -> bool:
    """Tell whether `after` may be what became of `before` in a manifest of `iat`.

    An end may be set or come sooner, but never lie in the past: a bureau cannot disown what its key signed
    yesterday. From when on a stolen key proves nothing is said by `compromised_since`, which only moves back.
    """
    return (
        (before.kid, before.use, before.not_before) == (after.kid, after.use, after.not_before)
        and _is_end_kept(before.not_after, after.not_after, iat)
        and (after.revoked_at == before.revoked_at or (before.revoked_at is None and _is_from(after.revoked_at, iat)))
        and (before.compromised_since is None or _is_until(after.compromised_since, before.compromised_since))
    )


def _is_end_kept(before: datetime | None, after: datetime | None, iat: datetime) -> bool:
    return after == before or (_is_from(after, iat) and (before is None or _is_until(after, before)))


def _is_from(moment: datetime | None, start: datetime) -> bool:
    return moment is not None and moment >= start


def _is_until(moment: datetime | None, end: datetime) -> bool:
    return moment is not None and moment <= end


def _refuse_known_next(manifest: Manifest) -> None:
    if any(commitment(key.kid) == manifest.next for key in manifest.keys):
        raise Refused(Reason.MANIFEST_BROKEN, "a manifest commits to a key not yet shown")
