"""An agreement's terms as a TOML file that people write: read with every fault on its line, and written.

The file has the members of `TermsV1` by their names; parties and duties are tables, `[[party]]` and `[[duty]]`.
"""

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError

from ecolink.cadence.findings import Finding, Path, Severity, did_you_mean
from ecolink.cadence.scrutiny import scrutinise
from ecolink.cadence.toml_lines import lines_of
from ecolink.protocol.kinds.agreements import (
    CalendarRefV1,
    DutyV1,
    EscalationV1,
    HandlingDefaultV1,
    PartyV1,
    RotationV1,
    SharingV1,
    TermsV1,
)

MAX_LENGTH = 30_000
"""Characters; what a proposal carries along."""
MAX_LINES = 1_000

_IN_FILE = {"parties": "party", "duties": "duty"}
_IN_TERMS = {name: member for member, name in _IN_FILE.items()}
_TABLES: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): TermsV1,
    ("party",): PartyV1,
    ("duty",): DutyV1,
    ("duty", "escalate"): EscalationV1,
    ("calendar",): CalendarRefV1,
    ("rotation",): RotationV1,
    ("handling",): HandlingDefaultV1,
    ("sharing",): SharingV1,
}

_NAME = ("one line in quotes, 100 characters at most", "引号内的一行文字，最多 100 字")
_SCOPE = ("a few sentences in quotes, 1,000 characters at most", "引号内的几句话，最多 1000 字")
_DAY = ("a day without quotes, such as 2026-01-01", "不加引号的日期，如 2026-01-01")
_SLUG = (
    'lower-case letters, digits and hyphens in quotes, such as "sn-qy-151"',
    '引号内的小写字母、数字和连字符，如 "sn-qy-151"',
)
_UNIT = ('12 digits in quotes, such as "350924000000"', '引号内的 12 位数字，如 "350924000000"')
_UNITS = (
    'a list of unit codes, such as ["350924000000", "331126000000"]',
    '单位代码列表，如 ["350924000000", "331126000000"]',
)
_DIGEST = ("64 hex digits in quotes", "引号内的 64 位十六进制数")
_COUNT = ("a whole number of days, at most 400", "整数天数，最大 400")
_ONE_OF_PERIODS = ('"month", "quarter" or "year"', '"month"（月）、"quarter"（季度）或 "year"（年）')
_WHOLE = ("a whole number, or a list of them", "整数，或整数列表")
_FORMS: Mapping[str, tuple[str, str]] = {
    "code": _SLUG,
    "version": ("a whole number from 1", "从 1 起的整数"),
    "replaces": _DIGEST,
    "name_zh": _NAME,
    "name_en": _NAME,
    "scope_zh": _SCOPE,
    "scope_en": _SCOPE,
    "party": ("two or more [[party]] tables", "两个以上的 [[party]] 表"),
    "valid_from": _DAY,
    "valid_until": _DAY,
    "calendar": ("a table [calendar] with years and digest", "[calendar] 表，含 years 和 digest"),
    "duty": ("[[duty]] tables, at most 40", "[[duty]] 表，最多 40 个"),
    "rotation": ("a table [rotation] with period, order and begins", "[rotation] 表，含 period、order 和 begins"),
    "deadlines": ("a table [deadlines] of whole numbers", "[deadlines] 表，值为整数"),
    "handling": ("a table [handling] with code", "[handling] 表，含 code"),
    "retention_months": ("a whole number of months from 6 to 360", "6 至 360 的整数（月）"),
    "sharing": ("[[sharing]] tables, at most 40", "[[sharing]] 表，最多 40 个"),
    "unit_code": _UNIT,
    "kind": (
        '"liaison", "exchange", "consultation" or "drill"',
        '"liaison"（月联系）、"exchange"（季度通报交流）、"consultation"（会商研判）或 "drill"（联动演练）',
    ),
    "period": _ONE_OF_PERIODS,
    "rule": (
        'an RRULE in quotes, such as "FREQ=MONTHLY;BYMONTHDAY=-1"',
        '引号内的 RRULE，如 "FREQ=MONTHLY;BYMONTHDAY=-1"（每月最后一天）',
    ),
    "working_day": ('"as-is", "before" or "after"', '"as-is"（不调整）、"before"（提前）或 "after"（顺延）'),
    "least": ("a whole number from 1 to 12", "1 至 12 的整数"),
    "between": _UNITS,
    "opens_days": _COUNT,
    "grace_days": _COUNT,
    "remind_days": ("a list of whole numbers, such as [7, 3, 0]", "整数列表，如 [7, 3, 0]"),
    "escalate": (
        'a list such as [{ after_days = 1, to = "liaison_officer" }], at most 10',
        '列表，如 [{ after_days = 1, to = "liaison_officer" }]，最多 10 项',
    ),
    "after_days": ("a whole number of days from 1", "从 1 起的整数天数"),
    "to": (
        '"liaison_officer", "deputy", "head" or "chief"',
        '"liaison_officer"（联络员）、"deputy"（部门副职）、"head"（部门负责人）或 "chief"（局领导）',
    ),
    "years": ("a list of years, such as [2026]", "年份列表，如 [2026]"),
    "digest": _DIGEST,
    "order": _UNITS,
    "begins": ('a period in quotes, such as "2026-Q1"', '引号内的周期，如 "2026-Q1"'),
    "handling.code": ('"H0", "H1", "H2" or "H3"', '"H0"、"H1"、"H2" 或 "H3"'),
    "onward": ('"none", "ask" or "group"', '"none"、"ask" 或 "group"'),
    "text": ("one line in quotes, 300 characters at most", "引号内的一行文字，最多 300 字"),
    "what": (
        'a list of "lead", "bulletin", "emergency", "package"',
        '列表，可含 "lead"（线索）、"bulletin"（通报）、"emergency"（紧急通报）、"package"（季度材料）',
    ),
    "sharers": _UNITS,
    "recipients": _UNITS,
}
"""How each member is written, by its name in the file."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says, and what is to be said of it."""

    terms: TermsV1 | None
    """None where anything is wrong."""
    findings: tuple[Finding, ...]
    """By line."""


