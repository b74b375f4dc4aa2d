"""Administration of the exchange itself: peers, keys, queues, what was set aside, alarms."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.errors import NotFoundError
from ecolink.federation import queues
from ecolink.federation.models import Alarm
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.card import fingerprint
from ecolink.surface.auth import requires
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute
from ecolink.web.exchange import Exchange
from ecolink.web.federation_schemas import (
    AlarmOut,
    CardIn,
    CardOut,
    FingerprintIn,
    KeyOut,
    KeysOut,
    ParkedOut,
    PeerOut,
    QueueOut,
    ReasonIn,
    RetriedOut,
    RetryIn,
    RevokeIn,
)

ReadsPeers = Annotated[Principal, requires(Permission.PEER_READ)]
ManagesPeers = Annotated[Principal, requires(Permission.PEER_MANAGE)]
ReadsKeys = Annotated[Principal, requires(Permission.KEY_READ)]
ManagesKeys = Annotated[Principal, requires(Permission.KEY_MANAGE)]
ReadsQueues = Annotated[Principal, requires(Permission.QUEUE_READ)]
ManagesInbox = Annotated[Principal, requires(Permission.INBOX_MANAGE)]


def peers_router(exchange: Exchange) -> APIRouter:
    """Return the endpoints about other bureaus' nodes and our own card."""
    api = APIRouter(tags=["peers"], route_class=TransactionalRoute)
    peers = exchange.peers

    @api.get("/card", operation_id="get_card", summary="Show this node's card")
    def get_card(session: SessionDep, now: NowDep, by: ReadsPeers) -> CardOut:  # noqa: ARG001
        """Return the card to hand to another bureau, and the fingerprint to read out to them by phone."""
        head = exchange.keystore.head(session, exchange.us)
        return CardOut(
            unit_code=exchange.us,
            card=exchange.card(session, now).decode(),
            fingerprint=fingerprint(exchange.us, head.digest),
        )

    @api.get("/peers", operation_id="list_peers", summary="List peers")
    def list_peers(session: SessionDep, by: ReadsPeers) -> Page[PeerOut]:  # noqa: ARG001
        """List the bureaus whose cards were imported, by unit code."""
        return Page(items=[PeerOut.of(peer) for peer in peers.names(session).values()])

    @api.get("/peers/{unit_code}", operation_id="get_peer", summary="Show a peer")
    def get_peer(unit_code: str, session: SessionDep, by: ReadsPeers) -> PeerOut:  # noqa: ARG001
        """Show one bureau's node: state, fingerprint, when it was last heard, how far its clock is off."""
        return PeerOut.of(peers.get(session, unit_code))

    @api.post("/peers", operation_id="import_peer", summary="Import a bureau's card", status_code=201)
    def import_peer(body: CardIn, session: SessionDep, now: NowDep, by: ManagesPeers) -> PeerOut:
        """Keep a card as a pending peer. Nothing is exchanged before the fingerprint was compared by phone."""
        peer = peers.import_card(session, body.card.strip().encode(), by=by.username, now=now)
        exchange.note(session, "peer-import", peer.unit_code, by, now)
        return PeerOut.of(peer)

    @api.post("/peers/{unit_code}/activate", operation_id="activate_peer", summary="Activate a peer")
    def activate_peer(
        unit_code: str, body: FingerprintIn, session: SessionDep, now: NowDep, by: ManagesPeers
    ) -> PeerOut:
        """Trust a peer's keys: send the fingerprint exactly as a person there read it out over the phone."""
        peer = peers.activate(session, unit_code, read_out=body.fingerprint, by=by.username, now=now)
        exchange.note(session, "peer-activate", unit_code, by, now)
        return PeerOut.of(peer)

    @api.post("/peers/{unit_code}/suspend", operation_id="suspend_peer", summary="Suspend a peer")
    def suspend_peer(unit_code: str, body: ReasonIn, session: SessionDep, now: NowDep, by: ManagesPeers) -> PeerOut:
        """Stop exchanging with a peer. Queues wait; receipts, key changes and recalls still pass."""
        peer = peers.suspend(session, unit_code, reason=body.reason, by=by.username, now=now)
        exchange.note(session, "peer-suspend", unit_code, by, now, body.reason)
        return PeerOut.of(peer)

    return api


