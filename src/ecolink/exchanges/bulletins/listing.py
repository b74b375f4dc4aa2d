"""Finding bulletins: the filters, search and orders of their list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ecolink.exchanges.bulletins.models import Bulletin, BulletinRecipient, BulletinSubject
from ecolink.exchanges.bulletins.record import KIND
from ecolink.exchanges.bulletins.rules.tables import STANDING, State
from ecolink.protocol.kinds.bulletins import BulletinKind
from ecolink.protocol.kinds.liaison import OpenMatterV1, Topic
from ecolink.search.index import SearchIndex


class Sort(StrEnum):
    """The orders a list can have; a minus means latest first."""

    NEWEST = "-told_at"
    OLDEST = "told_at"
    CHANGED = "-updated_at"
    ENDING = "valid_until"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list shall hold; None stands for anything. Recalled ones are shown only when asked for by state."""

    direction: str | None = None
    kind: BulletinKind | None = None
    states: Sequence[State] = ()
    peer: str | None = None
    """A bureau that wrote it or holds it."""
    charge: str | None = None
    species: str | None = None
    valid_at: datetime | None = None
    unread: bool = False
    is_exercise: bool = False
    q: str | None = None


def matching(wanted: Wanted, search: SearchIndex) -> Select[Bulletin]:
    """Select the bulletins that agree with everything wanted.

    Raises:
        InvalidError: the query is too long.

    """
    # What is looked up is few; no index helps with "is not", and were it "is", they would be searched for through all.
    looked_up = wanted.unread or wanted.q or wanted.charge is not None or wanted.species is not None
    is_kind = Bulletin.is_exercise.is_not(not wanted.is_exercise)
    found = select(Bulletin).where(is_kind if looked_up else Bulletin.is_exercise.is_(wanted.is_exercise))
    states = wanted.states or [state for state in State if state is not State.RECALLED]
    found = found.where(Bulletin.state.in_([state.value for state in states]))
    if wanted.direction is not None:
        found = found.where(Bulletin.direction == wanted.direction)
    if wanted.kind is not None:
        found = found.where(Bulletin.kind == wanted.kind.value)
    if wanted.peer is not None:
        # Asked of each bulletin in turn: of a peer that holds most of them, all would be put in order for a page.
        holds = exists().where(BulletinRecipient.bulletin_id == Bulletin.id, BulletinRecipient.unit_code == wanted.peer)
        found = found.where(or_(Bulletin.author == wanted.peer, holds))
    for facet, value in (("charge", wanted.charge), ("species", wanted.species)):
        if value is not None:
            subject = select(BulletinSubject.bulletin_id).where(
                BulletinSubject.facet == facet, BulletinSubject.value == value
            )
            found = found.where(Bulletin.id.in_(subject))
    if wanted.valid_at is not None:
        standing = [state.value for state in STANDING]
        found = found.where(
            Bulletin.state.in_(standing), Bulletin.told_at <= wanted.valid_at, Bulletin.valid_until >= wanted.valid_at
        )
    if wanted.unread:
        found = found.where(Bulletin.direction == "in", Bulletin.opened_at.is_(None))
    if wanted.q:
        found = found.where(Bulletin.id.in_(search.matching_ids(KIND, wanted.q)))
    return found


def order_of(sort: Sort) -> tuple[Sequence[InstrumentedAttribute[Any]], bool]:
    """Return the columns of an order, and whether it descends."""
    column = {Sort.CHANGED: Bulletin.updated_at, Sort.ENDING: Bulletin.valid_until}.get(sort, Bulletin.told_at)
    return (column, Bulletin.id), sort in {Sort.NEWEST, Sort.CHANGED}


def open_with(session: Session, us: str, partner: str) -> list[OpenMatterV1]:
    """Return the standing bulletins between two bureaus that one of them has not opened, or not fed back on."""
    told = (
        select(Bulletin.thread, Bulletin.author, Bulletin.direction, Bulletin.opened_at, BulletinRecipient)
        .join(BulletinRecipient, BulletinRecipient.bulletin_id == Bulletin.id)
        .where(
            Bulletin.is_exercise.is_not(True),
            Bulletin.state.in_([state.value for state in STANDING]),
            or_(
                and_(Bulletin.author == us, BulletinRecipient.unit_code == partner),
                and_(Bulletin.author == partner, BulletinRecipient.unit_code == us),
            ),
        )
        .order_by(Bulletin.told_at, Bulletin.id)
    )
    waiting: dict[tuple[Topic, str], list[str]] = {}
    for thread, author, direction, opened_at, holder in session.execute(told):
        is_read = (opened_at if direction == "in" else holder.read_at) is not None
        topic: Topic = "bulletin-feedback" if is_read else "bulletin-unread"
        if not is_read or not holder.feedback:
            waiting.setdefault((topic, partner if author == us else us), []).append(thread)
    return [OpenMatterV1.of(partner, topic, ids, owing=owing) for (topic, owing), ids in sorted(waiting.items())]
