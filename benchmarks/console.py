"""`python -m benchmarks.console`: an emergency shown to 500 officers at once, and Today above 100,000 leads.

Two real nodes on SQLite, Shouning and Qingyuan. 500 browsers' streams are open at Qingyuan, all by one login;
Shouning raises emergencies, and each stream tells when its page would show the one that is meant.
"""

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.growth import LEAD, SAME_ORIGIN, _grow_leads
from benchmarks.page import Figure, measure, options, report
from ecolink.exchanges.leads.table import State
from tests.browser.nodes import Node, running
from tests.processes.bureau import PASSWORD

READINGS = 60

TO_DO = 100
"""One lead in so many is under way; the others have ended, as most have."""


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--officers", type=int, default=500)
    parser.add_argument("--emergencies", type=int, default=5)
    parser.add_argument("--leads", type=int, default=100_000)
    chosen = parser.parse_args()
    rounds = measure(chosen.rounds, lambda: _round(chosen.officers, chosen.emergencies, chosen.leads))
    return report("console", rounds, write=chosen.write)


def _round(officers: int, emergencies: int, leads: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder, running(Path(folder)) as (shouning, qingyuan):
        shown = asyncio.run(_show(shouning, qingyuan, officers, emergencies))
        all_to_do, few_to_do = _read_today(qingyuan, leads)
    slowest = [max(each) for each in shown]
    told = f"an emergency on {officers} consoles, the slowest of each"
    yield Figure(f"{told}: median of {emergencies}", statistics.median(slowest), "s")
    yield Figure(f"{told}: the worst", max(slowest), "s", 2.0)
    few = f"Today above {leads:,} leads, {leads // TO_DO:,} of them ours to do"
    yield Figure(f"{few}: median of {READINGS}", statistics.median(few_to_do), "ms", 150.0)
    yield Figure(f"{few}: the worst", max(few_to_do), "ms")
    yield Figure(f"Today when all {leads:,} are ours to do: median of {READINGS}", statistics.median(all_to_do), "ms")


def _cookie(node: Node) -> str:
    """Sign in at a console, and return what the browser shows from then on."""
    form = {"/username": "liaison", "/password": PASSWORD}
    answer = httpx.post(f"{node.address}/sign-in", data=form, headers=SAME_ORIGIN, timeout=30)
    if answer.status_code != 303:
        raise SystemExit(f"signing in: {answer.status_code}")
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


async def _show(shouning: Node, qingyuan: Node, officers: int, emergencies: int) -> list[list[float]]:
    """Return, for each emergency, after how many seconds each console showed it."""
    cookie = _cookie(qingyuan)
    host, port = qingyuan.address.removeprefix("http://").split(":")
    streams = [await asyncio.open_connection(host, int(port), limit=1 << 20) for _ in range(officers)]
    for reader, writer in streams:
        writer.write(f"GET /live HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\n\r\n".encode())
        await asyncio.wait_for(reader.readuntil(b"event: stand"), 30)
    taken = []
    for number in range(emergencies):
        title = f"measured-{number}-{time.time_ns()}"
        began = time.monotonic()
        listening = [asyncio.create_task(_heard(reader, title.encode())) for reader, _ in streams]
        await asyncio.to_thread(_raise, shouning, qingyuan, title)
        taken.append([at - began for at in await asyncio.wait_for(asyncio.gather(*listening), 60)])
        await asyncio.sleep(1.3)  # not in step with the looks, which come once a second
    for _, writer in streams:
        writer.close()
    return taken


async def _heard(reader: asyncio.StreamReader, title: bytes) -> float:
    await reader.readuntil(title)
    return time.monotonic()


def _raise(shouning: Node, qingyuan: Node, title: str) -> None:
    token = httpx.post(
        f"{shouning.address}/api/v1/oauth/token",
        data={"grant_type": "password", "username": "liaison", "password": PASSWORD},
    ).json()["access_token"]
    body = {
        "status": "actual",
        "kind": "wildfire",
        "title": title,
        "description": "火线向东。",
        "colour": "orange",
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Observed",
        "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "location": {"text": "下党乡", "region_code": "350924"},
        "recipients": [qingyuan.unit_code],
        "hotline": "0593-0000001",
        "confirm": title,
    }
    answer = httpx.post(
        f"{shouning.address}/api/v1/emergencies", json=body, headers={"Authorization": f"Bearer {token}"}
    )
    if answer.status_code != 201:
        raise SystemExit(answer.text)


def _read_today(node: Node, leads: int) -> tuple[list[float], list[float]]:
    """Return what Today takes, in milliseconds, above so many drafts, and once nearly all have been closed."""
    form = {"grant_type": "password", "username": "officer", "password": PASSWORD}
    token = httpx.post(f"{node.address}/api/v1/oauth/token", data=form).json()["access_token"]
    wanted = {**LEAD, "to": "350924000000"}
    kept = httpx.post(f"{node.address}/api/v1/leads", json=wanted, headers={"Authorization": f"Bearer {token}"})
    if kept.status_code != 201:
        raise SystemExit(kept.text)
    with sqlite3.connect(next(node.bureau.config.parent.rglob("*.db")), timeout=30) as connection:
        _grow_leads(connection, leads - 1)
        connection.commit()
        all_to_do = _readings(node)
        connection.execute("UPDATE leads SET state = ? WHERE rowid % ? > 0", (State.CLOSED, TO_DO))
        connection.commit()
    return all_to_do, _readings(node)


def _readings(node: Node) -> list[float]:
    taken = []
    with httpx.Client(base_url=node.address, headers={**SAME_ORIGIN, "Cookie": _cookie(node)}, timeout=30) as client:
        for _ in range(READINGS):
            began = time.perf_counter()
            client.get("/").raise_for_status()
            taken.append((time.perf_counter() - began) * 1000)
    return taken


if __name__ == "__main__":
    sys.exit(main())
