"""What goes out by a channel and what comes back, whatever the service."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StringConstraints

from ecolink.settings import is_loopback

MOST_ANSWER: Final = 64 * 1024
"""The most bytes that are read of an answer."""

_MOST_TOLD: Final = 200
"""Characters of a service's own words that are kept."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP call."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailRequest:
    """One message for an SMTP server (RFC 5321)."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str | None
    password: str | None = field(repr=False)
    sender: str
    recipient: str
    content: bytes = field(repr=False)


Request = HttpRequest | MailRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an HTTP status and body, or an SMTP reply's code and text."""

    status: int
    body: bytes
    to_address: bool = False
    """Whether a mail server said it of the recipient alone."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a service takes at most, by its own word: so many messages within a time."""

    most: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Sent:
    """The service took it."""

    answer: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not, or nobody knows whether it did."""

    answer: str
    of_address: bool = False
    """Whether only this address is at fault, and not the channel."""


Outcome = Sent | Failed


def post_json(url: str, document: object, headers: Mapping[str, str] | None = None) -> HttpRequest:
    """Return a POST of a JSON document."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return HttpRequest("POST", url, {"content-type": "application/json; charset=utf-8", **(headers or {})}, body)


def read_json(answer: Answer) -> Any:  # noqa: ANN401 - JSON is any value
    """Return the answer's body as JSON; None where it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def told(answer: Answer) -> str:
    """Return what a service said, for the operator: its status and the beginning of its words."""
    words = " ".join(answer.body[: 4 * _MOST_TOLD].decode(errors="replace").split())
    said = "".join(letter if letter.isprintable() else "�" for letter in words)
    return f"{answer.status} {said}"[:_MOST_TOLD]


def understand_code(answer: Answer, member: str) -> Outcome:
    """Return what a service means that says in a member of its JSON whether it took a message: by the number 0."""
    document = read_json(answer)
    code = document.get(member) if isinstance(document, dict) else None
    # In Python False equals 0; to these services it is no code.
    took = answer.status == 200 and code == 0 and not isinstance(code, bool)  # noqa: PLR2004
    return Sent(told(answer)) if took else Failed(told(answer))


def _http_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("it is no address") from None
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        raise ValueError("it is no address such as https://alerts.example.cn/send")
    return text


def _secret_http_address(secret: SecretStr) -> SecretStr:
    _http_address(secret.get_secret_value())
    return secret


def _one_plain_line(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]{1,500}", secret.get_secret_value()):
        raise ValueError("it is one line of plain characters")
    return secret


_ADDRESS = StringConstraints(strip_whitespace=True, min_length=8, max_length=500, pattern=r"^[\x21-\x7e]+$")
HttpAddress = Annotated[str, _ADDRESS, AfterValidator(_http_address)]
Secret = Annotated[SecretStr, AfterValidator(_one_plain_line)]
SecretHttpAddress = Annotated[Secret, AfterValidator(_secret_http_address)]
"""An address that is a secret itself, for whoever knows it may send."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


def is_plain(address: str) -> bool:
    """Tell whether what is sent to `address` crosses a wire unprotected."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


class ChannelSettings(BaseModel):
    """What an administrator says of a channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def goes_to(self) -> str:
        """Return where its secrets are sent: they are asked for anew when that changes."""
        raise NotImplementedError

    def crosses_plainly(self) -> bool:
        """Tell whether what is sent crosses a wire unprotected."""
        return is_plain(self.goes_to())
