"""Carrying a request to its service: over the guarded way out, within a total time, with an answer of bounded size."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import Final, Protocol

from ecolink.alerts.channels.wire import MOST_ANSWER, Answer, HttpRequest, MailRequest, Request
from ecolink.egress import CONNECT_TIMEOUT_S, Unreachable, WayOut, addresses_of

DEADLINE_S: Final = 15.0
"""All of one try: a dead service is known as such within that time."""

READ_TIMEOUT_S: Final = 10.0


class Postman(Protocol):
    """Carries one request and brings its answer."""

    def carry(self, request: Request) -> Answer:
        """Carry `request`.

        Raises:
            Unreachable: there was no answer in time, or a forbidden address stood behind the name.

        """
        ...


@dataclass(frozen=True, repr=False)
class NetworkPostman:
    """Carries by HTTP and SMTP."""

    out: WayOut
    tls: Callable[[], ssl.SSLContext]
    deadline_s: float = DEADLINE_S

    def carry(self, request: Request) -> Answer:
        """Carry `request`; see `Postman.carry`."""
        return self._call(request) if isinstance(request, HttpRequest) else self._mail(request)

    def close(self) -> None:
        """Close every connection."""
        self.out.close()

    def _call(self, request: HttpRequest) -> Answer:
        reply = self.out.ask(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            deadline_s=self.deadline_s,
            most=MOST_ANSWER,
        )
        return Answer(reply.status, reply.body)

    def _mail(self, request: MailRequest) -> Answer:
        server = _Server(self.out, self.tls() if request.security != "none" else None, request.security)
        try:
            with _cut_after(self.deadline_s, server):
                return _hand_over(server, request)
        except smtplib.SMTPResponseException as refused:
            if refused.smtp_code < 0:
                raise Unreachable("what answers there speaks no SMTP") from refused
            said = refused.smtp_error
            return Answer(refused.smtp_code, said if isinstance(said, bytes) else said.encode())
        except (smtplib.SMTPException, OSError, ValueError) as fault:
            msg = f"{type(fault).__name__}: {fault}"[:300]
            raise Unreachable(msg) from fault


def _hand_over(server: "_Server", request: MailRequest) -> Answer:
    try:
        _expect(server.connect(request.host, request.port))
        server.ehlo_or_helo_if_needed()
        if request.security == "starttls":
            server.starttls(context=server.context)
            server.ehlo_or_helo_if_needed()
        if request.username is not None and request.password is not None:
            server.login(request.username, request.password)
        _expect(server.mail(request.sender))
        code, said = server.rcpt(request.recipient)
        if code not in {250, 251}:
            return Answer(code, said, to_address=True)
        answer = Answer(*server.data(request.content))
        with suppress(smtplib.SMTPException, OSError):  # it took the mail: how it says goodbye is its own affair
            server.quit()
        return answer
    finally:
        server.close()


def _expect(reply: tuple[int, bytes]) -> None:
    if not 200 <= reply[0] < 300:  # noqa: PLR2004 - done, in the words of RFC 5321
        raise smtplib.SMTPResponseException(*reply)


class _Server(smtplib.SMTP):
    """A mail server: its address is checked after its name is resolved, and all its words together are bounded."""

    def __init__(self, out: WayOut, context: ssl.SSLContext | None, security: str) -> None:
        super().__init__(timeout=READ_TIMEOUT_S, local_hostname="[127.0.0.1]")  # our own name is nobody's business
        self.out = out
        self.context = context
        self._speaks_tls = security == "tls"
        self._line: socket.socket | None = None
        """The connection itself, whoever speaks TLS on it."""

    def cut(self) -> None:
        """End the connection, whatever is being waited for."""
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        super().close()
        if self._line is not None:
            self._line.close()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # called by `connect`
        self._host = host  # what a certificate must name
        last: OSError | None = None
        for address in addresses_of(host, port):
            self.out.refuse(address)
            try:
                opened = socket.create_connection((address, port), CONNECT_TIMEOUT_S)
            except OSError as fault:
                last = fault
                continue
            opened.settimeout(timeout)
            self._line = opened.dup()
            if self._speaks_tls and self.context is not None:
                return self.context.wrap_socket(opened, server_hostname=host)
            return opened
        raise last or OSError("no address")

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply; a server that talks without end is cut."""
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"), MOST_ANSWER)
        return super().getreply()


@dataclass
class _Bounded:
    """What a server says, up to a number of bytes."""

    inner: BufferedReader
    left: int

    def readline(self, size: int = -1) -> bytes:
        line = self.inner.readline(size)
        self.left -= len(line)
        if self.left < 0:
            raise OSError("it says too much")
        return line

    def close(self) -> None:
        self.inner.close()


@contextmanager
def _cut_after(seconds: float, server: "_Server") -> Iterator[None]:
    """Shut the connection when the time is over, whatever is being waited for: a server that drips is cut as well."""
    over = threading.Event()

    def cut() -> None:
        over.set()
        server.cut()

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (smtplib.SMTPException, OSError, ValueError) as fault:
        if over.is_set():
            raise Unreachable("the call's total deadline passed") from fault
        raise
    finally:
        timer.cancel()
