"""Callers with bad manners: raw sockets that send what no client would, or nothing at all."""

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

HOST = b"Host: node\r\n"


def said(port: int, *parts: bytes, seconds: float = 15.0) -> bytes:
    """Send `parts` and return all that is answered until the other side ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as caller:
        answer = b""
        try:
            for part in parts:
                caller.sendall(part)
            while more := caller.recv(65536):
                answer += more
        except ConnectionError:
            pass  # cut while it was speaking
        return answer


def status(answer: bytes) -> int:
    """Return the status of the (first) answer; 0 of none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def room_for(files: int) -> bool:
    """Let this process have so many files open; tell whether it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files and (hard == resource.RLIM_INFINITY or hard >= files):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        return True
    return soft >= files


@contextmanager
def idle(port: int, count: int, first: bytes = b"") -> Iterator[list[socket.socket]]:
    """Hold `count` connections that say `first` and then nothing more, all from one address."""
    held = asyncio.run(_connect(port, count, first))
    try:
        yield held
    finally:
        for one in held:
            one.close()


async def _connect(port: int, count: int, first: bytes) -> list[socket.socket]:
    loop, held = asyncio.get_running_loop(), []
    turns = asyncio.Semaphore(200)

    async def connect() -> None:
        async with turns:
            caller = socket.socket()
            caller.setblocking(False)
            await loop.sock_connect(caller, ("127.0.0.1", port))
            held.append(caller)
            if first:
                await loop.sock_sendall(caller, first)

    await asyncio.gather(*(connect() for _ in range(count)))
    return held


def still_open(held: list[socket.socket]) -> list[socket.socket]:
    """Return those that the other side has not ended."""
    alive = []
    for one in held:
        try:
            if one.recv(1) != b"":
                alive.append(one)
        except BlockingIOError:
            alive.append(one)
        except ConnectionError:
            pass
    return alive
