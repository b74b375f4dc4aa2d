"""`python -m benchmarks.watching`: what the watch over a million obligations costs, on a day when few of them fall due.

SQLite in a file, rows written straight into the tables. Measured: looking when nothing has fallen due, and the whole
work of a day on which a portion falls due, both with a thousand obligations and with a million; beside it, the plan by
which SQLite finds them.
"""

import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any, cast

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from benchmarks.page import Figure, measure, options, report
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.periods import Period
from ecolink.exchanges.obligations.book import Book, derived
from ecolink.exchanges.obligations.derivation import Derivation
from ecolink.exchanges.obligations.models import Duty, Notice, ObligationRow
from ecolink.exchanges.obligations.notices import Notices
from ecolink.exchanges.obligations.watch import AT_ONCE, Watch
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.agreements import DutyV1
from ecolink.storage.engine import Database, connect
from ecolink.storage.schema import upgrade
from tests.support.plans import plans

US, THEM, TERMS = "350924000000", "331126000000", "0" * 64
LIAISON = DutyV1.model_validate(
    {
        "code": "liaison",
        "kind": "liaison",
        "name_zh": "月联系",
        "name_en": "Monthly liaison",
        "period": "month",
        "rule": "FREQ=MONTHLY;BYMONTHDAY=-1",
    }
)
DUE_ON = date(2027, 3, 31)
REMINDED = datetime.combine(DUE_ON - timedelta(days=7), clock_time(9, tzinfo=CHINA))
AT_ANOTHER_TIME = datetime(2027, 6, 1, tzinfo=UTC)


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--obligations", type=int, default=1_000_000)
    chosen = parser.parse_args()
    ways: set[str] = set()

    def one_round() -> Iterator[Figure]:
        for size in (1_000, chosen.obligations):
            looking, acting, steps = _measure(size)
            yield Figure(f"a look when nothing is due, {size:,} obligations", looking, "ms")
            yield Figure(f"a day on which {AT_ONCE} fall due, {size:,} obligations", acting, "ms")
            ways.add(steps)

    rounds = measure(chosen.rounds, one_round)
    return report("watching", rounds, write=chosen.write, note=f"Found by {' or by '.join(sorted(ways))}.")


def _measure(size: int) -> tuple[float, float, str]:
    """Return the milliseconds of a look and of a day's whole work, and the plan by which that is found."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(connect(f"sqlite:///{Path(folder) / 'node.db'}"))
        upgrade(database.engine)
        _fill(database, size)
        book = Book(US, {}, Notices())
        nobody = cast("Any", None)  # nothing is overdue here, so that no partner is told
        watch = Watch(book, Derivation(US, book), nobody, in_force=lambda _: ())

        def look() -> None:
            with database.read() as session:
                watch.next_due(session)

        looking = statistics.median(_seconds(look) for _ in range(200))
        with database.begin() as session:
            some = select(ObligationRow.key).limit(AT_ONCE)
            session.execute(update(ObligationRow).where(ObligationRow.key.in_(some)).values(next_at=REMINDED))

        def act() -> None:
            with database.begin() as session:
                done = watch.step(session, REMINDED)
                told = session.scalar(select(func.count()).select_from(Notice))
            if (done, told) != (AT_ONCE, AT_ONCE):
                raise RuntimeError(f"{done} taken up and {told} told of {AT_ONCE}")

        with plans(database.engine) as found:
            look()
            acting = _seconds(act)
        steps = {step for plan in found for step in plan.steps if "obligations" in step and "next" in step}
        database.dispose()
    return 1000 * looking, 1000 * acting, " and ".join(f"`{step}`" for step in sorted(steps))


def _fill(database: Database, size: int) -> None:
    period = Period.parse("2027-03")
    with database.begin() as session:
        session.add(
            Duty(
                terms=TERMS,
                code="liaison",
                agreement="a",
                agreement_zh="协议",
                agreement_en="Agreement",
                definition=LIAISON.to_wire(),
            )
        )
    for start in range(0, size, 10_000):
        with database.begin() as session:
            _add(session, [f"a{number}" for number in range(start, min(size, start + 10_000))], period)


def _add(session: Session, agreements: list[str], period: Period) -> None:
    standing = {
        "binds": True,
        "state": "open",
        "late": False,
        "done_in_time": [],
        "owing": [US, THEM],
        "next_at": AT_ANOTHER_TIME,
    }
    rows = []
    for code in agreements:
        parties = frozenset({US, THEM})
        obligation = Obligation(code, LIAISON, period, parties, None, TERMS, DUE_ON, settled=True)
        rows.append({**derived(obligation), **standing})
    session.execute(insert(ObligationRow), rows)


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
