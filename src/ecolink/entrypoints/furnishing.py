"""The exchange rooms of a node: built on the federation, and the federation told what they want to hear.

`wiring` builds the shell (database, keys, federation); `furnish` puts the rooms into it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from random import SystemRandom

from sqlalchemy.orm import Session

from ecolink.attachments.arrivals import Arrivals
from ecolink.attachments.confirmations import Confirmations
from ecolink.attachments.exchange import BlobDesk
from ecolink.attachments.service import Attachments
from ecolink.attachments.shelf import Shelf
from ecolink.attachments.store import BlobStore
from ecolink.attachments.transfers import Transfers
from ecolink.entrypoints.alerting import Alerting
from ecolink.entrypoints.cooperation import furnish_agreements, furnish_cooperation
from ecolink.entrypoints.loops import Work, at_once
from ecolink.entrypoints.shell import Shell, watching
from ecolink.entrypoints.terms import border, deadline_policy, working_calendar
from ecolink.exchanges.admission import Admission
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.exchanges.bulletins.service import TERMS as BULLETIN_TERMS
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.exchanges.emergencies.drafting import TERMS as EMERGENCY_TERMS
from ecolink.exchanges.emergencies.service import EmergencyPolicy, EmergencyService
from ecolink.exchanges.emergencies.shown import DutyDeskOut
from ecolink.exchanges.leads.service import LEAD_TERMS, LeadService
from ecolink.exchanges.leads.views import BureauOut
from ecolink.federation.erasure import Erasure
from ecolink.federation.evidence import EvidenceDesk
from ecolink.federation.logdesk import LogDesk
from ecolink.federation.receipts import Confirmed
from ecolink.federation.retention import Retention
from ecolink.kit.meters import RECEIPTS_VERIFIED
from ecolink.search.index import SearchIndex
from ecolink.storage.engine import after_commit
from ecolink.web.exchange import Exchange
from ecolink.web.rooms import Rooms


def furnish(shell: Shell) -> Rooms:
    """Build every room, hang its hooks, and return what the local API serves."""
    hooks, us = shell.hooks, shell.outbox.us
    agreements = furnish_agreements(shell)
    agreed = Agreed(us, agreements.in_force, deadline_policy(shell.settings), working_calendar(shell.settings))
    admission = Admission(agreed, agreements.shelf.waiting)
    search = SearchIndex()
    attachments = _furnish_attachments(shell)
    hooks.gate_rooms.update(LogDesk(shell.database, shell.callers, shell.log, shell.witnessing).rooms())

    leads = LeadService.assemble(
        BureauOut(unit_code=us, name_zh=shell.settings.name_zh, name_en=shell.settings.name_en),
        peers=shell.peers,
        search=search,
        outbox=shell.outbox,
        attachments=attachments,
        access=shell.access,
        keystore=shell.keystore,
        agreed=agreed,
        terms=replace(LEAD_TERMS, retain_months=shell.settings.retention_months),
    )
    shell.handlers.update(leads.arrivals.handlers())
    hooks.returned.append(leads.arrivals.take_back)
    agreements.changed.append(leads.arrivals.note_agreement)
    hooks.rejected["lead"] = leads.arrivals.on_rejected
    hooks.receipted += [leads.arrivals.on_receipt, _count_receipt]

    alliances = AllianceService(us, shell.peers, shell.access)
    hooks.returned.append(alliances.take_back)
    bulletins = BulletinService.build(
        outbox=shell.outbox,
        peers=shell.peers,
        keyring=shell.keystore,
        search=search,
        access=shell.access,
        alliances=alliances,
        agreed=agreed,
        attachments=attachments,
        terms=replace(BULLETIN_TERMS, retain_months=shell.settings.retention_months),
    )
    shell.handlers.update(admission.guard(bulletins.handlers()))
    hooks.returned.append(bulletins.receiving.take_back)
    hooks.rejected["bulletin"] = bulletins.on_rejected

    emergencies = _furnish_emergencies(shell, search, attachments, alliances, agreed)
    agreements.changed.append(emergencies.arrivals.note_agreement)

    cooperation = furnish_cooperation(shell, agreements, admission)
    emergencies.arrivals.drilled.append(cooperation.obligations.book.settle)
    alerting = Alerting(us, shell.alerts, shell.peers, agreed)
    alerting.listen(shell.hooks.noticed, emergencies, leads, cooperation.obligations)
    agreements.changed.append(alerting.follow_agreement)
    shell.post_office.sending.on_health.append(alerting.hear_channel)

    erasure = Erasure(
        us,
        shell.log,
        shell.access,
        shell.outbox,
        [attachments.erase, leads.arrivals.erase, bulletins.erase, emergencies.forget_names],
    )
    shell.handlers.update(erasure.handlers())
    hooks.returned.append(erasure.take_back)

    def erase_latecomers(now: datetime) -> None:
        with shell.database.begin() as session:
            erasure.erase_latecomers(session, now)

    under_way = (
        leads.arrivals.is_under_way,
        bulletins.is_under_way,
        emergencies.is_under_way,
        cooperation.liaison.is_under_way,
        cooperation.quarterly.is_under_way,
    )
    hooks.tidy += [erase_latecomers, Retention(shell.database, erasure, under_way).step]

    return Rooms(
        exchange=Exchange(
            us=us,
            peers=shell.peers,
            keystore=shell.keystore,
            applier=shell.applier,
            access=shell.access,
            card=shell.card,
        ),
        alliances=alliances,
        post_office=shell.post_office,
        attachments=attachments,
        access=shell.access,
        erasure=erasure,
        evidence=EvidenceDesk(us, shell.database, shell.keystore, shell.signer, shell.log),
        leads=leads,
        bulletins=bulletins,
        emergencies=emergencies,
        cooperation=cooperation,
        alerts=shell.alerts,
        identity=shell.identity,
    )


def _count_receipt(session: Session, confirmed: Sequence[Confirmed], now: datetime) -> None:  # noqa: ARG001 - a hook
    counter = RECEIPTS_VERIFIED.labels(confirmed[0].recipient)
    after_commit(session, counter.inc)


def _furnish_attachments(shell: Shell) -> Attachments:
    settings, clock, hooks, random = shell.settings, shell.clock, shell.hooks, SystemRandom()
    store = BlobStore(settings.data_dir / "blobs", settings.attachment_max_bytes)
    shelf = Shelf(store, settings.attachment_quota_bytes)
    attachments = Attachments(shell.outbox.us, shelf)
    arrivals = Arrivals(shell.database, shelf, random)
    transfers = Transfers(shell.database, arrivals, shell.client, random)
    confirmations = Confirmations(shell.database, shell.outbox)
    shell.handlers.update(attachments.handlers())
    hooks.kept.append(attachments.link)
    hooks.returned.append(attachments.take_back)
    hooks.gate_rooms.update(BlobDesk(shell.database, shell.callers, arrivals).rooms())

    def move(now: datetime) -> Work | None:
        taken = transfers.take(now)
        if taken is None:
            return None
        return Work(partial(transfers.carry, taken, clock.now), more_waits=taken.others_wait)

    hooks.fetch += [at_once(confirmations.step), move]
    hooks.fetch_due.append(transfers.due)
    hooks.tidy.append(lambda now: shelf.sweep(shell.database, now))
    return attachments


def _furnish_emergencies(
    shell: Shell, search: SearchIndex, attachments: Attachments, alliances: AllianceService, agreed: Agreed
) -> EmergencyService:
    settings, hooks = shell.settings, shell.hooks
    emergencies = EmergencyService.build(
        DutyDeskOut(
            unit_code=settings.unit_code,
            name_zh=settings.name_zh,
            name_en=settings.name_en,
            duty_phone=settings.duty_phone,
        ),
        outbox=shell.outbox,
        peers=shell.peers,
        search=search,
        access=shell.access,
        attachments=attachments,
        roster=alliances.roster,
        policy=EmergencyPolicy(
            border=border(settings),
            border_area_m=settings.border_area_m,
            approval_required=settings.emergency_approval,
            terms=replace(EMERGENCY_TERMS, retain_months=settings.retention_months),
        ),
        agreed=agreed,
    )
    shell.handlers.update(emergencies.arrivals.handlers())
    hooks.returned.append(emergencies.arrivals.take_back)
    hooks.receipted.append(emergencies.arrivals.note_receipts)
    hooks.watch.append(watching(shell.database, emergencies.tasks.next_due, emergencies.tasks.watch))
    return emergencies
