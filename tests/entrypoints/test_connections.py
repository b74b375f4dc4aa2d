import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from ecolink.entrypoints import connections
from ecolink.entrypoints.connections import BoundedConnection

BRIEF_S = 0.4


async def echo(scope, receive, send) -> None:
    """Answer with the number of bytes received, once they are all here; at /slow later than any request may take."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(BRIEF_S * 2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(str(size)))]})
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEAD_S", BRIEF_S)
    monkeypatch.setattr(connections, "BODY_S", BRIEF_S)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(echo, http=BoundedConnection, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def drip(caller: socket.socket, text: bytes) -> float:
    """Send a byte every 50 ms, for 3 s at most; return after how many seconds the other side cut the connection."""
    started = time.monotonic()
    try:
        for place in range(60):
            caller.sendall(text[place % len(text) :][:1])
            time.sleep(0.05)
            caller.setblocking(False)
            try:
                if caller.recv(1000) == b"":
                    break
            except BlockingIOError:
                pass
            finally:
                caller.setblocking(True)
    except (ConnectionResetError, BrokenPipeError):
        pass
    return time.monotonic() - started


def is_cut(caller: socket.socket) -> bool:
    """Wait for the other side to end the connection; a timeout of the socket fails the test."""
    try:
        return caller.recv(1) == b""
    except ConnectionError:
        return True


def test_a_silent_caller_is_cut(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        assert is_cut(caller)


def test_a_head_that_drips_is_cut(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as caller:
        assert BRIEF_S * 0.5 < drip(caller, b"GET /" + b"x" * 1000) < BRIEF_S + 1.5


def test_a_body_that_drips_is_cut(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 1000\r\n\r\n")
        assert BRIEF_S * 0.5 < drip(caller, b"x") < BRIEF_S + 1.5


def test_the_second_request_of_a_connection_is_bounded_as_well(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"0"
    assert BRIEF_S * 0.5 < drip(connection.sock, b"GET /" + b"x" * 1000) < BRIEF_S + 1.5
    connection.close()


@pytest.mark.parametrize("endless", [b"GET /" + b"x" * 100_000, b"GET / HTTP/1.1\r\n" + b"X-Long: y\r\n" * 10_000])
def test_a_head_without_end_is_cut_by_its_size(port: int, endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 60.0)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(endless)
        assert is_cut(caller)


def test_a_large_body_in_time_arrives_whole(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/", body=b"x" * 3_000_000)
    assert connection.getresponse().read() == b"3000000"
    connection.close()


def test_an_answer_may_take_its_time(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(2):
        connection.request("GET", "/slow")
        assert connection.getresponse().read() == b"0"
    connection.close()
