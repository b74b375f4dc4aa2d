"""New files, readable by their owner alone, that are there when they are whole and on the disk, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """Lend a file that gets its name when the block is done, and is gone when the block fails.

    Raises:
        FileExistsError: there is a file of that name.
        OSError: it cannot be written.

    """
    if path.exists():
        raise FileExistsError(path)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    file = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
