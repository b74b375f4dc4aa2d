"""A robot takes only so many messages in a minute: the node counts, and what is urgent waits for nothing."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from ecolink.alerts.channels.wire import Rate
from ecolink.alerts.pacing import count
from ecolink.kit.times import to_text
from tests.alerts.office import Office, kind_of

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.by_turns


def sent(office: Office) -> Counter[str]:
    """Return how many messages left so far, by the kind of service."""
    return Counter(kind_of(request) for request in office.services.carried)


def test_a_flood_of_what_is_not_urgent_stays_within_what_the_robot_takes_and_loses_nothing(office: Office):
    robot = office.channel("dingtalk")
    crowd = [office.officer(f"officer{number}", robot) for number in range(34)]
    office.tell(*crowd, urgency="normal")

    assert office.send() == 10
    assert office.post.sending.due() == office.clock.now() + MINUTE, "the worker sleeps meanwhile"
    assert office.wait(seconds=59) == 0
    assert office.wait(seconds=1) == 10
    assert [office.wait(seconds=60), office.wait(seconds=60)] == [10, 4]
    assert set(office.states()) == {"sent"}


def test_what_is_told_meanwhile_to_somebody_who_waits_goes_as_one_message(office: Office):
    robot = office.channel("dingtalk")
    crowd = [office.officer(f"officer{number}", robot) for number in range(10)]
    office.tell(*crowd, urgency="normal")
    office.send()
    lin = office.officer("lin", robot)
    for number in range(3):
        office.tell(lin, urgency="normal", alert_id=f"alert-{number + 2}", number=f"A{number}")

    assert office.send() == 0
    assert office.wait(seconds=60) == 1
    assert "3 条" in getattr(office.services.carried[-1], "body", b"").decode()


def test_what_is_urgent_has_room_kept_free_and_takes_the_next_channel_at_once_where_there_is_one(office: Office):
    robot, gateway = office.channel("dingtalk"), office.channel("sms")
    crowd = [office.officer(f"officer{number}", robot) for number in range(20)]
    unreachable_otherwise = [office.officer(f"robot{number}", robot) for number in range(9)]
    urgent = [office.officer(f"urgent{number}", robot, gateway) for number in range(3)]
    alone = office.officer("alone", robot)
    office.tell(*crowd, urgency="normal")
    office.send()

    office.tell(*unreachable_otherwise, *urgent, alert_id="fire")
    office.send()
    assert sent(office) == {"dingtalk": 19, "sms": 3}
    assert set(office.states("fire")) == {"sent"}

    office.tell(alone, alert_id="fire", step="later")
    assert office.send() == 1, "what room was left is there for whom nothing else reaches"
    office.tell(alone, alert_id="fire", step="latest")
    assert office.wait(seconds=5) == 0, "refused by the robot it would wait ten minutes"
    office.wait(seconds=60)
    assert set(office.states("fire")) == {"sent"}


def test_a_drill_is_no_emergency_and_waits(office: Office):
    robot, gateway = office.channel("dingtalk"), office.channel("sms")
    office.tell(*[office.officer(f"officer{number}", robot) for number in range(10)], urgency="normal")
    office.send()
    office.tell(office.officer("lin", robot, gateway), alert_id="drill", status="exercise")
    assert office.send() == 0
    assert office.wait(seconds=60) == 1
    assert sent(office) == {"dingtalk": 11}


def test_a_robot_that_fails_is_tried_again_although_it_is_counted(office: Office):
    office.services.is_dead("dingtalk")
    office.tell(office.officer("lin", office.channel("dingtalk")))
    office.send()
    office.services.otherwise.clear()
    assert office.wait(seconds=120) == 1
    assert office.states() == ["sent"]


def test_services_that_name_no_measure_are_not_held_up(office: Office):
    gateway = office.channel("sms")
    office.tell(*[office.officer(f"officer{number}", gateway) for number in range(40)], urgency="normal")
    assert office.send() == 40


def test_in_no_minute_more_is_counted_than_the_measure():
    rates = (Rate(4, MINUTE), Rate(2, timedelta(seconds=1)))
    calls: list[str] = []
    now, handed = NOON, []
    while now < NOON + 5 * MINUTE:
        pace = count(rates, calls, now)
        calls, handed = pace.written(), [*handed, now]
        now = max(pace.full_until or now, now + timedelta(milliseconds=100))
    for first in handed:
        assert sum(first <= each < first + MINUTE for each in handed) <= 4
        assert sum(first <= each < first + timedelta(seconds=1) for each in handed) <= 2
    assert len(handed) == 20


def test_half_is_kept_free_and_old_calls_are_forgotten():
    rates, calls = (Rate(4, MINUTE),), [to_text(NOON - 2 * MINUTE), to_text(NOON), to_text(NOON)]
    pace = count(rates, calls, NOON)
    assert (len(pace.calls), pace.calm_until, pace.full_until) == (3, NOON + MINUTE, None)
