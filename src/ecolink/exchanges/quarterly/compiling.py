"""Our package, drawn up by the node itself from what the other rooms count, and opened while an exchange is due."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import Obligation, derive
from ecolink.exchanges.duties import InForce
from ecolink.exchanges.quarterly import ledger, rules
from ecolink.exchanges.quarterly.models import Exchange, PackageDraft
from ecolink.protocol.kinds.exchange import OpenRequestV1, PackageV1, StatisticV1, ToldBulletinV1

LOOKED_BACK = timedelta(days=400)
"""How long ago a period may have begun whose exchange is still drawn up by itself; older ones only when asked for."""

Counts = Callable[[Session, Collection[str], datetime, datetime], Mapping[str, int]]
"""What a room counts between us and partners from one moment until before another, by code."""
BulletinsTold = Callable[[Session, Collection[str], datetime, datetime], Sequence[ToldBulletinV1]]
"""Our bulletins of that time that all these partners hold."""
OpenRequests = Callable[[Session, str], Sequence[OpenRequestV1]]
"""The leads between us and one partner that want an answer."""


IsWaived = Callable[[Session, str], bool]
"""Tells whether all parties let an obligation go, by its key."""


@dataclass(frozen=True, repr=False, kw_only=True)
class Compiling:
    """Draws up packages of the bureau `us`."""

    us: str
    in_force: InForce
    is_waived: IsWaived
    counts: Sequence[Counts]
    bulletins_told: BulletinsTold
    open_requests: OpenRequests

    def open_due(self, session: Session, now: datetime) -> int:
        """Draw up our package for every exchange that is due and has none of ours; return how many.

        One that nobody has edited is drawn up anew each day, so that whoever opens it sees today's figures; when its
        exchange is waived, it goes.
        """
        done = 0
        for obligation in self.waiting(session, now):
            exchange = ledger.exchange_for(session, obligation.key, obligation.parties, now)
            draft = session.get(PackageDraft, exchange.id, populate_existing=True)
            if not self._wants(session, obligation, exchange.id, draft, now):
                continue  # another worker was faster
            if draft is not None and self.is_waived(session, obligation.key):
                session.delete(draft)
            elif draft is None:
                self.begin(session, exchange, now)
            else:
                self.renew(session, exchange, draft, now)
            done += 1
        return done

    def waiting(self, session: Session, now: datetime) -> list[Obligation]:
        """Return the exchanges for which our package is to be drawn up, drawn up anew, or dropped."""
        found = []
        for obligation in self._due(session, now):
            exchange_id = rules.thread_of(obligation.key, obligation.parties)
            if self._wants(session, obligation, exchange_id, session.get(PackageDraft, exchange_id), now):
                found.append(obligation)
        return found

    def _wants(
        self, session: Session, obligation: Obligation, exchange_id: str, draft: PackageDraft | None, now: datetime
    ) -> bool:
        if self.is_waived(session, obligation.key):
            return draft is not None and draft.edited_by is None
        if draft is None:
            return ledger.current_of(session, exchange_id, self.us) is None
        return draft.edited_by is None and china_day(draft.compiled_at) < china_day(now)

    def named(self, session: Session, key: str) -> Obligation | None:
        """Return the exchange of that key that binds us; None when there is none."""
        code, _, _ = key.partition("/")
        try:
            first = rules.period_of(key).first
        except ValueError:
            return None
        ours = (each for each in self.in_force(session) if each.code == code)
        return next((each for each in self._exchanges(ours, first, first) if each.key == key), None)

    def begin(self, session: Session, exchange: Exchange, now: datetime) -> PackageDraft:
        """Draw up our first package of an exchange."""
        content = self.compile(session, exchange, now)
        draft = PackageDraft(exchange_id=exchange.id, content=content.to_wire(), compiled_at=now)
        session.add(draft)
        session.flush()
        return draft

    def renew(self, session: Session, exchange: Exchange, draft: PackageDraft, now: datetime) -> None:
        """Take the figures and lists of a draft anew; what officers wrote stays."""
        written = PackageV1.model_validate(draft.content)
        fresh = self.compile(session, exchange, now)
        kept = {name: getattr(written, name) for name in ("number", "highlights", "outlook")}
        draft.content = fresh.model_copy(update=kept).to_wire()
        draft.compiled_at = now
        session.flush()

    def compile(self, session: Session, exchange: Exchange, now: datetime) -> PackageV1:
        """Return what the other rooms have to tell of an exchange's period, until `now` where it is not over."""
        period = rules.period_of(exchange.obligation)
        partners = sorted({*exchange.parties} - {self.us})
        begin, end = rules.span(period)
        begin_before, _ = rules.span(rules.period_before(period))
        return PackageV1(
            as_of=now,
            statistics=self._statistics(session, partners, (begin, end), (begin_before, begin)),
            bulletins=tuple(self.bulletins_told(session, partners, begin, end)),
            # Who asked whom for what is not a third bureau's business.
            open_requests=tuple(self.open_requests(session, partners[0])) if len(partners) == 1 else (),
        )

    def _statistics(
        self,
        session: Session,
        partners: Sequence[str],
        now: tuple[datetime, datetime],
        before: tuple[datetime, datetime],
    ) -> tuple[StatisticV1, ...]:
        found = []
        for room in self.counts:
            present, past = room(session, partners, *now), room(session, partners, *before)
            found += [StatisticV1(code=code, now=count, before=past[code]) for code, count in present.items()]
        return tuple(found)

    def _due(self, session: Session, now: datetime) -> Iterable[Obligation]:
        today = china_day(now)
        for obligation in self._exchanges(self.in_force(session), today - LOOKED_BACK, today):
            if obligation.opens_at <= now:
                yield obligation

    def _exchanges(self, agreements: Iterable[Agreement], first: date, last: date) -> Iterable[Obligation]:
        for agreement in agreements:
            if self.us not in agreement.members:
                continue
            for obligation in derive(agreement, first, last):
                if obligation.duty.kind == "exchange" and self.us in obligation.parties:
                    yield obligation
