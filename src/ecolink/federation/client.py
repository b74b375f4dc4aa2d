"""Calling another node: a fresh request token for every try, over whatever transport wiring chose."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecolink.federation import operations
from ecolink.federation.operations import Answer, Call, Operation
from ecolink.federation.signer import Signer
from ecolink.federation.transport import Transport
from ecolink.kit.canonical import dumps
from ecolink.kit.ids import new_id
from ecolink.protocol import manifest, strict_json
from ecolink.protocol.manifest import Document
from ecolink.protocol.refusal import Refused
from ecolink.protocol.request import seal_request

DEADLINE_S = 30.0
"""The most a call may take in all, answer included."""

_MAX_PROBLEM = 16_384


@dataclass(frozen=True, repr=False)
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

    def tell_keys(self, recipient: str, base_url: str, chain: Sequence[Document], *, now: datetime) -> None:
        """Send our manifest chain to a peer that does not know our present key.

        Raises:
            Unreachable: no answer came in time.

        """
        body = dumps({"iss": self.us, "manifests": manifest.as_text(chain)})
        self.call(recipient, base_url, operations.KEYS, body=body, now=now)


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
