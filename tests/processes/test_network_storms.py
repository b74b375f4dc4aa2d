"""Callers that hoard, drip, lie and shout at a real node: they are cut, and whoever has something to say is served."""

import psutil
import pytest

from tests.entrypoints.processes import status_of
from tests.processes.bureau import Bureau, settled, wait_until
from tests.processes.sockets import idle, room_for, still_open
from tests.support.town import QINGYUAN

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

IDLE = 10_000
MOST = 4096
"""The default of `most_connections`."""

KIB_PER_IDLE_CONNECTION = 1
"""What docs/operations.md says one costs, with room to spare."""


@on_sqlite
def test_ten_thousand_idle_connections_keep_no_emergency_out(bureaus: tuple[Bureau, Bureau]):
    if not room_for(IDLE + 1000):
        pytest.skip(f"this machine's hard limit of open files is below {IDLE + 1000}: ulimit -Hn")
    shouning, qingyuan = bureaus
    with qingyuan.process("serve") as node, shouning.process("serve"):
        shouning.call("GET", "/me")
        process = psutil.Process(node.running.pid)
        before = process.memory_info().rss
        with idle(qingyuan.federation_port, IDLE) as held:
            wait_until(lambda: connections(process, qingyuan.federation_port) == MOST)
            cost = (process.memory_info().rss - before) / MOST / 1024
            shouning.raise_emergency("火情", QINGYUAN)
            settled(bureaus, {"actual": ["火情"]})
            assert status_of(qingyuan.federation_port, "/.well-known/ecolink") == 200
            assert status_of(qingyuan.local_port, "/readyz") == 200
            assert 0 < len(still_open(held)) <= MOST, "they displaced one another, and nobody else"
        assert cost < KIB_PER_IDLE_CONNECTION, f"{cost:.1f}"


def connections(process: psutil.Process, port: int) -> int:
    """Return how many connections a process holds on one of its ports."""
    return sum(one.laddr.port == port and bool(one.raddr) for one in process.net_connections("tcp"))
