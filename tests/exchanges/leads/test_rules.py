"""The fold: what moves there are, whose they are, and that both bureaus end with the same."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecolink.exchanges.leads import table
from ecolink.exchanges.leads.rules import MAX_MOVES, Illegal, Matter, Move, Position, Verdict, fold, judge
from ecolink.exchanges.leads.table import PRECEDENCE, TABLE, Side, State
from ecolink.protocol import threads
from tests.exchanges.leads.samples import BODIES, NOON, QINGYUAN, SHOUNING, SONGXI, move, rejection

OFFICE = {Side.REQUESTER: SHOUNING, Side.RECIPIENT: QINGYUAN}
LOCAL = {"submitted", "sent_back", "requested", "receipted"}
THREAD_STATES = [state for state in State if state not in (State.DRAFT, State.AWAITING_APPROVAL)]
ALL_PAIRS = list(product(THREAD_STATES, BODIES, Side))
ALLOWED = {
    (State(source), row.move, Side(row.by)): State(row.target or source)
    for row in TABLE.transitions
    if row.move not in LOCAL
    for source in row.sources
}


def history(matter: Matter) -> list[tuple[str, str, str | None]]:
    return [(step.move.digest, step.verdict.value, step.state) for step in matter.steps]


def verdicts(matter: Matter) -> list[tuple[str | None, Verdict]]:
    return [(step.move.name, step.verdict) for step in matter.steps]


def chain(*made: tuple[str, str]) -> list[Move]:
    moves: list[Move] = []
    for name, by in made:
        moves.append(move(name, *moves[-1:], by=by))
    return moves


@pytest.mark.parametrize(("state", "name", "side"), [pair for pair in ALL_PAIRS if pair in ALLOWED])
def test_a_move_of_the_table_leads_where_the_table_says(state, name, side):
    position = Position(state, requester=SHOUNING, recipient=QINGYUAN)
    assert judge(position, move(name, by=OFFICE[side])) == ALLOWED[state, name, side]


def test_every_move_that_is_not_in_the_table_is_refused_in_every_state_to_either_side():
    refused = [pair for pair in ALL_PAIRS if pair not in ALLOWED]
    assert len(refused) > 200
    for state, name, side in refused:
        position = Position(state, requester=SHOUNING, recipient=QINGYUAN)
        other = Side.RECIPIENT if side is Side.REQUESTER else Side.REQUESTER
        expected = "wrong-side" if (state, name, other) in ALLOWED else "wrong-state"
        assert judge(position, move(name, by=OFFICE[side])) == Illegal(expected), (state, name, side)


def test_every_state_after_drafting_can_be_reached_and_left_unless_it_is_an_end():
    reached = set(ALLOWED.values()) | {State.SENT, State.DELIVERED}
    left = {state for (state, _, _), target in ALLOWED.items() if target is not state}
    assert reached == set(THREAD_STATES)
    assert set(THREAD_STATES) - left == {State.CLOSED, State.WITHDRAWN}


def test_a_bureau_is_shown_the_moves_that_are_its_own_and_a_third_one_none():
    matter = fold([move("requested")])
    assert set(matter.open_moves(SHOUNING)) == {"withdrawn", "message"}
    assert set(matter.open_moves(QINGYUAN)) == {"acknowledged", "message"}
    assert matter.open_moves(SONGXI) == fold([]).open_moves(SHOUNING) == fold([]).open_moves("") == ()


def test_a_lead_runs_from_the_request_to_its_close():
    whole = fold(
        chain(
            ("requested", SHOUNING),
            ("acknowledged", QINGYUAN),
            ("returned", QINGYUAN),
            ("resubmitted", SHOUNING),
            ("accepted", QINGYUAN),
            ("started", QINGYUAN),
            ("information_requested", QINGYUAN),
            ("information_provided", SHOUNING),
            ("interim_reply", QINGYUAN),
            ("replied", QINGYUAN),
            ("feedback", SHOUNING),
            ("closed", SHOUNING),
        )
    )
    assert whole.state is State.CLOSED
    assert {(step.verdict, step.why, step.crossed_with) for step in whole.steps} == {(Verdict.APPLIED, "", None)}
    assert [step.state for step in whole.steps] == [
        State.SENT,
        State.ACKNOWLEDGED,
        State.RETURNED,
        State.RESUBMITTED,
        State.ACCEPTED,
        State.IN_PROGRESS,
        State.MORE_INFORMATION_NEEDED,
        State.IN_PROGRESS,
        State.IN_PROGRESS,
        State.REPLIED,
        State.FEEDBACK,
        State.CLOSED,
    ]
    assert whole.open_moves(SHOUNING) == whole.open_moves(QINGYUAN) == ()


def test_a_request_counts_as_delivered_once_the_other_node_has_signed_for_it():
    assert fold([move("requested", received_after=None)]).state is State.SENT
    assert fold([move("requested")]).state is State.DELIVERED


@pytest.mark.parametrize("name", ["requested", "returned", "resubmitted", "replied", "interim_reply", "transferred"])
def test_what_needs_an_approver_is_illegal_without_one(name):
    side, state = next(
        (side, state) for (state, made, side) in [*ALLOWED, (None, "requested", Side.REQUESTER)] if made == name
    )
    position = Position(state, requester=SHOUNING, recipient=QINGYUAN)
    assert judge(position, move(name, by=OFFICE[side], approved=False)) == Illegal("approver-missing")


def test_information_that_names_persons_needs_an_approver():
    position = Position(State.MORE_INFORMATION_NEEDED, requester=SHOUNING, recipient=QINGYUAN)
    assert judge(position, move("information_provided", approved=False)) is State.IN_PROGRESS
    assert judge(position, move("information_provided", approved=False, person_count=1)) == Illegal("approver-missing")


def test_a_move_that_must_name_who_made_it_is_illegal_without():
    position = Position(State.DELIVERED, requester=SHOUNING, recipient=QINGYUAN)
    unnamed = replace(move("acknowledged", by=QINGYUAN), is_named=False)
    assert judge(position, unnamed) == Illegal("signatory-missing")


def test_a_third_bureau_cannot_move_somebody_elses_lead():
    request = move("requested")
    intruder = move("withdrawn", request, by=SONGXI, to=QINGYUAN)
    strayed = move("withdrawn", request, by=SHOUNING, to=SONGXI)
    matter = fold([request, intruder, strayed])
    assert matter.state is State.DELIVERED
    assert {matter.step(each.digest).why for each in (intruder, strayed)} == {"not-a-party"}


def test_a_move_before_any_request_is_illegal():
    reply = move("acknowledged", by=QINGYUAN)
    assert fold([reply]).step(reply.digest).why == "no-request"


def test_a_body_that_does_not_fit_its_type_is_illegal():
    request = move("requested")
    broken = Move(
        digest="b" * 64, parents=(request.digest,), type="lead.acknowledged.v1",
        author=QINGYUAN, to=SHOUNING, at=NOON, fault="note: too long",
    )  # fmt: skip
    assert fold([request, broken]).step(broken.digest).why == "invalid-body"


def test_a_drill_and_the_real_thing_never_share_a_thread():
    drill = Position(State.DELIVERED, requester=SHOUNING, recipient=QINGYUAN, is_exercise=True)
    assert judge(drill, move("withdrawn")) == Illegal("exercise-mismatch")
    real = Position(State.DELIVERED, requester=SHOUNING, recipient=QINGYUAN)
    assert judge(real, replace(move("withdrawn"), is_exercise=True)) == Illegal("exercise-mismatch")


def test_a_reply_beats_a_withdrawal_that_crossed_it_and_the_withdrawal_stays_in_the_history():
    moves = chain(
        ("requested", SHOUNING), ("acknowledged", QINGYUAN), ("accepted", QINGYUAN), ("started", QINGYUAN)
    )  # fmt: skip
    reply, withdrawal = move("replied", moves[-1], by=QINGYUAN), move("withdrawn", moves[-1])
    matter = fold([*moves, withdrawal, reply])
    assert matter.state is State.REPLIED
    assert matter.step(withdrawal.digest).verdict is Verdict.CROSSED
    assert matter.step(withdrawal.digest).crossed_with == reply.digest
    message = move("message", reply, by=QINGYUAN)  # it stands between the two, and hinders nothing
    matter = fold([*moves, withdrawal, reply, message])
    assert [step.move.name for step in matter.steps[-3:]] == ["replied", "message", "withdrawn"]
    assert matter.step(withdrawal.digest).crossed_with == reply.digest


def test_a_reply_beats_a_withdrawal_even_when_an_interim_reply_and_other_work_crossed_it_too():
    request = move("requested")
    withdrawal = move("withdrawn", request)
    work = [request]
    for name in ("acknowledged", "accepted", "started", "interim_reply", "replied"):
        work.append(move(name, work[-1], by=QINGYUAN))
    matter = fold([*work, withdrawal])
    assert matter.state is State.REPLIED
    assert matter.step(withdrawal.digest).verdict is Verdict.CROSSED


@pytest.mark.parametrize("name", ["returned", "transferred"])
def test_a_withdrawal_beats_a_return_or_a_transfer_that_crossed_it(name):
    request = move("requested")
    signed = move("acknowledged", request, by=QINGYUAN)
    loser, withdrawal = move(name, signed, by=QINGYUAN), move("withdrawn", request)
    matter = fold([request, signed, loser, withdrawal])
    assert matter.state is State.WITHDRAWN
    assert verdicts(matter) == [
        ("requested", Verdict.APPLIED),
        ("acknowledged", Verdict.APPLIED),
        ("withdrawn", Verdict.APPLIED),
        (name, Verdict.CROSSED),
    ]


def test_a_message_that_crossed_the_close_is_kept():
    moves = chain(
        ("requested", SHOUNING), ("acknowledged", QINGYUAN), ("transferred", QINGYUAN)
    )  # fmt: skip
    close, message = move("closed", moves[-1]), move("message", moves[-1], by=QINGYUAN)
    matter = fold([*moves, close, message])
    assert matter.state is State.CLOSED
    assert matter.step(message.digest).verdict is Verdict.APPLIED
    assert matter.step(message.digest).crossed_with is None


def test_what_was_illegal_for_its_author_stays_illegal_whatever_arrives_later():
    request = move("requested")
    hasty = move("replied", request, by=QINGYUAN)
    assert fold([request, hasty]).step(hasty.digest).why == "wrong-state"
    late = [move("acknowledged", request, by=QINGYUAN)]
    late.append(move("accepted", late[-1], by=QINGYUAN))
    late.append(move("started", late[-1], by=QINGYUAN))
    assert fold([request, hasty, *late]).step(hasty.digest).why == "wrong-state"
    assert fold([request, hasty, *late]).state is State.IN_PROGRESS


def test_a_move_the_other_side_rejected_has_no_effect_on_either_side():
    request = move("requested")
    withdrawal = move("withdrawn", request)
    answer = rejection(withdrawal, withdrawal, by=QINGYUAN)
    matter = fold([request, withdrawal, answer])
    assert matter.state is State.DELIVERED
    assert matter.step(withdrawal.digest).verdict is Verdict.REJECTED
    assert matter.step(answer.digest).verdict is Verdict.NOTED


def test_after_a_rejection_that_its_author_saw_the_lead_goes_on_from_before_the_rejected_move():
    request = move("requested")
    withdrawal = move("withdrawn", request)
    answer = rejection(withdrawal, withdrawal, by=QINGYUAN)
    signed = move("acknowledged", answer, by=QINGYUAN)
    matter = fold([request, withdrawal, answer, signed])
    assert matter.step(signed.digest).verdict is Verdict.APPLIED
    assert matter.state is State.ACKNOWLEDGED


def test_nobody_rejects_their_own_move_or_a_third_bureaus():
    request = move("requested")
    withdrawal = move("withdrawn", request)
    own = rejection(withdrawal, withdrawal, by=SHOUNING)
    assert fold([request, withdrawal, own]).state is State.WITHDRAWN


def test_what_was_built_on_a_rejected_move_before_the_rejection_came_is_judged_as_its_author_saw_it():
    request = move("requested")
    signed = move("acknowledged", request, by=QINGYUAN)
    accepted = move("accepted", signed, by=QINGYUAN)
    started = move("started", accepted, by=QINGYUAN)
    answer = rejection(accepted, accepted, by=SHOUNING)
    matter = fold([request, signed, accepted, started, answer])
    assert matter.state is State.ACKNOWLEDGED
    assert matter.step(accepted.digest).verdict is Verdict.REJECTED
    assert matter.step(started.digest).verdict is Verdict.CROSSED


def test_a_reply_that_came_before_its_request_waits():
    moves = chain(("requested", SHOUNING), ("acknowledged", QINGYUAN))
    matter = fold(moves[1:])
    assert matter.state is None
    assert matter.waiting == (moves[1].digest,)
    assert matter.step(moves[1].digest) is None


def test_a_thread_takes_no_more_than_its_limit_so_that_nobody_floods_a_lead():
    moves = [move("requested")]
    while len(moves) <= MAX_MOVES:
        moves.append(move("message", moves[-1], mark=str(len(moves))))
    matter = fold(moves)
    assert [step.why for step in matter.steps if step.verdict is Verdict.ILLEGAL] == ["thread-full"]


def test_what_is_illegal_counts_towards_the_limit_too():
    moves = [move("requested")]
    while len(moves) < MAX_MOVES:
        moves.append(move("closed", moves[-1], mark=str(len(moves))))
    last = move("message", moves[-1])
    assert {step.why for step in fold(moves).steps[1:]} == {"wrong-state"}
    assert fold([*moves, last]).step(last.digest).why == "thread-full"


def test_the_order_of_precedence_names_every_move_once_and_no_other():
    made = {row.move for row in TABLE.transitions} - {"submitted", "sent_back", "receipted"}
    assert set(PRECEDENCE) == made


def test_the_printed_page_is_the_table_that_decides():
    page = Path(__file__).parents[3] / "docs" / "states-leads.md"
    assert page.read_text(encoding="utf-8") == table.render()


# Any history of two bureaus whose messages take their time ------------------------------------------------


class Bureau:
    """A bureau that makes moves on what it has, and learns of the other's later."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.known: list[Move] = []

    def heads(self) -> tuple[Move, ...]:
        tips = threads.order([threads.Node(each.digest, each.parents) for each in self.known]).heads()
        return tuple(each for each in self.known if each.digest in tips)

    def make(self, name: str, mark: int) -> Move:
        made = move(name, *self.heads(), by=self.code, mark=str(mark))
        self.known.append(made)
        return made


