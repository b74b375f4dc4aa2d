"""The clock of the play: the machine's, moved on by as much as a file says that all nodes of the demo read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from ecolink.kit.clock import SystemClock


@dataclass(frozen=True)
class PlayClock:
    """Tells the moment it is in the play."""

    file: Path

    @classmethod
    def at_present(cls, file: Path) -> Self:
        """Return a clock, kept in a new file, that goes with the machine's."""
        clock = cls(file)
        clock._write(0)
        return clock

    def now(self) -> datetime:
        """Return the moment, aware, in UTC."""
        return SystemClock().now() + timedelta(seconds=self.ahead())

    def ahead(self) -> int:
        """Return by how many seconds the play is ahead of the machine."""
        return int(self.file.read_text("ascii"))

    def move_to(self, moment: datetime) -> None:
        """Have it be another moment, for every node at once."""
        self._write(self.ahead() + round((moment - self.now()).total_seconds()))

    def _write(self, ahead: int) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(str(ahead), "ascii")
        new.replace(self.file)
