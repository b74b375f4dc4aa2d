"""Obligations of the bureaus of a town as tests look at them, and records that meet them."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.standing import Evidence
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.obligations.models import LatenessNotice, Notice, ObligationRow
from ecolink.exchanges.obligations.service import ObligationService
from ecolink.federation.models import StatementRow
from ecolink.kit.canonical import sha256_hex
from ecolink.protocol.kinds.obligations import LATE
from tests.support.town import Town

DECEMBER, JANUARY = "sn-qy-151/liaison/2026-12", "sn-qy-151/liaison/2027-01"


def room(node: Node) -> ObligationService:
    return node.rooms.cooperation.obligations


def record(nodes: Iterable[Node], key: str, members: Iterable[str], signers: Iterable[str], at: datetime) -> None:
    """Enter a liaison record of one period, signed by some, at every node."""
    signers = list(signers)
    for node in nodes:
        with node.database.begin() as session:
            digest = sha256_hex(f"{key} {signers[0]} {at}".encode())
            cosigning = Cosigning.begin(digest, signers[0], members, at)
            for signer in signers[1:]:
                cosigning = cosigning.sign(signer, at)
            register.begin(session, cosigning, kind="contact", subject=key, thread="")
            room(node).book.settle(session, members, node.clock.now())


def contacts(session: Session, obligation: Obligation) -> Evidence:
    """Return the records entered by `record`: what the liaison room's evidence is to a node."""
    rows = session.scalars(register.about("contact", [obligation.key])).all()
    return Evidence(records=tuple(register.read(session, rows).values()))


def take_records(*nodes: Node) -> None:
    """Let nodes judge by what `record` enters."""
    for node in nodes:
        room(node).book.evidence_by_kind["liaison"] = contacts  # type: ignore[index]  # the node's own is a dict


def obligation(node: Node, key: str) -> ObligationRow:
    with node.database.read() as session:
        return session.get_one(ObligationRow, key)


def keys(node: Node) -> list[str]:
    with node.database.read() as session:
        return list(session.scalars(select(ObligationRow.key).order_by(ObligationRow.key)))


def told(node: Node, key: str) -> list[tuple[str, str, str]]:
    """Return what our people were told of an obligation: step, level, state."""
    with node.database.read() as session:
        rows = session.scalars(select(Notice).where(Notice.subject == key).order_by(Notice.id))
        return [(row.step, row.role, row.state) for row in rows]


def lateness(node: Node, key: str) -> dict[str, LatenessNotice]:
    """Return by author who said that an obligation is overdue."""
    with node.database.read() as session:
        rows = session.scalars(select(LatenessNotice).where(LatenessNotice.key == key))
        return {row.author: row for row in rows}


def sayings(node: Node, author: str) -> int:
    """Count the notices of lateness of one bureau that a node holds."""
    with node.database.read() as session:
        found = select(func.count()).where(StatementRow.type == LATE, StatementRow.iss == author)
        return session.scalar(found) or 0


def picture(node: Node) -> list[tuple[Any, ...]]:
    """Return what all parties must agree on."""
    with node.database.read() as session:
        rows = session.scalars(select(ObligationRow).order_by(ObligationRow.key))
        return [
            (row.key, row.terms, row.due_on, row.settled, row.state, row.late, row.fulfilled_at, row.owing, row.binds)
            for row in rows
        ]


def live_until(town: Town, day: date, step: timedelta = timedelta(days=1)) -> None:
    """Let days go by until noon of `day`, Asia/Shanghai, with every node at work."""
    noon = datetime.fromisoformat(f"{day}T12:00:00+08:00")
    while town.clock.now() < noon:
        town.wait(min(step, noon - town.clock.now()))
