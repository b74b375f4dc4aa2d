"""The services whose endpoints make up the local API: one list for wiring, for `routers` and for the export."""

from dataclasses import dataclass

from ecolink.alerts.post_office import PostOffice
from ecolink.alerts.service import AlertService
from ecolink.attachments.service import Attachments
from ecolink.audit.access import AccessLog
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.exchanges.emergencies.service import EmergencyService
from ecolink.exchanges.leads.service import LeadService
from ecolink.federation.erasure import Erasure
from ecolink.federation.evidence import EvidenceDesk
from ecolink.identity.service import Identity
from ecolink.web.cooperation import Cooperation
from ecolink.web.exchange import Exchange


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Rooms:
    """What the local API serves; wiring fills it."""

    leads: LeadService
    bulletins: BulletinService
    emergencies: EmergencyService
    alliances: AllianceService
    post_office: PostOffice
    attachments: Attachments
    access: AccessLog
    erasure: Erasure
    evidence: EvidenceDesk
    exchange: Exchange
    cooperation: Cooperation
    alerts: AlertService
    identity: Identity
