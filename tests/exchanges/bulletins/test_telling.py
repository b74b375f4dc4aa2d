"""A bulletin from draft to feedback, between real nodes."""

import threading
from datetime import timedelta

import pytest

from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError, StaleError
from ecolink.exchanges.bulletins.models import BulletinDraft
from ecolink.exchanges.bulletins.rules.tables import State
from ecolink.exchanges.governance import SecondPersonError
from ecolink.federation.models import PeerRow, StatementRow
from ecolink.federation.peers import PeerState
from tests.exchanges.bulletins.bureaux import ORCHIDS, SUSPECT, bulletin, correction
from tests.support.town import ALL_LANES, JINGNING, QINGYUAN, SHOUNING

pytestmark = pytest.mark.by_turns


def test_a_bulletin_goes_to_the_whole_alliance_is_read_used_and_comes_back_as_feedback(three):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    told = a.publish(bulletin(alliance_id=a.ally(QINGYUAN, JINGNING)))
    three.settle()
    assert [row.title for row in (*b.bulletins(), *c.bulletins())] == [ORCHIDS["title"]] * 2
    assert a.board(told)[QINGYUAN].told == "delivered"
    assert a.board(told)[QINGYUAN].read_at is None

    b.read(told)
    b.use(told)
    b.feed_back(told)
    three.settle()
    board = a.board(told)
    assert (board[QINGYUAN].uses, board[QINGYUAN].feedback) == (1, 1)
    assert board[QINGYUAN].read_at is not None
    assert board[JINGNING].read_at is None
    assert (a.row(told).holders, a.row(told).readers) == (2, 1)


def test_the_audience_is_frozen_to_the_roster_it_was_told_to(three):
    a = three.shouning
    alliance = a.ally(QINGYUAN, JINGNING)
    told = a.publish(bulletin(alliance_id=alliance))
    frozen = a.see(lambda session: a.alliances.roster(session, alliance))
    three.settle()
    content = three.jingning.shown(told).content
    assert content.alliance == frozen
    assert content.alliance.members == tuple(sorted([SHOUNING, QINGYUAN, JINGNING]))


def test_feedback_of_one_recipient_goes_to_the_author_only(three):
    told = three.shouning.publish(bulletin(recipients=[QINGYUAN, JINGNING]))
    three.settle()
    three.qingyuan.feed_back(told)
    three.settle()
    assert three.shouning.types(told) == ["published", "feedback"]
    assert three.jingning.types(told) == ["published"]


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_two_answers_applied_at_the_same_moment_both_count(three):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    told = a.publish(bulletin(recipients=[QINGYUAN, JINGNING]))
    three.settle()
    for bureau in (b, c):
        bureau.read(told)
        while bureau.node.delivery.step(ALL_LANES, bureau.node.clock.now):
            pass
    start = threading.Barrier(2)

    def apply() -> None:
        start.wait()
        while a.node.applier.step(ALL_LANES, a.now):
            pass

    workers = [threading.Thread(target=apply) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    three.settle()
    assert a.row(told).readers == 2
    assert {each.read_at is not None for each in a.board(told).values()} == {True}


def test_only_the_first_opening_at_a_bureau_is_told(pair):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    pair.qingyuan.read(told)
    first = pair.qingyuan.row(told).opened_at
    pair.town.clock.advance(timedelta(hours=1))
    pair.qingyuan.read(told)
    pair.settle()
    assert pair.shouning.types(told) == ["published", "read"]
    assert pair.qingyuan.row(told).opened_at == first


def test_reading_is_not_held_up_by_an_author_that_cannot_be_told(pair):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    pair.qingyuan.do(lambda session: setattr(session.get(PeerRow, SHOUNING), "state", PeerState.SUSPENDED))
    assert pair.qingyuan.read(told).row.opened_at is not None
    assert pair.qingyuan.types(told) == ["published"]
    with pytest.raises(ConflictError):
        pair.qingyuan.feed_back(told)


def test_the_author_does_not_answer_its_own_bulletin(pair):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    with pytest.raises(IllegalMoveError):
        pair.shouning.use(told)
    with pytest.raises(IllegalMoveError):
        pair.shouning.feed_back(told)
    assert pair.shouning.read(told).row.opened_at is None


def test_nothing_leaves_before_another_person_approved(pair):
    a = pair.shouning
    drafted = a.draft(bulletin(recipients=[QINGYUAN])).row.id
    with pytest.raises(IllegalMoveError):
        a.approve(drafted)
    a.submit(drafted)
    with pytest.raises(SecondPersonError):
        a.approve(drafted, by=a.officer)
    with pytest.raises(SecondPersonError):
        a.approve(drafted, by=a.program)
    pair.settle()
    assert pair.qingyuan.bulletins() == []
    assert a.row(drafted).state == State.AWAITING_APPROVAL


def test_whoever_wrote_a_draft_last_cannot_approve_it(pair):
    a = pair.shouning
    drafted = a.draft(bulletin(recipients=[QINGYUAN])).row
    a.do(
        lambda session: a.service.drafting.replace(
            session, drafted.id, bulletin(recipients=[QINGYUAN]), version=drafted.version, by=a.approver, now=a.now
        )
    )
    a.submit(drafted.id)
    with pytest.raises(SecondPersonError):
        a.approve(drafted.id)


def test_an_approver_approves_exactly_what_they_read(pair):
    a = pair.shouning
    drafted = a.draft(bulletin(recipients=[QINGYUAN])).row
    a.submit(drafted.id)
    with pytest.raises(StaleError):
        a.do(
            lambda session: a.service.drafting.approve(
                session, drafted.id, version=drafted.version, by=a.approver, now=a.now
            )
        )


def test_a_draft_is_sent_back_changed_and_handed_in_again(pair):
    a = pair.shouning
    drafted = a.draft(bulletin(recipients=[QINGYUAN])).row.id
    a.submit(drafted)
    a.do(
        lambda session: a.service.drafting.send_back(
            session, drafted, reason="请补充评级依据", version=a.row(drafted).version, by=a.approver, now=a.now
        )
    )
    assert a.row(drafted).state == State.DRAFT
    assert a.shown(drafted).draft.sent_back == "请补充评级依据"
    changed = bulletin(recipients=[QINGYUAN], title="兰花案通报")
    a.do(
        lambda session: a.service.drafting.replace(
            session, drafted, changed, version=a.row(drafted).version, by=a.officer, now=a.now
        )
    )
    a.submit(drafted)
    a.approve(drafted)
    pair.settle()
    assert pair.qingyuan.row(drafted).title == "兰花案通报"


def test_a_discarded_draft_leaves_nothing_but_the_access_log(pair):
    a = pair.shouning
    drafted = a.draft(bulletin(recipients=[QINGYUAN])).row
    a.do(
        lambda session: a.service.drafting.discard(
            session, drafted.id, version=drafted.version, by=a.officer, now=a.now
        )
    )
    assert a.bulletins() == []
    assert a.found("兰花") == []
    assert [what for _, what in a.traces(drafted.id)] == ["drafted", "discarded"]


def test_what_was_told_is_no_longer_a_draft(pair):
    a = pair.shouning
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    version = a.row(told).version
    for call in (
        lambda session: a.service.drafting.replace(
            session, told, bulletin(recipients=[QINGYUAN]), version=version, by=a.officer, now=a.now
        ),
        lambda session: a.service.drafting.discard(session, told, version=version, by=a.officer, now=a.now),
        lambda session: a.service.drafting.submit(session, told, version=version, by=a.officer, now=a.now),
    ):
        with pytest.raises(IllegalMoveError):
            a.do(call)


def test_a_recipient_cannot_change_correct_or_recall_it(pair):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN]))
    pair.settle()
    b = pair.qingyuan
    with pytest.raises(IllegalMoveError):
        b.draft_correction(told)
    with pytest.raises(IllegalMoveError):
        b.recall(told)


