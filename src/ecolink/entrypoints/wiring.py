"""One node, put together: the only place that knows every room.

`build_node` opens no database and reads no clock; `Node.open` then checks the schema and loads the signing key.
Rooms that must call upward (the inbox wakes the worker, a receipt moves a lead's deadline) are handed functions here.
What serves a node over HTTP is put on top by `applications`: a command or a worker alone imports no web framework.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

from sqlalchemy.orm import Session

from ecolink.alerts.post_office import PostOffice, network_postman
from ecolink.alerts.postman import NetworkPostman, Postman
from ecolink.alerts.service import AlertService
from ecolink.audit.access import AccessLog
from ecolink.audit.log import EvidenceLog
from ecolink.egress import WayOut
from ecolink.entrypoints.furnishing import furnish
from ecolink.entrypoints.loops import Work
from ecolink.entrypoints.shell import Hooks, Shell, watching
from ecolink.federation.applying import Applier
from ecolink.federation.callers import Callers
from ecolink.federation.client import PeerClient
from ecolink.federation.delivery import Delivery
from ecolink.federation.gate import Gate
from ecolink.federation.handling import Handler
from ecolink.federation.heads import HeadsDesk, Reconciliation
from ecolink.federation.inbox import MOST_TOGETHER, WORTH_A_COMMIT, Inbox
from ecolink.federation.intake import Intake
from ecolink.federation.keystore import Keystore
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import Peers
from ecolink.federation.pulling import PullDesk, Puller
from ecolink.federation.readers import Readers
from ecolink.federation.receipts import Receipts
from ecolink.federation.reclaiming import Reclaiming
from ecolink.federation.reinstating import Reinstating
from ecolink.federation.returning import ReturnDesk
from ecolink.federation.signer import LOCAL, LOG, SEAL, OwnKeys, Signer, read_keys
from ecolink.federation.tally import RefusalTally
from ecolink.federation.transport import HttpTransport, Transport
from ecolink.federation.witnessing import Witnessing
from ecolink.identity.provider import SIGN_ON_PATH, Provider, ProviderTerms
from ecolink.identity.roles import Role
from ecolink.identity.service import Identity
from ecolink.kit.buckets import Buckets
from ecolink.kit.clock import Clock
from ecolink.kit.vault import Vault
from ecolink.protocol.card import build_card
from ecolink.settings import Settings
from ecolink.storage.bells import Bells
from ecolink.storage.engine import Database, connect
from ecolink.storage.groups import GroupCommit
from ecolink.storage.heartbeats import Pulse
from ecolink.storage.schema import refuse_unless_current
from ecolink.surface.kept_answers import forget_expired
from ecolink.web.rooms import Rooms

TIDY_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, repr=False)
class Node:
    """Everything of one node, for the servers, the worker and the commands."""

    settings: Settings
    clock: Clock
    us: str
    database: Database
    keys: OwnKeys
    keystore: Keystore
    signer: Signer
    log: EvidenceLog
    access: AccessLog
    peers: Peers
    bells: Bells
    pulse: Pulse
    hooks: Hooks
    client: PeerClient
    outbox: Outbox
    callers: Callers
    inbox: Inbox
    readers: Readers
    receipts: Receipts
    gate: Gate
    delivery: Delivery
    reconciliation: Reconciliation
    witnessing: Witnessing
    handlers: dict[str, Handler]
    applier: Applier
    identity: Identity
    post_office: PostOffice
    postman: Postman
    alerts: AlertService
    transport: Transport
    rooms: Rooms

    def open(self) -> None:
        """Make ready for work.

        Raises:
            SettingError: the schema is not the one this software knows, or the node was never initialised.
            UnavailableError: the database cannot be reached.

        """
        with self.database.read() as session:
            refuse_unless_current(self.database.engine)
            self.keystore.refresh(session, self.signer)

    def close(self) -> None:
        """End the helper processes, and close connections to peers and to the database."""
        self.readers.close()
        for line in (self.transport, self.postman):
            if isinstance(line, HttpTransport | NetworkPostman):
                line.close()
        if self.identity.sign_on is not None:
            self.identity.sign_on.provider.close()
        self.database.dispose()

    def card(self, now: datetime) -> bytes:
        """Return this node's card, signed now."""
        with self.database.read() as session:
            return self.card_within(session, now)

    def card_within(self, session: Session, now: datetime) -> bytes:
        """Return this node's card, signed now, as the session sees its keys."""
        return build_card(
            iss=self.us,
            name_zh=self.settings.name_zh,
            name_en=self.settings.name_en,
            region=self.settings.region,
            federation_url=self.settings.federation_url,
            duty_phone=self.settings.duty_phone,
            manifests=self.keystore.documents(session, self.us),
            now=now,
            key=self.signer.key,
        )

    def refresh_key(self) -> None:
        """Sign with the key that our newest manifest names, also when another process changed it."""
        with self.database.read() as session:
            self.keystore.refresh(session, self.signer)

    def tick(self, now: datetime) -> datetime | None:
        """Do what has fallen due and return when the next thing does; None when nothing is planned."""
        self.refresh_key()
        return min((due for hook in self.hooks.watch if (due := hook(now))), default=None)

    def escalate(self, now: datetime) -> datetime | None:
        """Tell whom an alert is due to, and return when the next step is; None when none is planned.

        Apart from `tick`, so that no deadline and no fault of another room holds it up.
        """
        escalation = self.alerts.escalation
        return watching(self.database, escalation.next_due, escalation.step, urgent=True)(now)

    def compare(self, clock: Callable[[], datetime]) -> dict[str, str]:
        """Compare evidence logs and channel heads with every peer; return by peer what came of the heads.

        The logs go first: a node brought back from a backup declares that before its old log, grown anew by
        what it receives again, could show a second past. Who was silent then is left alone until the next time.
        """
        silent = self.witnessing.exchange(clock)
        told = self.reconciliation.run(clock, passing_over=silent)
        self.witnessing.prove(clock, passing_over=silent)
        return told

    def fetch(self, now: datetime) -> Work | None:
        """Take up something to fetch that a stored statement names (an attachment); None when there is nothing."""
        return next((work for take in self.hooks.fetch if (work := take(now))), None)

    def fetch_due(self) -> datetime | None:
        """Return when there will be something to fetch, as far as that is known."""
        return min((due for tell in self.hooks.fetch_due if (due := tell())), default=None)

    def tidy(self, now: datetime) -> None:
        """Drop what no longer counts: spent request tokens, ended logins, old tries."""
        with self.database.begin() as session:
            self.callers.forget_expired(session, now)
            self.identity.tidy(session, now)
            self.alerts.tidy(session, now)
            forget_expired(session, now)
        for hook in self.hooks.tidy:
            hook(now)


