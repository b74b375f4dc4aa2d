"""What people call the codes of case leads."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from ecolink.console.language import mark as _
from ecolink.console.page import Page
from ecolink.console.rendering import plain
from ecolink.exchanges.leads.table import MOVE_NAMES, STATE_NAMES, State
from ecolink.exchanges.leads.views import StepOut
from ecolink.exchanges.leads.vocabulary import CodeOut
from ecolink.identity.roles import ROLE_NAMES_ZH, Role
from ecolink.protocol.kinds import lead_reasons
from ecolink.protocol.kinds.common import CHARGES
from ecolink.protocol.kinds.leads import Item

Words = Mapping[str, str]


TABS: Final[Words] = MappingProxyType(
    {
        "": _("All"),
        "ours_to_do=true": _("Our turn"),
        "direction=in": _("We are asked"),
        "direction=out": _("We ask"),
        "awaiting_approval=true": _("Awaiting approval"),
        "direction=in&overdue=true": _("Overdue"),
        "exercise=true": _("Drills"),
    }
)
"""The lists that are one click away, by what is looked for."""
KINDS: Final[Words] = MappingProxyType(
    {
        "lead_check": _("Check a lead"),
        "evidence_collection": _("Collect evidence"),
        "household_registration": _("Certify household registration"),
        "records": _("Look up records"),
        "other": _("Another matter"),
    }
)
KIND_HINTS: Final[Words] = MappingProxyType(
    {
        "lead_check": _("See whether what we heard is true."),
        "evidence_collection": _("Statements, papers, things, recordings."),
        "household_registration": _("A certificate of somebody's registration."),
        "records": _("Identity, age, criminal history."),
        "other": _("What fits none of these."),
    }
)
URGENCIES: Final[Words] = MappingProxyType({"U1": _("Very urgent"), "U2": _("Urgent"), "U3": _("Ordinary")})
CASE_TYPES: Final[Words] = MappingProxyType(
    {"criminal": _("Criminal case"), "administrative": _("Administrative case")}
)
CATEGORIES: Final[Words] = MappingProxyType(
    {
        "suspect": _("Suspect"),
        "witness": _("Witness"),
        "victim": _("Victim"),
        "reporter": _("Reporter"),
        "other": _("Other person"),
    }
)
BASES: Final[Words] = MappingProxyType({"fact": _("A fact"), "assessment": _("Our assessment")})
SEXES: Final[Words] = MappingProxyType({"male": _("Male"), "female": _("Female"), "unknown": _("Not known")})
DOCUMENTS: Final[Words] = MappingProxyType(
    {
        "letter": _("Formal letter"),
        "case_filing": _("Decision to file the case"),
        "evidence_notice": _("Notice of evidence collection"),
        "certificate": _("Certificate"),
        "record": _("Record or register"),
        "photograph": _("Photograph"),
        "other": _("Another document"),
    }
)
CLASSIFICATIONS: Final[Words] = MappingProxyType(
    {"work-secret": _("Work secret"), "internal": _("Internal"), "public": _("Public")}
)
HANDLING: Final[Words] = MappingProxyType(
    {
        "H0": _("H0 only to prevent and combat crime"),
        "H1": _("H1 not in judicial proceedings without permission"),
        "H2": _("H2 not passed on without permission"),
        "H3": _("H3 other, in words"),
    }
)
ONWARD: Final[Words] = MappingProxyType(
    {
        "none": _("Not to be passed on"),
        "ask": _("Passed on after asking us"),
        "group": _("Passed on within the alliance"),
    }
)
OUTCOMES: Final[Words] = MappingProxyType(
    {
        "full": _("All was found out"),
        "partial": _("Part was found out"),
        "no_result": _("Looked for, nothing found"),
        "unable": _("Unable to do it"),
        "interim": _("Interim: more will follow"),
    }
)
EVIDENCE: Final[Words] = MappingProxyType(
    {"yes": _("May be used as evidence"), "no": _("Not as evidence"), "ask": _("Ask us before using it as evidence")}
)
SOURCES: Final[Words] = MappingProxyType(
    {
        "A": _("A reliable"),
        "B": _("B usually reliable"),
        "C": _("C mostly unreliable"),
        "X": _("X cannot be assessed"),
    }
)
INFORMATION: Final[Words] = MappingProxyType(
    {
        "1": _("1 certain"),
        "2": _("2 known to the source personally"),
        "3": _("3 corroborated"),
        "4": _("4 cannot be judged"),
    }
)
FEEDBACKS: Final[Words] = MappingProxyType(
    {
        "case_filed": _("Case filed"),
        "arrests": _("Arrests"),
        "seizure": _("Seizure"),
        "excluded": _("Suspicion excluded"),
        "none": _("No effect yet"),
    }
)
USEFULNESS: Final[Words] = MappingProxyType(
    {
        "5": _("5 decisive"),
        "4": _("4 very useful"),
        "3": _("3 useful"),
        "2": _("2 of little use"),
        "1": _("1 of no use"),
    }
)
DELIVERIES: Final[Words] = MappingProxyType(
    {
        "queued": _("On its way"),
        "delivered": _("Delivered"),
        "refused": _("Refused by their node"),
        "expired": _("Not delivered in time"),
    }
)
VERDICTS: Final[Words] = MappingProxyType(
    {
        "crossed": _("Crossed another move on its way: without effect"),
        "illegal": _("Not theirs to make: without effect"),
        "rejected": _("Rejected by the other node: without effect"),
        "waiting": _("Waits for what came before it"),
        "undelivered": _("Never reached the other node"),
    }
)
PERSON_MEMBERS: Final[Words] = MappingProxyType(
    {
        "name": _("Full name"),
        "identity_number": _("Identity number"),
        "birth_date": _("Date of birth"),
        "phone": _("Phone"),
        "address": _("Address"),
        "note": _("Remark"),
    }
)
STEP_MEMBERS: Final[Words] = MappingProxyType(
    {
        "note": _("Remark"),
        "handled_by": _("Handled by"),
        "reason_code": _("Reason"),
        "to_name": _("Belongs to"),
        "explanation": _("Explanation"),
        "corrections": _("What must be mended"),
        "correction": _("What was corrected"),
        "questions": _("Questions"),
        "answer": _("Answer"),
        "used_for": _("Used for"),
        "comment": _("Comment"),
        "conclusion": _("Conclusion"),
        "text": _("Message"),
    }
)
"""What a move says, in the order in which it is shown; a request and a reply are shown apart."""


_OTHER_STEPS: Final[Words] = MappingProxyType(
    {
        "attachments.complete.v1": _("All files received"),
        "statement.rejected.v1": _("Did not accept a step"),
    }
)
"""What stands in the history and is no move."""
_REASONS: Final = {
    **lead_reasons.RETURN_REASONS,
    **lead_reasons.UNABLE_REASONS,
    **lead_reasons.TRANSFER_REASONS,
    **lead_reasons.WITHDRAW_REASONS,
}


def state(page: Page, code: State) -> str:
    """Return what people call a state."""
    return page.either(STATE_NAMES[code], plain(code))


def move(page: Page, code: str) -> str:
    """Return what people call a move."""
    return page.either(MOVE_NAMES.get(code, code), plain(code))


def step(page: Page, told: StepOut) -> str:
    """Return what people call a statement of the history."""
    if told.move == "requested":
        return page.text("Request sent")
    if told.type in _OTHER_STEPS:
        return page.text(_OTHER_STEPS[told.type])
    return move(page, told.move) if told.move else told.type


def charge(page: Page, code: str) -> str:
    """Return an article of the Criminal Law with its short name."""
    known = CHARGES.get(code)
    return page.either(f"{known.name_zh}（第{code}条）", f"{known.name_en} (art. {code})") if known else code


def reason(page: Page, code: str) -> str:
    """Return why something was returned, passed on, withdrawn or not done."""
    known = _REASONS.get(code)
    return page.either(known.zh, known.en) if known else code


def item(page: Page, thing: Item) -> str:
    """Return a thing with what is known of its amount."""
    amounts = (
        (thing.count, page.text("{amount} pieces")),
        (thing.mass_g, page.text("{amount} g")),
        (thing.volume_m3, "{amount} m³"),
    )
    told = [name.format(amount=f"{amount:g}") for amount, name in amounts if amount is not None]
    about = [page.text("about") + " "] if thing.approximate and told else []
    return " ".join(filter(None, (thing.name, thing.species, "".join(about) + ", ".join(told))))


def role(page: Page, code: str) -> str:
    """Return what people call a role; one that only another node knows stays as it is."""
    known = code in set(Role)
    return page.either(ROLE_NAMES_ZH[Role(code)] if known else code, plain(code))


def options(page: Page, names: Words, unset: str | None = None) -> list[tuple[str, str]]:
    """Return what a choice offers; `unset` names the choice of none, where there is one."""
    first = [] if unset is None else [("", unset)]
    return first + [(code, page.text(name)) for code, name in names.items()]


def codes(page: Page, listed: Iterable[CodeOut], unset: str | None = None) -> list[tuple[str, str]]:
    """Return a list of the vocabulary as a choice offers it."""
    first = [] if unset is None else [("", unset)]
    return first + [(each.code, page.either(each.zh, each.en)) for each in listed]
