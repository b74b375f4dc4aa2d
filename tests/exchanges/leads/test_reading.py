"""What people see: masks, reveals, lists, the timeline."""

import json

import pytest

from ecolink.errors import IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.leads.models import LeadProposal
from ecolink.exchanges.leads.schemas import RevealIn
from ecolink.federation.models import StatementRow
from tests.exchanges.leads.bureaux import PERSON, Border, Office
from tests.support.town import SHOUNING

pytestmark = pytest.mark.by_turns


def reveal(office: Office, lead_id: str, **wanted):
    asked = RevealIn.model_validate(
        {"person": "P1", "fields": ["identity_number"], "reason": "核对户籍底册。", **wanted}
    )
    with office.node.database.begin() as session:
        return office.service.reading.reveal(session, lead_id, asked, by=office.officer, now=office.now)


def test_persons_are_masked_wherever_a_lead_is_shown(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    border.qingyuan.propose(lead_id, "replied", persons=[{**PERSON, "ref": "P2"}])
    for office in (border.shouning, border.qingyuan):
        shown = office.lead(lead_id)
        person = shown.request.private.persons[0]
        assert (person.name, person.identity_number) == ("林某", "331*************18")
        assert (person.birth_date, person.phone) == ("1990-**-**", "138******34")
        assert person.address == "浙江省庆元县***"
        everything = shown.model_dump_json() + json.dumps([s.model_dump(mode="json") for s in office.timeline(lead_id)])
        for member in ("name", "identity_number", "phone", "address", "birth_date"):
            assert PERSON[member] not in everything


def test_a_draft_is_masked_too_and_can_be_revealed(border: Border):
    lead_id = border.shouning.draft()
    assert PERSON["identity_number"] not in border.shouning.lead(lead_id).model_dump_json()
    told = reveal(border.shouning, lead_id)
    assert told.fields == {"identity_number": PERSON["identity_number"]}


def test_a_reveal_shows_what_was_asked_for_and_leaves_its_reason_in_the_access_log(border: Border):
    lead_id = border.ask()
    told = reveal(border.qingyuan, lead_id, fields=["name", "phone"])
    assert told.fields == {"name": "林大山", "phone": PERSON["phone"]}
    (entry,) = border.qingyuan.accesses("reveal")
    assert (entry.actor, entry.reason, entry.case_number) == ("officer", "核对户籍底册。", "A3509240000002026110001")
    assert entry.details["person"] == "P1"
    assert entry.details["fields"] == "name phone"
    assert PERSON["name"] not in json.dumps(entry.details)


def test_a_reply_has_persons_of_its_own_to_reveal(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    border.qingyuan.make(lead_id, "replied", persons=[{**PERSON, "name": "林小山"}])
    border.town.settle()
    reply = border.shouning.lead(lead_id).replies[0]
    assert reveal(border.shouning, lead_id, fields=["name"], statement=reply.digest).fields == {"name": "林小山"}
    assert reveal(border.shouning, lead_id, fields=["name"]).fields == {"name": "林大山"}


def test_an_approver_can_reveal_whom_a_reply_names_before_it_is_sent(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    proposal = border.qingyuan.propose(lead_id, "replied", persons=[{**PERSON, "name": "林小山"}])
    assert reveal(border.qingyuan, lead_id, proposal=proposal, fields=["name"]).fields == {"name": "林小山"}
    assert border.qingyuan.accesses("reveal")[-1].details["statement"] == f"proposal {proposal}"
    border.qingyuan.approve(lead_id, proposal)
    with pytest.raises(NotFoundError):
        reveal(border.qingyuan, lead_id, proposal=proposal)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"person": "P9"}, NotFoundError),
        ({"statement": "0" * 64}, NotFoundError),
        ({"reason": "查331126199001010018"}, InvalidError),
    ],
)
def test_a_reveal_of_nobody_or_for_a_reason_that_names_somebody_is_refused_and_leaves_no_mark(border, wanted, error):
    lead_id = border.ask()
    with pytest.raises(error):
        reveal(border.qingyuan, lead_id, **wanted)
    assert border.qingyuan.accesses("reveal") == []


def test_who_looks_at_a_lead_is_in_the_access_log(border: Border):
    lead_id = border.ask()
    border.qingyuan.lead(lead_id)
    entry = border.qingyuan.accesses("consult")[-1]
    assert (entry.actor, entry.object_id) == ("officer", lead_id)


