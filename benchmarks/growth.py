"""`python -m benchmarks.growth`: what a node's work costs when it holds little, and when it holds a million statements.

One real node on SQLite. What it holds is received, or written by the API, once; then its rows are copied, with
names of their own, until there are as many as asked.
"""

import json
import os
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx

from benchmarks import load
from benchmarks.page import Figure, measure, options, report
from benchmarks.pair import cpu_seconds, memory_mb, wait_for_quiet
from benchmarks.receiving import CONNECTIONS, Sender, _ecolink, _prepare, _run, free_port, insist, serving
from ecolink.kit.clock import SystemClock

SIZE = 200
MEASURED = 16_000
PASSWORD = "walk the ridge at dawn"
PAGES = 300
IDLE = 1_000
"""Connections that are kept open."""
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
LEAD = {
    "to": "350924000000",
    "letter_number": "庆公协〔2026〕18号",
    "kind": "household_registration",
    "case_number": "A3311260000002026110001",
    "case_type": "criminal",
    "charges": ["345(1)"],
    "stage": "立案侦查",
    "facts": "2026年11月20日夜，林场杉木被盗伐，立木蓄积约6.2立方米。",
    "information_requested": "请协查户籍证明。",
    "why_recipient": "户籍地在寿宁县。",
    "urgency": "U3",
    "scope": "查询户籍。",
    "governance": {"purpose": "侦办盗伐林木案"},
    "contact": {"name": "测试", "post": "民警", "phone": "0578-0000011"},
}


class Paged(NamedTuple):
    """What a page took: by the clock, which all that runs on the machine moves, and of the processor."""

    took_ms: float
    cpu_ms: float


class Received(NamedTuple):
    """How many statements were received in a second, and the node's processor time for each, its helpers' too."""

    rate: float
    cpu_us: float


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--statements", type=int, default=1_000_000)
    parser.add_argument("--leads", type=int, default=100_000)
    chosen = parser.parse_args()
    return report("growth", measure(chosen.rounds, lambda: _round(chosen.statements, chosen.leads)), write=chosen.write)


