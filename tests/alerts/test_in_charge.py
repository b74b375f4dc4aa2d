"""Who is put in charge of another bureau's emergency hears of it by an alert of their own, until it is not theirs."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ecolink.alerts import preferences
from ecolink.alerts.models import AlertKind
from ecolink.alerts.preferences import Preference, Rule
from ecolink.errors import ForbiddenError
from ecolink.exchanges.emergencies.schemas import AcknowledgementIn
from ecolink.identity.roles import Role
from tests.alerts.office import Services, kind_of, text_of
from tests.alerts.watchroom import MINUTE, Watchroom, live
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def town(tmp_path: Path, new_database_url: Callable[[], str], services: Services) -> Iterator[Town]:
    town = Town(tmp_path, new_database_url, postman=services)
    for unit_code in (SHOUNING, QINGYUAN):
        town.add(unit_code)
    town.introduce(SHOUNING, QINGYUAN)
    yield town
    town.close()


@pytest.fixture
def shouning(town: Town) -> Watchroom:
    return Watchroom.staffed(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Watchroom:
    room = Watchroom.staffed(town.nodes[QINGYUAN])
    room.add("zhang", Role.OFFICER)
    room.add("xie", Role.OFFICER)
    return room


@pytest.fixture
def fire(town: Town, shouning: Watchroom) -> str:
    emergency = shouning.raise_emergency()
    town.wait(timedelta())
    return emergency


def assign(room: Watchroom, emergency: str, name: str | None, by: str = "lin") -> None:
    """Sign for an emergency, and put somebody in charge."""
    said = {"decision": "dispatching", **({"in_charge": {"name": name, "phone": "0578-0000023"}} if name else {})}
    with room.node.database.begin() as session:
        desk = room.node.rooms.emergencies.telling
        desk.acknowledge(session, emergency, AcknowledgementIn.model_validate(said), by=room.people[by], now=room.now)


def states(room: Watchroom) -> list[str]:
    return [alert.state for alert in room.alerts("in_charge")]


def test_the_officer_put_in_charge_is_told_once_and_signs_for_it_without_the_right_to_sign_for_emergencies(
    town: Town, qingyuan: Watchroom, fire: str
) -> None:
    assign(qingyuan, fire, "龙溪派出所 Zhang")
    assign(qingyuan, fire, "龙溪派出所 Zhang、李四", by="wu")
    town.wait(MINUTE)
    alert = qingyuan.alert("in_charge")
    assert (alert.urgency, alert.status, alert.link) == ("urgent", "actual", f"/emergencies/{fire}")
    assert (alert.title_zh, alert.title_en.startswith("To Zhang: you are in charge of ")) == (
        "请Zhang负责处置：下党乡森林火情",
        True,
    )
    assert qingyuan.told(alert) == [(1, "new", ["zhang"])]
    with pytest.raises(ForbiddenError):
        qingyuan.acknowledge(alert, "xie")
    assert qingyuan.acknowledge(alert, "zhang").acknowledged_name == "Zhang"
    live(town, 30)
    assert len(qingyuan.told(alert)) == 1


def test_those_on_duty_hear_that_the_officer_in_charge_does_not_answer_and_may_sign_once_they_called(
    town: Town, qingyuan: Watchroom, fire: str
) -> None:
    assign(qingyuan, fire, "Zhang")
    live(town, 16)
    alert = qingyuan.alert("in_charge")
    assert qingyuan.told(alert) == [(0, "new", ["zhang"]), (15, "escalation", ["lin"]), (15, "repeat", ["zhang"])]
    assert qingyuan.acknowledge(alert, "lin").state == "acknowledged"


def test_nobody_is_told_of_what_they_took_on_themselves_nor_of_a_unit_or_a_stranger(
    town: Town, qingyuan: Watchroom, fire: str
) -> None:
    for name in ("Lin", "龙溪派出所", "Zhangsan", "Admin"):
        assign(qingyuan, fire, name)
    town.wait(MINUTE)
    assert qingyuan.alerts("in_charge") == []

    assign(qingyuan, fire, "Wu")
    assign(qingyuan, fire, "Wu", by="wu")
    (alert,) = qingyuan.alerts("in_charge")
    assert (alert.state, alert.acknowledged_name) == ("acknowledged", "Wu")


def test_handing_it_to_another_relieves_the_first_and_tells_the_other_and_the_first_again_when_it_comes_back(
    town: Town, qingyuan: Watchroom, fire: str
) -> None:
    assign(qingyuan, fire, "Zhang")
    town.wait(MINUTE)
    qingyuan.acknowledge(qingyuan.alert("in_charge"), "zhang")
    assign(qingyuan, fire, "Xie")
    town.wait(MINUTE)
    first, second = qingyuan.alerts("in_charge")
    assert (first.state, second.state) == ("ended", "open")
    assert [(kind, who) for _, kind, who in qingyuan.told(first)] == [("new", ["zhang"]), ("ended", ["zhang"])]
    assert "不再负责" in qingyuan.dispatches(first)[-1].message["text_zh"]
    assert [who for _, _, who in qingyuan.told(second)] == [["xie"]]

    assign(qingyuan, fire, "Zhang")
    assert states(qingyuan) == ["ended", "ended", "open"]
    assign(qingyuan, fire, None)
    assert states(qingyuan) == ["ended"] * 3


def test_it_ends_with_the_emergency_the_officer_hears_so_and_nothing_is_begun_after_it(
    town: Town, shouning: Watchroom, qingyuan: Watchroom, fire: str
) -> None:
    assign(qingyuan, fire, "Zhang")
    town.wait(MINUTE)
    shouning.cancel(fire, reason="over", explanation="明火已扑灭。")
    town.wait(MINUTE)
    alert = qingyuan.alert("in_charge")
    assert (alert.state, alert.next_at) == ("ended", None)
    assert [(kind, who) for _, kind, who in qingyuan.told(alert)] == [("new", ["zhang"]), ("ended", ["zhang"])]
    assign(qingyuan, fire, "Xie")
    assert states(qingyuan) == ["ended"]


def test_who_is_in_charge_of_a_drill_and_cannot_be_reached_is_not_left_out(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    drill = shouning.raise_emergency(status="exercise")
    town.wait(timedelta())
    assign(qingyuan, drill, "Zhang")
    qingyuan.shut_out("zhang")
    town.wait(MINUTE)
    alert = qingyuan.alert("in_charge")
    assert (alert.urgency, alert.status) == ("normal", "exercise")
    assert qingyuan.told(alert) == [(1, "new", ["lin", "wu"])]


def test_it_goes_by_the_officers_own_rule_and_a_third_party_learns_only_its_number(
    town: Town, services: Services, qingyuan: Watchroom, fire: str
) -> None:
    zhang = qingyuan.people["zhang"].id
    qingyuan.reach("zhang", qingyuan.channel("dingtalk"), qingyuan.channel("sms"))
    with qingyuan.node.database.begin() as session:
        (_, mobile) = preferences.contact_points(session, [zhang])[zhang]
        rule = Rule(frozenset({AlertKind.IN_CHARGE}), None, (mobile,))
        preferences.change(session, zhang, Preference(rules=(rule,)), qingyuan.now)

    assign(qingyuan, fire, "Zhang")
    town.wait(timedelta())
    qingyuan.send()
    (sent,) = services.carried
    text = text_of(sent)
    assert kind_of(sent) == "sms"
    assert qingyuan.alert("in_charge").number in text
    assert not [word for word in ("Zhang", "下党", "负责") if word in text]
