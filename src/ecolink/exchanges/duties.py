"""What the rooms that meet duties and the room that watches over them tell each other; wiring hands it over."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.standing import Evidence
from ecolink.protocol.kinds.agreements import DutyKind

InForce = Callable[[Session], Collection[Agreement]]
"""Every agreement that was ever signed by all its parties, ended ones too."""

OnAgreement = Callable[[Session, Agreement, datetime], None]
"""Told what is in force of an agreement, whenever all its parties have signed something more; telling twice is once."""

EvidenceOf = Callable[[Session, Obligation], Evidence]
"""What a room's signed records say of one obligation. Only what its parties signed counts."""

EvidenceByKind = Mapping[DutyKind, EvidenceOf]

Settle = Callable[[Session, Collection[str], datetime], None]
"""Told that records between these bureaus (ours among them) changed: obligations between them are judged anew."""

OpenNow = Callable[[Session, DutyKind, datetime], Collection[Obligation]]
"""What of a kind is open now and neither met nor waived, the one due first in front."""
