"""How long and how much one connection may ask for: a caller that drips or floods is cut off, and costs nobody else.

uvicorn bounds the pause between requests, but neither the time a request takes to arrive, nor what stands around its
body, nor how long an answer may lie unread, nor how many requests may be sent ahead of the answers (none: no client
of ours does, RFC 9112 section 9.3.2 lets it, and thousands fit into one packet). The size of a body is the endpoints'
business: each knows its own limit. How many connections there may be is the `lobby`'s.
"""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from typing import Any, Final
from weakref import WeakKeyDictionary

from httptools import HttpParserError, HttpRequestParser

from ecolink.entrypoints.lobby import Lobby
from ecolink.entrypoints.web_server import Config, HttpToolsProtocol, ServerState

HEAD_S = 10.0
"""Seconds a new connection may take to begin, its TLS handshake, and a request line with its headers each."""

BODY_S = 120.0
"""Seconds a body may take: enough for the largest attachment at about 600 KB/s."""

ANSWER_S = 120.0
"""Seconds an answer may lie unread, all pauses of the reader together."""

REST_S = 5.0
"""Seconds what is left of a body may take once it is answered: long enough to hear why it was refused."""

IDLE_S = 65
"""Whole seconds an idle connection is kept between two requests. No client may keep one as long: whoever sends in the
moment it is closed gets no answer, and cannot know whether the request was done (RFC 9112 section 9.5)."""

FRAMING_BYTES = 64 * 1024
"""What may stand around a body: request line, headers, trailers, and of chunks' sizes what exceeds the body itself."""

VERSIONS = ("1.0", "1.1")

_FRAMING = (b"host", b"transfer-encoding", b"content-length")

MOST_HEADERS = 100
"""Header lines of one request, its trailers included."""

_LOBBIES: Final[WeakKeyDictionary[ServerState, Lobby]] = WeakKeyDictionary()


def lobby_of(server: ServerState) -> Lobby:
    """Return who is connected to `server`."""
    return _LOBBIES.setdefault(server, Lobby())


class BoundedConnection(HttpToolsProtocol):
    """One connection, cut when a request takes too long to arrive or to be answered to, or is no proper request."""

    _deadline: TimerHandle | None = None
    _around = 0
    """Bytes of this request received so far, less twice those of its body."""
    _arriving = False
    """Whether a request has begun and is not here whole."""
    _patience = ANSWER_S
    """Seconds we will still wait for this answer to be read."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        """Belong to a server, as uvicorn makes it."""
        super().__init__(config, server_state, app_state, _loop)
        self.lobby = lobby_of(server_state)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn itself has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.lobby.admit(self, self.client[0] if self.client else "unknown")
        self._expect(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline with the connection."""
        self._serve()
        self.lobby.leave(self)
        super().connection_lost(exc)

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        self.lobby.count_cut(reason, self.loop.time())
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count the bytes and go on."""
        super().data_received(data)
        self._around += len(data)
        if self._around > FRAMING_BYTES and not self.transport.is_closing():
            self.cut("framing")

    def send_400_response(self, msg: str) -> None:
        """Answer what is no proper request, and close; a request before it is answered first."""
        self.lobby.count_cut("malformed", self.loop.time())
        if self._answering and not self._arriving:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        elif self._answering and self.cycle.response_started:
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """Give the head its time, from its first byte."""
        if self._answering and not self._all_is_said:
            raise HttpParserError("sent ahead of the answer to the request before")
        super().on_message_begin()
        self._around, self._arriving = 0, True
        self._expect(HEAD_S)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line, or a trailer, while there are not too many."""
        if len(self.headers) >= MOST_HEADERS:
            raise HttpParserError("too many header lines")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Give the body its time."""
        if wrong := _wrong_head(self.parser, self.headers):
            raise HttpParserError(wrong)
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # answered in the HTTP it came in, for we speak no other; nothing may follow
        self._expect(BODY_S)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, which is not counted here."""
        self._around -= 2 * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here; how long the answer takes is ours."""
        self._arriving = False
        super().on_message_complete()
        if self._answering:
            self._patience = ANSWER_S
            self._serve()
        else:
            self._expect(HEAD_S)

    def on_response_complete(self) -> None:
        """Wait for what comes next: the rest of a body nobody wants, the last of our answer taken, another request."""
        is_here = bool(self.pipeline)  # a request that came when all of this answer was out
        super().on_response_complete()
        if not is_here:
            self._expect(REST_S if self._arriving else self._patience)

    def pause_writing(self) -> None:
        """Wait for the caller to read what was answered so far."""
        super().pause_writing()
        self._expect(self._patience)

    def resume_writing(self) -> None:
        """Go on answering, with as much patience as is left; when all is answered, the last of it is being read."""
        super().resume_writing()
        if self._answering and self._deadline is not None:
            self._patience = max(0.0, self._deadline.when() - self.loop.time())
            self._serve()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: whoever asks for another protocol is answered in this one."""

    @property
    def _answering(self) -> bool:
        """Whether a request is here, as far as its body at least, and not answered."""
        return not getattr(self.cycle, "response_complete", True)

    @property
    def _all_is_said(self) -> bool:
        """Whether every byte of the answer is out: a client that counts them may go on, before the application ends."""
        cycle = self.cycle
        if not cycle.response_started or cycle.chunked_encoding:
            return False
        return cycle.scope["method"] == "HEAD" or cycle.expected_content_length == 0

    def _expect(self, seconds: float) -> None:
        """Wait for the caller, so long and no longer."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.cut, "late")
        self.lobby.wait_for(self)

    def _serve(self) -> None:
        """Let the caller wait for us."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self.lobby.serve(self)


def _wrong_head(parser: HttpRequestParser, headers: list[tuple[bytes, bytes]]) -> str | None:
    """Return what is wrong with a head that the parser lets pass."""
    said = {name: [value for one, value in headers if one == name] for name in _FRAMING}
    version, coding = parser.get_http_version(), said[b"transfer-encoding"]
    if version not in VERSIONS:
        return "neither HTTP/1.1 nor HTTP/1.0"
    if len(said[b"host"]) != 1 and (said[b"host"] or version == "1.1"):
        return "not one Host (RFC 9112 section 3.2)"
    if coding and (version == "1.0" or [each.lower() for each in coding] != [b"chunked"]):
        return "another transfer coding than chunked (RFC 9112 section 6.1)"
    if parser.should_upgrade() and (coding or said[b"content-length"] not in ([], [b"0"])):
        return "a body under an upgrade: the parser would not read it"
    return None