def read(text: str, *, known: Collection[str] | None = None, before: TermsV1 | None = None) -> Reading:
    """Read an agreement's file; never fails, for what is wrong stands among the findings.

    `known` and `before` as in `scrutinise`. Terms that amend others need not say `replaces`: it follows.
    """
    if len(text) > MAX_LENGTH or text.count("\n") >= MAX_LINES:
        return Reading(None, (_too_long(),))
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        said = tomllib.loads(text)
    except (ValueError, RecursionError) as fault:
        return Reading(None, (_no_toml(text, fault),))
    findings = list(_unknown(said))
    terms, wrong = _terms(said, before)
    findings += wrong
    if terms is not None:
        findings += scrutinise(terms, known=known, before=before)
    lines = lines_of(text)
    placed = {finding.at(_line(lines, finding.path)): None for finding in findings}
    refused = any(finding.severity is Severity.ERROR for finding in placed)
    return Reading(None if refused else terms, tuple(sorted(placed, key=lambda finding: finding.line or 0)))


def write(terms: TermsV1) -> str:
    """Return terms as a file that says the same when it is read."""
    said = {name: value for name, value in terms if not _left_out(terms, name)}
    tables = {name: value for name, value in said.items() if isinstance(value, (BaseModel, dict))}
    lists = {
        name: value for name, value in said.items() if isinstance(value, tuple) and isinstance(value[0], BaseModel)
    }
    parts = [_members({name: value for name, value in said.items() if name not in {**tables, **lists}})]
    for name, value in said.items():
        if name in tables:
            parts.append(f"[{name}]\n{_members(dict(value))}")
        for entry in value if name in lists else ():
            members = {member: item for member, item in entry if not _left_out(entry, member)}
            parts.append(f"[[{_IN_FILE.get(name, name)}]]\n{_members(members)}")
    return "\n\n".join(parts) + "\n"


