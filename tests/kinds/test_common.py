"""Times and days have one spelling on the wire, and every node reads the same of it."""

from datetime import UTC, date, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from ecolink.protocol.kinds.common import Day, Moment

MOMENT, DAY = TypeAdapter[datetime](Moment), TypeAdapter[date](Day)
TEN = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00+08:00", "2026-11-22T10:00:00.000+08:00", "2026-11-22T02:00:00Z"])
def test_a_moment_is_read_and_written_in_chinas_offset(text: str) -> None:
    assert MOMENT.validate_python(text) == TEN
    assert MOMENT.dump_python(MOMENT.validate_python(text), mode="json") == "2026-11-22T10:00:00.000+08:00"


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-11-22 10:00:00+08:00",
        "2026-11-22t10:00:00z",
        "2026-11-22T10:00+08:00",
        "2026-11-22T10:00:00+08",
        "2026-11-22T10:00:00+0800",
        "2026-11-22T10:00:00+08:00:30",
        "2026-11-22T10:00:00,5+08:00",
        "2026-W47-7T10:00:00+08:00",
        "20261122T100000+0800",
        "2026-02-30T10:00:00+08:00",
        "0001-01-01T00:00:00+08:00",
        1_795_312_800,
        None,
        datetime(2026, 11, 22, 10),  # noqa: DTZ001 - without an offset
    ],
    ids=repr,
)
def test_no_other_spelling_of_a_moment_is_read(value: object) -> None:
    with pytest.raises(ValidationError, match="a time is RFC 3339 text with an offset"):
        MOMENT.validate_python(value)


def test_a_day_is_read_and_written() -> None:
    assert DAY.validate_python("2026-11-22") == DAY.validate_python(date(2026, 11, 22)) == date(2026, 11, 22)
    assert DAY.dump_python(date(2026, 11, 22), mode="json") == "2026-11-22"
    assert MOMENT.validate_python(TEN) is TEN


@pytest.mark.parametrize(
    "value",
    ["2026-W47-7", "20261122", "2026-11-2", "2026-02-30", "2026-11-22T10:00:00+08:00", "", " 2026-11-2", 20261122, TEN],
    ids=repr,
)
def test_no_other_spelling_of_a_day_is_read(value: object) -> None:
    with pytest.raises(ValidationError, match="a day is written as 2026-11-22"):
        DAY.validate_python(value)
