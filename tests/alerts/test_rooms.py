"""Requests and reminders as alerts: who is told of them, and what ends it."""

from datetime import datetime, timedelta

import pytest

from ecolink.errors import NotFoundError
from ecolink.exchanges.obligations.notices import Message
from tests.alerts.watchroom import MINUTE, Watchroom, live
from tests.exchanges.leads.bureaux import Border
from tests.support.town import QINGYUAN, Town

pytestmark = pytest.mark.by_turns


@pytest.fixture
def border(town: Town) -> Border:
    return Border(town)


@pytest.fixture
def qingyuan(town: Town) -> Watchroom:
    return Watchroom.staffed(town.nodes[QINGYUAN])


def test_a_very_urgent_request_goes_up_the_chain_until_it_is_signed_for(
    town: Town, border: Border, qingyuan: Watchroom
) -> None:
    lead = border.ask(urgency="U1", urgency_reason="嫌疑人正驾车驶入")
    town.wait(timedelta())
    alert = qingyuan.alert("lead")
    assert (alert.urgency, alert.subject) == ("urgent", f"lead/{lead}/request")
    live(town, 31)
    assert [(at, who) for at, kind, who in qingyuan.told(alert) if kind == "escalation"] == [
        (20, ["wu"]),
        (30, ["deputy"]),
    ]
    signed = qingyuan.acknowledge(alert, "wu", note="已收悉")
    assert (signed.state, signed.acknowledged_name, signed.next_at) == ("acknowledged", "Wu", None)
    assert border.qingyuan.state(lead) == "acknowledged"
    town.settle()
    assert border.shouning.state(lead) == "acknowledged"


def test_a_request_signed_for_in_its_room_or_withdrawn_ends_its_alert(
    town: Town, border: Border, qingyuan: Watchroom
) -> None:
    border.ask("acknowledged", urgency="U2", urgency_reason="嫌疑人可能外逃")
    assert qingyuan.alert("lead").state == "acknowledged"
    withdrawn = border.ask("withdrawn", urgency="U2", urgency_reason="嫌疑人可能外逃")
    (other,) = (each for each in qingyuan.alerts("lead") if withdrawn in each.subject)
    assert (other.state, other.urgency) == ("ended", "normal")


def test_an_ordinary_request_wakes_nobody(town: Town, border: Border, qingyuan: Watchroom) -> None:
    border.ask(urgency="U3", urgency_reason=...)
    assert qingyuan.alerts() == []


def test_a_reminder_is_told_to_its_level_once_after_quiet_hours_and_seeing_it_is_acknowledging_it(
    town: Town, qingyuan: Watchroom
) -> None:
    town.clock.moment = datetime.fromisoformat("2026-11-23T23:00:00+08:00")
    _remind(qingyuan, "sn-qy-151/liaison/2026-11")
    town.wait(timedelta())
    notice = qingyuan.alert("notice")
    assert qingyuan.told(notice) == []
    town.wait(timedelta(hours=8) - MINUTE)
    assert qingyuan.told(qingyuan.alert("notice")) == []
    town.wait(timedelta(hours=3))
    assert [who for _, _, who in qingyuan.told(notice)] == [["lin", "wu"]]
    live(town, 600)
    assert len(qingyuan.told(notice)) == 1
    assert qingyuan.acknowledge(notice, "lin").state == "acknowledged"

    _remind(qingyuan, "sn-qy-151/liaison/2026-12")
    notices = qingyuan.node.rooms.cooperation.obligations.notices
    with qingyuan.node.database.begin() as session:
        notices.close(session, "sn-qy-151/liaison/2026-12", qingyuan.now)
    assert [each.state for each in qingyuan.alerts("notice")] == ["acknowledged", "ended"]


def test_a_notice_is_not_seen_by_somebody_of_another_level(town: Town, qingyuan: Watchroom) -> None:
    _remind(qingyuan, "sn-qy-151/liaison/2026-11")
    with pytest.raises(NotFoundError):
        qingyuan.acknowledge(qingyuan.alert("notice"), "deputy")


def _remind(room: Watchroom, subject: str) -> None:
    message = Message(
        subject=subject,
        step="remind-7",
        kind="reminder",
        title_zh="月联系须完成",
        title_en="Monthly liaison is due",
        due_at=room.now + timedelta(days=7),
    )
    with room.node.database.begin() as session:
        room.node.rooms.cooperation.obligations.notices.tell(session, message, ["liaison_officer"], room.now)


def test_what_was_closed_over_a_year_ago_is_forgotten_and_nothing_that_is_open(
    town: Town, border: Border, qingyuan: Watchroom
) -> None:
    signed, waits = (border.ask(urgency="U1", urgency_reason="嫌疑人正驾车驶入") for _ in range(2))
    town.wait(timedelta())
    closed = next(alert for alert in qingyuan.alerts("lead") if signed in alert.subject)
    qingyuan.acknowledge(closed, "lin")

    def kept() -> list[str]:
        with qingyuan.node.database.begin() as session:
            qingyuan.node.alerts.tidy(session, town.clock.now())
        return [alert.subject.split("/")[1] for alert in qingyuan.alerts("lead")]

    town.clock.advance(timedelta(days=400))
    assert set(kept()) == {signed, waits}
    town.clock.advance(timedelta(days=1))
    assert kept() == [waits]
    assert qingyuan.steps(closed) == []
