"""The book of obligations: each row judged by its evidence and the time, and when somebody has to look at it next."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.periods import Period
from ecolink.cadence.standing import Evidence, Standing, State, judge
from ecolink.cadence.steps import Plan, plan
from ecolink.errors import NotFoundError
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.duties import EvidenceByKind
from ecolink.exchanges.obligations.models import Duty, DutyParty, LatenessNotice, ObligationRow
from ecolink.exchanges.obligations.notices import Notices
from ecolink.protocol.kinds.agreements import DutyKind, DutyV1
from ecolink.storage.bells import Bell, ring

WAIVER = "waiver"
"""The kind of a waiver in the register of cosigned documents; its subject is the obligation's key."""

LOOKED_BACK = timedelta(days=400)
"""What was met longer ago is not judged again: a word that comes so late changes no report any more."""

_MET = (State.FULFILLED.value, State.WAIVED.value)
NOT_MET = tuple(state.value for state in State if state.value not in _MET)
"""Asked for by name, they are looked up; what is none of the others is searched for among all there ever was."""
OVERDUE = "overdue"
"""The step by which the other parties are told; that it was done, our notice of lateness shows."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How an obligation stands, and what is to be done about it now."""

    standing: Standing
    plan: Plan


@dataclass(frozen=True, repr=False)
class Book:
    """Judges what `us` is obliged to by what the rooms say was signed."""

    us: str
    evidence_by_kind: EvidenceByKind = field(repr=False)
    notices: Notices

    def find(self, session: Session, key: str, *, lock: bool = False) -> ObligationRow:
        """Return one obligation.

        Raises:
            NotFoundError: it is not one of ours.

        """
        found = select(ObligationRow).where(ObligationRow.key == key)
        if lock:
            found = found.with_for_update(of=ObligationRow).execution_options(populate_existing=True)
        row = session.scalar(found)
        if row is None:
            raise NotFoundError
        return row

    def open_now(self, session: Session, kind: DutyKind, now: datetime) -> list[Obligation]:
        """Return what is open and neither met nor waived, the one due first in front."""
        open_ = select(ObligationRow).where(
            ObligationRow.kind == kind,
            ObligationRow.binds,
            ObligationRow.state.in_(NOT_MET),
            ObligationRow.opens_at <= now,
        )
        return [obligation_of(row) for row in session.scalars(open_.order_by(ObligationRow.due_at, ObligationRow.key))]

    def is_waived(self, session: Session, key: str) -> bool:
        """Tell whether all parties have let an obligation go."""
        state = select(ObligationRow.state).where(ObligationRow.key == key, ObligationRow.binds)
        return session.scalar(state) == State.WAIVED

    def evidence(self, session: Session, obligation: Obligation) -> Evidence:
        """Return what signed records say of an obligation, a waiver among them."""
        of_kind = self.evidence_by_kind.get(obligation.duty.kind)
        evidence = of_kind(session, obligation) if of_kind else Evidence()
        waivers = register.read(session, session.scalars(register.about(WAIVER, [obligation.key])))
        agreed = [each for each in waivers.values() if each.completed_at and each.parties == obligation.parties]
        return replace(evidence, waiver=min(agreed, key=lambda each: (each.completed_at, each.digest), default=None))

    def enter(self, session: Session, row: ObligationRow, obligation: Obligation, now: datetime) -> None:
        """Write an obligation as it is derived, and judge it."""
        for column, value in derived(obligation).items():
            setattr(row, column, value)
        row.binds = True
        self._write(session, row, obligation, now)
        session.add(row)

    def judge(self, session: Session, row: ObligationRow, now: datetime) -> Judgement:
        """Write down how an obligation stands now, and when it is to be looked at next.

        What there is to do at once is only told: the watch does it.
        """
        return self._write(session, row, obligation_of(row), now)

    def release(self, session: Session, row: ObligationRow, now: datetime) -> None:
        """By what was signed since, it binds nobody any more; what was done and told of it stays."""
        row.binds, row.late, row.next_at = False, False, None
        self.notices.close(session, row.key, now)

    def settle(self, session: Session, members: Collection[str], now: datetime) -> None:
        """Judge anew what is due between these bureaus, ours among them: records between them changed."""
        agreements = (
            select(Duty.agreement)
            .join(DutyParty, (DutyParty.terms == Duty.terms) & (DutyParty.code == Duty.code))
            .where(DutyParty.party.in_({*members} - {self.us}))
        )
        today = china_day(now)
        between = (
            select(ObligationRow)
            .where(
                ObligationRow.agreement.in_(agreements),
                ObligationRow.binds,
                ObligationRow.period_first <= today,
                or_(ObligationRow.state.not_in(_MET), ObligationRow.period_first >= today - LOOKED_BACK),
            )
            .order_by(ObligationRow.key)
            .with_for_update(of=ObligationRow)
            .execution_options(populate_existing=True)
        )
        for row in session.scalars(between).all():
            if {*row.parties} <= {*members}:
                self.judge(session, row, now)
        ring(session, Bell.WATCH)

    def _write(self, session: Session, row: ObligationRow, obligation: Obligation, now: datetime) -> Judgement:
        standing = judge(obligation, self.evidence(session, obligation), now)
        done = {*self.notices.steps(session, obligation.key)}
        if session.get(LatenessNotice, (obligation.key, self.us)) is not None:
            done.add(OVERDUE)
        judgement = Judgement(standing, plan(obligation, standing, done, now))

        row.state, row.late, row.fulfilled_at = standing.state.value, standing.late, standing.fulfilled_at
        row.done_in_time, row.owing = sorted(standing.done_in_time), sorted(standing.owing)
        row.next_at = now if judgement.plan.act or judgement.plan.skip else judgement.plan.next_at
        if row.state in _MET:
            self.notices.close(session, obligation.key, now)
        return judgement


def derived(obligation: Obligation) -> dict[str, object]:
    """Return the columns that follow from the agreement."""
    return {
        "key": obligation.key,
        "agreement": obligation.agreement,
        "duty": obligation.duty.code,
        "kind": obligation.duty.kind,
        "period": obligation.period.label,
        "period_first": obligation.period.first,
        "parties": sorted(obligation.parties),
        "convener": obligation.convener,
        "terms": obligation.terms,
        "due_on": obligation.due_on,
        "due_at": obligation.due_at,
        "opens_at": obligation.opens_at,
        "grace_until": obligation.grace_until,
        "settled": obligation.settled,
    }


def obligation_of(row: ObligationRow) -> Obligation:
    """Return an obligation as it was derived."""
    return Obligation(
        agreement=row.agreement,
        duty=DutyV1.model_validate(row.definition.definition),
        period=Period.parse(row.period),
        parties=frozenset(row.parties),
        convener=row.convener,
        terms=row.terms,
        due_on=row.due_on,
        settled=row.settled,
    )
