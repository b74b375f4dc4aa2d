"""Writing manifests: the first, a rotation, a revocation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ecolink.kit import canonical
from ecolink.kit.times import to_seconds
from ecolink.protocol import jws
from ecolink.protocol.keys import SigningKey, Use, VerifyKey
from ecolink.protocol.manifest.record import TYP, Document, Manifest, commitment, write_key


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
    fresh = _fresh(head.iss, now, {Use.SIGN: new_key, Use.LOG: log_key, Use.SEAL: seal_key})
    leaving = {head.current(key.use).kid for key in fresh}
    end = now + overlap
    kept = [replace(key, not_after=min(key.not_after or end, end)) if key.kid in leaving else key for key in head.keys]
    return _seal(head.iss, head.version + 1, head.digest, [*kept, *fresh], next_kid, now, [new_key, old_key])


def revoke(
    head: Manifest,
    *,
    now: datetime,
    new_key: SigningKey,
    next_kid: str,
    compromised_since: datetime | None = None,
    log_key: SigningKey | None = None,
    seal_key: SigningKey | None = None,
    also: Collection[str] = (),
) -> Document:
    """Return the manifest after `head` that revokes its signing key at `now`, signed by the committed key alone.

    A log or a sealing key given here replaces, and revokes, the one in force; `also` names further kids, such
    as a key still in its overlap. `compromised_since` says from when on signatures of the revoked keys prove
    nothing by themselves.
    """
    fresh = _fresh(head.iss, now, {Use.SIGN: new_key, Use.LOG: log_key, Use.SEAL: seal_key})
    leaving = {head.current(key.use).kid for key in fresh} | set(also)
    kept = [
        replace(key, revoked_at=now, compromised_since=compromised_since)
        if key.kid in leaving and key.revoked_at is None
        else key
        for key in head.keys
    ]
    return _seal(head.iss, head.version + 1, head.digest, [*kept, *fresh], next_kid, now, [new_key])


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
            "keys": [write_key(key) for key in keys],
            "next": commitment(next_kid),
            "iat": to_seconds(now),
        }
    )
    return tuple(jws.sign_bytes(TYP, payload, signer) for signer in signers)


def _fresh(iss: str, now: datetime, keys: Mapping[Use, SigningKey | None]) -> list[VerifyKey]:
    return [key.verify_key(iss, use, now) for use, key in keys.items() if key is not None]
