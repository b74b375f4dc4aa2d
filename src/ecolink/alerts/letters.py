"""What a message may say by which channel: pure, and the one place where it is decided.

By the bureau's own channels goes what the alert is about. By a third party's goes that there is something, its number
and where to log in: no title, no text, no time, no place, and nothing but the number tells one matter from another.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from ecolink.alerts.channels.letter import Letter, Matter
from ecolink.alerts.dispatches import Message
from ecolink.kit.times import CHINA

MARKS: Final = {"actual": "", "exercise": "【演练】", "test": "【测试】"}
"""What every text of a drill or a test begins with, in both languages."""

MOST_TOLD: Final = 20
"""Of so many alerts at once each is told; of the rest, how many there are."""

ONE_TIME: Final = "/a/"
"""Where one-time links lead: they tell nothing."""

_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")

_ONE_ZH: Final = {
    "new": "您有一条{urgent}事项（编号 {numbers}），请登录办理。",
    "repeat": "再次提醒：您有一条{urgent}事项（编号 {numbers}）尚未签收，请登录办理。",
    "escalation": "上报：有一条{urgent}事项（编号 {numbers}）尚未签收，请登录办理。",
    "ended": "事项（编号 {numbers}）已结束，无需再办理。",
    "retraction": "事项（编号 {numbers}）系误发，现予撤回，谨致歉意。",
    "test": "这是一条渠道测试消息，收到即为正常，无需办理。",
    "code": "您的联系方式确认码是 {numbers}，30 分钟内有效。如非本人操作，请忽略。",
}
_ONE_EN: Final = {
    "new": "You have an {urgent}item to see to (number {numbers}): please log in.",
    "repeat": "Reminder: an {urgent}item (number {numbers}) is not acknowledged yet: please log in.",
    "escalation": "Escalated: an {urgent}item (number {numbers}) is not acknowledged yet: please log in.",
    "ended": "The item (number {numbers}) has ended: nothing more is to be done.",
    "retraction": "The item (number {numbers}) was sent by mistake and is withdrawn. We apologise.",
    "test": "This is a test of a channel. If you can read it, the channel works; nothing is to be done.",
    "code": "The code {numbers} confirms your contact point, for 30 minutes. If you asked for none, ignore it.",
}
_SEVERAL_ZH: Final = "您有 {count} 条{urgent}事项（编号 {numbers}），请登录办理。"
_SEVERAL_EN: Final = "You have {count} {urgent}items to see to (numbers {numbers}): please log in."


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a letter, and who may read along."""

    own: bool
    """Whether the channel is the bureau's own."""
    language: Literal["zh", "en"]
    console_url: str | None


def write(messages: Sequence[tuple[str, Message]], reader: Reader) -> Letter:
    """Return the letter that tells these messages, each with the id of its dispatch, oldest first; all of one status.

    Of one alert only the newest message is told.
    """
    newest = list({message.alert_id or dispatch: message for dispatch, message in messages}.values())
    first, mark = newest[0], MARKS[newest[0].status]
    urgent = any(message.urgency == "urgent" for message in newest)
    numbers = tuple(message.number for message in newest)
    zh, en = _sentences(newest, urgent=urgent)
    matters = tuple(_matter(message) for message in newest[:MOST_TOLD] if reader.own and message.alert_id)
    told = newest[:MOST_TOLD] if matters else []
    return Letter(
        id=_id_of([dispatch for dispatch, _ in messages]),
        kind=first.kind if len(newest) == 1 else "several",
        status=first.status,
        urgent=urgent,
        language=reader.language,
        subject=mark + (_subject(newest, reader) if matters else zh if reader.language == "zh" else en),
        text_zh=(mark + zh, *(line for message in told for line in _told_zh(message)), *_rest_zh(newest, told)),
        text_en=(mark + en, *(line for message in told for line in _told_en(message)), *_rest_en(newest, told)),
        link=_link(newest, reader),
        numbers=numbers,
        matters=matters,
    )


def _sentences(messages: Sequence[Message], *, urgent: bool) -> tuple[str, str]:
    zh, en = _SEVERAL_ZH, _SEVERAL_EN
    if len(messages) == 1:
        zh, en = _ONE_ZH[messages[0].kind], _ONE_EN[messages[0].kind]
    numbers = [message.number for message in messages[:MOST_TOLD]] + ["…"] * (len(messages) > MOST_TOLD)
    count = len(messages)
    return (
        zh.format(count=count, numbers="、".join(numbers), urgent="紧急" if urgent else "待办"),
        en.format(count=count, numbers=", ".join(numbers), urgent="urgent " if urgent else ""),
    )


def _subject(messages: Sequence[Message], reader: Reader) -> str:
    first = messages[0]
    zh, more = reader.language == "zh", len(messages) - 1
    title = _clean(first.title_zh if zh else first.title_en)
    if not more:
        return f"{title}（编号 {first.number}）" if zh else f"{title} (number {first.number})"
    return f"{title} 等 {more + 1} 条" if zh else f"{title} and {more} more"


def _matter(message: Message) -> Matter:
    return Matter(
        number=message.number,
        title_zh=_clean(message.title_zh),
        title_en=_clean(message.title_en),
        occurred_at=message.occurred_at,
    )


def _told_zh(message: Message) -> list[str]:
    again = f"（共 {message.count} 次）" if message.count > 1 else ""
    at = message.occurred_at.astimezone(CHINA)
    head = f"{message.number}　{_clean(message.title_zh)}{again}　{at:%Y-%m-%d %H:%M}"
    return [head, *([_clean(message.text_zh)] if message.text_zh else [])]


def _told_en(message: Message) -> list[str]:
    again = f" ({message.count} times)" if message.count > 1 else ""
    at = message.occurred_at.astimezone(CHINA)
    head = f"{message.number}  {_clean(message.title_en)}{again}  {at:%Y-%m-%d %H:%M} (UTC+8)"
    return [head, *([_clean(message.text_en)] if message.text_en else [])]


def _rest_zh(messages: Sequence[Message], told: Sequence[Message]) -> list[str]:
    left = len(messages) - len(told)
    return [f"另有 {left} 条。"] if told and left else []


def _rest_en(messages: Sequence[Message], told: Sequence[Message]) -> list[str]:
    left = len(messages) - len(told)
    return [f"And {left} more."] if told and left else []


def _link(messages: Sequence[Message], reader: Reader) -> str | None:
    """Return where to go; whoever reads along learns not even which kind of matter it is."""
    if reader.console_url is None or messages[0].kind == "code":
        return None
    path = messages[0].link if len(messages) == 1 else "/"
    return reader.console_url.rstrip("/") + (path if reader.own or path.startswith(ONE_TIME) else "/")


def _clean(text: str) -> str:
    """Return a text on one line, without what cannot be seen or turns it round."""
    return " ".join(_UNSEEN.sub(" ", text).split())


def _id_of(dispatches: Sequence[str]) -> str:
    return sha256(" ".join(sorted(dispatches)).encode()).hexdigest()[:32]
