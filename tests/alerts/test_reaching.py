"""Alerts on their way to people: what a phone gets, and who is told when a phone gets nothing."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ecolink.alerts import links
from tests.alerts.office import Services, text_of
from tests.alerts.watchroom import MINUTE, Watchroom
from tests.support.town import QINGYUAN, SHOUNING, Town

CONSOLE = "https://ecolink.qingyuan.example"

pytestmark = pytest.mark.by_turns


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def town(tmp_path: Path, new_database_url: Callable[[], str], services: Services) -> Iterator[Town]:
    town = Town(tmp_path, new_database_url, postman=services, settings={"console_url": CONSOLE})
    for unit_code in (SHOUNING, QINGYUAN):
        town.add(unit_code)
    town.introduce(SHOUNING, QINGYUAN)
    yield town
    town.close()


@pytest.fixture
def shouning(town: Town) -> Watchroom:
    return Watchroom(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Watchroom:
    return Watchroom.staffed(town.nodes[QINGYUAN])


def test_a_third_partys_channel_carries_a_number_and_a_one_time_link_that_leads_to_the_alert(
    town: Town, services: Services, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    qingyuan.reach("lin", qingyuan.channel("sms"))
    shouning.raise_emergency()
    town.wait(timedelta())
    qingyuan.send()
    alert, text = qingyuan.alert(), text_of(services.carried[0])
    assert alert.number in text
    assert "下党" not in text
    secret = text.split(f"{CONSOLE}{links.PATH}")[1][:43]
    with qingyuan.node.database.read() as session:
        opened = links.open_link(session, secret, qingyuan.now)
        assert (opened.alert.id, opened.account.id) == (alert.id, qingyuan.people["lin"].id)


def test_after_somebody_signed_a_message_that_still_goes_out_carries_no_link(
    town: Town, services: Services, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    qingyuan.reach("lin", qingyuan.channel("sms"))
    emergency = shouning.raise_emergency()
    town.wait(timedelta())
    qingyuan.send()
    qingyuan.acknowledge(qingyuan.alert(), "wu", decision="noted")
    shouning.cancel(emergency, reason="retraction")
    town.wait(MINUTE)
    qingyuan.send()
    assert links.PATH not in text_of(services.carried[-1])
    assert len(services.carried) == 2


def test_who_is_on_duty_without_a_contact_point_is_stood_in_for_within_the_same_second(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    qingyuan.reach("wu", qingyuan.channel("sms"))
    shouning.raise_emergency()
    town.wait(timedelta())
    qingyuan.escalate()
    assert qingyuan.told(qingyuan.alert()) == [(0, "new", ["lin"]), (0, "new", ["wu"])]


def test_where_every_way_to_who_is_on_duty_fails_the_others_are_told_at_once(
    town: Town, services: Services, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    sms, ntfy = qingyuan.channel("sms"), qingyuan.channel("ntfy")
    qingyuan.reach("lin", sms)
    qingyuan.reach("wu", ntfy)
    services.is_dead("sms")
    shouning.raise_emergency()
    town.wait(timedelta())
    qingyuan.send()
    assert qingyuan.told(qingyuan.alert("emergency")) == [(0, "new", ["lin"]), (0, "new", ["wu"])]


def test_a_bureau_without_any_channel_tells_by_the_console_and_wakes_nobody_else(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    shouning.raise_emergency()
    town.wait(timedelta())
    qingyuan.escalate()
    assert qingyuan.told(qingyuan.alert()) == [(0, "new", ["lin"])]


def test_a_channel_that_sends_nothing_any_more_is_told_of_until_it_works_again(
    town: Town, services: Services, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    qingyuan.reach("lin", qingyuan.channel("sms"))
    services.is_dead("sms")
    shouning.raise_emergency()
    town.wait(timedelta())
    for _ in range(3):
        qingyuan.send()
        town.wait(MINUTE)
    dead = qingyuan.alert("channel")
    assert (dead.urgency, dead.state) == ("normal", "open")
    assert {who for _, _, told in qingyuan.told(dead) for who in told} == {"admin", "lin", "wu"}
    services.otherwise.clear()
    town.wait(5 * MINUTE)
    qingyuan.send()
    assert qingyuan.alert("channel").state == "ended"
