"""What a bulletin must not hold, checked before it is approved and again before it is sent."""

from collections.abc import Sequence
from datetime import date

from ecolink.errors import InvalidError
from ecolink.exchanges.personal_data import refuse_in_text, texts_in
from ecolink.kit import canonical
from ecolink.protocol.kinds.bulletins import BulletinKind, BulletinPerson, BulletinPrivate, BulletinText

MAX_BYTES = 22_000
"""Bytes of a bulletin's text as JSON: wrapped twice in base64, under terms as long as terms may be, it still fits
into a statement of 64 KiB, so that its corrections can always follow it onward."""
MAX_PRIVATE = 40_000
"""Bytes of persons and items as JSON: as a text inside another private part they must fit into 64 KiB."""
ADULT = 18

_BIRTH_DATE = slice(6, 14)
_NUMBER_LENGTH = 18


def check(text: BulletinText, private: BulletinPrivate, today: date) -> None:
    """Return if this may be told. `today` is the day in Asia/Shanghai.

    Raises:
        InvalidError: persons where none may stand, a minor, personal data in the text, or too much of it.

    """
    if private.persons or private.items:
        _refuse_out_of_place(text, private)
    _refuse_doubles([person.ref for person in private.persons], "persons")
    _refuse_doubles([item.ref for item in private.items], "items")
    for place, person in enumerate(private.persons):
        if _is_minor(person, today):
            raise InvalidError(
                "Minors do not stand in bulletins. Use a case-lead request to the one bureau that needs to know.",
                "通报不得载明未成年人信息，请改用线索协查发送给确需知悉的单位。",
                pointer=f"/persons/{place}",
            )
    wire = text.to_wire()
    refuse_in_text(texts_in(wire), [person.name for person in private.persons if person.name])
    _refuse_too_long(wire, MAX_BYTES, "/body")
    _refuse_too_long(private.to_wire(), MAX_PRIVATE, "/persons")


def _refuse_out_of_place(text: BulletinText, private: BulletinPrivate) -> None:
    pointer = "/persons" if private.persons else "/items"
    if text.kind is not BulletinKind.PERSON_OR_ITEM:
        raise InvalidError(
            "Only a bulletin of the kind person_or_item names persons or items.",
            "只有“人员或物品”类通报可以载明人员或物品。",
            pointer=pointer,
        )
    if text.sanitised:
        raise InvalidError(
            "A sanitised bulletin names no persons and no items.",
            "已脱敏的通报不得载明人员或物品。",
            pointer="/sanitised",
        )
    if text.case_number is None:
        raise InvalidError(
            "Persons and items are named only with a case number.",
            "载明人员或物品须填写案件编号。",
            pointer="/case_number",
        )


def _refuse_doubles(refs: Sequence[str], member: str) -> None:
    for place, ref in enumerate(refs):
        if ref in refs[:place]:
            raise InvalidError(f"{ref} stands here twice.", f"{ref} 重复。", pointer=f"/{member}/{place}/ref")


def _is_minor(person: BulletinPerson, today: date) -> bool:
    """Tell whether a person is under 18 by their date of birth, or by the one in their identity number (GB 11643)."""
    born = person.birth_date
    number = person.identity_number
    if born is None and number is not None and len(number) == _NUMBER_LENGTH:
        try:
            born = date.fromisoformat(number[_BIRTH_DATE])
        except ValueError:
            return False
    return born is not None and (today.year - born.year - ((today.month, today.day) < (born.month, born.day))) < ADULT


def _refuse_too_long(wire: object, limit: int, pointer: str) -> None:
    size = len(canonical.dumps(wire))
    if size > limit:
        raise InvalidError(
            f"This is {size} bytes long; at most {limit} can be passed on from bureau to bureau.",
            f"内容共 {size} 字节，超过可转发的上限 {limit} 字节。",
            pointer=pointer,
        )
