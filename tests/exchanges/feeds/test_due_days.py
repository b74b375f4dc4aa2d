"""What is due, as an officer's calendar program reads it: under the same names for ever, however it moves or ends."""

from datetime import date, timedelta

import pytest
from icalendar import Calendar, Event

from ecolink.exchanges.feeds import codec
from ecolink.exchanges.obligations import agenda
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1
from tests.exchanges.obligations.covenant import record, take_records
from tests.support.agreements import Chief, conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

MAY = "sn-qy-151/liaison/2027-05"


@pytest.fixture
def agreed(town: Town) -> Town:
    conclude(town, terms(valid_from="2026-12-01"))
    take_records(*town.nodes.values())
    return town


def written(town: Town, unit_code: str = SHOUNING) -> bytes:
    node = town.nodes[unit_code]
    with node.database.read() as session:
        return codec.write(codec.Heading("警务协作"), agenda.entries(session, node.clock.now()))


def events(town: Town, unit_code: str = SHOUNING) -> dict[str, Event]:
    found = Calendar.from_ical(written(town, unit_code)).walk("VEVENT")
    return {str(each["UID"]).removesuffix("@ecolink"): each for each in found}


def test_both_bureaus_read_the_same_names_and_the_same_bytes_until_something_changes(agreed: Town) -> None:
    assert list(events(agreed)) == list(events(agreed, QINGYUAN))
    assert list(events(agreed))[:2] == ["sn-qy-151/liaison/2026-12", "sn-qy-151/liaison/2027-01"]
    before = written(agreed)
    agreed.clock.advance(timedelta(hours=3))
    assert written(agreed) == before


def test_a_due_day_that_moves_keeps_its_name_and_says_that_it_was_changed(agreed: Town) -> None:
    before = events(agreed)[MAY]
    assert (before.decoded("DTSTART"), before["SEQUENCE"]) == (date(2027, 5, 31), 0)
    days = [{"date": "2027-05-31", "day": "off"}]
    calendar = CalendarV1.model_validate({"year": 2027, "days": days, "source": "国办发明电〔2026〕00号（虚构）"})
    Chief(agreed.nodes[SHOUNING]).add_calendar(calendar)
    agreed.settle()
    Chief(agreed.nodes[QINGYUAN]).sign(calendar.settled().digest())
    agreed.settle()
    after = events(agreed)[MAY]
    assert (after.decoded("DTSTART"), after["SEQUENCE"]) == (date(2027, 5, 28), 1)


def test_what_was_done_says_so_and_reminds_nobody_and_what_binds_no_more_takes_itself_out(agreed: Town) -> None:
    agreed.wait(timedelta(days=10))
    december = "sn-qy-151/liaison/2026-12"
    assert len(events(agreed)[december].walk("VALARM")) == 3
    record(agreed.nodes.values(), december, (SHOUNING, QINGYUAN), (SHOUNING, QINGYUAN), agreed.clock.now())
    done = events(agreed)[december]
    assert (str(done["SUMMARY"]), done.walk("VALARM")) == ("月联系（2026-12） 已办结", [])

    agreed.wait(timedelta(days=30))
    ends = Chief(agreed.nodes[SHOUNING]).in_force()[0].versions[-1].digest
    ending = EndingV1(ends=ends, last_day=date(2027, 1, 15), reason="机构调整")
    Chief(agreed.nodes[SHOUNING]).end(ending)
    agreed.settle()
    Chief(agreed.nodes[QINGYUAN]).sign(ending.digest())
    agreed.settle()
    gone = events(agreed)
    assert "sn-qy-151/liaison/2027-02" not in gone or gone["sn-qy-151/liaison/2027-02"]["STATUS"] == "CANCELLED"
    assert gone[december]["SUMMARY"] == done["SUMMARY"]
