"""The rows of exchanges: written from what was said, read for decisions and as evidence."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.standing import Evidence
from ecolink.errors import NotFoundError
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.exchanges.quarterly import rules
from ecolink.exchanges.quarterly.models import Exchange, Package, PackageWord
from ecolink.exchanges.quarterly.rules import Contribution
from ecolink.protocol.kinds.exchange import exchange_digest
from ecolink.storage.upsert import insert_new

KIND = "exchange"
"""What the register and the access log call an exchange."""


def find(session: Session, exchange_id: str, *, lock: bool = False) -> Exchange:
    """Return one exchange; `lock` it for anything that changes it.

    Raises:
        NotFoundError: there is no such exchange.

    """
    exchange = session.get(Exchange, exchange_id, with_for_update=lock, populate_existing=lock)
    if exchange is None:
        raise NotFoundError
    return exchange


def exchange_for(session: Session, obligation: str, parties: Collection[str], now: datetime) -> Exchange:
    """Return the exchange of these parties for an obligation, locked; it is entered where it was not known.

    Raises:
        ValueError: the obligation's key names no period.

    """
    exchange_id = rules.thread_of(obligation, parties)
    row = {
        "id": exchange_id,
        "obligation": obligation,
        "agreement": obligation.partition("/")[0],
        "period": rules.period_of(obligation).label,
        "parties": sorted(parties),
        "state": rules.State.OPEN.value,
        "updated_at": now,
    }
    if session.get(Exchange, exchange_id) is None:
        insert_new(session, Exchange, [row])
    return find(session, exchange_id, lock=True)


def packages(session: Session, exchange_id: str) -> list[Package]:
    """Return every package of an exchange, each party's in order."""
    of_exchange = select(Package).where(Package.exchange_id == exchange_id)
    return list(session.scalars(of_exchange.order_by(Package.author, Package.edition)))


def current_of(session: Session, exchange_id: str, author: str) -> Package | None:
    """Return the package of one party that stands."""
    return session.scalar(
        select(Package).where(Package.exchange_id == exchange_id, Package.author == author, Package.is_current)
    )


def words(session: Session, rows: Sequence[Package]) -> dict[tuple[str, str], PackageWord]:
    """Return what parties said of packages, by package and party."""
    said = session.scalars(select(PackageWord).where(PackageWord.package.in_([row.digest for row in rows])))
    return {(word.package, word.party): word for word in said}


def word_of(session: Session, package: str, party: str) -> PackageWord:
    """Return the row of what a party says of a package, entered where there is none."""
    word = session.get(PackageWord, (package, party))
    if word is None:
        word = PackageWord(package=package, party=party)
        session.add(word)
    return word


def contributions(rows: Sequence[Package], said: Mapping[tuple[str, str], PackageWord]) -> dict[str, Contribution]:
    """Return packages by digest as decisions need them."""
    return {
        row.digest: Contribution(
            digest=row.digest,
            author=row.author,
            submitted_at=row.submitted_at,
            is_current=row.is_current,
            nothing_to_report=row.nothing_to_report,
            read_by=frozenset(party for (digest, party), word in said.items() if digest == row.digest and word.read_at),
            fed_back_by=frozenset(
                party for (digest, party), word in said.items() if digest == row.digest and word.fed_back_at
            ),
        )
        for row in rows
    }


def standing(session: Session, exchange_id: str) -> list[Contribution]:
    """Return the packages of an exchange that stand, one of each party that sent one."""
    rows = [row for row in packages(session, exchange_id) if row.is_current]
    return list(contributions(rows, words(session, rows)).values())


def signings(session: Session, exchange_ids: Collection[str]) -> dict[str, list[Cosigning]]:
    """Return by exchange what was signed off, and how far."""
    found = select(CosignedDocument).where(CosignedDocument.kind == KIND, CosignedDocument.thread.in_(exchange_ids))
    documents = list(session.scalars(found))
    read = register.read(session, documents)
    signed: dict[str, list[Cosigning]] = {exchange_id: [] for exchange_id in exchange_ids}
    for document in documents:
        signed[document.thread].append(read[document.digest])
    return signed


def signing_of(session: Session, current: Collection[Contribution], exchange: Exchange) -> Cosigning | None:
    """Return how far the packages that stand are signed off; None while one is missing."""
    if {package.author for package in current} < set(exchange.parties):
        return None
    digest = exchange_digest(package.digest for package in current)
    known = session.get(CosignedDocument, digest)
    if known is None:
        return rules.begin_signing(current, exchange.parties)
    return register.read(session, [known])[digest]


def refresh(session: Session, exchange: Exchange, now: datetime) -> None:
    """Write down how far an exchange is."""
    signed = signings(session, [exchange.id])[exchange.id]
    state = rules.state_of(standing(session, exchange.id), exchange.parties, signed)
    exchange.state, exchange.updated_at = state.value, now
    session.flush()


def evidence_of(session: Session, obligation: Obligation) -> Evidence:
    """Return what signed packages say of one obligation of exchanging."""
    exchange_id = rules.thread_of(obligation.key, obligation.parties)
    sent: dict[str, datetime] = {}
    for row in packages(session, exchange_id):
        sent[row.author] = min(row.submitted_at, sent.get(row.author, row.submitted_at))
    return Evidence(records=rules.counting(signings(session, [exchange_id])[exchange_id]), contributions=sent)
