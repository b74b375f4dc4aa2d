"""The way out: where a peer may live, how long it may take, and how much it may say."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from ecolink import egress
from ecolink.egress import Unreachable, refuse_forbidden
from ecolink.federation import operations
from ecolink.federation import transport as transport_module
from ecolink.federation.operations import Answer, Call
from ecolink.federation.transport import HttpTransport

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
HEADS = Call(operations.HEADS, {}, b"a.b.c")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

Script = Callable[[socket.socket], None]


class Peer:
    """Somebody who listens, takes one request at a time, and behaves as the script says."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.listening.accept()
            except OSError:
                return
            with caller:
                try:
                    self.requests.append(caller.recv(65536))
                    self.script(caller)
                except OSError:
                    pass  # the caller had enough

    def close(self) -> None:
        # An accept that waits is not ended by closing the socket; one more caller ends it.
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(5)


@pytest.fixture
def peer() -> Iterator[Callable[[Script], Peer]]:
    made: list[Peer] = []

    def make(script: Script) -> Peer:
        made.append(Peer(script))
        return made[-1]

    yield make
    for each in made:
        each.close()


@contextmanager
def way_out(allowed: Sequence[egress.Network] = LOOPBACK) -> Iterator[HttpTransport]:
    opened = HttpTransport(allowed_networks=allowed)
    try:
        yield opened
    finally:
        opened.close()


def ask(host: str, port: int, *, deadline_s: float = 5.0, allowed: Sequence[egress.Network] = LOOPBACK) -> Answer:
    with way_out(allowed) as out:
        return out.send(f"http://{host}:{port}", HEADS, deadline_s=deadline_s)


def drip(opening: bytes, byte: bytes = b"x", every_s: float = 0.05) -> Script:
    def script(caller: socket.socket) -> None:
        caller.sendall(opening)
        for _ in range(200):
            caller.sendall(byte)
            time.sleep(every_s)

    return script


def pour(opening: bytes, block: bytes, times: int) -> Script:
    def script(caller: socket.socket) -> None:
        caller.sendall(opening)
        for _ in range(times):
            caller.sendall(block)

    return script


# How long, how much


@pytest.mark.parametrize(
    "opening",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", OK + b"Content-Length: 1000\r\n\r\n", OK + b"\r\n"],
    ids=["status line", "header", "body of a length", "body without one"],
)
def test_a_peer_that_drips_is_cut_at_the_calls_total_deadline(peer, opening):
    slow = peer(drip(opening))
    started = time.monotonic()
    with pytest.raises(Unreachable):
        ask("127.0.0.1", slow.port, deadline_s=0.5)
    assert 0.4 < time.monotonic() - started < 2.0


def test_a_chunked_answer_that_drips_is_cut_as_well(peer):
    slow = peer(drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"))
    started = time.monotonic()
    with pytest.raises(Unreachable):
        ask("127.0.0.1", slow.port, deadline_s=0.5)
    assert time.monotonic() - started < 2.0


def test_a_peer_that_takes_our_bytes_slowly_is_cut_at_the_same_deadline(peer):
    deaf = peer(lambda _caller: time.sleep(1))
    call = Call(operations.PUSH, {}, b"a.b.c", b"x" * (64 << 20))
    started = time.monotonic()
    with way_out() as transport, pytest.raises(Unreachable):
        transport.send(f"http://127.0.0.1:{deaf.port}", call, deadline_s=0.5)
    assert time.monotonic() - started < 2.0


def test_a_peer_that_takes_our_bytes_drop_by_drop_is_cut_at_the_same_deadline(peer):
    def sip(caller: socket.socket) -> None:
        for _ in range(500):
            time.sleep(0.01)
            caller.recv(1024)

    sipping = peer(sip)
    sipping.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sipping.listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    call = Call(operations.PUSH, {}, b"a.b.c", b"x" * (1 << 20))
    started = time.monotonic()
    with way_out() as transport, pytest.raises(Unreachable):
        transport.send(f"http://127.0.0.1:{sipping.port}", call, deadline_s=1)
    assert time.monotonic() - started < 4.0


def test_a_deadline_binds_one_call_and_not_the_next(peer):
    answers = peer(pour(OK + b"Content-Length: 2\r\n\r\n", b"{}", 1))
    slow = peer(drip(b""))
    with way_out() as transport:
        with pytest.raises(Unreachable):
            transport.send(f"http://127.0.0.1:{slow.port}", HEADS, deadline_s=0.2)
        time.sleep(0.2)
        assert transport.send(f"http://127.0.0.1:{answers.port}", HEADS, deadline_s=5).body == b"{}"


def test_headers_without_end_are_cut(peer):
    endless = peer(pour(OK, b"X-Long: " + b"y" * 1000 + b"\r\n", 5_000))
    with pytest.raises(Unreachable):
        ask("127.0.0.1", endless.port)


@pytest.mark.parametrize("opening", [b"Content-Length: 1000000000\r\n\r\n", b"\r\n"], ids=["said", "unsaid"])
def test_an_answer_larger_than_any_is_cut(peer, opening, monkeypatch):
    monkeypatch.setattr(transport_module, "MAX_ANSWER", 100_000)
    large = peer(pour(OK + opening, b"x" * 65536, 1_000))
    with pytest.raises(Unreachable, match="larger than 100000 bytes"):
        ask("127.0.0.1", large.port)


def test_a_compressed_answer_is_never_unpacked(peer):
    import gzip

    bomb = gzip.compress(b"0" * 10_000_000)
    said = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    packed = peer(pour(said, bomb, 1))
    assert ask("127.0.0.1", packed.port).body == bomb
    assert b"accept-encoding: identity" in packed.requests[0].lower()


def test_a_peer_that_hangs_up_or_speaks_another_language_is_unreachable(peer):
    for script in (lambda caller: caller.close(), pour(b"220 smtp.example ESMTP\r\n", b"", 1)):
        with pytest.raises(Unreachable):
            ask("127.0.0.1", peer(script).port)


# Where to


def test_a_redirect_is_an_answer_and_is_not_followed(peer):
    elsewhere = peer(pour(OK + b"Content-Length: 0\r\n\r\n", b"", 1))
    said = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % elsewhere.port
    assert ask("127.0.0.1", peer(pour(said, b"", 1)).port).status == 302
    assert elsewhere.requests == []


def test_a_proxy_of_the_environment_is_not_used(peer, monkeypatch):
    answers = peer(pour(OK + b"Content-Length: 2\r\n\r\n", b"{}", 1))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert ask("127.0.0.1", answers.port).status == 200


FORBIDDEN = [
    "127.0.0.1", "127.8.9.10", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "::7f00:1", "2001:0:5ef5:79fd::1",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_refused(address):
    with pytest.raises(Unreachable, match="is not public"):
        refuse_forbidden(address, ())


@pytest.mark.parametrize("address", ["8.8.8.8", "2400:3200::1", "::ffff:8.8.8.8"])
def test_a_public_address_is_let_through(address):
    refuse_forbidden(address, ())


def test_a_private_address_is_let_through_where_the_operator_named_its_network():
    named = (ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:1::/32"))
    for address in ("10.20.3.4", "::ffff:10.20.3.4", "fd00:1::5"):
        refuse_forbidden(address, named)
    for address in ("10.21.3.4", "127.0.0.1", "::1", "169.254.169.254", "fd00:2::5"):
        with pytest.raises(Unreachable):
            refuse_forbidden(address, named)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]",
     "[::ffff:7f00:1]", "①②⑦.0.0.1"],
)  # fmt: skip
def test_no_spelling_of_this_machine_reaches_it(peer, host):
    here = peer(pour(OK + b"Content-Length: 0\r\n\r\n", b"", 1))
    with pytest.raises(Unreachable):
        ask(host, here.port, allowed=())
    assert here.requests == []


