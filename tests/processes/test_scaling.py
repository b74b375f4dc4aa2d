"""A node of many processes on one PostgreSQL: any of them may be killed, nothing is stuck, lost or done twice."""

import os
import platform
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.entrypoints.processes import Process, children
from tests.processes.bureau import Bureau, Traffic, kill, settled, wait_until
from tests.support.town import QINGYUAN, SHOUNING

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(240),
    pytest.mark.parametrize("backend", ["postgresql"], indirect=True),
]


@contextmanager
def many_processes(bureau: Bureau) -> Iterator[tuple[Process, list[Process]]]:
    """Run two processes that serve and two that work for a node."""
    with ExitStack() as running:
        server = running.enter_context(bureau.process("serve", "--no-worker", "--workers", "2"))
        yield server, [running.enter_context(bureau.process("worker")) for _ in range(2)]


def test_workers_and_servers_killed_in_turn_leave_nothing_stuck_and_nothing_double(bureaus: tuple[Bureau, Bureau]):
    shouning, qingyuan = bureaus
    with (
        many_processes(shouning) as (server, senders),
        many_processes(qingyuan) as (_, appliers),
        Traffic(shouning, QINGYUAN, 30, every_s=0.05) as there,
        Traffic(qingyuan, SHOUNING, 30, "火警", 0.05) as back,
    ):
        there.until(5)
        kill(senders[0])
        back.until(10)
        kill(appliers[1])
        there.until(15)
        kill_one_that_serves(server)
        with shouning.process("worker"), qingyuan.process("worker"):  # as their supervisor would start them again
            there.until(30)
            back.until(30)
            settled(bureaus, there.titles, back.titles)


def test_what_a_killed_worker_held_is_taken_up_by_the_next_one_at_once(bureaus: tuple[Bureau, Bureau]):
    """The peer does not answer, so the channel is leased when the worker is killed."""
    shouning, qingyuan = bureaus
    with shouning.process("serve", "--no-worker"):
        with shouning.process("worker") as worker, qingyuan.process("serve", "--no-worker") as silent:
            psutil.Process(silent.running.pid).suspend()
            shouning.raise_emergency("火情", QINGYUAN)
            wait_until(lambda: is_calling(worker, qingyuan))
            kill(worker)
            kill(silent)
        with qingyuan.process("serve"), shouning.process("worker"):
            settled(bureaus, {"actual": ["火情"]})


def test_how_long_the_commits_of_a_worker_took_is_told_by_whoever_serves(bureaus: tuple[Bureau, Bureau]):
    shouning, _ = bureaus
    with shouning.process("serve", "--no-worker"), shouning.process("worker") as worker:
        wait_until(lambda: commits(shouning, worker) > 0)
        first = commits(shouning, worker)
        wait_until(lambda: commits(shouning, worker) > first)  # with its next beat


def commits(bureau: Bureau, worker: Process) -> float:
    """Return how many commits of a worker's the process that serves tells of."""
    url = f"http://127.0.0.1:{bureau.local_port}/metrics"
    found = [
        sample.value
        for family in text_string_to_metric_families(httpx.get(url, timeout=20, trust_env=False).text)
        for sample in family.samples
        if sample.name == "ecolink_commit_seconds_count"
        and sample.labels == {"process": str(worker.running.pid), "host": platform.node()}
    ]
    return found[0] if found else 0.0


def is_calling(process: Process, peer: Bureau) -> bool:
    """Tell whether a process has a line open to a peer."""
    lines = psutil.Process(process.running.pid).net_connections("tcp")
    return any(line.raddr and line.raddr.port == peer.federation_port for line in lines)


def kill_one_that_serves(server: Process) -> None:
    """Pull the plug of one of the processes that share the listening sockets."""
    os.kill(children(server.running.pid)[0], signal.SIGKILL)
