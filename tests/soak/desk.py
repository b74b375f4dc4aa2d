"""How people's programs call their own node: each call with a key of its own, repeated until the node has answered.

What got a 2xx is written into the ledger, and must exist; everything else may or may not, until it gets one.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.soak.station import OFFICER, Station

Json = dict[str, Any]

AGAIN_FIRST_S, AGAIN_AT_MOST_S = 0.8, 5.0
CALL_TAKES_S = 30.0


@dataclass(frozen=True)
class Accepted:
    """A statement that a node promised with a 2xx: who said what, to whom, in which matter."""

    author: str
    thread: str
    type: str
    recipients: tuple[str, ...]
    mark: str
    """The key of the call. Where the statement has a text of its own, the text ends with it."""


@dataclass
class Ledger:
    """Everything that was accepted, also as lines of a file, for whoever looks into a failed run."""

    file: Path | None = None
    accepted: list[Accepted] = field(default_factory=list)
    messages: int = 0
    """Statements times their recipients."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, entry: Accepted) -> None:
        """Write down what was accepted."""
        with self._lock:
            self.accepted.append(entry)
            self.messages += len(entry.recipients)
            if self.file is not None:
                with self.file.open("a") as lines:
                    lines.write(json.dumps(vars(entry)) + "\n")


@dataclass(frozen=True)
class Act:
    """One call of a story."""

    at: str
    """The bureau whose node is called."""
    method: str
    path: str
    body: Json | None = None
    who: str = OFFICER
    says: str = ""
    """The type of the statement it makes, if any."""
    to: tuple[str, ...] = ()
    thread: str = ""
    """The matter; empty where the answer's id is one."""
    version_of: str = ""
    """What is read for `If-Match`."""
    until: Callable[[Any], bool] = lambda _: True
    """What the answer must show; else it is asked again."""
    may_be_moot: bool = False
    """The other side may have made it impossible meanwhile: a 409 is an answer, and nothing was said."""
    file: bytes = b""
    """Sent in place of a body."""


@dataclass
class Attempt:
    """An act that is being tried, again and again."""

    act: Act
    key: str
    tries: int = 0

    @property
    def pause(self) -> float:
        """Return how long to wait before the next try, in seconds."""
        return min(AGAIN_AT_MOST_S, AGAIN_FIRST_S * 1.6 ** (self.tries - 1))


class NotYet(Exception):
    """No answer, or not the one that is waited for: try again."""


class Refused(Exception):
    """The node refused for good what the story says is right."""


@dataclass
class Desks:
    """The desks of all bureaus; any number of threads work at them."""

    stations: Mapping[str, Station]
    ledger: Ledger
    answers: Counter[str] = field(default_factory=Counter)
    """How often each status came, and each failure to get one."""
    faults: list[str] = field(default_factory=list)
    """Answers no node may give."""
    _local: threading.local = field(default_factory=threading.local)
    _clients: list[httpx.Client] = field(default_factory=list)

    def close(self) -> None:
        """Close every thread's connections."""
        for client in self._clients:
            client.close()

    def attempt(self, attempt: Attempt) -> Json:
        """Try an act once and return the answer.

        Raises:
            NotYet: it has to be tried again.
            Refused: it never will be done.

        """
        act = attempt.act
        attempt.tries += 1
        answer = self._call(act, attempt.key)
        if not answer.is_success:
            return self._consider(act, answer)
        told: Json = answer.json() if answer.content else {}
        if not act.until(told):
            raise NotYet
        if act.says:
            entry = Accepted(act.at, act.thread or told["id"], act.says, act.to, attempt.key)
            self.ledger.note(entry)
        return told

    def ask(self, at: str, path: str, who: str = OFFICER) -> Any:
        """Return what a GET answers now, or raise NotYet."""
        answer = self._call(Act(at, "GET", path, who=who), "")
        if not answer.is_success:
            self._consider(Act(at, "GET", path), answer)
        return answer.json()

    def _call(self, act: Act, key: str) -> httpx.Response:
        headers = {"Idempotency-Key": key} if act.method == "POST" else {}
        if act.version_of:
            headers["If-Match"] = f'"{self.ask(act.at, act.version_of, act.who)["version"]}"'
        station = self.stations[act.at]
        content = act.file or (json.dumps(act.body).encode() if act.body is not None else None)
        if content is not None:
            headers["Content-Type"] = "text/plain" if act.file else "application/json"
        token = station.tokens.get(act.who)
        try:
            token = token or station.log_in(act.who, self._client)
            answer = self._send(station, act, content, headers, token)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                token = station.log_in(act.who, self._client, instead_of=token)
                answer = self._send(station, act, content, headers, token)
        except httpx.HTTPError as silence:
            self.answers[type(silence).__name__] += 1
            raise NotYet from silence
        self.answers[str(answer.status_code)] += 1
        if "Idempotency-Replayed" in answer.headers:
            self.answers["given again for the same key"] += 1
        return answer

    def _send(
        self, station: Station, act: Act, content: bytes | None, headers: Mapping[str, str], token: str
    ) -> httpx.Response:
        authorized = {**headers, "Authorization": f"Bearer {token}"}
        return self._client.request(act.method, station.api + act.path, content=content, headers=authorized)

    def _consider(self, act: Act, answer: httpx.Response) -> Json:
        """Judge an answer that is none of success."""
        match answer.status_code:
            case 409 if act.may_be_moot:
                return {}
            case 401 | 404 | 409 | 412 | 429 | 503:  # what it needs is not here yet, or the node is busy
                raise NotYet
            case _:
                fault = f"{act.at} {act.method} {act.path}: {answer.status_code} {answer.text[:500]}"
                self.faults.append(fault)
                raise Refused(fault)

    @property
    def _client(self) -> httpx.Client:
        if not hasattr(self._local, "client"):
            self._local.client = httpx.Client(timeout=CALL_TAKES_S, trust_env=False)
            self._clients.append(self._local.client)
        client: httpx.Client = self._local.client
        return client
