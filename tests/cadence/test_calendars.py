"""Working days, as the State Council's notices have them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.cadence import calendars
from ecolink.cadence.calendars import (
    Day,
    WorkingCalendar,
    calendar_of,
    china_day,
    published_days,
    published_digest,
    read_table,
)
from ecolink.protocol.kinds.agreements import CalendarV1, notice_year

CALENDAR = WorkingCalendar()
DIGEST_2026 = "c6a3669cae5d307e6866e9939133112343cdd0b1c92aa3398e89cffe812ffe75"


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 11, 23), True),  # an ordinary Monday
        (date(2026, 11, 22), False),  # an ordinary Sunday
        (date(2026, 2, 17), False),  # Spring Festival, a Tuesday
        (date(2026, 2, 14), True),  # a Saturday worked for it
        (date(2026, 2, 28), True),
        (date(2026, 2, 20), False),  # the Friday given for the first
        (date(2026, 9, 20), True),  # a Sunday worked for the National Day week
        (date(2026, 10, 7), False),
        (date(2026, 10, 10), True),
        (date(2025, 9, 28), True),
        (date(2025, 10, 8), False),
        (date(2011, 12, 31), True),  # announced with the year that followed
    ],
)
def test_a_day_is_worked_as_the_notice_says(day: date, worked: bool) -> None:
    assert CALENDAR.is_working_day(day) is worked


def test_the_working_day_after_the_last_of_september_is_the_eighth_of_october() -> None:
    assert CALENDAR.add_working_days(date(2026, 9, 30), 1) == date(2026, 10, 8)


def test_an_adjusted_saturday_counts_as_the_next_working_day() -> None:
    assert CALENDAR.add_working_days(date(2026, 10, 9), 1) == date(2026, 10, 10)


def test_a_year_not_yet_announced_says_so_and_falls_back_to_ordinary_weekends() -> None:
    assert CALENDAR.published(2026)
    assert not CALENDAR.published(2027)
    assert not CALENDAR.is_working_day(date(2027, 10, 1))
    assert not any(CALENDAR.is_working_day(date(2027, 1, 1) + timedelta(days=n)) for n in range(1, 365, 7))


def test_an_imported_notice_makes_its_year_published_and_stands_alone() -> None:
    calendar = WorkingCalendar(read_table("date,day,note\n2027-02-06,off,Spring Festival\n2027-01-30,work,\n"))
    assert calendar.published(2027)
    assert calendar.is_working_day(date(2027, 1, 30))
    assert calendar.is_working_day(date(2027, 10, 1))  # the notice does not name it: a Friday like any other
    assert not calendar.published(2028)


def test_an_imported_day_amends_a_year_that_is_already_known() -> None:
    calendar = WorkingCalendar({date(2026, 3, 23): Day.OFF})
    assert not calendar.is_working_day(date(2026, 3, 23))
    assert not calendar.is_working_day(date(2026, 2, 17))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("date,day\n2027-13-01,off\n", "line 2"),
        ("date,day\n2027-01-01,off\n2027-01-02,holiday\n", "line 3"),
        ("date,day\n2027-01-01,off\n2027-01-01,work\n", "line 3"),
        ("when,what\n2027-01-01,off\n", "line 2"),
        ("date,day\n2027-01-01\n", "line 2"),
    ],
)
def test_a_wrong_table_names_its_line(text: str, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        read_table(text)


def test_a_table_saved_by_a_spreadsheet_with_a_byte_order_mark_is_read() -> None:
    assert read_table("\ufeffdate,day\r\n2027-01-01,off\r\n") == {date(2027, 1, 1): Day.OFF}


def test_a_day_begins_at_four_in_the_afternoon_utc() -> None:
    assert china_day(datetime(2026, 10, 31, 15, 59, 59, tzinfo=UTC)) == date(2026, 10, 31)
    assert china_day(datetime(2026, 10, 31, 16, 0, tzinfo=UTC)) == date(2026, 11, 1)


def test_working_days_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        CALENDAR.add_working_days(date(2026, 1, 1), 0)


@given(st.dates(date(2005, 1, 1), date(2035, 1, 1)), st.integers(1, 40))
def test_adding_and_counting_working_days_agree(day: date, count: int) -> None:
    later = CALENDAR.add_working_days(day, count)
    assert CALENDAR.is_working_day(later)
    assert CALENDAR.working_days_between(day, later) == count
    assert CALENDAR.working_days_between(later, day) == 0


def test_years_outside_the_package_are_ordinary_weeks_and_say_so() -> None:
    assert not CALENDAR.published(1949)
    assert CALENDAR.is_working_day(date(2150, 1, 1)) is (date(2150, 1, 1).weekday() < 5)


def test_a_published_calendar_has_a_digest_and_one_that_is_not_published_has_none() -> None:
    assert published_digest([2025, 2026]) == published_digest([2026, 2025, 2026]) != published_digest([2026])
    with pytest.raises(ValueError, match="2027"):
        published_digest([2026, 2027])


def test_a_digest_of_today_is_the_same_tomorrow_whatever_the_library_calls_the_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert published_digest([2026]) == DIGEST_2026
    wordy = calendars._packaged(2026)
    named = {**wordy.days, date(2026, 10, 3): Day.OFF, date(2026, 11, 23): Day.WORK}  # a Saturday off, a Monday worked
    changed = {**wordy.days, date(2026, 11, 23): Day.OFF}
    for days, same in ((named, True), (changed, False)):
        with monkeypatch.context() as patched:
            patched.setattr(calendars, "_packaged", lambda _, days=days: calendars.Year(days, published=True))
            published_days.cache_clear()
            assert (published_digest([2026]) == DIGEST_2026) is same
    published_days.cache_clear()


@pytest.mark.parametrize("year", range(2007, 2027))
def test_a_years_notice_runs_from_the_december_before_to_november_and_names_what_differs(year: int) -> None:
    days = published_days(year)
    assert {notice_year(day) for day in days} == {year}
    assert list(days) == sorted(days)
    assert all((kind is Day.WORK) is (day.weekday() > 4) for day, kind in days.items())
    assert Day.WORK in days.values()


def test_the_last_days_of_a_december_are_announced_with_the_next_year() -> None:
    assert notice_year(date(2018, 11, 30)) == 2018
    assert notice_year(date(2018, 12, 1)) == 2019
    assert published_days(2019)[date(2018, 12, 31)] is Day.OFF
    assert published_days(2019)[date(2018, 12, 29)] is Day.WORK
    assert date(2018, 12, 31) not in published_days(2018)


def test_a_table_becomes_a_calendar_that_parties_can_sign() -> None:
    table = read_table(
        "date,day\n2026-12-26,work\n2027-02-08,off\n2027-02-06,off\n2027-01-30,work\n2027-12-31,off\n2026-10-02,work\n"
    )
    calendar = calendar_of(2027, table, "国办发明电〔2026〕示例")
    assert [(str(entry.date), entry.day) for entry in calendar.days] == [
        ("2026-12-26", "work"),
        ("2027-01-30", "work"),
        ("2027-02-08", "off"),  # the 6th is a Saturday, off in any week; 31 December is the next notice's
    ]
    assert calendar.settled() == calendar


def test_a_table_amends_the_notice_that_is_known() -> None:
    amended = calendar_of(2026, {date(2026, 3, 23): Day.OFF}, "地方通知")
    assert {entry.date for entry in amended.days} == published_days(2026).keys() | {date(2026, 3, 23)}


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({}, "names no day"),
        ({date(2027, 12, 1): Day.OFF}, "names no day"),
        ({date(2027, 2, 6): Day.OFF}, "says nothing"),
    ],
)
def test_a_table_that_says_nothing_of_a_year_is_refused(table, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        calendar_of(2027, table, "国办发明电")


@pytest.mark.parametrize("days", [["2027-12-01"], ["2026-11-30"], ["2027-02-09", "2027-02-08"], ["2027-02-08"] * 2])
def test_a_calendar_with_another_years_days_or_out_of_order_is_none(days: list[str]) -> None:
    with pytest.raises(ValueError, match="that year's notice"):
        CalendarV1.model_validate(
            {"year": 2027, "source": "示例", "days": [{"date": day, "day": "off"} for day in days]}
        )
