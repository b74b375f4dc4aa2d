"""What a machine for a node has to be measured by: the unit costs on docs/performance.md, for docs/operations.md.

`python -m tests.test_docs` writes them there; nothing is measured here.
"""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.page import PAGE, standing

UNMEASURED = "not measured yet"


class Cost(NamedTuple):
    """One unit cost: what it is of, and the table on the page in which it stands under which name."""

    what: str
    table: str
    name: str


SECTIONS = {
    "delivery": "how-soon-a-statement-is-there",
    "hub": "how-soon-a-statement-is-there",
    "workers": "how-soon-a-statement-is-there",
    "growth": "when-it-holds-much",
}
"""Under which heading of the page a table stands."""

COSTS = (
    Cost("a statement sent to one peer, as part of a queue", "delivery", "processor time at the author, each"),
    Cost(
        "a statement received, verified and kept, as part of a batch of 200",
        "growth",
        "processor time of a statement received, the node holds 16,000",
    ),
    Cost(
        "a statement applied to its matter, on PostgreSQL; more the longer its thread is",
        "workers",
        "processor time of one worker for a bulletin",
    ),
    Cost(
        "a statement received and applied, when each comes by itself",
        "delivery",
        "under 400 bulk a second: processor time at the receiver, each",
    ),
    Cost(
        "a statement received and applied, on disk; its attachments besides",
        "delivery",
        "disk at the receiver, each statement",
    ),
    Cost("a statement sent, on disk", "delivery", "disk at the author, each statement"),
    Cost(
        "a statement delivered to one peer, by itself, by a hub with thousands of peers",
        "hub",
        "those who live, alone: processor time of a delivery",
    ),
    Cost(
        "the same when a tenth of the peers has just gone down",
        "hub",
        "a tenth just down: processor time of a delivery",
    ),
    Cost(
        "the same while no peer is down, on PostgreSQL with a worker for each processor",
        "hub",
        "PostgreSQL, a worker for each processor: those who live, alone: processor time of a delivery",
    ),
    Cost(
        "and at PostgreSQL itself",
        "hub",
        "PostgreSQL, a worker for each processor: those who live, alone: the same at PostgreSQL",
    ),
    Cost("a peer the node knows", "hub", "memory of a peer"),
    Cost("a peer's idle connection, and one open file", "growth", "memory of a peer's idle connection"),
    Cost("a node that does nothing", "delivery", "memory of an idle node"),
    Cost("the same of a processor", "delivery", "processor use of an idle node"),
    Cost("a node whose console is used", "growth", "memory of a node whose console is used"),
    Cost("a worker alone", "workers", "memory of a worker that has applied them"),
    Cost(
        "a helper, while large pushes come in: one for each processor",
        "delivery",
        "memory of one helper that reads pushes, at most",
    ),
)


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield what each thing costs, as it stands on the page, and by which name it is found there."""
    page = PAGE.read_text("utf-8")
    for cost in COSTS:
        measured = standing(page, cost.table).get(cost.name, UNMEASURED)
        yield (
            cost.what,
            measured.partition(" (missed)")[0],
            f"[{cost.table}](performance.md#{SECTIONS[cost.table]}): {cost.name}",
        )
