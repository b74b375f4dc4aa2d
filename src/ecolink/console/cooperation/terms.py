"""An agreement's terms in plain words, and the files that come with ecolink."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import convener
from ecolink.cadence.periods import Period
from ecolink.console.page import Page
from ecolink.protocol.kinds.agreements import DutyV1, TermsV1

_PERIODS = {"month": ("每月", "month"), "quarter": ("每季度", "quarter"), "year": ("每年", "year")}
_LEVELS = {
    "liaison_officer": ("联络员", "liaison officer"),
    "deputy": ("部门副职", "deputy"),
    "head": ("部门负责人", "head"),
    "chief": ("局领导", "chief"),
}
_DAYS = {
    "MO": ("星期一", "Monday"),
    "TU": ("星期二", "Tuesday"),
    "WE": ("星期三", "Wednesday"),
    "TH": ("星期四", "Thursday"),
    "FR": ("星期五", "Friday"),
    "SA": ("星期六", "Saturday"),
    "SU": ("星期日", "Sunday"),
}
_MOVED = {
    "as-is": ("", ""),
    "before": ("，遇休息日提前", ", or the working day before"),
    "after": ("，遇休息日顺延", ", or the working day after"),
}
TERMS_OF_ANSWER: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "very_urgent_receipt_minutes": ("特急线索：签收（分钟）", "Very urgent leads: signed for within (minutes)"),
        "very_urgent_answer_hours": ("特急线索：答复（小时）", "Very urgent leads: answered within (hours)"),
        "urgent_receipt_hours": ("紧急线索：签收（小时）", "Urgent leads: signed for within (hours)"),
        "urgent_answer_days": ("紧急线索：答复（日）", "Urgent leads: answered within (days)"),
        "ordinary_receipt_working_days": (
            "普通线索：签收（工作日）",
            "Ordinary leads: signed for within (working days)",
        ),
        "identity_answer_days": ("身份、前科类：答复（日）", "Identity and history: answered within (days)"),
        "remote_identity_answer_days": ("边远地区身份类：答复（日）", "The same in remote areas (days)"),
        "evidence_interim_days": ("证据及其他：阶段答复（日）", "Evidence and other: interim answer within (days)"),
        "evidence_answer_days": ("证据及其他：最终答复（日）", "Evidence and other: answered within (days)"),
        "transfer_hours": ("不属管辖：移送（小时）", "What belongs elsewhere: passed on within (hours)"),
        "emergency_machine_minutes": ("紧急通报：节点收到（分钟）", "Emergencies: at the other node within (minutes)"),
        "emergency_person_minutes": ("紧急通报：人员签收（分钟）", "Emergencies: signed for within (minutes)"),
        "emergency_escalation_minutes": ("紧急通报：逐级上报（分钟）", "Emergencies: up the chain after (minutes)"),
        "emergency_update_minutes": ("紧急通报：续报间隔（分钟）", "Emergencies: news every (minutes)"),
    }
)


@dataclass(frozen=True, slots=True)
class InWords:
    """A duty as an officer would say it."""

    duty: DutyV1
    how_often: str
    due: str
    reminders: str
    escalation: str


def duties_in_words(page: Page, terms: TermsV1) -> list[InWords]:
    """Return what the parties promise each other, in the person's language."""
    return [
        InWords(
            duty,
            page.either(
                f"{_PERIODS[duty.period][0]}至少 {duty.least} 次",
                f"at least {duty.least} a {_PERIODS[duty.period][1]}",
            ),
            _due(page, duty),
            page.either("、", ", ").join(
                page.either(f"期限前 {days} 天", f"{days} days before") if days else page.either("当天", "on the day")
                for days in duty.remind_days
            ),
            page.either("；", "; ").join(
                page.either(
                    f"逾期 {up.after_days} 天报{_LEVELS[up.to][0]}", f"{up.after_days} days: {_LEVELS[up.to][1]}"
                )
                for up in duty.escalate
            ),
        )
        for duty in terms.duties
    ]


def answers_in_words(page: Page, terms: TermsV1) -> list[tuple[str, str]]:
    """Return the terms of answer the agreement sets."""
    found = []
    for name, value in terms.deadlines.items():
        zh, en = TERMS_OF_ANSWER.get(name, (name, name))
        shown = page.either("、", ", ").join(map(str, value)) if isinstance(value, tuple) else str(value)
        found.append((page.either(zh, en), shown))
    return found


def turns(terms: TermsV1, now: datetime) -> list[tuple[str, str]]:
    """Return whose turn it is to convene: by period, this one and those that come next, once round."""
    if terms.rotation is None:
        return []
    period = Period.containing(china_day(now), terms.rotation.period)
    found = []
    for _ in terms.rotation.order:
        found.append((period.label, convener(terms.rotation, period) or ""))
        period = period.next()
    return found


@cache
def ready() -> Mapping[str, str]:
    """Return the agreements that come with ecolink, to be changed and proposed: name → file."""
    shelf = files("ecolink").joinpath("data/agreements")
    found = sorted((each for each in shelf.iterdir() if each.name.endswith(".toml")), key=lambda each: each.name)
    return MappingProxyType({Path(each.name).stem: each.read_text("utf-8") for each in found})


def _due(page: Page, duty: DutyV1) -> str:
    """Say on which day a duty is due; a rule that is none of the usual ones is shown as it is."""
    return _named(page, duty) + page.either(*_MOVED[duty.working_day])


def _named(page: Page, duty: DutyV1) -> str:
    parts = dict(part.split("=", 1) for part in duty.rule.split(";") if "=" in part)
    month = parts.get("BYMONTH", "")
    when = (
        page.either(f"{month.replace(',', '、')} 月", f"months {month}") if month else page.either("当月", "the month")
    )
    if "BYSETPOS" in parts:
        return duty.rule
    day = parts.get("BYMONTHDAY", "")
    if day == "-1":
        return page.either(f"{when}最后一日", f"the last day of {when}")
    if day.isdecimal():
        return page.either(f"{when} {day} 日", f"day {day} of {when}")
    named = re.fullmatch("(-1|[1-5])(MO|TU|WE|TH|FR|SA|SU)", parts.get("BYDAY", ""))
    if named:
        zh, en = _DAYS[named[2]]
        which = page.either(
            "最后一个" if named[1] == "-1" else f"第 {named[1]} 个", "last" if named[1] == "-1" else f"no. {named[1]}"
        )
        return page.either(f"{when}{which}{zh}", f"the {which} {en} of {when}")
    return duty.rule