def _terms(said: Mapping[str, Any], before: TermsV1 | None) -> tuple[TermsV1 | None, list[Finding]]:
    members = {_IN_TERMS.get(name, name): value for name, value in said.items()}
    if before is not None:
        members.setdefault("replaces", before.digest())
    calendar = members.get("calendar")
    if isinstance(calendar, dict):
        # A digest that is missing is as wrong as a wrong one, and then what to write instead is told.
        members["calendar"] = {"digest": "0" * 64, **calendar}
    try:
        return TermsV1.model_validate(members).settled(), []
    except ValidationError as error:
        return None, [_wrong(item["loc"], missing=item["type"] == "missing") for item in error.errors()]


def _wrong(path: Path, *, missing: bool) -> Finding:
    """Return what is to be written instead of a member that cannot be read."""
    if path[0] == "deadlines":
        path = path[:2]  # beyond it pydantic tells which of two types did not fit
    names = [_IN_FILE.get(key, key) for key in path if isinstance(key, str)]
    form_en, form_zh = _FORMS.get(".".join(names[-2:])) or _FORMS.get(names[-1]) or _WHOLE
    return Finding(
        path,
        f"{names[-1]} is {'missing' if missing else 'wrong'}: write {form_en}",
        f"缺少 {names[-1]}：应为{form_zh}" if missing else f"{names[-1]} 有误：应为{form_zh}",
    )


def _unknown(value: object, path: Path = ()) -> Iterator[Finding]:
    """Find the keys that say nothing, where the members of a table are fixed."""
    if isinstance(value, list):
        for at, entry in enumerate(value):
            yield from _unknown(entry, (*path, at))
    model = _TABLES.get(tuple(key for key in path if isinstance(key, str)))
    if not isinstance(value, dict) or model is None:
        return
    known = {_IN_FILE.get(name, name) if not path else name for name in model.model_fields}
    for key, inner in value.items():
        if key in known:
            yield from _unknown(inner, (*path, key))
            continue
        perhaps_en, perhaps_zh = did_you_mean(key, known)
        yield Finding(
            (*path, key),
            f"{key} is not known here.{perhaps_en}",
            f"此处没有 {key} 这一项。{perhaps_zh}",
        )


def _line(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of the nearest thing around that stands in the file."""
    path = tuple(_IN_FILE.get(key, key) if at == 0 and isinstance(key, str) else key for at, key in enumerate(path))
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _no_toml(text: str, fault: Exception) -> Finding:
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(fault))
    lines = text.split("\n")
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (len(lines), None)
    what = str(fault)[: place.start()] if place else "it is nested too deep or holds a number too large"
    full_width = sorted(set(re.findall("[“”‘’＂＝，［］｛｝＃]", lines[line - 1])))
    told_en = (
        f"; Chinese punctuation {' '.join(full_width)} is not TOML's: write \" = , [ ] {{ }} #" if full_width else ""
    )
    told_zh = (
        f"；请把中文标点 {' '.join(full_width)} 改为英文半角标点" if full_width else "；文字须加英文引号，每行一项"
    )
    return Finding(
        (),
        f"this is not TOML: {what}{told_en or '; texts stand in straight quotes, one key on each line'}",
        f"不符合 TOML 语法（{what}）{told_zh}",
        line=line,
        column=column,
    )


def _too_long() -> Finding:
    return Finding(
        (),
        f"the file is too long: write at most {MAX_LENGTH:,} characters and {MAX_LINES:,} lines",
        f"文件过长：最多 {MAX_LENGTH} 字、{MAX_LINES} 行",
        line=1,
    )


def _left_out(model: BaseModel, name: str) -> bool:
    """Tell whether a member need not be written, because nothing is what it says by itself."""
    value = getattr(model, name)
    return value is None or (
        value in ((), {}) and type(model).model_fields[name].get_default(call_default_factory=True) == value
    )


def _members(members: Mapping[str, object]) -> str:
    return "\n".join(f"{_key(name)} = {_value(value)}" for name, value in members.items() if value is not None)


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, BaseModel):
        return f"{{ {', '.join(f'{name} = {_value(item)}' for name, item in value if item is not None)} }}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)
