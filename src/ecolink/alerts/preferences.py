"""How each of our people wants to be told: which matters by which contact points, in which language, and when not.

Whoever says nothing is told by all of their contact points in order, in Chinese, with the quiet hours of their role.
No preference keeps an emergency away: quiet hours do not hold it back, and a rule cannot leave it without a way.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final, Literal, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import ContactPoint
from ecolink.alerts.models import AlertKind
from ecolink.alerts.personal_models import AlertPreference
from ecolink.alerts.rules import Quiet, Urgency
from ecolink.errors import InvalidError
from ecolink.identity.roles import Role

Language = Literal["zh", "en"]

NIGHT: Final = Quiet(time(22), time(7))
LEADERS_NIGHT: Final = Quiet(time(21), time(7, 30))
_LEADERS: Final = frozenset({Role.DEPUTY, Role.HEAD, Role.CHIEF})


@dataclass(frozen=True, slots=True)
class Rule:
    """By which contact points, in this order, somebody is told of matters of some kinds, of an urgency, or of any."""

    kinds: frozenset[AlertKind] | None
    urgency: Urgency | None
    by: tuple[str, ...]
    """Contact points by id; none of them: such a matter is only shown in the console."""

    def fits(self, kind: AlertKind, urgency: Urgency) -> bool:
        """Tell whether it is about such a matter."""
        return (self.kinds is None or kind in self.kinds) and self.urgency in {None, urgency}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Return a rule that was stored."""
        kinds = None if stored["kinds"] is None else frozenset(map(AlertKind, stored["kinds"]))
        urgency = None if stored["urgency"] is None else Urgency(stored["urgency"])
        return cls(kinds, urgency, tuple(stored["by"]))

    def write(self) -> dict[str, Any]:
        """Return it as it is stored."""
        kinds = None if self.kinds is None else sorted(kind.value for kind in self.kinds)
        return {"kinds": kinds, "urgency": self.urgency and self.urgency.value, "by": list(self.by)}


@dataclass(frozen=True, slots=True)
class Preference:
    """How one person wants to be told."""

    language: Language = "zh"
    quiet: Quiet | None = NIGHT
    rules: tuple[Rule, ...] = ()
    """The first that fits counts; where none does, all contact points in the person's own order."""

    def route(self, kind: AlertKind, urgency: Urgency, points: Sequence[str]) -> Sequence[str]:
        """Return by which of a person's contact points they are told, first choice first."""
        rule = next((rule for rule in self.rules if rule.fits(kind, urgency)), None)
        if rule is None:
            return points
        chosen = [point for point in rule.by if point in points]
        return chosen if chosen or urgency is Urgency.NORMAL else points


def usual(roles: Collection[Role]) -> Preference:
    """Return how somebody with these roles is told who has said nothing."""
    return Preference(quiet=LEADERS_NIGHT if _LEADERS & set(roles) else NIGHT)


def of(session: Session, accounts: Mapping[str, Collection[Role]]) -> dict[str, Preference]:
    """Return how these people, given with their roles, want to be told."""
    said = select(AlertPreference).where(AlertPreference.account_id.in_(accounts))
    return {account: usual(roles) for account, roles in accounts.items()} | {
        row.account_id: _read(row) for row in session.scalars(said)
    }


def contact_points(session: Session, accounts: Iterable[str]) -> dict[str, list[str]]:
    """Return these people's confirmed contact points by id, each person's in their own order."""
    wanted = list(accounts)
    standing = (ContactPoint.confirmed_at.is_not(None), ContactPoint.removed_at.is_(None))
    found = (
        select(ContactPoint.account_id, ContactPoint.id)
        .where(ContactPoint.account_id.in_(wanted), *standing)
        .order_by(ContactPoint.place, ContactPoint.id)
    )
    points: dict[str, list[str]] = {account: [] for account in wanted}
    for account, point in session.execute(found):
        points[str(account)].append(point)
    return points


def change(session: Session, account_id: str, preference: Preference, now: datetime) -> None:
    """Write down how somebody wants to be told.

    Raises:
        InvalidError: a rule names a contact point of somebody else, or leaves what is urgent without a way.

    """
    own = contact_points(session, [account_id])[account_id]
    for place, rule in enumerate(preference.rules):
        if not set(rule.by) <= set(own):
            raise InvalidError(
                "A rule names only your own contact points.",
                "规则只能使用本人的联系方式。",
                pointer=f"/rules/{place}/by",
            )
        if not rule.by and rule.urgency is not Urgency.NORMAL:
            raise InvalidError(
                "What is urgent always reaches you: name a contact point, or let the rule be about normal matters.",
                "紧急事项必须能够通知到您：请指定联系方式，或将规则限于一般事项。",
                pointer=f"/rules/{place}/by",
            )
    row = session.get(AlertPreference, account_id) or AlertPreference(account_id=account_id)
    row.language, row.rules = preference.language, [rule.write() for rule in preference.rules]
    quiet = preference.quiet
    row.quiet_from, row.quiet_until = (quiet.begins, quiet.ends) if quiet else (None, None)
    row.changed_at = now
    session.add(row)
    session.flush()


def _read(row: AlertPreference) -> Preference:
    quiet = (
        Quiet(row.quiet_from, row.quiet_until) if row.quiet_from is not None and row.quiet_until is not None else None
    )
    language: Language = "en" if row.language == "en" else "zh"
    return Preference(language, quiet, tuple(map(Rule.read, row.rules)))
