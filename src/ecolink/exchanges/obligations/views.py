"""Obligations as people see them: a line in a list, the whole of one with its evidence, and what they are told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.standing import State
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.exchanges.obligations.book import WAIVER, Book, obligation_of
from ecolink.exchanges.obligations.models import LatenessNotice, Notice, ObligationRow
from ecolink.exchanges.obligations.schemas import (
    ContributionOut,
    LatenessOut,
    NoticeOut,
    ObligationLineOut,
    ObligationOut,
    PartyOut,
    RecordOut,
    SignatureOut,
    WaiverOut,
    WaiverWordOut,
)
from ecolink.exchanges.obligations.waivers import WORDS
from ecolink.exchanges.personal_data import mask_name
from ecolink.federation import threads
from ecolink.federation.peers import Peers


class Names:
    """The bureaus' names, for showing who is who."""

    def __init__(self, home: PartyOut, session: Session, peers: Peers) -> None:
        """Look every peer up once."""
        self._known = {home.unit_code: home}
        for code, peer in peers.names(session).items():
            self._known[code] = PartyOut(unit_code=code, name_zh=peer.name_zh, name_en=peer.name_en)

    def __call__(self, code: str) -> PartyOut:
        """Return a bureau; one that is not known here stands with its code alone."""
        return self._known.get(code) or PartyOut(unit_code=code)


@dataclass(frozen=True, repr=False)
class Views:
    """Shows obligations and notices."""

    home: PartyOut
    peers: Peers
    book: Book

    def names(self, session: Session) -> Names:
        """Return everybody's names."""
        return Names(self.home, session, self.peers)

    def lines(self, session: Session, rows: Sequence[ObligationRow]) -> list[ObligationLineOut]:
        """Return the rows as lines of a list."""
        names = self.names(session)
        return [ObligationLineOut.model_validate(self._line(row, names)) for row in rows]

    def show(self, session: Session, row: ObligationRow) -> ObligationOut:
        """Return all of one obligation."""
        names = self.names(session)
        obligation = obligation_of(row)
        evidence = self.book.evidence(session, obligation)
        waivers = self._waivers(session, row, names)
        told = session.scalars(
            select(LatenessNotice).where(LatenessNotice.key == row.key).order_by(LatenessNotice.said_at)
        ).all()
        return ObligationOut.model_validate(
            {
                **self._line(row, names),
                "period_kind": obligation.duty.period,
                "grace_until": row.grace_until,
                "terms": row.terms,
                "least": obligation.duty.least,
                "done_in_time": row.done_in_time,
                "records": [_record(each, names) for each in evidence.records],
                "contributions": [
                    ContributionOut(party=names(party), at=at) for party, at in (evidence.contributions or {}).items()
                ],
                "waivers": waivers,
                "notices": self.notices(self.book.notices.of(session, row.key)),
                "lateness": [_lateness(each, row, names) for each in told],
                "may": ["waive"] if _owed(row) and all(each.state != "proposed" for each in waivers) else [],
                "next_at": row.next_at,
            }
        )

    def notices(self, notices: Iterable[Notice]) -> list[NoticeOut]:
        """Return notices as people see them."""
        return [_notice(each) for each in notices]

    def _line(self, row: ObligationRow, names: Names) -> dict[str, object]:
        duty = obligation_of(row).duty
        return {
            "key": row.key,
            "agreement": row.agreement,
            "agreement_zh": row.definition.agreement_zh,
            "agreement_en": row.definition.agreement_en,
            "duty": row.duty,
            "duty_zh": duty.name_zh,
            "duty_en": duty.name_en,
            "kind": duty.kind,
            "period": row.period,
            "partners": [names(code) for code in row.parties if code != self.home.unit_code],
            "convener": names(row.convener) if row.convener else None,
            "due_on": row.due_on,
            "opens_at": row.opens_at,
            "due_at": row.due_at,
            "settled": row.settled,
            "binds": row.binds,
            "state": State(row.state),
            "late": row.late,
            "fulfilled_at": row.fulfilled_at,
            "owing": row.owing,
        }

    def _waivers(self, session: Session, obligation: ObligationRow, names: Names) -> list[WaiverOut]:
        rows = session.scalars(
            select(CosignedDocument)
            .where(CosignedDocument.kind == WAIVER, CosignedDocument.subject == obligation.key)
            # Within a second, in which two may be written, their threads are in order.
            .order_by(CosignedDocument.written_at, CosignedDocument.thread)
        ).all()
        read = register.read(session, rows)
        return [
            WaiverOut(
                digest=row.digest,
                state=_waiver_state(row, read[row.digest]),
                agreed_at=row.completed_at,
                may=self._may(row, read[row.digest]) if _owed(obligation) else [],
                words=_waiver_words(session, row.thread, names),
            )
            for row in rows
        ]

    def _may(self, row: CosignedDocument, cosigning: Cosigning) -> list[Literal["accept", "decline", "withdraw"]]:
        if row.withdrawn_at is not None:
            return []
        if row.author == self.home.unit_code:
            return ["withdraw"]
        return [] if self.home.unit_code in cosigning.signatures else ["accept", "decline"]


def _owed(row: ObligationRow) -> bool:
    return row.binds and row.state not in {State.FULFILLED, State.WAIVED}


def _record(cosigning: Cosigning, names: Names) -> RecordOut:
    parties = []
    for code in sorted(cosigning.parties):
        objection = cosigning.objections.get(code)
        parties.append(
            SignatureOut(
                party=names(code),
                signed_at=cosigning.signatures.get(code),
                objected_at=objection.at if objection else None,
                reason=objection.reason if objection else None,
            )
        )
    return RecordOut(
        digest=cosigning.digest,
        author=names(cosigning.author),
        written_at=cosigning.written_at,
        completed_at=cosigning.completed_at,
        parties=parties,
    )


def _waiver_state(
    row: CosignedDocument, cosigning: Cosigning
) -> Literal["proposed", "declined", "agreed", "withdrawn"]:
    if row.withdrawn_at is not None:
        return "withdrawn"
    if row.completed_at is not None:
        return "agreed"
    return "declined" if cosigning.objections else "proposed"


def _waiver_words(session: Session, thread: str, names: Names) -> list[WaiverWordOut]:
    words = []
    for stored in threads.load(session, thread):
        said = stored.statement
        if said.type not in WORDS or stored.state != "applied":
            continue
        name = ((said.private_data or {}).get("by") or {}).get("name")
        words.append(
            WaiverWordOut.model_validate(
                {
                    "party": names(said.iss),
                    "word": said.type.split(".")[1].removeprefix("waiver_"),
                    "at": said.iat,
                    "reason": said.body.get("reason"),
                    "by": name and mask_name(name),
                }
            )
        )
    return words


def _lateness(word: LatenessNotice, row: ObligationRow, names: Names) -> LatenessOut:
    return LatenessOut.model_validate(
        {
            "author": names(word.author),
            "said_at": word.said_at,
            "digest": word.digest,
            "due_on": word.due_on,
            "owing": word.owing,
            "done": word.done,
            "differs": [what for what in ("due_on", "terms") if getattr(word, what) != getattr(row, what)],
            "rejected": word.rejected,
        }
    )


def _notice(notice: Notice) -> NoticeOut:
    return NoticeOut.model_validate(notice, from_attributes=True)
