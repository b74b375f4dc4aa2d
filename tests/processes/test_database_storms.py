"""A node whose disk fills up or whose database is locked, away or killed: it says so to everybody, keeps what it took, and goes on by itself.

What was answered with 2xx is there afterwards, once; what was not was answered 503 with the time to come back.
"""

import json
import os
import re
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
import pytest

from ecolink.entrypoints.doctor.examination import examine
from ecolink.kit.clock import SystemClock
from tests.entrypoints.processes import ECOLINK, Process, ecolink, start
from tests.processes.bureau import Bureau, introduce, settled, wait_until
from tests.processes.disks import Disk, DiskAtWork, disk
from tests.support.postgres import Cluster, NoPostgresError, Server, make_cluster
from tests.support.town import QINGYUAN, SHOUNING

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

CANNOT_BE_WRITTEN = "The database cannot be written."


@dataclass
class Caller:
    """Somebody at a bureau who raises one emergency after another, and notes what each was answered."""

    bureau: Bureau
    to: str
    word: str
    number: int = field(default_factory=count(1).__next__)
    titles: list[str] = field(default_factory=list)
    """Those that were taken."""
    refused: list[httpx.Response] = field(default_factory=list)

    def raise_one(self) -> bool:
        """Raise the next one, under the same key as long as it is not taken; tell whether it was."""
        title = f"{self.word}{len(self.titles)}"
        try:
            self.bureau.raise_emergency(title, self.to, key=f"storm-{self.number}-{len(self.titles)}")
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
            cut_short_a_checkpoint(qingyuan)
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


