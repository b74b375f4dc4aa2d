"""A small disk that fills up, or may only be read: a file system of its own, in memory."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A mounted folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, *, leaving: int = 0) -> None:
        """Take all room but `leaving` bytes."""
        with self._filler.open("ab") as filler:
            room = os.statvfs(self.folder)
            os.posix_fallocate(filler.fileno(), 0, max(room.f_bavail * room.f_frsize - leaving, 1) + filler.tell())

    def clear(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    def make_read_only(self, yes: bool = True) -> None:
        _run("mount", "-o", f"remount,{'ro' if yes else 'rw'}", self.folder)


@contextmanager
def disk(folder: Path, mebibytes: int) -> Iterator[Disk]:
    """Mount a disk of so many MiB on `folder`; skip, loudly, where that is not allowed."""
    folder.mkdir(parents=True)
    made = _run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=700", "ecolink-test", folder, check=False)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here ({made.stderr.strip()}): run as root, with CAP_SYS_ADMIN")
    try:
        yield Disk(folder)
    finally:
        _run("umount", "--lazy", folder)


def _run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=check, capture_output=True, text=True)
