"""Two real nodes on one machine, killed in the middle of their work: everything arrives, and arrives once."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes.bureau import Bureau, Traffic, kill, settled
from tests.support.town import QINGYUAN, SHOUNING

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_receiver_killed_while_messages_come_in_holds_each_once(bureaus: tuple[Bureau, Bureau], tmp_path: Path):
    shouning, qingyuan = bureaus
    with shouning.process("serve"), Traffic(shouning, QINGYUAN, 18) as traffic:
        for sent in (4, 10):
            with qingyuan.process("serve") as running:
                traffic.until(sent)
                kill(running)
        with qingyuan.process("serve"):
            traffic.until(18)
            settled(bureaus, traffic.titles)
            verify_one(shouning, qingyuan, tmp_path)


def verify_one(author: Bureau, other: Bureau, folder: Path) -> None:
    """Export the evidence of one emergency at each node, and check it with the cards alone."""
    thread = author.call("GET", "/emergencies")["items"][0]["id"]
    cards = [part for bureau in (author, other) for part in ("--card", bureau.config.parent / "own.card")]
    for bureau in (author, other):
        file = folder / f"evidence-{bureau.unit_code}.json"
        bureau.run("evidence", "export", thread, "--out", file, "--reason", "test of the exchange")
        assert "OK" in bureau.run("evidence", "verify", file, *cards).stdout


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_sender_killed_while_it_sends_sends_nothing_twice_and_forgets_nothing(bureaus: tuple[Bureau, Bureau]):
    shouning, qingyuan = bureaus
    with qingyuan.process("serve"), Traffic(shouning, QINGYUAN, 18, every_s=0.05) as traffic:
        for sent in (5, 12):
            with shouning.process("serve") as running:
                traffic.until(sent)
                kill(running)
        with shouning.process("serve"):
            traffic.until(18)
            settled(bureaus, traffic.titles)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_rotated_over_the_api_while_messages_go_out_stops_none_of_them(bureaus: tuple[Bureau, Bureau]):
    shouning, qingyuan = bureaus
    with qingyuan.process("serve"), shouning.process("serve"):
        before = shouning.call("GET", "/keys")["manifest_version"]
        with Traffic(shouning, QINGYUAN, 20) as there, Traffic(qingyuan, SHOUNING, 20, "火警") as back:
            there.until(6)
            shouning.call("POST", "/keys/rotate", **{"Idempotency-Key": "rotate-once-0123456789"})
            there.until(12)
            qingyuan.call("POST", "/keys/rotate", **{"Idempotency-Key": "rotate-once-0123456789"})
            there.until(20)
            back.until(20)
        settled(bureaus, there.titles, back.titles)
        assert shouning.call("GET", "/keys")["manifest_version"] == before + 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_workers_beside_the_server_double_nothing(bureaus: tuple[Bureau, Bureau]):
    shouning, qingyuan = bureaus
    with ExitStack() as running:
        for bureau in bureaus:
            running.enter_context(bureau.process("serve", "--no-worker"))
            for _ in range(2):
                running.enter_context(bureau.process("worker"))
        with Traffic(shouning, QINGYUAN, 20, every_s=0) as there, Traffic(qingyuan, SHOUNING, 20, "火警", 0) as back:
            there.until(20)
            back.until(20)
        settled(bureaus, there.titles, back.titles)
