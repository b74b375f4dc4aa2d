"""Each thing the line may do to a call, seen from both of its ends."""

import http.client
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest

from tests.entrypoints.processes import free_port
from tests.soak import proxy as line
from tests.soak.proxy import BAD, Fault, Proxy, Weather, surely_struck

WITHIN_S = 20.0


class Node:
    """Answers every call with its own body, and remembers what came in whole."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.changed = threading.Condition()
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) == length:
                    with node.changed:
                        node.heard.append(body)
                        node.changed.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def wait_for(self, count: int) -> list[bytes]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.heard) >= count, WITHIN_S)
            return list(self.heard)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LONGEST_DELAY_S", "LONGEST_LATENESS_S"):
        monkeypatch.setattr(line, name, 0.01)


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    serving = threading.Thread(target=node.server.serve_forever, args=(0.02,))
    serving.start()
    yield node
    node.server.shutdown()
    serving.join()
    node.server.server_close()


@pytest.fixture
def proxy(node: Node) -> Iterator[Proxy]:
    """A line that is good until a test says otherwise."""
    proxy = Proxy(node.server.server_port, Weather(Random(1), {}), port=free_port())
    with proxy.open():
        yield proxy


def always(proxy: Proxy, fault: Fault) -> None:
    proxy.weather.odds = {fault: 1.0}


def call(proxy: Proxy, body: bytes = b"hello") -> bytes | None:
    """Return the answer, or None when none came whole."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=WITHIN_S)
    try:
        connection.request("POST", "/federation/v1/batches", body)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def test_a_good_line_carries_call_and_answer_unchanged(proxy: Proxy, node: Node):
    body = bytes(range(256)) * 4_000
    assert call(proxy, body) == body
    assert node.heard == [body]
    assert proxy.weather.struck == {Fault.NONE: 1}


def test_a_dropped_call_never_arrives(proxy: Proxy, node: Node):
    always(proxy, Fault.DROP)
    assert call(proxy) is None
    assert node.heard == []


def test_a_lost_answer_leaves_its_caller_in_doubt_of_a_call_that_came(proxy: Proxy, node: Node):
    always(proxy, Fault.LOSE_ANSWER)
    assert call(proxy) is None
    assert node.heard == [b"hello"]


def test_a_delayed_call_is_answered_all_the_same(proxy: Proxy, node: Node):
    always(proxy, Fault.DELAY)
    assert call(proxy) == b"hello"
    assert node.heard == [b"hello"]


def test_a_doubled_call_comes_twice_and_is_answered_once(proxy: Proxy, node: Node):
    always(proxy, Fault.DOUBLE)
    assert call(proxy) == b"hello"
    assert node.wait_for(2) == [b"hello", b"hello"]


def test_of_a_truncated_call_only_the_beginning_comes(proxy: Proxy, node: Node):
    always(proxy, Fault.TRUNCATE)
    assert call(proxy, b"x" * 100_000) is None
    assert node.heard == []


def test_a_truncated_answer_is_noticed_by_its_caller(proxy: Proxy, node: Node):
    always(proxy, Fault.TRUNCATE_ANSWER)
    assert call(proxy, b"x" * 100_000) is None
    assert node.heard == [b"x" * 100_000]


def test_a_call_held_back_comes_after_a_later_one(proxy: Proxy, node: Node, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(line, "LONGEST_HOLD_S", WITHIN_S)
    always(proxy, Fault.REORDER)
    held = threading.Thread(target=call, args=(proxy, b"first"))
    held.start()
    while not proxy.weather.struck[Fault.REORDER]:
        pass
    proxy.weather.clear()
    call(proxy, b"second")
    held.join()
    assert node.heard == [b"second", b"first"]


def test_a_cut_line_is_dead_for_a_while_and_takes_what_is_under_way_with_it(proxy: Proxy, node: Node):
    with socket.create_connection(("127.0.0.1", proxy.port), WITHIN_S) as under_way:
        under_way.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhal")
        assert call(proxy) == b"hello"  # by now the other connection is taken as well
        always(proxy, Fault.CUT)
        assert call(proxy) is None
        assert under_way.recv(100) == b""
    proxy.weather.clear()
    while call(proxy, b"again") is None:
        pass
    assert node.heard == [b"hello", b"again"]


def test_a_node_that_is_down_is_a_line_without_answers(proxy: Proxy):
    proxy.to_port = free_port()
    assert call(proxy) is None


def test_the_same_seed_brings_the_same_weather():
    one, other = (Weather(Random(7)) for _ in range(2))
    fates = [one.next() for _ in range(3_000)]
    assert [other.next() for _ in range(3_000)] == fates
    assert set(fates) == set(Fault)


def test_of_many_calls_that_go_wrong_each_kind_is_sure_and_of_few_only_the_frequent_ones():
    assert surely_struck(500) == set(BAD)
    assert surely_struck(300) == set(BAD) - {Fault.CUT, Fault.TRUNCATE, Fault.TRUNCATE_ANSWER}
    assert surely_struck(20) == {Fault.DELAY}
    assert surely_struck(0) == set()
