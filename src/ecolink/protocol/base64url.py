"""Base64url without padding (RFC 7515 section 2), with exactly one text for each string of bytes."""

from binascii import Error, a2b_base64, b2a_base64

from ecolink.protocol.refusal import Reason, Refused

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
"""What belongs to the other alphabet, or to padding, becomes a character of no alphabet."""

_PADDING = (b"", b"", b"==", b"=")
"""What the text of a given length (modulo 4) was stripped of; a remainder of 1 is no text of any bytes."""

_WITHOUT_SPARE_BITS = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")
"""The last characters whose unused low bits are zero, where some bits are unused."""


def encode(data: bytes) -> bytes:
    """Return the unpadded base64url text of `data`."""
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


def decode(text: bytes) -> bytes:
    """Return the bytes whose text is `text`, so that `encode(decode(text)) == text`.

    Raises:
        Refused: `bad-base64`: padding, white space, another alphabet, an impossible length, spare bits set.

    """
    rest = len(text) % 4
    if rest and text[-1] not in _WITHOUT_SPARE_BITS[rest]:
        raise Refused(Reason.BAD_BASE64, "the last character of a segment has bits that belong to no byte")
    try:
        return a2b_base64(text.translate(_FROM_URL) + _PADDING[rest], strict_mode=True)
    except Error:
        raise Refused(Reason.BAD_BASE64, "a segment is not unpadded base64url") from None
