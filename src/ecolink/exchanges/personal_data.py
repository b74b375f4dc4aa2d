"""Persons in what bureaus exchange: masked unless revealed, and kept out of free text.

By default a screen shows no more of a person than tells two of them apart. Showing a member in full is a
call of its own, with a reason, and leaves a mark in the access log. The masks:

- name: the family name and 某, as in police papers;
- identity number: the first three and the last two characters. The region's tail, the date of birth and
  the serial number, which together identify, are hidden; what is left lets an officer who holds the number
  on paper see that it is the same;
- phone: the first three and the last two digits;
- date of birth: the year; address: the first six characters (the county).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ecolink.errors import InvalidError

MASKED = ("name", "birth_date", "identity_number", "phone", "address", "note")
"""Members of a person that are masked until somebody reveals them with a reason."""

_COMPOUND_NAMES = ("欧阳", "上官", "司马", "诸葛", "司徒", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐", "东方")
_IDENTITY_NUMBER = re.compile(r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{2}[01][0-9][0-3][0-9][0-9]{3}[0-9Xx](?![0-9])")
_MIN_NAME = 2


def mask_name(name: str) -> str:
    """Return the family name and 某: 林某."""
    family = next((each for each in _COMPOUND_NAMES if name.startswith(each)), name[:1])
    return f"{family}某"


def mask_number(number: str) -> str:
    """Return an identity or telephone number with all but the first three and last two characters hidden."""
    shown = 5
    if len(number) <= shown + 2:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - shown) + number[-2:]


def mask_day(day: str) -> str:
    """Return a date as its year."""
    return f"{day[:4]}-**-**"


def mask_address(address: str) -> str:
    """Return the first six characters of an address, enough for the county."""
    return address[:6] + "***"


def masked(person: Mapping[str, Any]) -> dict[str, Any]:
    """Return a person as a screen shows them by default. Members this version does not know are left out."""
    shown = {
        name: person[name] for name in ("ref", "category", "basis", "minor", "sex") if person.get(name) is not None
    }
    for name in MASKED:
        value = person.get(name)
        if value is not None:
            shown[name] = _MASKS.get(name, _hide)(str(value))
    return shown


def refuse_in_text(texts: Iterable[tuple[str, str]], names: Iterable[str] = ()) -> None:
    """Keep persons out of what cannot be erased: `texts` are pairs of JSON Pointer and text.

    `names` are those of the persons named in the private part.

    Raises:
        InvalidError: a text holds something like an identity number, or one of the names.

    """
    known = [name for name in names if len(name) >= _MIN_NAME]
    for pointer, text in texts:
        if _IDENTITY_NUMBER.search(text) or any(name in text for name in known):
            raise InvalidError(
                "Name persons in `persons` only and write P1, P2 … here: this text cannot be erased later.",
                "个人信息只能填写在“人员”栏，此处请用 P1、P2 等代称：本栏内容日后无法删除。",
                pointer=pointer,
            )


def texts_in(value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in a JSON value with its JSON Pointer (RFC 6901)."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from texts_in(inner, f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from texts_in(inner, f"{pointer}/{place}")


def _hide(_: str) -> str:
    return "***"


_MASKS = {
    "name": mask_name,
    "identity_number": mask_number,
    "phone": mask_number,
    "birth_date": mask_day,
    "address": mask_address,
}
