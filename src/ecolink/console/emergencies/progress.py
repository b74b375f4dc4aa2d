"""How far an emergency came: who has it, who signed, whom to call. Read off the board, for those who glance at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from ecolink.exchanges.emergencies.shown import BoardOut, BureauLineOut, ToldOut
from ecolink.federation.threads import DeliveryState


@dataclass(frozen=True, slots=True)
class Rung:
    """How far the alert came at one bureau: the ladder of the board."""

    line: BureauLineOut
    told_at: datetime | None
    delivered_at: datetime | None
    trouble: ToldOut | None
    """The alert, where their node refused it, could not apply it, or never got it."""
    later: Sequence[ToldOut]
    """What was told after the alert and is not confirmed yet."""

    @property
    def needs_call(self) -> bool:
        """Whether somebody should call them now: a task of ours says so."""
        return any(task.state == "open" for task in self.line.tasks)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where all of them stand."""

    rungs: Sequence[Rung]

    @classmethod
    def of(cls, board: BoardOut) -> Self:
        """Read a board; who did not sign comes first, and of those who must be called."""
        rungs = [_rung(line) for line in board.bureaus]
        return cls(sorted(rungs, key=lambda rung: (rung.line.signed is not None, not rung.needs_call)))

    @property
    def signed(self) -> int:
        """How many bureaus signed."""
        return sum(rung.line.signed is not None for rung in self.rungs)

    @property
    def delivered(self) -> int:
        """How many bureaus' nodes have it; whoever signed had it."""
        return sum(rung.delivered_at is not None or rung.line.signed is not None for rung in self.rungs)

    @property
    def missing(self) -> Sequence[Rung]:
        """Who has not signed."""
        return [rung for rung in self.rungs if rung.line.signed is None]


def _rung(line: BureauLineOut) -> Rung:
    alert = next((told for told in line.messages if told.message == "alert"), None)
    lost = alert is not None and (
        alert.state in {DeliveryState.REFUSED, DeliveryState.EXPIRED} or alert.rejected is not None
    )
    return Rung(
        line=line,
        told_at=alert.told_at if alert else None,
        delivered_at=alert.delivered_at if alert and alert.state == DeliveryState.DELIVERED else None,
        trouble=alert if lost else None,
        later=[told for told in line.messages if told is not alert and told.state != DeliveryState.DELIVERED],
    )