def keys_router(exchange: Exchange) -> APIRouter:
    """Return the endpoints about this node's own public keys."""
    api = APIRouter(prefix="/keys", tags=["keys"], route_class=TransactionalRoute)
    keystore = exchange.keystore

    def told(session: Session) -> KeysOut:
        head = keystore.head(session, exchange.us)
        return KeysOut(
            manifest_version=head.version,
            fingerprint=fingerprint(exchange.us, head.digest),
            keys=[KeyOut.of(key) for key in head.keys],
        )

    @api.get("", operation_id="list_keys", summary="List this node's keys")
    def list_keys(session: SessionDep, by: ReadsKeys) -> KeysOut:  # noqa: ARG001
        """List the public keys of this node's newest manifest, those of the past included."""
        return told(session)

    @api.post("/rotate", operation_id="rotate_key", summary="Change the signing key")
    def rotate_key(session: SessionDep, now: NowDep, by: ManagesKeys) -> KeysOut:
        """Change to the committed next signing key. The old one stays valid for a week.

        Peers learn of the new one with what is next sent to them, at the latest within ten minutes.
        """
        keystore.rotate(session, now)
        exchange.note(session, "key-rotate", exchange.us, by, now)
        return told(session)

    @api.post("/revoke", operation_id="revoke_key", summary="Revoke the signing key")
    def revoke_key(body: RevokeIn, session: SessionDep, now: NowDep, by: ManagesKeys) -> KeysOut:
        """Revoke the present signing key at once, because it may be in other hands."""
        keystore.revoke(session, now, compromised_since=body.compromised_since)
        exchange.note(session, "key-revoke", exchange.us, by, now, body.reason)
        return told(session)

    return api


def queues_router(exchange: Exchange) -> APIRouter:
    """Return the endpoints about what waits to be sent, what was set aside, and what needs a look."""
    api = APIRouter(tags=["queues"], route_class=TransactionalRoute)
    applier = exchange.applier

    @api.get("/queues", operation_id="list_queues", summary="Show what waits to be sent")
    def list_queues(session: SessionDep, by: ReadsQueues) -> Page[QueueOut]:  # noqa: ARG001
        """Show every outgoing channel: how many wait, since when, the last error, the next try."""
        return Page(items=[QueueOut.of(queue) for queue in queues.status(session)])

    @api.get("/inbox/parked", operation_id="list_parked", summary="Show what was set aside")
    def list_parked(session: SessionDep, by: ManagesInbox) -> Page[ParkedOut]:  # noqa: ARG001
        """Show the received statements that could not be applied, with the reason, oldest first."""
        return Page(items=[ParkedOut.of(parked) for parked in applier.parked(session)])

    @api.post("/inbox/parked/retry", operation_id="retry_parked", summary="Try again what was set aside")
    def retry_parked(body: RetryIn, session: SessionDep, now: NowDep, by: ManagesInbox) -> RetriedOut:
        """Put one statement, or all that were set aside, back in the queue."""
        retried = applier.retry(session, body.statement)
        exchange.note(session, "inbox-retry", body.statement or "all", by, now)
        return RetriedOut(retried=retried)

    @api.get("/alarms", operation_id="list_alarms", summary="Show alarms")
    def list_alarms(
        session: SessionDep,
        paging: Paging,
        by: ReadsQueues,  # noqa: ARG001
        closed: Annotated[bool, Query(description="Show the closed ones instead.")] = False,  # noqa: FBT002
    ) -> Page[AlarmOut]:
        """Show what an operator must look at: forks, equivocations, restores, peers whose log shows two pasts."""
        chosen = select(Alarm).where(Alarm.closed_at.is_not(None) if closed else Alarm.closed_at.is_(None))
        return paging.read(session, chosen, order=(Alarm.id,), shape=AlarmOut.of)

    @api.post("/alarms/{alarm_id}/close", operation_id="close_alarm", summary="Close an alarm")
    def close_alarm(alarm_id: int, body: ReasonIn, session: SessionDep, now: NowDep, by: ManagesInbox) -> AlarmOut:
        """Close an alarm that was looked into; the reason stands in the access log."""
        alarm = session.get(Alarm, alarm_id, with_for_update=True) if alarm_id < 2**31 else None
        if alarm is None:
            raise NotFoundError
        alarm.closed_at = alarm.closed_at or now
        exchange.note(session, "alarm-close", str(alarm_id), by, now, body.reason)
        return AlarmOut.of(alarm)

    return api
