"""Base64url without padding (RFC 7515 section 2), with one text for each string of bytes."""

from binascii import Error, a2b_base64, b2a_base64

from ecolink.protocol.refusal import Reason, Refused

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_PADDING = (b"", b"===", b"==", b"=")


def encode(data: bytes) -> bytes:
    """Return the unpadded base64url text of `data`."""
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


def decode(text: bytes) -> bytes:
    """Return the bytes that `text` stands for.

    The library's decoder skips what it does not know; so the proof is the way back: whatever does not
    encode to the same text again (padding, white space, `+`, spare trailing bits) is refused.

    Raises:
        Refused: `bad-base64`.

    """
    try:
        data = a2b_base64(text.translate(_FROM_URL) + _PADDING[len(text) % 4])
    except Error:
        data = b""
    if encode(data) != text:
        raise Refused(Reason.BAD_BASE64, "a segment is not unpadded canonical base64url")
    return data
