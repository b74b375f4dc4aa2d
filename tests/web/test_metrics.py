"""Monitoring reads counts and ages on the local address; nobody else does, and nothing of any matter is in them."""

import os
import platform
import re
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from ecolink import __version__
from ecolink.entrypoints.applications import federation_app, local_app
from ecolink.storage.heartbeats import STALE_AFTER, Heartbeat, Pulse
from ecolink.web.gauges import FRESH, Gauges
from tests.exchanges.emergencies.desks import LIAISON, Desk
from tests.support.notes import Notebook
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

THIS_MACHINE = ("127.0.0.1", 50000)
TOKEN = "a-token-for-the-monitoring-1"


@pytest.fixture
def shouning(town: Town) -> Notebook:
    return Notebook(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Notebook:
    return Notebook(town.nodes[QINGYUAN])


def door(town: Town, *, caller=THIS_MACHINE, url="http://127.0.0.1:8470", **settings):
    node = town.nodes[SHOUNING]
    given = node.settings.model_copy(update=settings)
    object.__setattr__(node, "settings", given)
    return TestClient(local_app(node), base_url=url, client=caller)


def read(town: Town) -> dict[str, float]:
    """Return the gauges of Shouning's node as Prometheus would read them, once they are fresh."""
    node = town.nodes[SHOUNING]
    registry = CollectorRegistry()
    registry.register(Gauges(node.database, node.clock, node.settings.data_dir))
    return series(generate_latest(registry).decode())


def series(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f",{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# Who may ask -----------------------------------------------------------------------------------------


def test_without_a_token_this_machine_may_ask_and_nobody_else(town: Town):
    assert door(town).get("/metrics").status_code == 200
    assert door(town, caller=("::1", 1), url="http://localhost:8470").get("/metrics").status_code == 200
    assert door(town, caller=("10.20.3.4", 1)).get("/metrics").status_code == 403


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"])
def test_a_proxy_on_this_machine_does_not_make_its_callers_this_machine(town: Town, header: str):
    assert door(town).get("/metrics", headers={header: "10.20.3.4"}).status_code == 403
    assert door(town, behind_proxy=True).get("/metrics").status_code == 403


def test_a_page_whose_name_was_made_to_lead_here_reads_nothing(town: Town):
    assert door(town, url="http://evil.example").get("/metrics").status_code == 403


def test_with_a_token_whoever_shows_it_may_ask_from_anywhere_and_nobody_without(town: Town):
    away = door(town, caller=("10.20.3.4", 1), url="https://node.example", metrics_token=SecretStr(TOKEN))
    here = door(town, metrics_token=SecretStr(TOKEN))
    for client in (away, here):
        assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        for wrong in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}):
            answer = client.get("/metrics", headers=wrong)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_other_bureaus_are_told_nothing(town: Town):
    with TestClient(federation_app(town.nodes[SHOUNING]), client=THIS_MACHINE, base_url="http://127.0.0.1") as client:
        assert client.get("/metrics").status_code == 404


# What is told ----------------------------------------------------------------------------------------


def test_a_queue_tells_how_much_waits_and_since_when(town: Town, shouning, qingyuan):
    town.network.down.add(QINGYUAN)
    shouning.send("one", QINGYUAN)
    town.wait(timedelta(minutes=10))
    shouning.send("two", QINGYUAN)

    told = read(town)
    assert told[f"ecolink_queue_depth,case,{QINGYUAN}"] == 2
    assert told[f"ecolink_queue_oldest_seconds,case,{QINGYUAN}"] == 600
    assert told[f"ecolink_channel_receipted,case,{QINGYUAN}"] == 0

    town.network.down.clear()
    town.wait(timedelta(hours=2))
    told = read(town)
    assert told[f"ecolink_queue_depth,case,{QINGYUAN}"] == told[f"ecolink_queue_oldest_seconds,case,{QINGYUAN}"] == 0
    assert told[f"ecolink_channel_receipted,case,{QINGYUAN}"] == told[f"ecolink_channel_queued,case,{QINGYUAN}"] == 2
    assert told[f"ecolink_peer_last_contact_seconds,{QINGYUAN}"] == 7800, "they took everything, and said nothing"
    assert told[f"ecolink_peer_state,{QINGYUAN},active"] == 1
    assert told["ecolink_evidence_log_entries"] > 2


