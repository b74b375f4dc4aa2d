"""Contact points: where our people can be reached, in the order they prefer. Each is confirmed by a code sent to it.

The code proves that what is sent there reaches the person; nothing else is sent there before. An administrator may
enter an address for somebody, and the code that they read out: who did so is recorded.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from secrets import randbelow
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ecolink.alerts.channel_secrets import open_code, seal_code
from ecolink.alerts.channels.catalogue import CODECS
from ecolink.alerts.detours import lead_on
from ecolink.alerts.dispatch_models import Channel, ContactPoint, Dispatch
from ecolink.alerts.dispatches import Dispatches, Message, Recipient
from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError, ThrottledError
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.kit.vault import Vault

CODE_GOOD_FOR: Final = timedelta(minutes=30)
MOST_GUESSES: Final = 5
MOST_CODES: Final = 10
"""Codes one person may have sent in an hour: an address may be somebody else's."""

MOST_POINTS: Final = 20
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, repr=False)
class Contacts:
    """Keeps contact points."""

    dispatches: Dispatches
    vault: Vault
    log: AccessLog

    def of(self, session: Session, account_id: str) -> Sequence[tuple[ContactPoint, Channel]]:
        """Return a person's contact points with their channels, first choice first, the unconfirmed ones too."""
        ordered = _standing().where(ContactPoint.account_id == account_id).order_by(ContactPoint.place)
        return [(point, channel) for point, channel in session.execute(ordered)]

    def confirmed(
        self, session: Session, account_ids: Collection[str]
    ) -> Mapping[str, Sequence[tuple[ContactPoint, Channel]]]:
        """Return by account the contact points that alerts may go to, first choice first."""
        wanted = _standing().where(ContactPoint.account_id.in_(account_ids), ContactPoint.confirmed_at.is_not(None))
        found: dict[str, list[tuple[ContactPoint, Channel]]] = {account_id: [] for account_id in account_ids}
        for point, channel in session.execute(wanted.order_by(ContactPoint.place)):
            found[str(point.account_id)].append((point, channel))
        return found

    def channels(self, session: Session) -> Sequence[Channel]:
        """Return the channels that a contact point may be on."""
        offered = select(Channel).where(Channel.removed_at.is_(None), Channel.enabled)
        return session.scalars(offered.order_by(Channel.name)).all()

    def add(
        self, session: Session, channel_id: str, address: str, *, whose: str, by: Principal, now: datetime
    ) -> ContactPoint:
        """Note an address of the person with the account `whose`, and send a code there.

        Raises:
            NotFoundError: there is no such channel, or no such person.
            InvalidError: the channel's service knows no such address.
            ConflictError: it is noted already, or there are too many.
            ThrottledError: too many codes were asked for.

        """
        channel = session.get(Channel, channel_id)
        if channel is None or channel.removed_at is not None or not channel.enabled:
            raise NotFoundError
        kept = check_address(channel, address)
        person = _person(session, whose)
        own = self.of(session, whose)
        if any(point.channel_id == channel_id and point.address == kept for point, _ in own):
            raise ConflictError("This address is on the list already.", "该联系方式已登记。", pointer="/address")
        if len(own) >= MOST_POINTS:
            raise ConflictError(f"A person has at most {MOST_POINTS}.", f"每人最多 {MOST_POINTS} 个联系方式。")
        point = ContactPoint(
            id=new_id(now),
            account_id=whose,
            channel_id=channel_id,
            address=kept,
            place=max((point.place for point, _ in own), default=0) + 1,
            created_at=now,
            code_tries=0,
            lease_fence=0,
        )
        session.add(point)
        session.flush()
        self._send_code(session, point, person, now)
        self._enter(session, "contact-add", point, channel, by=by, now=now)
        return point

    def send_code(self, session: Session, point_id: str, *, whose: str, now: datetime) -> ContactPoint:
        """Send another code to a person's address; the one before counts no more.

        Raises:
            NotFoundError: the person has no such contact point.
            IllegalMoveError: it is confirmed.
            ThrottledError: too many codes were asked for.

        """
        point = _own(session, point_id, whose)
        if point.confirmed_at is not None:
            raise IllegalMoveError("This contact point is confirmed.", "该联系方式已确认。")
        self._send_code(session, point, _person(session, whose), now)
        return point

    def guess(self, session: Session, point_id: str, code: str, *, whose: str, by: Principal, now: datetime) -> bool:
        """Confirm a contact point by the code that came there, and tell whether it was the right one.

        A wrong guess counts: commit it. After `MOST_GUESSES` no code is right any more until another one is sent.

        Raises:
            NotFoundError: the person has no such contact point.

        """
        point = _own(session, point_id, whose)
        if point.confirmed_at is not None:
            return True
        point.code_tries += 1
        held = open_code(point, self.vault)
        in_time = point.code_asked_at is not None and now < point.code_asked_at + CODE_GOOD_FOR
        is_right = compare_digest(held.encode(), code.strip().encode()) and held != ""
        if is_right and in_time and point.code_tries <= MOST_GUESSES:
            point.confirmed_at, point.code = now, None
            self._enter(session, "contact-confirm", point, session.get_one(Channel, point.channel_id), by=by, now=now)
        session.flush()
        return point.confirmed_at is not None

    def remove(self, session: Session, point_id: str, *, whose: str, by: Principal, now: datetime) -> None:
        """Take an address off a person's list; what waits for it goes another way.

        Raises:
            NotFoundError: the person has no such contact point.

        """
        point = _own(session, point_id, whose)
        point.removed_at = now
        session.flush()
        lead_on(session, now)
        self._enter(session, "contact-remove", point, session.get_one(Channel, point.channel_id), by=by, now=now)

    def reorder(self, session: Session, wanted: Sequence[str], *, whose: str) -> None:
        """Put a person's contact points in another order.

        Raises:
            InvalidError: `wanted` does not name each of them once.

        """
        own = {point.id: point for point, _ in self.of(session, whose)}
        if sorted(wanted) != sorted(own):
            raise InvalidError("Name each contact point once.", "请将每个联系方式各列一次。", pointer="/order")
        for place, point_id in enumerate(wanted, 1):
            own[point_id].place = place
        session.flush()

    def advance(self, session: Session, point_id: str, *, whose: str) -> None:
        """Have a contact point tried one place earlier.

        Raises:
            NotFoundError: the person has no such contact point.

        """
        _own(session, point_id, whose)
        order = [point.id for point, _ in self.of(session, whose)]
        place = order.index(point_id)
        order.insert(max(place - 1, 0), order.pop(place))
        self.reorder(session, order, whose=whose)

    def _send_code(self, session: Session, point: ContactPoint, person: Account, now: datetime) -> None:
        recent = select(func.count()).where(
            Dispatch.account_id == person.id, Dispatch.kind == "code", Dispatch.posted_at > now - _HOUR
        )
        if session.scalars(recent).one() >= MOST_CODES:
            raise ThrottledError(
                "Too many codes were asked for. Try again in an hour.",
                "获取确认码过于频繁，请一小时后再试。",
                retry_after=int(_HOUR.total_seconds()),
            )
        point.code = seal_code(f"{randbelow(1_000_000):06}", point, self.vault)
        point.code_asked_at, point.code_tries = now, 0
        session.flush()
        message = Message.of_service("code", f"code/{new_id(now)}", now)
        to = Recipient(person.id, person.name, "zh", [point.id])
        self.dispatches.post(session, message, [to], now, give_up_after=CODE_GOOD_FOR)

    def _enter(
        self, session: Session, what: str, point: ContactPoint, channel: Channel, *, by: Principal, now: datetime
    ) -> None:
        """Record what somebody did to the contact points of somebody else."""
        if by.id != point.account_id:
            person = _person(session, str(point.account_id))
            why = f"{person.username}, {channel.name}"
            entry = AccessEntry.administered(what, point.id, by=by.username, role=by.lead_role, at=now, reason=why)
            self.log.record(session, entry)


def check_address(channel: Channel, address: str) -> str:
    """Return an address as a channel's service takes it.

    Raises:
        InvalidError: it knows no such address.

    """
    kept = CODECS[channel.kind].address(address.strip())
    if kept is None:
        raise InvalidError(
            "The channel's service knows no such address.", "该渠道不支持这样的地址。", pointer="/address"
        )
    return kept


def _standing() -> Select[ContactPoint, Channel]:
    joined = select(ContactPoint, Channel).join(Channel, Channel.id == ContactPoint.channel_id)
    return joined.where(ContactPoint.removed_at.is_(None), Channel.removed_at.is_(None))


def _person(session: Session, account_id: str) -> Account:
    account = session.get(Account, account_id)
    if account is None or account.kind != AccountKind.USER.value:
        raise NotFoundError
    return account


def _own(session: Session, point_id: str, account_id: str) -> ContactPoint:
    wanted = select(ContactPoint).where(
        ContactPoint.id == point_id, ContactPoint.account_id == account_id, ContactPoint.removed_at.is_(None)
    )
    point = session.scalar(wanted.with_for_update())
    if point is None:
        raise NotFoundError
    return point
