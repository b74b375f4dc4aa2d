"""The line between two nodes, in the test's hand: it carries their calls, remembers each push, and can hold one still."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ecolink.federation.operations import PUSH
from tests.processes.bureau import PATIENCE_S


class Moment(Enum):
    """When the line holds a push still: what has happened by then."""

    ON_THE_WAY = auto()
    """It has left the sender and has not reached the receiver."""
    ANSWERED = auto()
    """The receiver has committed and answered; the sender does not know."""


@dataclass(frozen=True)
class Push:
    """One push that reached the receiver."""

    body: bytes
    status: int
    answer: bytes


class Line:
    """Stands where the receiver's card says the receiver is; the receiver itself listens on `to_port`."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self.pushes: list[Push] = []
        self.holding_at: Moment | None = None
        self.held, self.let_go = threading.Event(), threading.Event()
        line = self

        class Carrier(BaseHTTPRequestHandler):
            def carry(self) -> None:
                line.carry(self)

            do_GET = do_POST = do_PUT = carry  # noqa: N815 - as http.server names them

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Carrier)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Carry calls until the block ends."""
        serving = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield
        finally:
            self.let_go.set()
            self.server.shutdown()
            serving.join()
            self.server.server_close()

    @contextmanager
    def holding(self, moment: Moment) -> Iterator[None]:
        """Hold the next push still at `moment`; when the block ends, the call is cut, unanswered."""
        self.holding_at = moment
        try:
            yield
        finally:
            self.holding_at = None
            self.let_go.set()

    def wait_until_held(self) -> None:
        assert self.held.wait(PATIENCE_S), "nothing was pushed"

    def carry(self, call: BaseHTTPRequestHandler) -> None:
        """Pass one call on and its answer back, unless it is the one to be held."""
        pushed = call.path == PUSH.path
        body = call.rfile.read(int(call.headers.get("Content-Length", 0)))
        if pushed and self.holding_at is Moment.ON_THE_WAY:
            self._hold()
            return
        onward = http.client.HTTPConnection("127.0.0.1", self.to_port, timeout=PATIENCE_S)
        try:
            onward.request(call.command, call.path, body, dict(call.headers))
            answer = onward.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            return  # the receiver is down: so is the line
        finally:
            onward.close()
        if pushed:
            self.pushes.append(Push(body, answer.status, said))
            if self.holding_at is Moment.ANSWERED:
                self._hold()
                return
        call.send_response_only(answer.status)
        for name, value in answer.getheaders():
            call.send_header(name, value)
        call.end_headers()
        call.wfile.write(said)

    def _hold(self) -> None:
        self.held.set()
        self.let_go.wait(PATIENCE_S)
