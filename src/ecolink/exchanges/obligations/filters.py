"""Which obligations and notices a list shows."""

from contextlib import suppress
from datetime import date, datetime, time
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, exists, select
from sqlalchemy.orm import InstrumentedAttribute

from ecolink.cadence.deadlines import end_of_day
from ecolink.cadence.periods import Period
from ecolink.cadence.standing import State
from ecolink.exchanges.obligations.book import NOT_MET
from ecolink.exchanges.obligations.models import DutyParty, Notice, ObligationRow
from ecolink.identity.principal import Principal
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.agreements import DutyKind, Slug
from ecolink.protocol.kinds.common import UnitCode

Label = Annotated[str, Field(pattern=r"^[0-9]{4}(-(Q[1-4]|0[1-9]|1[0-2]))?$", examples=["2026-07"])]


class ObligationFilters(BaseModel):
    """What to list, and in which order."""

    partner: UnitCode | None = Field(default=None, description="Those that bind this bureau as well as ours.")
    agreement: Slug | None = None
    duty: Slug | None = None
    kind: DutyKind | None = None
    state: State | None = None
    owed: bool | None = Field(default=None, description="Those still owed, or those met, waived or not binding.")
    late: bool | None = None
    period: Label | None = None
    due_after: date | None = Field(default=None, description="The first due day to show, in Asia/Shanghai.")
    due_before: date | None = Field(default=None, description="The last due day to show, in Asia/Shanghai.")
    sort: Literal["due_at", "-due_at"] = Field(default="due_at", description="`-` is latest first.")

    def select(self) -> Select[ObligationRow]:
        """Return the obligations that agree with all of it."""
        chosen = select(ObligationRow)
        for column in ("agreement", "duty", "kind", "state", "late", "period"):
            wanted = getattr(self, column)
            if wanted is not None:
                chosen = chosen.where(getattr(ObligationRow, column) == wanted)
        if self.period is not None:
            with suppress(ValueError):  # of the year 0000 there is none
                chosen = chosen.where(ObligationRow.period_first == Period.parse(self.period).first)  # by its index
        if self.partner is not None:
            chosen = chosen.where(
                exists().where(
                    DutyParty.terms == ObligationRow.terms,
                    DutyParty.code == ObligationRow.duty,
                    DutyParty.party == self.partner,
                )
            )
        if self.owed is not None:
            owed = ObligationRow.binds & ObligationRow.state.in_(NOT_MET)
            chosen = chosen.where(owed if self.owed else ~owed)
        if self.due_after is not None:
            chosen = chosen.where(ObligationRow.due_at >= datetime.combine(self.due_after, time(0, tzinfo=CHINA)))
        if self.due_before is not None:
            chosen = chosen.where(ObligationRow.due_at <= end_of_day(self.due_before))
        return chosen

    @property
    def order(self) -> tuple[InstrumentedAttribute[object], ...]:
        """The columns of the order."""
        return ObligationRow.due_at, ObligationRow.key


class NoticeFilters(BaseModel):
    """Which of the caller's notices to list: the newest first."""

    state: Literal["open", "seen", "closed"] = "open"

    def select(self, by: Principal) -> Select[Notice]:
        """Return the notices that address one of the caller's roles."""
        return select(Notice).where(Notice.role.in_([role.value for role in by.roles]), Notice.state == self.state)
