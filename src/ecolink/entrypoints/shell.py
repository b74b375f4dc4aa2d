"""A node without its rooms, and what its rooms want to be told: `furnishing` and `cooperation` put the rooms in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.alerts.post_office import PostOffice
from ecolink.alerts.service import AlertService
from ecolink.audit.access import AccessLog
from ecolink.audit.log import EvidenceLog
from ecolink.entrypoints.loops import Take
from ecolink.exchanges.obligations.notices import OnNotice
from ecolink.federation.applying import Applier
from ecolink.federation.callers import Callers
from ecolink.federation.client import PeerClient
from ecolink.federation.gate import Room
from ecolink.federation.handling import Handler
from ecolink.federation.keystore import Keystore
from ecolink.federation.outbox import Observer, Outbox
from ecolink.federation.peers import Peers
from ecolink.federation.receipts import Confirmed, OnReceipt
from ecolink.federation.signer import Signer
from ecolink.federation.statements import Stored
from ecolink.federation.witnessing import Witnessing
from ecolink.identity.service import Identity
from ecolink.kit.clock import Clock
from ecolink.settings import Settings
from ecolink.storage.engine import Database


@dataclass(repr=False)
class Hooks:
    """What the rooms want to be told, filled in as they are furnished."""

    kept: list[Observer] = field(default_factory=list)
    returned: list[Observer] = field(default_factory=list)
    receipted: list[OnReceipt] = field(default_factory=list)
    rejected: dict[str, Handler] = field(default_factory=dict)
    """By the first word of the rejected statement's type."""
    watch: list[Callable[[datetime], datetime | None]] = field(default_factory=list)
    """Do what has fallen due, and tell when the next thing falls due."""
    noticed: list[OnNotice] = field(default_factory=list)
    """Told of each reminder and escalation; alerts begin here, among others."""
    fetch: list[Take] = field(default_factory=list)
    fetch_due: list[Callable[[], datetime | None]] = field(default_factory=list)
    """Tell when there will be something to fetch."""
    tidy: list[Callable[[datetime], object]] = field(default_factory=list)
    gate_rooms: dict[str, Room] = field(default_factory=dict)

    def on_kept(self, session: Session, stored: Stored, now: datetime) -> None:
        """Tell of a statement this node holds."""
        for hook in self.kept:
            hook(session, stored, now)

    def on_returned(self, session: Session, stored: Stored, now: datetime) -> None:
        """Tell of a statement of ours that a peer gave back."""
        for hook in self.returned:
            hook(session, stored, now)

    def on_receipt(self, session: Session, confirmed: Sequence[Confirmed], now: datetime) -> None:
        """Tell of entries a peer confirmed."""
        for hook in self.receipted:
            hook(session, confirmed, now)


@dataclass(frozen=True, repr=False, kw_only=True)
class Shell:
    """The node without its rooms."""

    settings: Settings
    clock: Clock
    database: Database
    peers: Peers
    keystore: Keystore
    signer: Signer
    outbox: Outbox
    callers: Callers
    client: PeerClient
    applier: Applier
    access: AccessLog
    log: EvidenceLog
    witnessing: Witnessing
    handlers: dict[str, Handler]
    hooks: Hooks
    post_office: PostOffice
    card: Callable[[Session, datetime], bytes]
    alerts: AlertService
    identity: Identity


def watching(
    database: Database,
    next_due: Callable[[Session], datetime | None],
    act: Callable[[Session, datetime], object],
    *,
    urgent: bool = False,
) -> Callable[[datetime], datetime | None]:
    """Return what does the work that has fallen due, and tells when there is more; None when none is planned."""

    def watch(now: datetime) -> datetime | None:
        """Look first: looking takes no write lock, and mostly nothing has fallen due."""
        with database.read() as session:
            due = next_due(session)
        if due is None or due > now:
            return due
        with database.begin(urgent=urgent) as session:
            act(session, now)
            return next_due(session)

    return watch
