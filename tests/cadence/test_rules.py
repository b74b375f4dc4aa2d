"""Rules that name a due day, beside a general library's reading of the same RFC."""

from datetime import date, datetime, time

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from ecolink.cadence.periods import Period
from ecolink.cadence.rules import rule_days

KINDS = st.sampled_from(["month", "quarter", "year"])
PERIODS = st.builds(Period.containing, st.dates(date(2020, 1, 1), date(2040, 12, 31)), KINDS)


def numbers(most: int, *, negative: bool = True) -> st.SearchStrategy[str]:
    some = st.integers(-most if negative else 1, most).filter(bool)
    return st.lists(some, min_size=1, max_size=4).map(lambda chosen: ",".join(map(str, chosen)))


@st.composite
def rules(draw: st.DrawFn) -> str:
    parts = [f"FREQ={draw(st.sampled_from(['MONTHLY', 'YEARLY']))}"]
    days = draw(st.sampled_from(["BYMONTHDAY", "BYDAY", "both"]))
    if draw(st.booleans()):
        parts.append(f"BYMONTH={draw(numbers(12, negative=False))}")
    if days != "BYDAY":
        # Small numbers: the library looks for a day that never comes until the year 9999.
        parts.append(f"BYMONTHDAY={draw(numbers(28))}")
    if days != "BYMONTHDAY":
        weekday = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
        numbered = days == "BYDAY" and draw(st.booleans())
        which = st.sampled_from(["1", "2", "+3", "-1", "-4"] if numbered else [""])
        chosen = draw(st.lists(st.tuples(which, weekday).map("".join), min_size=1, max_size=3))
        parts.append(f"BYDAY={','.join(chosen)}")
    if days != "both" and draw(st.booleans()):
        parts.append(f"BYSETPOS={draw(st.sampled_from(['1', '-1']))}")
    return ";".join(parts)


@given(rules(), PERIODS)
def test_a_rule_names_the_days_that_rfc_5545_says(rule: str, period: Period) -> None:
    begin, end = (datetime.combine(day, time(0)) for day in (period.first, period.last))
    expected = rrulestr(rule, dtstart=begin).between(begin, end, inc=True)
    assert rule_days(rule, period) == tuple(moment.date() for moment in expected)


@pytest.mark.parametrize(
    ("rule", "period", "days"),
    [
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2028-02", [29]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2100-02", [28]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-04", []),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "2026", []),
        ("FREQ=MONTHLY;BYMONTHDAY=15,-1", "2026-04", [15, 30]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-05", [29]),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-07", [31]),
        ("FREQ=YEARLY;BYDAY=53MO", "2026", []),
        ("FREQ=YEARLY;BYDAY=-1WE", "2026-12", [30]),
        ("FREQ=YEARLY;BYDAY=53TH", "2026-12", [31]),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31", "2026-12", [31]),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=2", "2026-04", []),
    ],
)
def test_a_rule_that_names_no_day_is_known_as_such_at_once(rule: str, period: str, days: list[int]) -> None:
    assert [day.day for day in rule_days(rule, Period.parse(period))] == days


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("FREQ=DAILY;BYMONTHDAY=1", "MONTHLY or FREQ=YEARLY"),
        ("BYMONTHDAY=1", "MONTHLY or FREQ=YEARLY"),
        ("FREQ=MONTHLY", "names no day"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "whole numbers up to 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "whole numbers up to 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,", "whole numbers up to 31"),
        ("FREQ=YEARLY;BYMONTH=13;BYMONTHDAY=1", "whole numbers up to 12"),
        ("FREQ=YEARLY;BYMONTH=-1;BYMONTHDAY=1", "from 1 to 12"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY is a list"),
        ("FREQ=MONTHLY;BYDAY=54MO", "BYDAY is a list"),
        ("FREQ=MONTHLY;BYDAY=XX", "BYDAY is a list"),
        ("FREQ=MONTHLY;BYDAY=1MO,FR", "before all its days or before none"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYMONTHDAY=2", "stands twice"),
        ("FREQ=MONTHLY;BYMONTHDAY", "NAME=VALUE"),
        ("FREQ=MONTHLY;BYMONTHDAY=", "NAME=VALUE"),
        ("FREQ=MONTHLY;BYMONTHDAY=1=2", "whole numbers up to 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=1 2", "whole numbers up to 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;INTERVAL=2", "INTERVAL is not among"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=0", "BYSETPOS is a list"),
    ],
)
def test_a_rule_that_says_something_else_is_refused_with_the_reason(rule: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        rule_days(rule, Period.parse("2026-04"))
