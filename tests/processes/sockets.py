"""Callers who connect and say nothing, in great number."""

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager


def room_for(files: int) -> bool:
    """Let this process have so many files open; tell whether it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files and (hard == resource.RLIM_INFINITY or hard >= files):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        return True
    return soft >= files


@contextmanager
def idle(port: int, count: int) -> Iterator[None]:
    """Hold `count` connections from one address for the length of the block."""
    held = asyncio.run(_connect(port, count))
    try:
        yield
    finally:
        for one in held:
            one.close()


async def _connect(port: int, count: int) -> list[socket.socket]:
    loop, held = asyncio.get_running_loop(), []
    turns = asyncio.Semaphore(200)

    async def connect() -> None:
        async with turns:
            caller = socket.socket()
            caller.setblocking(False)
            await loop.sock_connect(caller, ("127.0.0.1", port))
            held.append(caller)

    await asyncio.gather(*(connect() for _ in range(count)))
    return held
