"""An emergency as its thread tells it: the statements held here, their bodies, and the fold over them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError
from sqlalchemy.orm import Session

from ecolink.exchanges.emergencies.rules import MOVE_OF_TYPE, Matter, Move, Verdict, fold
from ecolink.federation import threads
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.emergencies import (
    KINDS,
    EmergencyAcknowledgedV1,
    EmergencyAlertV1,
    EmergencyCancelV1,
    EmergencyUpdateV1,
)

REJECTED = "statement.rejected.v1"
"""A node's signed answer to a statement it could not apply."""

_BODIES: Mapping[str, type[Frozen]] = {kind.type: kind.body for kind in KINDS if issubclass(kind.body, Frozen)}


@dataclass(frozen=True)
class History:
    """One thread, read."""

    matter: Matter
    statements: Mapping[str, Stored]
    """Every statement that counts or was set aside, by digest."""
    bodies: Mapping[str, Frozen]
    """Their bodies, as far as they can be read."""
    rejections: tuple[Stored, ...] = ()
    """Other nodes' refusals of what we said."""

    @classmethod
    def load(cls, session: Session, thread: str, *, author: str | None, handed: Stored | None = None) -> Self:
        """Read what was applied of a thread, and the statement that is being applied just now, if any."""
        here = {each.statement.digest: each for each in threads.load(session, thread) if each.state == "applied"}
        if handed is not None:
            here[handed.statement.digest] = handed
        told = {digest: each for digest, each in here.items() if each.statement.type in MOVE_OF_TYPE}
        bodies = {digest: body for digest, each in told.items() if (body := read_body(each)) is not None}
        moves = [_move(each, bodies.get(digest)) for digest, each in told.items()]
        rejections = tuple(each for each in here.values() if each.statement.type == REJECTED and each.direction == "in")
        return cls(fold(moves, author=author), told, bodies, rejections)

    @property
    def alert(self) -> tuple[Stored, EmergencyAlertV1] | None:
        """The alert, once it is here."""
        move = self.matter.alert
        body = self.bodies[move.digest] if move else None
        return (self.statements[move.digest], body) if move and isinstance(body, EmergencyAlertV1) else None

    @property
    def situation(self) -> tuple[Stored, EmergencyAlertV1 | EmergencyUpdateV1] | None:
        """What its author told last."""
        move = self.matter.situation
        body = self.bodies[move.digest] if move else None
        if move and isinstance(body, EmergencyAlertV1 | EmergencyUpdateV1):
            return self.statements[move.digest], body
        return None

    @property
    def cancel(self) -> tuple[Stored, EmergencyCancelV1] | None:
        """The cancellation, if there is one."""
        move = self.matter.cancel
        body = self.bodies[move.digest] if move else None
        return (self.statements[move.digest], body) if move and isinstance(body, EmergencyCancelV1) else None

    def crossed(self, bureau: str) -> bool:
        """Tell whether a recipient's last word and the cancellation crossed: somebody may be on the road unawares.

        A cancellation told to several names nothing that only one of them can see, so by the thread alone every
        answer crossed it. Its author knows which of them were here before it was signed.
        """
        step, cancel = self.matter.acknowledgements.get(bureau), self.cancel
        if step is None or cancel is None or step.verdict is not Verdict.CROSSED:
            return False
        answer, (end, _) = self.statements[step.move.digest], cancel
        was_here = end.direction == "out" and len(end.statement.aud) > 1 and answer.n < end.n
        return not was_here

    def acknowledgement(self, bureau: str) -> tuple[Stored, EmergencyAcknowledgedV1] | None:
        """What a recipient last said it would do."""
        step = self.matter.acknowledgements.get(bureau)
        body = self.bodies[step.move.digest] if step else None
        if step and isinstance(body, EmergencyAcknowledgedV1):
            return self.statements[step.move.digest], body
        return None


def read_body(stored: Stored) -> Frozen | None:
    """Return the body as its type wants it, or None when it does not fit."""
    try:
        return _BODIES[stored.statement.type].model_validate(stored.statement.body)
    except ValidationError:
        return None


def _move(stored: Stored, body: Frozen | None) -> Move:
    said = stored.statement
    return Move(
        digest=said.digest,
        parents=said.parents,
        name=MOVE_OF_TYPE[said.type] if body is not None else None,
        author=said.iss,
        to=said.aud,
        status=str(getattr(body, "status", "")),
    )
