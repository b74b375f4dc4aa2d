"""The rooms in which bureaus keep what their agreements promise: each put together by a function of its own.

They stand on the agreements: what is in force, and since when. None knows another; where one must hear of another, it
is handed a function here.
"""

from datetime import datetime

from ecolink.entrypoints.shell import Shell
from ecolink.exchanges.agreements.service import AgreementService
from ecolink.exchanges.consultations import agenda
from ecolink.exchanges.consultations.arrivals import Arrivals as ConsultationArrivals
from ecolink.exchanges.consultations.service import ConsultationService
from ecolink.exchanges.consultations.views import Views as ConsultationViews
from ecolink.exchanges.duties import InForce
from ecolink.exchanges.feeds.service import FeedService
from ecolink.exchanges.voice import Voice
from ecolink.federation.threads import bureaus_of
from ecolink.web.cooperation import Cooperation


def furnish_cooperation(shell: Shell, agreements: AgreementService) -> Cooperation:
    """Build the rooms that stand on the agreements, and hang their hooks."""
    voice = agreements.voice
    consultations = _furnish_consultations(shell, voice, agreements.in_force)
    feeds = FeedService(
        f"{shell.settings.name_zh} 警务协作",
        [lambda session, now: agenda.entries(session, consultations.views, now)],
    )
    return Cooperation(agreements=agreements, consultations=consultations, feeds=feeds)


def furnish_agreements(shell: Shell) -> AgreementService:
    """Build the agreements room: leads, bulletins and emergencies ask it too what is agreed."""
    voice = Voice(shell.outbox, shell.settings.retention_months)
    agreements = AgreementService(voice=voice, peers=shell.peers, access=shell.access)
    shell.handlers.update(agreements.arrivals.handlers())
    shell.hooks.returned.append(agreements.arrivals.take_back)
    shell.hooks.rejected["agreement"] = agreements.arrivals.note_rejected
    return agreements


def _furnish_consultations(shell: Shell, voice: Voice, in_force: InForce) -> ConsultationService:
    hooks, database = shell.hooks, shell.database
    consultations = ConsultationService(
        voice=voice,
        arrivals=ConsultationArrivals(voice.us, settle=lambda *_: None),
        in_force=in_force,
        seen_by=lambda session, trigger: bureaus_of(session, trigger.thread, trigger.kind),
        remind=lambda *_: None,
        views=ConsultationViews(voice.us, (shell.settings.name_zh, shell.settings.name_en), shell.peers),
    )
    shell.handlers.update(consultations.arrivals.handlers())
    hooks.returned.append(consultations.arrivals.take_back)

    def watch(now: datetime) -> datetime | None:
        """Look first: looking takes no write lock, and mostly nothing has fallen due."""
        with database.read() as session:
            due = consultations.next_due(session)
        if due is None or due > now:
            return due
        with database.begin() as session:
            consultations.watch(session, now)
            return consultations.next_due(session)

    hooks.watch.append(watch)
    return consultations
