"""Keeping the rows true to the thread: what an emergency is, as lists and screens read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ecolink.errors import IllegalMoveError, NotFoundError
from ecolink.exchanges.emergencies.border import Border
from ecolink.exchanges.emergencies.fires import border_report, grade_fire
from ecolink.exchanges.emergencies.history import History
from ecolink.exchanges.emergencies.models import Answer, Emergency
from ecolink.exchanges.emergencies.rules import NAMES_ZH, TABLE, EmergencyState, Side
from ecolink.exchanges.governance import GovernanceOut, handling_out
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.emergencies import BorderDistance, EmergencyAlertV1, EmergencyCancelV1, Situation
from ecolink.protocol.statement import Statement
from ecolink.search.index import SearchIndex

KIND = "emergency"
"""What the search index and the access log call an emergency."""


@dataclass(frozen=True, repr=False, kw_only=True)
class Register:
    """Reads and writes the rows of emergencies."""

    us: str
    border: Border
    border_area_m: int
    search: SearchIndex

    def find(self, session: Session, emergency_id: str, *, lock: bool = False) -> Emergency:
        """Return one emergency; `lock` it for a move.

        Raises:
            NotFoundError: there is none.

        """
        row = session.get(Emergency, emergency_id, with_for_update=lock or None, populate_existing=lock)
        if row is None:
            raise NotFoundError
        return row

    def take(self, session: Session, emergency_id: str, move: str) -> Emergency:
        """Return one emergency, locked for a move of ours.

        Raises:
            NotFoundError: there is none.
            IllegalMoveError: the move is not ours to make, or not now.

        """
        row = self.find(session, emergency_id, lock=True)
        _refuse_illegal(move, row.state, Side.AUTHOR if row.author == self.us else Side.RECIPIENT)
        return row

    def open(self, session: Session, alert: Stored) -> Emergency:
        """Return the new row of a peer's alert."""
        said = alert.statement
        row = Emergency(
            id=said.thread,
            author=said.iss,
            recipients=list(said.aud),
            raised_at=alert.received_at,
            clock_suspect=alert.clock_suspect,
            governance=terms_of(said).model_dump(mode="json"),
            retain_until=said.retain_until,
            attachments=[],
        )
        session.add(row)
        return row

    def refresh(self, session: Session, row: Emergency) -> None:
        """Bring the row up to what the thread says now."""
        self.write(session, row, History.load(session, row.id, author=row.author))

    def write(self, session: Session, row: Emergency, history: History) -> None:
        """Bring the row up to what the thread says, as `history` holds it."""
        if history.alert is None or history.situation is None:
            return
        (alert, opening), (told, situation) = history.alert, history.situation
        row.state = EmergencyState.CANCELLED if history.cancel or row.cancelled_at else EmergencyState.OPEN
        row.sent_at, row.told_at = alert.statement.iat, told.statement.iat
        row.recipients = list(alert.statement.aud)
        self._write_alliance(row, opening)
        if row.situation_digest != told.statement.digest:
            row.situation_digest = told.statement.digest
            self.describe(row, situation)
        if history.cancel is not None:
            cancel, why = history.cancel
            self.end(session, row, why, cancel.statement.iat)
        session.flush()
        self._write_answers(session, row, history)
        self.search.put(session, KIND, row.id, _searched(situation))

    def end(self, session: Session, row: Emergency, why: EmergencyCancelV1, at: datetime) -> None:
        """Write that it is over since `at`."""
        row.state, row.cancelled_at = EmergencyState.CANCELLED, at
        row.cancel_reason, row.cancel_explanation = why.reason, why.explanation
        session.flush()

    def describe(self, row: Emergency, situation: Situation) -> None:
        """Write what is known into the row, and what follows from it: grade, distance, duty to report."""
        row.status, row.kind, row.colour = situation.status, situation.kind, situation.colour
        row.title, row.occurred_at = situation.title, situation.occurred_at
        row.situation = situation.to_wire()
        row.fire_grade = grade_fire(situation)
        measured = self.border.distance(situation.location)
        row.border_distance_m, row.border_source = measured.distance_m, measured.source
        row.border_schematic = measured.schematic
        # Either map may know better; a sketch must not talk a surveyed distance away, nor the other way round.
        known = [each for each in (row.border_distance_m, situation.border.distance_m) if each is not None]
        row.border_report = border_report(situation, min(known, default=None), border_area_m=self.border_area_m)

    def measure(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts with the distance to the border, as this node's map gives it."""
        situation = Situation.model_validate({**facts, "border": {}})
        distance: BorderDistance = self.border.distance(situation.location)
        return {**facts, "border": distance.to_wire()}

    def _write_alliance(self, row: Emergency, opening: EmergencyAlertV1) -> None:
        roster = opening.alliance
        row.alliance_id, row.alliance = (roster.id, roster.to_wire()) if roster else (None, None)

    def _write_answers(self, session: Session, row: Emergency, history: History) -> None:
        for bureau in history.matter.acknowledgements:
            found = history.acknowledgement(bureau)
            if found is None:
                continue
            stored, said = found
            answer = session.get(Answer, (row.id, bureau)) or Answer(emergency_id=row.id, bureau=bureau)
            answer.digest, answer.decision = stored.statement.digest, said.decision
            answer.acknowledged_at = said.acknowledged_at
            session.add(answer)
        session.flush()


def _refuse_illegal(move: str, state: str, side: Side) -> None:
    if TABLE.target(move, state, side) is not None:
        return
    other = Side.RECIPIENT if side is Side.AUTHOR else Side.AUTHOR
    if not _ever(move, side) and _ever(move, other):
        raise IllegalMoveError(
            f"'{move}' is the other side's move, not ours.", f"“{NAMES_ZH[move]}”应由对方单位办理，本方不能操作。"
        )
    raise IllegalMoveError(
        f"'{move}' is not possible while the emergency is {state}.",
        f"通报当前为“{NAMES_ZH[state]}”，不能“{NAMES_ZH[move]}”。",
    )


def _ever(move: str, side: Side) -> bool:
    """Tell whether a side may ever make a move on what was told."""
    return TABLE.target(move, EmergencyState.OPEN, side) is not None


def terms_of(said: Statement) -> GovernanceOut:
    """Return the terms a statement was told under."""
    return GovernanceOut(
        purpose=said.purpose,
        legal_basis=said.legal_basis,
        classification=said.classification,
        handling=handling_out(said.handling),
        is_exercise=said.is_exercise,
    )


def _searched(situation: Situation) -> str:
    """Return what an emergency is found by; nothing of it is about a person."""
    cause = situation.fire.cause if situation.fire else None
    texts = (situation.title, situation.event, situation.description, situation.location.text, situation.assistance)
    return "\n".join(text for text in (*texts, cause) if text)
