"""A monthly drill that an agreement asks for: met once the other party has signed for it, and by nothing else."""

from datetime import date, timedelta

import pytest

from ecolink.cadence.terms_file import read, write
from ecolink.entrypoints.wiring import Node
from tests.exchanges.emergencies.desks import Desk
from tests.exchanges.obligations.covenant import live_until, obligation, picture, room, told
from tests.exchanges.test_giving_back import bring_back
from tests.federation.backups import back_up
from tests.support.agreements import LIAISON, conclude, terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

DRILL = {**LIAISON, "code": "drill", "kind": "drill", "name_zh": "联动演练", "name_en": "Joint drill"}
KEY = "sn-qy-151/drill/2026-12"


@pytest.fixture
def december(town: Town) -> Town:
    conclude(town, terms(duties=[DRILL]))
    town.wait(timedelta(days=9))
    return town


def desk(node: Node) -> Desk:
    return Desk(node, node.rooms.emergencies)


def raise_drill(node: Node, to: str, status: str = "exercise") -> str:
    return desk(node).raise_alert(recipients=[to], status=status, title="冬季联动拉练")


def test_a_drill_that_the_other_party_signed_for_meets_the_month_at_both(december: Town) -> None:
    shouning, qingyuan = december.nodes.values()
    assert obligation(shouning, KEY).state == "open"
    drill = raise_drill(shouning, QINGYUAN)
    december.settle()
    for node in (shouning, qingyuan):
        row = obligation(node, KEY)
        assert (row.state, row.owing) == ("begun", [QINGYUAN])

    desk(qingyuan).acknowledge(drill)
    december.settle()
    assert picture(shouning) == picture(qingyuan)
    row = obligation(shouning, KEY)
    assert (row.state, row.late, row.owing) == ("fulfilled", False, [])
    met = row.fulfilled_at
    with shouning.database.read() as session:
        (record,) = room(shouning).views.show(session, room(shouning).book.find(session, KEY)).records
    assert [party.signed_at is not None for party in record.parties] == [True, True]

    december.clock.advance(timedelta(minutes=10))
    desk(shouning).update(drill)
    december.settle()
    desk(qingyuan).acknowledge(drill)
    december.settle()
    assert obligation(qingyuan, KEY).fulfilled_at == met, "the first word counts"


def test_the_real_thing_a_test_and_what_was_told_by_mistake_are_no_drills(december: Town) -> None:
    shouning, qingyuan = december.nodes.values()
    for status in ("test", "actual"):
        told_of = (
            raise_drill(qingyuan, SHOUNING, status)
            if status == "test"
            else desk(qingyuan).raise_alert(recipients=[SHOUNING])
        )
        december.settle()
        desk(shouning).acknowledge(told_of)
        december.settle()
    assert obligation(shouning, KEY).state == "open"

    drill = raise_drill(shouning, QINGYUAN)
    december.settle()
    desk(qingyuan).acknowledge(drill)
    december.settle()
    desk(shouning).cancel(drill, reason="retraction")
    december.settle()
    assert [obligation(node, KEY).state for node in (shouning, qingyuan)] == ["open", "open"]


def test_a_month_without_a_drill_is_reminded_of_goes_up_the_chain_and_a_word_after_it_is_late(december: Town) -> None:
    shouning, qingyuan = december.nodes.values()
    live_until(december, date(2026, 12, 30))
    assert [step for step, _, _ in told(shouning, KEY)] == ["remind-7", "remind-3"]
    drill = raise_drill(shouning, QINGYUAN)
    december.settle()
    live_until(december, date(2027, 1, 2))
    assert told(qingyuan, KEY)[-1] == ("escalate-1", "liaison_officer", "open")
    desk(qingyuan).acknowledge(drill)
    december.settle()
    assert picture(shouning) == picture(qingyuan)
    assert (obligation(shouning, KEY).state, obligation(shouning, KEY).late) == ("fulfilled", True)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whoever_comes_back_from_a_backup_knows_the_drill_again(december: Town, new_database_url) -> None:
    shouning, qingyuan = december.nodes.values()
    url = back_up(qingyuan, new_database_url)
    drill = raise_drill(shouning, QINGYUAN)
    december.settle()
    desk(qingyuan).acknowledge(drill)
    december.settle()
    restored = bring_back(december, qingyuan, url)
    december.wait(timedelta(days=1))
    assert obligation(restored, KEY).state == "fulfilled"
    assert picture(restored) == picture(december.nodes[SHOUNING])


def test_one_drill_told_to_two_bureaus_meets_its_authors_duty_with_each_that_signs(town: Town) -> None:
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    pairs = {"sn-qy": [SHOUNING, QINGYUAN], "sn-jn": [SHOUNING, JINGNING], "qy-jn": [QINGYUAN, JINGNING]}
    duties = [{**DRILL, "code": code, "between": sorted(pair)} for code, pair in pairs.items()]
    conclude(town, terms(SHOUNING, QINGYUAN, JINGNING, duties=duties))
    town.wait(timedelta(days=9))

    def standing(pair: str) -> list[str]:
        return [obligation(town.nodes[code], f"sn-qy-151/{pair}/2026-12").state for code in pairs[pair]]

    drill = desk(town.nodes[SHOUNING]).raise_alert(recipients=[QINGYUAN, JINGNING], status="exercise")
    town.settle()
    desk(town.nodes[QINGYUAN]).acknowledge(drill)
    town.settle()
    assert (standing("sn-qy"), standing("qy-jn")) == (["fulfilled"] * 2, ["open"] * 2)
    assert "fulfilled" not in standing("sn-jn")
    desk(town.nodes[JINGNING]).acknowledge(drill)
    town.settle()
    assert (standing("sn-jn"), standing("qy-jn")) == (["fulfilled"] * 2, ["open"] * 2)


def test_a_drill_binds_two_bureaus_for_a_third_could_not_see_who_signed() -> None:
    three = terms(SHOUNING, QINGYUAN, JINGNING, duties=[DRILL])
    (finding,) = [each for each in read(write(three)).findings if each.severity == "error"]
    assert "write a duty for each pair" in finding.text_en
    pair = {**DRILL, "between": [SHOUNING, QINGYUAN]}
    assert not [
        each
        for each in read(write(terms(SHOUNING, QINGYUAN, JINGNING, duties=[pair]))).findings
        if each.severity == "error"
    ]
