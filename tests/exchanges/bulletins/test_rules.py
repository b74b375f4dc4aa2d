"""The fold over a bulletin's thread: the same for every order of arrival."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.exchanges.bulletins.rules.fold import fold
from ecolink.exchanges.bulletins.rules.matter import Compliance, Holder, Matter, Move, Step
from ecolink.exchanges.bulletins.rules.tables import PRECEDENCE, TABLE, Act, Side, State, Verdict, print_tables
from ecolink.protocol.kinds.bulletins import OnwardCompliance
from tests.exchanges.bulletins.said import (
    MORNING,
    A,
    B,
    C,
    D,
    E,
    complied,
    corrected,
    feedback,
    granted,
    move,
    published,
    read,
    recalled,
    refused,
    requested,
    shared,
    unfit,
    used,
)


def verdict(matter: Matter, move: Move) -> Verdict | None:
    step = matter.step(move.digest)
    return step.verdict if step else None


def why(matter: Matter, move: Move) -> str | None:
    """Return why a move is illegal; a code goes with that verdict and with no other."""
    step = matter.step(move.digest)
    assert step is None or (step.verdict is Verdict.ILLEGAL) == bool(step.why)
    return step.why if step else None


def test_a_bulletin_is_published_and_its_recipients_hold_it():
    p = published()
    matter = fold(A, [p], us=A)
    assert matter.state is State.PUBLISHED
    assert matter.current == p
    assert matter.steps == (Step(p, Verdict.APPLIED),)
    assert set(matter.holders) == {B, C}


def test_a_correction_by_the_author_replaces_the_version_it_names():
    p = published()
    k = corrected(p)
    matter = fold(A, [p, k], us=B)
    assert matter.state is State.CORRECTED
    assert matter.versions == (p, k)
    assert matter.step(k.digest) == Step(k, Verdict.APPLIED)
    assert [change.digest for change in matter.owes(B)] == [k.digest]


def test_a_correction_that_comes_before_the_bulletin_is_already_what_counts():
    p = published()
    k = corrected(p)
    assert fold(A, [k], us=B).current == k
    assert fold(A, [k, p], us=B).versions == (p, k)


def test_a_recall_that_comes_first_takes_the_bulletin_back_before_it_is_seen():
    p = published()
    r = recalled(p)
    early = fold(A, [r], us=B)
    assert early.state is State.RECALLED
    assert early.current is None
    assert early.owes(B) == (r,)
    assert fold(A, [r, p], us=B).state is State.RECALLED


def test_another_bureaus_correction_or_recall_does_not_touch_the_bulletin():
    p = published()
    matter = fold(A, [p, corrected(p, by=C), recalled(p, by=C)], us=B)
    assert matter.state is State.PUBLISHED
    assert matter.current == p


def test_a_recall_of_something_else_is_illegal():
    p = published()
    r = recalled(p, recalls="another statement")
    matter = fold(A, [p, r], us=B)
    assert matter.state is State.PUBLISHED
    assert why(matter, r) == "wrong-target"


def test_a_bulletin_is_published_once():
    p, again = published(), published("Q", after=())
    again = replace(again, parents=(p.digest,))
    matter = fold(A, [p, again], us=B)
    assert matter.current == p
    assert why(matter, again) == "published-already"


def test_what_needs_an_approver_is_illegal_without_one():
    p = published(approved=False)
    matter = fold(A, [p], us=B)
    assert matter.state is None
    assert why(matter, p) == "approver-missing"


def test_a_body_that_does_not_fit_its_type_is_illegal():
    p = unfit(published())
    assert why(fold(A, [p], us=B), p) == "invalid-body"


def test_after_a_recall_the_author_corrects_no_more_and_recalls_no_more():
    p = published()
    r = recalled(p)
    k, again = corrected(p, after=(r,)), recalled(p, "R2", after=(r,))
    matter = fold(A, [p, r, k, again], us=B)
    assert matter.versions == (p,)
    assert (why(matter, k), why(matter, again)) == ("after-recall", "after-recall")


def test_a_correction_that_crossed_the_recall_stays_in_the_history():
    p = published()
    r, k = recalled(p), corrected(p)
    matter = fold(A, [p, k, r], us=B)
    assert matter.state is State.RECALLED
    step = matter.step(k.digest)
    assert step is not None
    assert (step.verdict, step.crossed_with) == (Verdict.CROSSED, r.digest)


def test_of_two_corrections_that_crossed_one_counts_everywhere():
    p = published()
    one, other = corrected(p, "one"), corrected(p, "other")
    results = {fold(A, order, us=B).versions for order in permutations([p, one, other])}
    assert len(results) == 1
    winner, loser = sorted([one, other], key=lambda move: move.digest)
    assert results == {(p, winner)}
    step = fold(A, [p, one, other], us=B).step(loser.digest)
    assert step == Step(loser, Verdict.CROSSED, crossed_with=winner.digest)


def test_of_two_recalls_that_crossed_one_counts_and_the_other_names_it():
    p = published()
    one, other = recalled(p, "one"), recalled(p, "other")
    first, second = sorted([one, other], key=lambda move: move.digest)
    matter = fold(A, [p, one, other], us=B)
    assert matter.recall == first
    assert matter.step(first.digest) == Step(first, Verdict.APPLIED)
    assert matter.step(second.digest) == Step(second, Verdict.CROSSED, crossed_with=first.digest)


def test_a_correction_of_a_version_its_author_knew_to_be_replaced_is_illegal():
    p = published()
    k = corrected(p)
    stale = corrected(p, "stale", after=(k,))
    matter = fold(A, [p, k, stale], us=B)
    assert matter.current == k
    assert why(matter, stale) == "not-the-standing-version"


def test_reading_use_and_feedback_are_remembered_for_each_holder():
    p = published()
    r, u, f = read(p), used(p), feedback(p)
    holder = fold(A, [p, r, u, f], us=A).holders[B]
    assert (holder.read, holder.uses, holder.feedback) == (r, (u,), (f,))


def test_only_the_first_reading_counts():
    p = published()
    first = read(p)
    second = read(p, name="second", after=(first,))
    assert fold(A, [second, p, first], us=A).holders[B].read == first


def test_feedback_that_crossed_a_correction_counts_for_the_version_it_names():
    p = published()
    k, f = corrected(p), feedback(p)
    matter = fold(A, [p, k, f], us=A)
    assert matter.current == k
    assert verdict(matter, f) is Verdict.APPLIED


def test_a_holder_may_still_report_use_of_what_was_recalled_but_not_read_it():
    p = published()
    r = recalled(p)
    u, late = used(p, after=(r,)), read(p, after=(r,))
    matter = fold(A, [p, r, u, late], us=A)
    assert verdict(matter, u) is Verdict.APPLIED
    assert why(matter, late) == "after-recall"


def test_an_answer_to_something_the_author_never_said_is_illegal():
    p, never = published(), published("never")
    f = feedback(never, after=())
    assert why(fold(A, [p, f], us=A), f) == "unknown-version"


def test_an_answer_of_a_bureau_that_was_not_told_waits_for_the_notice_that_it_was():
    p = published(onward="group")
    s = shared(p)
    f = feedback(p, by=D, after=(s,))
    alone = fold(A, [p, f], us=A)
    assert alone.waiting == (f,)
    assert verdict(fold(A, [p, f, s], us=A), f) is Verdict.APPLIED


def test_a_holder_owes_an_answer_to_each_change_until_it_gave_one():
    p = published()
    k = corrected(p)
    r = recalled(p, after=(k,), version=k)
    assert fold(A, [p, k, r], us=A).owes(B) == (k, r)
    assert fold(A, [p, k, r, complied(k), complied(r)], us=A).owes(B) == ()
    assert fold(A, [p, k, r, complied(k), complied(r)], us=A).owes(C) == (k, r)


def test_compliance_with_what_is_no_change_is_illegal():
    p = published()
    c = complied(p)
    assert why(fold(A, [p, c], us=A), c) == "wrong-target"


def test_an_answer_that_cannot_be_read_is_illegal_and_counts_for_nothing():
    p = published()
    broken = unfit(feedback(p))
    matter = fold(A, [p, broken], us=A)
    assert matter.step(broken.digest) == Step(broken, Verdict.ILLEGAL, "invalid-body")
    assert matter.holders[B].feedback == ()


def test_an_answer_to_something_that_may_yet_come_waits_at_everybody_but_the_author():
    never = published("never")
    f = feedback(never, after=())
    assert fold(A, [published(), f], us=C).waiting == (f,)


def test_an_answer_its_author_rejected_counts_for_nothing_and_nobody_elses_rejection_matters():
    p = published()
    f, u = feedback(p), used(p)
    by_the_author = move(Act.REJECTED, "no", A, (B,), None, rejects=f.digest, fault="not-wanted")
    by_another = move(Act.REJECTED, "never", C, (B,), None, rejects=u.digest, fault="not-wanted")
    matter = fold(A, [p, f, u, by_the_author, by_another], us=A)
    assert matter.step(f.digest) == Step(f, Verdict.REJECTED)
    assert matter.step(u.digest) == Step(u, Verdict.APPLIED)
    assert (matter.holders[B].feedback, matter.holders[B].uses) == ((), (u,))


def test_what_a_holders_node_could_not_take_is_remembered_with_its_reason():
    p = published(to=(B,))
    no = move(Act.REJECTED, "no", B, (A,), None, rejects=p.digest, fault="invalid-body")
    by_a_stranger = move(Act.REJECTED, "no of E", E, (A,), None, rejects=p.digest, fault="invalid-body")
    of_nothing = move(Act.REJECTED, "no to nothing", B, (A,), None, rejects="0" * 64)
    matter = fold(A, [p, no, by_a_stranger, of_nothing], us=A)
    assert matter.holders == {B: Holder(unit_code=B, given=(p.digest,), rejected={p.digest: "invalid-body"})}
    assert matter.author == A


def test_who_was_told_of_a_recall_alone_answers_it_and_who_was_not_waits():
    p = published()
    r = recalled(p)
    told, stranger = complied(r), complied(r, by=E)
    matter = fold(A, [r, told, stranger], us=C)
    assert matter.step(told.digest) == Step(told, Verdict.APPLIED)
    assert matter.holders[B] == Holder(
        unit_code=B, complied={r.digest: Compliance(told.body.applied_at, B, told.digest)}
    )
    assert (matter.waiting, E in matter.holders) == ((stranger,), False)
    assert fold(A, [r, read(r)], us=C).waiting == (read(r),)


def test_a_bureaus_own_word_counts_more_than_what_another_reports_of_it():
    p = published(onward="group")
    r = recalled(p)
    s, follow = shared(p), shared(r, recalls="jti-of-the-share", name="follow-up")
    report = OnwardCompliance(unit_code=D, applied_at=MORNING)
    reported = complied(r, onward=[report], name="report")
    before = fold(A, [p, s, r, follow, reported], us=A).holders[D].complied[r.digest]
    assert before == Compliance(MORNING, B, reported.digest)
    places = set()
    for number in range(9):  # what crossed is read in order of digest
        own = complied(r, by=D, name=f"own {number}")
        places.add(own.digest < reported.digest)
        after = fold(A, [p, s, r, follow, reported, own], us=A).holders[D].complied[r.digest]
        assert after == Compliance(own.body.applied_at, D, own.digest)
    assert places == {True, False}


def test_of_a_bureaus_own_words_the_first_counts():
    p = published()
    r = recalled(p)
    first = complied(r, name="first")
    second = complied(r, name="second", after=(first,))
    assert fold(A, [p, r, first, second], us=A).holders[B].complied[r.digest].statement == first.digest


def test_further_down_a_bureau_learns_from_answers_who_else_holds_it():
    p = published(onward="group")
    r = recalled(p)
    report = [OnwardCompliance(unit_code=D, applied_at=MORNING), OnwardCompliance(unit_code=E, applied_at=None)]
    said = complied(r, onward=report)
    matter = fold(A, [p, r, said], us=C)
    assert matter.holders[D] == Holder(unit_code=D, via=B, complied={r.digest: Compliance(MORNING, B, said.digest)})
    assert matter.holders[E] == Holder(unit_code=E, via=B)
    assert fold(A, [p, r, said], us=A).holders.keys() == {B, C}, (
        "the author is told of every share and believes no other"
    )


def test_what_is_reported_of_a_bureau_the_author_told_itself_counts_for_nothing():
    p = published()
    r = recalled(p)
    said = complied(r, onward=[OnwardCompliance(unit_code=C, applied_at=MORNING)])
    assert fold(A, [p, r, said], us=A).owes(C) == (r,)


def test_the_author_owes_no_answer_and_nobody_owes_one_to_what_came_before_them():
    p = published(to=(B,), onward="group")
    k = corrected(p)
    k = replace(k, body=k.body.model_copy(update={"alliance": p.body.alliance}))
    s = shared(k, after=(k,), to=(D, A))
    r = recalled(p, after=(k,), version=k)
    matter = fold(A, [p, k, s, r], us=A)
    assert matter.owes(A) == ()
    assert matter.owes(B) == (k, r)
    assert matter.owes(D) == (r,), "it was told the corrected version as news"
    assert matter.owes(E) == ()


def test_who_is_brought_a_correction_owes_an_answer_to_it():
    p = published(to=(B,), onward="group")
    k = corrected(p)
    s, follow = shared(p), shared(k, supersedes="jti-of-the-share", name="follow-up", to=(D,))
    assert fold(A, [s, follow], us=D).owes(D) == (k,)
    assert fold(A, [s, follow], us=D).owes(E) == ()


def test_who_is_brought_a_recall_alone_owes_an_answer_to_nothing_else():
    p = published(to=(B,), onward="group")
    k = corrected(p)
    r = recalled(p, after=(k,), version=k)
    follow = shared(r, recalls="jti-of-a-share", name="follow-up")
    assert fold(A, [p, k, r, follow], us=A).owes(D) == (r,)


# Onward sharing -------------------------------------------------------------------------------------------------


def test_a_bulletin_that_may_not_be_passed_on_is_not_shown_to_whom_it_was_passed():
    p = published(onward="none")
    s = shared(p)
    matter = fold(A, [s], us=D)
    assert matter.state is None
    assert why(matter, s) == "onward-none"


def test_within_the_group_a_member_passes_it_to_a_member():
    p = published(onward="group")
    s = shared(p)
    there = fold(A, [s], us=D)
    assert there.state is State.PUBLISHED
    assert there.holders[D].via == B
    assert fold(A, [p, s], us=A).holders[D].via == B


def test_what_is_passed_on_is_remembered_with_who_passed_it_and_which_version():
    p = published(onward="group")
    r = recalled(p)
    s, again = shared(p), shared(p, by=C, to=(B, D, A))
    follow = shared(r, recalls="jti-of-the-share", name="follow-up")
    matter = fold(A, [p, s, again, r, follow], us=A)
    for share in (s, again, follow):
        assert matter.step(share.digest) == Step(share, Verdict.APPLIED)
    assert set(matter.shares) == {s, again, follow}
    first = min(s, again, key=lambda share: share.digest)
    assert matter.holders[D] == Holder(unit_code=D, via=first.iss, given=(p.digest, p.digest))
    assert matter.holders[B] == Holder(unit_code=B, given=(p.digest,)), "its author had told it"


def test_a_share_that_counts_for_nothing_tells_nobody():
    p = published(onward="none")
    s, empty = shared(p), replace(shared(p, to=(A, D), name="empty"), original=None)
    matter = fold(A, [p, s, empty], us=A)
    assert (matter.shares, set(matter.holders)) == ((), {B, C})
    assert why(matter, empty) == "not-a-bulletin"


def test_a_permission_is_good_up_to_its_last_moment():
    p = published(onward="ask")
    allowed = granted(requested(p), until=MORNING)
    assert fold(A, [shared(p, permission=allowed)], us=D).state is State.PUBLISHED


def test_outside_the_group_nobody_is_told():
    p = published(onward="group")
    s = shared(p, to=(E, A))
    assert why(fold(A, [s], us=E), s) == "outside-group"
    assert why(fold(A, [p, s], us=A), s) == "outside-group"


def test_sharing_without_telling_the_author_is_illegal():
    p = published(onward="group")
    s = shared(p, to=(D,))
    assert why(fold(A, [s], us=D), s) == "author-not-told"


def test_with_the_authors_permission_a_holder_passes_it_on():
    p = published(onward="ask")
    q = requested(p)
    g = granted(q)
    s = shared(p, permission=g, after=(g,))
    assert fold(A, [s], us=D).state is State.PUBLISHED
    matter = fold(A, [p, q, g, s], us=A)
    assert matter.permissions[q.digest].is_granted
    assert set(matter.holders) == {B, C, D}


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        (None, "no-permission"),
        (lambda q: granted(q, onto=(E,)), "no-permission"),
        (lambda q: granted(replace(q, iss=C)), "no-permission"),
        (lambda q: granted(q, until=MORNING - timedelta(days=1)), "permission-over"),
        (lambda q: replace(granted(q), iss=C), "no-permission"),
        (refused, "no-permission"),
    ],
    ids=["none", "for another bureau", "given to another", "run out", "not the author's", "a refusal"],
)
def test_where_the_author_must_be_asked_its_fitting_permission_must_come_along(permission, code):
    p = published(onward="ask")
    s = shared(p, permission=permission(requested(p)) if permission else None)
    matter = fold(A, [s], us=D)
    assert matter.state is None
    assert why(matter, s) == code


def test_of_a_permission_and_a_refusal_that_crossed_the_refusal_counts():
    p = published(onward="ask")
    q = requested(p)
    yes, no = granted(q), refused(q)
    matter = fold(A, [p, q, yes, no], us=A)
    assert not matter.permissions[q.digest].is_granted
    assert matter.step(no.digest) == Step(no, Verdict.APPLIED)
    assert matter.step(yes.digest) == Step(yes, Verdict.CROSSED, crossed_with=no.digest)


def test_after_a_recall_sharing_is_refused_and_not_allowed_any_more():
    p = published(onward="ask")
    q, r = requested(p), recalled(p)
    yes, no = granted(q, after=(r,)), refused(q, after=(r,))
    assert why(fold(A, [p, q, r, yes], us=A), yes) == "after-recall"
    matter = fold(A, [p, q, r, no], us=A)
    assert verdict(matter, no) is Verdict.APPLIED
    assert matter.permissions[q.digest].decision == no
    assert matter.permissions[q.digest].request == q


def test_a_request_is_decided_once():
    p = published(onward="ask")
    q = requested(p)
    yes = granted(q)
    again = refused(q, after=(yes,))
    matter = fold(A, [p, q, yes, again], us=A)
    assert matter.permissions[q.digest].is_granted
    assert why(matter, again) == "decided-already"


def test_a_recall_follows_the_bulletin_to_whom_it_was_passed():
    p = published(onward="group")
    r = recalled(p)
    s = shared(p)
    follow = shared(r, recalls="jti-of-the-share", name="follow-up")
    there = fold(A, [s, follow], us=D)
    assert there.state is State.RECALLED
    assert there.owes(D) == (r,)
    assert fold(A, [follow], us=D).state is State.RECALLED


def test_the_author_sees_who_passed_on_a_recall_and_who_answered():
    p = published(onward="group")
    r = recalled(p)
    s = shared(p)
    assert fold(A, [p, s, r], us=A).owes(D) == (r,)
    told = OnwardCompliance(unit_code=D, applied_at=MORNING)
    matter = fold(A, [p, s, r, complied(r, onward=[told])], us=A)
    assert matter.owes(D) == ()
    assert matter.holders[D].complied[r.digest].reported_by == B


def test_a_correction_follows_only_to_those_who_were_told_before():
    p = published(onward="group")
    k = corrected(p)
    s, follow = shared(p), shared(k, supersedes="jti-of-the-share", name="follow-up")
    assert fold(A, [follow], us=D).state is None
    assert fold(A, [follow], us=D).waiting == (follow,)
    assert fold(A, [follow, s], us=D).current == k


def test_what_is_recalled_is_not_passed_on():
    p = published(onward="group")
    r = recalled(p)
    s = shared(p, after=(r,))
    assert why(fold(A, [p, r, s], us=A), s) == "after-recall"


def test_a_bureau_that_never_held_it_cannot_pass_it_on_unasked():
    p = published(to=(B,), onward="group")
    s = shared(p, by=C)
    matter = fold(A, [p, s], us=A)
    assert matter.waiting == (s,)
    assert D not in matter.holders


def test_a_chain_of_shares_is_read_whatever_came_first():
    p = published(to=(B,), onward="group")
    first, second = shared(p), shared(p, by=D, to=(C, A))
    for order in permutations([p, first, second]):
        assert fold(A, order, us=A).holders[C].via == D


# Order of arrival -------------------------------------------------------------------------------------------------


def _whole_thread() -> list[Move]:
    p = published(onward="ask")
    k1, k2 = corrected(p, "k1"), corrected(p, "k2")
    q = requested(p)
    g, no = granted(q), refused(q)
    s = shared(p, permission=g, after=(g,))
    r = recalled(p, after=(k1,), version=k1)
    return [
        p,
        k1,
        k2,
        q,
        g,
        no,
        s,
        r,
        corrected(p, by=C),
        read(p),
        used(p, after=(k1,)),
        feedback(p, by=C),
        feedback(p, by=D, after=(s,)),
        complied(k1),
        complied(r, by=C),
        complied(r, onward=[OnwardCompliance(unit_code=D, applied_at=MORNING)]),
        shared(r, recalls="jti-of-the-share", name="follow-up"),
    ]


@given(st.permutations(_whole_thread()), st.sampled_from([A, B, D]))
def test_every_order_of_arrival_gives_the_same_matter(order, us):
    assert fold(A, order, us=us) == fold(A, _whole_thread(), us=us)


@given(st.permutations(_whole_thread()), st.integers(0, 17))
def test_a_duplicate_changes_nothing(order, at):
    assert fold(A, [*order, *order[:at]], us=A) == fold(A, order, us=A)


@given(st.lists(st.sampled_from(_whole_thread()), unique_by=lambda move: move.digest))
def test_any_part_of_a_thread_can_be_read_and_a_recall_in_it_is_never_lost(part):
    matter = fold(A, part, us=B)
    directly = any(move.act is Act.RECALLED for move in part)
    assert (matter.state is State.RECALLED) or not directly
    judged = {step.move.digest for step in matter.steps} | {move.digest for move in matter.waiting}
    concerning = {move.digest for move in part if move.iss != C or move.act is not Act.CORRECTED}
    assert concerning <= judged


# The tables -----------------------------------------------------------------------------------------------------


def test_every_act_stands_in_the_order_of_precedence_and_every_move_in_the_printed_table():
    assert set(PRECEDENCE) == set(Act)
    text = print_tables()
    for row in TABLE.transitions:
        assert f"`{row.move}`" in text


@pytest.mark.parametrize(
    ("move", "side", "allowed"),
    [
        ("submitted", Side.AUTHOR, {State.DRAFT}),
        ("sent_back", Side.AUTHOR, {State.AWAITING_APPROVAL}),
        (Act.PUBLISHED, Side.AUTHOR, {State.AWAITING_APPROVAL}),
        (Act.CORRECTED, Side.AUTHOR, {State.PUBLISHED, State.CORRECTED}),
        (Act.RECALLED, Side.AUTHOR, {State.PUBLISHED, State.CORRECTED}),
        (Act.READ, Side.HOLDER, {State.PUBLISHED, State.CORRECTED}),
        (Act.FEEDBACK, Side.HOLDER, {State.PUBLISHED, State.CORRECTED, State.RECALLED}),
    ],
)
def test_each_side_makes_only_its_own_moves_and_only_in_their_states(move, side, allowed):
    assert {state for state in State if TABLE.target(move, state, side)} == allowed
    other = Side.HOLDER if side is Side.AUTHOR else Side.AUTHOR
    assert not any(TABLE.target(move, state, other) for state in State)
