import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from ecolink import egress
from ecolink.entrypoints import connections
from ecolink.entrypoints.connections import BoundedConnection
from ecolink.entrypoints.lobby import Lobby
from ecolink.entrypoints.serving import _config
from ecolink.settings import Settings
from tests.entrypoints.test_config import SHOUNING

BRIEF_S = 0.4
CUT = threading.Event()
"""Set when the caller of /long is gone."""


async def echo(scope, receive, send) -> None:
    """Answer with the number of bytes received, once they are all here; at /slow later than any request may take."""
    size = 0
    if scope["path"] == "/refused":
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})
        return
    if scope["path"] == "/lingering":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})
        await asyncio.sleep(BRIEF_S / 4)
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["path"] == "/long":
        CUT.clear()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        CUT.set()
        return
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
    """Wait for the other side to end the connection, whatever it says first; a timeout of the socket fails the test."""
    try:
        while caller.recv(65536):
            pass
    except ConnectionError:
        pass
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


# What no proper client sends ------------------------------------------------------------------------

HOST = b"Host: node\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"POST / HTTP/1.1", b"Host: node", *lines, b"", body))


IMPROPER = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2 spoken at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS where there is none": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "a tunnel": b"CONNECT elsewhere.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a folded line": b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n z\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\nHost : node\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: no\0de\r\n\r\n",
    "101 header lines": b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 100 + b"\r\n",
    "a length and chunks": post(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks and a length": post(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=b"0\r\n\r\n"),
    "two lengths": post(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"),
    "the same length twice": post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"),
    "two lengths in one": post(b"Content-Length: 3, 3", body=b"abc"),
    "a negative length": post(b"Content-Length: -1", body=b"abc"),
    "a length beyond any": post(b"Content-Length: 99999999999999999999999", body=b"abc"),
    "another coding": post(b"Transfer-Encoding: gzip, chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
    "a coding like chunked": post(b"Transfer-Encoding: xchunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
    "chunks twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "a chunk larger than said": CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
    "a chunk smaller than said": CHUNKED + b"9\r\nabc\r\n0\r\n\r\n",
    "a chunk beyond any size": CHUNKED + b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n",
    "200 trailers": CHUNKED + b"3\r\nabc\r\n0\r\n" + b"X: y\r\n" * 200,
    "a body under an upgrade": post(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 3", body=b"abc"),
}


def answered(port: int, *parts: bytes) -> bytes:
    """Say `parts` and return everything that is answered until the other side ends the connection."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller, suppress(ConnectionError):
        for part in parts:
            caller.sendall(part)
        while more := caller.recv(65536):
            answer += more
    return answer


@pytest.mark.parametrize("request_bytes", IMPROPER.values(), ids=IMPROPER.keys())
def test_what_is_no_proper_request_is_refused_and_ends_the_connection(port: int, request_bytes: bytes) -> None:
    answer = answered(port, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "around", [b"3;" + b"x" * 300_000, b"3\r\nabc\r\n0\r\nX: " + b"y" * 300_000], ids=["chunk", "trailer"]
)
def test_what_stands_around_a_body_is_cut_by_its_size(
    port: int, around: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BODY_S", 60.0)
    assert answered(port, CHUNKED + around) == b""


def test_a_body_in_very_small_chunks_arrives_whole(port: int) -> None:
    asked = CHUNKED.replace(b"Host", b"Connection: close\r\nHost")
    answer = answered(port, asked + b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n5000")


def test_an_old_client_is_answered_once(port: int) -> None:
    answer = answered(port, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert answer.endswith(b"connection: close\r\n\r\n0")


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_whoever_asks_for_another_protocol_is_answered_in_this_one_and_that_is_all(port: int, protocol: bytes) -> None:
    asked = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    answer = answered(port, asked, b"\x81\x01a")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


def test_an_address_in_full_is_answered_here_and_nobody_else_is_asked(port: int) -> None:
    asked = b"GET http://elsewhere.example/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    assert answered(port, asked).endswith(b"\r\n\r\n0")


@pytest.mark.parametrize("tls", [False, True])
def test_an_idle_connection_is_kept_longer_than_any_client_of_ours_keeps_it(tls: bool) -> None:
    config = _config(Settings(**SHOUNING), FastAPI(), tls=tls, mutual=False)
    people = httpx.Limits().keepalive_expiry
    assert people is not None
    assert config.timeout_keep_alive > egress.IDLE_S > people


def test_whoever_has_the_whole_answer_asks_again_though_the_application_has_not_ended_it(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(3):
        connection.request("GET", "/lingering")
        assert connection.getresponse().read() == b"ok"
        connection.request("POST", "/", body=b"abc")
        assert connection.getresponse().read() == b"3"
    connection.request("HEAD", "/lingering")
    assert connection.getresponse().read() == b""
    connection.request("POST", "/slow", body=b"abc")
    assert connection.getresponse().read() == b"3", "it is served as long as it takes"
    connection.close()


def test_requests_sent_ahead_of_their_answers_get_one_answer(port: int) -> None:
    answer = answered(port, (b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n") * 20)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer


def test_what_is_left_of_a_refused_body_may_come_for_a_moment_only(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REST_S", BRIEF_S)
    monkeypatch.setattr(connections, "BODY_S", 60.0)
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"POST /refused HTTP/1.1\r\nHost: node\r\nContent-Length: 1000000\r\n\r\n")
        assert caller.recv(1000).startswith(b"HTTP/1.1 413 ")
        assert BRIEF_S * 0.5 < drip(caller, b"x") < BRIEF_S + 1.5


def test_an_answer_nobody_reads_is_not_kept_for_ever(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "_patience", BRIEF_S)
    monkeypatch.setattr(connections, "ANSWER_S", BRIEF_S)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        caller.sendall(b"GET /long HTTP/1.1\r\nHost: node\r\n\r\n")
        assert CUT.wait(5)


# How many there may be ------------------------------------------------------------------------------


class Guest:
    """One connection, which only notes that it was cut."""

    def __init__(self) -> None:
        self.why = ""

    def cut(self, reason: str) -> None:
        self.why = reason


def test_a_full_door_cuts_whoever_is_awaited_longest_and_of_those_one_who_hoards() -> None:
    lobby = Lobby(most=4)
    bureau, *hoarders = guests = [Guest() for _ in range(4)]
    for guest in guests:
        lobby.admit(guest, "10.0.0.9" if guest is bureau else "203.0.113.7")
    last = Guest()
    lobby.admit(last, "10.0.0.8")
    assert [guest.why for guest in guests] == ["", "crowded", "", ""]
    lobby.wait_for(hoarders[1])  # it has just been heard
    lobby.admit(Guest(), "10.0.0.7")
    assert [guest.why for guest in hoarders] == ["crowded", "", "crowded"]
    assert len(lobby) == 4


def test_whoever_is_being_served_is_never_cut_to_make_room() -> None:
    lobby = Lobby(most=3)
    served = [Guest() for _ in range(3)]
    for guest in served:
        lobby.admit(guest, "2001:db8::1")
        lobby.serve(guest)
    newcomer = Guest()
    lobby.admit(newcomer, "2001:db8::2")
    assert [guest.why for guest in (*served, newcomer)] == ["", "", "", "crowded"]
    lobby.leave(served[0])
    another = Guest()
    lobby.admit(another, "2001:db8::3")
    assert (another.why, len(lobby)) == ("", 3)
