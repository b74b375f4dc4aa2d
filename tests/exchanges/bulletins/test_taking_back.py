"""Corrections and recalls, whatever overtakes what, and the word of every holder that it applied them."""

import base64
import json
from datetime import timedelta

import pytest

from ecolink.errors import ConflictError, IllegalMoveError
from ecolink.exchanges.bulletins.history import BulletinVersionsOut
from ecolink.exchanges.bulletins.rules.tables import State
from ecolink.exchanges.governance import SecondPersonError
from ecolink.federation.models import PeerRow
from ecolink.federation.peers import PeerState
from ecolink.protocol.kinds.bulletins import BulletinCorrectedV1, BulletinRecalledV1
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward
from tests.exchanges.bulletins.bureaux import ORCHIDS, SUSPECT, bulletin
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

pytestmark = pytest.mark.by_turns


def bulk(call):
    """Tell whether a call carries a batch of the bulk lane."""
    if call.operation.name != "batches.push":
        return False
    payload = json.loads(call.body)["batch"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))["lane"] == "bulk"


def test_a_correction_reaches_all_who_were_told_and_each_says_it_applied_it(three):
    a, b = three.shouning, three.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN, JINGNING]))
    three.settle()
    a.correct(told)
    assert a.row(told).outstanding == 2
    three.settle()
    for bureau in (a, b, three.jingning):
        assert bureau.row(told).state == State.CORRECTED
        assert bureau.row(told).title == "更正：春兰混作茶苗邮寄"
    assert a.row(told).outstanding == 0
    (change,) = a.board(told)[QINGYUAN].changes
    assert change.complied_at is not None
    assert change.reported_by == QINGYUAN
    assert a.types(told) == ["published", "corrected", "complied", "complied"]


def test_a_correction_is_approved_by_another_person_and_keeps_the_terms(pair):
    a = pair.shouning
    told = a.publish(bulletin(recipients=[QINGYUAN], onward="ask"))
    a.draft_correction(told)
    assert a.row(told).state == State.PUBLISHED
    a.submit(told)
    with pytest.raises(SecondPersonError):
        a.approve(told, by=a.officer)
    a.approve(told)
    first, second = (each.statement for each in a.thread(told))
    assert second.supersedes == first.jti
    assert second.handling == first.handling
    assert second.purpose == first.purpose


def test_one_correction_is_written_at_a_time(pair):
    a = pair.shouning
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    a.draft_correction(told)
    a.submit(told)
    with pytest.raises(IllegalMoveError):
        a.draft_correction(told)


def test_a_discarded_correction_leaves_the_bulletin_as_it_stands(pair):
    a = pair.shouning
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    a.draft_correction(told)
    a.do(
        lambda session: a.service.drafting.discard(session, told, version=a.row(told).version, by=a.officer, now=a.now)
    )
    assert a.shown(told).draft is None
    assert a.shown(told).content.title == ORCHIDS["title"]


def test_what_was_said_before_stands_in_the_versions(pair):
    a, b = pair.shouning, pair.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    a.correct(told)
    pair.settle()
    versions = BulletinVersionsOut.of(b.view(told)).items
    assert [(each.content.title, each.standing) for each in versions] == [
        (ORCHIDS["title"], False),
        ("更正：春兰混作茶苗邮寄", True),
    ]
    assert versions[1].reason == "物种有误"
    assert b.found("春兰") == [told]


def test_a_recall_hides_the_bulletin_everywhere_and_each_says_so(three):
    a, b = three.shouning, three.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN, JINGNING], **SUSPECT))
    three.settle()
    assert b.found("货车") == [told]
    a.recall(told)
    three.settle()
    for bureau in (b, three.jingning):
        shown = bureau.shown(told)
        assert (shown.state, shown.content, shown.title, shown.persons) == (State.RECALLED, None, None, [])
        assert shown.recall.reason == "经核查不属实"
        assert bureau.found("货车") == []
    assert a.found("货车") == []
    assert a.row(told).title == SUSPECT["title"]
    assert a.row(told).outstanding == 0
    with pytest.raises(IllegalMoveError):
        b.do(lambda session: b.service.reveal(session, told, reason="核对", by=b.officer, now=b.now))
    assert len(b.thread(told)) == 3, "the signed statements stay as evidence"


