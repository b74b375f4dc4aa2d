"""The tables of what is sent to our people: channels, contact points, dispatches and every try. Times are UTC."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base
from ecolink.storage.indexes import PartialIndex

ID = String(36)
SERIAL = BigInteger().with_variant(Integer(), "sqlite")

WAITING: Final = "state = 'waiting'"
STANDING: Final = "removed_at IS NULL"
FOR_TESTS: Final = "removed_at IS NULL AND account_id IS NULL"


class ChannelKind(StrEnum):
    """By which service a channel speaks."""

    EMAIL = "email"
    DINGTALK = "dingtalk"
    WECOM = "wecom"
    FEISHU = "feishu"
    NTFY = "ntfy"
    SMS = "sms"
    WEBHOOK = "webhook"


class DispatchState(StrEnum):
    """How far a dispatch came."""

    WAITING = "waiting"
    SENT = "sent"
    """A service took it, in its own words and not only in those of HTTP."""
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"


class Channel(Base):
    """One service as an administrator set it up, and how it fares. `version` counts the administrator's changes."""

    __tablename__ = "alert_channels"
    __table_args__ = (
        CheckConstraint(f"kind IN {tuple(kind.value for kind in ChannelKind)}", name="kind"),
        PartialIndex("ix_alert_channels_name", "name", unique=True, where=STANDING),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(60))
    own: Mapped[bool]
    """Whether it stays within the bureau's network, and may carry what an alert is about."""
    enabled: Mapped[bool] = mapped_column(default=True)
    settings: Mapped[dict[str, Any]]
    """What may be shown of it."""
    sealed: Mapped[bytes]
    """Its secrets, sealed with the node's own key."""
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(100))
    removed_at: Mapped[datetime | None]
    """Since when it is gone, its secrets with it; what was sent by it still names it."""
    version: Mapped[int] = mapped_column(Integer)

    last_success_at: Mapped[datetime | None]
    last_failure_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(300))
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    next_try_at: Mapped[datetime | None]
    """While it fails: when somebody may try it again."""
    calls: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    """When messages were handed to it lately, where its service takes only so many in a time (`pacing`)."""
    calm_until: Mapped[datetime | None]
    """Until then nothing goes by it but what is urgent."""
    full_until: Mapped[datetime | None]
    """Until then nothing goes by it at all."""

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class ContactPoint(Base):
    """An address of one of our people on a channel; whoever sends to it holds its lease."""

    __tablename__ = "contact_points"
    __table_args__ = (
        PartialIndex(
            "ix_contact_points_standing",
            "account_id",
            "channel_id",
            "address",
            unique=True,
            where=STANDING,
        ),
        PartialIndex(
            "ix_contact_points_for_tests",
            "channel_id",
            "address",
            unique=True,
            where=FOR_TESTS,
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    """None: an address that an administrator sends tests to."""
    channel_id: Mapped[str] = mapped_column(ForeignKey("alert_channels.id"))
    address: Mapped[str] = mapped_column(String(200))
    """As the channel's service takes it; empty where it needs none."""
    place: Mapped[int]
    """In the person's order of preference, from 1."""
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    code: Mapped[bytes | None]
    """The one that confirms it, sealed with the node's own key, until it did."""
    code_asked_at: Mapped[datetime | None]
    code_tries: Mapped[int] = mapped_column(default=0)

    lease_fence: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    """What comes in quick succession waits until then, and is sent together."""


class Dispatch(Base):
    """One message for one person, on its way along the person's contact points until a service took it."""

    __tablename__ = "dispatches"
    __table_args__ = (
        UniqueConstraint("alert_id", "step", "account_id"),
        PartialIndex(
            "ix_dispatches_waiting",
            "point_id",
            "next_try_at",
            where=WAITING,
        ),
        Index(None, "posted_at", "id"),
        Index(None, "state", "posted_at", "id"),
        CheckConstraint(f"state IN {tuple(state.value for state in DispatchState)}", name="state"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    alert_id: Mapped[str | None] = mapped_column(ID)
    """None: a test of a channel, or the code that confirms a contact point."""
    step: Mapped[str] = mapped_column(String(64))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(String(100))
    language: Mapped[str] = mapped_column(String(2))
    kind: Mapped[str] = mapped_column(String(10))
    urgency: Mapped[str] = mapped_column(String(6))
    status: Mapped[str] = mapped_column(String(8))
    number: Mapped[str] = mapped_column(String(16))
    message: Mapped[dict[str, Any]]
    """The rest of what is to be said, until it was: a third party's channel never carries it."""
    route: Mapped[list[str]]
    """The person's contact points, first choice first."""
    point_id: Mapped[str | None] = mapped_column(ForeignKey("contact_points.id"))
    """Where on the route it waits, or ended; None: there was nowhere to go."""
    state: Mapped[str] = mapped_column(String(9))
    tries: Mapped[int] = mapped_column(default=0)
    """Failed ones so far."""
    posted_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    give_up_at: Mapped[datetime]
    """The first failure from then on is the last."""
    taken_by: Mapped[int | None]
    """The fence of the lease under which it was last taken up."""
    ended_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(String(300))
    """What the service said last, or why nothing was sent."""


class DispatchTry(Base):
    """One try to send a dispatch, and what the service said. Never changed."""

    __tablename__ = "dispatch_tries"

    n: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    dispatch_id: Mapped[str] = mapped_column(ForeignKey("dispatches.id"), index=True)
    channel_id: Mapped[str] = mapped_column(ForeignKey("alert_channels.id"))
    at: Mapped[datetime]
    succeeded: Mapped[bool]
    answer: Mapped[str] = mapped_column(String(300))
    together: Mapped[int]
    """How many dispatches the message carried."""
