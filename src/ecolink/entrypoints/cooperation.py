"""The rooms in which bureaus keep what their agreements promise: each put together by a function of its own.

They stand on the agreements: what is in force, and since when. None knows another; where one must hear of another, it
is handed a function here.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.cadence.deadlines import end_of_day
from ecolink.entrypoints.quarterly import furnish_quarterly
from ecolink.entrypoints.shell import Shell, watching
from ecolink.exchanges.admission import Admission
from ecolink.exchanges.agreements.service import AgreementService
from ecolink.exchanges.bulletins import listing as bulletins
from ecolink.exchanges.consultations import agenda
from ecolink.exchanges.consultations.arrivals import Arrivals as ConsultationArrivals
from ecolink.exchanges.consultations.models import ConsultationTask
from ecolink.exchanges.consultations.service import ConsultationService
from ecolink.exchanges.consultations.views import Views as ConsultationViews
from ecolink.exchanges.duties import EvidenceByKind, EvidenceOf, InForce
from ecolink.exchanges.emergencies import drills
from ecolink.exchanges.emergencies import filters as emergencies
from ecolink.exchanges.feeds.service import FeedService
from ecolink.exchanges.leads import lists as leads
from ecolink.exchanges.liaison.arrivals import Arrivals as LiaisonArrivals
from ecolink.exchanges.liaison.forms import Forms
from ecolink.exchanges.liaison.service import LiaisonService
from ecolink.exchanges.liaison.views import Views as LiaisonViews
from ecolink.exchanges.obligations import agenda as due_days
from ecolink.exchanges.obligations.book import Book
from ecolink.exchanges.obligations.notices import Message
from ecolink.exchanges.obligations.schemas import PartyOut
from ecolink.exchanges.obligations.service import ObligationService
from ecolink.exchanges.voice import Voice
from ecolink.federation.footing import footing, undelivered
from ecolink.federation.threads import bureaus_of
from ecolink.protocol.kinds.agreements import DutyKind, Level
from ecolink.web.cooperation import Cooperation


def furnish_cooperation(shell: Shell, agreements: AgreementService, admission: Admission) -> Cooperation:
    """Build the rooms that stand on the agreements, and hang their hooks."""
    voice = agreements.voice
    evidence_by_kind: dict[DutyKind, EvidenceOf] = {}
    obligations = _furnish_obligations(shell, agreements, evidence_by_kind)
    liaison = _furnish_liaison(shell, voice, agreements.in_force, obligations.book)
    evidence_by_kind["liaison"] = liaison.evidence_of
    consultations = _furnish_consultations(shell, voice, agreements.in_force, obligations)
    evidence_by_kind["consultation"] = consultations.evidence_of
    quarterly = furnish_quarterly(shell, voice, admission, obligations.book)
    evidence_by_kind["exchange"] = quarterly.evidence_of
    evidence_by_kind["drill"] = drills.evidence_of
    feeds = FeedService(
        f"{shell.settings.name_zh} 警务协作",
        [lambda session, now: agenda.entries(session, consultations.views, now), due_days.entries],
    )
    return Cooperation(
        agreements=agreements,
        obligations=obligations,
        liaison=liaison,
        quarterly=quarterly,
        consultations=consultations,
        feeds=feeds,
    )


def furnish_agreements(shell: Shell) -> AgreementService:
    """Build the agreements room: leads, bulletins and emergencies ask it too what is agreed."""
    voice = Voice(shell.outbox, shell.settings.retention_months)
    agreements = AgreementService(voice=voice, peers=shell.peers, access=shell.access)
    shell.handlers.update(agreements.arrivals.handlers())
    shell.hooks.returned.append(agreements.arrivals.take_back)
    shell.hooks.rejected["agreement"] = agreements.arrivals.note_rejected
    return agreements


def _furnish_obligations(
    shell: Shell, agreements: AgreementService, evidence_by_kind: EvidenceByKind
) -> ObligationService:
    settings, hooks = shell.settings, shell.hooks
    obligations = ObligationService.build(
        agreements.voice,
        home=PartyOut(unit_code=settings.unit_code, name_zh=settings.name_zh, name_en=settings.name_en),
        access=shell.access,
        in_force=agreements.in_force,
        evidence_by_kind=evidence_by_kind,
        on_notice=hooks.noticed,
    )
    agreements.changed.append(obligations.derivation.follow)
    shell.handlers.update(obligations.handlers())
    hooks.returned.append(obligations.take_back)
    hooks.rejected["obligation"] = obligations.on_rejected
    hooks.watch.append(watching(shell.database, obligations.watch.next_due, obligations.watch.step))
    return obligations


def _furnish_liaison(shell: Shell, voice: Voice, in_force: InForce, book: Book) -> LiaisonService:
    us, settings = voice.us, shell.settings

    def keep_checkpoint(session: Session, unit_code: str, text: str, at: datetime) -> None:
        keys = shell.keystore.keys_of(session, unit_code)
        if keys is not None:
            shell.witnessing.keep_checkpoint(session, keys, text, at)

    liaison = LiaisonService(
        voice=voice,
        access=shell.access,
        arrivals=LiaisonArrivals(us, book.settle, keep_checkpoint),
        forms=Forms(
            us=us,
            in_force=in_force,
            open_now=book.open_now,
            rooms=(
                lambda session, partner, _: leads.open_with(session, us, partner),
                lambda session, partner, _: bulletins.open_with(session, us, partner),
                lambda session, partner, since: emergencies.since_contact(session, us, partner, since),
                lambda session, partner, _: undelivered(session, partner),
            ),
            footing=footing,
            checkpoint=shell.log.standing_checkpoint,
        ),
        views=LiaisonViews(us, (settings.name_zh, settings.name_en), shell.peers, in_force),
    )
    shell.handlers.update(liaison.arrivals.handlers())
    shell.hooks.returned.append(liaison.arrivals.take_back)
    shell.hooks.rejected["liaison"] = liaison.arrivals.on_rejected
    return liaison


def _furnish_consultations(
    shell: Shell, voice: Voice, in_force: InForce, obligations: ObligationService
) -> ConsultationService:
    hooks = shell.hooks

    def remind(session: Session, task: ConsultationTask, overdue: bool, now: datetime) -> None:  # noqa: FBT001 - a hook
        levels: Sequence[Level] = ("liaison_officer", "deputy") if overdue else ("liaison_officer",)
        obligations.notices.tell(session, _about_task(task, now, overdue=overdue), levels, now)

    def finished(session: Session, consultation: str, code: str, now: datetime) -> None:
        obligations.notices.close(session, _task_named(consultation, code), now)

    consultations = ConsultationService(
        voice=voice,
        arrivals=ConsultationArrivals(voice.us, settle=obligations.book.settle, finished=finished),
        in_force=in_force,
        seen_by=lambda session, trigger: bureaus_of(session, trigger.thread, trigger.kind),
        remind=remind,
        views=ConsultationViews(voice.us, (shell.settings.name_zh, shell.settings.name_en), shell.peers),
    )
    shell.handlers.update(consultations.arrivals.handlers())
    hooks.returned.append(consultations.arrivals.take_back)
    hooks.watch.append(watching(shell.database, consultations.next_due, consultations.watch))
    return consultations


def _task_named(consultation: str, code: str) -> str:
    return f"consultation/{consultation}/{code}"


def _about_task(task: ConsultationTask, now: datetime, *, overdue: bool) -> Message:
    """Return what our people are told of a task from a consultation's minutes."""
    zh, en = ("已逾期", "is overdue") if overdue else ("即将到期", "falls due")
    return Message(
        subject=_task_named(task.consultation, task.code),
        step=f"task-{china_day(now)}",
        kind="overdue" if overdue else "reminder",
        title_zh=f"会商任务{task.code}“{task.text}”{zh}（期限{task.due_on}）",
        title_en=f"Task {task.code} of a consultation, '{task.text}', {en} ({task.due_on})",
        due_at=end_of_day(task.due_on),
    )