@st.composite
def histories(draw: st.DrawFn, *, honest: bool) -> list[Move]:
    """Every statement of a lead on which both bureaus worked at once; dishonest ones make any move at any time."""
    shouning, qingyuan = Bureau(SHOUNING), Bureau(QINGYUAN)
    made = [shouning.make("requested", 0)]
    unread = {SHOUNING: list[Move](), QINGYUAN: [made[0]]}
    for mark in range(1, draw(st.integers(2, 14))):
        bureau, other = draw(st.sampled_from([(shouning, qingyuan), (qingyuan, shouning)]))
        if unread[bureau.code] and draw(st.booleans()):
            bureau.known.append(unread[bureau.code].pop(0))
        if not bureau.known:
            continue
        choices = list(BODIES) if not honest else [
            name for name in fold(bureau.known).open_moves(bureau.code) if name in BODIES
        ]  # fmt: skip
        if choices:
            made.append(bureau.make(draw(st.sampled_from(choices)), mark))
            unread[other.code].append(made[-1])
    return made


@settings(max_examples=300)
@given(histories(honest=False), st.randoms(use_true_random=False))
def test_both_nodes_end_with_the_same_state_and_history_in_any_order_of_arrival(made, shuffler):
    shuffled = made + made[:3]
    shuffler.shuffle(shuffled)
    assert history(fold(shuffled)) == history(fold(made))
    assert fold(shuffled).state == fold(made).state


