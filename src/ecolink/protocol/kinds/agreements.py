"""The co-operation agreement and what is said about it: proposed, signed, declined, withdrawn.

A *subject* is what all parties of an agreement must sign before it counts: its terms (first ones, and every
amendment), its ending, or a calendar of working days. All three travel alike: one party proposes the subject, and
each other party signs or declines the subject's digest. Proposing is signing: the proposal bears its author's
signature over the same digest. Nothing else is ever in force, and when it is in force follows from these
documents alone (`cadence/agreements.py`).

All statements about one agreement are one thread, addressed to all of its parties.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ecolink.kit import canonical
from ecolink.protocol.kinds.common import Day, Digest, Frozen, HandlingCode, Kind, Line, Name, Note, Onward, UnitCode
from ecolink.protocol.limits import MAX_RECIPIENTS
from ecolink.protocol.statement import Lane

_DECEMBER = 12

MAX_DUTIES = 40
MAX_YEARS = 30
"""Years one agreement may run."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
"""A short name in lower-case letters, digits and single hyphens: part of an obligation's key."""
ObligationKey = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*/[0-9]{4}(-(Q[1-4]|0[1-9]|1[0-2]))?$", max_length=100
    ),
]
"""What is due in one period of one duty of one agreement, by its name at every party: `sn-qy-151/exchange/2026-Q3`."""
Days = Annotated[int, Field(strict=True, ge=0, le=400)]
Whole = Annotated[int, Field(strict=True)]
PeriodKind = Literal["month", "quarter", "year"]
DutyKind = Literal["liaison", "exchange", "consultation", "drill"]
"""月联系 monthly liaison, 季度通报交流 quarterly exchange, 会商研判 consultation, 联动演练 drill."""
Level = Literal["liaison_officer", "deputy", "head", "chief"]
"""Whom a reminder or an escalation addresses: 联络员, 部门副职, 部门负责人, 局领导."""
Shared = Literal["lead", "bulletin", "emergency", "package"]


class Subject(Frozen):
    """What all parties must sign before it counts."""

    attempt: Annotated[int, Field(strict=True, ge=2, le=100)] | None = None
    """Said where the same words were taken back before: the how manieth time they are proposed. A digest that was taken
    back stays so."""

    def settled(self) -> Self:
        """Return the same with every member said, also those left to their defaults: only so is it proposed."""
        return self.model_validate(self.to_wire())

    def digest(self) -> str:
        """Return what every party signs: SHA-256 of the canonical form of the members that were said.

        What was not said does not count, so that a member a later version adds changes no digest of today.
        """
        said = self.model_dump(mode="json", exclude_none=True, exclude_unset=True)
        return canonical.sha256_hex(canonical.dumps(said))


class PartyV1(Frozen):
    """A bureau that signs."""

    unit_code: UnitCode
    name_zh: Name
    name_en: Name


class EscalationV1(Frozen):
    """Overdue for so many days beyond the grace: it goes up to this level."""

    after_days: Annotated[Days, Field(ge=1)]
    to: Level


class DutyV1(Frozen):
    """Something the parties promise to do once in every period."""

    code: Slug
    kind: DutyKind
    name_zh: Name
    name_en: Name
    period: PeriodKind
    rule: Annotated[str, Field(min_length=5, max_length=200, pattern=r"^[A-Z0-9=;,:+-]+$")]
    """An RRULE that names exactly one day in every period: the day it is due (`cadence/rules.py`)."""
    working_day: Literal["as-is", "before", "after"] = "as-is"
    """What becomes of a due day that is not worked: kept, or moved to the nearest working day before or after."""
    least: Annotated[int, Field(strict=True, ge=1, le=12)] = 1
    """How often in one period, at least."""
    between: Annotated[tuple[UnitCode, ...], Field(max_length=MAX_RECIPIENTS + 1)] = ()
    """The parties it binds; none named: all."""
    opens_days: Days | None = None
    """It is shown as open so many days before it is due; None: from the first day of its period."""
    grace_days: Days = 0
    """Days after the due day before it goes up the escalation chain. Late it is all the same."""
    remind_days: Annotated[tuple[Days, ...], Field(max_length=10)] = (7, 3, 0)
    """Reminders so many days before the due day, farthest first."""
    escalate: Annotated[tuple[EscalationV1, ...], Field(max_length=10)] = (
        EscalationV1(after_days=1, to="liaison_officer"),
        EscalationV1(after_days=3, to="deputy"),
        EscalationV1(after_days=7, to="head"),
        EscalationV1(after_days=14, to="chief"),
    )


class RotationV1(Frozen):
    """Who convenes: the parties take turns, one period each, in this order, for ever."""

    period: PeriodKind
    order: Annotated[tuple[UnitCode, ...], Field(min_length=2, max_length=MAX_RECIPIENTS + 1)]
    begins: Annotated[str, Field(pattern=r"^[0-9]{4}(-(Q[1-4]|0[1-9]|1[0-2]))?$")]
    """The label of the period in which the first of them convenes, such as `2026-Q1`."""


class HandlingDefaultV1(Frozen):
    """The handling that holds between the parties unless an officer chooses a stricter one."""

    code: HandlingCode
    onward: Onward = "none"
    text: Line | None = None


