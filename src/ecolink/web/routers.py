"""The endpoints of the rooms. Apart from `rooms`, so that whoever serves nothing imports no web framework."""

from collections.abc import Sequence

from fastapi import APIRouter

from ecolink.exchanges.agreements import endpoints as agreements
from ecolink.exchanges.alliances import endpoints as alliances
from ecolink.exchanges.bulletins import endpoints as bulletins
from ecolink.exchanges.consultations import endpoints as consultations
from ecolink.exchanges.emergencies import endpoints as emergencies
from ecolink.exchanges.feeds import endpoints as feeds
from ecolink.exchanges.leads import endpoints as leads
from ecolink.exchanges.liaison import endpoints as liaison
from ecolink.exchanges.obligations import endpoints as obligations
from ecolink.exchanges.quarterly import endpoints as quarterly
from ecolink.exchanges.records import access_log, attachments, erasures
from ecolink.web import alerts, channels, duty, evidence, federation
from ecolink.web.cooperation import Cooperation
from ecolink.web.rooms import Rooms


def routers_of(rooms: Rooms) -> Sequence[APIRouter]:
    """Return the routers of the exchange rooms, each to stand under /api/v1."""
    return (
        leads.router(rooms.leads),
        bulletins.router(rooms.bulletins, rooms.leads.reading.home.name_zh),
        emergencies.router(rooms.emergencies),
        alliances.router(rooms.alliances),
        *routers_of_cooperation(rooms.cooperation),
        attachments.router(rooms.attachments, rooms.access),
        access_log.router(rooms.access),
        erasures.router(rooms.erasure),
        evidence.router(rooms.evidence, rooms.access),
        alerts.router(rooms.alerts, rooms.identity),
        duty.router(rooms.alerts),
        channels.channels_router(rooms.post_office),
        channels.contacts_router(rooms.post_office),
        channels.dispatches_router(rooms.post_office),
        federation.peers_router(rooms.exchange),
        federation.keys_router(rooms.exchange),
        federation.queues_router(rooms.exchange),
    )


def routers_of_cooperation(rooms: Cooperation) -> Sequence[APIRouter]:
    """Return the routers of the rooms of co-operation, each to stand under /api/v1."""
    return (
        agreements.router(rooms.agreements),
        obligations.router(rooms.obligations),
        consultations.router(rooms.consultations),
        feeds.router(rooms.feeds),
        liaison.router(rooms.liaison),
        quarterly.router(rooms.quarterly),
    )
