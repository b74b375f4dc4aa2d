"""What our people are told of: the rooms' news, put into the words of alerts, in the transaction that makes them.

The rooms know nothing of alerts, and alerts nothing of the rooms: here each kind of news becomes an occasion with its
urgency and its course, and whoever acknowledges an alert signs in the room that it is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Channel
from ecolink.alerts.models import Alert, AlertKind
from ecolink.alerts.occasions import Ending, Occasion, Status, read_course
from ecolink.alerts.people import named_in
from ecolink.alerts.rules import Course, Post, Urgency
from ecolink.alerts.service import READING, AlertService, Signing
from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import china_day
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.errors import InvalidError
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.exchanges.emergencies.news import Happening, News
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.exchanges.emergencies.schemas import RETRACTION, RETRACTION_EN, RETRACTION_ZH, AcknowledgementIn
from ecolink.exchanges.emergencies.service import EmergencyService
from ecolink.exchanges.emergencies.tasks import TaskKind
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.schemas import AcknowledgeIn
from ecolink.exchanges.leads.service import LeadService
from ecolink.exchanges.leads.table import State
from ecolink.exchanges.obligations.models import Notice
from ecolink.exchanges.obligations.notices import OnNotice
from ecolink.exchanges.obligations.service import ObligationService
from ecolink.federation.peers import Peers
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.emergencies import CancelReason, Decision

DONE: Final = Ending("该事项已办理。", "It has been seen to.")
WORKS: Final = Ending("该渠道已恢复。", "The channel works again.")
RELIEVED: Final = Ending("您不再负责处置该事项。", "You are not in charge of it any more.")
OVER: Final = Ending("该紧急通报已解除。", "The emergency is over.")

_KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "wildfire": ("森林火情", "wildfire"),
        "natural_disaster": ("自然灾害", "natural disaster"),
        "major_eco_crime": ("重大生态案件", "major eco-crime"),
    }
)
_TASKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        TaskKind.RECEIPT: ("{zh}尚未收到“{title}”，请电话通知", "{en} has not received '{title}': call them"),
        TaskKind.SIGNATURE: (
            "{zh}尚无人签收“{title}”，请电话催促",
            "Nobody at {en} has signed for '{title}': call them",
        ),
        TaskKind.UPDATE: ("请续报“{title}”的最新情况", "Tell the others how '{title}' stands now"),
    }
)
_URGENCIES: Mapping[str, tuple[str, str]] = MappingProxyType({"U1": ("特急", "very urgent"), "U2": ("紧急", "urgent")})
_AWAITING_SIGNATURE: Final = (State.SENT, State.DELIVERED)
DEAD_AFTER: Final = 3
"""So many tries in a row have failed when a channel counts as dead."""

_GENTLE: Final = timedelta(minutes=15)
_NEWS_DUE: Final = timedelta(minutes=30)


@dataclass(frozen=True, repr=False)
class Alerting:
    """Turns news into alerts."""

    us: str
    alerts: AlertService
    peers: Peers
    agreed: Agreed

    def listen(
        self,
        noticed: list[OnNotice],
        emergencies: EmergencyService,
        leads: LeadService,
        obligations: ObligationService,
    ) -> None:
        """Hear what happens in the rooms, and let whoever acknowledges an alert sign in the room it is about."""
        emergencies.on_news.append(self.hear)
        leads.moving.casebook.on_change.append(self.follow_lead)
        leads.moving.on_signed.append(self.note_lead_signed)
        noticed.append(self.hear_notice)
        obligations.notices.on_seen.append(self.note_seen)
        obligations.notices.on_closed.append(self.note_closed)

        def for_emergency(session: Session, emergency_id: str, signing: Signing, by: Principal, now: datetime) -> None:
            if signing.decision is None or signing.decision not in {each.value for each in Decision}:
                raise InvalidError(
                    "Say what will be done: noted, dispatching or need_information.",
                    "请选择处置决定：已知悉、已出动或需要更多信息。",
                    pointer="/decision",
                )
            entry = AcknowledgementIn(
                decision=Decision(signing.decision), estimated_arrival=signing.estimated_arrival, note=signing.note
            )
            emergencies.telling.acknowledge(session, emergency_id, entry, by=by, now=now)

        def for_lead(session: Session, lead_id: str, signing: Signing, by: Principal, now: datetime) -> None:
            leads.moving.make(session, lead_id, "acknowledged", AcknowledgeIn(note=signing.note), by=by, now=now)

        def for_notice(session: Session, notice_id: str, signing: Signing, by: Principal, now: datetime) -> None:
            del signing
            obligations.notices.see(session, notice_id, by=by, now=now)

        self.alerts.signers[AlertKind.EMERGENCY] = for_emergency
        self.alerts.signers[AlertKind.LEAD] = for_lead
        self.alerts.signers[AlertKind.NOTICE] = for_notice

    # Emergencies ----------------------------------------------------------------------------------------------

    def hear(self, session: Session, news: News, now: datetime) -> None:
        """Something happened to an emergency."""
        emergency, ledger = news.emergency, self.alerts.ledger
        match news.happening:
            case Happening.RECEIVED:
                ledger.raise_alert(session, self._received(session, emergency), now)
            case Happening.UPDATED:
                self._retell(session, emergency, news.statement, now)
            case Happening.SIGNED if news.by is not None:
                ledger.acknowledge(session, _about(emergency), by=news.by, decision=news.decision, now=now)
                self._put_in_charge(session, news, news.by, now)
            case Happening.SIGNED:
                ledger.drop_subject(session, _about(emergency), DONE, now)
            case Happening.OVER:
                ledger.end(session, _about(emergency), _ending(emergency), now)
            case Happening.TASK_OPENED if news.task is not None and news.task.kind in _TASKS:
                ledger.raise_alert(session, self._task(session, emergency, news.task), now)
            case Happening.TASK_CLOSED if news.task is not None:
                ledger.drop_subject(session, f"task/{news.task.id}", DONE, now)

    def _received(self, session: Session, emergency: Emergency) -> Occasion:
        minutes = self._deadlines(session, emergency, emergency.author).emergency_escalation_minutes
        escalations = [timedelta(minutes=each) for each in minutes]
        is_actual = emergency.status == "actual"
        zh, en = self._names(session, emergency.author)
        kind_zh, kind_en = _KINDS.get(emergency.kind, ("紧急情况", "emergency"))
        return Occasion(
            subject=_about(emergency),
            matter=_about(emergency),
            kind=AlertKind.EMERGENCY,
            urgency=Urgency.URGENT if is_actual else Urgency.NORMAL,
            status=_status(emergency),
            title_zh=f"{zh}通报{kind_zh}：{emergency.title}",
            title_en=f"{en} tells of a {kind_en}: {emergency.title}",
            link=f"/emergencies/{emergency.id}",
            occurred_at=emergency.occurred_at,
            course=Course.emergency(escalations) if is_actual else Course.gentle(escalations[0]),
        )

    def _retell(self, session: Session, emergency: Emergency, statement: str, now: datetime) -> None:
        """Tell the news with the alert while that is open; else to those on duty, once for each piece of news."""
        told = self._received(session, emergency)
        if self.alerts.ledger.retell(session, told.subject, told.title_zh, told.title_en, now):
            return
        zh, en = self._names(session, emergency.author)
        news = Occasion(
            subject=f"news/{statement}",
            matter=told.matter,
            kind=AlertKind.NEWS,
            urgency=told.urgency,
            status=told.status,
            title_zh=f"{zh}续报：{emergency.title}",
            title_en=f"{en} tells how it stands now: {emergency.title}",
            link=told.link,
            occurred_at=now,
            course=Course.gentle(_NEWS_DUE),
        )
        self.alerts.ledger.raise_alert(session, news, now)

    def _put_in_charge(self, session: Session, news: News, by: Principal, now: datetime) -> None:
        """Tell those of ours whom somebody else put in charge, once, and relieve those who were before."""
        emergency, ledger = news.emergency, self.alerts.ledger
        named = named_in(session, news.in_charge or "", READING[AlertKind.IN_CHARGE])
        standing = ledger.standing_of(session, _about(emergency), AlertKind.IN_CHARGE)
        for alert in standing:
            person = read_course(alert.course).person
            if person not in named:
                ledger.relieve(session, alert, RELIEVED, now)
            elif person == by.id:
                ledger.acknowledge(session, alert.subject, by=by, now=now)
        if emergency.state != EmergencyState.OPEN:
            return
        told = {read_course(alert.course).person for alert in standing}
        for person in named.keys() - told - {by.id}:
            ledger.raise_alert(session, self._charge(session, news, person, named[person]), now)

    def _charge(self, session: Session, news: News, person: str, name: str) -> Occasion:
        emergency = news.emergency
        limit = self._deadlines(session, emergency, emergency.author).emergency_escalation_minutes[0]
        return Occasion(
            subject=f"in_charge/{news.statement}/{person}",
            matter=_about(emergency),
            kind=AlertKind.IN_CHARGE,
            urgency=Urgency.URGENT if emergency.status == "actual" else Urgency.NORMAL,
            status=_status(emergency),
            title_zh=f"请{name}负责处置：{emergency.title}",
            title_en=f"To {name}: you are in charge of {emergency.title}",
            link=f"/emergencies/{emergency.id}",
            occurred_at=emergency.occurred_at,
            course=Course.to_one(person, timedelta(minutes=limit)),
        )

    def _task(self, session: Session, emergency: Emergency, task: CallTask) -> Occasion:
        is_urgent = emergency.status == "actual" and task.kind != TaskKind.UPDATE
        zh, en = self._names(session, task.bureau)
        title_zh, title_en = (text.format(zh=zh, en=en, title=emergency.title) for text in _TASKS[TaskKind(task.kind)])
        return Occasion(
            subject=f"task/{task.id}",
            matter=_about(emergency),
            kind=AlertKind.TASK,
            urgency=Urgency.URGENT if is_urgent else Urgency.NORMAL,
            status=_status(emergency),
            title_zh=title_zh,
            title_en=title_en,
            link=f"/emergencies/{emergency.id}",
            occurred_at=task.due_at,
            course=Course.until(_GENTLE, Post.DEPUTY) if is_urgent else Course.gentle(_GENTLE),
        )

    def _deadlines(self, session: Session, emergency: Emergency, other: str) -> DeadlinePolicy:
        return self.agreed.deadlines_with(session, other, china_day(emergency.sent_at or emergency.raised_at))

    # Leads ----------------------------------------------------------------------------------------------------

    def follow_lead(self, session: Session, lead: Lead, now: datetime) -> None:
        """A lead changed: one that waits for our signature, and cannot wait long, is told of until it has it."""
        if lead.direction != "in" or lead.urgency not in _URGENCIES:
            return
        if lead.state in _AWAITING_SIGNATURE:
            self.alerts.ledger.raise_alert(session, self._request(session, lead, now), now)
        else:
            self.alerts.ledger.drop(session, f"lead/{lead.id}", DONE, now)

    def note_lead_signed(self, session: Session, lead: Lead, by: Principal, now: datetime) -> None:
        """One of ours signs for a request."""
        self.alerts.ledger.acknowledge(session, f"lead/{lead.id}/request", by=by, now=now)

    def _request(self, session: Session, lead: Lead, now: datetime) -> Occasion:
        policy = self.agreed.deadlines_with(session, lead.peer, china_day(lead.sent_at or now))
        is_urgent = lead.urgency == "U1" and not lead.is_exercise
        limit = (
            timedelta(minutes=policy.very_urgent_receipt_minutes)
            if lead.urgency == "U1"
            else timedelta(hours=policy.urgent_receipt_hours)
        )
        zh, en = self._names(session, lead.peer)
        urgency_zh, urgency_en = _URGENCIES[lead.urgency]
        course = Course.until(limit, Post.CHIEF if is_urgent else Post.HEAD)
        return Occasion(
            subject=f"lead/{lead.id}/request",
            matter=f"lead/{lead.id}",
            kind=AlertKind.LEAD,
            urgency=Urgency.URGENT if is_urgent else Urgency.NORMAL,
            status="exercise" if lead.is_exercise else "actual",
            title_zh=f"{zh}{urgency_zh}协查：{lead.letter_number}",
            title_en=f"A request from {en}, {urgency_en}: {lead.letter_number}",
            link=f"/leads/{lead.id}",
            occurred_at=lead.sent_at or now,
            course=Course.gentle(limit) if lead.is_exercise else course,
        )

    # Agreements -----------------------------------------------------------------------------------------------

    def follow_agreement(self, session: Session, agreement: Agreement, now: datetime) -> None:
        """What is agreed became another: open alerts about what its parties told us go on by what holds now."""
        for alert in self.alerts.ledger.open_of(session, AlertKind.EMERGENCY, AlertKind.LEAD):
            told = self._told_anew(session, alert, agreement, now)
            if told is not None:
                self.alerts.ledger.reset_course(session, alert, told.course, now)

    def _told_anew(self, session: Session, alert: Alert, agreement: Agreement, now: datetime) -> Occasion | None:
        """Return an alert as it would be raised now; None where the agreement is not about it."""
        about = alert.subject.split("/")[1]
        if alert.kind == AlertKind.EMERGENCY.value:
            emergency = session.get_one(Emergency, about)
            return self._received(session, emergency) if emergency.author in agreement.members else None
        lead = session.get_one(Lead, about)
        return self._request(session, lead, now) if lead.peer in agreement.members else None

    # Obligations ----------------------------------------------------------------------------------------------

    def hear_notice(self, session: Session, notice: Notice, now: datetime) -> None:
        """One of our levels is told of something due or overdue."""
        told = Occasion(
            subject=f"notice/{notice.id}",
            matter=f"notice/{notice.id}",
            kind=AlertKind.NOTICE,
            urgency=Urgency.NORMAL,
            title_zh=notice.title_zh,
            title_en=notice.title_en,
            link="/cooperation/notices",
            occurred_at=now,
            course=Course.once(Post(notice.role)),
        )
        self.alerts.ledger.raise_alert(session, told, now)

    def note_seen(self, session: Session, notice: Notice, by: Principal, now: datetime) -> None:
        """Somebody of that level has seen it."""
        self.alerts.ledger.acknowledge(session, f"notice/{notice.id}", by=by, now=now)

    def note_closed(self, session: Session, notice: Notice, now: datetime) -> None:
        """It is not owed any more."""
        self.alerts.ledger.drop(session, f"notice/{notice.id}", DONE, now)

    # Channels -------------------------------------------------------------------------------------------------

    def hear_channel(self, session: Session, channel: Channel, now: datetime) -> None:
        """A channel failed again, or works again."""
        if channel.failing_since is None:
            self.alerts.ledger.drop(session, f"channel/{channel.id}", WORKS, now)
        elif channel.failures >= DEAD_AFTER:
            self.alerts.ledger.raise_alert(session, _dead(channel, channel.failing_since), now)

    def _names(self, session: Session, unit_code: str) -> tuple[str, str]:
        peer = self.peers.names(session).get(unit_code)
        return (peer.name_zh, peer.name_en) if peer else (unit_code, unit_code)


def _dead(channel: Channel, since: datetime) -> Occasion:
    return Occasion(
        subject=f"channel/{channel.id}/{int(since.timestamp())}",
        matter=f"channel/{channel.id}",
        kind=AlertKind.CHANNEL,
        urgency=Urgency.NORMAL,
        title_zh=f"提醒渠道“{channel.name}”无法发送",
        title_en=f"The alert channel '{channel.name}' sends nothing any more",
        link="/duty",
        occurred_at=since,
        course=Course.once(Post.ADMINISTRATOR, Post.DUTY),
    )


def _about(emergency: Emergency) -> str:
    return f"emergency/{emergency.id}"


def _status(emergency: Emergency) -> Status:
    return "actual" if emergency.status == "actual" else "exercise" if emergency.status == "exercise" else "test"


def _ending(emergency: Emergency) -> Ending:
    """Return what those are told who heard of an emergency that is over: its author's own words, and our apology."""
    said = (emergency.cancel_explanation or "").removeprefix(RETRACTION)
    if emergency.cancel_reason == CancelReason.RETRACTION:
        return Ending(_with(RETRACTION_ZH, said), _with(RETRACTION_EN, said), is_retraction=True)
    return Ending(_with(OVER.zh, said), _with(OVER.en, said))


def _with(text: str, said: str) -> str:
    return f"{text}\n{said}" if said else text
