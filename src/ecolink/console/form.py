"""What a person typed, read into the members that the API's own models have.

An input's name is the JSON pointer (RFC 6901) of the member it fills, such as `/location/place`. So a form needs no
list of its fields here, and what is wrong is shown where it was typed. After an `@` stands how a text is read:

- `/occurred_at@china`: a `datetime-local` of clocks in China
- `/topics@lines`: a list, one item in each line
- `/recipients@list`: a list, one item for each input of that name
- `/usefulness@number`: a number, for a member that takes no text for one
- `/sanitised@yes`: true, from a box that was ticked
- `/location/geometry@corners`: GeoJSON of longitude and latitude in each line: one is a point, three or more an area
- `/area/geometry@json`: JSON, put there by the page's own script

What is empty is left out. Names that are no pointers belong to the page itself, such as `version`.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from ecolink.errors import InvalidError
from ecolink.protocol import strict_json
from ecolink.protocol.refusal import Refused

MAX_FIELDS = 2_000
MAX_FILES = 20
_DEEPEST = 8
_LARGEST_JSON = 256 * 1024
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
_SEPARATOR = re.compile(r"\s*[,，\s]\s*")

ModelT = TypeVar("ModelT", bound=BaseModel)


class Form:
    """What came with one request."""

    def __init__(self, data: FormData) -> None:
        """Take the fields as they came.

        Raises:
            InvalidError: a text holds U+0000, which no database keeps, or a name is no name of an input.

        """
        self._data = data
        for name, value in data.multi_items():
            if "\0" in name or (isinstance(value, str) and "\0" in value):
                raise InvalidError("U+0000 is not text.", "不得含有 U+0000 字符。", pointer=name.split("@")[0])

    def word(self, name: str) -> str:
        """Return a field of the page's own, such as `version`; empty when it did not come."""
        value = self._data.get(name)
        return value.strip() if isinstance(value, str) else ""

    def words(self, name: str) -> list[str]:
        """Return every value of a field of the page's own."""
        return [value.strip() for value in self._data.getlist(name) if isinstance(value, str)]

    @property
    def version(self) -> int:
        """The version of the object that the person had before them; 0 when the page named none."""
        word = self.word("version")
        return int(word) if word.isdecimal() and len(word) < 10 else 0  # noqa: PLR2004 - as many digits as an ETag

    def files(self, name: str) -> list[UploadFile]:
        """Return the files chosen in an input; one that was left empty is none."""
        return [file for file in self._data.getlist(name) if isinstance(file, UploadFile) and file.filename]

    def typed(self) -> list[tuple[str, str]]:
        """Return every member as it was typed, for a page that hands it in again."""
        return [
            (name, text) for name, text in self._data.multi_items() if name.startswith("/") and isinstance(text, str)
        ]

    def members(self) -> dict[str, Any]:
        """Return what was typed as one document.

        Raises:
            InvalidError: a name leads nowhere, or JSON is not JSON.

        """
        root: dict[str, Any] = {}
        for name in dict.fromkeys(self._data):
            if not name.startswith("/"):
                continue
            pointer, _, way = name.partition("@")
            texts = [value for value in self._data.getlist(name) if isinstance(value, str)]
            value = _WAYS[way](texts, pointer) if way in _WAYS else None
            if value not in ("", None, []):
                _put(root, pointer, value)
        return {key: _with_lists(value) for key, value in root.items()}

    def read(self, model: type[ModelT], **given: object) -> ModelT:
        """Return what was typed as `model`; `given` are members that the page itself knows.

        Raises:
            RequestValidationError: something is missing or wrong, with a pointer to each.
            InvalidError: see `members`.

        """
        try:
            return model.model_validate(self.members() | given)
        except ValidationError as wrong:
            faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in wrong.errors(include_context=False)]
            raise RequestValidationError(faults) from wrong


async def _form(request: Request) -> Form:
    return Form(await request.form(max_fields=MAX_FIELDS, max_files=MAX_FILES))


