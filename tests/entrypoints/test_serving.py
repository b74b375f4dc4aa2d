import json
import os
import re
import signal
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.entrypoints.conftest import Run
from tests.entrypoints.processes import children, ecolink, free_port, status_of
from tests.support.certificates import Authority

pytestmark = pytest.mark.processes


def test_both_sides_answer_each_on_its_own_address_and_stop_when_told(shouning: Path) -> None:
    with ecolink(shouning, "serve") as node:
        said = node.wait_for_line()
        assert said.startswith("Shouning County Public Security Bureau (350924000000)")
        assert f"http://127.0.0.1:{node.local_port}" in said
        assert status_of(node.local_port, "/livez") == status_of(node.federation_port, "/livez") == 200
        assert status_of(node.local_port, "/readyz") == status_of(node.federation_port, "/readyz") == 200
        assert status_of(node.federation_port, "/.well-known/ecolink") == 200
        assert status_of(node.local_port, "/api/v1/me") == 401
        assert status_of(node.local_port, "/metrics") == 200
        # Neither side serves what belongs to the other.
        assert status_of(node.local_port, "/.well-known/ecolink") == 404
        assert status_of(node.federation_port, "/api/v1/me") == status_of(node.federation_port, "/metrics") == 404
        code, errors = node.stop()
        assert code == 0, errors
        assert "Traceback" not in errors


def test_callers_that_are_no_proper_ones_are_counted_and_fill_no_log(shouning: Path) -> None:
    with ecolink(shouning, "serve", ECOLINK_LOG_FORMAT="json") as node:
        node.wait_for_line()
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", node.federation_port), timeout=10) as stranger:
                stranger.sendall(b"this is no HTTP\r\n\r\n")
                assert stranger.recv(1000).startswith(b"HTTP/1.1 400")
        _, errors = node.stop()
    (said,) = [json.loads(line) for line in errors.splitlines()]
    assert (said["event"], said["level"], said["counts"]) == ("connections.cut", "warning", {"malformed": 1})


def test_a_node_killed_starts_again(shouning: Path) -> None:
    with ecolink(shouning, "serve") as node:
        node.wait_for_line()
        assert node.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    with ecolink(shouning, "serve", "--no-worker") as node, ecolink(shouning, "worker") as worker:
        node.wait_for_line()
        assert worker.wait_for_line() == "The worker of Shouning County Public Security Bureau (350924000000) runs."
        assert status_of(node.local_port, "/readyz") == 200
        assert worker.stop()[0] == 0
        assert node.stop(signal.SIGINT)[0] == 0


def test_a_taken_address_is_one_line(shouning: Path) -> None:
    with ecolink(shouning, "serve") as first:
        first.wait_for_line()
        with ecolink(shouning, "serve", ECOLINK_LOCAL_PORT=str(first.local_port)) as second:
            second.running.wait(30)
            code, errors = second.stop()
    assert code == 1
    (line,) = errors.strip().splitlines()
    assert line.startswith(f"ecolink: local_host 127.0.0.1, local_port {first.local_port} cannot be opened")
    assert "Set ECOLINK_LOCAL_PORT" in line


