"""A request before it is sent: written by one, approved by another."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError, StaleError, TooLargeError
from ecolink.exchanges.governance import SecondPersonError
from ecolink.exchanges.leads.models import Lead, LeadDraft
from ecolink.exchanges.leads.table import State
from tests.exchanges.leads.bureaux import PERSON, Border, Office, request
from tests.support.town import QINGYUAN

pytestmark = pytest.mark.by_turns


@pytest.fixture
def office(border: Border) -> Office:
    return border.shouning


def edit(office: Office, lead_id: str, **changes):
    with office.node.database.begin() as session:
        version = changes.pop("version", None) or session.get(Lead, lead_id).version
        written = request(**changes)
        return office.service.drafting.edit(
            session, lead_id, written, version=version, by=office.officer, now=office.now
        ).version


def submit(office: Office, lead_id: str) -> int:
    with office.node.database.begin() as session:
        return office.service.drafting.submit(session, lead_id, by=office.officer, now=office.now).version


def approve(office: Office, lead_id: str, version: int, by=None):
    with office.node.database.begin() as session:
        office.service.drafting.approve(session, lead_id, version=version, by=by or office.approver, now=office.now)


def test_a_request_is_sent_only_after_another_person_approved_the_version_they_read(border: Border, office: Office):
    lead_id = office.draft()
    assert office.state(lead_id) == State.DRAFT
    version = submit(office, lead_id)
    assert office.state(lead_id) == State.AWAITING_APPROVAL
    with pytest.raises(SecondPersonError):
        approve(office, lead_id, version, by=office.officer)
    with pytest.raises(StaleError):
        approve(office, lead_id, version - 1)
    approve(office, lead_id, version)
    border.town.settle()
    assert office.state(lead_id) == border.qingyuan.state(lead_id) == State.DELIVERED
    (step,) = border.qingyuan.timeline(lead_id)
    assert (step.private.by.name, step.private.approver.name) == ("吴建国", "郑长青")


def test_whoever_submitted_a_draft_of_somebody_elses_cannot_approve_it_either(office: Office):
    lead_id = office.draft()
    with office.node.database.begin() as session:
        office.service.drafting.submit(session, lead_id, by=office.approver, now=office.now)
    with office.node.database.read() as session:
        version = session.get(Lead, lead_id).version
    with pytest.raises(SecondPersonError):
        approve(office, lead_id, version)


def test_a_draft_that_is_sent_leaves_its_personal_data_to_the_signed_statement(office: Office):
    lead_id = office.send()
    with office.node.database.read() as session:
        assert session.get(LeadDraft, lead_id) is None


def test_a_draft_is_not_sent_before_it_is_submitted_and_not_edited_after(office: Office):
    lead_id = office.draft()
    with pytest.raises(IllegalMoveError):
        approve(office, lead_id, 1)
    submit(office, lead_id)
    with pytest.raises(IllegalMoveError):
        edit(office, lead_id)
    with pytest.raises(IllegalMoveError):
        submit(office, lead_id)


def test_an_approver_gives_a_draft_back_with_the_reason(office: Office):
    lead_id = office.draft()
    with office.node.database.begin() as session, pytest.raises(IllegalMoveError):
        office.service.drafting.send_back(session, lead_id, "缺范围。", now=office.now)
    submit(office, lead_id)
    with office.node.database.begin() as session:
        office.service.drafting.send_back(session, lead_id, "请写明范围。", now=office.now)
    assert office.state(lead_id) == State.DRAFT
    assert office.lead(lead_id).draft.sent_back_reason == "请写明范围。"
    edit(office, lead_id, scope="仅查询户籍。")
    submit(office, lead_id)
    assert office.lead(lead_id).draft.sent_back_reason is None


def test_a_draft_keeps_the_persons_an_edit_leaves_out(office: Office):
    lead_id = office.draft()
    edit(office, lead_id, persons=..., scope="仅查询户籍。")
    assert office.lead(lead_id).request.private.persons[0].ref == "P1"
    assert office.lead(lead_id).request.scope == "仅查询户籍。"
    edit(office, lead_id, persons=[])
    assert office.lead(lead_id).request.private.persons == []


def test_two_people_editing_at_once_do_not_overwrite_each_other(office: Office):
    lead_id = office.draft()
    version = office.lead(lead_id).version
    edit(office, lead_id, version=version, scope="甲")
    with pytest.raises(StaleError):
        edit(office, lead_id, version=version, scope="乙")
    assert office.lead(lead_id).request.scope == "甲"


def test_a_discarded_draft_is_gone_and_a_sent_request_cannot_be_discarded(office: Office):
    lead_id = office.draft()
    with office.node.database.begin() as session:
        office.service.drafting.discard(session, lead_id, version=1, by=office.officer, now=office.now)
    assert office.find(query="杉木") == []
    with pytest.raises(NotFoundError):
        office.lead(lead_id)
    sent = office.send()
    version = office.lead(sent).version
    with office.node.database.begin() as session, pytest.raises(IllegalMoveError):
        office.service.drafting.discard(session, sent, version=version, by=office.officer, now=office.now)


@pytest.mark.parametrize("classification", ["secret", "confidential", "top-secret", "机密"])
def test_state_secrets_are_refused_at_the_door_with_the_reason(office: Office, classification: str):
    with pytest.raises(InvalidError, match="State secrets") as refused:
        office.draft(governance={"purpose": "侦办", "classification": classification})
    assert refused.value.pointer == "/governance/classification"


def test_handling_code_h3_needs_its_restriction_in_words(office: Office):
    with pytest.raises(InvalidError, match="H3"):
        office.draft(governance={"purpose": "侦办", "handling": {"code": "H3"}})


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"facts": "林大山盗伐杉木。"}, "/facts"),
        ({"information_requested": "查询331126199001010018户籍。"}, "/information_requested"),
        ({"items": [{"name": "林大山的油锯"}]}, "/items/0/name"),
    ],
)
def test_persons_are_kept_out_of_what_cannot_be_erased(office: Office, changes: dict, pointer: str):
    with pytest.raises(InvalidError) as refused:
        office.draft(**changes)
    assert refused.value.pointer == pointer


def test_a_mistyped_member_deep_inside_is_refused_by_name(office: Office):
    with pytest.raises(InvalidError) as refused:
        office.draft(persons=[{**PERSON, "identity_nummber": "1"}])
    assert refused.value.pointer == "/persons/0/identity_nummber"


def test_a_request_to_a_bureau_that_is_no_peer_is_refused(office: Office):
    with pytest.raises(InvalidError) as refused:
        office.draft(to="350724000000")
    assert refused.value.pointer == "/to"


def test_a_request_to_a_suspended_bureau_is_not_sent_and_stays_with_the_approver(border: Border, office: Office):
    lead_id = office.draft()
    version = submit(office, lead_id)
    with office.node.database.begin() as session:
        office.node.peers.suspend(session, QINGYUAN, reason="测试", by="administrator", now=office.now)
    with pytest.raises(ConflictError):
        approve(office, lead_id, version)
    assert office.state(lead_id) == State.AWAITING_APPROVAL


def test_what_does_not_fit_into_one_statement_is_refused_while_it_is_written(office: Office):
    with pytest.raises(TooLargeError):
        office.draft(facts="山" * 5000, information_requested="水" * 5000, items=[{"name": "木" * 300}] * 20)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"charges": ["999"]}, "charges"),
        ({"kind": "search_everybody"}, "kind"),
        ({"letter_number": " "}, "letter_number"),
        ({"facts": "a\u0000b"}, "facts"),
        ({"letter_number": "一\n二"}, "letter_number"),
        ({"persons": [PERSON, PERSON]}, "persons"),
        ({"persons": [{**PERSON, "ref": "嫌疑人"}]}, "persons.0.ref"),
        ({"to": "3311"}, "to"),
        ({"location": {"text": "龙溪乡", "point": {"lat": 27.46, "lon": 119.2, "datum": "GCJ-02"}}}, "datum"),
        ({"due_at": "2026-12-01T00:00:00"}, "due_at"),
        ({"governance": {}}, "purpose"),
        ({"case_number": ...}, "case_number"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_member_that_breaks_a_rule_is_refused_by_name(changes: dict, named: str):
    with pytest.raises(ValidationError, match=named):
        request(**changes)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"urgency": "U1"}, "/urgency_reason"), ({"remote_area": True}, "/remote_area_reason")],
)
def test_a_reason_that_is_wanting_is_told_at_its_member(changes: dict, pointer: str):
    with pytest.raises(InvalidError) as refused:
        request(**changes)
    assert refused.value.pointer == pointer


def test_what_was_collected_changed_disclosed_and_discarded_stands_in_the_access_log(border: Border, office: Office):
    lead_id = office.draft()
    edit(office, lead_id)
    version = submit(office, lead_id)
    approve(office, lead_id, version)
    border.town.settle()
    told = {action: office.accesses(action)[-1] for action in ("collect", "alter", "disclose")}
    assert {entry.object_id for entry in told.values()} == {lead_id}
    assert {entry.case_number for entry in told.values()} == {"A3509240000002026110001"}
    assert (told["disclose"].recipient, told["disclose"].actor) == (QINGYUAN, "approver")
    (collected,) = border.qingyuan.accesses("collect")
    assert (collected.actor, collected.object_id) == ("350924000000", lead_id)


def test_the_recipient_keeps_it_for_three_years_unless_told_otherwise(border: Border):
    usual, long = border.ask(), border.ask(governance={"purpose": "侦办", "retain_days": 3650})
    kept = []
    for lead_id in (usual, long):
        with border.qingyuan.node.database.read() as session:
            case = border.qingyuan.service.reading.casebook.open(session, lead_id, "350924000000", border.qingyuan.now)
            kept.append(case.request.statement.retain_until)
    assert kept == [border.shouning.now.replace(year=2029), border.shouning.now + timedelta(days=3650)]
