"""A connection until its TLS stands: counted in the lobby, and cut when it takes as long as a head may not.

A server that is handed the TLS context shows its protocol nothing of a connection before the handshake is over, and
has sixty seconds of patience: long enough to use up every file descriptor with callers that never say a word.
"""

import asyncio
import ssl
from asyncio import AbstractEventLoop, Transport
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from ecolink.entrypoints.connections import HEAD_S, REST_S, BoundedConnection, lobby_of


class Handshake(asyncio.Protocol):
    """Stands before a `BoundedConnection` that speaks TLS."""

    def __init__(
        self,
        context: ssl.SSLContext,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        """Make the connection that follows; the server keeps it, as it keeps every connection."""
        self.context = context
        self.lobby = lobby_of(server_state)
        self.loop = asyncio.get_running_loop()
        self.connection = BoundedConnection(config, server_state, app_state, _loop)
        self.transport: Transport
        self._shaking: asyncio.Task[None]
        self._early = b""
        self._gone = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as asyncio makes it
        """Begin the handshake."""
        transport.pause_reading()  # what the caller says first is for TLS
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.lobby.admit(self, peer[0] if peer else "unknown")
        self._shaking = self.loop.create_task(self._shake_hands())

    def data_received(self, data: bytes) -> None:
        """Keep what was said in one breath with the handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Note that nobody is there any more."""
        self._gone = True

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        self.lobby.count_cut(reason, self.loop.time())
        self.transport.abort()

    async def _shake_hands(self) -> None:
        if self.transport.is_closing():
            return
        try:
            secured = await self.loop.start_tls(
                self.transport,
                self,
                self.context,
                server_side=True,
                ssl_handshake_timeout=HEAD_S,
                ssl_shutdown_timeout=REST_S,
            )
        except OSError:  # no TLS, no certificate we know, too slow, or gone
            self.transport.abort()
            self.lobby.count_cut("handshake", self.loop.time())
            return
        finally:
            self.lobby.leave(self)
        if secured is None or self._gone:
            return
        secured.set_protocol(self.connection)
        self.connection.connection_made(secured)
        if self._early:
            self.connection.data_received(self._early)
