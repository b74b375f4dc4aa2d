"""Monthly contacts between bureaus: recorded by one, signed by the other, and the same picture at both."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import select

from ecolink.errors import ConflictError, IllegalMoveError, InvalidError
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.federation.models import Alarm, StatementRow
from ecolink.protocol.kinds.liaison import LiaisonConfirmedV1
from tests.exchanges.leads.bureaux import Border
from tests.exchanges.liaison.officers import Officer
from tests.federation.backups import back_up, rebuild
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

BOTH = [QINGYUAN, SHOUNING]
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""What the database has no part in is tried on one."""


def test_a_contact_counts_when_both_have_signed_the_same_record(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    assert shouning.judged("2026-12").state == "open"
    held = shouning.record(QINGYUAN)
    december.settle()
    for officer in (shouning, qingyuan):
        standing = officer.judged("2026-12")
        assert (standing.state, standing.owing) == ("begun", {QINGYUAN}), "we recorded it, they did not confirm"
    shown = qingyuan.show(held)
    assert (shown.may, shown.meets) == (["confirm", "object"], ["sn-qy-151/liaison/2026-12"])
    assert [person.name for person in shown.participants] == ["林一鸣", "周青"]

    qingyuan.confirm(held)
    december.settle()
    for officer in (shouning, qingyuan):
        standing = officer.judged("2026-12")
        assert (standing.state, standing.late, standing.owing) == ("fulfilled", False, frozenset())
        assert officer.state_in_book("2026-12") == "fulfilled", "it was judged anew at once"
        assert officer.words(held) == [(1, "confirmed", BOTH, [])]
        assert officer.forms() == []


@on_sqlite
def test_nothing_to_report_is_a_record_too_and_no_topic_goes_with_it(december: Town, shouning: Officer) -> None:
    nothing = {"nothing_to_report": True, "topics": [], "conclusions": None}
    assert shouning.show(shouning.record(QINGYUAN, **nothing)).nothing_to_report
    for wrong, at in (
        ({"nothing_to_report": True}, "/nothing_to_report"),
        ({**nothing, "nothing_to_report": False}, "/topics"),
        ({"conclusions": None}, "/conclusions"),
    ):
        with pytest.raises(InvalidError) as told:
            shouning.record(QINGYUAN, **wrong)
        assert told.value.pointer == at


@on_sqlite
def test_an_objection_leads_to_a_corrected_record_and_that_one_is_signed(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    held = shouning.record(QINGYUAN)
    december.settle()
    first = qingyuan.standing(held)
    qingyuan.object_to(held, "结论应写明由我局反馈")
    december.settle()
    assert shouning.words(held) == [(1, "objected", [SHOUNING], ["结论应写明由我局反馈"])]

    december.clock.advance(timedelta(minutes=5))
    second = shouning.correct(held, conclusions="线索材料由庆元三日内反馈。")
    december.settle()
    with pytest.raises(ConflictError):
        qingyuan.confirm(held, first)
    qingyuan.confirm(held, second)
    december.settle()
    for officer in (shouning, qingyuan):
        assert officer.words(held) == [
            (1, "objected", [SHOUNING], ["结论应写明由我局反馈"]),
            (2, "confirmed", BOTH, []),
        ]
        assert (officer.show(held).record, officer.judged("2026-12").state) == (second, "fulfilled")


@on_sqlite
def test_records_that_crossed_both_stand_and_either_confirmed_one_fulfils(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    ours, theirs = shouning.record(QINGYUAN), qingyuan.record(SHOUNING)
    december.settle()
    assert [form.to_confirm for form in shouning.forms()] == [(theirs,)]
    qingyuan.confirm(ours)
    december.settle()
    for officer in (shouning, qingyuan):
        assert officer.judged("2026-12").state == "fulfilled"
        assert (officer.show(ours).state, officer.show(theirs).state) == ("confirmed", "awaiting")


@on_sqlite
def test_a_confirmation_that_crossed_a_correction_still_counts_and_counts_once(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    held = shouning.record(QINGYUAN)
    december.settle()
    december.clock.advance(timedelta(minutes=1))
    qingyuan.confirm(held)
    shouning.correct(held)
    december.settle()
    for officer in (shouning, qingyuan):
        assert officer.words(held) == [(1, "confirmed", BOTH, []), (2, "awaiting", [SHOUNING], [])]
        assert officer.judged("2026-12").state == "fulfilled"
    signed_at = shouning.judged("2026-12").fulfilled_at

    december.wait(timedelta(days=40))
    qingyuan.confirm(held)
    december.settle()
    for officer in (shouning, qingyuan):
        standing = officer.judged("2026-12")
        assert (standing.fulfilled_at, standing.late) == (signed_at, False), "a correction makes nothing late"


@pytest.mark.parametrize("confirmed_first", [True, False])
@on_sqlite
def test_a_withdrawal_that_crossed_a_confirmation_comes_to_the_same_end_at_both(
    december: Town, shouning: Officer, qingyuan: Officer, confirmed_first: bool
) -> None:
    held = shouning.record(QINGYUAN)
    december.settle()
    moves = [lambda: qingyuan.confirm(held), lambda: shouning.withdraw(held)]
    for move in moves if confirmed_first else moves[::-1]:
        december.clock.advance(timedelta(minutes=1))
        move()
    december.settle()
    ends = {(officer.words(held)[0][1], officer.judged("2026-12").state) for officer in (shouning, qingyuan)}
    assert ends == ({("confirmed", "fulfilled")} if confirmed_first else {("withdrawn", "open")})


@on_sqlite
def test_each_side_makes_only_its_own_moves(december: Town, shouning: Officer, qingyuan: Officer) -> None:
    held = shouning.record(QINGYUAN)
    december.settle()
    for move in (
        lambda: shouning.confirm(held),
        lambda: shouning.object_to(held),
        lambda: qingyuan.withdraw(held),
        lambda: qingyuan.correct(held),
    ):
        with pytest.raises(IllegalMoveError):
            move()
    qingyuan.confirm(held)
    december.settle()
    with pytest.raises(IllegalMoveError):
        qingyuan.confirm(held)
    with pytest.raises(IllegalMoveError):
        shouning.withdraw(held)


@on_sqlite
def test_a_word_on_another_record_is_refused_and_has_no_effect(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    """As another node's fault would send it: ours asks for the record that was read."""
    held, other = shouning.record(QINGYUAN), shouning.record(QINGYUAN)
    december.settle()
    with qingyuan.node.database.begin() as session:
        word = LiaisonConfirmedV1(record=shouning.standing(other))
        qingyuan.room.voice.say(
            session, word, to=[SHOUNING], purpose="月联系", now=qingyuan.now, thread=held, by=qingyuan.by
        )
    december.settle()
    assert [shouning.words(each) for each in (held, other)] == [[(1, "awaiting", [SHOUNING], [])]] * 2
    with shouning.node.database.read() as session:
        rejected = session.scalars(select(StatementRow.state_reason).where(StatementRow.state == "rejected")).all()
    assert [reason.partition(":")[0] for reason in rejected if reason] == ["unknown-record"]


@on_sqlite
def test_a_missed_month_is_made_up_for_and_stays_late(december: Town, shouning: Officer, qingyuan: Officer) -> None:
    december.wait(timedelta(days=40))
    assert shouning.judged("2026-12").late
    missed, due = shouning.forms()
    assert (missed.makes_up, due.makes_up) == ("sn-qy-151/liaison/2026-12", None)
    for wrong in ("sn-qy-151/liaison/2027-01", "sn-qy-151/liaison/2026-11", "of-six/liaison/2026-12"):
        with pytest.raises(InvalidError):
            shouning.record(QINGYUAN, makes_up=wrong)

    held = shouning.record(QINGYUAN, makes_up=missed.makes_up)
    december.settle()
    qingyuan.confirm(held)
    december.settle()
    for officer in (shouning, qingyuan):
        made_up, this_month = officer.judged("2026-12"), officer.judged("2027-01")
        assert (made_up.state, made_up.late, this_month.state) == ("fulfilled", True, "open")


@on_sqlite
def test_a_contact_held_in_the_month_counts_though_it_is_recorded_and_signed_later(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    held_at = shouning.now
    december.wait(timedelta(days=40))
    held = shouning.record(QINGYUAN, held_at=held_at.isoformat())
    december.settle()
    qingyuan.confirm(held)
    december.settle()
    assert [shouning.judged(label).state for label in ("2026-12", "2027-01")] == ["fulfilled", "open"]
    assert shouning.judged("2026-12").late


def test_an_ad_hoc_contact_of_three_counts_for_the_two_whom_the_duty_binds(
    december: Town, shouning: Officer, qingyuan: Officer, jingning: Officer
) -> None:
    held = jingning.record(SHOUNING, QINGYUAN)
    only_one = jingning.record(SHOUNING)
    december.settle()
    for officer in (shouning, qingyuan):
        officer.confirm(held)
        december.settle()
    shouning.confirm(only_one)
    december.settle()
    for officer in (shouning, qingyuan, jingning):
        assert officer.words(held) == [(1, "confirmed", [QINGYUAN, JINGNING, SHOUNING], [])]
    assert (qingyuan.show(held).meets, shouning.show(only_one).meets) == (["sn-qy-151/liaison/2026-12"], [])
    assert {officer.judged("2026-12").state for officer in (shouning, qingyuan)} == {"fulfilled"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@on_sqlite
def test_whatever_order_three_bureaus_words_arrive_in_all_see_the_same(
    december: Town, shouning: Officer, qingyuan: Officer, jingning: Officer, order: tuple[int, ...]
) -> None:
    held = shouning.record(QINGYUAN, JINGNING)
    december.settle()
    for pair in permutations(december.nodes, 2):
        december.network.cut.add(frozenset(pair))
    december.clock.advance(timedelta(minutes=1))
    qingyuan.confirm(held)
    jingning.object_to(held)
    december.clock.advance(timedelta(minutes=1))
    shouning.correct(held)
    jingning.confirm(held)
    lines = [frozenset({SHOUNING, QINGYUAN}), frozenset({SHOUNING, JINGNING}), frozenset({QINGYUAN, JINGNING})]
    for line in order:
        december.network.cut.discard(lines[line])
        december.wait(timedelta(hours=2))
    december.settle()
    everybody = [QINGYUAN, JINGNING, SHOUNING]
    for officer in (shouning, qingyuan, jingning):
        assert officer.words(held) == [(1, "confirmed", everybody, []), (2, "awaiting", [SHOUNING], [])]


def test_the_form_opens_by_itself_filled_in_with_what_is_open(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    border = Border(december)
    lead = border.ask("acknowledged")
    december.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    undelivered = border.shouning.send()
    (form,) = shouning.forms()
    assert (form.partners, form.obligation.key, form.makes_up) == ((QINGYUAN,), "sn-qy-151/liaison/2026-12", None)
    assert [(matter.topic, matter.owing, matter.threads) for matter in form.matters] == [
        ("lead", QINGYUAN, (lead, undelivered)),
        ("undelivered", None, (undelivered,)),
    ]
    (footing,) = form.footing
    assert (footing.partner, footing.state) == (QINGYUAN, "active")
    assert footing.checkpoint is not None, "their log, as we last saw it"
    assert footing.checkpoint.startswith(f"ecolink.log/{QINGYUAN}/1\n")
    assert form.checkpoint.startswith(f"ecolink.log/{SHOUNING}/1\n")


@on_sqlite
def test_the_checkpoint_of_a_record_is_kept_and_found_consistent(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    held = shouning.record(QINGYUAN)
    december.settle()
    assert qingyuan.show(held).checkpoint == shouning.show(held).checkpoint
    for node in december.nodes.values():
        node.compare(december.clock.now)
    with qingyuan.node.database.read() as session:
        assert session.scalars(select(Alarm)).all() == []


@on_sqlite
def test_what_was_not_held_yet_and_what_names_a_person_is_not_recorded(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    tomorrow = (shouning.now + timedelta(days=1)).isoformat()
    for wrong in (
        {"held_at": tomorrow},
        {"conclusions": "由周青三日内反馈。"},
        {"conclusions": "嫌疑人331126199001010018"},
        {"agreement": "of-six"},
    ):
        with pytest.raises(InvalidError):
            shouning.record(QINGYUAN, **wrong)
    with pytest.raises(ConflictError):
        record_with_a_suspended_peer(shouning)
    with shouning.node.database.read() as session:
        assert session.scalars(select(CosignedDocument).where(CosignedDocument.kind == "liaison")).all() == []


def record_with_a_suspended_peer(officer: Officer) -> None:
    with officer.node.database.begin() as session:
        officer.node.peers.suspend(session, QINGYUAN, reason="核查密钥", by="administrator", now=officer.now)
    officer.record(QINGYUAN)


def test_a_restored_node_finds_its_records_and_words_again(
    december: Town, shouning: Officer, qingyuan: Officer, new_database_url: Callable[[], str]
) -> None:
    url = back_up(shouning.node, new_database_url)
    ours, theirs = shouning.record(QINGYUAN), qingyuan.record(SHOUNING)
    december.settle()
    qingyuan.object_to(ours)
    shouning.confirm(theirs)
    december.settle()
    shouning.correct(ours)
    taken_back = shouning.record(QINGYUAN)
    shouning.withdraw(taken_back)
    december.settle()
    words = [officer.words(each) for officer in (shouning, qingyuan) for each in (ours, theirs, taken_back)]
    assert [word[-1][1] for word in words] == ["awaiting", "confirmed", "withdrawn"] * 2

    restored = Officer(rebuild(december, shouning.node, url))
    restored.node.compare(december.clock.now)
    december.settle()
    assert [officer.words(each) for officer in (restored, qingyuan) for each in (ours, theirs, taken_back)] == words
    assert restored.judged("2026-12").state == "fulfilled"


@on_sqlite
def test_names_are_erased_with_the_private_parts_and_a_record_that_waits_keeps_them(
    december: Town, shouning: Officer, qingyuan: Officer
) -> None:
    held, waiting = shouning.record(QINGYUAN), shouning.record(QINGYUAN)
    december.settle()
    qingyuan.confirm(held)
    december.settle()
    december.clock.advance(timedelta(days=4 * 365))
    for node in december.nodes.values():
        node.tidy(december.clock.now())
    for officer in (shouning, qingyuan):
        shown = officer.show(held)
        assert (shown.participants, shown.recorded_by, shown.state) == ([], None, "confirmed")
        assert len(officer.show(waiting).participants) == 2
