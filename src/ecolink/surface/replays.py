"""Answering a repeated POST with the first answer (`Idempotency-Key`), without keeping it readable.

The answer is stored in the transaction of the work itself, so both stand or neither does. It is sealed
with a key made from the client's own Idempotency-Key, which is not stored: whoever holds the database
alone, or a backup of it, cannot read a revealed identity number or a client secret out of it.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request, Response
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ecolink.errors import InvalidError
from ecolink.storage.upsert import insert_new
from ecolink.surface.kept_answers import KeptAnswer

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)
_KEPT_HEADERS = ("content-type", "etag", "location", "link")
_NONCE = 12


class IdempotencyKeyReusedError(InvalidError):
    """The key came before with another body or address."""

    code = "idempotency-key-reused"


def fingerprint(request: Request, body: bytes) -> str:
    """Return what must be the same for a call to count as the same one."""
    address = f"{request.method} {request.url.path}?{request.url.query}\n"
    return hashlib.sha256(address.encode() + body).hexdigest()


def answer_once(
    session: Session, request: Request, key: str | None, now: datetime, work: Callable[[], Response]
) -> Response:
    """Return what `work` answers or, when this call came before with the same `key`, what it answered then.

    Raises:
        IdempotencyKeyReusedError: the key belongs to another call.

    """
    if key is None:
        return work()
    replay = Replay.of(request, key)
    kept = replay.claim(session, now)
    if kept is not None:
        return kept
    answer = work()
    replay.keep(session, answer)
    return answer


@dataclass(frozen=True, slots=True)
class Replay:
    """One keyed call."""

    slot: str
    fingerprint: str
    seal: bytes

    @classmethod
    def of(cls, request: Request, key: str) -> "Replay":
        """Scope `key` to the caller and the route."""
        principal = getattr(request.state, "principal", None)
        scope = f"{principal.id if principal else ''}\n{request.method} {request.scope['route'].path}\n{key}".encode()
        return cls(
            slot=hashlib.sha256(b"slot\n" + scope).hexdigest(),
            fingerprint=request.state.fingerprint,
            seal=hashlib.sha256(b"seal\n" + scope).digest(),
        )

    def claim(self, session: Session, now: datetime) -> Response | None:
        """Take the key for this call, or return the answer it got before.

        A second call with the same key waits here, at the unique row, until the first has committed or
        failed; so one of them does the work and the other gets its answer.

        Raises:
            IdempotencyKeyReusedError: the key belongs to another call.

        """
        session.execute(delete(KeptAnswer).where(KeptAnswer.slot == self.slot, KeptAnswer.expires_at <= now))
        row = {"slot": self.slot, "fingerprint": self.fingerprint, "expires_at": now + KEPT_FOR}
        if insert_new(session, KeptAnswer, [row]):
            return None

        kept = session.execute(select(KeptAnswer).where(KeptAnswer.slot == self.slot)).scalar_one()
        if kept.fingerprint != self.fingerprint or kept.answer is None:
            raise IdempotencyKeyReusedError(
                "This Idempotency-Key came before with other content; use a new one.",
                "该 Idempotency-Key 已用于其他内容，请换用新的。",
                pointer=HEADER,
            )
        return self._open(kept.answer)

    def keep(self, session: Session, answer: Response) -> None:
        """Store `answer`, so that it stands if and only if the work does; a refusal leaves the key free."""
        if answer.status_code >= 400:  # noqa: PLR2004 - HTTP's own border
            session.execute(delete(KeptAnswer).where(KeptAnswer.slot == self.slot))
            return
        headers = {name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS}
        head = json.dumps({"status": answer.status_code, "headers": headers}).encode()
        nonce = os.urandom(_NONCE)
        sealed = nonce + AESGCM(self.seal).encrypt(nonce, head + b"\n" + bytes(answer.body), None)
        session.execute(update(KeptAnswer).where(KeptAnswer.slot == self.slot).values(answer=sealed))

    def _open(self, sealed: bytes) -> Response:
        head, _, body = AESGCM(self.seal).decrypt(sealed[:_NONCE], sealed[_NONCE:], None).partition(b"\n")
        kept = json.loads(head)
        return Response(body, kept["status"], headers={**kept["headers"], "Idempotency-Replayed": "true"})
