"""An emergency in one bureau, and the people of the other: who is told when, who signs, and what ends it."""

from datetime import timedelta

import pytest

from ecolink.errors import ForbiddenError, IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.emergencies.models import Answer
from ecolink.identity.roles import Role
from tests.alerts.watchroom import MINUTE, Watchroom, live
from tests.support.agreements import Chief, terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns


@pytest.fixture
def shouning(town: Town) -> Watchroom:
    return Watchroom.staffed(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Watchroom:
    return Watchroom.staffed(town.nodes[QINGYUAN])


def test_an_emergency_nobody_signs_for_goes_up_the_chain_and_is_told_until_somebody_does(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    shouning.raise_emergency()
    town.wait(timedelta())
    live(town, 31)
    alert = qingyuan.alert()
    assert (alert.urgency, alert.status, alert.state) == ("urgent", "actual", "open")
    assert qingyuan.told(alert) == [
        (0, "new", ["lin"]),
        (5, "repeat", ["lin"]),
        (10, "escalation", ["wu"]),
        (10, "repeat", ["lin"]),
        (15, "escalation", ["deputy"]),
        (15, "repeat", ["lin", "wu"]),
        (20, "repeat", ["deputy", "lin", "wu"]),
        (25, "repeat", ["deputy", "lin", "wu"]),
        (30, "escalation", ["chief", "head"]),
        (30, "repeat", ["deputy", "lin", "wu"]),
    ]
    assert qingyuan.acknowledge(alert, "wu", decision="dispatching").state == "acknowledged"
    live(town, 61)
    assert len(qingyuan.told(alert)) == 10


def test_signing_by_the_alert_is_signing_for_the_emergency_and_the_other_bureau_sees_it(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    emergency = shouning.raise_emergency()
    town.wait(timedelta())
    alert = qingyuan.alert()
    with pytest.raises(InvalidError):
        qingyuan.acknowledge(alert, "lin")
    signed = qingyuan.acknowledge(alert, "lin", decision="dispatching", note="12人出发")
    assert (signed.acknowledged_name, signed.decision) == ("Lin", "dispatching")
    town.settle()
    with shouning.node.database.read() as session:
        answer = session.get_one(Answer, (emergency, QINGYUAN))
        assert (answer.decision, answer.acknowledged_at) == ("dispatching", town.clock.now())
    with pytest.raises(IllegalMoveError):
        qingyuan.acknowledge(alert, "wu", decision="noted")


def test_signing_in_the_room_acknowledges_the_alert_in_the_same_transaction(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    emergency = shouning.raise_emergency()
    town.wait(timedelta())
    qingyuan.sign_in_room(emergency, "wu")
    alert = qingyuan.alert()
    assert (alert.state, alert.acknowledged_name, alert.next_at) == ("acknowledged", "Wu", None)


def test_a_drill_is_marked_gentle_and_leaves_the_leadership_alone(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    shouning.raise_emergency(status="exercise")
    town.wait(timedelta())
    live(town, 40)
    alert = qingyuan.alert()
    assert (alert.urgency, alert.status) == ("normal", "exercise")
    assert {who for _, _, told in qingyuan.told(alert) for who in told} == {"lin", "wu"}
    said = qingyuan.dispatches(alert)[0].message
    assert said["text_zh"].startswith("【演练")


def test_whoever_was_told_of_a_wrong_alert_hears_the_apology_also_after_somebody_signed(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    emergency = shouning.raise_emergency()
    town.wait(timedelta())
    live(town, 10)
    qingyuan.acknowledge(qingyuan.alert(), "lin", decision="dispatching")
    town.wait(MINUTE)
    shouning.cancel(emergency, reason="retraction")
    town.wait(timedelta())
    alert = qingyuan.alert()
    assert (alert.state, alert.next_at) == ("ended", None)
    assert qingyuan.told(alert)[-1] == (11, "retraction", ["lin", "wu"])
    last = qingyuan.dispatches(alert)[-1]
    assert (last.kind, "深表歉意" in last.message["text_zh"], "apologise" in last.message["text_en"]) == (
        "retraction",
        True,
        True,
    )
    live(town, 30)
    assert qingyuan.told(qingyuan.alert())[-1][1] == "retraction"


def test_news_is_told_with_the_alert_while_it_is_open_and_by_itself_after_somebody_signed(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    emergency = shouning.raise_emergency()
    town.wait(timedelta())
    town.wait(MINUTE)
    shouning.update(emergency)
    town.wait(timedelta())
    alert = qingyuan.alert()
    assert alert.count == 2
    assert qingyuan.told(alert) == [(0, "new", ["lin"]), (1, "repeat", ["lin"])]
    qingyuan.acknowledge(alert, "lin", decision="noted")
    town.wait(MINUTE)
    shouning.update(emergency, changes="火势减弱")
    town.wait(timedelta())
    assert qingyuan.told(qingyuan.alert("news")) == [(0, "new", ["lin"])]
    shouning.cancel(emergency, reason="over", explanation="明火已扑灭。")
    town.wait(timedelta())
    assert {each.state for each in qingyuan.alerts()} == {"ended"}


def test_our_own_emergency_that_no_peer_signs_for_is_ours_to_call_about_until_they_do(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    emergency = shouning.raise_emergency()
    town.wait(timedelta())
    town.wait(15 * MINUTE)
    task = shouning.alert("task")
    assert (task.urgency, "尚无人签收" in task.title_zh) == ("urgent", True)
    assert shouning.told(task) == [(0, "new", ["lin"])]
    qingyuan.sign_in_room(emergency, "lin")
    town.settle()
    assert (shouning.alert("task").state, shouning.alert("task").next_at) == ("ended", None)


def test_a_handover_tells_the_one_who_takes_over_at_once(town: Town, shouning: Watchroom, qingyuan: Watchroom) -> None:
    shouning.raise_emergency()
    town.wait(timedelta())
    town.wait(MINUTE)
    qingyuan.hand_over("wu", note="一起火情未签收")
    qingyuan.escalate()
    assert qingyuan.told(qingyuan.alert()) == [(0, "new", ["lin"]), (1, "new", ["wu"])]
    town.wait(5 * MINUTE)
    assert qingyuan.told(qingyuan.alert())[-1] == (6, "repeat", ["wu"])


def test_with_nobody_on_duty_all_liaison_officers_are_told_and_without_any_the_deputy(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    qingyuan.shut_out("lin")
    shouning.raise_emergency()
    town.wait(timedelta())
    assert qingyuan.told(qingyuan.alert()) == [(0, "new", ["wu"])]
    qingyuan.shut_out("wu")
    town.wait(MINUTE)
    shouning.raise_emergency(title="另一起火情", confirm="另一起火情")
    town.wait(timedelta())
    assert qingyuan.told(qingyuan.alerts("emergency")[1]) == [(0, "new", ["deputy"])]


def test_after_an_outage_of_hours_each_is_told_once_and_how_late(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    shouning.raise_emergency()
    town.wait(timedelta())
    town.wait(timedelta(hours=5))
    alert = qingyuan.alert()
    assert qingyuan.told(alert)[1:] == [
        (300, "escalation", ["chief", "deputy", "head", "wu"]),
        (300, "repeat", ["lin"]),
    ]
    assert "迟发 4 小时 55 分钟" in qingyuan.dispatches(alert)[-1].message["text_zh"]


def test_who_may_not_sign_for_an_emergency_cannot_by_its_alert_and_who_may_not_read_it_finds_none(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    qingyuan.add("officer", Role.OFFICER)
    shouning.raise_emergency()
    town.wait(timedelta())
    with pytest.raises(ForbiddenError):
        qingyuan.acknowledge(qingyuan.alert(), "officer", decision="noted")
    with pytest.raises(NotFoundError):
        qingyuan.acknowledge(qingyuan.alert(), "admin", decision="noted")


def test_an_alert_goes_on_by_what_was_agreed_as_soon_as_the_last_signature_is_known(
    town: Town, shouning: Watchroom, qingyuan: Watchroom
) -> None:
    jingning = town.add(JINGNING)
    for code in (SHOUNING, QINGYUAN):
        town.introduce(code, JINGNING)
    wanted = terms(SHOUNING, QINGYUAN, JINGNING, deadlines={"emergency_escalation_minutes": [6, 12]})
    Chief(shouning.node).propose(wanted)
    town.settle()
    town.network.cut.add(frozenset({SHOUNING, JINGNING}))
    for node in (qingyuan.node, jingning):
        Chief(node).sign(wanted.digest())
    town.wait(timedelta(days=1))

    qingyuan.raise_emergency(recipients=[SHOUNING])
    town.wait(timedelta())
    live(town, 5)
    alert = shouning.alert()
    assert [(at, kind) for at, kind, _ in shouning.told(alert)] == [(0, "new"), (5, "repeat")]
    town.network.cut.clear()
    town.wait(timedelta(minutes=1))
    live(town, 7)
    told = [(at, kind, who) for at, kind, who in shouning.told(alert) if kind == "escalation"]
    assert told[0][2][0] == "deputy"
    assert (12, "escalation", ["chief", "head"]) in told
