"""Applying what bureaus say of exchanges: peers' words, our own, and ours that a peer gave back after a restore."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.exchanges.bodies import read_body
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.duties import Settle
from ecolink.exchanges.quarterly import ledger, rules
from ecolink.exchanges.quarterly.models import Exchange, Package, PackageDraft
from ecolink.federation import threads
from ecolink.federation.handling import Handlers, Reject
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.common import Kind
from ecolink.protocol.kinds.exchange import (
    KINDS,
    ExchangeFeedbackV1,
    ExchangeReadV1,
    ExchangeSignedOffV1,
    ExchangeSubmittedV1,
)

MAX_EDITIONS = 50
"""Packages of one party in one exchange; beyond that nobody is correcting any more."""

_KINDS: Mapping[str, Kind] = {kind.type: kind for kind in KINDS}
_Body = ExchangeSubmittedV1 | ExchangeReadV1 | ExchangeFeedbackV1 | ExchangeSignedOffV1


@dataclass(frozen=True, repr=False)
class Arrivals:
    """Enters what was said; whatever crossed on the way, all parties' rows end alike."""

    us: str
    settle: Settle

    def handlers(self) -> Handlers:
        """Return what applies each type of statement."""
        return dict.fromkeys(_KINDS, self.apply)

    def apply(self, session: Session, stored: Stored, now: datetime) -> None:
        """Apply one statement; applying it twice is applying it once.

        Raises:
            Reject: its author should have known that it does not stand.

        """
        body = _read(stored)
        if isinstance(body, ExchangeSubmittedV1):
            exchange = _enter(session, stored, body, now)
        else:
            exchange = _locked(session, stored)
            _enter_word(session, exchange, stored, body)
        ledger.refresh(session, exchange, now)
        self.settle(session, exchange.parties, now)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Enter a statement of ours that a restore had forgotten.

        A word on a package that is not here again yet is entered with the package.
        """
        if stored.statement.type in _KINDS:
            with suppress(Reject):
                self.apply(session, stored, now)
            _drop_what_was_sent(session, stored.statement.thread, self.us)

    def on_rejected(self, session: Session, stored: Stored, now: datetime) -> None:  # noqa: ARG002 - a hook
        """A party's node rejected a package of ours: keep why, so that whoever sent it sees it."""
        said = stored.statement
        row = session.get(Package, str(said.body.get("digest")))
        if row is not None and row.author == self.us:
            row.rejected_because = f"{said.iss}: {said.body.get('code')}: {said.body.get('detail')}"[:1000]


def _drop_what_was_sent(session: Session, exchange_id: str, us: str) -> None:
    """Drop a draft that a backup still held, and that was sent since."""
    draft, sent = session.get(PackageDraft, exchange_id), ledger.current_of(session, exchange_id, us)
    if draft is not None and sent is not None and draft.supersedes != sent.digest:
        session.delete(draft)
        session.flush()


def _read(stored: Stored) -> _Body:
    body = read_body(stored, _KINDS[stored.statement.type])
    assert isinstance(body, _Body)  # noqa: S101 - the table of kinds says so
    return body


def _locked(session: Session, stored: Stored) -> Exchange:
    said = stored.statement
    exchange = session.get(Exchange, said.thread, with_for_update=True, populate_existing=True)
    if exchange is None:
        raise Reject("unknown-package", "no package was ever told in this thread")
    if {said.iss, *said.aud} != {*exchange.parties}:
        raise Reject("wrong-audience", "what is said of an exchange is said to all of its parties, and to no other")
    return exchange


def _enter(session: Session, stored: Stored, body: ExchangeSubmittedV1, now: datetime) -> Exchange:
    """Enter a package, and what we had said of it before a restore."""
    said = stored.statement
    parties = {said.iss, *said.aud}
    try:
        thread = rules.thread_of(body.obligation, parties)
    except ValueError as fault:
        raise Reject("no-such-period", str(fault)) from None
    if thread != said.thread:
        raise Reject("wrong-thread", "it is not told in the thread of its obligation and its parties")
    exchange = ledger.exchange_for(session, body.obligation, parties, now)
    if session.get(Package, said.digest) is not None:
        return exchange
    before = ledger.current_of(session, exchange.id, said.iss)
    if body.supersedes != (before.digest if before else None):
        raise Reject("superseded-already", "it takes the place of a package that is not its author's present one")
    if before is not None and before.edition >= MAX_EDITIONS:
        raise Reject("corrected-too-often", f"a package is corrected {MAX_EDITIONS} times at most")

    if before is not None:
        before.is_current = False
        session.flush()
    session.add(
        Package(
            digest=said.digest,
            exchange_id=exchange.id,
            author=said.iss,
            jti=said.jti,
            edition=before.edition + 1 if before else 1,
            nothing_to_report=body.nothing_to_report,
            submitted_at=said.iat,
        )
    )
    session.flush()
    for each in threads.load(session, said.thread):
        if each.returned_at is not None and each.statement.type != said.type:
            with suppress(Reject):
                _enter_word(session, exchange, each, _read(each))
    return exchange


def _enter_word(session: Session, exchange: Exchange, stored: Stored, body: _Body) -> None:
    said = stored.statement
    match body:
        case ExchangeReadV1(package=digest):
            _refuse_own(session, exchange, digest, said.iss)
            word = ledger.word_of(session, digest, said.iss)
            if word.read_at is None or said.iat < word.read_at:
                word.read_at, word.read_role = said.iat, said.author_role
        case ExchangeFeedbackV1(package=digest):
            _refuse_own(session, exchange, digest, said.iss)
            word = ledger.word_of(session, digest, said.iss)
            if word.read_at is None:
                raise Reject("not-read", "whoever feeds back has read the package")
            if word.fed_back_at is None or said.iat >= word.fed_back_at:
                word.fed_back_at, word.usefulness = said.iat, body.usefulness
                word.remarks, word.correction_wanted = body.remarks, body.correction_wanted
        case ExchangeSignedOffV1():
            _sign_off(session, exchange, stored, body)
    session.flush()


def _refuse_own(session: Session, exchange: Exchange, digest: str, by: str) -> None:
    package = session.get(Package, digest)
    if package is None or package.exchange_id != exchange.id:
        raise Reject("unknown-package", "it speaks of a package that was never told in this thread")
    if package.author == by:
        raise Reject("wrong-side", "nobody reads and rates a package of their own")


def _sign_off(session: Session, exchange: Exchange, stored: Stored, body: ExchangeSignedOffV1) -> None:
    """Enter a party's signature over packages it has read and answered, one of each party."""
    said = stored.statement
    rows = [row for row in ledger.packages(session, exchange.id) if row.digest in body.packages]
    signed = list(ledger.contributions(rows, ledger.words(session, rows)).values())
    if len(signed) != len(body.packages):
        raise Reject("unknown-package", "it signs a package that was never told in this thread")
    try:
        cosigning = rules.begin_signing(signed, exchange.parties)
    except ValueError as fault:
        raise Reject("wrong-packages", str(fault)) from None
    if rules.unanswered(signed, said.iss):
        raise Reject("not-read", "whoever signs off has read the other parties' packages and fed back")
    register.begin(session, cosigning, kind=ledger.KIND, subject=exchange.obligation, thread=exchange.id)
    try:
        register.sign(session, cosigning.digest, said.iss, said.iat)
    except (LookupError, ValueError) as fault:
        raise Reject("does-not-count", str(fault)) from None
