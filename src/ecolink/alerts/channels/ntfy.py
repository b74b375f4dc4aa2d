"""ntfy: push messages by a server that a bureau can run itself.

Facts: https://docs.ntfy.sh/publish/ (a message as JSON, sent to the server's root; priorities from 1 to 5, of which 5
rings until it is seen, 3 is usual and 2 makes no sound; the answer to a message that was taken shows it, with its `id`
and the `event` "message"; a message of at most 4,096 bytes).
"""

import re
from datetime import datetime
from typing import Any, Final, Literal

from ecolink.alerts.channels.letter import Letter, cut
from ecolink.alerts.channels.wire import (
    Answer,
    ChannelSettings,
    Failed,
    HttpAddress,
    HttpRequest,
    Outcome,
    Rate,
    Secret,
    Sent,
    post_json,
    read_json,
    told,
)

_MOST_TEXT: Final = 4_000
_RINGS, _USUAL, _SILENT = 5, 3, 2
_TAGS: Final = {"actual": ["rotating_light"], "exercise": ["dart"], "test": ["test_tube"]}

RATES: Final[tuple[Rate, ...]] = ()
"""None that all servers have: each operator sets their own."""


class Settings(ChannelSettings):
    """A server and the token with which we may publish there."""

    kind: Literal["ntfy"]
    server: HttpAddress
    token: Secret | None = None

    def goes_to(self) -> str:
        """Return the server."""
        return self.server


def address(text: str) -> str | None:
    """Return the topic a person listens to; whoever knows it listens too."""
    return text if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) else None


def compose(letter: Letter, settings: Settings, to: str, now: datetime) -> HttpRequest:  # noqa: ARG001 - as every codec
    """Return the call."""
    document: dict[str, Any] = {
        "topic": to,
        "title": letter.subject,
        "message": cut(letter.short() if letter.matters == () else letter.whole(), _MOST_TEXT),
        "priority": _RINGS if letter.is_loud else _USUAL if letter.status == "actual" else _SILENT,
        "tags": _TAGS[letter.status],
    }
    if letter.link is not None:
        document["click"] = letter.link
    headers = {"authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
    return post_json(settings.server, document, headers)


def understand(answer: Answer, settings: Settings, letter: Letter) -> Outcome:  # noqa: ARG001 - as every codec
    """Return whether the server took it."""
    document = read_json(answer)
    took = answer.status == 200 and isinstance(document, dict) and document.get("event") == "message"  # noqa: PLR2004
    return Sent(told(answer)) if took and document.get("id") else Failed(told(answer))
