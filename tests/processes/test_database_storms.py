"""A node whose disk fills up or whose database is locked, away or killed: it says so to everybody, keeps what it took, and goes on by itself.

What was answered with 2xx is there afterwards, once; what was not was answered 503 with the time to come back.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecolink.entrypoints.doctor.examination import examine
from ecolink.kit.clock import SystemClock
from tests.entrypoints.processes import Process
from tests.processes.bureau import Bureau, introduce, settled, wait_until
from tests.processes.disks import Disk, disk
from tests.support.town import QINGYUAN, SHOUNING

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


@dataclass
class Caller:
    """Somebody at a bureau who raises one emergency after another, and notes what each was answered."""

    bureau: Bureau
    to: str
    word: str
    titles: list[str] = field(default_factory=list)
    """Those that were taken."""
    refused: list[httpx.Response] = field(default_factory=list)

    def raise_one(self) -> bool:
        """Raise the next one, under the same key as long as it is not taken; tell whether it was."""
        title = f"{self.word}{len(self.titles)}"
        try:
            self.bureau.raise_emergency(title, self.to, key=f"storm-{self.bureau.unit_code}-{len(self.titles)}")
        except httpx.HTTPStatusError as refusal:
            self.refused.append(refusal.response)
            return False
        self.titles.append(title)
        return True

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Go on calling until the block ends."""
        over = threading.Event()

        def go_on() -> None:
            while not over.wait(0.02):
                self.raise_one()

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def told_properly(refused: list[httpx.Response]) -> None:
    """Look whether everybody who was refused heard that it is for now, and when to come back."""
    assert refused
    for answer in refused:
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "/problems/unavailable"
        assert int(answer.headers["Retry-After"]) > 0


def reasons(bureau: Bureau, *, federation: bool = False) -> list[str]:
    """Return why the node says it cannot work."""
    port = bureau.federation_port if federation else bureau.local_port
    answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30, trust_env=False)
    return [] if answer.status_code == 200 else [each["detail_en"] for each in answer.json()["errors"]]


def failures(bureau: Bureau) -> float:
    """Return how many transactions failed, as the metric that an alert watches."""
    text = httpx.get(f"http://127.0.0.1:{bureau.local_port}/metrics", timeout=30, trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith("ecolink_database_failures_total")]
    return sum(float(line.split()[-1]) for line in lines)


def findings(bureau: Bureau) -> dict[str, str]:
    """Return what the doctor finds broken."""
    return {
        each.name: each.finding.detail_en
        for each in examine(bureau.config, SystemClock())
        if each.finding.level.value == "fail"
    }


def last_error(sender: Bureau) -> str:
    return " ".join(str(queue.get("last_error")) for queue in sender.call("GET", "/queues")["items"])


def heard(process: Process) -> list[dict[str, Any]]:
    """Stop the node and return what it wrote; an outage is no fault of the program, so no trace is among it."""
    code, log = process.stop()
    assert code == 0
    events = [json.loads(line) for line in log.splitlines()]
    assert [event for event in events if "exception" in event] == []
    assert {event["event"] for event in events if event["level"] == "error"} == {"database.unavailable"}, log
    assert "database.available" in {event["event"] for event in events}
    return events


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 40 MiB, on which Qingyuan's node has everything."""
    with disk(tmp_path / QINGYUAN, 40) as mounted:
        yield mounted


@pytest.fixture
def on_small_disk(small_disk: Disk, unfounded: tuple[Bureau, Bureau]) -> tuple[Bureau, Bureau]:
    for bureau in unfounded:
        bureau.found()
    introduce(*unfounded)
    return unfounded


@pytest.fixture(autouse=True)
def logs_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_LOG_FORMAT", "json")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_full_disk_stops_everything_loses_nothing_and_is_over_when_there_is_room(
    on_small_disk: tuple[Bureau, Bureau], small_disk: Disk
):
    shouning, qingyuan = on_small_disk
    near, far = Caller(qingyuan, SHOUNING, "近火"), Caller(shouning, QINGYUAN, "远火")
    with shouning.process("serve"), qingyuan.process("serve") as node:
        assert near.raise_one()
        assert far.raise_one()
        assert reasons(qingyuan) == []
        with near.calling(), far.calling():
            wait_until(lambda: len(near.titles) > 3)
            small_disk.fill(leaving=300_000)
            wait_until(lambda: len(near.refused) > 3)  # in the middle of whatever it was committing
            small_disk.fill()
            wait_until(lambda: "unavailable" in last_error(shouning))
            for federation in (False, True):
                wait_until(lambda: reasons(qingyuan, federation=federation) == ["The disk is full."])  # noqa: B023
            assert failures(qingyuan) > 0
            assert "0 MiB left" in findings(qingyuan)["disk"]
            with closing(sqlite3.connect(small_disk.folder / "data" / "ecolink.db")) as database:
                assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] in (0, 1)
        taken = len(near.titles)
        small_disk.clear()
        wait_until(lambda: reasons(qingyuan) == [])
        wait_until(near.raise_one)
        assert near.titles[taken:]
        settled(on_small_disk, {"actual": near.titles + far.titles})
        told_properly(near.refused)
        assert far.refused == []
        assert qingyuan.faults() == shouning.faults() == []
        assert findings(qingyuan).keys() <= {"disk"}
        events = heard(node)
    why = {event["why"] for event in events if event["event"] == "database.unavailable"}
    assert why == {"database or disk is full"}