def build_node(
    settings: Settings, clock: Clock, *, transport: Transport | None = None, postman: Postman | None = None
) -> Node:
    """Put a node together from its settings. `transport` and `postman` replace the network in tests.

    Raises:
        SettingError: the keys are missing or readable by others.

    """
    us = settings.unit_code
    passphrase = settings.key_passphrase.get_secret_value().encode() if settings.key_passphrase else None
    keys = read_keys(settings.key_dir, passphrase)
    database = Database(connect(settings.database_url))
    log = EvidenceLog(us, keys.only(LOG), clock)
    access = AccessLog(log.append)
    database.before_commit(access.flush)
    database.before_commit(log.flush)

    bells, hooks, signer, pulse = Bells(database), Hooks(), Signer(), Pulse(database)
    peers = Peers(us, log)
    keystore = Keystore(us, keys, log, passphrase)
    callers = Callers(us, database, keystore)
    outbox = Outbox(us, signer, peers, log, hooks.on_kept)
    intake = Intake(us, callers, signer, log)
    readers = Readers()
    commits = GroupCommit(
        database, intake.keep, most=MOST_TOGETHER, enough=WORTH_A_COMMIT, more_is_coming=readers.are_behind
    )
    urgent_commits = GroupCommit(database, intake.keep, most=MOST_TOGETHER, urgent=True)
    inbox = Inbox(us, readers, commits, urgent_commits)
    transport = transport or HttpTransport(allowed_networks=settings.allowed_networks, tls=lambda: _tls(settings))
    client = PeerClient(us, signer, transport)
    witnessing = Witnessing(us, database, keystore, signer, client, peers, log)
    receipts = Receipts(us, log, witnessing.keep_checkpoint, hooks.on_receipt)
    puller = Puller(database, callers, client, inbox)
    reclaiming = Reclaiming(us, database, keystore, signer, client, Reinstating(us, receipts, log))
    handlers: dict[str, Handler] = {}
    applier = Applier(us, database, outbox, handlers, hooks.on_kept, hooks.on_returned, hooks.rejected)
    vault = Vault(keys.only(SEAL).private)
    postman = postman or network_postman(settings, lambda: _tls_to_services(settings))
    post_office = PostOffice.build(database, vault, access, postman, settings.console_url, SystemRandom())
    hooks.tidy.append(post_office.sending.sweep)
    identity = Identity.build(
        keys.only(LOCAL),
        us,
        access,
        vault,
        bureau=settings.name_zh,
        enrolling=map(Role, settings.second_factor_roles),
        provider=_provider(settings),
    )
    alerts = AlertService.build(identity, access, post_office.dispatches)
    post_office.sending.on_unreached.append(alerts.escalation.hurry)
    node = Node(
        settings=settings,
        clock=clock,
        us=us,
        database=database,
        keys=keys,
        keystore=keystore,
        signer=signer,
        log=log,
        access=access,
        peers=peers,
        bells=bells,
        pulse=pulse,
        hooks=hooks,
        client=client,
        outbox=outbox,
        callers=callers,
        inbox=inbox,
        readers=readers,
        receipts=receipts,
        gate=Gate(
            us=us,
            database=database,
            callers=callers,
            keystore=keystore,
            peers=peers,
            inbox=inbox,
            receipts=receipts,
            heads=HeadsDesk(us, signer, log),
            pulls=PullDesk(us, database, callers, signer),
            returns=ReturnDesk(database, callers, keystore),
            tally=RefusalTally(),
            card=lambda now: node.card(now),  # noqa: PLW0108 - the node does not exist yet
            calls=Buckets(settings.peer_calls_per_second, settings.peer_calls_burst),
        ),
        delivery=Delivery(us, database, keystore, signer, client, receipts, SystemRandom()),
        reconciliation=Reconciliation(
            us, database, keystore, client, peers, puller, log, reclaiming, witnessing.keep_checkpoint
        ),
        witnessing=witnessing,
        handlers=handlers,
        applier=applier,
        identity=identity,
        post_office=post_office,
        postman=postman,
        alerts=alerts,
        transport=transport,
        rooms=furnish(
            Shell(
                settings=settings,
                clock=clock,
                database=database,
                peers=peers,
                keystore=keystore,
                signer=signer,
                outbox=outbox,
                callers=callers,
                client=client,
                applier=applier,
                access=access,
                log=log,
                witnessing=witnessing,
                handlers=handlers,
                hooks=hooks,
                post_office=post_office,
                card=lambda session, now: node.card_within(session, now),  # noqa: PLW0108 - no node yet
                alerts=alerts,
                identity=identity,
            ),
        ),
    )
    node.gate.rooms.update(hooks.gate_rooms)
    return node


