"""Whom to call, and when: exact to the second under a clock moved by hand, once each, never after the answer."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from ecolink.errors import ConflictError, IllegalMoveError, NotFoundError
from ecolink.exchanges.emergencies.models import CallTask
from ecolink.kit.times import CHINA
from tests.exchanges.emergencies.desks import Desk
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, START, Town

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

CALL = ("receipt", QINGYUAN)
PRESS = ("signature", QINGYUAN)
TELL = ("update", SHOUNING)
SIGN = ("acknowledge", SHOUNING)


def test_a_node_that_does_not_confirm_within_two_minutes_is_called_by_telephone(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    town.network.down.add(QINGYUAN)
    fire = shouning.raise_alert()
    town.wait(2 * MINUTE - SECOND)
    assert shouning.tasks() == []
    town.wait(SECOND)
    (task,) = shouning.tasks()
    assert task.kind.value == "receipt"
    assert task.bureau.duty_phone == "0578-0000002"
    assert "0578-0000002" in task.title_zh
    assert "庆元县公安局" in task.title_zh
    assert "0578-0000002" in task.title_en
    assert task.emergency_id == fire
    assert task.due_at == task.opened_at


def test_the_call_closes_itself_with_the_receipt(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    town.network.down.add(QINGYUAN)
    shouning.raise_alert()
    town.wait(3 * MINUTE)
    assert shouning.steps() == [CALL]
    town.network.down.clear()
    town.wait(5 * MINUTE)
    assert shouning.tasks() == []
    (closed,) = shouning.tasks(state="closed")
    assert closed.closed_because == "receipt"
    assert closed.closed_by is None


def test_nobody_is_called_about_a_node_that_confirmed_in_time(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    shouning.raise_alert()
    town.settle()
    town.wait(14 * MINUTE)
    assert shouning.tasks() == []
    assert shouning.tasks(state="closed") == []


def test_a_refusal_is_no_receipt(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    town.network.down.add(QINGYUAN)
    fire = shouning.raise_alert()
    town.clock.advance(timedelta(hours=25))
    town.network.down.clear()
    town.settle()
    assert [message.state for message in shouning.line(fire).messages] == ["expired"]
    shouning.watch()
    assert CALL in shouning.steps()


def test_silence_of_people_is_escalated_after_fifteen_and_thirty_minutes(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    shouning.raise_alert()
    town.settle()
    town.wait(15 * MINUTE - SECOND)
    assert shouning.steps() == []
    town.wait(SECOND)
    assert shouning.steps() == [PRESS]
    town.wait(15 * MINUTE - SECOND)
    assert shouning.steps() == [PRESS]
    town.wait(SECOND)
    assert shouning.steps() == [PRESS, PRESS]
    assert [task.step for task in shouning.tasks()] == ["signature-1", "signature-2"]


def test_the_quarter_of_an_hour_runs_from_the_signed_receipt(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    town.network.down.add(QINGYUAN)
    shouning.raise_alert()
    town.wait(10 * MINUTE)
    town.network.down.clear()
    town.wait(5 * MINUTE - SECOND)  # the node takes it now, 14:59 after it was raised
    assert shouning.steps() == []
    town.wait(15 * MINUTE - SECOND)
    assert shouning.steps() == []
    town.wait(SECOND)
    assert shouning.steps() == [PRESS]


def test_a_peers_clock_that_runs_ahead_puts_nothing_off(town: Town, shouning: Desk, jingning: Desk) -> None:
    jingning.node.clock.skew = 4 * MINUTE  # type: ignore[attr-defined]
    shouning.raise_alert(recipients=[JINGNING])
    town.settle()
    town.wait(15 * MINUTE)
    assert shouning.steps() == [("signature", JINGNING)]


def test_a_node_that_stays_silent_is_escalated_as_well(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    town.network.down.add(QINGYUAN)
    shouning.raise_alert()
    town.wait(15 * MINUTE)
    assert sorted(shouning.steps()) == [CALL, PRESS]


def test_a_signature_closes_every_call_about_that_bureau_and_no_old_step_fires_after_it(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    fire = shouning.raise_alert()
    town.settle()
    town.wait(16 * MINUTE)
    assert shouning.steps() == [PRESS]
    qingyuan.acknowledge(fire)
    town.settle()
    assert shouning.steps() == []
    town.wait(40 * MINUTE)
    assert shouning.steps() == []
    assert [task.closed_because for task in shouning.tasks(state="closed")] == ["acknowledged"]


def test_one_bureaus_signature_does_not_speak_for_another(
    town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk
) -> None:
    fire = shouning.raise_alert(recipients=[QINGYUAN, JINGNING])
    town.settle()
    qingyuan.acknowledge(fire)
    town.settle()
    town.wait(15 * MINUTE)
    assert shouning.steps() == [("signature", JINGNING)]
    assert shouning.show(fire).acknowledged == 1
    assert shouning.line(fire, JINGNING).signed is None
    assert [task.kind.value for task in shouning.line(fire, JINGNING).tasks] == ["signature"]


def test_news_is_due_every_hour_while_it_is_open(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire)
    town.wait(60 * MINUTE)
    assert shouning.steps() == [TELL]
    assert shouning.show(fire).update_overdue is False
    town.wait(SECOND)
    assert shouning.show(fire).update_overdue
    assert qingyuan.show(fire).update_overdue
    shouning.update(fire, colour="yellow")
    assert shouning.steps() == []
    town.settle()
    assert not qingyuan.show(fire).update_overdue
    town.wait(60 * MINUTE - SECOND)
    assert shouning.steps() == []
    town.wait(SECOND)
    assert shouning.steps() == [TELL]
    shouning.cancel(fire)
    assert shouning.steps() == []


def test_an_hour_nobody_told_anything_makes_one_task_and_no_storm(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire)
    town.settle()
    town.wait(timedelta(days=30))
    assert shouning.steps() == [TELL]


def test_our_own_people_are_asked_to_sign_when_nobody_has_for_a_quarter_of_an_hour(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    fire = shouning.raise_alert()
    town.settle()
    town.wait(15 * MINUTE - SECOND)
    assert qingyuan.steps() == []
    town.wait(SECOND)
    (task,) = qingyuan.tasks()
    assert task.kind.value == "acknowledge"
    assert "寿宁县公安局" in task.title_zh
    qingyuan.acknowledge(fire)
    assert qingyuan.tasks() == []


def test_nobody_is_asked_to_sign_for_what_is_already_over(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    shouning.cancel(fire)
    town.settle()
    town.wait(timedelta(hours=3))
    assert qingyuan.tasks() == []
    assert shouning.tasks() == []


def test_a_cancellation_that_does_not_arrive_is_called_through(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    fire = shouning.raise_alert()
    town.settle()
    qingyuan.acknowledge(fire)
    town.settle()
    town.network.down.add(QINGYUAN)
    shouning.cancel(fire, reason="retraction")
    town.wait(2 * MINUTE)
    assert shouning.steps() == [CALL]
    town.network.down.clear()
    town.wait(5 * MINUTE)
    assert shouning.steps() == []


def test_watching_again_and_again_changes_nothing_more(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    shouning.raise_alert()
    town.settle()
    town.clock.advance(16 * MINUTE)
    with shouning.node.database.read() as session:
        due = shouning.room.tasks.next_due(session)
    assert due is not None
    assert due <= shouning.now
    assert shouning.watch() == 1
    assert shouning.watch() == 0
    with shouning.node.database.read() as session:
        later = shouning.room.tasks.next_due(session)
    assert later is None or later > shouning.now
    town.clock.moment -= 10 * MINUTE  # the machine's clock steps back
    assert shouning.watch() == 0
    assert shouning.steps() == [PRESS]


def test_a_clock_that_slept_all_night_opens_each_step_once(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    town.network.down.add(QINGYUAN)
    shouning.raise_alert()
    town.clock.advance(timedelta(hours=9))
    shouning.watch()
    shouning.watch()
    assert sorted(shouning.steps()) == sorted([CALL, PRESS, PRESS, TELL])


def test_two_schedulers_make_one_task_of_each_step(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    town.network.down.add(QINGYUAN)
    for number in range(5):
        shouning.raise_alert(title=f"火情{number}", confirm=f"火情{number}")
    town.clock.advance(31 * MINUTE)
    opened = _at_once(shouning.watch, shouning.watch)
    assert sum(opened) == 5 * 3
    assert len(shouning.tasks()) == 15
    with shouning.node.database.read() as session:
        keys = session.execute(select(CallTask.emergency_id, CallTask.bureau, CallTask.step)).all()
    assert len(keys) == len(set(keys))


def test_a_signature_and_the_scheduler_at_the_same_moment_leave_no_task_open(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    fires = [shouning.raise_alert(title=f"火情{number}", confirm=f"火情{number}") for number in range(5)]
    town.settle()
    town.clock.advance(16 * MINUTE)

    def sign() -> int:
        for fire in fires:
            qingyuan.acknowledge(fire)
        return len(fires)

    _at_once(sign, qingyuan.watch)
    qingyuan.watch()
    assert qingyuan.tasks() == []


def _at_once(*calls: Callable[[], int]) -> list[int]:
    start, results = Barrier(len(calls)), []

    def run(call: Callable[[], int]) -> None:
        start.wait()
        results.append(call())

    threads = [Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(calls)
    return results


def test_a_person_closes_a_task_with_a_word_and_only_once(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    town.network.down.add(QINGYUAN)
    shouning.raise_alert()
    town.wait(2 * MINUTE)
    (task,) = shouning.tasks()
    shouning.finish(task.id)
    (closed,) = shouning.tasks(state="closed")
    assert (closed.closed_because, closed.closed_by, closed.note) == ("person", "林一鸣", "已电话通知")
    with pytest.raises(IllegalMoveError):
        shouning.finish(task.id)


def test_a_task_that_has_not_fallen_due_is_nobodys_to_finish(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    shouning.raise_alert()
    with shouning.node.database.read() as session:
        planned = session.scalars(select(CallTask.id)).first()
    with pytest.raises(NotFoundError):
        shouning.finish(planned or "")
    with pytest.raises(NotFoundError):
        shouning.finish("019ab000-0000-7000-8000-000000000001")


def test_other_terms_come_from_the_agreement(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    from ecolink.cadence.deadlines import DeadlinePolicy

    strict = Desk.open(shouning.node, deadlines=DeadlinePolicy(emergency_escalation_minutes=(5, 10, 20)))
    strict.raise_alert()
    town.settle()
    town.wait(10 * MINUTE)
    assert strict.steps() == [PRESS, PRESS]


def test_nobody_hears_further_of_an_alert_that_never_reached_them(
    town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk
) -> None:
    town.network.down.add(QINGYUAN)
    fire = shouning.raise_alert(recipients=[QINGYUAN, JINGNING])
    town.settle()
    town.wait(timedelta(hours=25))
    town.network.down.clear()
    town.wait(timedelta(hours=1))
    assert [message.state for message in shouning.line(fire).messages] == ["expired"]
    shouning.update(fire, colour="yellow")
    town.settle()
    assert jingning.show(fire).situation.colour.value == "yellow"
    assert qingyuan.parked() == []
    assert qingyuan.found() == []


def test_when_nobody_was_reached_an_update_says_so_and_it_can_still_be_ended(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    town.network.down.add(QINGYUAN)
    fire = shouning.raise_alert()
    town.wait(timedelta(hours=25))
    town.network.down.clear()
    town.wait(timedelta(hours=1))
    with pytest.raises(ConflictError):
        shouning.update(fire, colour="yellow")
    shouning.cancel(fire)
    assert shouning.show(fire).state.value == "cancelled"
    assert shouning.tasks() == []
    town.settle()
    assert qingyuan.parked() == []


def test_the_time_on_a_task_is_that_of_shanghai_on_the_wire(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    town.network.down.add(QINGYUAN)
    shouning.raise_alert()
    town.wait(2 * MINUTE)
    (task,) = shouning.tasks()
    assert task.due_at.astimezone(CHINA).hour == 9


@pytest.mark.parametrize("cancelled_after", [timedelta(hours=1), timedelta(hours=26)])
def test_a_bureau_that_was_cut_off_for_a_day_still_hears_that_it_is_over(
    town: Town, shouning: Desk, qingyuan: Desk, cancelled_after: timedelta
) -> None:
    fire = shouning.raise_alert()
    town.settle()
    town.network.down.add(QINGYUAN)
    shouning.update(fire, colour="red")
    for _ in range(27):
        town.wait(timedelta(hours=1))
        if town.clock.now() - START == cancelled_after:
            shouning.cancel(fire)
        if town.clock.now() - START == timedelta(hours=25):
            town.network.down.clear()
    assert [message.state for message in shouning.line(fire).messages] == ["delivered", "delivered", "delivered"]
    assert qingyuan.parked() == []
    assert qingyuan.show(fire).state.value == "cancelled"
