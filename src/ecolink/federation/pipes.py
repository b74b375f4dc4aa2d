"""Pipes between processes of ours, without buffers: what is read ahead of one answer would be missed by the next."""

import select
from typing import IO


def is_readable(pipe: IO[bytes], seconds: float) -> bool:
    """Wait for something to read, or the end; not by `select`, which knows no more than 1,024 open files."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def read_all(pipe: IO[bytes], length: int) -> bytes:
    """Read so many bytes.

    Raises:
        OSError: the other end closed before.

    """
    parts: list[bytes] = []
    while length:
        part = pipe.read(length)
        if not part:
            raise BrokenPipeError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def write_all(pipe: IO[bytes] | None, data: bytes) -> None:
    """Write all of `data`.

    Raises:
        OSError: there is no pipe, or the other end closed.

    """
    if pipe is None:
        raise BrokenPipeError
    rest = memoryview(data)
    while rest:
        rest = rest[pipe.write(rest) :]
