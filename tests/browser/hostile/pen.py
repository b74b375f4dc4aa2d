"""A pen that writes hostile text into whatever a call of the API takes text for, as its description says.

Nothing here lists fields: a member added to a model tomorrow is written into tomorrow. What a member does not take (it
has to be an id, a day, one of our codes) the API tells by its pointer, and it stays as it was.
"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from httpx2 import Response

Json = dict[str, Any]

NAME = "zq"
"""In every trick: the name of an element or an attribute, or of the function that a script would call."""

TRICKS = (
    f"<{NAME}>",
    f'"><{NAME} onclick={NAME}()>',
    f"' onfocus={NAME}() autofocus='",
    f"javascript:{NAME}()",
    f"<script>{NAME}()</script>",
    f"<img src=x onerror={NAME}()>",
    f"<svg/onload={NAME}()>",
    "{{7*7}}${7*7}",
    f"</title></textarea></script></style><{NAME}>",
    f"--><{NAME}>]]><{NAME}>",
    f"&lt;{NAME}&gt;&#60;{NAME}&#62;&quot;",
    f"%3C{NAME}%3E\\u003c{NAME}\\u003e",
    f"＜{NAME}＞‹{NAME}›",
    f'<iframe srcdoc="<script>parent.{NAME}()</script>">',
    f"<a href=javascript:{NAME}()>{NAME}</a>",
    f"\u202e<{NAME}>\u202c",
    f"\nX-{NAME}: <{NAME}>",
)
LENGTH_OF_ID = 36
_UNSEEN = re.compile("[\u202e\u202c\n]")
_NO_TEXT = ("pattern", "format", "enum", "const")


@dataclass
class Member:
    """A member of a body that takes text, and what was written there."""

    pointer: str
    """In this body: `/persons/0/name`."""
    kind: str
    """In all of them: `/persons/-/name`."""
    attempts: list[str | None]
    """What to write there, what is best first; None leaves it out."""


@dataclass
class Pen:
    """Writes, and remembers what was taken where."""

    description: Json
    taken: set[str] = field(default_factory=set)
    """Like `POST /leads /persons/-/name`."""
    texts: dict[str, str] = field(default_factory=dict)
    """What was taken, by the number that stands in it."""
    _instead: dict[str, str] = field(default_factory=dict)
    """What was written in place of a text: who has to say the same once more says that."""
    _same: dict[str, str] = field(default_factory=dict)
    """The same in one body: what has to be said twice is the same both times."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def text(self, room: int) -> str:
        """Return a text that is like no other, with as many tricks as there is room for."""
        number = next(self._numbers)
        turn = number % len(TRICKS)
        said = ""
        for trick in (*TRICKS[turn:], *TRICKS[:turn]):
            piece = f"{said} {trick}" if said else f"{trick} n{number:04}"
            said = piece if len(piece) <= room else said
        return said or f"n{number:04}"

    def write(self, operation: str, example: Json, send: Callable[[Json], Response]) -> Response:
        """Have `send` send a body like `example`, with hostile text wherever it is taken."""
        self._same = {}
        members = list(self._members(self._body_of(operation), example, "", ""))
        body = {name: deepcopy(value) for name, value in example.items() if value is not ...}
        for member in members:
            _put(body, member)
        answer = send(body)
        while answer.status_code == 422 and (refused := _refused(answer, members)):
            for member in refused:
                member.attempts.pop(0)
                _put(body, member)
            answer = send(body)
        if answer.is_success:
            self._remember(operation, example, members)
        return answer

    def line(self, room: int) -> str:
        """Return such a text in one line of signs that are seen, and remember it: for what is not a member."""
        text = _UNSEEN.sub("", self.text(room))
        self.keep(text)
        return text

    def keep(self, text: str) -> None:
        """Remember a text that was taken."""
        self.texts[text[(at := text.index(" n")) + 1 : at + 6]] = text

    def wanted(self) -> set[str]:
        """Return every member of every call that takes text."""
        return {
            f"{method.upper()} {path.removeprefix('/api/v1')} {kind}"
            for path, calls in self.description["paths"].items()
            for method, call in calls.items()
            for content in call.get("requestBody", {}).get("content", {}).values()
            for kind in self._kinds(content["schema"], "", ())
        }

    def example(self, operation: str) -> Json:
        """Return the body that the description shows."""
        shown = self._deref(self._schema(operation)) if self._schema(operation) else {}
        content = self._content(operation)
        examples = shown.get("examples") or [content.get("example") or {}]
        return deepcopy(dict(examples[0]))

    def call(self, operation: str) -> Json:
        """Return the description of a call."""
        method, path = operation.split(" ")
        found: Json = self.description["paths"][f"/api/v1{path}"][method.lower()]
        return found

    def is_versioned(self, operation: str) -> bool:
        """Tell whether a call has to name the version of what it changes."""
        return any(parameter["name"].lower() == "if-match" for parameter in self.call(operation).get("parameters", ()))

    def _content(self, operation: str) -> Json:
        found: Json = self.call(operation).get("requestBody", {}).get("content", {}).get("application/json", {})
        return found

    def _schema(self, operation: str) -> Json:
        return dict(self._content(operation).get("schema", {}))

    def _body_of(self, operation: str) -> Json:
        return self._deref(self._schema(operation))

    def _deref(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self.description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def _branches(self, schema: Json) -> list[Json]:
        schema = self._deref(schema)
        inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
        return [branch for each in inner for branch in self._branches(each)] or [schema]

    def _members(self, schema: Json, value: object, pointer: str, kind: str) -> Iterator[Member]:
        branches = self._branches(schema)
        if isinstance(value, str):
            if room := _room(branches):
                text = self._same.setdefault(value, self.text(room))
                said = [self._instead[value]] if value in self._instead else []
                yield Member(pointer, kind, [text, _UNSEEN.sub("", text), *said, value])
        elif isinstance(value, list):
            for number, each in enumerate(value):
                for branch in branches:
                    yield from self._members(branch.get("items", {}), each, f"{pointer}/{number}", f"{kind}/-")
        elif isinstance(value, dict):
            objects = [branch for branch in branches if "properties" in branch]
            for branch in objects:
                yield from self._members_of(branch, value, pointer, kind, alone=len(objects) == 1)

    def _members_of(self, branch: Json, value: Json, pointer: str, kind: str, *, alone: bool) -> Iterator[Member]:
        for name, inner in branch.get("properties", {}).items():
            place = (f"{pointer}/{name}", f"{kind}/{name}")
            if name not in value:
                if alone and (room := _room(self._branches(inner))):
                    text = self.text(room)
                    yield Member(*place, [text, _UNSEEN.sub("", text), None])
            elif value[name] is not ...:
                yield from self._members(inner, value[name], *place)

    def _kinds(self, schema: Json, kind: str, above: tuple[str, ...]) -> Iterator[str]:
        name = schema.get("$ref", "")
        if name and name in above:
            return
        branches = self._branches(schema)
        if _room(branches):
            yield kind
        for branch in branches:
            for member, inner in branch.get("properties", {}).items():
                yield from self._kinds(inner, f"{kind}/{member}", (*above, name))
            if "items" in branch:
                yield from self._kinds(branch["items"], f"{kind}/-", (*above, name))

    def _remember(self, operation: str, example: Json, members: list[Member]) -> None:
        for member in members:
            text = member.attempts[0]
            number = re.search(r"\bn\d{4}\b", text or "")
            if text is not None and number is not None:
                self.taken.add(f"{operation} {member.kind}")
                self.texts.setdefault(number[0], text)
                if len(member.attempts) > 1 and (original := member.attempts[-1]) is not None:
                    self._instead[original] = text


def _room(branches: list[Json]) -> int:
    """Return how long a text may be there; 0 where none is taken."""
    texts = [each for each in branches if each.get("type") == "string" and not any(word in each for word in _NO_TEXT)]
    rooms = {each.get("maxLength", 1000) for each in texts} - {LENGTH_OF_ID}
    return max(rooms, default=0)


def _refused(answer: Response, members: list[Member]) -> list[Member]:
    """Return the members that were not taken and for which there is something else to try."""
    pointers = {error["pointer"] for error in answer.json().get("errors", [])}
    return [member for member in members if member.pointer in pointers and len(member.attempts) > 1]


def _put(body: Json, member: Member) -> None:
    *path, last = member.pointer.split("/")[1:]
    place: Any = body
    for part in path:
        place = place[int(part) if isinstance(place, list) else part]
    key = int(last) if isinstance(place, list) else last
    if member.attempts[0] is None:
        place.pop(key, None)
    else:
        place[key] = member.attempts[0]