def test_keys_others_may_read_stop_the_start(shouning: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_LOCAL_PORT", str(free_port()))
    monkeypatch.setenv("ECOLINK_FEDERATION_PORT", str(free_port()))
    key = next((shouning.parent / "data" / "keys").glob("log-*"))
    key.chmod(0o640)
    for command in ("serve", "worker"):
        result = run("--config", shouning, command)
        assert result.exit_code == 1
        assert f"chmod 600 {key}" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_several_processes_share_the_addresses_and_a_dead_one_is_replaced(
    shouning: Path, new_database_url: Callable[[], str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database_url()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    monkeypatch.setenv("ECOLINK_DATABASE_URL", url)
    assert run("--config", shouning, "init").exit_code == 0
    with ecolink(shouning, "serve", "--no-worker", "--workers", "2") as node:
        node.wait_for_line()
        before = children(node.running.pid)
        assert len(before) == 2
        assert all(status_of(node.local_port, "/readyz") == 200 for _ in range(20))

        # Each process counts for itself, and says which it is; how the node stands is the same at all of them.
        told = {}
        for _ in range(500):
            text = body_of(node.local_port, "/metrics")
            (number,) = set(re.findall(r'process="(\d+)"', text))
            told[int(number)] = [line for line in text.splitlines() if line.startswith("ecolink_workers")]
            if len(told) == len(before):
                break
        none_at_work = ['ecolink_workers{state="alive"} 0.0', 'ecolink_workers{state="silent"} 0.0']
        assert told == dict.fromkeys(before, none_at_work)

        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and set(children(node.running.pid)) <= set(before):
            time.sleep(0.1)
        after = children(node.running.pid)
        assert len(after) == 2
        assert before[1] in after
        assert before[0] not in after
        assert all(status_of(node.local_port, "/livez") == 200 for _ in range(20))

        # Were the parent killed, its children would not serve on without it.
        node.stop(signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid) for pid in after if psutil.pid_exists(pid)], timeout=30)
    assert status_of(node.local_port, "/livez") == 0


def test_sqlite_is_served_by_one_process(shouning: Path, run: Run) -> None:
    result = run("--config", shouning, "serve", "--workers", "2")
    assert result.exit_code == 1
    assert "SQLite serves one process" in result.stderr


def body_of(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def test_mutual_tls_lets_in_only_those_the_bureaus_ca_knows(shouning: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("shouning")
    stranger, stranger_key = Authority(tmp_path / "other").issue("stranger")
    port = free_port()
    settings = {
        "ECOLINK_TLS_CERTIFICATE": str(certificate),
        "ECOLINK_TLS_KEY": str(key),
        "ECOLINK_TLS_CA": str(authority.certificate_file),
        "ECOLINK_TLS_REQUIRE_CLIENT_CERTIFICATE": "true",
        "ECOLINK_FEDERATION_PORT": str(port),
        "ECOLINK_FEDERATION_URL": f"https://127.0.0.1:{port}",
    }
    with ecolink(shouning, "serve", **settings) as node:
        node.wait_for_line()
        assert status_of(node.local_port, "/livez") == 200
        assert said_over_tls(port, authority.certificate_file, certificate, key).startswith(b"HTTP/1.1 200")
        assert said_over_tls(port, authority.certificate_file, stranger, stranger_key) == b""
        assert said_over_tls(port, authority.certificate_file) == b""
        assert status_of(port, "/livez") == 0


def test_tls_is_spoken_with_forward_secrecy_and_authenticated_ciphers_or_not_at_all(
    shouning: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("shouning")
    port = free_port()
    settings = {
        "ECOLINK_TLS_CERTIFICATE": str(certificate),
        "ECOLINK_TLS_KEY": str(key),
        "ECOLINK_FEDERATION_PORT": str(port),
        "ECOLINK_FEDERATION_URL": f"https://127.0.0.1:{port}",
    }
    with ecolink(shouning, "serve", **settings) as node:
        node.wait_for_line()
        ca = authority.certificate_file
        assert said_over_tls(port, ca).startswith(b"HTTP/1.1 200")
        assert b"\r\nstrict-transport-security: max-age=63072000" in said_over_tls(port, ca).lower()
        assert said_over_tls(port, ca, ciphers="ECDHE+AESGCM").startswith(b"HTTP/1.1 200")
        assert said_over_tls(port, ca, ciphers="ECDHE+AES+SHA1") == b""


def test_a_node_tells_until_when_the_certificate_is_good_that_it_started_with(shouning: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("shouning", days=7)
    port = free_port()
    settings = {
        "ECOLINK_TLS_CERTIFICATE": str(certificate),
        "ECOLINK_TLS_KEY": str(key),
        "ECOLINK_FEDERATION_PORT": str(port),
        "ECOLINK_FEDERATION_URL": f"https://127.0.0.1:{port}",
    }
    for days in (7, 90):  # started anew, it shows the renewed one
        with ecolink(shouning, "serve", **settings) as node:
            node.wait_for_line()
            authority.issue("shouning", days=90)
            ends = shown_over_tls(port, authority.certificate_file)
            assert round((ends - datetime.now(UTC)) / timedelta(days=1)) == days
            told = re.findall(
                r"^ecolink_tls_certificate_expires_timestamp_seconds{(.*)} (.*)$",
                body_of(node.local_port, "/metrics"),
                re.MULTILINE,
            )
            ((labels, value),) = told
            assert 'setting="tls_certificate"' in labels
            assert datetime.fromtimestamp(float(value), UTC) == ends


def shown_over_tls(port: int, ca: Path) -> datetime:
    """Return when the certificate ends that a node shows."""
    context = ssl.create_default_context(cafile=str(ca))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        shown = secured.getpeercert()
    assert shown is not None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)


def said_over_tls(
    port: int, ca: Path, certificate: Path | None = None, key: Path | None = None, *, ciphers: str | None = None
) -> bytes:
    """Return the answer to a GET; nothing when the other side would not speak with us. `ciphers` are of TLS 1.2."""
    context = ssl.create_default_context(cafile=str(ca))
    if ciphers is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(b"GET /livez HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
            return secured.recv(1000)
    except (ssl.SSLError, ConnectionError):
        return b""