def test_what_was_set_aside_is_told_apart_from_what_waits_for_its_predecessor(town: Town, shouning, qingyuan):
    shouning.stumble.add("fault")
    shouning.wait_for["late"] = "early"
    for text in ("fault", "late"):
        qingyuan.send(text, SHOUNING)
    with capture_logs():
        town.settle()

    told = read(town)
    assert told["ecolink_statements_parked,fault"] == told["ecolink_statements_parked,predecessor"] == 1
    assert told["ecolink_statements_pending"] == 0
    assert told[f"ecolink_channel_received,case,{QINGYUAN}"] == 2


def test_an_emergency_nobody_signed_for_ages_until_somebody_does_and_a_drill_does_not(town: Town):
    ours, theirs = Desk.open(town.nodes[SHOUNING]), Desk.open(town.nodes[QINGYUAN])
    fire = theirs.raise_alert(recipients=[SHOUNING])
    theirs.raise_alert(recipients=[SHOUNING], status="exercise")
    town.settle()
    town.wait(timedelta(minutes=15))

    told = read(town)
    assert told["ecolink_emergencies_unacknowledged,us"] == 1
    assert told["ecolink_emergency_unacknowledged_seconds,us"] == 900
    assert told["ecolink_emergencies_unacknowledged,peer"] == 0
    assert told["ecolink_call_tasks_open"] == 1

    ours.acknowledge(fire, by=LIAISON)
    told = read(town)
    assert told["ecolink_emergencies_unacknowledged,us"] == told["ecolink_emergency_unacknowledged_seconds,us"] == 0


def test_a_worker_that_falls_silent_is_seen(town: Town):
    node = town.nodes[SHOUNING]
    assert "ecolink_worker_heartbeat_seconds" not in read(town)
    Pulse(node.database).beat(town.clock.now())
    assert read(town)["ecolink_workers,alive"] == 1
    town.clock.advance(STALE_AFTER + timedelta(seconds=1))
    told = read(town)
    assert (told["ecolink_workers,alive"], told["ecolink_workers,silent"]) == (0, 1)
    assert told["ecolink_worker_heartbeat_seconds"] == 61


def test_what_a_worker_counts_that_serves_nobody_is_told_by_whoever_serves_for_as_long_as_it_works(town: Town):
    node = town.nodes[SHOUNING]
    client = door(town)
    ours = f"ecolink_commit_seconds_count,{os.getpid()}"
    theirs = f"ecolink_commit_seconds_count,{platform.node()},{os.getpid()}"
    pulse = Pulse(node.database, is_alone=True)
    pulse.beat(town.clock.now())
    text = client.get("/metrics").text
    first = series(text)
    assert first[ours] >= first[theirs] > 0
    assert first[f"ecolink_commit_seconds_bucket,{platform.node()},+Inf,{os.getpid()}"] == first[theirs]
    assert text.count("# TYPE ecolink_commit_seconds histogram") == 1, "a metric may be declared only once"

    town.clock.advance(FRESH)
    assert series(client.get("/metrics").text)[theirs] == first[theirs], "it says what it said last, and never less"
    pulse.beat(town.clock.now())
    town.clock.advance(FRESH)
    assert series(client.get("/metrics").text)[theirs] > first[theirs]

    town.clock.advance(STALE_AFTER)
    assert theirs not in series(client.get("/metrics").text)


def test_what_a_worker_counts_that_serves_as_well_is_told_once(town: Town):
    node = town.nodes[SHOUNING]
    Pulse(node.database).beat(town.clock.now())
    told = series(door(town).get("/metrics").text)
    assert told["ecolink_workers,alive"] == 1
    counts = [name for name in told if name.startswith("ecolink_commit_seconds_count")]
    assert counts == [f"ecolink_commit_seconds_count,{os.getpid()}"]


def test_a_worker_of_another_version_is_told_as_far_as_its_meters_are_known(town: Town):
    node = town.nodes[SHOUNING]
    sent = {"ecolink_alert_messages": [["_total", {"kind": "ntfy", "outcome": "sent"}, 3.0]]}
    with node.database.begin() as session:
        at = town.clock.now()
        counts = {**sent, "ecolink_of_tomorrow": [["_total", {}, 1.0]]}
        session.add(Heartbeat(host="the-other-machine", pid=7, started_at=at, at=at, counts=counts))
    told = series(door(town).get("/metrics").text)
    assert told["ecolink_alert_messages_total,the-other-machine,ntfy,sent,7"] == 3
    assert not [name for name in told if "of_tomorrow" in name]


