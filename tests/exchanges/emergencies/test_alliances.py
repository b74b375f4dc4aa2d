"""An emergency to a whole alliance: one signed word, the same for all, on a roster frozen with it."""

import pytest
from sqlalchemy import select

from ecolink.errors import ConflictError
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.federation.models import StatementRow
from tests.exchanges.emergencies.desks import CHIEF, Desk
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns


def found(desk: Desk, *members: str) -> str:
    node = desk.node
    service = AllianceService(node.us, node.peers, node.access)
    with node.database.begin() as session:
        return service.found(
            session, name_zh="三县联盟", name_en="Three-county alliance", members=members, by=CHIEF, now=desk.now
        ).id


def suspend(desk: Desk, unit_code: str) -> None:
    with desk.node.database.begin() as session:
        desk.node.peers.suspend(session, unit_code, reason="key lost", by="administrator", now=desk.now)


def test_every_active_member_gets_the_same_signed_word_and_answers_for_itself(
    town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk
) -> None:
    alliance = found(shouning, SHOUNING, QINGYUAN, JINGNING)
    fire = shouning.raise_alert(recipients=[], alliance_id=alliance)
    town.settle()
    digests = set()
    for desk in (shouning, qingyuan, jingning):
        with desk.node.database.read() as session:
            digests.add(session.scalars(select(StatementRow.digest).where(StatementRow.thread == fire)).one())
        shown = desk.show(fire)
        assert shown.alliance is not None
        assert shown.alliance["name_zh"] == "三县联盟"
        assert shown.alliance["members"] == sorted([SHOUNING, QINGYUAN, JINGNING])
    assert len(digests) == 1
    qingyuan.acknowledge(fire)
    jingning.acknowledge(fire, decision="noted")
    town.settle()
    decisions = {line.bureau.unit_code: line.signed.decision for line in shouning.board(fire).bureaus if line.signed}
    assert decisions == {QINGYUAN: "dispatching", JINGNING: "noted"}


def test_a_suspended_member_is_left_out_and_shown_as_such(
    town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk
) -> None:
    alliance = found(shouning, SHOUNING, QINGYUAN, JINGNING)
    suspend(shouning, JINGNING)
    fire = shouning.raise_alert(recipients=[], alliance_id=alliance)
    town.settle()
    for desk in (shouning, qingyuan):
        assert [each.unit_code for each in desk.show(fire).recipients] == [QINGYUAN]
        assert [each.unit_code for each in desk.show(fire).left_out] == [JINGNING]
    assert jingning.found() == []


def test_an_update_reaches_the_others_when_one_was_suspended_meanwhile(
    town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk
) -> None:
    fire = shouning.raise_alert(recipients=[QINGYUAN, JINGNING])
    town.settle()
    suspend(shouning, JINGNING)
    shouning.update(fire, colour="red")
    town.settle()
    assert qingyuan.show(fire).situation.colour.value == "red"
    assert jingning.show(fire).situation.colour.value == "orange"


def test_an_alliance_nobody_of_which_can_be_reached_is_refused(
    town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk
) -> None:
    alliance = found(shouning, SHOUNING, QINGYUAN)
    suspend(shouning, QINGYUAN)
    with pytest.raises(ConflictError):
        shouning.raise_alert(recipients=[], alliance_id=alliance)


def test_a_recipient_sees_nothing_of_what_the_others_answered(
    town: Town, shouning: Desk, qingyuan: Desk, jingning: Desk
) -> None:
    fire = shouning.raise_alert(recipients=[QINGYUAN, JINGNING])
    town.settle()
    qingyuan.acknowledge(fire)
    town.settle()
    assert [entry.move for entry in jingning.board(fire).history] == ["alert"]
    assert [line.bureau.unit_code for line in jingning.board(fire).bureaus] == [JINGNING]
    shouning.update(fire, colour="red")
    town.settle()
    assert jingning.show(fire).situation.colour.value == "red"
    assert qingyuan.show(fire).situation.colour.value == "red"
