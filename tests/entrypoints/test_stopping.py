"""A node told to stop answers whom it has let in, leaves nothing half done, and is gone in the time it promises."""

import http.client
import json
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
from sqlalchemy import select

from ecolink.egress import Unreachable
from ecolink.entrypoints import worker
from ecolink.entrypoints.wiring import Node
from ecolink.entrypoints.worker import Worker
from ecolink.federation.models import OutChannel
from ecolink.storage import heartbeats
from tests.entrypoints.conftest import Run
from tests.entrypoints.processes import ecolink, status_of
from tests.support.notes import Notebook
from tests.support.town import QINGYUAN, SHOUNING, Town


@pytest.mark.processes
def test_a_request_on_its_way_when_the_node_is_stopped_is_still_answered_and_kept(shouning: Path, run: Run):
    """The login is committed before its answer leaves: the token is good when the node is back."""
    name, password = "lin", first_password(run, shouning)
    form = urlencode({"grant_type": "password", "username": name, "password": password}).encode()
    with ecolink(shouning, "serve") as node:
        node.wait_for_line()
        with socket.create_connection(("127.0.0.1", node.local_port), timeout=30) as caller:
            head = (
                "POST /api/v1/oauth/token HTTP/1.1\r\nHost: node\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(form)}\r\nX-Request-ID: slow-{node.local_port}\r\n\r\n"
            )
            caller.sendall(head.encode() + form[:10])
            assert status_of(node.local_port, "/livez") == 200  # by now the slow one's head has been read as well
            node.running.terminate()
            wait_until_nobody_listens(node.running.pid)
            assert status_of(node.local_port, "/livez") == 0
            caller.sendall(form[10:])
            answer = http.client.HTTPResponse(caller)
            answer.begin()
            assert answer.status == 200
            token = json.loads(answer.read())["access_token"]
            answer.close()
        code, errors = node.stop()
        assert code == 0, errors
        assert "Traceback" not in errors
    with ecolink(shouning, "serve") as node:
        node.wait_for_line()
        connection = http.client.HTTPConnection("127.0.0.1", node.local_port, timeout=30)
        connection.request("GET", "/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.close()
        connection.close()


def first_password(run: Run, config: Path) -> str:
    added = run("--config", config, "user", "add", "lin", "--name", "林一鸣", "--role", "officer", "--json")
    assert added.exit_code == 0, added.output
    return str(json.loads(added.stdout)["password"])


def wait_until_nobody_listens(pid: int) -> None:
    """Return as soon as the node takes no new callers."""
    process = psutil.Process(pid)
    for _ in range(3000):
        if not [one for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]:
            return
        threading.Event().wait(0.01)
    raise AssertionError("it still listens")


@dataclass
class SilentPeer:
    """A bureau that takes calls, and answers none before it is told to."""

    called: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _call: object) -> None:
        self.called.set()
        self.may_answer.wait(30)
        raise Unreachable("it never answered")


def test_a_worker_stopped_while_a_peer_is_silent_gives_its_lease_back(town: Town, monkeypatch):
    monkeypatch.setattr(worker, "STOP_S", 0.1)
    monkeypatch.setattr(worker, "COMPARE_FIRST_S", 0.0)
    node = town.nodes[SHOUNING]
    monkeypatch.setattr(type(node), "compare", lambda *_: {})
    peer = town.network.gates[QINGYUAN] = SilentPeer()
    Notebook(node).send("hello", QINGYUAN)
    loops = Worker(node)
    loops.start()
    assert peer.called.wait(30)
    assert (lease(node), beating(node)) == (True, 1)

    loops.stop()
    assert (lease(node), beating(node)) == (False, 0)

    peer.may_answer.set()
    for thread in loops.loops.threads:
        thread.join(30)
    assert not lease(node)


def lease(node: Node) -> bool:
    with node.database.read() as session:
        return session.scalars(select(OutChannel.leased_until).where(OutChannel.last_seq > 0)).one() is not None


def beating(node: Node) -> int:
    with node.database.read() as session:
        return len(heartbeats.workers(session))
