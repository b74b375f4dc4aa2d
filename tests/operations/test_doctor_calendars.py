"""The doctor compares the working days that all parties signed with those the software and the bureau's table have."""

from collections.abc import Iterator, Mapping
from datetime import date

import pytest

from ecolink.cadence import calendars as library
from ecolink.cadence.calendars import Day
from ecolink.entrypoints.doctor.agreements import compare
from ecolink.entrypoints.doctor.finding import Finding
from ecolink.protocol.kinds.agreements import CalendarV1
from tests.support.agreements import Chief, conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

TODAY = date(2026, 11, 24)
YEAR_2027 = CalendarV1.model_validate(
    {"year": 2027, "days": [{"date": "2027-01-01", "day": "off"}], "source": "国办发明电〔2026〕00号（虚构）"}
).settled()


@pytest.fixture
def agreed(town: Town) -> Town:
    conclude(town, terms())
    return town


@pytest.fixture
def upgraded(agreed: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """After all had signed, the software came to know another day of 2026, and the notice of 2027."""
    known = library._packaged

    def packaged(year: int) -> library.Year:
        if year == 2026:
            return library.Year({**known(2026).days, date(2026, 5, 9): Day.OFF}, published=True)
        return library.Year({date(2027, 1, 4): Day.OFF}, published=True) if year == 2027 else known(year)

    def forget() -> None:
        library.published_days.cache_clear()

    with monkeypatch.context() as patch:
        patch.setattr(library, "_packaged", packaged)
        forget()
        yield agreed
    forget()


def look(town: Town, own_table: Mapping[date, Day] | None = None, today: date = TODAY) -> Finding:
    return compare(Chief(town.nodes[SHOUNING]).in_force(), own_table or {}, today)


def sign(town: Town, calendar: CalendarV1) -> None:
    Chief(town.nodes[SHOUNING]).add_calendar(calendar)
    town.settle()
    Chief(town.nodes[QINGYUAN]).sign(calendar.digest())
    town.settle()


def test_signed_days_that_are_those_known_here_are_in_order(agreed: Town) -> None:
    assert look(agreed).level == "ok"
    sign(agreed, YEAR_2027)
    assert look(agreed).level == "ok", "nobody here knows the notice of 2027 otherwise"


def test_an_upgrade_that_knows_other_days_of_a_signed_year_fails_with_the_mend(upgraded: Town) -> None:
    finding = look(upgraded)
    assert finding.level == "fail"
    assert "sn-qy-151 was signed over other working days of 2026" in finding.detail_en
    assert "ecolink agreement calendar sn-qy-151 YEAR" in finding.mend_en
    assert look(upgraded, today=date(2029, 1, 1)).level == "ok", "the agreement is over"


def test_days_of_the_year_that_all_signed_since_mend_it(upgraded: Town) -> None:
    days = [{"date": day.isoformat(), "day": kind.value} for day, kind in library.published_days(2026).items()]
    sign(upgraded, CalendarV1.model_validate({"year": 2026, "days": days, "source": "国办发明电〔2026〕01号（虚构）"}))
    assert look(upgraded).level == "ok"


def test_a_year_signed_by_itself_is_compared_with_the_notice_that_came_later_and_with_the_bureaus_own_table(
    agreed: Town, request: pytest.FixtureRequest
) -> None:
    sign(agreed, YEAR_2027)
    own = look(agreed, {date(2027, 1, 4): Day.OFF})
    assert (own.level, "2027" in own.detail_en, "correct calendar_file" in own.mend_en) == ("warn", True, True)
    assert look(agreed, {date(2027, 1, 1): Day.OFF}).level == "ok", "our table says the same"
    assert look(agreed, {date(2026, 5, 9): Day.OFF}).level == "warn", "the agreement counts by the official notice"

    request.getfixturevalue("upgraded")
    assert [found.level.value for found in look(agreed).told] == ["fail", "warn"]
