"""The names of everything an emergency may be, in English; the catalogue has their Chinese."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ecolink.console.language import mark as _
from ecolink.console.page import Page
from ecolink.exchanges.emergencies.fires import FireGrade
from ecolink.exchanges.emergencies.rules import EmergencyState, Verdict
from ecolink.exchanges.emergencies.tasks import ClosedBecause
from ecolink.federation.threads import DeliveryState
from ecolink.identity.roles import Role
from ecolink.protocol.kinds.emergencies import (
    CancelReason,
    CapUrgency,
    Certainty,
    Colour,
    Decision,
    EmergencyKind,
    Severity,
    Status,
)

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        EmergencyKind.WILDFIRE: _("Wildfire"),
        EmergencyKind.NATURAL_DISASTER: _("Natural disaster"),
        EmergencyKind.MAJOR_ECO_CRIME: _("Major eco-crime"),
    }
)
STATUSES: Final[Mapping[str, str]] = MappingProxyType(
    {Status.ACTUAL: _("Real"), Status.EXERCISE: _("Drill"), Status.TEST: _("Test")}
)
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        EmergencyState.AWAITING_APPROVAL: _("Awaiting approval"),
        EmergencyState.DISCARDED: _("Never sent"),
        EmergencyState.OPEN: _("Under way"),
        EmergencyState.CANCELLED: _("Over"),
    }
)
ORDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "-raised_at": _("Newest told first"),
        "raised_at": _("Oldest told first"),
        "-occurred_at": _("Latest event first"),
        "occurred_at": _("Earliest event first"),
    }
)
COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Colour.RED: _("Red, level I"),
        Colour.ORANGE: _("Orange, level II"),
        Colour.YELLOW: _("Yellow, level III"),
        Colour.BLUE: _("Blue, level IV"),
    }
)
URGENCIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        CapUrgency.IMMEDIATE: _("Act at once"),
        CapUrgency.EXPECTED: _("Act within the hour"),
        CapUrgency.FUTURE: _("Act in the near future"),
        CapUrgency.PAST: _("No action needed any more"),
        CapUrgency.UNKNOWN: _("Not known"),
    }
)
SEVERITIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Severity.EXTREME: _("Extreme"),
        Severity.SEVERE: _("Severe"),
        Severity.MODERATE: _("Moderate"),
        Severity.MINOR: _("Slight"),
        Severity.UNKNOWN: _("Not known"),
    }
)
CERTAINTIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Certainty.OBSERVED: _("Seen to happen"),
        Certainty.LIKELY: _("Likely"),
        Certainty.POSSIBLE: _("Possible"),
        Certainty.UNLIKELY: _("Unlikely"),
        Certainty.UNKNOWN: _("Not known"),
    }
)
DECISIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Decision.DISPATCHING: _("We are sending people"),
        Decision.NOTED: _("We have taken note"),
        Decision.NEED_INFORMATION: _("We need to know more"),
    }
)
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {CancelReason.OVER: _("The danger is past"), CancelReason.RETRACTION: _("Told by mistake, taken back")}
)
GRADES: Final[Mapping[str, str]] = MappingProxyType(
    {
        FireGrade.ORDINARY: _("Ordinary forest fire"),
        FireGrade.LARGER: _("Larger forest fire"),
        FireGrade.SERIOUS: _("Serious forest fire"),
        FireGrade.EXTRAORDINARILY_SERIOUS: _("Extraordinarily serious forest fire"),
    }
)
MOVES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alert": _("Alert"),
        "update": _("Update"),
        "cancel": _("Ended"),
        "acknowledged": _("Acknowledged"),
        "note": _("Note"),
    }
)
DELIVERIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        DeliveryState.QUEUED: _("On its way"),
        DeliveryState.DELIVERED: _("Delivered"),
        DeliveryState.REFUSED: _("Refused by their node"),
        DeliveryState.EXPIRED: _("Not delivered in time"),
    }
)
VERDICTS: Final[Mapping[str, str]] = MappingProxyType(
    {Verdict.CROSSED: _("crossed by the end"), Verdict.ILLEGAL: _("not theirs to say: without effect")}
)
WINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "N": _("North"),
        "NE": _("North-east"),
        "E": _("East"),
        "SE": _("South-east"),
        "S": _("South"),
        "SW": _("South-west"),
        "W": _("West"),
        "NW": _("North-west"),
    }
)
CLOSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        ClosedBecause.RECEIPT: _("their node confirmed"),
        ClosedBecause.ACKNOWLEDGED: _("it was acknowledged"),
        ClosedBecause.UPDATED: _("an update went out"),
        ClosedBecause.CANCELLED: _("the emergency ended"),
        ClosedBecause.PERSON: _("done by a person"),
    }
)
ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Role.OFFICER: _("Officer"),
        Role.LIAISON_OFFICER: _("Liaison officer"),
        Role.INTAKE_REVIEWER: _("Intake reviewer"),
        Role.APPROVER: _("Approver"),
        Role.DEPUTY: _("Deputy head of department"),
        Role.HEAD: _("Head of department"),
        Role.CHIEF: _("Chief"),
        Role.AUDITOR: _("Auditor"),
        Role.INTEGRATOR: _("Integrator"),
        Role.ADMINISTRATOR: _("Administrator"),
    }
)


def options(page: Page, names: Mapping[str, str], unset: str | None = None) -> list[tuple[str, str]]:
    """Return what a select or a row of radio buttons offers; `unset` names the choice of none, where there is one."""
    first = [] if unset is None else [("", page.text(unset))]
    return first + [(str(code), page.text(name)) for code, name in names.items()]
