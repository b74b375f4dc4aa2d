"""What may be proposed: judged alike by the bureau that proposes and by those that are asked to sign.

Pure: it sees what a bureau knows of the agreement, never the database.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ecolink.cadence.calendars import published_digest
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.protocol.kinds.agreements import CalendarRefV1, CalendarV1, EndingV1, TermsV1


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a subject cannot be signed, and how to mend it. `code` is stable; `pointer` names the member of the terms."""

    code: str
    en: str
    zh: str
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a bureau knows of one agreement; nothing, where it is new."""

    members: frozenset[str] = frozenset()
    terms: Mapping[str, TermsV1] = field(default_factory=dict)
    """Every terms proposed so far, by digest."""


def find_fault(
    subject: TermsV1 | EndingV1 | CalendarV1, known: Known, *, bureaus: frozenset[str], active: Collection[str]
) -> Fault | None:
    """Return what is wrong with a subject, or None.

    `bureaus` are those it is proposed between, author and recipients; `active` those that this bureau can talk to,
    itself among them.
    """
    members = subject.members if isinstance(subject, TermsV1) else known.members
    return _fault_of_parties(members, known, bureaus, active) or _fault_of_words(subject, known)


def find_calendar_fault(named: CalendarRefV1) -> Fault | None:
    """Return what is wrong with the calendar that terms name, or None: this node must count the same days."""
    try:
        ours = published_digest(named.years)
    except ValueError:
        years = ", ".join(str(year) for year in named.years)
        return Fault(
            "calendar-unpublished",
            f"The working calendar of {years} is not fully known to this node's software: upgrade it, or leave the "
            f"year out and sign a calendar for it later (ecolink agreement calendar).",
            f"本节点软件尚无 {years} 年的完整工作日历：请升级软件，或先不写该年，日后另行签署日历"
            "（ecolink agreement calendar）。",
            "/calendar/years",
        )
    if ours == named.digest:
        return None
    return Fault(
        "calendar-differs",
        f"The working days of the years named have the digest {ours} here, not {named.digest}: let both nodes run the "
        "same version of ecolink, then propose again.",
        f"所列年份的工作日历摘要在本节点为 {ours}，与 {named.digest} 不同：请双方升级到同一版本后重新提议。",
        "/calendar/digest",
    )


def _fault_of_parties(
    members: frozenset[str], known: Known, bureaus: frozenset[str], active: Collection[str]
) -> Fault | None:
    if not members:
        return Fault(
            "unknown-agreement",
            "There is no such agreement here: its terms must be proposed first.",
            "本节点没有该协议：请先提议其条款。",
        )
    if known.members and members != known.members:
        return Fault(
            "code-taken",
            "An agreement of this code exists here between other parties: choose another code.",
            "本节点已有同代号、不同缔约方的协议：请另取代号。",
            "/code",
        )
    if members != bureaus:
        return Fault(
            "parties-mismatch",
            "It is proposed between other bureaus than its parties: tell it to every party and nobody else.",
            "提议的收发单位与缔约方不一致：须发给全部缔约方，且仅发给缔约方。",
            "/parties",
        )
    if strangers := sorted(members - set(active)):
        return Fault(
            "unknown-party",
            f"{', '.join(strangers)} is no active peer here: finish its onboarding (ecolink peer), then propose again.",
            f"{'、'.join(strangers)} 不是本节点已启用的对端：请先完成接入（ecolink peer），再重新提议。",
            "/parties",
        )
    return None


def _fault_of_words(subject: TermsV1 | EndingV1 | CalendarV1, known: Known) -> Fault | None:
    if isinstance(subject, TermsV1):
        return (
            _fault_of_version(subject, known) or _fault_of_deadlines(subject) or find_calendar_fault(subject.calendar)
        )
    if isinstance(subject, EndingV1) and subject.ends not in known.terms:
        return Fault(
            "unknown-terms",
            "It ends terms that are not known here: name the digest of those in force.",
            "拟终止的条款本节点未知：请填写现行条款的摘要。",
            "/ends",
        )
    return None


def _fault_of_deadlines(terms: TermsV1) -> Fault | None:
    try:
        DeadlinePolicy.named(terms.deadlines)
    except ValueError as wrong:
        return Fault(
            "wrong-deadlines", f"The terms of answer are wrong: {wrong}.", f"办理期限有误：{wrong}。", "/deadlines"
        )
    return None


def _fault_of_version(terms: TermsV1, known: Known) -> Fault | None:
    if terms.version == 1 and terms.replaces is None:
        return None
    before = known.terms.get(terms.replaces or "")
    if before is not None and terms.version == before.version + 1:
        return None
    return Fault(
        "wrong-version",
        "A first version is numbered 1 and replaces nothing; any other names the digest of the version before it in "
        "`replaces`, and bears the next number.",
        "首个版本号为 1，且不替代任何条款；其后各版须在 replaces 中写明前一版的摘要，版本号依次加一。",
        "/version",
    )
