"""A sealed stream: a file of any size that only the holder of one private key opens, piece by piece.

The first line is a compact JWE (RFC 7516, ECDH-ES with A256GCM) that holds the file's own content key. Then follow
frames of AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): a frame's nonce is its
number and whether it is the last, so frames cannot be changed, left out, put in another order or cut off at the end
without being noticed, and nothing is handed on that was not verified.
"""

import json
import secrets
from types import TracebackType
from typing import BinaryIO, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ecolink.errors import InvalidError
from ecolink.protocol import base64url
from ecolink.protocol.keys import SigningKey, jwk_of, thumbprint
from ecolink.protocol.refusal import Refused

TYP: Final = "ecolink-backup+jwe"
FRAME_BYTES: Final = 1 << 20
"""Bytes of content in every frame but the last, which may be shorter, and empty."""

_TAG_BYTES = 16
_KEY_BYTES = 32
_MAX_HEADER_BYTES = 4096
_ALGORITHMS = ["ECDH-ES", "A256GCM"]


class SealedWriter:
    """Seals what is written to it; used as a context, which ends the stream if nothing went wrong."""

    def __init__(self, file: BinaryIO, recipient: ec.EllipticCurvePublicKey) -> None:
        """Write the first line of `file`, sealed to `recipient`."""
        content_key = secrets.token_bytes(_KEY_BYTES)
        jwk = jwk_of(recipient)
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": thumbprint(jwk), "typ": TYP}
        sealed = jwe.encrypt_compact(header, content_key, ECKey.import_key(dict(jwk)), algorithms=_ALGORITHMS)
        self._file = file
        self._cipher = AESGCM(content_key)
        self._number = 0
        self._held = bytearray()
        file.write(sealed.encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Add `data`; a full frame is written once something follows it."""
        self._held += data
        while len(self._held) > FRAME_BYTES:
            self._frame(bytes(self._held[:FRAME_BYTES]), last=False)
            del self._held[:FRAME_BYTES]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write the last frame; a stream that broke off has none and does not open."""
        if error is None:
            self._frame(bytes(self._held), last=True)

    def _frame(self, data: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), data, None))
        self._number += 1


class SealedReader:
    """Opens a sealed stream."""

    def __init__(self, file: BinaryIO, key: SigningKey) -> None:
        """Read the first line of `file`.

        Raises:
            InvalidError: the file is no backup, or not sealed to `key`.

        """
        line = file.readline(_MAX_HEADER_BYTES)
        kid = recipient_of(line)
        if kid != key.kid:
            raise InvalidError(
                f"This backup is sealed to another key: it opens with {kid}, this key is {key.kid}.",
                f"该备份用另一把密钥封装：需要 {kid}。",
            )
        try:
            opened = jwe.decrypt_compact(line.strip(), ECKey.import_key(key.to_pem(None)), algorithms=_ALGORITHMS)
            self._cipher = AESGCM(opened.plaintext or b"")
        except (JoseError, ValueError, KeyError, TypeError):
            raise _damaged("its first line does not open") from None
        self._file = file
        self._number = 0
        self._next = file.read(FRAME_BYTES + _TAG_BYTES)
        self._held = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes, all verified; fewer only at the end of the stream.

        Raises:
            InvalidError: the stream was changed or cut short.

        """
        while len(self._held) < size and not self._ended:
            self._held += self._frame()
        data, self._held = self._held[:size], self._held[size:]
        return data

    def _frame(self) -> bytes:
        sealed, self._next = self._next, self._file.read(FRAME_BYTES + _TAG_BYTES)
        self._ended = not self._next
        try:
            data = self._cipher.decrypt(_nonce(self._number, last=self._ended), sealed, None)
        except (InvalidTag, ValueError):
            raise _damaged(f"it breaks off or was changed in mebibyte {self._number + 1}") from None
        self._number += 1
        return data


def recipient_of(first_line: bytes) -> str:
    """Return the name of the key that a sealed stream opens with.

    Raises:
        InvalidError: this is no sealed stream.

    """
    try:
        header = json.loads(base64url.decode(first_line.split(b".", 1)[0]))
        if header["typ"] == TYP:
            return str(header["kid"])
    except (Refused, ValueError, KeyError, TypeError):
        pass
    raise InvalidError("This file is no ecolink backup.", "该文件不是 ecolink 备份。")


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])


def _damaged(what: str) -> InvalidError:
    return InvalidError(
        f"The backup is damaged: {what}. Take another copy of it, or an older backup.",
        "备份已损坏，请使用其另一份副本或更早的备份。",
    )
