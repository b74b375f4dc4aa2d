"""The federation API as it is served: over sockets, with every limit, and with a problem for every refusal."""

import asyncio
import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from select import select as select_readable

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from ecolink.entrypoints.applications import federation_app
from ecolink.entrypoints.serving import _config, _Server
from ecolink.entrypoints.wiring import Node
from ecolink.federation import bodies, endpoints, operations
from ecolink.federation.models import InBatch, SeenRequest, StatementRow
from ecolink.federation.operations import Operation
from ecolink.kit.ids import new_id
from ecolink.protocol.request import seal_request
from ecolink.protocol.statement import Lane
from tests.federation.test_trust import Forger, verdicts
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

PUSH = "/federation/v1/batches"


@dataclass
class Told:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def reason(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        said = json.loads(self.body)
        assert (said["status"], said["type"]) == (self.status, f"/problems/{said['reason']}")
        return str(said["reason"])


@contextmanager
def serving(node: Node) -> Iterator[int]:
    """Serve a node's federation API as `ecolink serve` does; give its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = _Server(_config(node.settings, federation_app(node), tls=False, mutual=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def port(town: Town) -> Iterator[int]:
    with serving(town.nodes[QINGYUAN]) as port:
        yield port


def call(port: int, method: str, path: str, body=b"", **headers: str) -> Told:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers, encode_chunked=not isinstance(body, bytes))
        answer = connection.getresponse()
        return Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def bearer(
    town: Town, operation: Operation, body: bytes = b"", *, iss: str = SHOUNING, **params: str
) -> dict[str, str]:
    now = town.clock.now()
    token = seal_request(
        iss=iss, aud=QINGYUAN, op=operation.name, params=params, body=body,
        now=now, key=town.nodes[iss].signer.key, jti=new_id(now),
    )  # fmt: skip
    return {"Authorization": f"Bearer {token.decode()}"}


def push(town: Town, port: int, body: bytes) -> Told:
    return call(port, "POST", PUSH, body, **bearer(town, operations.PUSH, body))


def count(node: Node, table: type) -> int:
    with node.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# What works


def test_a_batch_comes_in_over_http_and_its_receipt_goes_out(town, port, qingyuan):
    forger = Forger(town)
    answer = push(town, port, forger.batch(forger.statement("hello")))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/jose")
    assert answer.headers["cache-control"] == "no-store"
    assert verdicts(town, answer) == [("stored", None)]
    town.settle()
    assert qingyuan.texts == ["hello"]


def test_two_real_nodes_talk_over_http(tmp_path, new_database_url):
    from ipaddress import ip_network

    from ecolink.federation.transport import HttpTransport
    from tests.support.notes import Notebook

    town = Town(tmp_path, new_database_url)
    shouning, qingyuan = (Notebook(town.add(unit_code)) for unit_code in (SHOUNING, QINGYUAN))
    town.introduce(SHOUNING, QINGYUAN)
    transport = HttpTransport(allowed_networks=[ip_network("127.0.0.0/8")])

    def carry(sender, recipient, call):
        return transport.send(f"http://127.0.0.1:{ports[recipient]}", call, deadline_s=10)

    with serving(shouning.node) as one, serving(qingyuan.node) as other:
        ports = {SHOUNING: one, QINGYUAN: other}
        town.network.carry = carry
        shouning.send("there", QINGYUAN, private={"name": "林某"})
        qingyuan.send("back", SHOUNING, lane=Lane.EMERGENCY)
        town.settle()
        assert (qingyuan.texts, shouning.texts) == (["there"], ["back"])
        assert set(town.nodes[SHOUNING].compare(town.clock.now).values()) == {"agreed"}
    transport.close()
    town.close()


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_the_same_batch_a_hundred_times_at_once_is_kept_once_and_gets_the_same_receipt_bytes(town, port, qingyuan):
    forger = Forger(town)
    body = forger.batch(*(forger.statement(f"note {number}") for number in range(5)))
    tokens = [bearer(town, operations.PUSH, body) for _ in range(100)]
    all_there = threading.Barrier(len(tokens))

    def push_with_the_others(token: dict[str, str]) -> Told:
        all_there.wait()
        return call(port, "POST", PUSH, body, **token)

    with ThreadPoolExecutor(len(tokens)) as callers:
        answers = list(callers.map(push_with_the_others, tokens))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert count(qingyuan.node, InBatch) == 1
    assert count(qingyuan.node, StatementRow) == 5
    assert count(qingyuan.node, SeenRequest) == 100
    town.settle()
    assert qingyuan.texts == [f"note {number}" for number in range(5)]


def test_two_batches_that_arrive_at_once_are_each_kept_once(town, port, qingyuan):
    """The same batch from eight callers, while another channel's comes in as well."""
    forger, other = Forger(town), Forger(town)
    body = forger.batch(*(forger.statement(f"note {number}") for number in range(20)))
    rival = other.batch(other.statement("another past"))
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda sent: push(town, port, sent), [body] * 7 + [rival]))
    told = sorted(answer.status for answer in answers)
    assert told in ([200] * 7 + [409], [200] + [409] * 7), "one past or the other, never both"
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    assert count(qingyuan.node, InBatch) == 1
    assert count(qingyuan.node, StatementRow) in (20, 1)


