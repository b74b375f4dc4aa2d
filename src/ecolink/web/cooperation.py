"""The rooms in which bureaus keep what their agreements promise: the local API's part about co-operation.

Their endpoints stand in `routers`, in `routers_of_cooperation`.
"""

from dataclasses import dataclass

from ecolink.exchanges.agreements.service import AgreementService
from ecolink.exchanges.consultations.service import ConsultationService
from ecolink.exchanges.feeds.service import FeedService
from ecolink.exchanges.liaison.service import LiaisonService
from ecolink.exchanges.obligations.service import ObligationService
from ecolink.exchanges.quarterly.service import QuarterlyService


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Cooperation:
    """What the local API serves of co-operation; wiring fills it."""

    agreements: AgreementService
    liaison: LiaisonService
    consultations: ConsultationService
    feeds: FeedService
    obligations: ObligationService
    quarterly: QuarterlyService
