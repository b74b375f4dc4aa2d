"""What the endpoints of channels, contact points and dispatches take and give."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema

from ecolink.alerts.channels.catalogue import CODECS
from ecolink.alerts.channels.faults import trouble_of
from ecolink.alerts.dispatch_models import Channel, ChannelKind, ContactPoint, DispatchState, DispatchTry
from ecolink.alerts.dispatches import Told
from ecolink.alerts.health import Health
from ecolink.alerts.register import Wanted
from ecolink.web.account_schemas import Strict

_ID = "019a0f5e-7c00-7abc-8def-0123456789ab"
_AT = "2026-11-23T04:00:00Z"
_EMAIL = {
    "kind": "email",
    "host": "mail.shouning.example",
    "port": 587,
    "security": "starttls",
    "username": "ecolink",
    "sender": "ecolink@shouning.example",
}

ChannelName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Field(examples=["局内邮件"]),
]
Address = Annotated[
    str,
    StringConstraints(max_length=200),
    Field(description="As the channel's service takes it; empty where it needs none.", examples=["lin@bureau.example"]),
]
SettingsIn = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "oneOf": [codec.Settings.model_json_schema() for codec in CODECS.values()],
            "description": "By `kind`. Secrets are taken and never shown; in a change, one left out stays as it was.",
            "examples": [{**_EMAIL, "password": "…"}],
        }
    ),
]


class ChannelIn(Strict):
    """A channel as it shall be."""

    name: ChannelName
    own: bool = Field(
        description="Whether it stays within the bureau's network, and may carry what an alert is about. A third "
        "party's channel says only that there is something, its number, and where to log in."
    )
    enabled: bool = Field(default=True, description="Whether anything is sent by it.")
    settings: SettingsIn

    def wanted(self) -> Wanted:
        """Return it as the register takes it."""
        return Wanted(name=self.name, own=self.own, enabled=self.enabled, settings=self.settings)


class ChannelRef(BaseModel):
    """Which channel."""

    id: str = Field(examples=[_ID])
    kind: ChannelKind
    name: ChannelName
    own: bool

    @classmethod
    def ref(cls, channel: Channel) -> "ChannelRef":
        """Name `channel`."""
        return ChannelRef(id=channel.id, kind=ChannelKind(channel.kind), name=channel.name, own=channel.own)


class ChannelOut(ChannelRef):
    """A channel without its secrets."""

    enabled: bool
    settings: dict[str, Any] = Field(examples=[_EMAIL])
    secrets_set: list[str] = Field(description="Names of the secrets that are set.", examples=[["password"]])
    created_at: datetime = Field(examples=[_AT])
    changed_at: datetime = Field(examples=[_AT])
    changed_by: str = Field(examples=["gao.weimin"])
    version: int = Field(description="Also in the `ETag`.", examples=[1])

    @classmethod
    def of(cls, channel: Channel, secrets_set: Sequence[str]) -> Self:
        """Show `channel`."""
        return cls(
            **ChannelRef.ref(channel).model_dump(),
            enabled=channel.enabled,
            settings=channel.settings,
            secrets_set=list(secrets_set),
            created_at=channel.created_at,
            changed_at=channel.changed_at,
            changed_by=channel.changed_by,
            version=channel.version,
        )


class ChannelsOut(BaseModel):
    """Every channel, by name."""

    items: list[ChannelOut]


class HealthOut(ChannelRef):
    """How a channel fares."""

    state: Literal["working", "failing", "untried", "off"]
    waiting: int = Field(description="Messages that wait for it.", examples=[0])
    oldest_waiting_at: datetime | None = Field(examples=[None])
    last_success_at: datetime | None = Field(examples=[_AT])
    last_failure_at: datetime | None = Field(examples=[None])
    failing_since: datetime | None = Field(examples=[None])
    last_error: str | None = Field(description="What its service said, while it fails.", examples=[None])
    trouble_zh: str | None = Field(description="The same in plain words, and what to do.", examples=[None])
    trouble_en: str | None = Field(examples=[None])

    @classmethod
    def of(cls, health: Health) -> Self:
        """Show `health`."""
        channel = health.channel
        trouble = trouble_of(channel.kind, channel.last_error) if channel.last_error else None
        return cls(
            **ChannelRef.ref(channel).model_dump(),
            state=health.state,
            waiting=health.waiting,
            oldest_waiting_at=health.oldest,
            last_success_at=channel.last_success_at,
            last_failure_at=channel.last_failure_at,
            failing_since=channel.failing_since,
            last_error=channel.last_error,
            trouble_zh=trouble.zh if trouble else None,
            trouble_en=trouble.en if trouble else None,
        )


class HealthsOut(BaseModel):
    """How every channel fares, by name."""

    items: list[HealthOut]


class OfferedOut(BaseModel):
    """The channels that a contact point may be on."""

    items: list[ChannelRef]


class ChannelTestIn(Strict):
    """Where a test goes."""

    address: Address = ""


class TryOut(BaseModel):
    """One try, and what the service said."""

    at: datetime = Field(examples=[_AT])
    channel: ChannelRef
    succeeded: bool
    answer: str = Field(examples=["250 2.0.0 Ok: queued"])
    together: int = Field(description="How many dispatches the message carried.", examples=[1])

    @classmethod
    def of(cls, one: DispatchTry, channel: Channel) -> Self:
        """Show `one`."""
        shown = ChannelRef.ref(channel)
        return cls(at=one.at, channel=shown, succeeded=one.succeeded, answer=one.answer, together=one.together)


class DispatchOut(BaseModel):
    """One message for one person, and what came of it; never what it is about."""

    id: str = Field(examples=[_ID])
    alert_id: str | None = Field(description="Null: a test, or a code.", examples=[_ID])
    number: str = Field(description="Of the alert: short, and without content.", examples=["E7"])
    kind: str = Field(
        description="`new`, `repeat`, `escalation`, `ended`, `retraction`, `test` or `code`.", examples=["new"]
    )
    urgency: Literal["urgent", "normal"]
    status: Literal["actual", "exercise", "test"]
    name: str = Field(description="Who was to be told.", examples=["林小满"])
    state: DispatchState
    tries: list[TryOut]
    result: str | None = Field(description="What a service said last, or why nothing was sent.", examples=["200"])
    posted_at: datetime = Field(examples=[_AT])
    ended_at: datetime | None = Field(examples=[_AT])

    @classmethod
    def of(cls, told: Told) -> Self:
        """Show what came of a dispatch."""
        row = told.dispatch
        return cls.model_validate(
            {
                "id": row.id,
                "alert_id": row.alert_id,
                "number": row.number,
                "kind": row.kind,
                "urgency": row.urgency,
                "status": row.status,
                "name": row.name,
                "state": row.state,
                "tries": [TryOut.of(one, told.channels[one.channel_id]) for one in told.tries],
                "result": row.result,
                "posted_at": row.posted_at,
                "ended_at": row.ended_at,
            }
        )


class ContactPointIn(Strict):
    """An address of the caller's."""

    channel_id: str = Field(max_length=36, examples=[_ID])
    address: Address