def test_anyone_may_read_versions_and_limits(port):
    answer = call(port, "GET", "/.well-known/ecolink")
    assert answer.status == 200
    assert json.loads(answer.body)["unit_code"] == QINGYUAN


# Too large, too slow


def in_chunks(size: int) -> Iterator[bytes]:
    for _ in range(0, size, 65536):
        yield b"x" * 65536


@pytest.mark.parametrize(
    ("path", "most"), [(PUSH, 1 << 20), ("/federation/v1/receipts", 4 << 20), ("/federation/v1/keys", 1 << 20)]
)
def test_a_body_over_the_limit_is_cut_whatever_length_it_claims(town, port, path, most):
    operation = {PUSH: operations.PUSH}.get(path, operations.RECEIPTS)
    of_a_peer = bearer(town, operation, b"another body")
    declared = call(port, "POST", path, b"x" * (most + 1), **of_a_peer)
    chunked = call(port, "POST", path, in_chunks(most + 65536), **of_a_peer, **{"Transfer-Encoding": "chunked"})
    assert [(answer.status, answer.reason) for answer in (declared, chunked)] == [(413, "too-large")] * 2
    assert str(most).encode() in declared.body


def test_a_body_that_never_ends_is_answered_at_the_limit(town, port):
    token = bearer(town, operations.PUSH, b"another body")["Authorization"]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        lines = (f"POST {PUSH} HTTP/1.1", "Host: node", f"Authorization: {token}", "Transfer-Encoding: chunked", "", "")
        caller.sendall("\r\n".join(lines).encode())
        for _ in range(operations.PUSH.max_body // 65536 + 1):
            caller.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert caller.recv(100).startswith(b"HTTP/1.1 413 ")


def begin_large(town: Town, port: int, iss: str) -> socket.socket:
    """Send as much of a push that a node sees it is a large one, and no more."""
    token = bearer(town, operations.PUSH, b"another body", iss=iss)["Authorization"]
    caller = socket.create_connection(("127.0.0.1", port), timeout=20)
    lines = (f"POST {PUSH} HTTP/1.1", "Host: node", f"Authorization: {token}", "Content-Length: 900000", "", "")
    caller.sendall("\r\n".join(lines).encode() + b"x" * 70_000)
    return caller


def answered(callers: list[socket.socket], *, within_s: float) -> list[bytes]:
    ready = select_readable(callers, [], [], within_s)[0]
    return [caller.recv(4096) for caller in ready]


def test_of_one_bureau_only_so_many_large_bodies_are_taken_at_once_and_others_are_not_kept_out(town, port):
    town.add(JINGNING)
    town.introduce(JINGNING, QINGYUAN)
    hoarding = [begin_large(town, port, SHOUNING) for _ in range(bodies.LARGE_OF_ONE + 1)]
    (refused,) = answered(hoarding, within_s=20)
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5" in refused.lower()
    other = begin_large(town, port, JINGNING)
    assert answered([other], within_s=0.5) == []
    forger = Forger(town)
    assert push(town, port, forger.batch(forger.statement("small"))).status == 200

    for caller in (*hoarding, other):
        caller.close()
    later = [begin_large(town, port, SHOUNING) for _ in range(bodies.LARGE_OF_ONE)]
    assert answered(later, within_s=0.5) == []
    for caller in later:
        caller.close()


def test_all_bureaus_together_bring_only_so_many_large_bodies_at_once(town, port, monkeypatch):
    monkeypatch.setattr(bodies, "LARGE_BODIES", 2)
    town.add(JINGNING)
    town.introduce(JINGNING, QINGYUAN)
    first = [begin_large(town, port, SHOUNING) for _ in range(2)]
    assert answered(first, within_s=0.5) == []
    third = begin_large(town, port, JINGNING)
    (refused,) = answered([third], within_s=20)
    assert refused.startswith(b"HTTP/1.1 503 ")
    for caller in (*first, third):
        caller.close()


def test_of_a_bureau_that_was_not_activated_no_large_body_is_read(town, port, qingyuan):
    town.add(JINGNING)
    now = town.clock.now()
    with qingyuan.node.database.begin() as session:
        qingyuan.node.peers.import_card(session, town.nodes[JINGNING].card(now), by="administrator", now=now)
    (refused,) = answered([caller := begin_large(town, port, JINGNING)], within_s=20)
    assert refused.startswith(b"HTTP/1.1 403 ")
    caller.close()


def test_a_large_push_is_kept_under_its_own_token_only(town, port, qingyuan):
    forger = Forger(town)
    body = forger.batch(*(forger.statement("盗伐木材外运" * 40) for _ in range(100)))
    assert len(body) > bodies.SMALL_BODY
    for_another = call(port, "POST", PUSH, body, **bearer(town, operations.PUSH, body + b" "))
    assert (for_another.status, for_another.reason) == (401, "request-mismatch")
    assert count(qingyuan.node, StatementRow) == count(qingyuan.node, SeenRequest) == 0
    assert push(town, port, body).status == 200
    assert count(qingyuan.node, StatementRow) == 100


def test_a_caller_that_hangs_up_midway_leaves_nothing_and_is_no_fault_of_the_node(town, port, qingyuan):
    forger = Forger(town)
    body = forger.batch(forger.statement("hello"))
    token = bearer(town, operations.PUSH, body)["Authorization"]
    with capture_logs() as said:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
            length = f"Content-Length: {len(body) + 10}"
            caller.sendall(f"POST {PUSH} HTTP/1.1\r\nHost: node\r\nAuthorization: {token}\r\n{length}\r\n\r\n".encode())
            caller.sendall(body)
            caller.shutdown(socket.SHUT_WR)
            assert not caller.recv(100).startswith(b"HTTP/1.1 2")
        assert call(port, "GET", "/.well-known/ecolink").status == 200
        time.sleep(0.1)
    assert [event for event in said if event["log_level"] == "error"] == []
    assert count(qingyuan.node, StatementRow) == 0


def test_a_compressed_body_is_never_unpacked(town, port, qingyuan):
    bomb = gzip.compress(b"0" * 50_000_000)
    headers = bearer(town, operations.PUSH, bomb) | {"Content-Encoding": "gzip"}
    started = time.monotonic()
    answer = call(port, "POST", PUSH, bomb, **headers)
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
    assert time.monotonic() - started < 5
    assert count(qingyuan.node, SeenRequest) == 0


def test_a_body_that_drips_is_cut_at_a_total_time(port, monkeypatch):
    monkeypatch.setattr(endpoints, "BODY_DEADLINE_S", 0.4)
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(f"POST {PUSH} HTTP/1.1\r\nHost: node\r\nContent-Length: 1000\r\n\r\n".encode())
        caller.setblocking(False)
        said = b""
        while not said and time.monotonic() - started < 10:
            time.sleep(0.05)
            try:
                caller.send(b"x")
                said = caller.recv(4096)
            except BlockingIOError:
                pass
    assert said.startswith(b"HTTP/1.1 408 ")
    assert 0.3 < time.monotonic() - started < 3


# Refusals


def test_what_is_refused_says_why_with_the_right_status(town, port):
    forger = Forger(town)
    body = forger.batch(forger.statement("one"), forger.statement("two"))
    elsewhere = Forger(town).batch(forger.statement("three"), first_seq=7)
    answers = {
        "no token": call(port, "POST", PUSH, body),
        "rubbish for a token": call(port, "POST", PUSH, body, Authorization="Bearer a.b.c"),
        "another scheme": call(port, "POST", PUSH, body, Authorization="Basic b3BlbjpzZXNhbWU="),
        "token of another call": call(port, "POST", PUSH, body, **bearer(town, operations.HEADS)),
        "not JSON": push(town, port, b"{"),
        "gap": push(town, port, elsewhere),
        "nobody's blob": call(
            port, "GET", f"/federation/v1/blobs/{'ab' * 32}", **bearer(town, operations.READ_BLOB, digest="ab" * 32)
        ),
    }
    assert {case: (answer.status, answer.reason) for case, answer in answers.items()} == {
        "no token": (401, "no-token"),
        "rubbish for a token": (400, "bad-base64"),
        "another scheme": (401, "no-token"),
        "token of another call": (401, "request-mismatch"),
        "not JSON": (400, "bad-json"),
        "gap": (409, "gap"),
        "nobody's blob": (404, "not-found"),
    }
    assert all("www-authenticate" in answer.headers for answer in answers.values() if answer.status == 401)


def test_a_suspended_peer_is_forbidden(town, port):
    node = town.nodes[QINGYUAN]
    with node.database.begin() as session:
        node.peers.suspend(session, SHOUNING, reason="under review", by="chief", now=town.clock.now())
    forger = Forger(town)
    answer = push(town, port, forger.batch(forger.statement("hello")))
    assert (answer.status, answer.reason) == (403, "peer-suspended")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/federation/v1/nothing", 404),
        ("DELETE", PUSH, 405),
        ("GET", "/api/v1/me", 404),
        ("GET", "/federation/v1/channels/sideways/batches", 401),
        ("GET", "/federation/v1/blobs/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/federation/v1/channels/case/batches?limit=" + "9" * 100, 422),
        ("POST", "/federation/v1/keys", 400),
    ],
)
def test_what_does_not_exist_or_fit_is_a_problem_too(port, method, path, status):
    answer = call(port, method, path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_bytes_that_are_no_http_do_no_harm(port):
    for rubbish in (
        b"\x16\x03\x01\x02\x00",
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 50,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
            caller.sendall(rubbish)
            caller.shutdown(socket.SHUT_WR)
            assert b" 500 " not in caller.recv(1000)
    assert call(port, "GET", "/.well-known/ecolink").status == 200


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"Transfer-Encoding: xchunked\r\n\r\nab",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_message_whose_end_could_be_read_in_two_ways_is_refused(port, framing):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(b"POST /federation/v1/batches HTTP/1.1\r\nHost: node\r\n" + framing)
        assert caller.recv(1000).startswith(b"HTTP/1.1 400 ")


# The database is down


def test_a_database_that_is_down_is_503_with_a_time_to_come_back_and_nothing_is_kept(town, port, qingyuan, monkeypatch):
    node, forger = qingyuan.node, Forger(town)
    body = forger.batch(forger.statement("hello"))
    with monkeypatch.context() as down:

        def refuse(*_: object) -> None:
            raise OperationalError("SELECT 1", {}, Exception("the server is gone"))

        down.setattr(node.database, "_before_commit", [refuse])
        answer = push(town, port, body)
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert b"server is gone" not in answer.body
    assert count(node, StatementRow) == count(node, InBatch) == count(node, SeenRequest) == 0
    assert push(town, port, body).status == 200, "it recovers by itself"


def test_a_locked_database_is_503_and_recovers(town, port, qingyuan):
    """Somebody else (a backup, a migration) holds the lock longer than we wait."""
    node, forger = qingyuan.node, Forger(town)
    body = forger.batch(forger.statement("hello"))
    engine = node.database.engine
    with engine.connect() as greedy:
        if node.database.is_sqlite:
            engine.dispose()
            with engine.connect() as brief:
                brief.exec_driver_sql("PRAGMA busy_timeout=200")
            greedy.exec_driver_sql("ROLLBACK")
            greedy.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            with engine.connect() as brief:
                brief.exec_driver_sql("SET lock_timeout = '200ms'")
                brief.commit()
            greedy.execute(text("LOCK TABLE seen_requests IN ACCESS EXCLUSIVE MODE"))
        answer = push(town, port, body)
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        greedy.rollback()
    assert push(town, port, body).status == 200
