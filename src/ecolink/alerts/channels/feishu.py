"""Feishu: a group's custom robot, signed where the robot asks for it.

Facts: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (the call; `code` 0 on success; the signature
is, other than DingTalk's, the HMAC-SHA256 of nothing under the time in seconds, a line feed and the secret, and stands
in the body, good for an hour; 100 messages a minute and 5 a second for each robot, 20 KB each). The same page warns of
code 11232 at the full and the half hour, when the service is under load: it is tried again like any other failure.
"""

import re
from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import digest
from typing import Any, Final, Literal

from ecolink.alerts.channels.letter import Letter, cut
from ecolink.alerts.channels.wire import (
    Answer,
    ChannelSettings,
    HttpRequest,
    Outcome,
    Rate,
    Secret,
    SecretHttpAddress,
    post_json,
    understand_code,
)
from ecolink.kit.times import to_seconds

_MOST_TEXT = 15_000

RATES: Final[tuple[Rate, ...]] = (Rate(100, timedelta(minutes=1)), Rate(5, timedelta(seconds=1)))
"""By the page on the call, under its notes."""


class Settings(ChannelSettings):
    """A robot: its address with the token in it, and the secret it is signed with, if it asks for a signature."""

    kind: Literal["feishu"]
    webhook: SecretHttpAddress
    sign_secret: Secret | None = None

    def goes_to(self) -> str:
        """Return the robot's address."""
        return self.webhook.get_secret_value()


def address(text: str) -> str | None:
    """Return the Feishu id (`ou_…`) of who is called upon in the group; empty for nobody in particular."""
    return text if re.fullmatch(r"(ou_[0-9a-z]{8,64})?", text) else None


def compose(letter: Letter, settings: Settings, to: str, now: datetime) -> HttpRequest:
    """Return the call, signed at `now`."""
    # In a text only this service's own tags begin with this sign: nobody's title shall call upon everybody.
    text = cut(letter.whole(), _MOST_TEXT).replace("<", "＜")
    called = f'<at user_id="{to}"></at> ' if to else ""
    document: dict[str, Any] = {"msg_type": "text", "content": {"text": called + text}}
    if settings.sign_secret is not None:
        moment = str(to_seconds(now))
        key = f"{moment}\n{settings.sign_secret.get_secret_value()}"
        document |= {"timestamp": moment, "sign": b64encode(digest(key.encode(), b"", sha256)).decode()}
    return post_json(settings.webhook.get_secret_value(), document)


def understand(answer: Answer, settings: Settings, letter: Letter) -> Outcome:  # noqa: ARG001 - as every codec
    """Return whether the robot took it."""
    return understand_code(answer, "code")
