"""Who comes to the local address is received at once; what they come for is put together for the first of them.

The API and the console are most of what a node imports and builds. Supervisors and monitoring ask only how the node
is, and most nodes of a night are asked nothing else.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

ON_THE_DOORSTEP: Final = frozenset({"/livez", "/readyz", "/metrics"})


class Reception:
    """An ASGI application: the doorstep, and behind it the one that `build` puts together."""

    def __init__(self, doorstep: ASGIApp, build: Callable[[], ASGIApp]) -> None:
        """Build nothing yet."""
        self._doorstep = doorstep
        self._build = build
        self._inside: ASGIApp | None = None
        self._building = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] in ON_THE_DOORSTEP:
            await self._doorstep(scope, receive, send)
        else:
            inside = self._inside or await self._open()
            await inside(scope, receive, send)

    async def _open(self) -> ASGIApp:
        """Build what is behind the doorstep, once; other bureaus are answered meanwhile."""
        async with self._building:
            if self._inside is None:
                self._inside = await run_in_threadpool(self._build)
                gc.freeze()  # it stays: a collection need not halt the node to look at it
            return self._inside
