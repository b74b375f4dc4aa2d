"""Leads between two real nodes: every move of the table, whose it is, and what both sides end with."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.governance import SecondPersonError
from ecolink.exchanges.leads.models import LeadProposal
from ecolink.exchanges.leads.table import TABLE, State
from ecolink.federation.handling import Park, Reject
from ecolink.federation.models import StatementRow
from tests.exchanges.leads.bureaux import OFFICERS, PERSON, Border, smuggle, written
from tests.exchanges.leads.samples import BODIES, SONGXI
from tests.support.town import QINGYUAN, SHOUNING

pytestmark = pytest.mark.by_turns

WAYS = {
    State.DELIVERED: (),
    State.ACKNOWLEDGED: ("acknowledged",),
    State.RETURNED: ("acknowledged", "returned"),
    State.RESUBMITTED: ("acknowledged", "returned", "resubmitted"),
    State.ACCEPTED: ("acknowledged", "accepted"),
    State.IN_PROGRESS: ("acknowledged", "accepted", "started"),
    State.MORE_INFORMATION_NEEDED: ("acknowledged", "accepted", "started", "information_requested"),
    State.REPLIED: ("acknowledged", "accepted", "started", "replied"),
    State.FEEDBACK: ("acknowledged", "accepted", "started", "replied", "feedback"),
    State.CLOSED: ("acknowledged", "accepted", "started", "replied", "feedback", "closed"),
    State.TRANSFERRED: ("acknowledged", "transferred"),
    State.WITHDRAWN: ("withdrawn",),
}
"""How a lead gets into each state."""

EVERY_MOVE = [
    (State(source), row.move, row.by, State(row.target or source))
    for row in TABLE.transitions
    if row.move in BODIES and row.move != "requested"
    for source in row.sources
    if source in WAYS
]
MOVES = [move for move in BODIES if move != "requested"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("source", WAYS)
def test_every_move_of_the_table_brings_both_bureaus_to_the_same_state_and_history(border: Border, source: State):
    for name, side, target in [(name, side, target) for start, name, side, target in EVERY_MOVE if start is source]:
        lead_id = border.ask(*WAYS[source])
        office = border.shouning if side == "requester" else border.qingyuan
        office.make(lead_id, name)
        border.town.settle()
        assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == target, name
        assert border.shouning.history(lead_id) == border.qingyuan.history(lead_id)
        assert all(step.verified for step in border.shouning.timeline(lead_id))


@pytest.mark.parametrize("source", WAYS)
def test_a_move_the_table_does_not_have_is_refused_and_nothing_is_sent(border: Border, source: State):
    lead_id = border.ask(*WAYS[source])
    allowed = {(name, side) for start, name, side, _ in EVERY_MOVE if start is source}
    for office, side in ((border.shouning, "requester"), (border.qingyuan, "recipient")):
        for name in MOVES:
            if (name, side) not in allowed:
                with pytest.raises(IllegalMoveError):
                    office.make(lead_id, name)
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == source
    assert len(border.shouning.timeline(lead_id)) == len(border.qingyuan.timeline(lead_id)) == 1 + len(WAYS[source])


def test_the_requester_sees_sent_until_the_other_node_has_signed_for_it(border: Border):
    border.town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    lead_id = border.shouning.send()
    border.town.settle()
    assert border.shouning.state(lead_id) == State.SENT
    assert border.shouning.lead(lead_id).undelivered
    assert border.shouning.lead(lead_id).next_due_at is None
    border.town.network.cut.clear()
    border.wait(timedelta(hours=2))
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == State.DELIVERED
    assert border.shouning.lead(lead_id).undelivered == []
    assert border.shouning.lead(lead_id).due == border.qingyuan.lead(lead_id).due


def give_up(border: Border, lead_id: str) -> None:
    """Withdraw a request that came to nothing; nothing else can be done with it."""
    shown = border.shouning.lead(lead_id)
    assert (shown.state, shown.open_moves, shown.next_due_at) == (State.SENT, ["withdrawn"], None)
    assert "never took" in shown.guidance.en
    with pytest.raises(IllegalMoveError, match="never took"):
        border.shouning.make(lead_id, "message")
    border.shouning.make(lead_id, "withdrawn")
    border.town.settle()
    assert border.shouning.state(lead_id) == State.WITHDRAWN
    assert border.shouning.lead(lead_id).guidance is None
    assert border.qingyuan.state(lead_id) is None
    with pytest.raises(IllegalMoveError):
        border.shouning.make(lead_id, "withdrawn")


def test_a_request_that_expired_on_the_way_is_shown_as_undelivered_and_withdrawn_at_home(border: Border):
    border.town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    lead_id = border.shouning.send()
    border.wait(timedelta(days=31))
    border.town.network.cut.clear()
    border.wait(timedelta(hours=2))
    (step,) = border.shouning.timeline(lead_id)
    assert (step.verdict, step.delivery, step.delivery_reason) == ("undelivered", "expired", "expired")
    give_up(border, lead_id)


def test_a_request_the_other_node_rejects_is_withdrawn_at_home_too(border: Border):
    def refuse(*_):
        raise Reject("invalid-private", "a stricter version")

    border.qingyuan.node.handlers["lead.requested.v1"] = refuse
    lead_id = border.ask()
    assert border.shouning.timeline(lead_id)[0].why == "invalid-private"
    give_up(border, lead_id)


def test_a_message_that_expired_on_the_way_is_no_part_of_the_shared_history(border: Border):
    lead_id = border.ask()
    border.town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    border.shouning.make(lead_id, "message")
    border.wait(timedelta(days=31))
    border.town.network.cut.clear()
    border.wait(timedelta(hours=2))
    border.run(lead_id, "withdrawn")
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == State.WITHDRAWN
    assert [step.verdict for step in border.shouning.timeline(lead_id)] == ["applied", "applied", "undelivered"]
    assert [step.verdict for step in border.qingyuan.timeline(lead_id)] == ["applied", "applied"]


@pytest.mark.parametrize("name", ["returned", "transferred", "replied"])
def test_what_needs_an_approver_waits_for_another_person(border: Border, name: str):
    lead_id = border.ask("acknowledged", "accepted", "started") if name == "replied" else border.ask("acknowledged")
    before = border.qingyuan.state(lead_id)
    proposal = border.qingyuan.propose(lead_id, name)
    assert border.qingyuan.state(lead_id) == before
    assert border.qingyuan.lead(lead_id).awaiting_approval
    with pytest.raises(SecondPersonError):
        border.qingyuan.approve(lead_id, proposal, by=border.qingyuan.officer)
    with pytest.raises(SecondPersonError):
        border.qingyuan.approve(lead_id, proposal, by=replace(border.qingyuan.approver, kind="client"))
    border.qingyuan.approve(lead_id, proposal)
    border.town.settle()
    assert border.shouning.state(lead_id) == name
    last = border.shouning.timeline(lead_id)[-1]
    assert (last.private.by.name, last.private.approver.name) == ("吴建国", "郑长青")
    assert not border.qingyuan.lead(lead_id).awaiting_approval


def test_a_resubmission_needs_another_person_too(border: Border):
    lead_id = border.ask("acknowledged", "returned")
    proposal = border.shouning.propose(lead_id, "resubmitted")
    with pytest.raises(SecondPersonError):
        border.shouning.approve(lead_id, proposal, by=border.shouning.officer)
    border.shouning.approve(lead_id, proposal)
    border.town.settle()
    assert border.qingyuan.state(lead_id) == State.RESUBMITTED


def test_a_corrected_request_keeps_the_persons_it_does_not_mention_and_can_remove_them(border: Border):
    lead_id = border.ask("acknowledged", "returned")
    border.shouning.make(lead_id, "resubmitted")
    border.town.settle()
    shown = border.qingyuan.lead(lead_id)
    assert shown.request.person_count == shown.person_count == 1
    assert shown.request.private.persons[0].ref == "P1"
    border.run(lead_id, "returned")
    border.shouning.make(lead_id, "resubmitted", persons=[], letter_number="寿公协〔2026〕19号")
    border.town.settle()
    shown = border.qingyuan.lead(lead_id)
    assert (shown.person_count, shown.request.private.persons) == (0, [])
    assert shown.letter_number == "寿公协〔2026〕19号"


def test_information_with_persons_waits_for_an_approver_and_without_goes_at_once(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started", "information_requested")
    proposal = border.shouning.propose(lead_id, "information_provided", persons=[{**PERSON, "ref": "P2"}])
    border.shouning.approve(lead_id, proposal)
    border.town.settle()
    assert border.qingyuan.state(lead_id) == State.IN_PROGRESS
    step = border.qingyuan.timeline(lead_id)[-1]
    assert step.private.persons[0].ref == "P2"


def test_a_declined_move_is_dropped_with_its_personal_data(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    proposal = border.qingyuan.propose(lead_id, "replied", persons=[PERSON])
    qingyuan = border.qingyuan
    with qingyuan.node.database.begin() as session:
        qingyuan.service.moving.decline(
            session, lead_id, proposal, "请补充笔录。", by=qingyuan.approver, now=qingyuan.now
        )
    with qingyuan.node.database.read() as session:
        kept = session.get(LeadProposal, proposal)
        assert (kept.state, kept.content, kept.note) == ("declined", None, "请补充笔录。")
    with pytest.raises(IllegalMoveError):
        qingyuan.approve(lead_id, proposal)
    assert qingyuan.state(lead_id) == State.IN_PROGRESS


def test_only_one_move_of_a_lead_awaits_approval_at_a_time(border: Border):
    lead_id = border.ask("acknowledged")
    border.qingyuan.propose(lead_id, "returned")
    with pytest.raises(ConflictError):
        border.qingyuan.propose(lead_id, "transferred")


def test_a_proposal_overtaken_by_a_withdrawal_can_no_longer_be_sent(border: Border):
    lead_id = border.ask("acknowledged")
    proposal = border.qingyuan.propose(lead_id, "returned")
    assert border.qingyuan.proposals(lead_id)[0].possible
    border.shouning.make(lead_id, "withdrawn")
    border.town.settle()
    assert not border.qingyuan.proposals(lead_id)[0].possible
    with pytest.raises(IllegalMoveError):
        border.qingyuan.approve(lead_id, proposal)


def test_a_withdrawal_that_crossed_a_reply_loses_on_both_sides(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    border.shouning.make(lead_id, "withdrawn")
    border.qingyuan.make(lead_id, "replied")
    assert border.shouning.state(lead_id) == State.WITHDRAWN
    assert border.qingyuan.state(lead_id) == State.REPLIED
    border.town.settle()
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == State.REPLIED
    assert border.shouning.history(lead_id) == border.qingyuan.history(lead_id)
    crossed = next(step for step in border.shouning.timeline(lead_id) if step.move == "withdrawn")
    assert crossed.verdict == "crossed"
    border.run(lead_id, "feedback", "closed")
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == State.CLOSED


def test_doubled_and_lost_messages_change_nothing(border: Border):
    border.town.network.double = 0.5
    border.town.network.lose_answers = 0.3
    lead_id = border.shouning.send()
    for name in ("acknowledged", "accepted", "started", "message", "replied"):
        border.wait(timedelta(hours=3))
        border.qingyuan.make(lead_id, name)
    border.wait(timedelta(hours=3))
    border.wait(timedelta(hours=3))
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == State.REPLIED
    assert border.shouning.history(lead_id) == border.qingyuan.history(lead_id)
    assert len(border.shouning.timeline(lead_id)) == 6


def test_applying_a_statement_twice_is_applying_it_once(border: Border):
    lead_id = border.ask("acknowledged")
    qingyuan = border.qingyuan
    before = qingyuan.lead(lead_id)
    with qingyuan.node.database.begin() as session:
        case = qingyuan.service.reading.casebook.open(session, lead_id, SHOUNING, qingyuan.now)
        for stored in case.stored:
            if stored.direction == "in":
                qingyuan.service.arrivals.apply(session, stored, qingyuan.now + timedelta(hours=1))
    after = qingyuan.lead(lead_id)
    assert after.version == before.version
    assert after == before


def test_a_statement_whose_predecessor_is_not_here_waits(border: Border):
    lead_id = border.ask()
    border.shouning.make(lead_id, "message")
    border.town.settle()
    qingyuan = border.qingyuan
    with qingyuan.node.database.begin() as session:
        case = qingyuan.service.reading.casebook.open(session, lead_id, SHOUNING, qingyuan.now)
        session.query(StatementRow).filter_by(digest=case.request.statement.digest).delete()
        with pytest.raises(Park):
            qingyuan.service.arrivals.apply(session, case.stored[1], qingyuan.now)


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_of_two_people_who_approve_at_once_one_sends_it(border: Border):
    lead_id = border.ask("acknowledged")
    proposal = border.qingyuan.propose(lead_id, "returned")
    with ThreadPoolExecutor(2) as both:
        tries = [both.submit(border.qingyuan.approve, lead_id, proposal) for _ in range(2)]
    faults = [each.exception() for each in tries]
    assert sorted(type(fault).__name__ for fault in faults) == ["IllegalMoveError", "NoneType"]
    border.town.settle()
    assert [step.move for step in border.shouning.timeline(lead_id)] == ["requested", "acknowledged", "returned"]


def test_a_reply_carries_its_own_handling(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    border.qingyuan.make(lead_id, "replied", handling={"code": "H1", "onward": "ask"})
    border.town.settle()
    (reply,) = border.shouning.lead(lead_id).replies
    assert (reply.handling.code, reply.handling.onward) == ("H1", "ask")


def test_a_move_no_honest_bureau_makes_is_rejected_signed_and_shown_to_its_author(border: Border):
    lead_id = border.ask()
    digest = smuggle(
        border.qingyuan, lead_id, "lead.replied.v1", SHOUNING, approver={"id": "x", "role": "approver"},
        private={"by": {"name": "某人"}},
    )  # fmt: skip
    border.town.settle()
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == State.DELIVERED
    for office in (border.shouning, border.qingyuan):
        steps = {step.digest: step for step in office.timeline(lead_id)}
        assert (steps[digest].verdict, steps[digest].why) == ("illegal", "wrong-state")
        assert [step.type for step in office.timeline(lead_id)][-1] == "statement.rejected.v1"
    border.run(lead_id, "acknowledged")
    assert border.shouning.state(lead_id) == State.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("kind", "changes", "why"),
    [
        ("lead.closed.v1", {}, "wrong-side"),
        ("lead.returned.v1", {}, "approver-missing"),
        ("lead.message.v1", {"body": {}}, "invalid-body"),
        ("lead.message.v1", {"private": None}, "signatory-missing"),
        ("lead.returned.v1", {"approver": {}}, "approver-missing"),
        ("lead.message.v1", {"is_exercise": True, "lane": "bulk"}, "exercise-mismatch"),
    ],
)
def test_what_breaks_the_rules_is_illegal_on_both_nodes(border: Border, kind, changes, why):
    lead_id = border.ask("acknowledged", "transferred") if kind == "lead.closed.v1" else border.ask("acknowledged")
    digest = smuggle(border.qingyuan, lead_id, kind, SHOUNING, **{"private": {"by": {"name": "某人"}}, **changes})
    border.town.settle()
    for office in (border.shouning, border.qingyuan):
        step = next(step for step in office.timeline(lead_id) if step.digest == digest)
        assert (step.verdict, step.why) == ("illegal", why)


def test_persons_that_the_body_does_not_tell_of_are_rejected_on_both_nodes(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started", "information_requested")
    digest = smuggle(
        border.shouning, lead_id, "lead.information_provided.v1", QINGYUAN,
        private={"by": {"name": "某人"}, "persons": [PERSON]},
    )  # fmt: skip
    border.town.settle()
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == State.MORE_INFORMATION_NEEDED
    for office in (border.shouning, border.qingyuan):
        step = next(step for step in office.timeline(lead_id) if step.digest == digest)
        assert (step.verdict, step.why) == ("rejected", "invalid-private")


def test_a_second_bureau_cannot_take_over_a_thread_that_is_not_its_own(border: Border):
    lead_id = border.ask()
    town = border.town
    town.add("331127000000")
    town.introduce("331127000000", QINGYUAN)
    jingning = type(border.qingyuan).open(town.nodes["331127000000"])
    smuggle(jingning, lead_id, "lead.withdrawn.v1", QINGYUAN, private={"by": {"name": "某人"}})
    town.settle()
    assert border.qingyuan.state(lead_id) == State.DELIVERED
    assert all(step.bureau.unit_code == SHOUNING for step in border.qingyuan.timeline(lead_id))


def test_a_transfer_tells_the_requester_where_it_belongs(border: Border):
    lead_id = border.ask("acknowledged", "transferred")
    guidance = border.shouning.lead(lead_id).guidance
    assert "松溪县公安局" in guidance.zh
    assert SONGXI in guidance.en
    assert border.qingyuan.lead(lead_id).guidance.en.startswith("It belongs to 松溪县公安局")
    assert border.shouning.lead(lead_id).due.transfer.overdue is False
    border.run(lead_id, "closed")
    assert border.shouning.lead(lead_id).guidance is None


def test_a_transfer_later_than_a_day_after_receipt_is_flagged_on_both_sides(border: Border):
    lead_id = border.ask("acknowledged")
    border.wait(timedelta(hours=25))
    border.run(lead_id, "transferred")
    assert border.shouning.lead(lead_id).due.transfer.overdue
    assert border.qingyuan.lead(lead_id).due.transfer.overdue


def test_a_lead_is_not_transferred_to_ourselves_and_an_interim_reply_looks_ahead(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    with pytest.raises(InvalidError, match="this bureau itself"):
        border.qingyuan.make(lead_id, "transferred", to=QINGYUAN)
    with pytest.raises(InvalidError, match="has passed"):
        border.qingyuan.make(lead_id, "interim_reply", new_due_at="2026-11-01T00:00:00+08:00")


def test_a_very_urgent_lead_is_late_on_both_sides_when_nobody_signs_in_half_an_hour(border: Border):
    lead_id = border.ask(urgency="U1", urgency_reason="车辆正驶入龙溪乡。")
    for office in (border.shouning, border.qingyuan):
        assert not office.lead(lead_id).overdue
        assert office.find(overdue=True) == []
    border.wait(timedelta(minutes=31))
    for office in (border.shouning, border.qingyuan):
        assert office.lead(lead_id).overdue
        assert office.lead(lead_id).due.receipt.overdue
        assert office.find(overdue=True) == [lead_id]
        assert office.find(overdue=False) == []
    border.qingyuan.make(lead_id, "acknowledged")
    border.town.settle()
    for office in (border.shouning, border.qingyuan):
        assert not office.lead(lead_id).overdue
        assert office.lead(lead_id).due.receipt.overdue
        assert office.find(due_before=office.now + timedelta(hours=8)) == [lead_id]
        assert office.find(due_before=office.now + timedelta(hours=7)) == []


def test_a_lead_waits_while_information_is_wanting_and_neither_side_shows_it_late(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started", "information_requested")
    border.wait(timedelta(days=20))
    for office in (border.shouning, border.qingyuan):
        assert not office.lead(lead_id).overdue
        assert office.lead(lead_id).due.rests_since is not None
    border.run(lead_id, "information_provided")
    assert border.shouning.lead(lead_id).due == border.qingyuan.lead(lead_id).due
    assert not border.qingyuan.lead(lead_id).overdue


def test_a_drill_stays_a_drill_and_out_of_the_real_list(border: Border):
    lead_id = border.ask("acknowledged", governance={"purpose": "演练", "is_exercise": True})
    for office in (border.shouning, border.qingyuan):
        assert office.lead(lead_id).is_exercise
        assert office.find() == []
        assert office.find(exercise=True) == [lead_id]


def test_both_bureaus_talk_in_the_order_they_both_read(border: Border):
    lead_id = border.ask("acknowledged")
    border.shouning.make(lead_id, "message", text="材料已寄出。")
    border.town.settle()
    border.wait(timedelta(minutes=1))
    border.qingyuan.make(lead_id, "message", text="已收到。")
    border.town.settle()
    lines = []
    for office in (border.shouning, border.qingyuan):
        with office.node.database.read() as session:
            told = office.service.reading.messages(session, lead_id, office.now)
        lines.append([(line.text, line.bureau.unit_code, line.by) for line in told])
    assert lines[0] == lines[1] == [("材料已寄出。", SHOUNING, "吴建国"), ("已收到。", QINGYUAN, "吴建国")]


def test_attachments_travel_by_digest_and_one_that_is_not_here_is_refused(border: Border):
    office = border.shouning
    document = {"digest": "a" * 64, "kind": "letter", "title": "协作函"}
    lead_id = office.draft(documents=[document])
    with office.node.database.begin() as session, pytest.raises(InvalidError, match="a" * 64):
        office.service.drafting.submit(session, lead_id, by=office.officer, now=office.now)
    attachments = office.service.moving.dispatch.attachments
    with attachments.shelf.store.stage() as staged:
        staged.write("协作函正文".encode())
        staged.seal()
        with office.node.database.begin() as session:
            ref = attachments.keep(
                session, staged, name="协作函.pdf", media_type="application/pdf", by="officer", now=office.now
            )
    lead_id = border.ask("acknowledged", documents=[{**document, "digest": ref.digest}])
    assert border.qingyuan.timeline(lead_id)[0].attachments == [ref.digest]
    assert border.qingyuan.lead(lead_id).request.documents[0].title == "协作函"
    for office, ours in ((border.shouning, True), (border.qingyuan, False)):
        (shown,) = office.lead(lead_id).attachments
        assert (shown.digest, shown.name, shown.ours, shown.held) == (ref.digest, "协作函.pdf", ours, ours)


def test_the_reply_shows_its_officers_and_masks_its_persons(border: Border):
    lead_id = border.ask("acknowledged", "accepted", "started")
    border.qingyuan.make(lead_id, "replied", persons=[PERSON])
    border.town.settle()
    (reply,) = border.shouning.lead(lead_id).replies
    assert reply.executing_officer_count == 2
    assert [officer.name for officer in reply.private.officers] == [officer["name"] for officer in OFFICERS]
    assert reply.private.persons[0].name == "林某"
    assert border.shouning.lead(lead_id).outcome == "full"


def test_a_reply_that_says_unable_gives_a_reason_of_the_list(border: Border):
    with pytest.raises(InvalidError) as refused:
        written("replied", outcome="unable")
    assert refused.value.pointer == "/reason_code"
    with pytest.raises(ValueError, match="not one of"):
        written("replied", outcome="unable", reason_code="no-time", explanation="人手不足。")
    lead_id = border.ask("acknowledged", "accepted", "started")
    border.qingyuan.make(
        lead_id, "replied", outcome="unable", reason_code="no-record", explanation="无此人。", officers=[]
    )
    border.town.settle()
    assert (border.shouning.state(lead_id), border.shouning.lead(lead_id).outcome) == (State.REPLIED, "unable")


def test_nothing_can_be_done_with_a_lead_that_does_not_exist(border: Border):
    with pytest.raises(NotFoundError):
        border.qingyuan.make("019ab000-0000-7000-8000-000000000000", "acknowledged")
