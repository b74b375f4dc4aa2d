"""Writing down what is due: from an agreement as it is in force, up to a horizon, as often as one likes.

What is written follows from signed documents alone, so that writing it again changes nothing; with each month that
begins the horizon moves on. A due day moves where the working days it hangs on were not signed yet. What no longer
binds goes, unless something was done or told of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import Obligation, derive
from ecolink.cadence.periods import Period
from ecolink.exchanges.obligations.book import Book, derived
from ecolink.exchanges.obligations.models import Duty, DutyParty, Horizon, Notice, ObligationRow
from ecolink.kit.times import CHINA
from ecolink.storage.bells import Bell, ring
from ecolink.storage.upsert import insert_new

AHEAD = timedelta(days=400)
"""How far ahead of the present month obligations are written: a year that begins is seen whole."""


@dataclass(frozen=True, repr=False)
class Derivation:
    """Keeps the obligations of `us` as the agreements in force say."""

    us: str
    book: Book

    def follow(self, session: Session, agreement: Agreement, now: datetime) -> None:
        """Write an agreement's obligations anew: something more was signed by all its parties."""
        horizon = self._horizon(session, agreement.code)
        self._write(session, agreement, date.min, horizon, now)

    def extend(self, session: Session, agreements: Iterable[Agreement], now: datetime) -> None:
        """Write the obligations that the horizons have reached since."""
        by_code = {agreement.code: agreement for agreement in agreements}
        reached = select(Horizon.agreement).where(Horizon.next_at <= now).order_by(Horizon.agreement)
        for code in session.scalars(reached).all():
            horizon = self._horizon(session, code)
            if horizon.next_at is not None and horizon.next_at <= now:
                agreement = by_code.get(code) or Agreement(code, frozenset(), versions=(), overlays=())
                self._write(session, agreement, horizon.until + timedelta(days=1), horizon, now)

    def _horizon(self, session: Session, agreement: str) -> Horizon:
        insert_new(session, Horizon, [{"agreement": agreement, "until": date.min}])
        return session.get_one(Horizon, agreement, with_for_update=True, populate_existing=True)

    def _write(self, session: Session, agreement: Agreement, first: date, horizon: Horizon, now: datetime) -> None:
        month = Period.containing(china_day(now), "month")
        horizon.until = max(horizon.until, month.first + AHEAD)
        goes_on = agreement.last_day is not None and agreement.last_day > horizon.until
        horizon.next_at = datetime.combine(month.next().first, time(0, tzinfo=CHINA)) if goes_on else None

        known = {
            row.key: row
            for row in session.scalars(
                select(ObligationRow)
                .where(ObligationRow.agreement == agreement.code, ObligationRow.period_first >= first)
                .order_by(ObligationRow.key)
                .with_for_update(of=ObligationRow)
            )
        }
        due = [each for each in derive(agreement, first, horizon.until) if self.us in each.parties]
        self._keep_duties(session, agreement, due)
        for obligation in due:
            row = known.pop(obligation.key, None) or ObligationRow(key=obligation.key)
            if not _stands(row, obligation):
                self.book.enter(session, row, obligation, now)
        for row in known.values():
            self._let_go(session, row, now)
        session.flush()
        ring(session, Bell.WATCH)

    def _keep_duties(self, session: Session, agreement: Agreement, due: Iterable[Obligation]) -> None:
        terms = {version.digest: version.terms for version in agreement.versions}
        duties = {(each.terms, each.duty.code): each for each in due}
        insert_new(
            session,
            Duty,
            [
                {
                    "terms": digest,
                    "code": code,
                    "agreement": agreement.code,
                    "agreement_zh": terms[digest].name_zh,
                    "agreement_en": terms[digest].name_en,
                    "definition": each.duty.to_wire(),
                }
                for (digest, code), each in duties.items()
            ],
        )
        insert_new(
            session,
            DutyParty,
            [
                {"terms": digest, "code": code, "party": party}
                for (digest, code), each in duties.items()
                for party in sorted(each.parties)
            ],
        )

    def _let_go(self, session: Session, row: ObligationRow, now: datetime) -> None:
        told = session.scalar(select(Notice.id).where(Notice.subject == row.key).limit(1)) is not None
        if told or row.done_in_time or row.state not in {"upcoming", "open"}:
            self.book.release(session, row, now)
        else:
            session.execute(delete(ObligationRow).where(ObligationRow.key == row.key))


def _stands(row: ObligationRow, obligation: Obligation) -> bool:
    """Tell whether a row says already what follows from the agreement."""
    return bool(row.binds) and all(getattr(row, column) == value for column, value in derived(obligation).items())
