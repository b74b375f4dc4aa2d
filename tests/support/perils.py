"""A town whose nodes die over everything they do, at one statement to the database after the other, until they live to do it.

A bureau makes a move: its node dies over the first statement, is started again, and the move is made anew; then over
a later one, until the move is made. Likewise all send and apply what came of it, and do what the clock brings.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TypeVar

from sqlalchemy import select

from ecolink.entrypoints.wiring import Node
from ecolink.federation.models import Alarm, StatementRow
from tests.support.town import Killed, Town

Result = TypeVar("Result")


@dataclass
class Perils:
    """Lets the nodes of a town die at every `stride`-th statement, beginning with another one each time."""

    town: Town
    stride: int = 9
    deaths: int = 0
    _first: int = 0

    def have(self, unit_code: str, move: Callable[[Node], Result]) -> Result:
        """Have a bureau make a move, and let all hear of it."""
        done: list[Result] = []
        self._until_it_lives(unit_code, lambda: done.append(move(self.town.nodes[unit_code])))
        assert len(done) == 1
        self.settle()
        return done[0]

    def wait(self, step: timedelta) -> None:
        """Move the clock on, and let all do what that brings."""
        self.town.clock.advance(step)
        for unit_code in self.town.nodes:
            self._until_it_lives(
                unit_code,
                lambda: self.town.nodes[unit_code].tick(self.town.clock.now()),  # noqa: B023 - called at once
            )
        self.settle()

    def settle(self) -> None:
        """Let all send and apply what waits."""
        for unit_code in self.town.nodes:
            self._until_it_lives(unit_code, self.town.settle)
        self.town.clock.advance(timedelta(minutes=15))  # whoever found a dead node tries again
        self.town.settle()

    def said(self, unit_code: str) -> Counter[tuple[str, str]]:
        """Count the statements that a node holds, by author and type; hold it to having applied each."""
        with self.town.nodes[unit_code].database.read() as session:
            rows = session.execute(select(StatementRow.iss, StatementRow.type, StatementRow.state)).all()
            assert session.scalars(select(Alarm)).all() == []
        assert {state for _, _, state in rows} <= {"applied"}
        return Counter((author, type_) for author, type_, _ in rows)

    def _until_it_lives(self, unit_code: str, work: Callable[[], object]) -> None:
        self._first = (self._first + 1) % self.stride
        for statements in count(self._first, self.stride):
            self.town.doom(unit_code, statements)
            with suppress(Killed):
                work()
            died = unit_code in self.town.network.down
            self.town.revive(unit_code)
            if not died:
                return
            self.deaths += 1
