"""What may be proposed: judged alike by the bureau that proposes and by those that are asked to sign.

Pure: it sees what a bureau knows of the agreement, never the database.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ecolink.cadence.findings import Severity
from ecolink.cadence.scrutiny import scrutinise
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1, TermsV1


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
    named = (
        subject.replaces if isinstance(subject, TermsV1) else subject.ends if isinstance(subject, EndingV1) else None
    )
    if named is not None and named not in known.terms:
        return Fault(
            "unknown-terms",
            "It replaces or ends terms that are not known here: name the digest of those in force.",
            "拟替代或终止的条款本节点未知：请填写现行条款的摘要。",
            "/replaces" if isinstance(subject, TermsV1) else "/ends",
        )
    if not isinstance(subject, TermsV1):
        return None
    findings = scrutinise(subject, before=known.terms.get(named) if named else None)
    wrong = next((finding for finding in findings if finding.severity is Severity.ERROR), None)
    if wrong is None:
        return None
    code = "calendar-differs" if wrong.path[:1] == ("calendar",) else "wrong-terms"
    return Fault(code, wrong.text_en + ".", wrong.text_zh + "。", "".join(f"/{part}" for part in wrong.path))