def test_a_bulletin_of_nobody_is_not_found(pair):
    for call in (pair.shouning.view, pair.shouning.recall, pair.shouning.read):
        with pytest.raises(NotFoundError):
            call("019ab000-0000-7000-8000-00000000ffff")


ON_ONE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what no database has a say in."""


@ON_ONE
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"recipients": [SHOUNING[:-1] + "9"]}, "/recipients/0"),
        ({"recipients": [QINGYUAN, QINGYUAN]}, "/recipients/1"),
        ({"recipients": []}, "/recipients"),
        ({"alliance_id": "019ab000-0000-7000-8000-00000000ffff"}, "/alliance_id"),
        ({"recipients": [QINGYUAN], "onward": "group"}, "/alliance_id"),
        ({"recipients": [QINGYUAN], **SUSPECT, "kind": "warning"}, "/persons"),
        ({"recipients": [QINGYUAN], **SUSPECT, "sanitised": True}, "/sanitised"),
        ({"recipients": [QINGYUAN], **SUSPECT, "case_number": None}, "/case_number"),
        ({"recipients": [QINGYUAN], **SUSPECT, "body": "林大山向龙溪方向逃跑"}, "/body"),
        ({"recipients": [QINGYUAN], "title": "查找331126199001010018"}, "/title"),
        ({"recipients": [QINGYUAN], "body": "兰" * 4900, "suggested_actions": ["查" * 299] * 20}, "/body"),
    ],
)
def test_what_may_not_be_told_is_refused_at_the_draft(pair, changes, pointer):
    with pytest.raises(InvalidError) as refused:
        pair.shouning.draft(bulletin(**changes))
    assert refused.value.pointer == pointer
    assert pair.shouning.bulletins() == []


@ON_ONE
@pytest.mark.parametrize(
    "person", [{"birth_date": "2010-05-01"}, {"identity_number": "331126201005010018"}], ids=["by date", "by number"]
)
def test_a_minor_does_not_stand_in_a_bulletin(pair, person):
    persons = [{"ref": "P1", "category": "suspect", "basis": "fact", **person}]
    with pytest.raises(InvalidError) as refused:
        pair.shouning.draft(bulletin(recipients=[QINGYUAN], **{**SUSPECT, "persons": persons}))
    assert refused.value.pointer == "/persons/0"


def test_persons_are_masked_until_somebody_reveals_them_for_a_reason(pair):
    a, b = pair.shouning, pair.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN], **SUSPECT))
    pair.settle()
    shown = b.shown(told)
    assert shown.persons[0].name == "林某"
    assert shown.persons[0].identity_number == "331*************18"
    assert shown.items[0].identifier == "*******"
    revealed = b.do(lambda session: b.service.reveal(session, told, reason="核对身份", by=b.officer, now=b.now))
    assert revealed.persons[0].name == "林大山"
    assert ("reveal", "persons revealed") in b.traces(told)
    assert ("collect", "received") in b.traces(told)
    assert ("disclose", "told") in a.traces(told)


def test_the_persons_of_a_told_bulletin_stand_in_its_private_part_alone(pair):
    a = pair.shouning
    told = a.publish(bulletin(recipients=[QINGYUAN], **SUSPECT))
    statement = a.thread(told)[0].statement
    assert "林大山" not in statement.token.decode()
    assert "林大山" not in str(statement.body)
    assert "林大山".encode() in statement.private
    assert a.see(lambda session: session.get(BulletinDraft, told)) is None
    assert a.found("林大山") == a.found("闽J00000") == []


def test_after_erasure_the_bulletin_stands_without_its_persons(pair):
    a, b = pair.shouning, pair.qingyuan
    told = a.publish(bulletin(recipients=[QINGYUAN], **SUSPECT))
    pair.settle()
    b.do(lambda session: session.query(StatementRow).update({"private": None}))
    assert b.shown(told).persons == []
    assert b.shown(told).content.title == SUSPECT["title"]


def test_erasing_a_thread_empties_the_drafts_that_stand_beside_it(pair):
    a = pair.shouning
    told = a.publish(bulletin(recipients=[QINGYUAN], **SUSPECT))
    a.draft_correction(told, correction(**SUSPECT))
    a.do(lambda session: a.service.erase(session, told, a.now))
    assert a.shown(told).draft.persons == []


def test_persons_left_out_of_a_later_edit_stay_and_an_empty_list_removes_them(pair):
    a = pair.shouning
    drafted = a.draft(bulletin(recipients=[QINGYUAN], **SUSPECT)).row
    without = {name: value for name, value in SUSPECT.items() if name not in ("persons", "items")}

    def edit(**more):
        a.do(
            lambda session: a.service.drafting.replace(
                session,
                drafted.id,
                bulletin(recipients=[QINGYUAN], **without, **more),
                version=a.row(drafted.id).version,
                by=a.officer,
                now=a.now,
            )
        )
        return len(a.shown(drafted.id).draft.persons)

    assert edit() == 1
    assert edit(persons=[]) == 0


def test_a_suspended_member_is_left_out_and_shown_as_such(three):
    a = three.shouning
    alliance = a.ally(QINGYUAN, JINGNING)
    a.do(lambda session: setattr(session.get(PeerRow, JINGNING), "state", PeerState.SUSPENDED))
    told = a.publish(bulletin(alliance_id=alliance))
    board = a.board(told)
    assert board[JINGNING].told == "left_out"
    assert board[QINGYUAN].told == "queued"
    assert [each.unit_code for each in a.shown(told).left_out] == [JINGNING]


def test_a_bulletin_that_reaches_nobody_is_not_told(pair):
    a = pair.shouning
    drafted = a.draft(bulletin(recipients=[QINGYUAN])).row.id
    a.submit(drafted)
    a.do(lambda session: setattr(session.get(PeerRow, QINGYUAN), "state", PeerState.SUSPENDED))
    with pytest.raises(ConflictError):
        a.approve(drafted)
    assert a.row(drafted).state == State.AWAITING_APPROVAL


def test_script_in_a_bulletin_stays_the_text_it_is(pair):
    nasty = "<script>alert(1)</script> [x](javascript:alert(1)) =cmd|' /C calc'!A0"
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN], title=nasty, body=nasty))
    pair.settle()
    shown = pair.qingyuan.shown(told)
    assert (shown.title, shown.content.title, shown.content.body) == (nasty, nasty, nasty)
    assert shown.model_dump(mode="json")["title"] == nasty


def test_an_exercise_is_kept_apart(pair):
    terms = {"purpose": "演练", "is_exercise": True}
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN], governance=terms))
    pair.settle()
    assert pair.qingyuan.row(told).is_exercise
    pair.shouning.recall(told)
    pair.settle()
    assert pair.qingyuan.row(told).state == State.RECALLED
    assert pair.shouning.row(told).outstanding == 0


def test_an_expired_bulletin_still_stands_with_a_flag(pair):
    told = pair.shouning.publish(bulletin(recipients=[QINGYUAN], valid_until="2026-11-23T09:30:00+08:00"))
    pair.settle()
    assert not pair.qingyuan.shown(told).is_expired
    pair.town.clock.advance(timedelta(hours=1))
    shown = pair.qingyuan.shown(told)
    assert shown.is_expired
    assert shown.state is State.PUBLISHED
    assert shown.content is not None
