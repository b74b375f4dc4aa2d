"""Consultations between bureaus: called by one, answered, held, signed by all, followed up; the same picture everywhere."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from ecolink.errors import ConflictError, IllegalMoveError, InvalidError
from ecolink.exchanges.obligations.models import Notice
from tests.exchanges.consultations.officers import Officer
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

TASK = {"code": "T1", "text": "提供木材加工点清单", "owner": QINGYUAN, "due_on": "2026-12-10"}


@pytest.fixture
def shouning(town: Town) -> Officer:
    return Officer(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Officer:
    return Officer(town.nodes[QINGYUAN])


def test_a_consultation_is_called_set_held_signed_and_followed_up(
    town: Town, shouning: Officer, qingyuan: Officer
) -> None:
    called = shouning.call(QINGYUAN, chair=QINGYUAN)
    town.settle()
    assert (qingyuan.show(called).state, qingyuan.show(called).awaits_us) == ("proposed", True)
    qingyuan.answer(called)
    town.settle()
    assert shouning.show(called).awaits_us, "all have answered: the date is to be set"
    shouning.set_date(called, shouning.now + timedelta(days=2))
    town.wait(timedelta(days=3))
    assert qingyuan.show(called).state == "set"
    with pytest.raises(IllegalMoveError):
        shouning.write_minutes(called)
    qingyuan.write_minutes(called, tasks=[TASK])
    town.settle()
    assert shouning.show(called).may == ["confirmed", "objected", "task_updated"]
    with pytest.raises(IllegalMoveError, match="all have signed"):
        qingyuan.report(called, "T1")
    shouning.confirm(called)
    town.settle()
    qingyuan.report(called, "T1", "under_way", "已收集两乡")
    town.settle()
    for officer in (shouning, qingyuan):
        shown = officer.show(called)
        assert (shown.state, shown.open_tasks, shown.minutes.tasks[0].status) == ("concluded", 1, "under_way")
        assert [word.unit_code for word in shown.bureaus if word.signed_at] == [QINGYUAN, SHOUNING]
        assert shown.minutes.participants == ["林一鸣 联络员", "周青"]
    qingyuan.report(called, "T1")
    town.settle()
    assert (shouning.show(called).open_tasks, qingyuan.show(called).open_tasks) == (0, 0)


def test_minutes_that_somebody_objects_to_are_written_anew_and_only_the_new_ones_are_signed(
    town: Town, shouning: Officer, qingyuan: Officer
) -> None:
    called = shouning.call(QINGYUAN)
    town.settle()
    first = shouning.write_minutes(called)
    town.settle()
    qingyuan.object_to(called, "结论有误")
    town.settle()
    assert [word.reason for word in shouning.show(called).bureaus] == ["结论有误", None]
    town.clock.advance(timedelta(minutes=5))
    shouning.write_minutes(called, conclusions="每月联合巡护一次。")
    town.settle()
    with pytest.raises(ConflictError, match="written anew"):
        qingyuan.confirm(called, first)
    qingyuan.confirm(called)
    town.settle()
    assert shouning.show(called).state == qingyuan.show(called).state == "concluded"
    assert shouning.show(called).minutes.conclusions == "每月联合巡护一次。"


def test_a_cancellation_that_crossed_the_minutes_ends_alike_on_both_sides(
    town: Town, shouning: Officer, qingyuan: Officer
) -> None:
    called = shouning.call(QINGYUAN, chair=QINGYUAN)
    town.settle()
    shouning.cancel(called)
    qingyuan.write_minutes(called)
    town.settle()
    for officer in (shouning, qingyuan):
        assert officer.show(called).state == "minuted", "what was held cannot be called off"
        assert [each.verdict for each in officer.show(called).history if each.move == "cancelled"] == ["crossed"]


def test_three_bureaus_confer_and_all_must_sign(town: Town, shouning: Officer, qingyuan: Officer) -> None:
    jingning = Officer(town.add(JINGNING))
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    called = shouning.call(QINGYUAN, JINGNING)
    town.settle()
    qingyuan.answer(called)
    jingning.answer(called, "declines", times=[], note="当日有专项行动")
    town.settle()
    shouning.write_minutes(called)
    town.settle()
    qingyuan.confirm(called)
    town.settle()
    assert {each.show(called).state for each in (shouning, qingyuan, jingning)} == {"minuted"}
    jingning.confirm(called)
    town.settle()
    assert {each.show(called).state for each in (shouning, qingyuan, jingning)} == {"concluded"}
    assert {word.answer for word in jingning.show(called).bureaus} == {"accepts", "declines", None}


def test_what_cannot_be_is_refused_before_it_is_signed(town: Town, shouning: Officer, qingyuan: Officer) -> None:
    with pytest.raises(InvalidError, match="chair"):
        shouning.call(QINGYUAN, chair=JINGNING)
    with pytest.raises(InvalidError, match="agreement"):
        shouning.call(QINGYUAN, agreement="sn-qy-151")
    strange = {"kind": "lead", "thread": "019ab000-0000-7000-8000-000000000001"}
    with pytest.raises(InvalidError, match="knows this matter"):
        shouning.call(QINGYUAN, trigger=strange)
    called = shouning.call(QINGYUAN)
    with pytest.raises(InvalidError, match="after the meeting"):
        shouning.write_minutes(called, held_at=(shouning.now + timedelta(hours=1)).isoformat())
    with pytest.raises(InvalidError, match="takes no part"):
        shouning.write_minutes(called, tasks=[{**TASK, "owner": JINGNING}])
    with pytest.raises(InvalidError, match="persons"):
        shouning.write_minutes(called, minutes="林一鸣介绍情况。")


def noticed(officer: Officer, consultation: str) -> list[tuple[str, str, str]]:
    """Return what our people were told of each task: the sort of notice and how it stands."""
    with officer.node.database.read() as session:
        told = session.scalars(select(Notice)).all()
    return sorted(
        (each.subject.rpartition("/")[2], each.kind, each.state) for each in told if consultation in each.subject
    )


def test_our_people_are_told_of_a_task_of_ours_each_time_once_and_never_again_when_it_is_done(
    town: Town, shouning: Officer, qingyuan: Officer
) -> None:
    called = shouning.call(QINGYUAN)
    town.settle()
    due = (shouning.now + timedelta(days=10)).date()
    tasks = [{**TASK, "due_on": due.isoformat()}, {**TASK, "code": "T2", "due_on": due.isoformat()}]
    shouning.write_minutes(called, tasks=tasks)
    town.settle()
    qingyuan.confirm(called)
    town.settle()
    town.wait(timedelta(days=8))
    assert noticed(qingyuan, called) == [("T1", "reminder", "open"), ("T2", "reminder", "open")]
    qingyuan.report(called, "T2")
    town.settle()
    town.wait(timedelta(days=30))
    town.wait(timedelta(days=30))
    once = [
        ("T1", "overdue", "open"),
        ("T1", "overdue", "open"),
        ("T1", "reminder", "open"),
        ("T2", "reminder", "closed"),
    ]
    assert noticed(qingyuan, called) == once, (
        "after weeks without the node officer and deputy are told once, as it stands"
    )
    assert isinstance(qingyuan.show(called).minutes.tasks[0].due_on, date)
    assert qingyuan.show(called).minutes.tasks[0].overdue
