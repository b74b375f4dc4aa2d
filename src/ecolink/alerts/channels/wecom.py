"""WeCom (enterprise WeChat): a group's message robot.

Facts: https://developer.work.weixin.qq.com/document/path/91770 (the call; a text of at most 2,048 bytes; `errcode` 0 on
success; 20 messages a minute). The key in the robot's address is all it asks for.
"""

import re
from datetime import datetime, timedelta
from typing import Final, Literal

from ecolink.alerts.channels.letter import Letter, cut
from ecolink.alerts.channels.wire import (
    Answer,
    ChannelSettings,
    HttpRequest,
    Outcome,
    Rate,
    SecretHttpAddress,
    post_json,
    understand_code,
)

_MOST_TEXT = 2_048

RATES: Final[tuple[Rate, ...]] = (Rate(20, timedelta(minutes=1)),)
"""By the page on the call (消息发送频率限制)."""


class Settings(ChannelSettings):
    """A robot: its address with the key in it."""

    kind: Literal["wecom"]
    webhook: SecretHttpAddress

    def goes_to(self) -> str:
        """Return the robot's address."""
        return self.webhook.get_secret_value()


def address(text: str) -> str | None:
    """Return the mobile number of who is called upon in the group; empty for nobody in particular."""
    return text if re.fullmatch(r"(1\d{10})?", text) else None


def compose(letter: Letter, settings: Settings, to: str, now: datetime) -> HttpRequest:  # noqa: ARG001 - as every codec
    """Return the call."""
    text = {"content": cut(letter.whole(), _MOST_TEXT), "mentioned_mobile_list": [to] if to else []}
    return post_json(settings.webhook.get_secret_value(), {"msgtype": "text", "text": text})


def understand(answer: Answer, settings: Settings, letter: Letter) -> Outcome:  # noqa: ARG001 - as every codec
    """Return whether the robot took it."""
    return understand_code(answer, "errcode")
