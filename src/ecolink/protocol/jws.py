"""Compact JWS (RFC 7515) under ES256, written one way and read without any leniency.

General libraries accept `crit` they do not understand, doubled header members, padding, spare bits,
other curves, other algorithms. Here the checks are few, in one order, and none can be left out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from ecolink.kit import canonical
from ecolink.protocol import base64url, strict_json
from ecolink.protocol.keys import FindKey, SigningKey, Use, VerifyKey
from ecolink.protocol.limits import MAX_STATEMENT_BYTES
from ecolink.protocol.refusal import Reason, Refused

_MAX_HEADER_BYTES = 256
_SEGMENTS = 3

_Before = TypeVar("_Before")
_After = TypeVar("_After")


@dataclass(frozen=True, slots=True)
class Opened:
    """A token whose signature was verified."""

    token: bytes = field(repr=False)
    digest: str
    """SHA-256 over `header.payload`: the document's identity, whatever the signature's bytes."""
    kid: str
    key: VerifyKey
    payload: dict[str, Any] = field(repr=False)


class Reread(NamedTuple):
    """A token read again from our own store."""

    digest: str
    kid: str
    payload: dict[str, Any]


def sign(typ: str, payload: Mapping[str, Any], key: SigningKey) -> bytes:
    """Write `payload` as canonical JSON and return the signed token.

    Raises:
        ValueError: the payload cannot be written as JSON.

    """
    return sign_bytes(typ, canonical.dumps(payload), key)


def sign_bytes(typ: str, payload: bytes, key: SigningKey) -> bytes:
    """Return the signed token over a payload already written."""
    header = canonical.dumps({"alg": "ES256", "kid": key.kid, "typ": typ})
    signed = base64url.encode(header) + b"." + base64url.encode(payload)
    return signed + b"." + base64url.encode(key.sign(signed))


def open_token(token: bytes, *, typ: str, find_key: FindKey, max_bytes: int = MAX_STATEMENT_BYTES) -> Opened:
    """Check a token from its size to its issuer and return what it says.

    Raises:
        Refused: the first check that failed.

    """
    return _read_verified(_verify(_unwrap(token, typ, max_bytes), find_key))


def open_tokens(
    tokens: Iterable[bytes], *, typ: str, find_key: FindKey, max_bytes: int = MAX_STATEMENT_BYTES
) -> list[Opened | Refused]:
    """Open each as `open_token` does, and return what it says or why it was refused.

    All take one step before any takes the next: verifying fills a processor's nearest memory with its tables, and
    what comes after each signature would have to be fetched again. It saves an eighth of the time.
    """
    unwrapped = _each(lambda token: _unwrap(token, typ, max_bytes), tokens)
    verified = _each(lambda envelope: _verify(envelope, find_key), unwrapped)
    return _each(_read_verified, verified)


def _each(step: Callable[[_Before], _After], those: Iterable[_Before | Refused]) -> list[_After | Refused]:
    """Take one step with all that were not refused before."""
    return [one if isinstance(one, Refused) else _try(step, one) for one in those]


def _try(step: Callable[[_Before], _After], one: _Before) -> _After | Refused:
    try:
        return step(one)
    except Refused as refused:
        return refused


def open_between(
    token: bytes,
    *,
    typ: str,
    find_key: FindKey,
    us: str | None,
    sender: str | None,
    received_at: datetime | None,
    max_bytes: int,
) -> Opened:
    """Open a document that goes from one bureau to one other.

    `sender` must be its issuer, `us` its audience, and its key valid at `received_at` (UTC, our clock); None
    skips a check, as when a third party reads it years later.

    Raises:
        Refused: the first check that failed.

    """
    opened = open_token(token, typ=typ, find_key=find_key, max_bytes=max_bytes)
    if sender is not None and opened.payload["iss"] != sender:
        raise Refused(Reason.WRONG_SENDER, f"issued by {opened.key.issuer}, sent by {sender}")
    if us is not None and opened.payload.get("aud") != us:
        raise Refused(Reason.WRONG_AUDIENCE, f"not addressed to {us}")
    if received_at is not None:
        opened.key.refuse_unless_valid(received_at)
    return opened


def open_self_signed(
    token: bytes, *, typ: str, keys_inside: Callable[[dict[str, Any]], FindKey], max_bytes: int
) -> Opened:
    """Check a token that brings its own keys, as the first key manifest and the card do.

    `keys_inside` finds the keys in the payload, which nobody has vouched for yet. A valid result proves
    only that whoever wrote the payload holds the key; trust comes from elsewhere (a pinned digest, a
    fingerprint read out by phone).

    Raises:
        Refused: the first check that failed.

    """
    keys = keys_inside(_read_payload(_unwrap(token, typ, max_bytes).payload))
    return open_token(token, typ=typ, find_key=keys, max_bytes=max_bytes)


def reread(token: bytes, *, typ: str, max_bytes: int = MAX_STATEMENT_BYTES) -> Reread:
    """Read a token again that this node verified before it stored it. The signature is not looked at.

    Raises:
        Refused: the bytes are no such token; the store was damaged.

    """
    envelope = _unwrap(token, typ, max_bytes)
    return Reread(sha256(envelope.signed).hexdigest(), envelope.kid, _read_payload(envelope.payload))


def digest_of(token: bytes) -> str:
    """Return the digest a token would have if it were genuine: nothing is verified or read."""
    return sha256(token[: max(token.rfind(b"."), 0)]).hexdigest()


class _Envelope(NamedTuple):
    token: bytes
    signed: bytes
    kid: str
    payload: bytes
    signature: bytes


class _Verified(NamedTuple):
    envelope: _Envelope
    digest: str
    key: VerifyKey


def _unwrap(token: bytes, typ: str, max_bytes: int) -> _Envelope:
    """Take the token apart: size, segments, base64url, header, algorithm."""
    if len(token) > max_bytes:
        raise Refused(Reason.TOO_LARGE, f"a token of {len(token)} bytes where at most {max_bytes} are allowed")
    segments = token.split(b".", _SEGMENTS)
    if len(segments) != _SEGMENTS:
        raise Refused(Reason.BAD_TOKEN, "a compact token has exactly three segments")
    header, payload, signature = segments
    payload_bytes, signature_bytes = base64url.decode(payload), base64url.decode(signature)
    found_typ, kid = _read_header(header)
    if found_typ != typ:
        raise Refused(Reason.WRONG_TYPE, f"expected a document of type {typ}")
    return _Envelope(token, token[: len(header) + 1 + len(payload)], kid, payload_bytes, signature_bytes)


def _verify(envelope: _Envelope, find_key: FindKey) -> _Verified:
    key = _pinned(envelope.kid, find_key)
    digest = sha256(envelope.signed)
    key.verify_digest(digest.digest(), envelope.signature)
    return _Verified(envelope, digest.hexdigest(), key)


def _read_verified(verified: _Verified) -> Opened:
    envelope, digest, key = verified
    payload = _read_payload(envelope.payload)
    if payload.get("iss") != key.issuer:
        raise Refused(Reason.WRONG_ISSUER, f"key {key.kid} belongs to {key.issuer}, not to the named issuer")
    return Opened(envelope.token, digest, key.kid, key, payload)


@lru_cache(maxsize=1024)
def _read_header(segment: bytes) -> tuple[str, str]:
    """Return `typ` and `kid`. A key's headers are the same on every token, hence the cache."""
    written = base64url.decode(segment)
    try:
        header = strict_json.loads(written, max_bytes=_MAX_HEADER_BYTES)
    except Refused as refused:
        raise Refused(Reason.BAD_HEADER, f"the header: {refused.detail}") from None
    if not isinstance(header, dict) or set(header) != {"alg", "kid", "typ"}:
        raise Refused(Reason.BAD_HEADER, "a header has exactly alg, kid and typ")
    if header["alg"] != "ES256":
        raise Refused(Reason.WRONG_ALGORITHM, "the only algorithm is ES256")
    if not isinstance(header["kid"], str) or not isinstance(header["typ"], str):
        raise Refused(Reason.BAD_HEADER, "kid and typ are text")
    return header["typ"], header["kid"]


def _pinned(kid: str, find_key: FindKey) -> VerifyKey:
    key = find_key(kid)
    if key is None:
        raise Refused(Reason.UNKNOWN_KEY, f"no pinned key has the kid {kid!r}")
    if key.use is not Use.SIGN:
        raise Refused(Reason.WRONG_KEY_USE, f"key {key.kid} is pinned for {key.use}, not for signing")
    return key


def _read_payload(raw: bytes) -> dict[str, Any]:
    payload = strict_json.loads(raw, max_bytes=len(raw))
    if not isinstance(payload, dict):
        raise Refused(Reason.BAD_JSON, "a payload is an object")
    return payload
