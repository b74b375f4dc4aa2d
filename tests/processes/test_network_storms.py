"""A crowd that says nothing at a real node's door: it displaces itself, and bureaus with something to say are served."""

import re

import httpx
import psutil
import pytest

from tests.entrypoints.processes import status_of
from tests.processes.bureau import Bureau, settled, wait_until
from tests.processes.sockets import idle, room_for
from tests.support.town import QINGYUAN

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

IDLE = 10_000
MOST = 4096
"""The default of `most_connections`."""

KIB_PER_IDLE_CONNECTION = 16
"""docs/operations.md says 11."""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_ten_thousand_idle_connections_keep_no_emergency_out(bureaus: tuple[Bureau, Bureau]):
    """They come from one address, and Shouning comes from the same one: as behind a router that translates."""
    if not room_for(IDLE + 1000):
        pytest.skip(f"this machine's hard limit of open files is below {IDLE + 1000} (ulimit -Hn)")
    shouning, qingyuan = bureaus
    with qingyuan.process("serve") as node, shouning.process("serve"):
        for bureau in bureaus:
            bureau.call("GET", "/me")
        process = psutil.Process(node.running.pid)
        before = process.memory_info().rss
        with idle(qingyuan.federation_port, IDLE):
            wait_until(lambda: told(qingyuan, 'cut_total{process="[0-9]+",reason="crowded"}') >= IDLE - MOST)
            assert told(qingyuan, 'connections{process="[0-9]+",side="federation"}') <= MOST
            cost = (process.memory_info().rss - before) / MOST / 1024
            shouning.raise_emergency("火情", QINGYUAN)
            settled(bureaus, {"actual": ["火情"]})
            assert status_of(qingyuan.federation_port, "/.well-known/ecolink") == 200
            assert status_of(qingyuan.local_port, "/readyz") == 200
        assert cost < KIB_PER_IDLE_CONNECTION, f"{cost:.1f}"


def told(bureau: Bureau, series: str) -> float:
    """Return what the node tells of its connections."""
    text = httpx.get(f"http://127.0.0.1:{bureau.local_port}/metrics", timeout=30, trust_env=False).text
    found = re.search(rf"^ecolink_(?:connections_)?{series} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0
