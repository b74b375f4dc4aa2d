"""Text messages by a gateway over HTTP, whose form an administrator describes.

There is no one interface of SMS gateways: each has its own members, and says in its own member whether it took a
message. Every text may hold `{to}`, `{text}`, `{id}`, `{time}` (seconds since 1970), `{username}` and `{token}`. What
the answer must say is a JSON pointer (RFC 6901) and the value that stands there on success.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import quote, urlencode

from pydantic import Field, StringConstraints, model_validator

from ecolink.alerts.channels.letter import Letter, cut
from ecolink.alerts.channels.wire import (
    Answer,
    ChannelSettings,
    Failed,
    HttpAddress,
    HttpRequest,
    Line,
    Outcome,
    Rate,
    Secret,
    Sent,
    read_json,
    told,
)
from ecolink.kit.times import to_seconds

_MOST_TEXT: Final = 600
"""Bytes: three text messages."""

_PLACE: Final = re.compile(r"\{(to|text|id|time|username|token)\}")
_MEDIA_TYPES: Final = {"form": "application/x-www-form-urlencoded", "json": "application/json; charset=utf-8"}

Pointer = Annotated[str, StringConstraints(max_length=200, pattern=r"^(/([^~/]|~[01])*)+$")]

RATES: Final[tuple[Rate, ...]] = ()
"""None that all gateways have."""


class Settings(ChannelSettings):
    """A gateway."""

    kind: Literal["sms"]
    method: Literal["POST", "PUT", "GET"] = "POST"
    url: HttpAddress
    form: Literal["form", "json", "none"] = Field(
        "json", description="How `body` travels; none: all is in the address."
    )
    body: dict[str, Any] = Field(default_factory=dict, description='Such as {"mobile": "{to}", "content": "{text}"}.')
    headers: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,60}$")], Line] = Field(
        default_factory=dict, description='Such as {"Authorization": "Bearer {token}"}.'
    )
    username: Line | None = None
    token: Secret | None = None
    success_pointer: Pointer
    success_value: Line = Field(
        description="As text: a number is compared by its digits, true and false by their names."
    )

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if len(json.dumps(self.body)) > 4_000 or len(self.headers) > 20:  # noqa: PLR2004
            raise ValueError("body and headers are larger than any gateway asks for")
        if any("{text}" in value for value in self.headers.values()):
            raise ValueError("the text travels in the body or in the address, not in a header")
        if self.form == "form" and not all(isinstance(value, str) for value in self.body.values()):
            raise ValueError("the members of a form are texts")
        if "{" in self.url.partition("?")[0]:
            raise ValueError("only the query of the address may hold {to} and the like")
        return self

    def goes_to(self) -> str:
        """Return the gateway's address."""
        return self.url.partition("?")[0]


def address(text: str) -> str | None:
    """Return a mobile number as it is kept; None for what is none."""
    return text if re.fullmatch(r"\+?\d{5,15}", text) else None


def compose(letter: Letter, settings: Settings, to: str, now: datetime) -> HttpRequest:
    """Return the call: the templates with everything in its place."""
    values = {
        "to": to,
        "text": cut(letter.short(), _MOST_TEXT),
        "id": letter.id,
        "time": str(to_seconds(now)),
        "username": settings.username or "",
        "token": settings.token.get_secret_value() if settings.token else "",
    }

    def fill(text: str, spelled: Callable[[str], str] = str) -> str:
        return _PLACE.sub(lambda place: spelled(values[place[1]]), text)

    headers = {name: fill(text) for name, text in settings.headers.items()}
    if settings.form != "none":
        headers["content-type"] = _MEDIA_TYPES[settings.form]
    filled = _filled(settings.body, fill)
    body = {"form": urlencode(filled), "json": json.dumps(filled, ensure_ascii=False), "none": ""}[settings.form]
    url = fill(settings.url, lambda value: quote(value, safe=""))
    return HttpRequest(settings.method, url, headers, body.encode())


def understand(answer: Answer, settings: Settings, letter: Letter) -> Outcome:  # noqa: ARG001 - as every codec
    """Return whether the gateway took it: the value it says so by stands where it should."""
    found = at_pointer(read_json(answer), settings.success_pointer)
    took = 200 <= answer.status < 300 and _as_text(found) == settings.success_value  # noqa: PLR2004
    return Sent(told(answer)) if took else Failed(told(answer))


def at_pointer(document: object, pointer: str) -> object:
    """Return what stands at a JSON pointer (RFC 6901); None where nothing does."""
    for escaped in pointer.split("/")[1:]:
        part = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list) and re.fullmatch(r"0|[1-9]\d{0,5}", part) and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def _as_text(value: object) -> str | None:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            return None


def _filled(template: Any, fill: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON is any value
    match template:
        case str():
            return fill(template)
        case dict():
            return {name: _filled(value, fill) for name, value in template.items()}
        case list():
            return [_filled(value, fill) for value in template]
        case _:
            return template
