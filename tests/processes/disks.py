"""Disks that fill up, or may only be read."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class Disk:
    """A small file system of its own, in memory, mounted on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, *, leaving: int = 0) -> None:
        """Take all room but `leaving` bytes."""
        with self._filler.open("ab") as filler:
            while (room := self._room() - leaving) > 0:
                with suppress(OSError):  # somebody else has taken of it meanwhile
                    os.posix_fallocate(filler.fileno(), 0, os.fstat(filler.fileno()).st_size + room)

    def _room(self) -> int:
        room = os.statvfs(self.folder)
        return room.f_bavail * room.f_frsize

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


class DiskAtWork:
    """A folder that turns read-only under a process at work, as after an error of its disk, and back again.

    No mount does that: the kernel refuses to remount what somebody has open for writing.
    """

    def __init__(self, folder: Path, workshop: Path) -> None:
        """Build what makes it so; skip, loudly, where nothing can be built."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no disk can be made read-only under a node at work: there is no C compiler (cc)")
        library, source = workshop / "read_only.so", Path(__file__).with_name("read_only.c")
        _run(compiler, "-shared", "-fPIC", "-O1", "-o", library, source)
        self._flag = workshop / "read-only"
        self.environment = {
            "LD_PRELOAD": str(library),
            "READ_ONLY_BELOW": str(folder),
            "READ_ONLY_WHILE": str(self._flag),
        }
        """For every process that is to find the folder so."""

    def make_read_only(self, yes: bool = True) -> None:
        if yes:
            self._flag.touch()
        else:
            self._flag.unlink()


def _run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=check, capture_output=True, text=True)