class SharingV1(Frozen):
    """One line of who may share what with whom.

    With no line at all every party may share everything with every other; with any, what no line allows is refused.
    """

    what: Annotated[tuple[Shared, ...], Field(min_length=1, max_length=4)]
    sharers: tuple[UnitCode, ...] = ()
    """None named: every party."""
    recipients: tuple[UnitCode, ...] = ()
    """None named: every party."""


class CalendarRefV1(Frozen):
    """The calendar of working days the parties count by: the official one, as published for `years` and no further.

    A year beyond has ordinary weeks until all parties have signed a calendar for it.
    """

    years: Annotated[tuple[Annotated[int, Field(strict=True, ge=2007, le=2200)], ...], Field(max_length=MAX_YEARS)]
    digest: Digest
    """Of the published days of these years (`cadence/calendars.py`): two nodes whose libraries differ find out."""


class TermsV1(Subject):
    """The terms of an agreement, one version of them. What its parties sign is the digest of this."""

    code: Slug
    version: Annotated[int, Field(strict=True, ge=1, le=1000)]
    replaces: Digest | None = None
    """The digest of the terms before; none for the first version."""
    name_zh: Name
    name_en: Name
    scope_zh: Note
    scope_en: Note
    parties: Annotated[tuple[PartyV1, ...], Field(min_length=2, max_length=MAX_RECIPIENTS + 1)]
    valid_from: Day
    valid_until: Day
    """The last day."""
    calendar: CalendarRefV1
    duties: Annotated[tuple[DutyV1, ...], Field(max_length=MAX_DUTIES)] = ()
    rotation: RotationV1 | None = None
    deadlines: Annotated[dict[str, Whole | tuple[Whole, ...]], Field(max_length=40)] = Field(default_factory=dict)
    """Terms of answer by their names in `cadence.deadlines.DeadlinePolicy`; what is absent has the default."""
    handling: HandlingDefaultV1 | None = None
    retention_months: Annotated[int, Field(strict=True, ge=6, le=360)] | None = None
    sharing: Annotated[tuple[SharingV1, ...], Field(max_length=40)] = ()

    @property
    def members(self) -> frozenset[str]:
        """The parties' unit codes."""
        return frozenset(party.unit_code for party in self.parties)


class EndingV1(Subject):
    """The parties end an agreement before its time."""

    ends: Digest
    """The digest of the terms in force when it was proposed."""
    last_day: Day
    reason: Note


def notice_year(day: date) -> int:
    """Return the year whose notice tells whether `day` is worked.

    December belongs to the year that follows: its last days are exchanged with the New Year's holiday, and announced
    with it (29 and 31 December 2018 in the notice of 2019).
    """
    return day.year + (day.month == _DECEMBER)


class CalendarDayV1(Frozen):
    """A day that differs from the ordinary week."""

    date: Day
    day: Literal["off", "work"]


class CalendarV1(Subject):
    """The working days of one more year, as the State Council's General Office announced them, or corrected ones.

    From the December before to November, as `notice_year` has it.
    """

    year: Annotated[int, Field(strict=True, ge=2007, le=2200)]
    days: Annotated[tuple[CalendarDayV1, ...], Field(min_length=1, max_length=120)]
    source: Line
    """The notice, by its number and date."""

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        dates = [entry.date for entry in self.days]
        if dates != sorted(set(dates)) or any(notice_year(day) != self.year for day in dates):
            raise ValueError("the days are of that year's notice, December before included, in order, each once")
        return self


# What is said about it ---------------------------------------------------------------------------------------


class AgreementProposedV1(Frozen):
    """A party proposes a subject, and signs it by proposing it. Exactly one of the three is there."""

    agreement: Slug
    digest: Digest
    terms: TermsV1 | None = None
    ending: EndingV1 | None = None
    calendar: CalendarV1 | None = None
    text: Annotated[str, Field(max_length=30_000)] | None = None
    """The TOML file the terms were read from, as its author wrote it, comments included; the terms are what counts."""

    @property
    def subject(self) -> TermsV1 | EndingV1 | CalendarV1:
        """What is proposed."""
        subject = self.terms or self.ending or self.calendar
        assert subject is not None  # noqa: S101 - the validator saw to it
        return subject

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        """Refuse none or several subjects, another agreement's terms, and a digest of something else."""
        if sum(part is not None for part in (self.terms, self.ending, self.calendar)) != 1:
            raise ValueError("a proposal has one subject: terms, an ending or a calendar")
        if self.terms is not None and self.terms.code != self.agreement:
            raise ValueError("the terms are another agreement's")
        if self.subject.digest() != self.digest:
            raise ValueError("the digest is not that of what is proposed")
        return self


class AgreementSignedV1(Frozen):
    """A party signs a proposed subject."""

    agreement: Slug
    digest: Digest


class AgreementDeclinedV1(Frozen):
    """A party will not sign it, and says why. It may still sign later."""

    agreement: Slug
    digest: Digest
    reason: Note


class AgreementWithdrawnV1(Frozen):
    """Its author takes a proposal back that not all have signed."""

    agreement: Slug
    digest: Digest
    reason: Note


KINDS: tuple[Kind, ...] = tuple(
    Kind(type=f"agreement.{name}.v1", body=body, lane=Lane.BULK, many=True, approval=True)
    for name, body in (
        ("proposed", AgreementProposedV1),
        ("signed", AgreementSignedV1),
        ("declined", AgreementDeclinedV1),
        ("withdrawn", AgreementWithdrawnV1),
    )
)
"""Each names its approver: an agreement binds a bureau, and a person with authority must have said so."""
