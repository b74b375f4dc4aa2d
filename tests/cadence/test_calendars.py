"""Working days, as the State Council's notices have them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.cadence.calendars import Day, WorkingCalendar, china_day, published_digest, read_table

CALENDAR = WorkingCalendar()


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
