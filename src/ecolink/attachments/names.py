"""Making a file's name, and what it says it is, fit to be shown and saved. Pure.

A name is whatever its author wrote. Blobs are kept by digest, so a name never touches our own disk; but it
is shown to people and saved by their browsers, where `../`, a right-to-left override or `CON` do harm.
"""

import re
import unicodedata
from urllib.parse import quote

MAX_BYTES = 180
"""UTF-8 bytes of a shown name: file systems take 255, and browsers add ` (1)` or `.part`."""

UNTYPED = "application/octet-stream"
NAMELESS = "attachment"

_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Reserved on Windows whatever the extension, the superscript digits included.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_LINE_BREAKS = ("Zl", "Zp")
_MAX_EXTENSION = 16


def shown_name(name: str) -> str:
    """Return `name` without path, control, direction and reserved parts, cut to `MAX_BYTES` before its extension."""
    visible = "".join(map(_visible, unicodedata.normalize("NFC", name)))
    last = re.split(r"[/\\]", visible)[-1]
    plain = " ".join(_FORBIDDEN.sub("_", last).split()).strip(". ")
    if _RESERVED.fullmatch(plain.partition(".")[0].strip()):
        plain = f"_{plain}"
    return _cut(plain) or NAMELESS


def content_disposition(name: str) -> str:
    """Return the header field that has a browser save a file as `name` (RFC 6266, with RFC 8187 for non-ASCII)."""
    shown = shown_name(name)
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", shown)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"


def clean_media_type(media_type: str) -> str:
    """Return type and subtype if that is what it looks like; it is only ever shown, never served."""
    essence = media_type.partition(";")[0].strip().lower()
    return essence if _MEDIA_TYPE.fullmatch(essence) else UNTYPED


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category.startswith("C"):  # control, format (direction marks among them), surrogate, private, unassigned
        return " " if character in "\t\n\r" else ""
    return " " if category in _LINE_BREAKS else character


def _cut(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > _MAX_EXTENSION:
        stem, dot, extension = name, "", ""
    tail = dot + extension
    room = MAX_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + tail if len(stem.encode()) > room else name
