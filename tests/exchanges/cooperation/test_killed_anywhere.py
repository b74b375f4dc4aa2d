"""Nodes killed at any statement while bureaus agree, contact, exchange and confer: all is done, told and signed once."""

from collections import Counter
from datetime import date, timedelta

import pytest

from ecolink.entrypoints.wiring import Node
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1
from tests.exchanges.consultations.officers import Officer as Conferring
from tests.exchanges.liaison.officers import Officer as Contacting
from tests.exchanges.obligations.covenant import obligation, picture, told
from tests.exchanges.quarterly.desks import DUTY, Desk
from tests.support.agreements import Chief, conclude, terms
from tests.support.perils import Perils
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

BOTH = (SHOUNING, QINGYUAN)
LEAST_DEATHS = 30


@pytest.fixture
def perils(town: Town) -> Perils:
    return Perils(town)


def by(**said: dict[str, int]) -> Counter[tuple[str, str]]:
    """Return what each bureau is to have said, with the room's name for its types."""
    authors = {"shouning": SHOUNING, "qingyuan": QINGYUAN}
    return Counter({(authors[who], f"{kind}.v1"): many for who, kinds in said.items() for kind, many in kinds.items()})


def test_an_agreement_is_proposed_signed_amended_and_ended_once(perils: Perils) -> None:
    first = terms()
    second = terms(version=2, replaces=first.digest(), valid_from="2027-03-01", retention_months=60)
    calendar = CalendarV1.model_validate(
        {"year": 2027, "days": [{"date": "2027-01-01", "day": "off"}], "source": "国办发明电〔2026〕00号（虚构）"}
    ).settled()

    def chief(node: Node) -> Chief:
        return Chief(node)

    perils.have(SHOUNING, lambda node: chief(node).propose(first))
    perils.have(QINGYUAN, lambda node: chief(node).decline(first.digest(), "须先报市局"))
    perils.have(QINGYUAN, lambda node: chief(node).sign(first.digest()))
    perils.wait(timedelta(days=1))
    perils.have(QINGYUAN, lambda node: chief(node).add_calendar(calendar))
    perils.have(SHOUNING, lambda node: chief(node).sign(calendar.digest()))
    perils.have(QINGYUAN, lambda node: chief(node).propose(second))
    perils.have(SHOUNING, lambda node: chief(node).sign(second.digest()))
    ending = EndingV1(ends=second.digest(), last_day=date(2027, 6, 30), reason="机构调整，另订新协议")
    perils.have(SHOUNING, lambda node: chief(node).end(ending))
    perils.have(SHOUNING, lambda node: chief(node).withdraw(ending.digest(), "日期有误"))
    later = ending.model_copy(update={"last_day": date(2027, 9, 30)})
    perils.have(SHOUNING, lambda node: chief(node).end(later))
    perils.have(QINGYUAN, lambda node: chief(node).sign(later.digest()))

    here, there = (chief(node) for node in perils.town.nodes.values())
    assert perils.deaths > LEAST_DEATHS
    assert here.in_force() == there.in_force()
    (agreement,) = here.in_force()
    assert [(version.digest, version.last) for version in agreement.versions] == [
        (first.digest(), date(2027, 2, 28)),
        (second.digest(), date(2027, 9, 30)),
    ]
    assert [here.state(ending.digest()), there.state(ending.digest())] == ["withdrawn", "withdrawn"]
    assert picture(here.node) == picture(there.node)
    assert [row[0] for row in picture(here.node)][-1] == "sn-qy-151/liaison/2027-09"
    words = by(
        shouning={"agreement.proposed": 3, "agreement.signed": 2, "agreement.withdrawn": 1},
        qingyuan={"agreement.proposed": 2, "agreement.signed": 2, "agreement.declined": 1},
    )
    assert perils.said(SHOUNING) == perils.said(QINGYUAN) == words


def test_a_contact_is_recorded_objected_to_corrected_and_confirmed_once(town: Town, perils: Perils) -> None:
    conclude(town, terms())
    town.wait(timedelta(days=9))
    held = perils.have(SHOUNING, lambda node: Contacting(node).record(QINGYUAN))
    perils.have(QINGYUAN, lambda node: Contacting(node).object_to(held))
    perils.have(SHOUNING, lambda node: Contacting(node).correct(held, conclusions="线索材料由庆元三日内反馈。"))
    perils.have(QINGYUAN, lambda node: Contacting(node).confirm(held))
    taken_back = perils.have(QINGYUAN, lambda node: Contacting(node).record(SHOUNING))
    perils.have(QINGYUAN, lambda node: Contacting(node).withdraw(taken_back))
    perils.wait(timedelta(days=25))

    here, there = (Contacting(node) for node in town.nodes.values())
    assert perils.deaths > LEAST_DEATHS
    assert here.words(held) == there.words(held)
    assert [state for _, state, *_ in here.words(held)] == ["objected", "confirmed"]
    assert here.words(taken_back) == there.words(taken_back)
    assert [state for _, state, *_ in here.words(taken_back)] == ["withdrawn"]
    assert picture(here.node) == picture(there.node)
    assert obligation(here.node, "sn-qy-151/liaison/2026-12").state == "fulfilled"
    assert told(here.node, "sn-qy-151/liaison/2026-12") == [], "it was met before anybody had to be reminded"
    words = by(
        shouning={"agreement.proposed": 1, "liaison.recorded": 2},
        qingyuan={
            "agreement.signed": 1,
            "liaison.objected": 1,
            "liaison.confirmed": 1,
            "liaison.recorded": 1,
            "liaison.withdrawn": 1,
        },
    )
    assert perils.said(SHOUNING) == perils.said(QINGYUAN) == words