def test_this_machine_is_reached_where_the_operator_named_it(peer):
    here = peer(pour(OK + b"Content-Length: 0\r\n\r\n", b"", 1))
    assert ask("localhost", here.port).status == 200


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]"])
def test_the_clouds_metadata_is_not_reached_though_loopback_is_allowed(host):
    with pytest.raises(Unreachable, match=r"169\.254\.169\.254 is not public"):
        ask(host, 80)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: Sequence[str]) -> list[str]:
    """Have names resolve to each of `answers` in turn; return the names that were asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *options: object, **named: object) -> list[tuple]:
        if host[0].isdigit():  # an address, on its way to the socket
            return real(host, port, *options, **named)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(egress.socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_stands_for_a_private_address_is_refused(peer, monkeypatch):
    here = peer(pour(OK + b"Content-Length: 0\r\n\r\n", b"", 1))
    resolve_to(monkeypatch, ["127.0.0.1"])
    with pytest.raises(Unreachable, match="is not public"):
        ask("node.jingning.example", here.port, allowed=())
    assert here.requests == []


def test_a_private_address_among_public_ones_is_not_tried(peer, monkeypatch):
    here = peer(pour(OK + b"Content-Length: 0\r\n\r\n", b"", 1))
    tried: list[str] = []

    def connect(_backend: object, host: str, *_: object, **__: object) -> None:
        tried.append(host)
        raise egress.httpcore.ConnectError

    monkeypatch.setattr(egress.httpcore.SyncBackend, "connect_tcp", connect)
    resolve_to(monkeypatch, ["203.0.114.9", "127.0.0.1"])
    with pytest.raises(Unreachable):
        ask("node.jingning.example", here.port, allowed=())
    assert tried == ["203.0.114.9"]


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(peer, monkeypatch):
    here = peer(pour(OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n", b"", 1))
    asked = resolve_to(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    with way_out() as transport:
        assert transport.send(f"http://node.jingning.example:{here.port}", HEADS, deadline_s=5).status == 200
        assert asked == ["node.jingning.example"], "one resolution, checked and connected to"
        with pytest.raises(Unreachable, match=r"169\.254\.169\.254"):
            transport.send(f"http://node.jingning.example:{here.port}", HEADS, deadline_s=5)
    assert len(here.requests) == 1
    assert b"node.jingning.example" in here.requests[0], "the peer is still told by its name"


def test_a_name_that_does_not_exist_is_unreachable(monkeypatch):
    def unknown(*_: object, **__: object) -> list:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(egress.socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match=r"node\.nowhere\.example does not resolve"):
        ask("node.nowhere.example", 80)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://127.0.0.1:70/", "http://", "http://[::1", "http://a b/", "http://127.0.0.1:99999"],
)
def test_an_address_that_is_none_is_unreachable_and_nothing_worse(url):
    with way_out() as transport, pytest.raises(Unreachable):
        transport.send(url, HEADS, deadline_s=1)
