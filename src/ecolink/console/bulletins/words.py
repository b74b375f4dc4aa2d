"""The words of bulletins' codes: what the wire calls `modus_operandi`, people call something else."""

from collections.abc import Mapping

from ecolink.console.language import mark as _
from ecolink.console.page import Page

KINDS: Mapping[str, str] = {
    "trend": _("Trend"),
    "modus_operandi": _("Modus operandi"),
    "person_or_item": _("Person or item"),
    "warning": _("Warning"),
    "statistics": _("Statistics"),
}
STATES: Mapping[str, str] = {
    "draft": _("Draft"),
    "awaiting_approval": _("Awaiting approval"),
    "published": _("Published"),
    "corrected": _("Corrected"),
    "recalled": _("Recalled"),
}
OUTCOMES: Mapping[str, str] = {
    "case_filed": _("Case filed"),
    "arrests": _("Arrests"),
    "seizure": _("Seizure"),
    "none": _("Nothing"),
}
RECALL_REASONS: Mapping[str, str] = {
    "wrong": _("It was wrong"),
    "outdated": _("It is outdated"),
    "unauthorised": _("It was told without authority"),
    "personal_data": _("It holds personal data it should not"),
    "exercise_over": _("The drill is over"),
    "other": _("Another reason"),
}
SEXES: Mapping[str, str] = {"": "—", "male": _("Male"), "female": _("Female"), "unknown": _("Not known")}
SOURCES: Mapping[str, str] = {
    "A": _("A reliable"),
    "B": _("B usually reliable"),
    "C": _("C mostly unreliable"),
    "X": _("X cannot be assessed"),
}
INFORMATION: Mapping[str, str] = {
    "1": _("1 certain"),
    "2": _("2 known to the source personally"),
    "3": _("3 corroborated"),
    "4": _("4 cannot be judged"),
}
CLASSIFICATIONS: Mapping[str, str] = {
    "internal": _("Internal"),
    "public": _("Public"),
    "work-secret": _("Work secret"),
}
HANDLING: Mapping[str, str] = {
    "H0": _("H0 only to prevent and combat crime"),
    "H1": _("H1 not in judicial proceedings without permission"),
    "H2": _("H2 not passed on without permission"),
    "H3": _("H3 other, in words"),
}
ONWARD: Mapping[str, str] = {
    "none": _("Not to be passed on"),
    "ask": _("Passed on after asking us"),
    "group": _("Passed on within the alliance"),
}
TOLD: Mapping[str, str] = {
    "queued": _("On its way"),
    "delivered": _("Delivered"),
    "refused": _("Refused by their node"),
    "expired": _("Not delivered in time"),
    "left_out": _("Left out: suspended then"),
    "passed_on": _("Passed on by another bureau"),
}
ACTS: Mapping[str, str] = {
    "published": _("told the bulletin"),
    "corrected": _("corrected it"),
    "recalled": _("recalled it"),
    "read": _("opened it"),
    "used": _("used it"),
    "feedback": _("gave feedback"),
    "complied": _("applied the change"),
    "shared": _("passed it on"),
    "share_permission_requested": _("asked to pass it on"),
    "share_permission_granted": _("allowed passing it on"),
    "share_permission_refused": _("did not allow passing it on"),
    "rejected": _("rejected a statement"),
}


TONES: Mapping[str, str] = {"awaiting_approval": "warn", "recalled": "bad", "draft": "plain"}
"""How a state is coloured; one that stands is good."""


def options(page: Page, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return codes and their words, for a choice in a form."""
    return [(code, page.text(text)) for code, text in words.items()]


def spoken(page: Page) -> dict[str, dict[str, str]]:
    """Return every code's words in the reader's language."""
    tables = {
        "kind": KINDS,
        "state": STATES,
        "outcome": OUTCOMES,
        "recall": RECALL_REASONS,
        "source": SOURCES,
        "information": INFORMATION,
        "classification": CLASSIFICATIONS,
        "handling": HANDLING,
        "onward": ONWARD,
        "told": TOLD,
        "act": ACTS,
    }
    return {name: {code: page.text(text) for code, text in words.items()} for name, words in tables.items()}
