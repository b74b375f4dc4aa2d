"""The fold of an emergency: the same on every node, whatever crossed on the wire."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.exchanges.emergencies.rules import (
    NAMES_ZH,
    PRECEDENCE,
    TABLE,
    EmergencyState,
    Matter,
    Move,
    Verdict,
    fold,
    print_tables,
)

SHOUNING, QINGYUAN, SONGXI = "350924000000", "331126000000", "350724000000"


def alert(**changes) -> Move:
    values = {
        "digest": "a",
        "name": "alert",
        "author": SHOUNING,
        "to": (QINGYUAN, SONGXI),
        "status": "actual",
    }
    return Move(**{**values, **changes})


def move(name: str, digest: str, *parents: str, by: str = SHOUNING, status: str = "actual", to=None) -> Move:
    to = to or ((QINGYUAN, SONGXI) if by == SHOUNING else (SHOUNING,))
    return Move(digest=digest, parents=parents, name=name, author=by, to=to, status=status)


def verdicts(matter: Matter) -> dict[str, str]:
    return {step.move.digest: step.why or step.verdict.value for step in matter.steps}


def test_an_update_before_its_alert_waits_and_an_alert_opens_the_matter() -> None:
    update = move("update", "u", "a")
    assert fold([update]).state is None
    assert fold([update]).steps == ()
    matter = fold([update, alert()])
    assert matter.state is EmergencyState.OPEN
    assert matter.situation is update


def test_a_later_update_counts_at_once_and_the_missing_one_takes_its_place_when_it_comes() -> None:
    first, second = move("update", "u1", "a"), move("update", "u2", "u1")
    assert fold([alert(), second]).situation is second
    matter = fold([alert(), second, first])
    assert matter.situation is second
    assert [step.move.digest for step in matter.steps] == ["a", "u1", "u2"]


def test_an_acknowledgement_that_crosses_the_cancellation_still_counts_and_says_it_crossed() -> None:
    cancel = move("cancel", "c", "a")
    crossed = move("acknowledged", "k", "a", by=QINGYUAN)
    after = move("acknowledged", "l", "c", by=SONGXI)
    matter = fold([crossed, alert(), cancel, after])
    assert matter.state is EmergencyState.CANCELLED
    assert matter.acknowledgements[QINGYUAN].verdict is Verdict.CROSSED
    assert matter.acknowledgements[SONGXI].verdict is Verdict.APPLIED


def test_an_acknowledgement_the_author_had_seen_before_cancelling_has_not_crossed() -> None:
    matter = fold([alert(), move("acknowledged", "k", "a", by=QINGYUAN), move("cancel", "c", "k")])
    assert matter.acknowledgements[QINGYUAN].verdict is Verdict.APPLIED


def test_a_late_update_that_crossed_the_cancellation_is_set_aside() -> None:
    matter = fold([alert(), move("cancel", "c", "a"), move("update", "u", "a")])
    assert verdicts(matter) == {"a": "applied", "c": "applied", "u": "crossed"}
    assert matter.situation == alert()


@pytest.mark.parametrize(("name", "by"), [("update", SHOUNING), ("note", QINGYUAN), ("acknowledged", QINGYUAN)])
def test_what_crossed_the_cancellation_goes_after_it_whichever_digest_is_smaller(name: str, by: str) -> None:
    smaller, larger = move(name, "b", "a", by=by), move(name, "d", "a", by=by)
    matter = fold([alert(), smaller, move("cancel", "c", "a"), larger])
    assert [step.move.digest for step in matter.steps] == ["a", "c", "b", "d"]
    assert verdicts(matter)["b"] == verdicts(matter)["d"] == "crossed"


def test_an_update_or_note_after_a_cancellation_its_author_had_seen_is_illegal() -> None:
    matter = fold([alert(), move("cancel", "c", "a"), move("update", "u", "c"), move("note", "n", "c", by=QINGYUAN)])
    assert verdicts(matter)["u"] == verdicts(matter)["n"] == "already-cancelled"


def test_a_second_cancellation_is_illegal() -> None:
    assert verdicts(fold([alert(), move("cancel", "c", "a"), move("cancel", "d", "c")]))["d"] == "already-cancelled"


def test_the_last_word_of_a_recipient_stands() -> None:
    noted, dispatched = move("acknowledged", "k", "a", by=QINGYUAN), move("acknowledged", "b", "k", by=QINGYUAN)
    assert fold([alert(), noted, dispatched]).acknowledgements[QINGYUAN].move is dispatched


@pytest.mark.parametrize("status", ["actual", "exercise", "test"])
@pytest.mark.parametrize("other", ["actual", "exercise", "test"])
@pytest.mark.parametrize(
    ("name", "by"), [("update", SHOUNING), ("cancel", SHOUNING), ("acknowledged", QINGYUAN), ("note", QINGYUAN)]
)
def test_a_drill_and_the_real_thing_never_mix(status: str, other: str, name: str, by: str) -> None:
    matter = fold([alert(status=status), move(name, "x", "a", by=by, status=other)])
    assert verdicts(matter)["x"] == ("applied" if status == other else "status-mixed")


@pytest.mark.parametrize(
    ("name", "by", "why"),
    [
        ("update", QINGYUAN, "wrong-side"),
        ("cancel", QINGYUAN, "wrong-side"),
        ("acknowledged", SHOUNING, "wrong-side"),
        ("note", QINGYUAN, "applied"),
        ("note", SHOUNING, "applied"),
        ("note", "331127000000", "not-a-party"),
        ("acknowledged", "331127000000", "not-a-party"),
        ("alert", SHOUNING, "not-an-opening"),
        ("alert", QINGYUAN, "not-an-opening"),
        (None, SHOUNING, "invalid-body"),
    ],
)
def test_each_side_makes_only_its_own_moves(name: str, by: str, why: str) -> None:
    assert verdicts(fold([alert(), move(name, "x", "a", by=by)]))["x"] == why


def test_an_update_to_a_bureau_that_never_had_the_alert_is_illegal() -> None:
    stray = move("update", "x", "a", to=(QINGYUAN, "331127000000"))
    assert verdicts(fold([alert(), stray]))["x"] == "wrong-audience"


def test_an_update_to_fewer_bureaus_is_legal_because_one_may_be_suspended() -> None:
    assert verdicts(fold([alert(), move("update", "x", "a", to=(QINGYUAN,))]))["x"] == "applied"


def test_an_alert_that_follows_something_opens_nothing() -> None:
    assert fold([alert(parents=("z",))]).state is None


def test_another_bureaus_alert_does_not_take_over_a_thread_known_to_be_someones() -> None:
    forged = alert(digest="0", author=SONGXI, to=(SHOUNING, QINGYUAN))
    matter = fold([forged, alert()], author=SHOUNING)
    assert matter.alert == alert()
    assert verdicts(matter)["0"] == "not-an-opening"


def _crossing_thread() -> list[Move]:
    return [
        alert(),
        move("update", "u", "a"),
        move("acknowledged", "k", "a", by=QINGYUAN),
        move("cancel", "c", "u"),
        move("note", "n", "u", by=SONGXI),
        move("acknowledged", "l", "c", by=SONGXI),
    ]


def test_every_order_of_arrival_ends_in_the_same_history() -> None:
    expected = fold(_crossing_thread())
    assert len(expected.steps) == 6
    for arrival in permutations(_crossing_thread()):
        assert fold(arrival) == expected


@st.composite
def threads_of_any_shape(draw: st.DrawFn) -> list[Move]:
    moves = [alert()]
    for at in range(draw(st.integers(0, 9))):
        name = draw(st.sampled_from(["update", "cancel", "acknowledged", "note", "alert", None]))
        by = draw(st.sampled_from([SHOUNING, QINGYUAN, SONGXI, "331127000000"]))
        parents = draw(st.lists(st.sampled_from([each.digest for each in moves]), min_size=1, max_size=3, unique=True))
        status = draw(st.sampled_from(["actual", "actual", "actual", "exercise"]))
        digest = f"{draw(st.integers(0, 9))}{at}"
        moves.append(move(name, digest, *parents, by=by, status=status))
    return moves


@given(threads_of_any_shape(), st.randoms(use_true_random=False))
def test_the_fold_depends_on_what_came_and_never_on_when(moves: list[Move], chance) -> None:
    expected = fold(moves)
    arrival = moves * 2
    chance.shuffle(arrival)
    assert fold(arrival) == expected


@given(threads_of_any_shape(), st.randoms(use_true_random=False))
def test_what_was_answered_as_illegal_stays_illegal_whatever_comes_later(moves: list[Move], chance) -> None:
    chance.shuffle(moves)
    refused: dict[str, str] = {}
    for seen in range(1, len(moves) + 1):
        now = {
            step.move.digest: step.why
            for step in fold(moves[:seen], author=SHOUNING).steps
            if step.verdict is Verdict.ILLEGAL
        }
        assert refused.keys() <= now.keys()
        refused = now


@given(threads_of_any_shape())
def test_a_cancelled_emergency_has_one_cancellation_and_nothing_reopens_it(moves: list[Move]) -> None:
    matter = fold(moves)
    cancels = [step for step in matter.steps if step.move.name == "cancel" and step.verdict is Verdict.APPLIED]
    assert len(cancels) == (matter.state is EmergencyState.CANCELLED)


def test_the_tables_print_every_move_with_its_chinese_name() -> None:
    printed = print_tables()
    for name in {row.move for row in TABLE.transitions} | set(PRECEDENCE):
        assert f"`{name}` {NAMES_ZH[name]}" in printed