def _round(statements: int, leads: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as name:
        folder = Path(name)
        now = SystemClock().now()
        senders = [Sender.make(number, now) for number in range(CONNECTIONS)]
        local, federation = free_port(), free_port()
        _prepare(folder, local, federation, senders, None)
        _employ(folder)
        yield from _standing(folder, local, federation)
        few, many = _receiving(folder, federation, senders, statements)
        small, large = _pages(folder, local, leads)
    yield Figure(f"statements received, the node holds {MEASURED:,}", few.rate, "a second")
    yield Figure(f"statements received, it holds {statements:,}", many.rate, "a second")
    yield Figure(f"processor time of a statement received, the node holds {MEASURED:,}", few.cpu_us, "µs")
    yield Figure(f"processor time of a statement received, it holds {statements:,}", many.cpu_us, "µs")
    yield Figure("a page of 50 leads of 1,000", small.took_ms, "ms")
    yield Figure(f"a page of 50 leads of {leads:,}", large.took_ms, "ms")
    yield Figure("processor time of a page of 50 leads of 1,000", small.cpu_ms, "ms")
    yield Figure(f"processor time of a page of 50 leads of {leads:,}", large.cpu_ms, "ms")
    yield Figure("page of many : page of few, in processor time", large.cpu_ms / small.cpu_ms, "", 1.5)


def _standing(folder: Path, local: int, federation: int) -> Iterator[Figure]:
    """Yield what peers' idle connections take of a fresh node's memory, and what the console does once it is used."""
    node = serving([*_ecolink(folder), "serve"], federation)
    with node, ExitStack() as idle:
        pid = node._process.pid  # noqa: SLF001
        _call_and_stay(federation, idle)
        wait_for_quiet()
        before = memory_mb(pid)
        for _ in range(IDLE):
            _call_and_stay(federation, idle)
        wait_for_quiet(1)
        yield Figure("memory of a peer's idle connection", (memory_mb(pid) - before) * 1024 / IDLE, "KB")
    node = serving([*_ecolink(folder), "serve"], federation)
    with node, httpx.Client(base_url=f"http://127.0.0.1:{local}", headers=SAME_ORIGIN, timeout=30) as browser:
        wait_for_quiet()
        if browser.post("/sign-in", data={"/username": "officer", "/password": PASSWORD}).status_code != 303:
            raise SystemExit("the officer could not sign in")
        for path in ("/", "/leads", "/bulletins", "/emergencies"):
            browser.get(path).raise_for_status()
        yield Figure("memory of a node whose console is used", memory_mb(node._process.pid), "MB")  # noqa: SLF001


def _call_and_stay(port: int, idle: ExitStack) -> None:
    """Have one call answered, and keep the connection."""
    line = idle.enter_context(socket.create_connection(("127.0.0.1", port)))
    line.sendall(f"GET /federation/v1/nothing HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    if b"\r\n" not in line.recv(65536):
        raise SystemExit("the node does not keep a connection")


def _receiving(folder: Path, port: int, senders: Sequence[Sender], wanted: int) -> tuple[Received, Received]:
    """Return what receiving costs a node that holds few statements, and then the same when it holds `wanted`."""
    now = SystemClock().now()
    each = 3 * MEASURED // CONNECTIONS // SIZE * SIZE
    bodies = [sender.pushes(sender.statements(each, now), SIZE) for sender in senders]
    third = each // SIZE // 3
    received = []
    for number in range(3):
        if number == 2:
            _multiply(folder, wanted)
        node = serving([*_ecolink(folder), "serve", "--no-worker"], port)
        with node:
            fresh = SystemClock().now()
            queues = [
                [sender.request(body, port, fresh) for body in mine[number * third : (number + 1) * third]]
                for sender, mine in zip(senders, bodies, strict=True)
            ]
            before = cpu_seconds(node._process.pid)  # noqa: SLF001
            result = load.run("127.0.0.1", port, queues)
            taken = cpu_seconds(node._process.pid) - before  # noqa: SLF001
            insist(result, sum(map(len, queues)))
            count = sum(map(len, queues)) * SIZE
            received.append(Received(count / result.seconds, taken / count * 1e6))
    return received[1], received[2]


def _multiply(folder: Path, wanted: int) -> None:
    """Copy statements until there are so many."""
    with _database(folder) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # copies are not promises
        connection.execute("PRAGMA cache_size = -4000000")  # KiB: seven indexes take each copy at random places
        held = connection.execute("SELECT count(*) FROM statements").fetchone()[0]
        names = ("jti", "digest", "thread")
        for copy in range(1, wanted // held):
            new = {name: f"substr({name}, 1, 14) || '{copy:04x}' || substr({name}, 19)" for name in names}
            _copy(
                connection, new | {"n": "NULL", "in_channel_id": "NULL", "in_seq": "NULL", "state": "'applied'"}, held
            )
        print(f"{connection.execute('SELECT count(*) FROM statements').fetchone()[0]:,} statements", file=sys.stderr)
    os.sync()  # else the node's first checkpoint would wait until all the copies are on the disk


def _employ(folder: Path) -> None:
    """Give the node an officer."""
    (folder / "officer").write_text(PASSWORD)
    user = ["user", "add", "officer", "--name", "officer", "--role", "officer"]
    _run([*_ecolink(folder), *user, "--password-file", f"{folder}/officer", "--no-must-change"])


def _pages(folder: Path, port: int, wanted: int) -> tuple[Paged, Paged]:
    """Return what a page of leads takes among a thousand, and among `wanted`."""
    node = serving([*_ecolink(folder), "serve", "--no-worker"], port)
    with node:
        base = f"http://127.0.0.1:{port}/api/v1"
        token = _token(base)
        _post(f"{base}/leads", token, LEAD)
        taken = []
        for count in (1_000, wanted):
            with _database(folder) as connection:
                held = connection.execute("SELECT count(*) FROM leads").fetchone()[0]
                _grow_leads(connection, count - held)
            taken.append(_page(f"{base}/leads?limit=50", token, node._process.pid))  # noqa: SLF001
    return taken[0], taken[1]


def _database(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(next((folder / "data").glob("*.db")))


def _copy(connection: sqlite3.Connection, new: Mapping[str, str], held: int) -> None:
    columns = [row[1] for row in connection.execute("PRAGMA table_info(statements)")]
    values = ", ".join(new.get(name, name) for name in columns)
    names = ", ".join(columns)
    connection.execute(f"INSERT INTO statements ({names}) SELECT {values} FROM statements WHERE n <= {held}")


def _grow_leads(connection: sqlite3.Connection, count: int) -> None:
    one = "(SELECT * FROM leads LIMIT 1)"
    numbers = f"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {count})"
    columns = [row[1] for row in connection.execute("PRAGMA table_info(leads)")]
    new = {
        "id": "lower(hex(randomblob(16)))",
        "updated_at": "datetime(updated_at, '-' || x || ' seconds') || '.000000'",
    }
    values = ", ".join(new.get(name, name) for name in columns)
    connection.execute(f"{numbers} INSERT INTO leads ({', '.join(columns)}) SELECT {values} FROM {one}, c")


def _page(address: str, token: str, pid: int) -> Paged:
    _read_pages(address, token, PAGES // 5)  # what is done once, and the pages of the database that are now others
    before = cpu_seconds(pid)
    taken = _read_pages(address, token, PAGES)
    return Paged(statistics.median(taken), (cpu_seconds(pid) - before) * 1000 / PAGES)


def _read_pages(address: str, token: str, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked) as answer:
            items = json.load(answer)["items"]
        taken.append((time.perf_counter() - began) * 1000)
        if len(items) != 50:
            raise SystemExit(f"a page of {len(items)}")
    return taken


def _token(base: str) -> str:
    form = urllib.parse.urlencode({"grant_type": "password", "username": "officer", "password": PASSWORD})
    with urllib.request.urlopen(f"{base}/oauth/token", form.encode()) as answer:
        return str(json.load(answer)["access_token"])


def _post(address: str, token: str, body: Mapping[str, object]) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": "growth-lead"}
    try:
        urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers)).close()
    except urllib.error.HTTPError as fault:
        raise SystemExit(f"{address}: {fault.read().decode()}") from None


if __name__ == "__main__":
    sys.exit(main())
