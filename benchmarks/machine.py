"""What machine the figures are of, as far as it tells: the same for every table."""

import platform
import re
import sqlite3
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import psutil
from cryptography.hazmat.backends.openssl import backend

from tests.support.postgres import NoPostgresError, version

UNKNOWN = "not known"


@cache
def facts() -> Mapping[str, str]:
    """Return what this machine has, by name."""
    mounts = [(each.mountpoint, each.fstype) for each in psutil.disk_partitions(all=True)]
    return {
        "processors": f"{psutil.cpu_count()} × {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GB",
        "kernel": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "file system of the data": file_system(Path(tempfile.gettempdir()).resolve(), mounts),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": sqlite3.sqlite_version,
        "OpenSSL": f"{_number(backend.openssl_version_text())} for signatures, {_number(ssl.OPENSSL_VERSION)} for TLS",
        "PostgreSQL": _postgres(),
    }


def processor_model(cpuinfo: str) -> str | None:
    """Return the first processor's model, as Linux tells it (not on every architecture)."""
    found = re.search(r"^(?:model name|Model)[ \t]*:[ \t]*(\S.*)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else None


def file_system(folder: Path, mounts: Iterable[tuple[str, str]]) -> str:
    """Return the kind of the file system that holds `folder`: the innermost, and of several there the last mounted."""
    held = [(len(Path(point).parts), kind) for point, kind in mounts if folder.is_relative_to(point)]
    deepest = max((depth for depth, _ in held), default=0)
    return next((kind for depth, kind in reversed(held) if depth == deepest), UNKNOWN)


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    model = processor_model(told.read_text("utf-8", errors="replace")) if told.exists() else None
    return model or platform.processor() or UNKNOWN


def _postgres() -> str:
    try:
        return _number(version())
    except NoPostgresError:
        return "none"


def _number(text: str) -> str:
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found[0] if found else UNKNOWN
