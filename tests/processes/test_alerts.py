"""A real node tells a real service, and is killed while it does."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.alerts.servers import Server
from tests.processes.bureau import Bureau, kill, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

SECRET = "what-only-we-and-it-know"
ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


class Receiver:
    """A bureau's own program that takes alerts; it answers when it is let."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.may_answer = threading.Event()

    def __call__(self, caller: socket.socket) -> None:
        head, _, body = caller.recv(65536).partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += caller.recv(65536)
        received = json.loads(body)["id"]
        self.ids.append(received)
        self.may_answer.wait(60)
        said = json.dumps({"id": received}).encode()
        caller.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(said) + said)


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, int]]:
    receiver = Receiver()
    with closing(Server(receiver)) as server:
        yield receiver, server.port
        receiver.may_answer.set()


@pytest.fixture
def shouning(unfounded: tuple[Bureau, Bureau], receiver: tuple[Receiver, int], monkeypatch, tmp_path: Path) -> Bureau:
    monkeypatch.setenv("ECOLINK_ALERT_NETWORKS", "127.0.0.0/8")
    shouning = unfounded[0]
    shouning.found()
    settings = tmp_path / "webhook.json"
    address = f"http://127.0.0.1:{receiver[1]}/alerts"
    settings.write_text(json.dumps({"kind": "webhook", "url": address, "sign_secret": SECRET}))
    told = shouning.run("channel", "add", "program", settings, "--own")
    assert SECRET not in told.output
    return shouning


@ON_SQLITE
def test_a_test_by_the_command_line_goes_by_the_running_node(shouning: Bureau, receiver: tuple[Receiver, int]):
    receiver[0].may_answer.set()
    with shouning.process("serve"):
        told = json.loads(shouning.run("channel", "test", "program", "--json").output)
    assert told["state"] == "sent"
    (row,) = json.loads(shouning.run("channel", "list", "--json").output)
    assert (row["name"], row["state"], row["waiting"]) == ("program", "working", 0)
    shouning.run("channel", "remove", "program")
    assert json.loads(shouning.run("channel", "list", "--json").output) == []


def test_a_node_killed_while_a_service_answers_tells_it_again_under_the_same_id(
    shouning: Bureau, receiver: tuple[Receiver, int]
):
    program, _ = receiver
    with shouning.process("serve") as running:
        (channel,) = shouning.call("GET", "/channels")["items"]
        posted = shouning.call("POST", f"/channels/{channel['id']}/test", {"address": ""})
        wait_until(lambda: len(program.ids) == 1)
        kill(running)
    program.may_answer.set()
    with shouning.process("serve"):
        wait_until(lambda: shouning.call("GET", f"/dispatches/{posted['id']}")["state"] == "sent")
    assert len(program.ids) == 2
    assert len(set(program.ids)) == 1
