"""The monthly contact of liaison officers: recorded by one, and confirmed or objected to by the others.

A contact is one thread, addressed to all who took part. A record counts when all of them have signed it: its author by
recording, the others by confirming its digest, which is that of the statement it came in. Its author may correct it by
a record that supersedes it, and take it back while not all have signed.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ecolink.protocol.kinds.agreements import Slug
from ecolink.protocol.kinds.common import Count, Digest, Frozen, Id, Kind, Line, Moment, Name, Note, Prose, UnitCode
from ecolink.protocol.kinds.leads import Officer
from ecolink.protocol.statement import Lane

MAX_OPEN_MATTERS = 60
MAX_THREADS_NAMED = 10
MAX_FOOTINGS = 20

ObligationKey = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*/[0-9]{4}(-(Q[1-4]|0[1-9]|1[0-2]))?$", max_length=100
    ),
]
"""An obligation's name at every party: `sn-qy-151/liaison/2026-07`."""
Method = Literal["call", "video", "meeting", "shared_station"]
"""电话, 视频, 会面, 在联合警务站."""
Topic = Literal["lead", "lead-feedback", "bulletin-unread", "bulletin-feedback", "emergency", "undelivered"]
"""A lead its holder has to move on, one whose answer has no feedback yet, a bulletin nobody opened, one read and not
answered with feedback, an emergency since the last contact, a statement the other node has not confirmed."""


class OpenMatterV1(Frozen):
    """So many matters of one sort are open between two bureaus. No personal data: threads are named by their ids."""

    partner: UnitCode
    """The other of the two, as seen by the record's author."""
    topic: Topic
    owing: UnitCode | None = None
    """Who has to do something; None where nobody in particular has."""
    count: Count
    threads: Annotated[tuple[Id, ...], Field(max_length=MAX_THREADS_NAMED)] = ()
    """The oldest of them."""

    @classmethod
    def of(cls, partner: str, topic: Topic, threads: Sequence[str], *, owing: str | None = None) -> Self:
        """Return an entry for `threads`, given oldest first."""
        return cls(
            partner=partner, topic=topic, owing=owing, count=len(threads), threads=tuple(threads[:MAX_THREADS_NAMED])
        )


class FootingV1(Frozen):
    """How the record's author stands with one partner's node."""

    partner: UnitCode
    state: Literal["pending", "active", "suspended"]
    keys: Digest
    """The head of the partner's key manifest, as it is pinned here."""
    clock_skew_s: int | None = None
    """By how many seconds the partner's clock was ahead of ours at the last call; negative when behind."""
    last_contact_at: Moment | None = None
    checkpoint: Annotated[str, Field(max_length=512)] | None = None
    """The newest checkpoint held here of the partner's evidence log."""


class ParticipantV1(Frozen):
    """Somebody who took part."""

    unit_code: UnitCode
    name: Name
    post: Name | None = None
    """职务."""


class ContactV1(Frozen):
    """What is said of a contact."""

    agreement: Slug | None = None
    """The agreement it was held under; None: it counts under every agreement that asks these parties for one."""
    held_at: Moment
    method: Method
    topics: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    conclusions: Prose | None = None
    nothing_to_report: bool = False
    makes_up: ObligationKey | None = None
    """The missed obligation it makes up for; it then counts for no other."""

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.nothing_to_report == bool(self.topics or self.conclusions):
            raise ValueError("name the topics and the conclusions, or say that there was nothing to report")
        if bool(self.topics) != bool(self.conclusions):
            raise ValueError("topics and conclusions go together")
        return self


class LiaisonRecordedV1(ContactV1):
    """One bureau records a contact, and signs the record by recording it."""

    open_matters: Annotated[tuple[OpenMatterV1, ...], Field(max_length=MAX_OPEN_MATTERS)] = ()
    """What was open between them, as gone through at the contact."""
    footing: Annotated[tuple[FootingV1, ...], Field(max_length=MAX_FOOTINGS)] = ()
    checkpoint: Annotated[str, Field(max_length=512)] | None = None
    """The checkpoint of the author's own evidence log."""
    supersedes: Digest | None = None
    """The record it corrects: the newest one of this thread."""


class LiaisonRecordPrivateV1(Frozen):
    """Private part of a record: who took part, and who recorded it."""

    by: Officer
    participants: Annotated[tuple[ParticipantV1, ...], Field(min_length=1, max_length=40)]


class LiaisonWordPrivateV1(Frozen):
    """Private part of a word on a record: who said it."""

    by: Officer


class LiaisonConfirmedV1(Frozen):
    """A party signs the record."""

    record: Digest


class LiaisonObjectedV1(Frozen):
    """A party does not sign it as it stands, and says why. It may still sign later."""

    record: Digest
    reason: Note


class LiaisonWithdrawnV1(Frozen):
    """Its author takes a record back that not all have signed."""

    record: Digest
    reason: Note


def _kind(name: str, body: type[Frozen], private: type[Frozen] = LiaisonWordPrivateV1) -> Kind:
    return Kind(type=f"liaison.{name}.v1", body=body, private=private, lane=Lane.BULK, many=True)


KINDS: tuple[Kind, ...] = (
    _kind("recorded", LiaisonRecordedV1, LiaisonRecordPrivateV1),
    _kind("confirmed", LiaisonConfirmedV1),
    _kind("objected", LiaisonObjectedV1),
    _kind("withdrawn", LiaisonWithdrawnV1),
)
