"""Somebody who writes batches by hand, to see what a node makes of them."""

from dataclasses import replace
from typing import Any

from ecolink.federation.operations import PUSH, Answer, Call
from ecolink.kit.ids import new_id
from ecolink.protocol.batch import GENESIS, chain, pack, seal_batch
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.request import seal_request
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Lane, Statement
from tests.support.notes import note
from tests.support.town import QINGYUAN, SHOUNING, Town


class Forger:
    """Somebody who writes batches by hand, with whatever key and claims they like."""

    def __init__(self, town: Town, *, claims: str = SHOUNING, key: SigningKey | None = None) -> None:
        self.town = town
        self.iss = claims
        self.key = key or town.nodes[SHOUNING].signer.key
        self.head = GENESIS
        self.seq = 0

    def statement(self, text: str, *, aud: str = QINGYUAN, jti: str | None = None, **members: Any) -> Statement:
        now = self.town.clock.now()
        draft = replace(note(text, now, **members), aud=(aud,), thread=jti or new_id(now))
        return seal(draft, iss=self.iss, jti=draft.thread, iat=now, key=self.key)

    def batch(
        self, *statements: Statement, first_seq: int | None = None, prev: bytes | None = None, epoch: int = 1
    ) -> bytes:
        first = first_seq or self.seq + 1
        token = seal_batch(
            iss=self.iss,
            aud=QINGYUAN,
            lane=Lane.CASE,
            epoch=epoch,
            first_seq=first,
            prev=self.head if prev is None else prev,
            entries=[statement.digest for statement in statements],
            key=self.key,
        )
        for number, statement in enumerate(statements, first):
            self.head, self.seq = chain(self.head, number, statement.digest), number
        return pack(token, [(statement.token, statement.private) for statement in statements])

    def push(self, body: bytes, **changes: Any) -> Answer:
        return self.town.network.gates[QINGYUAN](self.call(body, **changes))

    def call(
        self, body: bytes, *, op: str = "batches.push", said_body: bytes | None = None, aud: str = QINGYUAN
    ) -> Call:
        now = self.town.clock.now()
        bearer = seal_request(
            iss=self.iss,
            aud=aud,
            op=op,
            params={},
            body=body if said_body is None else said_body,
            now=now,
            key=self.key,
            jti=new_id(now),
        )
        return Call(PUSH, {}, bearer, body)