def test_what_is_recalled_is_not_opened_corrected_or_recalled_again(pair):
    a, b = pair.shouning, pair.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    a.recall(told)
    pair.settle()
    assert b.read(told).row.opened_at is None
    with pytest.raises(IllegalMoveError):
        a.draft_correction(told)
    with pytest.raises(IllegalMoveError):
        a.recall(told)


def test_a_recall_drops_the_correction_being_written(pair):
    a = pair.shouning
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    a.draft_correction(told)
    a.recall(told)
    assert a.shown(told).draft is None


def test_a_program_recalls_nothing(pair):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    with pytest.raises(SecondPersonError):
        pair.shouning.recall(told, by=pair.shouning.program)


def test_a_recall_overtakes_its_bulletin_and_nobody_ever_sees_it(pair):
    a, b = pair.shouning, pair.qingyuan
    pair.town.network.keep_back = bulk
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    a.recall(told)
    pair.settle()
    assert b.types(told) == ["recalled", "complied"]
    assert b.row(told).state == State.RECALLED
    assert a.row(told).outstanding == 0

    pair.town.network.keep_back = None
    pair.town.network.release()
    pair.town.wait(timedelta(hours=1))
    assert b.types(told) == ["recalled", "complied", "published"]
    shown = b.shown(told)
    assert (shown.state, shown.title, shown.content) == (State.RECALLED, None, None)
    assert b.found("兰花") == []


def test_a_recall_reaches_a_suspended_peer_and_its_word_comes_back(pair):
    a, b = pair.shouning, pair.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    a.do(lambda session: setattr(session.get(PeerRow, QINGYUAN), "state", PeerState.SUSPENDED))
    b.do(lambda session: setattr(session.get(PeerRow, SHOUNING), "state", PeerState.SUSPENDED))
    with pytest.raises(ConflictError):
        a.correct(told)
    a.recall(told)
    pair.settle()
    assert b.row(told).state == State.RECALLED
    assert a.row(told).outstanding == 0


def test_a_member_suspended_since_is_not_corrected_and_stays_outstanding(three):
    a = three.shouning
    told = a.publish(bulletin(recipients=[QINGYUAN, JINGNING]))
    three.settle()
    a.do(lambda session: setattr(session.get(PeerRow, JINGNING), "state", PeerState.SUSPENDED))
    a.correct(told)
    three.settle()
    assert a.row(told).outstanding == 1
    assert a.board(told)[JINGNING].outstanding == 1
    assert three.jingning.row(told).state == State.PUBLISHED


def test_a_correction_that_crossed_feedback_changes_neither(pair):
    a, b = pair.shouning, pair.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    pair.town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    b.feed_back(told)
    a.correct(told)
    pair.town.network.cut.clear()
    pair.town.wait(timedelta(hours=2))
    assert a.row(told).state == b.row(told).state == State.CORRECTED
    assert a.board(told)[QINGYUAN].feedback == 1
    assert a.view(told).matter.versions[0].digest == a.view(told).matter.holders[QINGYUAN].feedback[0].body.version


def test_a_recall_that_crossed_a_reading_and_a_use_keeps_them_in_the_record(pair):
    a, b = pair.shouning, pair.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    pair.town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    b.read(told)
    b.use(told)
    a.recall(told)
    pair.town.network.cut.clear()
    pair.town.wait(timedelta(hours=2))
    board = a.board(told)[QINGYUAN]
    assert board.read_at is not None
    assert (board.uses, board.outstanding) == (1, 0)
    assert b.row(told).state == State.RECALLED


def test_doubled_and_lost_calls_change_nothing(three):
    a, b = three.shouning, three.qingyuan
    three.town.network.double, three.town.network.lose_answers = 0.5, 0.3
    told = a.publish(bulletin(recipients=[QINGYUAN, JINGNING]))
    three.town.wait(timedelta(hours=1))
    b.read(told)
    a.correct(told)
    a.recall(told)
    for _ in range(8):
        three.town.wait(timedelta(hours=1))
    assert a.row(told).outstanding == 0
    assert sorted(b.types(told)) == ["complied", "complied", "corrected", "published", "read", "recalled"]
    assert sorted(a.types(told)) == ["complied"] * 4 + ["corrected", "published", "read", "recalled"]