def test_packages_are_drawn_up_sent_corrected_answered_and_signed_off_once(town: Town, perils: Perils) -> None:
    conclude(town, terms(duties=[DUTY]))
    key = "sn-qy-151/exchange/2027-Q1"

    def desk(node: Node) -> Desk:
        return Desk(node, node.rooms.cooperation.quarterly, [], key)

    perils.wait(timedelta(days=40))
    for code in BOTH:
        perils.have(code, lambda node: desk(node).edit(highlights="本季度重点情况。"))
        perils.have(code, lambda node: desk(node).approve())
    perils.have(SHOUNING, lambda node: desk(node).begin_correction())
    perils.have(SHOUNING, lambda node: desk(node).approve())
    theirs = {
        each.author.unit_code: each.digest for each in desk(town.nodes[SHOUNING]).show().packages if each.is_current
    }
    for code, other in (BOTH, BOTH[::-1]):
        perils.have(code, lambda node: desk(node).read(theirs[other]))  # noqa: B023 - called at once
        perils.have(code, lambda node: desk(node).feed_back(theirs[other]))  # noqa: B023
    for code in BOTH:
        perils.have(code, lambda node: desk(node).sign_off())
    perils.wait(timedelta(days=1))

    shown = [desk(node).show() for node in town.nodes.values()]
    assert perils.deaths > LEAST_DEATHS
    assert [each.state for each in shown] == ["signed_off", "signed_off"]
    assert shown[0].sign_off == shown[1].sign_off
    assert [len(each.packages) for each in shown] == [3, 3]
    assert picture(town.nodes[SHOUNING]) == picture(town.nodes[QINGYUAN])
    assert obligation(town.nodes[QINGYUAN], key).state == "fulfilled"
    once = {"exchange.read": 1, "exchange.feedback": 1, "exchange.signed_off": 1}
    words = by(
        shouning={"agreement.proposed": 1, "exchange.submitted": 2, **once},
        qingyuan={"agreement.signed": 1, "exchange.submitted": 1, **once},
    )
    assert perils.said(SHOUNING) == perils.said(QINGYUAN) == words


def test_a_consultation_is_called_held_signed_and_followed_up_once(town: Town, perils: Perils) -> None:
    called = perils.have(SHOUNING, lambda node: Conferring(node).call(QINGYUAN))
    perils.have(QINGYUAN, lambda node: Conferring(node).answer(called))
    perils.have(SHOUNING, lambda node: Conferring(node).set_date(called, Conferring(node).now + timedelta(days=1)))
    perils.wait(timedelta(days=3))
    task = {"code": "T1", "text": "提供木材加工点清单", "owner": QINGYUAN, "due_on": "2026-12-10"}
    perils.have(SHOUNING, lambda node: Conferring(node).write_minutes(called, tasks=[task]))
    perils.have(QINGYUAN, lambda node: Conferring(node).object_to(called, "结论有误"))
    perils.have(SHOUNING, lambda node: Conferring(node).write_minutes(called, tasks=[task], conclusions="每月巡护。"))
    perils.have(QINGYUAN, lambda node: Conferring(node).confirm(called))
    perils.wait(timedelta(days=12))
    perils.wait(timedelta(days=3))
    notices = told(town.nodes[QINGYUAN], f"consultation/{called}/T1")
    perils.have(QINGYUAN, lambda node: Conferring(node).report(called, "T1"))

    shown = [Conferring(node).show(called) for node in town.nodes.values()]
    assert perils.deaths > LEAST_DEATHS
    assert [(each.state, each.open_tasks) for each in shown] == [("concluded", 0), ("concluded", 0)]
    assert sorted((role, state) for _, role, state in notices) == [
        ("deputy", "open"),
        ("liaison_officer", "open"),
        ("liaison_officer", "open"),
    ]
    words = by(
        shouning={"consultation.invited": 1, "consultation.set": 1, "consultation.minuted": 2},
        qingyuan={
            "consultation.answered": 1,
            "consultation.objected": 1,
            "consultation.confirmed": 1,
            "consultation.task_updated": 1,
        },
    )
    assert perils.said(SHOUNING) == perils.said(QINGYUAN) == words
