"""State machines as tables: one list of moves that decides, and prints itself for the documents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One row: `move`, made by `by`, leads from each of `sources` to `target`."""

    move: str
    by: str
    sources: tuple[str, ...]
    target: str | None
    """The state it ends in; None when it leaves the state as it was."""
    needs: str = ""
    """What must come with it, in words for the printed table."""


@dataclass(frozen=True)
class StateTable:
    """Every move there is. A pair of move and state that has no row is not allowed."""

    transitions: tuple[Transition, ...]

    def target(self, move: str, state: str, by: str) -> str | None:
        """Return the state that `by` making `move` in `state` leads to, or None when that is not allowed."""
        return self._targets.get((move, state, by))

    def moves(self, state: str, by: str) -> tuple[str, ...]:
        """Return the moves open to `by` in `state`, in the table's order, each once."""
        open_moves = (row.move for row in self.transitions if row.by == by and state in row.sources)
        return tuple(dict.fromkeys(open_moves))

    def markdown(self, *, names: Mapping[str, str], headings: Sequence[str]) -> str:
        """Render the table as Markdown.

        Args:
            names: what people call a move or a side, printed beside its code.
            headings: five column titles: move, who, from, to, needs.

        """
        called = {code: f"`{code}` {name}" for code, name in names.items()}
        return markdown_table(
            headings,
            [
                (
                    called.get(row.move, f"`{row.move}`"),
                    called.get(row.by, f"`{row.by}`"),
                    ", ".join(f"`{source}`" for source in row.sources),
                    f"`{row.target}`" if row.target else "(same)",
                    row.needs,
                )
                for row in self.transitions
            ],
        )

    @cached_property
    def _targets(self) -> dict[tuple[str, str, str], str]:
        return {(row.move, source, row.by): row.target or source for row in self.transitions for source in row.sources}


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render rows under headings as a Markdown table, ending in a line feed."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
