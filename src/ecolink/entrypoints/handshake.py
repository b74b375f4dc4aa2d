"""Connections until their TLS stands: counted in the lobby, and cut when a handshake takes as long as a head may not.

A server that is handed the TLS context shows its protocol nothing of a connection before the handshake is over, and
has sixty seconds of patience: long enough to use up every file descriptor with callers that never say a word. So the
connections are accepted here.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from ecolink.entrypoints.connections import HEAD_S, REST_S, BoundedConnection
from ecolink.entrypoints.lobby import Lobby

PAUSE_S = 0.1
"""Seconds before accepting again when the system has no file descriptor left."""


@dataclass(eq=False)
class _Handshake:
    """One caller who has not proven to speak TLS."""

    lobby: Lobby
    task: "asyncio.Task[None]"
    loop: asyncio.AbstractEventLoop

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        self.lobby.count_cut(reason, self.loop.time())
        self.task.cancel()


@dataclass(frozen=True)
class TlsEntrance:
    """Accepts the callers of one door, and lets in who shakes hands."""

    context: ssl.SSLContext
    lobby: Lobby
    connection: Callable[[], BoundedConnection]
    _under_way: set["asyncio.Task[None]"] = field(default_factory=set)

    async def accept(self, listening: socket.socket) -> None:
        """Accept callers until cancelled."""
        loop = asyncio.get_running_loop()
        listening.settimeout(0)
        while True:
            try:
                caller, address = await loop.sock_accept(listening)
            except OSError:  # none left, or the caller is gone again
                await asyncio.sleep(PAUSE_S)
                continue
            task = loop.create_task(self._shake_hands(caller, str(address[0])))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _shake_hands(self, caller: socket.socket, source: str) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        guest = _Handshake(self.lobby, task, loop)
        self.lobby.admit(guest, source)
        try:
            await loop.connect_accepted_socket(
                self.connection, caller, ssl=self.context, ssl_handshake_timeout=HEAD_S, ssl_shutdown_timeout=REST_S
            )
        except OSError:  # no TLS, no certificate we know, too slow, or gone
            self.lobby.count_cut("handshake", loop.time())
            caller.close()
        except asyncio.CancelledError:
            caller.close()
            raise
        finally:
            self.lobby.leave(guest)
