"""What this machine can do at best, measured in the same run: the things receiving cannot do without."""

import os
import sqlite3
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ecolink.kit.clock import SystemClock
from ecolink.protocol.keys import SigningKey, Use

STATEMENT_BYTES = 1500


def verifications_a_second(seconds: float = 2.0) -> float:
    """Return ES256 verifications a second on two threads."""
    key = SigningKey.generate()
    data = b"x" * STATEMENT_BYTES
    signature = key.sign(data)
    public = key.verify_key("350924000000", Use.SIGN, SystemClock().now())
    until = time.perf_counter() + seconds

    def verify(_: int) -> int:
        count = 0
        while time.perf_counter() < until:
            public.verify(data, signature)
            count += 1
        return count

    began = time.perf_counter()
    with ThreadPoolExecutor(2) as threads:
        total = sum(threads.map(verify, range(2)))
    return total / (time.perf_counter() - began)


def rows_a_second(rows: int = 50, seconds: float = 2.0) -> float:
    """Return rows a second, committed 50 at a time to SQLite with `synchronous=FULL`."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "ceiling.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE held (n INTEGER PRIMARY KEY, jti TEXT UNIQUE, token BLOB)")
        token, count, began = b"x" * STATEMENT_BYTES, 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            connection.execute("BEGIN IMMEDIATE")
            batch = [(f"{count + each:036}", token) for each in range(rows)]
            connection.executemany("INSERT INTO held (jti, token) VALUES (?, ?)", batch)
            connection.execute("COMMIT")
            count += rows
        connection.close()
        return count / (time.perf_counter() - began)


def sync_ms(times: int = 200) -> float:
    """Return what a sync of 4 KB more takes where the data lie (median)."""
    taken = []
    with tempfile.TemporaryFile() as file:
        for _ in range(times):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)