@settings(max_examples=300)
@given(histories(honest=True))
def test_an_honest_bureaus_move_is_never_illegal_at_worst_it_crossed(made):
    assert {step.verdict for step in fold(made).steps} <= {Verdict.APPLIED, Verdict.CROSSED}


@settings(max_examples=300)
@given(histories(honest=False), st.data())
def test_a_verdict_of_illegal_is_the_same_however_much_of_the_thread_is_here(made, data):
    whole = fold(made)
    part = fold(data.draw(st.lists(st.sampled_from(made), unique_by=lambda each: each.digest)))
    for step in part.steps:
        is_illegal = step.verdict is Verdict.ILLEGAL
        assert is_illegal == (whole.step(step.move.digest).verdict is Verdict.ILLEGAL)


@settings(max_examples=200)
@given(histories(honest=True))
def test_a_move_that_crossed_always_names_the_one_that_went_first(made):
    matter = fold(made)
    for step in matter.steps:
        if step.verdict is Verdict.CROSSED:
            first = matter.step(step.crossed_with)
            assert first.verdict is Verdict.APPLIED
            assert first.move.name != "message"  # which changes nothing
            assert first.move.digest not in past_of(step.move, made)
            assert step.move.digest not in past_of(first.move, made)
        else:
            assert step.crossed_with is None


def past_of(latest: Move, made: list[Move]) -> set[str]:
    """Return the digests of all that the author of a move had seen."""
    parents = {each.digest: each.parents for each in made}
    seen, ahead = set[str](), list(latest.parents)
    while ahead:
        digest = ahead.pop()
        if digest not in seen:
            seen.add(digest)
            ahead += parents[digest]
    return seen
