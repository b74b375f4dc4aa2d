"""How long and how much one connection may ask for: a caller that drips or floods is cut off, and costs nobody else.

uvicorn bounds the pause between requests, but neither the time a request takes to arrive nor the size of its head.
The size of a body is the endpoints' business: each knows its own limit.
"""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
"""Seconds a request line and its headers may take to arrive, and a new connection to begin."""

BODY_S = 120.0
"""Seconds a body may take: enough for the largest attachment at about 600 KB/s."""

HEAD_BYTES = 64 * 1024
"""What a request line and its headers may measure together."""


class BoundedConnection(HttpToolsProtocol):
    """One connection that is cut when a request takes too long to arrive, or its head is too large."""

    _deadline: TimerHandle | None = None
    _head_bytes: int | None = None
    """Bytes of the head so far; None while no head is being read."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn itself has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._expect(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline with the connection."""
        self._expect(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the head's bytes and go on."""
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Give the head its time, from its first byte."""
        self._head_bytes = 0
        self._expect(HEAD_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Give the body its time."""
        self._head_bytes = None
        self._expect(BODY_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here; how long the answer takes is ours."""
        self._expect(None)
        super().on_message_complete()

    def _expect(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
