"""Where the bytes lie: one file for each digest, complete or not there at all.

A file comes in under a random name, is hashed on the way, synced, and only then renamed to its digest. What
a peer sends in parts grows under `partial/`, one file for each peer, so that none can spoil another's.
All is readable by the node's own user only.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import BinaryIO, Self

from ecolink.errors import TooLargeError, UnavailableError
from ecolink.protocol.claims import is_digest

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_READ_BYTES = 1024 * 1024


class Staged:
    """A file on its way in: write to it, `seal` it, have it placed. Left without that, it is gone."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Open `path`, which must be new."""
        self.path = path
        self.size = 0
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    @property
    def digest(self) -> str:
        """SHA-256 of what was written so far."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Add `chunk`.

        Raises:
            TooLargeError: that makes it larger than an attachment may be.
            UnavailableError: the disk is full.

        """
        self.size += len(chunk)
        if self.size > self._max_bytes:
            raise too_large(self._max_bytes)
        self._hash.update(chunk)
        with _telling_full_disk():
            self._file.write(chunk)

    def seal(self) -> None:
        """Have everything written durably on the disk.

        Raises:
            UnavailableError: the disk is full.

        """
        with _telling_full_disk():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close and remove the file, unless it was placed."""
        try:
            self._file.close()
        except OSError:
            if error is None:
                raise
        finally:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class BlobStore:
    """The folder of attachments. `max_bytes` is the largest one that is taken in."""

    root: Path
    max_bytes: int

    def stage(self) -> Staged:
        """Begin a new file; use it as a context.

        Raises:
            UnavailableError: the disk is full.

        """
        with _telling_full_disk():
            return Staged(self._folder("incoming") / f"{token_hex(16)}.part", self.max_bytes)

    def place(self, sealed: Path, digest: str) -> None:
        """Give a sealed file its digest as name, durably; replacing the same content is no change.

        Raises:
            UnavailableError: the disk is full.

        """
        target = self._path(digest)
        with _telling_full_disk():
            folder = self._folder(*target.relative_to(self.root).parts[:-1])
            try:
                sealed.replace(target)
            except FileNotFoundError:
                if not target.exists():  # else another worker placed the same bytes
                    raise
            _sync(folder)

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            FileNotFoundError: it is not here.

        """
        return self._path(digest).open("rb")

    def read(self, digest: str, first: int, length: int) -> bytes:
        """Return `length` bytes of a blob from `first` on.

        Raises:
            FileNotFoundError: it is not here.

        """
        with self.open(digest) as file:
            file.seek(first)
            return file.read(length)

    def remove(self, digest: str) -> None:
        """Delete a blob; nothing happens if it is not here."""
        self._path(digest).unlink(missing_ok=True)

    def write_part(self, digest: str, peer: str, first: int, data: bytes) -> None:
        """Write a part that came from `peer` to its place, durably; doing it twice is doing it once.

        Raises:
            UnavailableError: the disk is full.

        """
        with _telling_full_disk():
            handle = os.open(self.partial(digest, peer), os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.seek(first)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

    def remove_part(self, digest: str, peer: str) -> None:
        """Delete what came so far from `peer`; nothing happens if nothing did."""
        self.partial(digest, peer).unlink(missing_ok=True)

    def part_size(self, digest: str, peer: str) -> int:
        """Return how many bytes came so far from `peer`."""
        try:
            return self.partial(digest, peer).stat().st_size
        except FileNotFoundError:
            return 0

    def partial(self, digest: str, peer: str) -> Path:
        """Return where parts that come from `peer` are put together."""
        return self._folder("partial") / f"{self._path(digest).name}.{peer}"

    def holds_exactly(self, path: Path, digest: str, size: int) -> bool:
        """Read a file through and tell whether it is the one that `digest` names."""
        found = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_READ_BYTES):
                found.update(chunk)
            return file.tell() == size and found.hexdigest() == digest

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Yield the digest of every blob on the disk and when it was written (UTC)."""
        for path in self.root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if is_digest(path.name) and (written_at := _written_at(path)) is not None:
                yield path.name, written_at

    def remove_unfinished(self, before: datetime) -> int:
        """Delete what was begun and not touched since `before`; return how many files that were."""
        stale = [
            path
            for name in ("incoming", "partial")
            for path in self._folder(name).iterdir()
            if (written_at := _written_at(path)) is not None and written_at < before
        ]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _path(self, digest: str) -> Path:
        if not is_digest(digest):
            msg = "a blob is named by 64 lower-case hex digits"
            raise ValueError(msg)
        return self.root / digest[:2] / digest[2:4] / digest

    def _folder(self, *parts: str) -> Path:
        folder = self.root
        for part in ("", *parts):
            folder /= part
            if not folder.exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _sync(folder.parent)
        return folder


def too_large(max_bytes: int) -> TooLargeError:
    """Return the refusal of an attachment that is larger than `max_bytes`."""
    mebibytes = max_bytes / 1024 / 1024
    return TooLargeError(
        f"An attachment has at most {mebibytes:g} MiB.",
        f"附件不得超过 {mebibytes:g} MiB。",
    )


def no_room() -> UnavailableError:
    """Return the refusal of an attachment for which the node has no room."""
    return UnavailableError(
        "There is no room for attachments on this node; tell its administrator.",
        "本节点附件存储空间不足，请联系系统管理员。",
        retry_after=300,
    )


@contextmanager
def _telling_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        if fault.errno in _FULL:
            raise no_room() from fault
        raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _written_at(path: Path) -> datetime | None:
    """Return when a file was written (UTC); None when it is gone by now, for uploads and other workers go on."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
