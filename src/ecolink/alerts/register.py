"""The channels as an administrator keeps them: added, changed, tried out, removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ecolink.alerts.channel_secrets import kept_secrets, seal_secrets
from ecolink.alerts.channels.catalogue import read_settings, shown
from ecolink.alerts.channels.wire import ChannelSettings
from ecolink.alerts.contacts import check_address
from ecolink.alerts.detours import lead_on
from ecolink.alerts.dispatch_models import Channel, ContactPoint, Dispatch
from ecolink.alerts.dispatches import Dispatches, Message, Recipient
from ecolink.alerts.health import standing_channels
from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.kit.vault import Vault, VaultError
from ecolink.storage.upsert import insert_new


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A channel as it shall be. `settings` name their `kind`; a secret left out stays as it was."""

    name: str
    own: bool
    enabled: bool
    settings: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class ChannelRegister:
    """Keeps channels."""

    dispatches: Dispatches
    vault: Vault
    log: AccessLog

    def all(self, session: Session) -> Sequence[Channel]:
        """Return every channel, by name."""
        return standing_channels(session)

    def get(self, session: Session, channel_id: str) -> Channel:
        """Return one channel.

        Raises:
            NotFoundError: there is none, or none any more.

        """
        wanted = select(Channel).where(Channel.id == channel_id, Channel.removed_at.is_(None))
        channel = session.scalar(wanted.with_for_update())
        if channel is None:
            raise NotFoundError
        return channel

    def named(self, session: Session, name: str) -> Channel:
        """Return the channel of a name.

        Raises:
            NotFoundError: there is none.

        """
        channel = session.scalar(select(Channel).where(Channel.name == name, Channel.removed_at.is_(None)))
        if channel is None:
            raise NotFoundError(f"There is no channel called {name}.", f"没有名为 {name} 的渠道。")
        return channel

    def secrets_set(self, channel: Channel) -> Sequence[str]:
        """Return the names of the secrets that are set; what they are is never shown."""
        try:
            return sorted(kept_secrets(channel, self.vault))
        except VaultError:
            return ()

    def add(self, session: Session, wanted: Wanted, *, by: Principal, now: datetime) -> Channel:
        """Add a channel.

        Raises:
            InvalidError: its settings do not fit.
            ConflictError: another one has its name.

        """
        self._refuse_taken(session, wanted.name, other_than=None)
        channel_id, settings = new_id(now), _settings(wanted, wanted.settings)
        channel = Channel(
            id=channel_id,
            kind=wanted.settings["kind"],
            name=wanted.name,
            own=wanted.own,
            enabled=wanted.enabled,
            settings=shown(settings),
            sealed=seal_secrets(settings, channel_id, self.vault),
            created_at=now,
            changed_at=now,
            changed_by=by.username,
            failures=0,
        )
        session.add(channel)
        session.flush()
        self._enter(session, "channel-add", channel, by=by, now=now)
        return channel

    def change(self, session: Session, channel: Channel, wanted: Wanted, *, by: Principal, now: datetime) -> Channel:
        """Change a channel. What it is, and the secrets that are left out, stay: unless it shall go somewhere else.

        Raises:
            InvalidError: its settings do not fit, or secrets have to be given anew.
            ConflictError: another one has its name.

        """
        self._refuse_taken(session, wanted.name, other_than=channel.id)
        if wanted.settings.get("kind") != channel.kind:
            raise InvalidError("A channel keeps its kind.", "渠道类型不可变更。", pointer="/settings/kind")
        settings = self._with_kept_secrets(channel, wanted)
        channel.name, channel.own, channel.enabled = wanted.name, wanted.own, wanted.enabled
        channel.settings = shown(settings)
        channel.sealed = seal_secrets(settings, channel.id, self.vault)
        channel.changed_at, channel.changed_by = now, by.username
        # Whatever was wrong with it may be mended now.
        channel.next_try_at = None
        session.flush()
        if not channel.enabled:
            lead_on(session, now)
        self._enter(session, "channel-change", channel, by=by, now=now)
        return channel

    def switch(self, session: Session, channel: Channel, *, on: bool, by: Principal, now: datetime) -> None:
        """Switch a channel on, or off: what waits for it goes another way."""
        channel.enabled, channel.next_try_at = on, None
        channel.changed_at, channel.changed_by = now, by.username
        session.flush()
        if not on:
            lead_on(session, now)
        self._enter(session, "channel-on" if on else "channel-off", channel, by=by, now=now)

    def remove(self, session: Session, channel: Channel, *, by: Principal, now: datetime) -> None:
        """Remove a channel and its secrets; what waits for it goes another way, and people's addresses on it go too."""
        channel.removed_at, channel.sealed, channel.settings = now, b"", {"kind": channel.kind}
        channel.changed_at, channel.changed_by = now, by.username
        points = update(ContactPoint).where(ContactPoint.channel_id == channel.id, ContactPoint.removed_at.is_(None))
        session.flush()
        session.execute(points.values(removed_at=now))
        lead_on(session, now)
        self._enter(session, "channel-remove", channel, by=by, now=now)

    def test(self, session: Session, channel: Channel, address: str, *, by: Principal, now: datetime) -> Dispatch:
        """Send a test by the way every alert goes; the dispatch it returns tells what came of it, after one try.

        Raises:
            InvalidError: the channel's service knows no such address.
            IllegalMoveError: the channel is switched off.

        """
        if not channel.enabled:
            raise IllegalMoveError("The channel is switched off: switch it on first.", "渠道已停用，请先启用。")
        point_id = _point_for_tests(session, channel, check_address(channel, address), now)
        channel.next_try_at = None  # somebody waits for the result
        session.flush()
        step = f"test/{new_id(now)}"
        message = Message.of_service("test", step, now, number="TEST", status="test")
        person = Recipient(None, by.name, "zh", [point_id])
        self.dispatches.post(session, message, [person], now, give_up_after=timedelta(0))
        self._enter(session, "channel-test", channel, by=by, now=now)
        return session.scalars(select(Dispatch).where(Dispatch.step == step)).one()

    def tests(self, session: Session, channel: Channel, most: int) -> Sequence[Dispatch]:
        """Return the tests that were sent by a channel, the newest first."""
        sent = (
            select(Dispatch)
            .join(ContactPoint, ContactPoint.id == Dispatch.point_id)
            .where(ContactPoint.channel_id == channel.id, Dispatch.kind == "test")
            .order_by(Dispatch.posted_at.desc(), Dispatch.id.desc())
        )
        return session.scalars(sent.limit(most)).all()

    def _refuse_taken(self, session: Session, name: str, *, other_than: str | None) -> None:
        same = select(Channel.id).where(Channel.name == name, Channel.removed_at.is_(None))
        if session.scalar(same) not in {None, other_than}:
            raise ConflictError("Another channel has this name.", "已有同名渠道。", pointer="/name")

    def _with_kept_secrets(self, channel: Channel, wanted: Wanted) -> ChannelSettings:
        """Put in the secrets that were left out: to where they went before, and nowhere else."""
        try:
            kept = kept_secrets(channel, self.vault)
        except VaultError:
            kept = {}
        settings = _settings(wanted, {**kept, **wanted.settings})
        borrowed = sorted(set(kept) - set(wanted.settings))
        if borrowed and settings.goes_to() != read_settings({**channel.settings, **kept}).goes_to():
            raise InvalidError(
                f"The channel shall go somewhere else: give its secrets anew ({', '.join(borrowed)}).",
                f"渠道地址已变更，请重新填写密钥（{'、'.join(borrowed)}）。",
                pointer=f"/settings/{borrowed[0]}",
            )
        return settings

    def _enter(self, session: Session, what: str, channel: Channel, *, by: Principal, now: datetime) -> None:
        whose = "own" if channel.own else "third party"
        why = f"{channel.kind} {channel.name}, {whose}"
        entry = AccessEntry.administered(what, channel.id, by=by.username, role=by.lead_role, at=now, reason=why)
        self.log.record(session, entry)


def _settings(wanted: Wanted, document: Mapping[str, Any]) -> ChannelSettings:
    """Return the settings, if what is sent by them may cross the wire they name.

    Raises:
        InvalidError: they do not fit, or lead a third party's channel over plain HTTP.

    """
    settings = read_settings(document)
    if settings.crosses_plainly() and not wanted.own:
        raise InvalidError(
            "A third party's service is called by https:// only.", "第三方渠道必须使用 https://。", pointer="/own"
        )
    return settings


def _point_for_tests(session: Session, channel: Channel, address: str, now: datetime) -> str:
    row = {
        "id": new_id(now),
        "channel_id": channel.id,
        "address": address,
        "place": 1,
        "created_at": now,
        "confirmed_at": now,
        "code_tries": 0,
        "lease_fence": 0,
    }
    insert_new(session, ContactPoint, [row])
    same = select(ContactPoint.id).where(
        ContactPoint.channel_id == channel.id,
        ContactPoint.address == address,
        ContactPoint.account_id.is_(None),
        ContactPoint.removed_at.is_(None),
    )
    return session.scalars(same).one()
