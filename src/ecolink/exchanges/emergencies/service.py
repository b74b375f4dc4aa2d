"""The emergencies room as the rest of the node knows it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.audit.access import AccessLog
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.emergencies.arrivals import Arrivals
from ecolink.exchanges.emergencies.border import Border
from ecolink.exchanges.emergencies.dispatch import Dispatch, Roster
from ecolink.exchanges.emergencies.drafting import TERMS
from ecolink.exchanges.emergencies.fires import BORDER_AREA_M
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.emergencies.news import OnNews
from ecolink.exchanges.emergencies.raising import Raising
from ecolink.exchanges.emergencies.register import Register
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.exchanges.emergencies.shown import DutyDeskOut
from ecolink.exchanges.emergencies.tasks import TaskBoard
from ecolink.exchanges.emergencies.telling import Telling
from ecolink.exchanges.emergencies.views import Views
from ecolink.exchanges.governance import Terms
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import Peers
from ecolink.search.index import SearchIndex


@dataclass(frozen=True, kw_only=True)
class EmergencyPolicy:
    """What the bureau has decided: its map, its terms, and who sends."""

    border: Border = field(default_factory=Border)
    border_area_m: int = BORDER_AREA_M
    approval_required: bool = False
    """A real emergency always waits for a second person."""
    terms: Terms = TERMS


@dataclass(frozen=True, repr=False, kw_only=True)
class EmergencyService:
    """`raising` sends the alert, `telling` says what follows, `arrivals` applies the other side's; `views` shows.

    `register` keeps the rows, `tasks` the calls to make.
    """

    us: str
    register: Register
    raising: Raising
    telling: Telling
    arrivals: Arrivals
    tasks: TaskBoard
    views: Views
    on_news: list[OnNews]
    """Whoever wants to hear what happens here."""

    @classmethod
    def build(
        cls,
        home: DutyDeskOut,
        *,
        outbox: Outbox,
        peers: Peers,
        search: SearchIndex,
        access: AccessLog,
        attachments: Attachments,
        roster: Roster,
        policy: EmergencyPolicy,
        agreed: Agreed,
    ) -> Self:
        """Put the room together.

        `home` is this bureau as its own people see it; `roster` returns the present roster of one of its alliances.
        """
        us = home.unit_code
        register = Register(us=us, border=policy.border, border_area_m=policy.border_area_m, search=search)
        dispatch = Dispatch(us=us, outbox=outbox, peers=peers, access=access, roster=roster)
        on_news: list[OnNews] = []
        tasks = TaskBoard(us, agreed, on_news)
        arrivals = Arrivals(register, tasks, on_news)
        return cls(
            us=us,
            register=register,
            raising=Raising(
                register=register,
                dispatch=dispatch,
                tasks=tasks,
                arrivals=arrivals,
                attachments=attachments,
                approval_required=policy.approval_required,
                terms=policy.terms,
                agreed=agreed,
            ),
            telling=Telling(
                register=register,
                dispatch=dispatch,
                tasks=tasks,
                arrivals=arrivals,
                attachments=attachments,
                on_news=on_news,
            ),
            arrivals=arrivals,
            tasks=tasks,
            views=Views(home=home, peers=peers, attachments=attachments, update_due=tasks.update_due, agreed=agreed),
            on_news=on_news,
        )

    def is_under_way(self, session: Session, thread: str, now: datetime) -> bool:
        """Tell whether this thread is an emergency that is not over yet."""
        del now
        state = session.scalar(select(Emergency.state).where(Emergency.id == thread))
        return state in {EmergencyState.AWAITING_APPROVAL, EmergencyState.OPEN}

    def forget_names(self, session: Session, thread: str, now: datetime) -> None:
        """Drop the names this room keeps beside a thread whose private parts are being erased."""
        del now
        row = session.get(Emergency, thread, with_for_update=True)
        if row is not None:
            row.raised_by_name = row.approved_by_name = None
            self.tasks.forget_names(session, thread)
            session.flush()
