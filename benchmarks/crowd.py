"""A crowd of peers in one process, each with its own keys, card and loopback address; they answer with valid receipts.

They verify nothing and keep nothing, so that what is measured is the hub. Of those that are down, half refuse
connections and half never answer one (their queue of unaccepted connections is full, so the system drops what comes).
What else a hub asks of them is answered with 404.
"""

import asyncio
import json
import socket
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvloop

from ecolink.kit.clock import SystemClock
from ecolink.protocol import manifest
from ecolink.protocol.batch import chain, read_batch
from ecolink.protocol.card import build_card, open_card
from ecolink.protocol.checkpoint import origin_of, seal_checkpoint
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.receipt import Outcome, Verdict, seal_receipt

CLOCK = SystemClock()


@dataclass(frozen=True)
class Member:
    """One simulated peer."""

    code: str
    address: str
    key: SigningKey
    checkpoint: str
    card: bytes

    @classmethod
    def make(cls, number: int, port: int) -> "Member":
        code, address = f"3509{number:08}", f"127.16.{number >> 8}.{number & 255}"
        key, log, seal = (SigningKey.generate() for _ in range(3))
        now = CLOCK.now()
        document = manifest.new_manifest(
            iss=code, now=now, sign_key=key, log_key=log, seal_key=seal, next_kid=SigningKey.generate().kid
        )
        card = build_card(
            iss=code,
            name_zh=f"测试局{number}",
            name_en=f"Bench bureau {number}",
            region=code[:6],
            federation_url=f"http://{address}:{port}",
            duty_phone="0593-0000000",
            manifests=[document],
            now=now,
            key=key,
        )
        return cls(code, address, key, seal_checkpoint(origin_of(code, 1), 1, bytes(32), log), card)

    def receipt(self, body: bytes) -> bytes:
        """Answer a push: everything in it is stored."""
        batch = read_batch(json.loads(body)["batch"].encode())
        seq, head = batch.first_seq - 1, batch.prev
        for digest in batch.entries:
            seq += 1
            head = chain(head, seq, digest)
        return seal_receipt(
            iss=self.code,
            aud=batch.iss,
            batch=batch.digest,
            lane=batch.lane,
            epoch=batch.epoch,
            received_at=CLOCK.now(),
            verdicts=[Verdict(digest, Outcome.STORED) for digest in batch.entries],
            head_seq=seq,
            head_chain=head,
            checkpoint=self.checkpoint,
            key=self.key,
        )


class Door(asyncio.Protocol):
    """Speaks as much HTTP as a push needs."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.held += data
        head, end, body = self.held.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) < length:
            return
        self.held = b""
        if head.startswith(b"POST /federation/v1/batches"):
            self._answer(b"200 OK", self.member.receipt(body))
        else:
            self._answer(b"404 Not Found", b"{}")

    def _answer(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/jose\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self.transport.write(head + body)  # type: ignore[attr-defined]


async def serve(members: list[Member], port: int) -> None:
    """Let each member listen on its own address, for ever."""
    loop = asyncio.get_running_loop()
    for member in members:
        await loop.create_server(partial(Door, member), member.address, port)
    print("{}", flush=True)
    await asyncio.Event().wait()


def black_hole(address: str, port: int) -> list[socket.socket]:
    """Listen without ever accepting, and fill the queue: every later connection waits in vain."""
    hole = socket.create_server((address, port), backlog=0)
    callers = [socket.socket() for _ in range(3)]
    for caller in callers:
        caller.settimeout(0)
        caller.connect_ex((address, port))
    return [hole, *callers]


def main() -> None:
    """Make the crowd, write its cards down, and answer."""
    file, port, count, down = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    members = [Member.make(number, port) for number in range(1, count + 1)]
    # Every so-many-th is down, one refusing, the next silent.
    sick = members[:: count // down][:down]
    holes = [black_hole(member.address, port) for member in sick[1::2]]
    cards = [
        {
            "code": each.code,
            "card": each.card.decode(),
            "fingerprint": open_card(each.card).fingerprint,
            "down": each in sick,
        }
        for each in members
    ]
    file.write_text(json.dumps(cards))
    uvloop.run(serve([each for each in members if each not in sick], port))
    del holes


if __name__ == "__main__":
    main()
