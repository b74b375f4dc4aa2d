"""Taking a backup apart into a private folder; every attachment is held against its digest on the way."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ecolink.attachments.store import BlobStore
from ecolink.entrypoints.backup import items
from ecolink.entrypoints.backup.about import About
from ecolink.entrypoints.backup.items import Item, read_items
from ecolink.entrypoints.backup.sealing import SealedReader
from ecolink.entrypoints.backup.snapshot import Tell
from ecolink.errors import InvalidError, UnavailableError
from ecolink.protocol.claims import is_digest
from ecolink.protocol.keys import SigningKey


@dataclass(slots=True)
class Unpacked:
    """What was in a backup, and where it lies now."""

    folder: Path
    about: About
    blobs: set[str] = field(default_factory=set)
    """The attachments that are what their digest names."""
    spoilt: set[str] = field(default_factory=set)
    """Those that are not; they were so on the node already."""
    missing: set[str] = field(default_factory=set)
    """Those that the node did not hold when the backup was made."""

    @property
    def database(self) -> Path:
        """The database file, or the dump."""
        return self.folder / "database"

    @property
    def keys(self) -> Path:
        """The folder of the private keys; not there if the backup has none."""
        return self.folder / "keys"

    @property
    def blob_folder(self) -> Path:
        """The folder of the attachments, laid out as on a node."""
        return self.folder / "blobs"


def describe(file: Path, key: SigningKey) -> tuple[About, bytes | None]:
    """Return what a backup says of itself, and the settings in it if it was made with keys.

    Raises:
        InvalidError: it is damaged, or sealed to another key.

    """
    with file.open("rb") as opened:
        about, rest = _begin(SealedReader(opened, key))
        for item in rest:
            if item.name == items.SETTINGS:
                return about, item.read()
            if item.name == items.DATABASE:
                break
    return about, None


def unpack(file: Path, key: SigningKey, folder: Path, tell: Tell, *, keep_blobs: bool) -> Unpacked:
    """Take a backup apart; without `keep_blobs` attachments are checked and thrown away.

    Raises:
        InvalidError: it is damaged, or sealed to another key.
        UnavailableError: the disk is full, or a medium cannot be read.

    """
    try:
        return _unpack(file, key, folder, tell, keep_blobs=keep_blobs)
    except OSError as fault:
        raise UnavailableError(
            f"The backup cannot be unpacked in {folder.parent}: {fault.strerror}. Make room there (or have `verify` "
            "work elsewhere by TMPDIR) and see that the medium can be read; nothing was changed.",
            f"无法在 {folder.parent} 解开备份：{fault.strerror}。请清理磁盘空间并检查介质；未作任何更改。",
        ) from fault
    except ValueError as fault:
        raise InvalidError(f"The backup is damaged: {fault}.", "备份已损坏：内容无法识别。") from fault


def _unpack(file: Path, key: SigningKey, folder: Path, tell: Tell, *, keep_blobs: bool) -> Unpacked:
    with file.open("rb") as opened:
        total = file.stat().st_size
        about, rest = _begin(SealedReader(opened, key))
        unpacked = Unpacked(folder, about)
        store = BlobStore(unpacked.blob_folder, max_bytes=total) if keep_blobs else None
        ended = False
        for item in rest:
            tell("opening", opened.tell(), total)
            if item.name == items.DATABASE:
                _write(unpacked.database, item.pieces)
            elif item.name.startswith(items.BLOBS):
                _take_blob(unpacked, store, item)
            elif item.name.startswith(items.KEYS):
                unpacked.keys.mkdir(mode=0o700, exist_ok=True)
                _write(unpacked.keys / Path(item.name).name, item.pieces)
            elif item.name == items.MISSING:
                unpacked.missing = set(json.loads(item.read()))
                ended = True
    if not ended or not unpacked.database.exists():
        raise InvalidError("The backup is damaged: a part of it is not there.", "备份已损坏：缺少部分内容。")
    return unpacked


def _begin(stream: SealedReader) -> tuple[About, Iterator[Item]]:
    rest = read_items(stream)
    first = next(rest, None)
    if first is None or first.name != items.ABOUT:
        raise InvalidError("The backup is damaged: it does not say what it is.", "备份已损坏：缺少说明。")
    return About.from_bytes(first.read()), rest


def _take_blob(unpacked: Unpacked, store: BlobStore | None, item: Item) -> None:
    digest = item.name.removeprefix(items.BLOBS)
    if not is_digest(digest):
        raise InvalidError("The backup is damaged: an attachment has no name.", "备份已损坏：附件名称无效。")
    if store is None:
        found = hashlib.sha256()
        for piece in item.pieces:
            found.update(piece)
        (unpacked.blobs if found.hexdigest() == digest else unpacked.spoilt).add(digest)
        return
    with store.stage() as staged:
        for piece in item.pieces:
            staged.write(piece)
        staged.seal()
        if staged.digest != digest:
            unpacked.spoilt.add(digest)
            return
        store.place(staged.path, digest)
    unpacked.blobs.add(digest)


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
