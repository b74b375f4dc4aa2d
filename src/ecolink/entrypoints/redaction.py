"""Keeping personal data and secrets out of the log, whatever carried them there.

No event of ours holds any. But a library's message, a traceback or a database's word may quote what it was given;
so every line passes here last, when all of it is text. Two rules: a member whose name promises a secret or a
person's data is not shown at all; and in any text, what looks like an identity card's number, a mobile phone's, a
password or a token is blotted out. A name of a person looks like any other word: only the first rule catches it.
"""

import re
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import date
from typing import Any, Final

SECRET: Final = "[secret]"  # noqa: S105 - what is shown instead of one
PERSONAL: Final = "[personal data]"
WITHHELD: Final = "[withheld]"

_SECRET_WORDS: Final = frozenset(
    {"authorization", "cookie", "credential", "credentials", "passphrase", "passwd", "password", "secret", "token"}
    | {"webhook"}
)
_PERSONAL_WORDS: Final = frozenset(
    {"birth", "born", "identity", "mobile", "mobiles", "person", "persons", "phone", "phones", "private", "suspect"}
    | {"id_number", "身份证", "身份证号", "姓名", "手机", "电话"}
)
"""Words of a member's name; `id_number` and the like count as one word."""

_WORDS: Final = re.compile(r"id_?number|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[\u4e00-\u9fff]+")

_OWN_ID: Final = re.compile(r"\b([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64})\b")
"""An id or a digest of ours: one in a few thousand has eleven digits in a row that could be a telephone's number."""

_IDENTITY_NUMBER: Final = re.compile(r"(?<!\d)\d{6}(\d{8})\d{3}[\dXx](?!\d)")
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS: Final = "10X98765432"
_MOBILE: Final = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)")

_SECRETS: Final = (
    (re.compile(r"\bBearer\s+[^\s\"',;}\]]+", re.IGNORECASE), f"Bearer {SECRET}"),
    (re.compile(r"\beyJ[\w-]*\.[\w-]+\.[\w-]*"), SECRET),
    (re.compile(r"(://[^\s:/@]*:)[^\s@/]+@"), rf"\1{SECRET}@"),
    (
        re.compile(
            r"((?:pass(?:word|wd|phrase)|secret|token|密码|口令)[\"']?\s*[=:：]\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&}\]]+)",
            re.IGNORECASE,
        ),
        rf"\1{SECRET}",
    ),
    # The addresses of robots are secrets: what follows these words lets anybody send.
    (re.compile(r"(/webhook/send\?key=|/bot/v2/hook/|\baccess_token=)[^\s\"'&]+"), rf"\1{SECRET}"),
    (re.compile(r"\b(?:SEC[0-9a-f]{32,}|tk_[a-z0-9]{8,})"), SECRET),
    # One-time links, where the API opens them, and calendars: whoever has the address is let in.
    (re.compile(r"(/a/|/alert-links/|/feeds/)[\w-]{20,}"), rf"\1{SECRET}"),
    # What pydantic says of a value that does not fit, quotes the value.
    (re.compile(r"input_value=.*?(?=, input_type=|\]$|$)", re.DOTALL | re.MULTILINE), f"input_value={WITHHELD}"),
)


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Return `event` fit to be kept; a processor of structlog, to stand right before the one that renders."""
    return {name: value if name.startswith("_") else _told(name, value) for name, value in event.items()}


def redact_text(text: str) -> str:
    """Return `text` with what looks like personal data or a secret blotted out."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    between = _OWN_ID.split(text)  # every second part is an id
    between[::2] = [_without_numbers(part) for part in between[::2]]
    return "".join(between)


def _without_numbers(text: str) -> str:
    text = _IDENTITY_NUMBER.sub(lambda found: PERSONAL if _is_identity_number(found) else found[0], text)
    return _MOBILE.sub(PERSONAL, text)


def _told(name: str, value: object) -> object:
    words = {word.lower() for word in _WORDS.findall(name)}
    if value is not None and words & _SECRET_WORDS:
        return SECRET
    if value is not None and words & _PERSONAL_WORDS:
        return PERSONAL
    return _shown(value)


def _shown(value: object) -> object:
    """Return a value of any kind as it may stand in a log; of what is none of JSON's, its text."""
    match value:
        case str():
            return redact_text(value)
        case bool() | float() | None:
            return value
        case int():
            return value if redact_text(str(value)) == str(value) else PERSONAL
        case Mapping():
            return {str(name): _told(str(name), inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_shown(inner) for inner in value]
        case _:
            return redact_text(repr(value))


def _is_identity_number(found: re.Match[str]) -> bool:
    """Tell whether 18 characters are a citizen's number (GB 11643).

    Either the check digit fits or a day of birth stands in it: a number with a slip of the pen is still somebody's.
    """
    digits, born = found[0], found[1]
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits[:17], strict=True))
    if _CHECK_DIGITS[total % 11] == digits[17].upper():
        return True
    with suppress(ValueError):
        return 1900 <= date.fromisoformat(born).year < 2100  # noqa: PLR2004 - years people alive were born in
    return False
