"""`python -m benchmarks.cadence`: every obligation of ten years, of 2,800 bureaus with 20 agreements each.

Pure: no database. Each bureau derives what it is obliged to from its own agreements, as its node does; half of the
agreements have an amendment or a calendar signed later. Derived one after the other and forgotten, so that memory
stays that of one agreement.
"""

import resource
import statistics
import sys
import time
from argparse import ArgumentParser
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from benchmarks.page import Figure, measure, options, report
from ecolink.cadence.agreements import Agreement, Proposal
from ecolink.cadence.calendars import Day, calendar_of, published_digest
from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import derive
from ecolink.protocol.kinds.agreements import CalendarV1, TermsV1

FIRST, LAST = date(2026, 1, 1), date(2035, 12, 31)
SIGNED = datetime(2025, 12, 1, tzinfo=UTC)
DUTIES = (
    ("liaison", "month", "FREQ=MONTHLY;BYMONTHDAY=-1", "before"),
    ("exchange", "quarter", "FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1", "after"),
    ("consultation", "year", "FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=31", "as-is"),
)


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--bureaus", type=int, default=2_800)
    parser.add_argument("--agreements", type=int, default=20)
    chosen = parser.parse_args()
    agreements = list(_agreements(chosen.agreements))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rounds = measure(chosen.rounds, lambda: _round(agreements, chosen.bureaus))
    # Asked once: what the process had at most in one round it has had in the next.
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    rounds.append([Figure("memory grown in all rounds", grown, "MB")])
    return report("cadence", rounds, write=chosen.write)


def _round(agreements: Sequence[list[Proposal]], bureaus: int) -> Iterator[Figure]:
    derived, each = 0, []
    began = time.perf_counter()
    for number in range(bureaus):
        start = time.perf_counter()
        for proposals in agreements:
            derived += _count(proposals, number)
        each.append(time.perf_counter() - start)
    seconds = time.perf_counter() - began
    yield Figure(f"obligations of {bureaus:,} bureaus with {len(agreements)} agreements each", derived, "")
    yield Figure("all of them derived in", seconds, "s")
    yield Figure("one bureau's ten years", statistics.median(each) * 1000, "ms")
    yield Figure("obligations derived", derived / seconds, "a second")


def _count(proposals: list[Proposal], number: int) -> int:
    """Read an agreement and derive its obligations; the first day is each bureau's own, so that nothing is shared."""
    agreement = Agreement.read(proposals)
    assert agreement is not None
    last: deque[tuple[int, object]] = deque(
        enumerate(derive(agreement, FIRST + timedelta(days=number % 28), LAST), 1), maxlen=1
    )
    return last[0][0]


def _agreements(count: int) -> Iterator[list[Proposal]]:
    for number in range(count):
        parties = frozenset({"350924000000", f"{331126000000 + number}"})
        terms = _terms(number, parties)
        proposals = [_signed(terms, parties, SIGNED)]
        if number % 4 == 1:
            amended = terms.model_copy(
                update={"version": 2, "replaces": terms.digest(), "valid_from": date(2029, 3, 15)}
            ).settled()
            proposals.append(_signed(amended, parties, SIGNED + timedelta(days=1_000)))
        if number % 4 == 3:
            proposals += [
                _signed(_calendar(year), parties, datetime(year - 1, 11, 20, tzinfo=UTC)) for year in range(2027, 2036)
            ]
        yield proposals


def _terms(number: int, parties: frozenset[str]) -> TermsV1:
    return TermsV1.model_validate(
        {
            "code": f"agreement-{number}",
            "version": 1,
            "name_zh": "警务协作协议书",
            "name_en": "Co-operation agreement",
            "scope_zh": "生态警务协作",
            "scope_en": "Eco-policing",
            "parties": [{"unit_code": code, "name_zh": "公安局", "name_en": "Bureau"} for code in sorted(parties)],
            "valid_from": FIRST,
            "valid_until": LAST,
            "calendar": {"years": [2026], "digest": published_digest([2026])},
            "duties": [
                {"code": k, "kind": k, "name_zh": k, "name_en": k, "period": period, "rule": rule, "working_day": moved}
                for k, period, rule, moved in DUTIES
            ],
            "rotation": {"period": "quarter", "order": sorted(parties), "begins": "2026-Q1"},
        }
    ).settled()


def _calendar(year: int) -> CalendarV1:
    off = {date(year, month, day): Day.OFF for month, day in ((1, 1), (2, 8), (2, 9), (5, 3), (10, 4), (10, 5))}
    return calendar_of(year, off, "国办发明电（示例）")


def _signed(subject: TermsV1 | CalendarV1, parties: frozenset[str], at: datetime) -> Proposal:
    cosigning = Cosigning.begin(subject.digest(), min(parties), parties, at)
    for party in parties:
        cosigning = cosigning.sign(party, at)
    return Proposal(subject, cosigning)


if __name__ == "__main__":
    sys.exit(main())
