"""How calls reach other nodes: over the guarded way out (`ecolink.egress`), and in tests by other means."""

import ssl
from collections.abc import Callable, Sequence
from typing import Protocol

from ecolink.egress import Network, WayOut
from ecolink.federation.operations import MEBIBYTE, Answer, Call

MAX_ANSWER = 16 * MEBIBYTE


class Transport(Protocol):
    """Carries one call to a node and brings its answer."""

    def send(self, base_url: str, call: Call, *, deadline_s: float) -> Answer:
        """Send `call`; wait at most `deadline_s` seconds in all.

        Raises:
            Unreachable: there was no answer, or a forbidden address stood behind the name.

        """
        ...


class HttpTransport:
    """Calls over HTTP."""

    def __init__(
        self, *, allowed_networks: Sequence[Network], tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    ) -> None:
        """Open nothing yet; `tls` makes the context with a private CA and, for mutual TLS, our certificate."""
        self._out = WayOut(allowed_networks=allowed_networks, tls=tls)

    def send(self, base_url: str, call: Call, *, deadline_s: float) -> Answer:
        """Send `call`; see `Transport.send`."""
        headers = call.operation.header_fields(call.params)
        if call.bearer is not None:
            headers["authorization"] = f"Bearer {call.bearer.decode()}"
        if call.body:
            headers["content-type"] = "application/octet-stream"
        url = base_url.rstrip("/") + call.operation.target(call.params)
        reply = self._out.ask(
            call.operation.method, url, headers=headers, content=call.body, deadline_s=deadline_s, most=MAX_ANSWER
        )
        return Answer(
            status=reply.status,
            body=reply.body,
            media_type=reply.headers.get("content-type", ""),
            headers=reply.headers,
        )

    def close(self) -> None:
        """Close every connection."""
        self._out.close()
