"""DingTalk: a group's custom robot, signed.

Facts: https://open.dingtalk.com/document/orgapp/custom-robot-access (the call, `errcode` 0 on success) and
https://open.dingtalk.com/document/robots/customize-robot-security-settings (the signature: HMAC-SHA256 under the
secret, over the time in milliseconds, a line feed and the secret; in the query, good for an hour). Under "frequency of
calls" the first page says that a robot brings at most 20 messages a minute into its group, and none for ten minutes
after more.
"""

import re
from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import digest
from typing import Final, Literal
from urllib.parse import urlencode

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

_MOST_TEXT = 15_000
"""Bytes; the service takes 20,000 in all."""

RATES: Final[tuple[Rate, ...]] = (Rate(20, timedelta(minutes=1)),)
"""By the page on access (调用频率限制)."""


class Settings(ChannelSettings):
    """A robot: its address with the access token in it, and the secret it is signed with."""

    kind: Literal["dingtalk"]
    webhook: SecretHttpAddress
    sign_secret: Secret

    def goes_to(self) -> str:
        """Return the robot's address."""
        return self.webhook.get_secret_value()


def address(text: str) -> str | None:
    """Return the mobile number of who is called upon in the group; empty for nobody in particular."""
    return text if re.fullmatch(r"(1\d{10})?", text) else None


def compose(letter: Letter, settings: Settings, to: str, now: datetime) -> HttpRequest:
    """Return the call, signed at `now`."""
    secret = settings.sign_secret.get_secret_value()
    moment = str(round(now.timestamp() * 1000))
    signature = b64encode(digest(secret.encode(), f"{moment}\n{secret}".encode(), sha256)).decode()
    webhook = settings.webhook.get_secret_value()
    url = f"{webhook}{'&' if '?' in webhook else '?'}{urlencode({'timestamp': moment, 'sign': signature})}"
    at = {"atMobiles": [to] if to else [], "isAtAll": False}
    return post_json(url, {"msgtype": "text", "text": {"content": cut(letter.whole(), _MOST_TEXT)}, "at": at})


def understand(answer: Answer, settings: Settings, letter: Letter) -> Outcome:  # noqa: ARG001 - as every codec
    """Return whether the robot took it."""
    return understand_code(answer, "errcode")
