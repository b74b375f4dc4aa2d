"""Who of our people holds which post now: from their roles, and from the rota."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.alerts import preferences
from ecolink.alerts.dispatch_models import Channel, Dispatch, DispatchState
from ecolink.alerts.dispatches import Recipient
from ecolink.alerts.duty import coming, on_duty
from ecolink.alerts.models import AlertKind
from ecolink.alerts.preferences import Preference
from ecolink.alerts.rules import Holders, Officer, Post, Urgency
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.roles import Permission, Role, permissions

_BETWEEN: Final = re.compile(r"[\W_]+")

_BY_ROLE: Mapping[Post, Role] = {
    Post.LIAISON_OFFICER: Role.LIAISON_OFFICER,
    Post.DEPUTY: Role.DEPUTY,
    Post.HEAD: Role.HEAD,
    Post.CHIEF: Role.CHIEF,
    Post.ADMINISTRATOR: Role.ADMINISTRATOR,
}


@dataclass(frozen=True)
class People:
    """Our people at one moment, and how each wants to be told."""

    names: Mapping[str, str]
    posts: Mapping[Post, Sequence[str]]
    preferences: Mapping[str, Preference]
    points: Mapping[str, Sequence[str]]

    @classmethod
    def load(cls, session: Session, now: datetime) -> "People":
        """Look who is there now: whoever may not log in is not."""
        roles: dict[str, frozenset[Role]] = {}
        names: dict[str, str] = {}
        wanted = select(Account.id, Account.name, Account.roles).where(
            Account.kind == AccountKind.USER.value, Account.disabled_at.is_(None)
        )
        for account_id, name, held in session.execute(wanted.order_by(Account.id)):
            names[account_id], roles[account_id] = name, frozenset(map(Role, held))

        posts: dict[Post, list[str]] = {
            post: [account for account, held in roles.items() if role in held] for post, role in _BY_ROLE.items()
        }
        shifts = on_duty(session, now)
        posts[Post.DUTY] = [shift.account_id for shift in shifts if shift.position == "first"]
        second = [shift.account_id for shift in shifts if shift.position == "second"]
        posts[Post.RESERVE] = second or [shift.account_id for shift in coming(session, now)]
        here = {post: [each for each in accounts if each in names] for post, accounts in posts.items()}
        return cls(names, here, preferences.of(session, roles), preferences.contact_points(session, names))

    def holders(self, session: Session, alert_id: str, person: str | None) -> Holders:
        """Return who holds each post, and can be reached about an alert that may be about one `person`."""
        lost = unreached(session, alert_id)
        named = [person] if person is not None and person in self.names else []
        return {
            post: [self.officer(account, reachable=account not in lost) for account in accounts]
            for post, accounts in {Post.NAMED: named, **self.posts}.items()
        }

    def officer(self, account_id: str, *, reachable: bool = True) -> Officer:
        """Return one person as the rules see them."""
        quiet = self.preferences[account_id].quiet
        return Officer(account_id, self.names[account_id], quiet, reachable)

    def recipient(self, officer: Officer, kind: AlertKind, urgency: Urgency) -> Recipient:
        """Return how a person is told of such a matter."""
        preference = self.preferences[officer.id]
        route = preference.route(kind, urgency, self.points[officer.id])
        return Recipient(officer.id, officer.name, preference.language, route)


def names_of(session: Session, accounts: Iterable[str]) -> dict[str, str]:
    """Return people's names by account, also of those who may not log in any more."""
    found = select(Account.id, Account.name).where(Account.id.in_(list(accounts)))
    return {row[0]: row[1] for row in session.execute(found)}


def named_in(session: Session, text: str, needs: Permission) -> dict[str, str]:
    """Return our people whose names stand in a text and who have a permission: names by account.

    A name may stand among other words, such as that of a station. Namesakes are all meant: better one too many.
    """
    said = _spaced(text)
    active = select(Account).where(Account.kind == AccountKind.USER.value, Account.disabled_at.is_(None))
    return {
        account.id: account.name
        for account in session.scalars(active.order_by(Account.id))
        if _spaced(account.name) in said and needs in permissions(account.held_roles())
    }


def unreached(session: Session, alert_id: str) -> frozenset[str]:
    """Return whom no channel reaches about an alert: each of their ways has failed, or they have none.

    Where the bureau has no channel at all, the console is how people are told, and it reaches everybody.
    """
    if not session.scalar(select(func.count()).where(Channel.enabled, Channel.removed_at.is_(None))):
        return frozenset()
    last: dict[str, bool] = {}
    posted = (
        select(Dispatch.account_id, Dispatch.state, Dispatch.tries, Dispatch.route)
        .where(Dispatch.alert_id == alert_id, Dispatch.account_id.is_not(None))
        .order_by(Dispatch.posted_at, Dispatch.id)
    )
    for account, state, tries, route in session.execute(posted):
        failed = state == DispatchState.WAITING.value and tries >= len(route)
        last[str(account)] = failed or state == DispatchState.GIVEN_UP.value
    return frozenset(account for account, is_lost in last.items() if is_lost)


def _spaced(text: str) -> str:
    """Return the words of a text with one space around each."""
    return f" {_BETWEEN.sub(' ', text).strip()} "