def test_after_an_erasure_the_lead_still_verifies_and_its_persons_are_gone(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    qingyuan = border.qingyuan
    proposal = qingyuan.propose(lead_id, "replied", persons=[PERSON])
    with qingyuan.node.database.begin() as session:
        for row in session.query(StatementRow).filter_by(thread=lead_id):
            row.private = None
        session.flush()
        qingyuan.service.arrivals.erase(session, lead_id, qingyuan.now)
    with qingyuan.node.database.read() as session:
        assert session.get(LeadProposal, proposal).content is None
    shown = qingyuan.lead(lead_id)
    assert shown.request.private.erased
    assert shown.state == "in_progress"
    assert all(step.verified for step in qingyuan.timeline(lead_id))
    assert qingyuan.history(lead_id) == border.shouning.history(lead_id)
    with pytest.raises(NotFoundError):
        reveal(qingyuan, lead_id)
    with pytest.raises(IllegalMoveError):
        qingyuan.approve(lead_id, proposal)
    assert not shown.awaiting_approval


def test_a_tampered_statement_no_longer_verifies_on_the_timeline(border: Border):
    lead_id = border.ask()
    with border.qingyuan.node.database.begin() as session:
        row = session.query(StatementRow).filter_by(thread=lead_id).one()
        head, payload, signature = row.token.split(b".")
        row.token = b".".join((head, payload, (b"B" if signature[:1] == b"A" else b"A") + signature[1:]))
    assert [step.verified for step in border.qingyuan.timeline(lead_id)] == [False]


@pytest.mark.parametrize("query", ["林木", "盗伐", "18号", "寿公协", "上党村林场", "户籍", "寿宁县"])
def test_a_lead_is_found_by_words_of_two_characters_on_both_sides(border: Border, query: str):
    lead_id = border.ask()
    other = border.ask(
        letter_number="庆〔2026〕7号",
        charges=["338"],
        facts="河水变色，疑似偷排。",
        information_requested="调取排污台账。",
        why_recipient="企业注册地在庆元县。",
        scope="调取台账。",
        stage="初查",
    )
    found = border.qingyuan.find(query=query)
    assert lead_id in found
    if query != "寿宁县":
        assert other not in found


def test_a_person_is_never_found_by_search(border: Border):
    border.ask()
    for query in ("林大山", "331126199001010018", "13800000034", "龙溪村8号", "吴建国"):
        assert border.shouning.find(query=query) == []
        assert border.qingyuan.find(query=query) == []


def test_an_answer_is_found_by_its_findings(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    border.qingyuan.make(lead_id, "replied", findings="查获油锯两台。")
    border.town.settle()
    assert border.shouning.find(query="油锯") == [lead_id]


def test_lists_are_narrowed_by_what_a_person_would_ask_for(border: Border):
    first = border.ask("acknowledged")
    second = border.ask(kind="evidence_collection", urgency="U2", urgency_reason="木材即将转移。", case_number="B2")
    qingyuan, shouning = border.qingyuan, border.shouning
    assert qingyuan.find() == [first, second]
    assert qingyuan.find(direction="in") == [first, second]
    assert qingyuan.find(direction="out") == []
    assert qingyuan.find(states=["acknowledged"]) == [first]
    assert qingyuan.find(kind="evidence_collection") == [second]
    assert qingyuan.find(urgency="U2") == [second]
    assert qingyuan.find(case_number="B2") == [second]
    assert qingyuan.find(peer=SHOUNING) == [first, second]
    assert qingyuan.find(ours_to_do=True) == [first, second]
    assert shouning.find(ours_to_do=True) == []
    border.run(first, "returned")
    assert shouning.find(ours_to_do=True) == [first]
    assert qingyuan.find(ours_to_do=True) == [second]
    qingyuan.make(second, "acknowledged")
    qingyuan.propose(second, "returned")
    assert qingyuan.find(awaiting_approval=True) == [second]
    assert qingyuan.find(awaiting_approval=False) == [first]


def test_the_desk_sees_how_much_waits_for_it(border: Border):
    border.ask()
    border.ask("acknowledged")
    border.qingyuan.draft(to=SHOUNING)
    lead_id = border.ask("acknowledged", urgency="U1", urgency_reason="车辆正驶入龙溪乡。")
    border.qingyuan.propose(lead_id, "returned")
    with border.qingyuan.node.database.read() as session:
        counts = border.qingyuan.service.lists.counts(session, border.qingyuan.now)
    assert counts.model_dump() == {"to_acknowledge": 1, "due_today": 1, "overdue": 0, "awaiting_approval": 1}