def _tls_to_services(settings: Settings) -> ssl.SSLContext:
    """Return how we check the certificates of the services that alerts go by."""
    context = ssl.create_default_context()
    if settings.alert_ca:
        context.load_verify_locations(settings.alert_ca)
    return context


def _provider(settings: Settings) -> Provider | None:
    """Return the bureau's identity provider, if there is one; it is called when the first person signs in with it."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.console_url is None:
        return None
    secret, home = settings.oidc_client_secret, settings.console_url.rstrip("/")
    ca = settings.oidc_ca or settings.tls_ca
    way_out = WayOut(
        allowed_networks=settings.oidc_networks,
        tls=lambda: ssl.create_default_context(cafile=str(ca) if ca else None),
        setting="ECOLINK_OIDC_NETWORKS",
    )
    terms = ProviderTerms(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        redirect_uri=home + SIGN_ON_PATH,
        home=home + "/sign-in",
        username_claim=settings.oidc_username_claim,
        groups_claim=settings.oidc_groups_claim,
        group_roles={group: frozenset(map(Role, roles)) for group, roles in settings.oidc_roles.items()},
    )
    return Provider(terms, way_out)


def _tls(settings: Settings) -> ssl.SSLContext:
    """Return how we check peers' certificates, and the one we show them."""
    context = ssl.create_default_context(cafile=str(settings.tls_ca) if settings.tls_ca else None)
    if settings.tls_certificate and settings.tls_key:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