class ContactPointOut(BaseModel):
    """Where the caller can be reached."""

    id: str = Field(examples=[_ID])
    channel: ChannelRef
    address: Address
    place: int = Field(description="In the order of preference, from 1.", examples=[1])
    confirmed_at: datetime | None = Field(description="Null: nothing but its code is sent there yet.", examples=[_AT])
    created_at: datetime = Field(examples=[_AT])

    @classmethod
    def of(cls, point: ContactPoint, channel: Channel) -> Self:
        """Show `point`."""
        return cls(
            id=point.id,
            channel=ChannelRef.ref(channel),
            address=point.address,
            place=point.place,
            confirmed_at=point.confirmed_at,
            created_at=point.created_at,
        )


class ContactPointsOut(BaseModel):
    """The caller's contact points, first choice first."""

    items: list[ContactPointOut]


class CodeIn(Strict):
    """The code that came to the address."""

    code: str = Field(max_length=20, examples=["042617"])


class GuessOut(BaseModel):
    """Whether it was the right one."""

    confirmed: bool = Field(description="False: it was wrong, too old, or there were too many tries.")


class OrderIn(Strict):
    """Each contact point once, first choice first."""

    order: list[Annotated[str, Field(max_length=36)]] = Field(max_length=20, examples=[[_ID]])
