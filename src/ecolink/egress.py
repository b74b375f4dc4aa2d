"""The way out of the node: connections that nobody out there can aim, stall or fill.

Two things a plain HTTP client lacks are done below it, where the socket is opened:
the address is checked *after* name resolution and that very address is connected to (no rebinding,
no decimal or mapped spelling gets past), and every read waits only for what is left of the call's
total deadline, so that whoever drips one byte a second is cut like a silent one.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import httpcore

from ecolink.kit.imports import PAINTERS, without

with without(*PAINTERS):  # its own command line has them
    import httpx

CONNECT_TIMEOUT_S = 5.0

IDLE_S = 50.0
"""Seconds a connection is kept for the next call: less than a node keeps it, or a call could fall into its closing."""

MOST_CONNECTIONS = 128
"""More than there are threads that call: nobody waits for a connection that a silent peer holds."""

PIECE_BYTES = 16 * 1024
"""Bytes written before the deadline is looked at again."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_CARRIERS = tuple(
    ipaddress.ip_network(carrier) for carrier in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)
"""IPv6 addresses with an IPv4 address inside (RFC 4291, 6052, 8215, 4380, 3056): a gateway may lead them anywhere."""


class Unreachable(Exception):
    """No answer came within the deadline; the text says why, for the operator."""


class Reply(NamedTuple):
    """What came back; names of header fields in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def refuse_forbidden(address: str, allowed: Sequence[Network], *, setting: str = "ECOLINK_ALLOWED_NETWORKS") -> None:
    """Let only public addresses pass, and private ones the operator allowed by name, in `setting`.

    Raises:
        Unreachable: the address is loopback, private, link-local (cloud metadata), multicast or reserved.

    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if any(ip.version == network.version and ip in network for network in allowed):
        return
    carries = any(ip.version == carrier.version and ip in carrier for carrier in _CARRIERS)
    if carries or not ip.is_global or ip.is_multicast:
        msg = f"address {ip} is not public and not in {setting}"
        raise Unreachable(msg)


def addresses_of(host: str, port: int) -> Iterator[str]:
    """Yield the addresses a name stands for, in the order in which to try them.

    Raises:
        Unreachable: it stands for none.

    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as fault:
        msg = f"the name {host} does not resolve"
        raise Unreachable(msg) from fault
    for *_, where in found:
        yield str(where[0])


class _Deadline(threading.local):
    """The moment, on the monotonic clock, by which this thread's call must be over."""

    at: float = float("inf")

    def left(self, wanted: float | None) -> float:
        remaining = self.at - time.monotonic()
        if remaining <= 0:
            msg = "the call's total deadline passed"
            raise httpcore.ReadTimeout(msg)
        return remaining if wanted is None else min(wanted, remaining)


class _TimedStream(httpcore.NetworkStream):
    """A socket whose every wait is cut to what is left of the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Piece by piece: below, every little that is taken would begin the wait for the rest anew.
        rest = memoryview(buffer)
        while rest:
            self._inner.write(rest[:PIECE_BYTES], self._deadline.left(timeout))  # type: ignore[arg-type]  # a socket takes it
            rest = rest[PIECE_BYTES:]

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _TimedStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        return self._inner.get_extra_info(info)


class _GuardedBackend(httpcore.NetworkBackend):
    """Opens sockets only to addresses that `refuse_forbidden` lets pass."""

    def __init__(self, refuse: Callable[[str], None], deadline: _Deadline) -> None:
        self._refuse = refuse
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        last: Exception | None = None
        for address in addresses_of(host, port):
            self._refuse(address)
            try:
                stream = self._sockets.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
            except httpcore.ConnectError as fault:
                last = fault
            else:
                return _TimedStream(stream, self._deadline)
        raise last or httpcore.ConnectError

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class WayOut:
    """One long-lived HTTP client. Redirects are never followed, proxies and netrc of the environment never used."""

    def __init__(
        self,
        *,
        allowed_networks: Sequence[Network],
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        setting: str = "ECOLINK_ALLOWED_NETWORKS",
    ) -> None:
        """Keep what the pool needs; `setting` names the one that `allowed_networks` come from.

        The pool is opened at the first call: reading a CA bundle takes longer than most commands that never call.
        """
        self._allowed = allowed_networks
        self._setting = setting
        self._tls = tls
        self._deadline = _Deadline()
        self._opening = threading.Lock()
        self._opened: httpx.Client | None = None

    @property
    def _client(self) -> httpx.Client:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> httpx.Client:
        tls = self._tls()
        transport = httpx.HTTPTransport(verify=tls, trust_env=False)
        transport._pool = httpcore.ConnectionPool(  # noqa: SLF001 - httpx offers no public way to set the backend
            ssl_context=tls,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=32,
            keepalive_expiry=IDLE_S,
            network_backend=_GuardedBackend(self.refuse, self._deadline),
        )
        return httpx.Client(
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            headers={"accept-encoding": "identity"},
            timeout=httpx.Timeout(10.0, connect=CONNECT_TIMEOUT_S),
        )

    def refuse(self, address: str) -> None:
        """Let only the addresses pass that calls may go to; see `refuse_forbidden`."""
        refuse_forbidden(address, self._allowed, setting=self._setting)

    def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes, deadline_s: float, most: int
    ) -> Reply:
        """Call, wait at most `deadline_s` seconds in all, and read an answer of at most `most` bytes.

        Raises:
            Unreachable: there was no answer, it was larger, or a forbidden address stood behind the name.

        """
        self._deadline.at = time.monotonic() + deadline_s
        try:
            with self._client.stream(method, url, content=content or None, headers=dict(headers)) as response:
                return Reply(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=_capped(response, most),
                )
        except (httpx.HTTPError, httpx.InvalidURL, httpcore.ReadTimeout, ValueError) as fault:
            msg = f"{type(fault).__name__}: {fault}"[:300]
            raise Unreachable(msg) from fault
        finally:
            self._deadline.at = float("inf")

    def close(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            self._opened.close()


def _capped(response: httpx.Response, most: int) -> bytes:
    """Read the answer's bytes as they are on the wire: nothing is decompressed, so nothing can explode."""
    held = bytearray()
    for chunk in response.iter_raw():
        held += chunk
        if len(held) > most:
            msg = f"the answer is larger than {most} bytes"
            raise Unreachable(msg)
    return bytes(held)
