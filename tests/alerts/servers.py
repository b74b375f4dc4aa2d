"""Servers on this machine that answer as no service should: by a script, one caller at a time."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

Script = Callable[[socket.socket], None]


class Server:
    """Somebody who listens and behaves to each caller as the script says."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.callers = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.listening.accept()
            except OSError:
                return
            self.callers += 1
            with caller, suppress(OSError):  # the caller had enough
                self.script(caller)

    def close(self) -> None:
        with suppress(OSError):  # it was closed already
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(5)


def http(answer: bytes) -> Script:
    """Read one request and answer with these bytes."""

    def script(caller: socket.socket) -> None:
        caller.recv(65536)
        caller.sendall(answer)

    return script


def drip(caller: socket.socket) -> None:
    """Answer one byte at a time, without end."""
    caller.recv(65536)
    over = threading.Event()
    with suppress(OSError):
        caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.wait(0.02):
            caller.sendall(b"x")


def say_nothing(caller: socket.socket) -> None:
    """Read what comes, until the caller has had enough."""
    while caller.recv(65536):
        pass


@dataclass
class MailServer:
    """Speaks SMTP (RFC 5321) as far as one message needs, and keeps what it was given."""

    answers: dict[str, bytes] = field(default_factory=dict)
    """By command: what is answered in place of the usual."""
    greeting: bytes = b"220 mail.shouning.example ESMTP\r\n"
    context: ssl.SSLContext | None = None
    """With it STARTTLS is offered and spoken."""
    said: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)

    def __call__(self, caller: socket.socket) -> None:
        caller.sendall(self.greeting)
        self._listen(caller)

    def _listen(self, caller: socket.socket) -> None:
        lines = caller.makefile("rb")
        while line := lines.readline():
            said = line.decode().strip()
            self.said.append(said)
            command = said.split(" ")[0].upper()
            if command == "STARTTLS" and self.context is not None:
                caller.sendall(b"220 go on\r\n")
                with self.context.wrap_socket(caller, server_side=True) as secured:
                    self._listen(secured)
                return
            if command == "DATA" and command not in self.answers:
                caller.sendall(b"354 go on\r\n")
                mail = b""
                while not mail.endswith(b"\r\n.\r\n") and (line := lines.readline()):
                    mail += line
                self.mails.append(mail)
                caller.sendall(self.answers.get("END", b"250 2.0.0 Ok: queued\r\n"))
                continue
            offers = b"250-mail\r\n" + (b"250-STARTTLS\r\n" if self.context is not None else b"")
            usual = {"EHLO": offers + b"250 AUTH PLAIN\r\n", "AUTH": b"235 welcome\r\n", "QUIT": b"221 bye\r\n"}
            caller.sendall(self.answers.get(command, usual.get(command, b"250 ok\r\n")))
            if command == "QUIT":
                return
