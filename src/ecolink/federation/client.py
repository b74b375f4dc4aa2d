"""Calling another node: a fresh request token for every try, over whatever transport wiring chose."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecolink.federation.egress import Transport
from ecolink.federation.operations import Answer, Call, Operation
from ecolink.federation.signer import Signer
from ecolink.kit.ids import new_id
from ecolink.protocol import strict_json
from ecolink.protocol.refusal import Refused
from ecolink.protocol.request import seal_request

DEADLINE_S = 30.0
"""The most a call may take in all, answer included."""

_MAX_PROBLEM = 16_384


@dataclass(frozen=True)
class PeerClient:
    """Signs and sends calls in the name of this node."""

    us: str
    signer: Signer
    transport: Transport

    def call(
        self,
        recipient: str,
        base_url: str,
        operation: Operation,
        *,
        now: datetime,
        params: dict[str, str] | None = None,
        body: bytes = b"",
        deadline_s: float = DEADLINE_S,
    ) -> Answer:
        """Make one call of `operation` at the node of `recipient` and return its answer, whatever its status.

        Raises:
            Unreachable: no answer came in time.

        """
        said = params or {}
        bearer = seal_request(
            iss=self.us,
            aud=recipient,
            op=operation.name,
            params=said,
            body=body,
            now=now,
            key=self.signer.key,
            jti=new_id(now),
        )
        return self.transport.send(base_url, Call(operation, said, bearer, body), deadline_s=deadline_s)


def problem(answer: Answer) -> dict[str, Any]:
    """Return the members of a problem answer (RFC 9457); empty when the body is something else."""
    try:
        read = strict_json.loads(answer.body, max_bytes=_MAX_PROBLEM)
    except Refused:
        return {}
    return read if isinstance(read, dict) else {}


def asked_to_wait(answer: Answer) -> int:
    """Return the seconds for which the peer asks not to be called (`Retry-After`), 0 when it does not say."""
    for name, value in answer.headers.items():
        if name.lower() == "retry-after" and value.isascii() and value.isdigit():
            return int(value[:9])
    return 0


def reason_of(answer: Answer) -> str:
    """Return one line for the operator: status, reason and detail."""
    said = problem(answer)
    return " ".join(str(part) for part in (answer.status, said.get("reason"), said.get("detail")) if part)[:300]
