"""What both sides of a matter are told of it by their own nodes: the same steps, in the same order, judged alike."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.soak.desk import Accepted, Desks, Json, NotYet
from tests.soak.violations import Violation

SEVERAL = 4


class Step(NamedTuple):
    """One statement of a matter, as a node tells of it."""

    by: str
    digest: str
    verdict: str


def compare_histories(desks: Desks) -> list[Violation]:
    """Ask the author and every recipient of every matter for its history, and return where two differ."""
    matters = [entry for entry in desks.ledger.accepted if entry.type in _HISTORY_OF]
    with ThreadPoolExecutor(SEVERAL) as hands:
        return [each for found in hands.map(lambda first: list(_compare(desks, first)), matters) for each in found]


def differing(author: str, recipient: str, ours: list[Step], theirs: list[Step]) -> str | None:
    """Say where the two histories part; what other recipients said to the author, this one never saw."""
    shared = [step for step in ours if step.by in {author, recipient}]
    if shared == theirs:
        return None
    for place, (one, other) in enumerate(zip(shared, theirs, strict=False)):
        if one != other:
            return f"step {place}: {one} and {other}"
    return f"{len(shared)} steps and {len(theirs)}"


def _compare(desks: Desks, first: Accepted) -> Iterator[Violation]:
    name = f"{first.type.partition('.')[0]} {first.thread}"
    told: dict[str, list[Step]] = {}
    for code in (first.author, *first.recipients):
        try:
            told[code] = _steps(desks, code, first)
        except NotYet:
            yield Violation("no-history", code, name)
            return
    for recipient in first.recipients:
        fault = differing(first.author, recipient, told[first.author], told[recipient])
        if fault is not None:
            yield Violation("histories-differ", f"{first.author}, {recipient}", f"{name}, {fault}")


_HISTORY_OF = {
    "lead.requested.v1": "/leads/{}/timeline",
    "bulletin.published.v1": "/bulletins/{}/history",
    "emergency.alert.v1": "/emergencies/{}/board",
}


def _steps(desks: Desks, code: str, first: Accepted) -> list[Step]:
    told = desks.ask(code, _HISTORY_OF[first.type].format(first.thread))
    steps: list[Json] = told if isinstance(told, list) else told.get("items") or told["history"]
    return [Step((step.get("by") or step["bureau"])["unit_code"], step["digest"], step["verdict"]) for step in steps]