def cut_short_a_checkpoint(bureau: Bureau) -> None:
    """Have the database moved out of its log while there is no room for it."""
    with (
        closing(sqlite3.connect(bureau.config.parent / "data" / "ecolink.db")) as database,
        suppress(sqlite3.OperationalError),
    ):
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_database_that_stays_locked_makes_everybody_wait_a_little_and_nobody_for_long(
    bureaus: tuple[Bureau, Bureau],
):
    shouning, qingyuan = bureaus
    callers = [Caller(qingyuan, SHOUNING, f"火情{number}-") for number in range(4)]
    with shouning.process("serve"), qingyuan.process("serve") as node:
        qingyuan.call("GET", "/me")
        with closing(sqlite3.connect(qingyuan.config.parent / "data" / "ecolink.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            shouning.raise_emergency("远火", QINGYUAN)
            began = time.monotonic()
            with ThreadPoolExecutor(len(callers)) as pool:
                assert not any(pool.map(lambda caller: caller.raise_one(), callers))
            assert time.monotonic() - began < 15, "those who waited behind one another gave up together"
            assert reasons(qingyuan) == ["The database cannot be written."]
            assert "locked" in findings(qingyuan)["database"]
            wait_until(lambda: "unavailable" in last_error(shouning))
            other.execute("ROLLBACK")
        assert all(caller.raise_one() for caller in callers)
        wait_until(lambda: reasons(qingyuan) == [])
        settled(bureaus, {"actual": ["远火", *(f"{caller.word}0" for caller in callers)]})
        for caller in callers:
            told_properly(caller.refused)
        events = heard(node)
    why = {event["why"] for event in events if event["event"] == "database.unavailable"}
    assert why <= {"database is locked", "other writers of this process did not come to an end"}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_read_only_disk_stops_the_start_with_one_line_and_no_longer_than_it_lasts(
    small_disk: Disk, unfounded: tuple[Bureau, Bureau]
):
    _, qingyuan = unfounded
    qingyuan.found()
    small_disk.make_read_only()
    with ecolink(qingyuan.config, "serve") as node:
        node.running.wait(60)
        code, log = node.stop()
    assert code == 1
    assert "Traceback" not in log
    *_, line = log.strip().splitlines()
    assert re.match(r"ecolink: The node's database cannot be used just now; .* \(.*(readonly|unable to open).*\)", line)
    assert re.search("readonly|unable to open", findings(qingyuan)["database"])
    small_disk.make_read_only(yes=False)
    with qingyuan.process("serve"):
        assert reasons(qingyuan) == []


@pytest.fixture
def disk_at_work(tmp_path: Path) -> DiskAtWork:
    """The disk of Qingyuan's node, which may turn read-only at any moment."""
    workshop = tmp_path / "workshop"
    workshop.mkdir()
    return DiskAtWork(tmp_path / QINGYUAN, workshop)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_disk_that_turns_read_only_under_a_node_at_work_is_told_and_nobody_has_to_restart_it(
    bureaus: tuple[Bureau, Bureau], disk_at_work: DiskAtWork
):
    shouning, qingyuan = bureaus
    near, far = Caller(qingyuan, SHOUNING, "近火"), Caller(shouning, QINGYUAN, "远火")
    at_work = partial(qingyuan.process, start=start, **disk_at_work.environment)
    with shouning.process("serve"), at_work("serve") as node:
        assert reasons(qingyuan) == []
        with near.calling(), far.calling():
            wait_until(lambda: len(near.titles) > 3)
            disk_at_work.make_read_only()
            wait_until(lambda: len(near.refused) > 3)
            wait_until(lambda: "unavailable" in last_error(shouning))
            for federation in (False, True):
                wait_until(lambda: reasons(qingyuan, federation=federation) == [CANNOT_BE_WRITTEN])  # noqa: B023
            assert failures(qingyuan) > 0
            with ThreadPoolExecutor(10) as pool:  # more readers at once than ever before: SQLite opens the file anew
                list(pool.map(lambda _: qingyuan.emergencies(), range(40)))
            assert reasons(qingyuan) == [CANNOT_BE_WRITTEN], "reading is no sign that it can be written"
            assert "can only be read" in doctor_says(qingyuan, disk_at_work)["database"]
            disk_at_work.make_read_only(yes=False)
            taken = len(near.titles)
            wait_until(lambda: reasons(qingyuan) == [])
            wait_until(lambda: len(near.titles) > taken)
        settled(bureaus, {"actual": near.titles + far.titles})
        told_properly(near.refused)
        assert far.refused == []
        assert qingyuan.faults() == shouning.faults() == []
        assert findings(qingyuan).keys() <= {"disk"}
        events = heard(node)
    told = [event["event"] for event in events if event["event"].startswith("database.")]
    assert told.count("database.available") == 1, "it was over once"
    assert told[-1] == "database.available"
    why = {event["why"] for event in events if event["event"] == "database.unavailable"}
    assert why <= {"disk I/O error", "attempt to write a readonly database"}


def doctor_says(bureau: Bureau, disk: DiskAtWork) -> dict[str, str]:
    """Return what the doctor finds broken when it looks at the disk as the node does."""
    command = [*ECOLINK, "--config", bureau.config, "doctor", "--json"]
    said = subprocess.run(command, env={**os.environ, **disk.environment}, stdout=subprocess.PIPE, check=False)
    assert said.returncode == 1
    return {each["check"]: each["detail_en"] for each in json.loads(said.stdout)["checks"] if each["level"] == "fail"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of one's own; it can be told to leave a commit waiting for a standby that never comes."""
    try:
        cluster = make_cluster(wal_level="replica", max_wal_senders="2")
    except NoPostgresError as reason:
        pytest.skip(str(reason))
    yield cluster
    cluster.stop()


def test_a_postgresql_that_is_restarted_made_read_only_or_killed_in_a_commit_loses_and_doubles_nothing(
    tmp_path: Path, cluster: Cluster
):
    server = cluster.server
    shouning, qingyuan = founded_beside(cluster, tmp_path)
    near, far = Caller(qingyuan, SHOUNING, "近火"), Caller(shouning, QINGYUAN, "远火")

    def survives(fault: Callable[[], None], mend: Callable[[], None]) -> None:
        """Have the fault happen while everybody calls, and mend it when it was noticed."""
        refused, taken = len(near.refused), len(near.titles)
        with near.calling(), far.calling():
            wait_until(lambda: len(near.titles) > taken + 2)
            fault()
            wait_until(lambda: len(near.refused) > refused)
            wait_until(lambda: reasons(qingyuan) == ["The database cannot be written."])
            mend()
            wait_until(lambda: reasons(qingyuan) == [])
            taken = len(near.titles)
            wait_until(lambda: len(near.titles) > taken)

    with shouning.process("serve"), qingyuan.process("serve") as node:
        qingyuan.call("GET", "/me")
        survives(cluster.stop, cluster.start)
        survives(partial(standby, server, yes=True), partial(standby, server, yes=False))
        survives(partial(kill_in_a_commit, cluster), partial(bring_back, cluster))
        settled((shouning, qingyuan), {"actual": near.titles + far.titles})
        told_properly(near.refused)
        assert far.refused == []
        assert failures(qingyuan) > 0
        assert qingyuan.faults() == shouning.faults() == []
        assert "database" not in findings(qingyuan)
        heard(node)


@pytest.fixture
def cramped() -> Iterator[tuple[Cluster, Disk]]:
    """A PostgreSQL server of one's own, whose tables and log are all that lies on a disk of 96 MiB."""
    with TemporaryDirectory(prefix="ecolink-disk-") as above:
        Path(above).chmod(0o711)  # the server does not run as root
        with disk(Path(above) / "disk", 96) as small:
            try:
                cluster = make_cluster(small.folder, min_wal_size="2MB", max_wal_size="4MB")
            except NoPostgresError as reason:
                pytest.skip(str(reason))
            yield cluster, small
            cluster.stop()


def test_a_full_disk_under_postgresql_stops_everything_loses_nothing_and_is_over_when_there_is_room(
    tmp_path: Path, cramped: tuple[Cluster, Disk]
):
    cluster, small = cramped
    shouning, qingyuan = founded_beside(cluster, tmp_path)
    near, far = Caller(qingyuan, SHOUNING, "近火"), Caller(shouning, QINGYUAN, "远火")

    def survives(fill_up: Callable[[], None]) -> None:
        """Have the disk fill up while everybody calls, and make room when it was noticed."""
        refused, taken = len(near.refused), len(near.titles)
        with near.calling(), far.calling():
            wait_until(lambda: len(near.titles) > taken + 3)
            fill_up()
            wait_until(lambda: len(near.refused) > refused + 3)
            wait_until(lambda: "unavailable" in last_error(shouning))
            for federation in (False, True):
                wait_until(lambda: reasons(qingyuan, federation=federation) == [CANNOT_BE_WRITTEN])  # noqa: B023
            assert failures(qingyuan) > 0
        taken = len(near.titles)
        small.clear()
        wait_until(lambda: cluster.start_again() and reasons(qingyuan) == [])
        wait_until(near.raise_one)
        assert near.titles[taken:]

    with shouning.process("serve"), qingyuan.process("serve") as node:
        qingyuan.call("GET", "/me")
        survives(small.fill)
        survives(partial(fill_the_log_too, cluster, small))
        settled((shouning, qingyuan), {"actual": near.titles + far.titles})
        told_properly(near.refused)
        assert far.refused == []
        assert qingyuan.faults() == shouning.faults() == []
        assert "database" not in findings(qingyuan)
        events = heard(node)
    told = [event for event in events if event["event"].startswith("database.")]
    assert len(told) < 10, "what is small goes on being written, and is no sign that it is over"


def fill_the_log_too(cluster: Cluster, small: Disk) -> None:
    """Fill the disk, and have the server's log need more room than was set aside for it: the server ends itself."""
    small.fill()
    with suppress(psycopg.OperationalError):
        while True:
            cluster.server.execute("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000))")


def founded_beside(cluster: Cluster, folder: Path) -> tuple[Bureau, Bureau]:
    """Found Shouning's node, and Qingyuan's on a database of `cluster`."""
    cluster.server.execute("CREATE DATABASE qingyuan")
    shouning = Bureau(SHOUNING, folder / SHOUNING / "ecolink.toml", None)
    qingyuan = Bureau(QINGYUAN, folder / QINGYUAN / "ecolink.toml", cluster.server.database("qingyuan"))
    for bureau in (shouning, qingyuan):
        bureau.found()
    introduce(shouning, qingyuan)
    return shouning, qingyuan


def standby(server: Server, *, yes: bool) -> None:
    """Make the server take no writes, as one is that somebody failed over to."""
    server.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if yes else 'off'}")
    server.execute("SELECT pg_reload_conf()")


def kill_in_a_commit(cluster: Cluster) -> None:
    """Pull the plug when a commit is on the disk and its client has not heard of it."""
    cluster.server.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    cluster.server.execute("SELECT pg_reload_conf()")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with psycopg.connect(cluster.server.address("postgres"), autocommit=True) as looking:
        wait_until(lambda: bool(looking.execute(waiting).fetchone()[0]))
        cluster.kill()


def bring_back(cluster: Cluster) -> None:
    settings = cluster.data / "postgresql.auto.conf"
    settings.write_text("", "utf-8")
    cluster.start()
