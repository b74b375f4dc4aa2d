"""What is agreed between two bureaus holds for their leads, bulletins and emergencies, on both sides alike."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ecolink.exchanges.agreed import SharingError
from ecolink.exchanges.emergencies.models import CallTask
from ecolink.exchanges.leads.models import Lead
from ecolink.kit.times import CHINA
from tests.exchanges.bulletins.bureaux import Bureau, bulletin
from tests.exchanges.emergencies.desks import Desk
from tests.exchanges.leads.bureaux import Office
from tests.support.agreements import Chief, conclude, terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

SHORT = {"urgent_answer_days": 2, "emergency_person_minutes": 5, "emergency_escalation_minutes": [5, 10]}


@pytest.fixture
def agreed(town: Town) -> Iterator[Town]:
    """Shouning and Qingyuan, with shorter terms than the built-in ones; it is the day they are in force."""
    conclude(town, terms(deadlines=SHORT, handling={"code": "H1", "onward": "ask"}, retention_months=60))
    return town


def offices(town: Town) -> list[Office]:
    return [Office.open(node) for node in town.nodes.values()]


def leads(town: Town, lead_id: str) -> list[Lead]:
    found = []
    for node in town.nodes.values():
        with node.database.read() as session:
            found.append(session.get_one(Lead, lead_id))
    return found


def test_a_leads_terms_are_those_agreed_on_the_day_of_the_request_at_both(agreed: Town) -> None:
    agreed.settings["deadlines"] = {"urgent_answer_days": 9}  # what one bureau sets for itself is not agreed
    agreed.revive(QINGYUAN)
    here, there = offices(agreed)
    lead_id = here.send(urgency="U2", urgency_reason="嫌疑人可能外逃")
    agreed.settle()

    due = datetime(2026, 11, 26, 23, 59, 59, tzinfo=CHINA).astimezone(UTC)
    assert [lead.answer_due for lead in leads(agreed, lead_id)] == [due, due]

    second = terms(version=2, replaces=terms_in_force(agreed), deadlines={"urgent_answer_days": 1})
    conclude(agreed, second)
    there.make(lead_id, "acknowledged")
    agreed.settle()
    assert [lead.answer_due for lead in leads(agreed, lead_id)] == [due, due], "the day of the request decides"


def terms_in_force(town: Town) -> str:
    return Chief(town.nodes[SHOUNING]).in_force()[0].versions[-1].digest


def test_a_lead_told_before_the_last_signature_was_known_gets_the_agreed_terms_afterwards(town: Town) -> None:
    wanted = terms(deadlines=SHORT)
    here, there = offices(town)
    Chief(here.node).propose(wanted)
    town.settle()
    Chief(there.node).sign(wanted.digest())
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    town.wait(timedelta(days=1))
    lead_id = here.send(urgency="U2", urgency_reason="嫌疑人可能外逃")
    town.network.cut.clear()
    town.wait(timedelta(hours=2))

    due = datetime(2026, 11, 26, 23, 59, 59, tzinfo=CHINA).astimezone(UTC)
    assert [lead.answer_due for lead in leads(town, lead_id)] == [due, due]


def test_handling_and_retention_are_the_agreed_ones_unless_the_officer_says_otherwise(agreed: Town) -> None:
    here, _ = offices(agreed)
    for chosen, code in (({}, "H1"), ({"handling": {"code": "H2"}}, "H2")):
        lead_id = here.send(governance={"purpose": "侦办盗伐林木案", **chosen})
        with here.node.database.read() as session:
            case = here.service.reading.casebook.open(session, lead_id, QINGYUAN, here.now)
        said = case.request.statement
        assert said.handling.code == code
        assert (said.retain_until.year, said.retain_until.month) == (2031, 11)


def test_an_emergency_runs_by_what_is_agreed_with_each_bureau(agreed: Town) -> None:
    agreed.add(JINGNING)
    agreed.introduce(SHOUNING, JINGNING)
    here, there, third = (Desk.open(node) for node in agreed.nodes.values())
    raised = here.raise_alert(recipients=[QINGYUAN, JINGNING])
    agreed.settle()

    def minutes(desk: Desk, kind: str) -> dict[str, list[int]]:
        planned: dict[str, list[int]] = {}
        with desk.node.database.read() as session:
            for task in session.scalars(select(CallTask).where(CallTask.kind == kind).order_by(CallTask.due_at)):
                assert task.emergency_id == raised
                planned.setdefault(task.bureau, []).append((task.due_at - desk.now) // timedelta(minutes=1))
        return planned

    assert minutes(here, "signature") == {QINGYUAN: [5, 10], JINGNING: [15, 30]}
    assert minutes(there, "acknowledge") == {QINGYUAN: [5]}
    assert minutes(third, "acknowledge") == {JINGNING: [15]}


def test_an_emergency_told_before_the_last_signature_was_known_is_planned_anew_at_both(town: Town) -> None:
    wanted = terms(deadlines={**SHORT, "emergency_escalation_minutes": [5, 10, 20], "emergency_update_minutes": 45})
    here, there = (Desk.open(node) for node in town.nodes.values())
    Chief(here.node).propose(wanted)
    town.settle()
    Chief(there.node).sign(wanted.digest())
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    town.wait(timedelta(days=1))
    told = here.now
    raised = here.raise_alert(recipients=[QINGYUAN])

    def planned(desk: Desk) -> dict[str, int]:
        with desk.node.database.read() as session:
            tasks = session.scalars(select(CallTask).where(CallTask.emergency_id == raised)).all()
        return {
            task.step.removesuffix(f"-{task.statement}"): (task.due_at - told) // timedelta(minutes=1)
            for task in tasks
            if task.state == "planned"
        }

    assert planned(here) == {"receipt": 2, "signature-1": 15, "signature-2": 30, "update": 60}
    town.network.cut.clear()
    town.clock.advance(timedelta(minutes=1))
    town.settle()
    assert planned(here) == {"signature-1": 6, "signature-2": 11, "signature-3": 21, "update": 45}
    assert planned(there) == {"acknowledge": 6}, "the alert came a minute later; its receiver knew the terms"


SHARING: list[dict[str, Any]] = [
    {"what": ["lead"]},
    {"what": ["bulletin", "emergency"], "sharers": [QINGYUAN], "recipients": [SHOUNING]},
]


def test_what_the_agreement_does_not_let_us_share_is_not_sent(town: Town) -> None:
    conclude(town, terms(sharing=SHARING))
    shouning, qingyuan = town.nodes.values()
    assert Office.open(shouning).send()

    with pytest.raises(SharingError, match=r"sn-qy-151 .* share a bulletin with Qingyuan"):
        Bureau.open(town, shouning).draft(bulletin(recipients=[QINGYUAN]))
    with pytest.raises(SharingError) as refused:
        shouning_desk(town).raise_alert()
    assert "《" not in refused.value.detail_zh
    assert "未约定本单位可向庆元县公安局（331126000000）提供紧急通报" in refused.value.detail_zh
    assert Desk.open(qingyuan).raise_alert(recipients=[SHOUNING])


def shouning_desk(town: Town) -> Desk:
    return Desk.open(town.nodes[SHOUNING])


def test_the_agreement_with_the_fewest_parties_goes_first_and_the_wider_one_fills_its_gaps(town: Town) -> None:
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    conclude(town, terms(deadlines={"urgent_answer_days": 2}))
    everybody = (SHOUNING, QINGYUAN, JINGNING)
    wide = {"urgent_answer_days": 4, "transfer_hours": 12}
    conclude(town, terms(*everybody, code="alliance", deadlines=wide, sharing=[{"what": ["bulletin"]}]))

    for node in town.nodes.values():
        agreed = node.rooms.leads.reading.casebook.agreed
        day = node.clock.now().date()
        with node.database.read() as session:
            for other in set(everybody) - {node.us}:
                policy = agreed.deadlines_with(session, other, day)
                pair = JINGNING not in {node.us, other}
                assert (policy.urgent_answer_days, policy.transfer_hours) == (2 if pair else 4, 12)
                if pair:
                    agreed.refuse_unshared(session, "lead", [other], day)
                else:
                    with pytest.raises(SharingError, match="alliance"):
                        agreed.refuse_unshared(session, "lead", [other], day)
