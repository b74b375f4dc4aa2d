"""The items of a backup: each a name and its bytes, one after another, so that neither side holds more than a piece."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ecolink.entrypoints.backup.sealing import SealedReader, SealedWriter
from ecolink.errors import InvalidError

ABOUT: Final = "about.json"
"""First: what the backup says of itself."""
DATABASE: Final = "database"
"""A SQLite file, or a dump of `pg_dump` in its custom format."""
BLOBS: Final = "blobs/"
"""One attachment each, named by its digest."""
KEYS: Final = "keys/"
"""One private key each, in the file it lies in on the node."""
SETTINGS: Final = "settings.toml"
MISSING: Final = "missing.json"
"""Last: the attachments that the database names and that were not on the node."""

_MOST_PIECE = 1 << 20
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One item; read its pieces before the next one."""

    name: str
    pieces: Iterator[bytes]

    def read(self) -> bytes:
        """Return all of it; for what is small."""
        return b"".join(self.pieces)


def write_item(out: SealedWriter, name: str, pieces: Iterable[bytes]) -> None:
    """Write one item."""
    _put(out, name.encode())
    for piece in pieces:
        for start in range(0, len(piece), _MOST_PIECE):
            _put(out, piece[start : start + _MOST_PIECE])
    _put(out, b"")


def read_items(stream: SealedReader) -> Iterator[Item]:
    """Yield the items; what the caller leaves unread of one is passed over, and verified all the same.

    Raises:
        InvalidError: the stream is damaged.

    """
    while name := _take(stream, may_end=True):
        pieces = iter(lambda: _take(stream), b"")
        yield Item(name.decode(), pieces)
        for _ in pieces:
            pass


def _put(out: SealedWriter, piece: bytes) -> None:
    out.write(len(piece).to_bytes(_LENGTH_BYTES) + piece)


def _take(stream: SealedReader, *, may_end: bool = False) -> bytes:
    length = stream.read(_LENGTH_BYTES)
    if not length and may_end:
        return b""
    size = int.from_bytes(length)
    piece = stream.read(size) if len(length) == _LENGTH_BYTES and size <= _MOST_PIECE else b""
    if len(piece) != size or len(length) != _LENGTH_BYTES:
        raise InvalidError("The backup is damaged: an item breaks off.", "备份已损坏：内容不完整。")
    return piece
