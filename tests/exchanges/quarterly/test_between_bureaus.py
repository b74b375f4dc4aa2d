"""A quarterly exchange between bureaus: drawn up by itself, approved, read, fed back, signed off; alike on all nodes."""

from datetime import UTC, datetime, timedelta

import pytest

from ecolink.cadence.standing import State
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, StaleError
from ecolink.exchanges.agreed import SharingError
from ecolink.exchanges.governance import SecondPersonError
from ecolink.exchanges.quarterly.rules import STATES_ZH
from tests.exchanges.quarterly.desks import AUDITOR, HEAD, LIAISON, QUARTER, Desk, agreement, person
from tests.support.town import BUREAUS, JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

MISSED = "sn-qy-151/exchange/2026-Q3"
AFTER_THE_QUARTER = timedelta(days=45)


def exchanged(town: Town, *desks: Desk) -> None:
    """Every desk sends its package; all come in."""
    for desk in desks:
        desk.submit()
    town.settle()


def test_an_exchange_is_held_from_the_nodes_own_draft_to_both_signatures(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    assert shouning.open_due() == 2  # this quarter's, and the one that was missed
    assert shouning.open_due() == 0
    assert shouning.draft().edited_by is None
    assert shouning.standing().state is State.OPEN
    exchanged(town, shouning, qingyuan)
    assert shouning.show().state == "complete"
    assert shouning.standing().owing == {SHOUNING, QINGYUAN}

    for desk in (shouning, qingyuan):
        desk.answer()
        town.settle()
        desk.sign_off()
        town.settle()

    assert shouning.picture() == qingyuan.picture()
    assert shouning.show().state == "signed_off"
    standing = shouning.standing()
    assert (standing.state, standing.late, standing.owing) == (State.FULFILLED, False, frozenset())
    assert shouning.show().may == ["correct", "feedback"]


def test_both_find_the_same_thread_though_their_first_packages_cross(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    town.network.keep_back = lambda _: True
    exchanged(town, shouning, qingyuan)
    assert shouning.show().state == qingyuan.show().state == "partial"
    town.network.keep_back = None
    town.network.release()
    town.settle()
    town.wait(timedelta(minutes=10))
    assert shouning.picture() == qingyuan.picture()
    assert shouning.show().state == "complete"


def test_whoever_wrote_a_package_does_not_approve_it_and_nobody_approves_what_they_did_not_see(
    shouning: Desk, qingyuan: Desk
) -> None:
    shouning.open_due()
    seen = shouning.draft().version
    shouning.edit(by=HEAD, highlights="本季度侦办盗伐林木案件2起。")
    with pytest.raises(SecondPersonError):
        shouning.approve(by=HEAD)
    with pytest.raises(StaleError), shouning.node.database.begin() as session:
        shouning.room.approve(session, shouning.exchange_id(), version=seen, by=person("周青"), now=shouning.now)
    shouning.approve(by=person("周青"))


def test_no_personal_data_goes_into_a_package(shouning: Desk, qingyuan: Desk) -> None:
    shouning.open_due()
    with pytest.raises(InvalidError, match="persons"):
        shouning.edit(highlights="嫌疑人身份证号 35092419900101123X 已核实。")


def test_officers_names_ride_in_the_private_part_and_readers_see_them_masked(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    exchanged(town, shouning, qingyuan)
    (package,) = [each for each in qingyuan.show(by=AUDITOR).packages if each.author.unit_code == SHOUNING]
    assert (package.submitted_by, package.approved_by) == ("林某", "郑某")
    (package,) = [each for each in qingyuan.show().packages if each.author.unit_code == SHOUNING]
    assert (package.submitted_by, package.approved_by) == ("林一鸣", "郑长青")
    assert "林一鸣" not in str(package.content)


def test_a_nil_package_is_said_so_needs_no_feedback_and_is_refused_where_something_was_counted(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    shouning.submit(highlights=None, nothing_to_report=True)
    qingyuan.submit()
    town.settle()
    (nil,) = [each for each in qingyuan.show().packages if each.author.unit_code == SHOUNING]
    assert nil.content.nothing_to_report
    qingyuan.read(nil.digest)
    qingyuan.sign_off()
    with pytest.raises(InvalidError, match="something to report"):
        shouning.edit(MISSED, highlights="有情况", nothing_to_report=True)


def test_nobody_signs_off_what_is_missing_unread_or_not_fed_back(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    shouning.submit()
    with pytest.raises(IllegalMoveError, match="not sent its package"):
        shouning.sign_off()
    theirs = qingyuan.submit()
    town.settle()
    with pytest.raises(IllegalMoveError, match="Read the others"):
        shouning.sign_off()
    with pytest.raises(IllegalMoveError, match="Read the package before"):
        shouning.feed_back(theirs)
    shouning.read(theirs)
    with pytest.raises(IllegalMoveError, match="feed back"):
        shouning.sign_off()
    shouning.feed_back(theirs)
    shouning.sign_off()
    with pytest.raises(IllegalMoveError, match="already"):
        shouning.sign_off()
    assert shouning.standing().owing == {QINGYUAN}


def test_feedback_reaches_the_author_and_a_correction_is_signed_off_anew(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    exchanged(town, shouning, qingyuan)
    ours = next(each.digest for each in shouning.show().packages if each.author.unit_code == SHOUNING)
    qingyuan.read(ours)
    qingyuan.feed_back(ours, usefulness=2, remarks="办结数与我局不一致", correction_wanted="请核对办结数")
    town.settle()
    word = next(each for each in shouning.show().packages if each.digest == ours).words[0]
    assert (word.party, word.read_role, word.usefulness) == (QINGYUAN, "liaison_officer", 2)
    assert word.correction_wanted == "请核对办结数"

    seen = qingyuan.show().sign_off.digest
    shouning.correct()
    town.settle()
    with pytest.raises(ConflictError):
        qingyuan.sign_off(seen)
    with pytest.raises(ConflictError):
        qingyuan.read(ours)
    for desk in (qingyuan, shouning):
        desk.answer()
        desk.sign_off()
        town.settle()
    assert qingyuan.picture() == shouning.picture()
    assert qingyuan.show().state == "signed_off"
    assert [(each.edition, each.is_current) for each in qingyuan.show().packages] == [(1, True), (2, True), (1, False)]


def test_a_correction_that_crosses_a_signature_leaves_both_sides_with_the_same_picture(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    exchanged(town, shouning, qingyuan)
    shouning.answer()
    qingyuan.answer()
    shouning.sign_off()
    town.settle()
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    shouning.correct()
    town.clock.advance(timedelta(minutes=1))
    qingyuan.sign_off()
    town.settle()
    town.network.cut.clear()
    town.wait(timedelta(minutes=10))

    assert shouning.picture() == qingyuan.picture()
    assert shouning.show().state == "signed_off"  # all had signed the same packages, before either knew more
    assert shouning.show().sign_off.missing == [QINGYUAN, SHOUNING]  # what stands now, nobody has
    assert shouning.standing().state is State.FULFILLED


def test_a_missed_quarter_is_made_up_for_under_its_own_key_and_stays_late(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    for desk in (shouning, qingyuan):
        desk.open_due()
        desk.edit(MISSED, outlook="补报第三季度情况。")
        desk.approve(MISSED)
    town.settle()
    for desk in (shouning, qingyuan):
        shown = desk.show(MISSED)
        assert all(package.late for package in shown.packages)
        assert shown.overdue
        (theirs,) = [each.digest for each in shown.packages if each.author.unit_code != desk.us]
        with desk.node.database.begin() as session:
            thread = desk.exchange_id(MISSED)
            desk.room.read(session, thread, theirs, by=LIAISON, now=desk.now)
            from ecolink.exchanges.quarterly.schemas import PackageFeedbackIn

            entry = PackageFeedbackIn(package=theirs, usefulness=3)
            desk.room.feed_back(session, thread, entry, by=LIAISON, now=desk.now)
            desk.room.sign_off(session, thread, shown.sign_off.digest, by=HEAD, now=desk.now)
        town.settle()
    standing = shouning.standing(MISSED)
    assert (standing.state, standing.late, standing.done_in_time) == (State.FULFILLED, True, frozenset())
    assert shouning.standing(QUARTER).state is State.OPEN


def test_who_sent_in_time_is_told_from_who_did_not(town: Town, shouning: Desk, qingyuan: Desk) -> None:
    shouning.submit()
    town.settle()
    town.clock.advance(AFTER_THE_QUARTER)
    for desk in (shouning, qingyuan):
        standing = desk.standing()
        assert (standing.late, standing.done_in_time, standing.owing) == (True, {SHOUNING}, {QINGYUAN})


def test_in_an_alliance_every_package_goes_to_all_and_all_sign_the_same_ones(town: Town, alliance: list[Desk]) -> None:
    shouning, qingyuan, jingning = alliance
    exchanged(town, *alliance)
    assert jingning.show().convener == QINGYUAN
    town.network.random.seed(3)
    town.network.double = town.network.lose_answers = 0.3
    for desk in alliance:
        desk.answer()
    town.settle()
    for desk in alliance:
        desk.sign_off()
        town.wait(timedelta(minutes=5))
    assert shouning.picture() == qingyuan.picture() == jingning.picture()
    assert shouning.standing().state is State.FULFILLED
    assert len(shouning.show().packages) == 3


def test_a_signature_that_overtakes_a_third_bureaus_package_waits_for_it(town: Town, alliance: list[Desk]) -> None:
    _, qingyuan, jingning = alliance
    line = frozenset({SHOUNING, JINGNING})
    town.network.cut.add(line)
    exchanged(town, *alliance)
    qingyuan.answer()
    qingyuan.sign_off()
    town.settle()
    assert jingning.show().submitted == sorted([QINGYUAN, JINGNING])
    town.network.cut.clear()
    town.wait(timedelta(minutes=10))
    assert jingning.picture() == qingyuan.picture()
    assert list(jingning.show().sign_off.signed) == [QINGYUAN]


def test_a_bureau_the_agreement_does_not_let_share_sends_nothing(shouning: Desk, qingyuan: Desk) -> None:
    silent = agreement(sharing=[{"what": ["lead", "bulletin"]}, {"what": ["package"], "sharers": [QINGYUAN]}])
    shouning.agreements[:] = qingyuan.agreements[:] = [silent]
    with pytest.raises(SharingError):
        shouning.submit()
    qingyuan.submit()


def test_what_nobody_edited_is_drawn_up_anew_each_day_and_what_was_edited_stays(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    for desk in (shouning, qingyuan):
        desk.open_due()
    shouning.edit(highlights="重点情况")
    before = shouning.draft().compiled_at
    town.clock.advance(timedelta(days=1))
    assert (shouning.open_due(), qingyuan.open_due()) == (1, 2)
    assert shouning.draft().compiled_at == before
    assert qingyuan.draft().compiled_at == town.clock.now()


def test_the_node_opens_its_package_by_itself(town: Town) -> None:
    node = town.nodes[SHOUNING]
    desk = Desk.open(node)
    node.rooms.cooperation.agreements.shelf.in_force = lambda _: [agreement()]
    town.clock.moment = datetime(2026, 12, 31, 16, 0, 1, tzinfo=UTC)  # a second into 2027 in Shanghai
    node.tick(town.clock.now())
    desk.agreements.append(agreement())
    assert desk.draft("sn-qy-151/exchange/2027-Q1").edited_by is None
    assert STATES_ZH[desk.show("sn-qy-151/exchange/2027-Q1").state] == "待提交"


def test_a_letter_names_both_bureaus_the_quarter_the_figures_and_the_signatures(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    exchanged(town, shouning, qingyuan)
    qingyuan.answer()
    qingyuan.sign_off()
    town.settle()
    (ours,) = [each for each in shouning.show().packages if each.author.unit_code == SHOUNING]
    letter = shouning.letter(ours.digest)
    assert letter.title == "寿宁县公安局关于2026年第四季度警务协作情报交流情况的函"
    assert letter.addressee == BUREAUS[QINGYUAN][0]
    assert [(each.party, each.at is not None) for each in letter.signatures] == [
        ("寿宁县公安局（提交）", True),
        ("庆元县公安局（确认）", True),
        ("寿宁县公安局（确认）", False),
    ]
    assert qingyuan.letter(ours.digest) == letter
