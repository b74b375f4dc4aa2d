"""The subjects of the console, in the order in which a person looks at them; each shows only to whom it is open."""

from collections.abc import Sequence
from dataclasses import dataclass

from ecolink.console.language import mark as _
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission


@dataclass(frozen=True, slots=True)
class Subject:
    """One entry of the navigation."""

    path: str
    name: str
    icon: str
    """Name of a symbol in `static/icons.svg`."""
    needs: tuple[Permission, ...]
    """Any one of these opens it."""
    counts: tuple[str, ...] = ()
    """Which of the live counts stand beside it, added up."""


SUBJECTS: Sequence[Subject] = (
    Subject("/", _("Today"), "today", (Permission.PROFILE_SELF,)),
    Subject("/leads", _("Case leads"), "leads", (Permission.LEAD_READ,), ("leads_to_acknowledge", "leads_overdue")),
    Subject("/bulletins", _("Bulletins"), "bulletins", (Permission.BULLETIN_READ,), ("bulletins_unread",)),
    Subject("/emergencies", _("Emergencies"), "emergencies", (Permission.EMERGENCY_READ,), ("emergencies_to_sign",)),
    Subject("/cooperation", _("Liaison and exchange"), "cooperation", (Permission.OBLIGATION_READ,)),
    Subject("/duty", _("Duty and alerts"), "clock", (Permission.DUTY_READ,)),
    Subject("/map", _("Map"), "map", (Permission.EMERGENCY_READ,)),
    Subject("/audit", _("Audit"), "audit", (Permission.AUDIT_READ,)),
    Subject(
        "/administration",
        _("Administration"),
        "administration",
        (Permission.USER_MANAGE, Permission.PEER_MANAGE, Permission.KEY_MANAGE, Permission.CLIENT_MANAGE),
    ),
)


def subjects_for(by: Principal) -> Sequence[Subject]:
    """Return the subjects that are open to somebody."""
    return [subject for subject in SUBJECTS if any(by.may(permission) for permission in subject.needs)]
