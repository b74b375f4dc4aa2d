"""The services whose endpoints make up the local API: one list for wiring and for the export."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from ecolink.attachments.service import Attachments
from ecolink.audit.access import AccessLog
from ecolink.exchanges.alliances import endpoints as alliances
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.exchanges.bulletins import endpoints as bulletins
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.exchanges.emergencies import endpoints as emergencies
from ecolink.exchanges.emergencies.service import EmergencyService
from ecolink.exchanges.leads import endpoints as leads
from ecolink.exchanges.leads.service import LeadService
from ecolink.exchanges.records import access_log, attachments, erasures
from ecolink.federation.erasure import Erasure
from ecolink.federation.evidence import EvidenceDesk
from ecolink.web import evidence, federation
from ecolink.web.cooperation import Cooperation
from ecolink.web.federation import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the local API serves; wiring fills it."""

    leads: LeadService
    bulletins: BulletinService
    emergencies: EmergencyService
    alliances: AllianceService
    attachments: Attachments
    access: AccessLog
    erasure: Erasure
    evidence: EvidenceDesk
    exchange: Exchange
    cooperation: Cooperation

    def routers(self) -> Sequence[APIRouter]:
        """Return the routers of the exchange rooms, each to stand under /api/v1."""
        return (
            leads.router(self.leads),
            bulletins.router(self.bulletins),
            emergencies.router(self.emergencies),
            alliances.router(self.alliances),
            *self.cooperation.routers(),
            attachments.router(self.attachments, self.access),
            access_log.router(self.access),
            erasures.router(self.erasure),
            evidence.router(self.evidence, self.access),
            federation.peers_router(self.exchange),
            federation.keys_router(self.exchange),
            federation.queues_router(self.exchange),
        )
