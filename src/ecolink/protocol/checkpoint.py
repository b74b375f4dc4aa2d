"""Checkpoints: the signed word of a bureau on what its evidence log holds.

The text form is C2SP's tlog-checkpoint, a signed note with one ECDSA P-256 signature (type 0x02), so that
transparency-log tools can read it:

    ecolink.log/350924000000/1
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — ecolink.log/350924000000/1 Az3grl…

Origin, number of leaves, root; a blank line; the signature, whose first four bytes name the key: the
beginning of SHA-256 over its DER (SPKI) form. A note may carry further signatures; ours never does.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Self

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ecolink.protocol.keys import SigningKey, Use, VerifyKey, public_of
from ecolink.protocol.limits import MAX_INTEGER
from ecolink.protocol.refusal import Reason, Refused

MAX_CHECKPOINT_CHARS = 512
_HASH_BYTES = 32
_KEY_ID_BYTES = 4
_COORDINATE_BYTES = 32
_ORIGIN = re.compile(r"ecolink\.log/([0-9]{12})/([1-9][0-9]{0,8})", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the log `origin` had `size` leaves under `root`."""

    origin: str
    size: int
    root: bytes
    text: str = field(compare=False, repr=False)
    """The signed note as received."""

    @property
    def unit_code(self) -> str:
        """The bureau whose log it is."""
        return self.origin.split("/")[1]

    @property
    def log_epoch(self) -> int:
        """Which of the bureau's logs it is: a restored node opens a new one."""
        return int(self.origin.split("/")[2])


def origin_of(unit_code: str, log_epoch: int) -> str:
    """Return the name of a bureau's log, which is also the name of its key in the note."""
    return f"ecolink.log/{unit_code}/{log_epoch}"


def seal_checkpoint(origin: str, size: int, root: bytes, key: SigningKey) -> str:
    """Return the signed note over one state of a log."""
    body = f"{origin}\n{size}\n{b64encode(root).decode()}\n"
    raw = key.sign(body.encode())
    signature = encode_dss_signature(int.from_bytes(raw[:_COORDINATE_BYTES]), int.from_bytes(raw[_COORDINATE_BYTES:]))
    return f"{body}\n— {origin} {b64encode(key_id(key.jwk()) + signature).decode()}\n"


def open_checkpoint(text: str, *, log_key: VerifyKey, origin: str | None = None) -> Checkpoint:
    """Check a note and return what it says.

    `origin` is the log it must be of; without one, any log of the key's bureau will do. A checkpoint says
    no time, so nor is the key's validity judged here: the caller does that by when it received the note.

    Raises:
        Refused: `wrong-key-use`, `bad-checkpoint` (form, log, or another key) or `bad-signature`.

    """
    if log_key.use is not Use.LOG:
        raise Refused(Reason.WRONG_KEY_USE, f"key {log_key.kid} is pinned for {log_key.use}, not for the log")
    note = _Note.parse(text)
    found = Checkpoint(note.origin, note.size, note.root, text)
    if found.unit_code != log_key.issuer or origin not in (None, note.origin):
        raise Refused(Reason.BAD_CHECKPOINT, f"a checkpoint of {note.origin}, not of {origin or log_key.issuer}")
    if note.key_id != key_id(log_key.jwk):
        raise Refused(Reason.BAD_CHECKPOINT, "the checkpoint names another key")
    log_key.verify(note.body, note.signature)
    return found


def key_id(jwk: Mapping[str, str]) -> bytes:
    """Return the four bytes that name an ECDSA key in a note (C2SP signed-note, type 0x02)."""
    return _key_id(jwk["x"], jwk["y"])


@lru_cache(maxsize=1024)
def _key_id(x: str, y: str) -> bytes:
    public = public_of({"crv": "P-256", "kty": "EC", "x": x, "y": y})
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()[:_KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class _Note:
    origin: str
    size: int
    root: bytes
    body: bytes
    key_id: bytes
    signature: bytes
    """r||s."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a note apart, accepting one spelling only."""
        lines = text.split("\n") if len(text) <= MAX_CHECKPOINT_CHARS else []
        match lines:
            case [origin, size, root, "", signature, ""] if _ORIGIN.fullmatch(origin) and _SIZE.fullmatch(size):
                pass
            case _:
                raise Refused(Reason.BAD_CHECKPOINT, "not a checkpoint of three lines, a blank one and one signature")
        if int(size) > MAX_INTEGER or len(root_bytes := _decode(root)) != _HASH_BYTES:
            raise Refused(Reason.BAD_CHECKPOINT, "the size is too large or the root is not 32 bytes")
        start = f"— {origin} "
        if not signature.startswith(start):
            raise Refused(Reason.BAD_CHECKPOINT, "the signature line does not name the log")
        signed = _decode(signature[len(start) :])
        raw = _raw_signature(signed[_KEY_ID_BYTES:])
        body = f"{origin}\n{size}\n{root}\n".encode()
        return cls(origin, int(size), root_bytes, body, signed[:_KEY_ID_BYTES], raw)


def _decode(text: str) -> bytes:
    """Read standard Base64 (RFC 4648 section 4), padded, in its one canonical spelling."""
    try:
        data = b64decode(text.encode("ascii"), validate=True)
    except (Error, ValueError):
        data = b""
    if not data or b64encode(data).decode() != text:
        raise Refused(Reason.BAD_CHECKPOINT, "a line is not canonical base64")
    return data


def _raw_signature(der: bytes) -> bytes:
    """Turn a DER signature into r||s, accepting its one DER spelling."""
    try:
        r, s = decode_dss_signature(der)
        raw = r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)
    except (ValueError, OverflowError):
        raise Refused(Reason.BAD_CHECKPOINT, "the signature is not DER") from None
    if encode_dss_signature(r, s) != der:
        raise Refused(Reason.BAD_CHECKPOINT, "the signature is not canonical DER")
    return raw