FormDep = Annotated[Form, Depends(_form)]
"""The form a page sent, read before any transaction is open."""


def _put(root: dict[str, Any], pointer: str, value: object) -> None:
    *path, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    place: Any = root
    for part in path[:_DEEPEST]:
        place = place.setdefault(part, {}) if isinstance(place, dict) else None
    if len(path) > _DEEPEST or not isinstance(place, dict) or isinstance(place.get(last), dict):
        raise InvalidError("The form names a member that cannot be.", "表单内容有误，请刷新页面后重试。")
    place[last] = value


def _with_lists(value: object) -> object:
    """Turn members named 0, 1, 2 … into a list: rows that were taken out in between leave no hole."""
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(member) for key, member in value.items()}
    if inner and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def _single(texts: list[str], _: str) -> object:
    return texts[-1].strip() if texts else None


def _china(texts: list[str], _: str) -> object:
    text = texts[-1].strip() if texts else ""
    local = _LOCAL_TIME.fullmatch(text)
    return f"{text}{'' if local[1] else ':00'}+08:00" if local else text  # browsers leave out seconds that are none


def _lines(texts: list[str], _: str) -> list[str]:
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


def _several(texts: list[str], _: str) -> object:
    return [text.strip() for text in texts if text.strip()]


def _number(texts: list[str], _: str) -> object:
    text = texts[-1].strip() if texts else ""
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _is_number(text: str) -> bool:
    return (_WHOLE.fullmatch(text) or _DECIMAL.fullmatch(text)) is not None


def _yes(texts: list[str], _: str) -> object:
    return True if texts and texts[-1].strip() else None


def _corners(texts: list[str], pointer: str) -> object:
    lines = _lines(texts, pointer)
    corners = [[float(part) for part in _SEPARATOR.split(line) if _is_number(part)] for line in lines]
    for number, (line, corner) in enumerate(zip(lines, corners, strict=True), start=1):
        if len(corner) != 2 or len(_SEPARATOR.split(line)) != 2:  # noqa: PLR2004 - longitude and latitude
            raise InvalidError(
                f"Line {number} is not a longitude and a latitude, such as 119.2189, 27.4394.",
                f"第{number}行不是“经度, 纬度”，例如 119.2189, 27.4394。",
                pointer=pointer,
            )
    if len(corners) == 2:  # noqa: PLR2004
        raise InvalidError(
            "Two points make no area: give one, or three and more.",
            "两个点不能构成区域：请给出一个点，或三个以上的点。",
            pointer=pointer,
        )
    if len(corners) < 2:  # noqa: PLR2004
        return {"type": "Point", "coordinates": corners[0]} if corners else None
    ring = corners if corners[0] == corners[-1] else [*corners, corners[0]]
    return {"type": "Polygon", "coordinates": [ring]}


def corners(geometry: Mapping[str, Any]) -> str | None:
    """Return GeoJSON as `@corners` reads it; None of a shape that lines cannot say."""
    match geometry:
        case {"type": "Point", "coordinates": [*position]}:
            ring = [position]
        case {"type": "Polygon", "coordinates": [[*ring]]}:
            ring = ring[:-1]
        case _:
            return None
    return "\n".join(", ".join(str(degrees) for degrees in position[:2]) for position in ring)


def _json(texts: list[str], pointer: str) -> object:
    text = texts[-1].strip().encode() if texts else b""
    if not text:
        return None
    try:
        return strict_json.loads(text, max_bytes=_LARGEST_JSON, max_depth=_DEEPEST)
    except Refused as refused:
        raise InvalidError(
            f"This is not what the page should have sent: {refused.detail}.",
            "页面提交的内容格式不正确，请重新选择。",
            pointer=pointer,
        ) from refused


_WAYS: Mapping[str, Callable[[list[str], str], object]] = MappingProxyType(
    {
        "": _single,
        "china": _china,
        "lines": _lines,
        "list": _several,
        "number": _number,
        "yes": _yes,
        "corners": _corners,
        "json": _json,
    }
)