def test_a_process_counts_what_it_does_and_says_which_process_it_is(town: Town, shouning, qingyuan):
    client = door(town)

    def counted() -> dict[str, float]:
        found = series(client.get("/metrics").text)
        ours = f",{os.getpid()}"
        return {name.replace(ours, "", 1): value for name, value in found.items() if ours in name}

    before = counted()
    shouning.send("hello", QINGYUAN)
    town.settle()
    client.get("/api/v1/leads/019a0f5e-7c00-7abc-8def-0123456789ab")
    client.request("BREW", "/coffee")
    town.nodes[SHOUNING].gate.tally.note("bad-signature", town.clock.now())
    after = counted()

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown("ecolink_commit_seconds_count") > 0
    assert grown(f"ecolink_receipts_verified_total,{QINGYUAN}") == 1
    assert grown("ecolink_receipts_sent_total") == 1
    assert grown("ecolink_verify_seconds_count") == 1
    assert grown("ecolink_refusals_total,bad-signature") == 1
    assert grown("ecolink_http_requests_total,GET,/api/v1/leads/{lead_id},401") == 1
    assert grown("ecolink_http_requests_total,other,none,404") == 1
    assert after[f"ecolink_build_info,{platform.python_version()},{__version__}"] == 1


# What asking costs -----------------------------------------------------------------------------------


def test_asking_often_reads_the_database_once_every_few_seconds(town: Town):
    node = town.nodes[SHOUNING]
    statements = []
    event.listen(node.database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    client = door(town)
    client.get("/metrics")
    once = len(statements)
    client.get("/metrics")
    assert len(statements) == once
    town.clock.advance(FRESH)
    client.get("/metrics")
    assert len(statements) == 2 * once


def test_no_question_grows_with_what_a_node_has_exchanged(town: Town):
    """A table that grows is only searched, or walked along an index of what waits."""
    node = town.nodes[SHOUNING]
    asked = []
    event.listen(node.database.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    read(town)
    questions = [(text, values) for text, values in asked if text.lstrip().startswith("SELECT")]
    assert len(questions) >= 10
    explain = "EXPLAIN QUERY PLAN" if node.database.is_sqlite else "EXPLAIN"
    with node.database.engine.connect() as connection:
        if not node.database.is_sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")  # of an empty table it would read the one page
        plans = [
            [str(step[-1]) for step in connection.exec_driver_sql(f"{explain} {text}", values)]
            for text, values in questions
        ]
    walked = re.compile(
        r"(?:SCAN|Seq Scan on|Index.* Scan.* on) (statements|out_entries|blob_transfers|call_tasks|emergencies)\b"
    )
    for plan in plans:
        for step in plan:
            if walked.search(step):
                assert re.search(r"ix_\w+_(parked|pending|waiting)|ix_call_tasks_status|pk_", step), plan


def test_a_database_that_is_gone_is_told_and_the_process_still_counts(town: Town, monkeypatch):
    def gone(*_: object):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    client = door(town)
    monkeypatch.setattr("sqlalchemy.orm.Session.execute", gone)
    with capture_logs():
        told = series(client.get("/metrics").text)
    assert told["ecolink_database_up"] == 0
    assert not [name for name in told if name.startswith("ecolink_queue")]
    assert f"ecolink_commit_seconds_count,{os.getpid()}" in told


def test_no_label_says_more_than_a_bureau_a_lane_or_a_word_of_ours(town: Town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN, private={"name": "林某", "phone": "13800000000"})
    town.settle()
    Pulse(town.nodes[SHOUNING].database, is_alone=True).beat(town.clock.now())
    text = door(town).get("/metrics").text
    labels = {label for family in text_string_to_metric_families(text) for s in family.samples for label in s.labels}
    assert labels <= {
        "peer", "lane", "state", "kind", "because", "waits_for", "reason", "method", "route", "status",
        "le", "process", "host", "version", "python", "channel", "outcome", "setting",
    }  # fmt: skip
    assert "林某" not in text
    assert "13800000000" not in text
