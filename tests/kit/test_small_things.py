"""Identifiers grow with time, times carry their offset, and JSON is written in one way only."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.ids import is_id, new_id
from ecolink.kit.times import from_seconds, from_text, months_after, to_seconds, to_text

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


@given(MOMENTS, st.integers(1, 10**6))
def test_a_later_identifier_sorts_after_an_earlier_one(now, milliseconds):
    earlier, later = new_id(now), new_id(now + timedelta(milliseconds=milliseconds))
    assert is_id(earlier)
    assert earlier < later


def test_no_two_identifiers_of_one_moment_are_the_same():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert len({new_id(now) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "text", ["", "x", "01A2012F-69E0-7771-BD6C-1D833C732D08", "01a2012f-69e0-4771-bd6c-1d833c732d08"]
)
def test_what_is_no_version_7_in_lower_case_is_no_identifier(text):
    assert not is_id(text)


@given(MOMENTS)
def test_a_time_survives_being_written_to_the_millisecond(moment):
    assert abs(from_text(to_text(moment)) - moment) < timedelta(milliseconds=1)
    assert to_text(moment).endswith("+08:00")


@given(MOMENTS)
def test_seconds_are_whole_and_come_back(moment):
    assert timedelta(0) <= moment - from_seconds(to_seconds(moment)) < timedelta(seconds=1)


def test_a_time_without_an_offset_is_refused():
    with pytest.raises(ValueError, match=r"\+08:00"):
        from_text("2026-11-22T10:00:00")


def test_json_is_sorted_compact_and_never_holds_what_is_no_number():
    assert dumps({"b": 1, "a": "林"}) == '{"a":"林","b":1}'.encode()
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps(float("nan"))
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("begin", "months", "end"),
    [
        ("2026-11-22", 36, "2029-11-22"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-11-30", 1, "2026-12-30"),
    ],
)
def test_so_many_months_later_is_the_same_day_or_the_last_of_a_shorter_month(begin: str, months: int, end: str):
    moment = datetime.fromisoformat(f"{begin}T09:30:00+00:00")

    assert months_after(moment, months) == datetime.fromisoformat(f"{end}T09:30:00+00:00")
