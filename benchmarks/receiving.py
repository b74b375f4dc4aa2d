"""How many statements a second one node receives, beside the naive one, in one run."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from benchmarks import load
from ecolink.configuration import load as load_settings
from ecolink.entrypoints.wiring import build_node
from ecolink.kit.clock import SystemClock
from ecolink.kit.ids import new_id
from ecolink.protocol import manifest
from ecolink.protocol.batch import GENESIS, chain, pack, seal_batch
from ecolink.protocol.card import build_card
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.request import seal_request
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward, Statement

RECEIVER = "331126000000"
CONNECTIONS = 16
BODY = {"title": "野生兰花混作茶苗邮寄出省", "body": "近期发现有人将采挖的野生兰花夹带在茶苗包裹中。" * 6}
"""Makes a token of about 1.5 KB."""


@dataclass
class Sender:
    """One peer of the node under test."""

    code: str
    key: SigningKey
    card: bytes
    fingerprint: str

    @classmethod
    def make(cls, number: int, now: datetime) -> "Sender":
        code = f"35092400{number:04}"
        key, log, seal_key = (SigningKey.generate() for _ in range(3))
        document = manifest.new_manifest(
            iss=code, now=now, sign_key=key, log_key=log, seal_key=seal_key, next_kid=SigningKey.generate().kid
        )
        card = build_card(
            iss=code,
            name_zh=f"测试局{number}",
            name_en=f"Bench bureau {number}",
            region=code[:6],
            federation_url="http://127.0.0.1:9",
            duty_phone="0593-0000000",
            manifests=[document],
            now=now,
            key=key,
        )
        from ecolink.protocol.card import open_card

        return cls(code, key, card, open_card(card).fingerprint)

    def statements(self, count: int, now: datetime) -> list[Statement]:
        """Statements as a bureau makes them: one after the other, the last one now."""
        return [self._statement(now - timedelta(milliseconds=count - number)) for number in range(1, count + 1)]

    def _statement(self, now: datetime) -> Statement:
        jti = new_id(now)
        draft = Draft(
            aud=(RECEIVER,),
            thread=jti,
            type="bulletin.published.v1",
            lane=Lane.BULK,
            classification="internal",
            handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
            purpose="benchmark",
            legal_basis="benchmark",
            author_role="officer",
            retain_until=now + timedelta(days=1095),
            body=BODY,
        )
        return seal(draft, iss=self.code, jti=jti, iat=now, key=self.key)

    def pushes(self, statements: list[Statement], *sizes: int) -> list[bytes]:
        """One after the other in batches of these sizes, again and again."""
        bodies, head, start, size = [], GENESIS, 0, cycle(sizes)
        while part := statements[start : start + next(size)]:
            token = seal_batch(
                iss=self.code,
                aud=RECEIVER,
                lane=Lane.BULK,
                epoch=1,
                first_seq=start + 1,
                prev=head,
                entries=[each.digest for each in part],
                key=self.key,
            )
            for number, each in enumerate(part, start + 1):
                head = chain(head, number, each.digest)
            start += len(part)
            bodies.append(pack(token, [(each.token, each.private) for each in part]))
        return bodies

    def request(self, body: bytes, port: int, now: datetime) -> bytes:
        bearer = seal_request(
            iss=self.code,
            aud=RECEIVER,
            op="batches.push",
            params={},
            body=body,
            now=now,
            key=self.key,
            jti=new_id(now),
        )
        headers = {"Authorization": f"Bearer {bearer.decode()}", "Content-Type": "application/octet-stream"}
        return load.request("127.0.0.1", port, "/federation/v1/batches", body, headers)


def receiving(
    statements: int,
    *sizes: int,
    connections: int = CONNECTIONS,
    stored: int = 0,
    database_url: str | None = None,
    preload: Path | None = None,
) -> float:
    """Return statements a second received, verified, stored and receipted by one node that has `stored` already.

    Each connection brings them in batches of `sizes`, one after the other, again and again.
    `preload` is a library put before the node's own, such as one that slows the disk down.
    """
    now = SystemClock().now()
    senders = [Sender.make(number, now) for number in range(connections)]
    each = (stored + statements) // connections // sum(sizes) * sum(sizes)
    before = max(1, stored // connections // sizes[0])
    bodies = [sender.pushes(sender.statements(each, now), *sizes) for sender in senders]
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as name:
        folder = Path(name)
        local, federation = free_port(), free_port()
        _prepare(folder, local, federation, senders, database_url)
        environment = {"LD_PRELOAD": str(preload)} if preload else {}
        with serving([*_ecolink(folder), "serve", "--no-worker"], federation, environment=environment):
            fresh = SystemClock().now()
            queues = [
                [sender.request(body, federation, fresh) for body in mine]
                for sender, mine in zip(senders, bodies, strict=True)
            ]
            _warm_up(federation, queues, before)
            measured = [queue[before:] for queue in queues]
            result = load.run("127.0.0.1", federation, measured)
    insist(result, sum(map(len, measured)))
    return connections * (each - sum(islice(cycle(sizes), before))) / result.seconds


def naive(statements: int) -> float:
    """Return statements a second of the naive node."""
    now = SystemClock().now()
    sender = Sender.make(0, now)
    tokens = [statement.token for statement in sender.statements(statements, now)]
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as name:
        port = free_port()
        jwk = json.dumps({**sender.key.jwk(), "alg": "ES256"})
        command = [sys.executable, "-m", "benchmarks.naive", f"{name}/naive.db", str(port), jwk]
        with serving(command, port):
            requests = [
                load.request("127.0.0.1", port, "/messages", token, {"Content-Type": "application/jose"})
                for token in tokens
            ]
            queues = [requests[start::CONNECTIONS] for start in range(CONNECTIONS)]
            _warm_up(port, queues)
            measured = [queue[1:] for queue in queues]
            result = load.run("127.0.0.1", port, measured)
    insist(result, sum(map(len, measured)))
    return sum(map(len, measured)) / result.seconds


def _warm_up(port: int, queues: list[list[bytes]], before: int = 1) -> None:
    """Send the first requests of each queue: what a process does once in its life is not what is measured."""
    insist(load.run("127.0.0.1", port, [queue[:before] for queue in queues]), len(queues) * before)


def insist(result: load.Load, expected: int, *, status: int = 200) -> None:
    if result.statuses != {status: expected}:
        raise SystemExit(f"the run does not count: {expected} requests, answers {result.statuses}")


def _prepare(folder: Path, local: int, federation: int, senders: list[Sender], database_url: str | None) -> None:
    (folder / "password").write_text("a long enough password")
    init = [*_ecolink(folder), "init", "--unit-code", RECEIVER, "--name-zh", "庆元", "--name-en", "Qingyuan"]
    init += ["--duty-phone", "0578-0000002", "--data-dir", f"{folder}/data"]
    init += ["--local-port", str(local), "--federation-port", str(federation), "--allowed-network", "127.0.0.0/8"]
    init += ["--admin-password-file", f"{folder}/password"]
    init += ["--database-url", database_url] if database_url else []
    _run(init)
    node = build_node(load_settings(folder / "ecolink.toml"), SystemClock())
    node.open()
    now = node.clock.now()
    with node.database.begin() as session:
        for sender in senders:
            node.peers.import_card(session, sender.card, by="benchmark", now=now)
            node.peers.activate(session, sender.code, read_out=sender.fingerprint, by="benchmark", now=now)
    node.close()


def _ecolink(folder: Path) -> list[str]:
    return [sys.executable, "-m", "ecolink", "--config", f"{folder}/ecolink.toml"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[3:6])}: {done.stderr or done.stdout}")


class serving:  # noqa: N801 - reads as a word
    """Run a server as a process of its own while the block lasts."""

    def __init__(self, command: list[str], port: int, *, environment: Mapping[str, str] | None = None) -> None:
        self._command, self._port = command, port
        self._environment = os.environ | dict(environment or {})

    def __enter__(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, env=self._environment)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.__exit__()
        raise SystemExit("the server did not start")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