def test_another_recipients_recall_is_refused_and_the_bulletin_stands(three):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    told = a.publish(bulletin(recipients=[QINGYUAN, JINGNING]))
    three.settle()
    published = c.view(told).current()
    body = BulletinRecalledV1(bulletin=published.digest, version=published.digest, reason_code="wrong", reason="冒充")
    send_as(c, told, "bulletin.recalled.v1", body.to_wire(), QINGYUAN, lane=Lane.CONTROL, recalls=published.jti)
    three.settle()
    assert b.row(told).state == State.PUBLISHED
    assert b.states()["bulletin.recalled.v1"][0] == "rejected"
    assert b.states()["bulletin.recalled.v1"][1].startswith("not-the-author")


def test_another_recipients_correction_is_refused_and_the_bulletin_stands(three):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    told = a.publish(bulletin(recipients=[QINGYUAN, JINGNING]))
    three.settle()
    published = c.view(told).current()
    body = BulletinCorrectedV1.model_validate({**ORCHIDS, "version": published.digest, "reason": "冒充"})
    send_as(c, told, "bulletin.corrected.v1", body.to_wire(), QINGYUAN, supersedes=published.jti)
    three.settle()
    assert b.row(told).title == ORCHIDS["title"]
    assert b.states()["bulletin.corrected.v1"][0] == "rejected"
    assert "rejected" in c.types(told), "its author is told, signed"


def test_a_bulletin_opened_under_anothers_thread_stands_for_itself(three):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    told = a.publish(bulletin(recipients=[QINGYUAN, JINGNING]))
    three.settle()
    send_as(c, told, "bulletin.published.v1", {**ORCHIDS, "title": "另一通报"}, QINGYUAN)
    three.settle()
    rows = {row.author: row for row in b.bulletins()}
    assert rows[SHOUNING].id == told
    assert rows[SHOUNING].title == ORCHIDS["title"]
    assert rows[JINGNING].title == "另一通报"
    assert rows[JINGNING].id != told
    a.recall(told)
    three.settle()
    rows = {row.author: row for row in b.bulletins()}
    assert (rows[SHOUNING].state, rows[JINGNING].state) == (State.RECALLED, State.PUBLISHED)
    b.feed_back(rows[JINGNING].id)
    three.settle()
    assert c.types(told).count("feedback") == 1


@pytest.mark.parametrize(
    ("body", "members", "code"),
    [
        ({**ORCHIDS, "title": "太长" * 200}, {}, "invalid-body"),
        ({**ORCHIDS, "grading": {"source": "Z", "information": "1"}}, {}, "invalid-body"),
        (ORCHIDS, {"approver": None}, "approver-missing"),
        (ORCHIDS, {"private": {"persons": []}}, "invalid-body"),
        (
            {**ORCHIDS, "area": {"datum": "GCJ-02", "geometry": {"type": "Point", "coordinates": [119, 27]}}},
            {},
            "invalid-body",
        ),
    ],
    ids=["title too long", "no such grade", "nobody approved", "persons where none may stand", "web map datum"],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_bulletin_that_breaks_the_rules_is_rejected_signed_and_not_shown(pair, body, members, code):
    a, b = pair.shouning, pair.qingyuan
    thread = a.draft(bulletin(recipients=[QINGYUAN])).row.id
    send_as(a, thread, "bulletin.published.v1", body, QINGYUAN, **members)
    pair.settle()
    state, why = b.states()["bulletin.published.v1"]
    assert state == "rejected"
    assert why.startswith(code)
    assert b.bulletins() == []
    assert "rejected" in a.types(thread)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_feedback_on_a_bulletin_that_never_was_is_rejected(pair):
    a, b = pair.shouning, pair.qingyuan
    body = {"version": "0" * 64, "used_for": "无", "usefulness": 1, "outcomes": ["none"]}
    send_as(b, "019ab000-0000-7000-8000-00000000ffff", "bulletin.feedback.v1", body, SHOUNING)
    pair.settle()
    assert a.states()["bulletin.feedback.v1"][0] == "rejected"
    assert a.bulletins() == []


def send_as(bureau, thread, type_, body, *recipients, lane=Lane.BULK, **members):
    """Have a node say what its own software would not let it say."""
    draft = Draft(
        aud=tuple(recipients),
        type=type_,
        thread=thread,
        lane=lane,
        classification="internal",
        handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
        purpose="冒充",
        legal_basis="无",
        author_role="officer",
        retain_until=bureau.now + timedelta(days=365),
        body=body,
        **{"approver": {"role": "approver"}, **members},
    )
    return bureau.do(lambda session: bureau.node.outbox.send(session, draft, now=bureau.now, recipients=recipients))
