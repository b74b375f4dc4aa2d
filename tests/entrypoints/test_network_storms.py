"""Callers with bad manners at a real node: they are refused or cut, nothing is unpacked, and the node works on."""

import gzip
import json
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.entrypoints.processes import Process, ecolink, status_of
from tests.entrypoints.test_connections import answered
from tests.entrypoints.test_serving import body_of, said_over_tls
from tests.support.certificates import Authority

pytestmark = pytest.mark.processes

BOMB = gzip.compress(bytes(50_000_000))
"""50 KB that would be 50 MB."""


@pytest.fixture(scope="module")
def node(initialised: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One node for all that follows; at the end it must have had no fault of its own."""
    folder = tmp_path_factory.mktemp("storm") / "shouning"
    shutil.copytree(initialised / "shouning", folder)
    with ecolink(folder / "ecolink.toml", "serve", ECOLINK_LOG_FORMAT="json") as node:
        node.wait_for_line()
        yield node
        assert status_of(node.local_port, "/readyz") == status_of(node.federation_port, "/readyz") == 200
        code, errors = node.stop()
    assert code == 0
    events = [json.loads(line) for line in errors.splitlines()]
    assert {event["level"] for event in events} <= {"info", "warning"}, errors


def call(path: str, *lines: str, body: bytes = b"") -> bytes:
    head = "\r\n".join(
        (f"POST {path} HTTP/1.1", "Host: node", "Connection: close", f"Content-Length: {len(body)}", *lines)
    )
    return head.encode() + b"\r\n\r\n" + body


def problem_of(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer
    said = json.loads(body)
    assert isinstance(said, dict)
    return said


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "nonsense"])
@pytest.mark.parametrize("path", ["/api/v1/oauth/token", "/federation/v1/batches", "/federation/v1/keys"])
def test_a_compressed_body_is_refused_and_never_unpacked(node: Process, path: str, coding: str) -> None:
    port = node.local_port if path.startswith("/api") else node.federation_port
    answer = answered(port, call(path, f"Content-Encoding: {coding}", body=BOMB))
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"accept-encoding: identity" in answer
    assert problem_of(answer)["type"] == "/problems/unsupported-media-type"


def test_a_plain_body_that_says_so_is_read(node: Process) -> None:
    form = b"grant_type=password&username=nobody&password=nothing"
    lines = ("Content-Encoding: identity", "Content-Type: application/x-www-form-urlencoded")
    assert answered(node.local_port, call("/api/v1/oauth/token", *lines, body=form)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("token", ["", "e30.e30.e30"], ids=["none", "bad"])
def test_of_a_stranger_no_large_body_is_read(node: Process, token: str) -> None:
    lines = ["POST /federation/v1/batches HTTP/1.1", "Host: node", "Content-Length: 8000000"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    with socket.create_connection(("127.0.0.1", node.federation_port), timeout=10) as caller:
        caller.sendall("\r\n".join([*lines, "", ""]).encode() + bytes(70_000))
        assert caller.recv(1000).startswith(b"HTTP/1.1 40")


def test_only_so_many_strangers_bring_large_bodies_at_once(node: Process) -> None:
    asked = b"POST /federation/v1/keys HTTP/1.1\r\nHost: node\r\nContent-Length: 900000\r\n\r\n" + bytes(70_000)
    with ExitStack() as open_calls:
        callers = [
            open_calls.enter_context(socket.create_connection(("127.0.0.1", node.federation_port), timeout=0.2))
            for _ in range(9)
        ]
        for caller in callers:
            caller.sendall(asked)
        answers = []
        for caller in callers:
            try:
                answers.append(caller.recv(1000))
            except TimeoutError:
                continue
        (refused,) = answers
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 5" in refused.lower()


def test_whoever_hoards_connections_under_tls_displaces_themselves(shouning: Path, tmp_path: Path) -> None:
    """Such a caller never says a word of the handshake: all it holds is a file descriptor."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("shouning")
    settings = {
        "ECOLINK_TLS_CERTIFICATE": str(certificate),
        "ECOLINK_TLS_KEY": str(key),
        "ECOLINK_FEDERATION_URL": "https://127.0.0.1:8471",
        "ECOLINK_MOST_CONNECTIONS": "64",
    }
    with ecolink(shouning, "serve", **settings) as node, ExitStack() as held:
        node.wait_for_line()
        port = node.federation_port
        for _ in range(100):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        assert said_over_tls(port, authority.certificate_file).startswith(b"HTTP/1.1 200")
        told = body_of(node.local_port, "/metrics")
        cut = re.search(r'^ecolink_connections_cut_total{process="\d+",reason="crowded"} (\S+)$', told, re.MULTILINE)
        assert cut is not None
        assert float(cut[1]) >= 100 - 64
