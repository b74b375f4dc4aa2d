"""A load generator that costs little: prepared requests over plain keep-alive sockets, one thread a connection."""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What a run brought."""

    seconds: float
    statuses: dict[int, int]


def request(host: str, port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return the bytes of one POST."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def run(host: str, port: int, queues: Sequence[Sequence[bytes]], *, limit_s: float = 120.0) -> Load:
    """Send every queue on a connection of its own, each request after the answer to the one before."""
    statuses: dict[int, int] = {}
    lock = threading.Lock()
    start = threading.Barrier(len(queues) + 1)
    deadline = time.monotonic() + limit_s

    def work(queue: Sequence[bytes]) -> None:
        seen: list[int] = []
        with socket.create_connection((host, port)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            start.wait()
            for each in queue:
                if time.monotonic() > deadline:
                    break
                line.sendall(each)
                seen.append(_status(line))
        with lock:
            for status in seen:
                statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=work, args=(queue,)) for queue in queues]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return Load(time.perf_counter() - began, statuses)


def _status(line: socket.socket) -> int:
    """Read one answer with Content-Length and return its status."""
    held = b""
    while b"\r\n\r\n" not in held:
        held += _more(line)
    head, _, body = held.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(each.split(b":")[1]) for each in lines if each.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += _more(line)
    return int(lines[0].split()[1])


def _more(line: socket.socket) -> bytes:
    data = line.recv(65536)
    if not data:
        raise ConnectionError("the node closed the connection")
    return data
