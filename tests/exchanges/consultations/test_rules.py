"""The fold of a consultation: the same at every bureau, whatever crossed on the wire."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from ecolink.exchanges.consultations.rules import PRECEDENCE, TABLE, Matter, Move, Side, State, Verdict, fold
from ecolink.kit.canonical import sha256_hex
from ecolink.protocol.kinds import consultations as said
from ecolink.protocol.kinds.common import Frozen

CONVENER, CHAIR, GUEST, STRANGER = "350924000000", "331126000000", "350724000000", "331127000000"
PARTIES = (CONVENER, CHAIR, GUEST)
TEN = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
INVITATION = said.ConsultationInvitedV1(
    title="季度会商", planned=True, chair=CHAIR, times=(TEN,), duration_minutes=90, where="庆元县公安局"
)
TASKS = tuple(
    said.TaskV1(code=f"T{n}", text="核查", owner=owner, due_on=date(2026, 12, 31)) for n, owner in enumerate(PARTIES, 1)
)
MINUTES = said.ConsultationMinutedV1(held_at=TEN, method="meeting", minutes="纪要", conclusions="结论", tasks=TASKS)


def named(word: str) -> str:
    """Return a digest for a word of the test."""
    return sha256_hex(word.encode())


def meeting(where: str = "庆元县公安局") -> said.ConsultationSetV1:
    return said.ConsultationSetV1(at=TEN, duration_minutes=90, where=where)


def confirmation(of: str = "minutes") -> said.ConsultationConfirmedV1:
    return said.ConsultationConfirmedV1(minutes=named(of))


def objection(of: str = "minutes") -> said.ConsultationObjectedV1:
    return said.ConsultationObjectedV1(minutes=named(of), reason="任务有误")


def update(code: str, status: str = "done") -> said.TaskUpdatedV1:
    return said.TaskUpdatedV1.model_validate({"task": code, "status": status})


def move(name: str, word: str, body: Frozen | None, *parents: str, by: str = CONVENER, **changes: object) -> Move:
    """Make a move named `word`, to everybody else, after those it names."""
    values = {
        "digest": named(word),
        "parents": tuple(named(parent) for parent in parents),
        "author": by,
        "to": tuple(code for code in PARTIES if code != by),
        "at": TEN,
        "name": name,
        "body": body,
    }
    return Move(**{**values, **changes})  # type: ignore[arg-type]  # each is of the member it is given for


INVITED = move("invited", "invitation", INVITATION)
SET = move("set", "date", meeting(), "invitation")
MINUTED = move("minuted", "minutes", MINUTES, "date", by=CHAIR)
CONFIRMED = tuple(
    move("confirmed", f"confirmed by {code}", confirmation(), "minutes", by=code) for code in (CONVENER, GUEST)
)
HELD = (INVITED, SET, MINUTED)
CONCLUDED = (*HELD, *CONFIRMED)


def verdicts(matter: Matter) -> dict[str, str]:
    return {step.move.digest: step.why or step.verdict.value for step in matter.steps}


def verdict(matter: Matter, word: str) -> str:
    return verdicts(matter)[named(word)]


def test_without_its_invitation_nothing_is_said_of_a_consultation() -> None:
    assert fold([SET, MINUTED]) == Matter()
    assert Matter().sides(CONVENER) == ()
    assert Matter().parties == frozenset()
    assert Matter().called is None


def test_an_invitation_opens_it_and_says_who_takes_part_and_on_which_side() -> None:
    matter = fold([INVITED])
    assert (matter.state, matter.invitation, matter.called) == (State.PROPOSED, INVITED, INVITATION)
    assert matter.parties == {*PARTIES}
    assert [matter.sides(code) for code in (*PARTIES, STRANGER)] == [
        (Side.CONVENER,),
        (Side.CHAIR,),
        (Side.GUEST,),
        (),
    ]


def test_a_convener_may_be_the_chair_as_well() -> None:
    own = INVITATION.model_copy(update={"chair": CONVENER})
    matter = fold([move("invited", "invitation", own)])
    assert matter.sides(CONVENER) == (Side.CONVENER, Side.CHAIR)
    assert matter.sides(CHAIR) == (Side.GUEST,)


def test_of_two_invitations_in_one_thread_the_same_one_counts_everywhere() -> None:
    other = move("invited", "another", INVITATION, by=CHAIR)
    first, second = sorted((INVITED, other), key=lambda each: each.digest)
    for arrived in permutations((first, second, SET)):
        matter = fold(arrived)
        assert matter.invitation == first
        assert verdicts(matter)[second.digest] == "not-an-opening"


def test_an_invitation_that_answers_something_opens_nothing() -> None:
    assert fold([move("invited", "later", INVITATION, "invitation")]) == Matter()
    assert verdict(fold([INVITED, move("invited", "later", INVITATION, "invitation")]), "later") == "not-an-opening"


def test_of_an_invitation_that_cannot_be_read_nobody_is_a_party_and_nothing_follows() -> None:
    matter = fold([move("invited", "invitation", None), SET])
    assert [step.why for step in matter.steps] == ["invalid-body", "invalid-body"]
    assert matter.sides(CONVENER) == ()


def test_a_chair_who_was_not_invited_makes_the_invitation_void() -> None:
    strange = INVITATION.model_copy(update={"chair": STRANGER})
    matter = fold([move("invited", "invitation", strange), SET])
    assert verdict(matter, "invitation") == "strange-chair"


def test_it_goes_from_the_invitation_to_minutes_that_all_have_confirmed() -> None:
    states = [fold(CONCLUDED[:count]).state for count in range(1, len(CONCLUDED) + 1)]
    assert states == [State.PROPOSED, State.SET, State.MINUTED, State.MINUTED, State.CONCLUDED]
    matter = fold(CONCLUDED)
    assert matter.meeting == meeting()
    assert (matter.minutes, matter.minuted) == (MINUTED, MINUTES)
    assert matter.cosigning is not None
    assert (matter.cosigning.digest, matter.cosigning.completed_at) == (MINUTED.digest, TEN)
    assert {*verdicts(matter).values()} == {"applied"}


@pytest.mark.parametrize("arrived", list(permutations(range(len(CONCLUDED))))[::7])
def test_every_order_of_arrival_gives_the_same_consultation(arrived: tuple[int, ...]) -> None:
    assert fold([CONCLUDED[place] for place in arrived]) == fold(CONCLUDED)


def test_the_last_date_counts_and_each_is_numbered() -> None:
    moved = move("set", "moved", meeting("寿宁县公安局"), "date")
    matter = fold([INVITED, SET, moved])
    assert (matter.meeting, matter.settings, matter.state) == (meeting("寿宁县公安局"), 2, State.SET)


def test_the_last_answer_of_each_bureau_stands() -> None:
    accepts = said.ConsultationAnsweredV1(answer="accepts", times=(TEN,))
    declines = said.ConsultationAnsweredV1(answer="declines", note="山火")
    matter = fold(
        [
            INVITED,
            move("answered", "yes", accepts, "invitation", by=CHAIR),
            move("answered", "no", declines, "yes", by=CHAIR),
            move("answered", "too", accepts, "no", by=GUEST),
        ]
    )
    assert matter.answers == {CHAIR: declines, GUEST: accepts}
    assert matter.state is State.PROPOSED


def test_minutes_written_anew_take_the_place_of_the_ones_before_and_wait_for_everybody_again() -> None:
    told = move("task_updated", "told", update("T3"), "minutes", by=GUEST)
    anew = move("minuted", "anew", MINUTES, "told", by=CHAIR)
    matter = fold([*HELD, CONFIRMED[0], told, anew])
    assert matter.minutes == anew
    assert matter.tasks == {}
    assert matter.cosigning is not None
    assert matter.cosigning.missing == {CONVENER, GUEST}


def test_an_objection_is_kept_until_its_bureau_confirms() -> None:
    objected = move("objected", "objected", objection(), "minutes", by=GUEST)
    matter = fold([*HELD, objected])
    assert matter.state is State.MINUTED
    assert matter.cosigning is not None
    assert matter.cosigning.objections[GUEST].reason == "任务有误"
    confirmed = move("confirmed", "now", confirmation(), "objected", by=GUEST)
    after = fold([*HELD, objected, confirmed]).cosigning
    assert after is not None
    assert (after.objections, after.missing) == ({}, {CONVENER})


def test_a_slow_clock_makes_a_signature_no_older_than_the_minutes() -> None:
    early = move("confirmed", "early", confirmation(), "minutes", by=GUEST, at=TEN - timedelta(days=1))
    cosigning = fold([*HELD, early]).cosigning
    assert cosigning is not None
    assert cosigning.signatures[GUEST] == TEN
    late = move("confirmed", "late", confirmation(), "minutes", by=GUEST, at=TEN + timedelta(days=1))
    cosigning = fold([*HELD, late]).cosigning
    assert cosigning is not None
    assert cosigning.signatures[GUEST] == TEN + timedelta(days=1)


def test_a_word_on_other_minutes_than_those_that_count_is_not_open() -> None:
    matter = fold(
        [
            *HELD,
            move("confirmed", "a", confirmation("others"), "minutes", by=GUEST),
            move("objected", "b", objection("others"), "minutes", by=CONVENER),
        ]
    )
    assert [verdict(matter, word) for word in "ab"] == ["not-open", "not-open"]


def test_only_its_owner_tells_how_a_task_goes_and_the_last_word_stands() -> None:
    matter = fold(
        [
            *HELD,
            move("task_updated", "begun", update("T3", "under_way"), "minutes", by=GUEST),
            move("task_updated", "done", update("T3"), "begun", by=GUEST),
            move("task_updated", "not theirs", update("T3"), "done", by=CHAIR),
            move("task_updated", "none such", update("T9"), "done", by=GUEST),
        ]
    )
    assert matter.tasks == {"T3": update("T3")}
    assert [verdict(matter, word) for word in ("not theirs", "none such")] == ["not-open", "not-open"]
    assert matter.task("T3") == TASKS[2]
    assert matter.task("T9") is None
    assert fold([INVITED]).task("T3") is None


def test_minutes_that_give_a_task_to_a_stranger_are_void() -> None:
    strange = said.TaskV1(code="T1", text="核查", owner=STRANGER, due_on=date(2026, 12, 31))
    minutes = MINUTES.model_copy(update={"tasks": (strange,)})
    assert verdict(fold([INVITED, SET, move("minuted", "m", minutes, "date", by=CHAIR)]), "m") == "strange-owner"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"author": STRANGER, "to": PARTIES}, "not-a-party"),
        ({"to": (CHAIR,)}, "wrong-audience"),
        ({"to": (CHAIR, GUEST, STRANGER)}, "wrong-audience"),
        ({"author": CHAIR, "to": (CONVENER, GUEST)}, "wrong-side"),
        ({"body": None}, "invalid-body"),
        ({"name": None}, "invalid-body"),
    ],
)
def test_a_move_that_is_wrong_wherever_it_stands_says_what_is_wrong(changed: dict[str, Any], why: str) -> None:
    wrong = replace(move("set", "w", meeting(), "invitation"), **changed)
    matter = fold([INVITED, wrong])
    step = matter.step(wrong.digest)
    assert step is not None
    assert (step.verdict, step.why) == (Verdict.ILLEGAL, why)
    assert [each.why for each in matter.steps] == ["", why]
    assert matter.state is State.PROPOSED


BODIES: dict[str, Frozen] = {
    "answered": said.ConsultationAnsweredV1(answer="accepts", times=(TEN,)),
    "set": meeting(),
    "cancelled": said.ConsultationCancelledV1(reason="山火"),
    "minuted": MINUTES,
    "confirmed": confirmation(),
    "objected": objection(),
}
REACHED = {
    State.PROPOSED: (INVITED,),
    State.SET: (INVITED, SET),
    State.MINUTED: HELD,
    State.CONCLUDED: CONCLUDED,
    State.CANCELLED: (INVITED, move("cancelled", "cancelled", BODIES["cancelled"], "invitation")),
}
OF_SIDE = {Side.CONVENER: CONVENER, Side.CHAIR: CHAIR, Side.GUEST: GUEST}


@pytest.mark.parametrize("name", [*BODIES, "task_updated"])
@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("state", State)
def test_the_table_says_who_may_do_what_and_when(state: State, side: Side, name: str) -> None:
    before = REACHED[state]
    assert fold(before).state is state
    by = OF_SIDE[side]
    body = BODIES.get(name) or update(f"T{PARTIES.index(by) + 1}")
    heads = {each.digest for each in before} - {parent for each in before for parent in each.parents}
    made = move(name, "made", body, by=by, parents=tuple(sorted(heads)))
    rows = [row for row in TABLE.transitions if (row.move, row.by) == (name, side)]
    told = verdict(fold([*before, made]), "made")
    if not rows:
        assert told == "wrong-side"
    else:
        assert told == ("applied" if any(state in row.sources for row in rows) else "not-open")


CANCELLED = move("cancelled", "off", BODIES["cancelled"], "date")


def test_what_was_held_cannot_be_called_off_by_a_word_that_crossed() -> None:
    matter = fold([INVITED, SET, CANCELLED, MINUTED])
    assert matter.state is State.MINUTED
    assert verdict(matter, "off") == Verdict.CROSSED


def test_a_cancellation_that_crosses_a_new_date_counts() -> None:
    moved = move("set", "moved", meeting("寿宁县公安局"), "date")
    matter = fold([INVITED, SET, moved, CANCELLED])
    assert matter.state is State.CANCELLED
    assert verdict(matter, "moved") == Verdict.CROSSED


def test_minutes_that_crossed_a_cancellation_the_chair_had_seen_are_not_open() -> None:
    knowing = move("minuted", "m", MINUTES, "off", by=CHAIR)
    assert verdict(fold([INVITED, SET, CANCELLED, knowing]), "m") == "not-open"


def test_whoever_builds_on_what_did_not_count_is_judged_by_what_did() -> None:
    """The convener called off what was being held; a guest that knows of both confirms the minutes all the same."""
    confirmed = move("confirmed", "c", confirmation(), "off", "minutes", by=GUEST)
    matter = fold([INVITED, SET, CANCELLED, MINUTED, confirmed])
    assert verdict(matter, "c") == Verdict.APPLIED
    assert matter.cosigning is not None
    assert matter.cosigning.missing == {CONVENER}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("minuted", "cancelled"),
        ("cancelled", "set"),
        ("set", "answered"),
        ("confirmed", "objected"),
        ("objected", "task_updated"),
    ],
)
def test_of_moves_that_crossed_the_more_urgent_goes_first_whichever_digest_is_smaller(first: str, second: str) -> None:
    by = {"minuted": CHAIR, "answered": CHAIR, "confirmed": GUEST, "objected": GUEST, "task_updated": GUEST}
    before, parent = (HELD, "minutes") if first in {"confirmed", "objected"} else ((INVITED, SET), "date")

    def made(name: str, word: str) -> Move:
        return move(name, word, BODIES.get(name) or update("T3"), parent, by=by.get(name, CONVENER))

    assert [*PRECEDENCE].index(first) < [*PRECEDENCE].index(second)
    for number in range(8):  # some digests are smaller, some larger
        ahead, behind = made(first, f"a{number}"), made(second, f"b{number}")
        steps = [step.move.digest for step in fold([behind, *before, ahead]).steps]
        assert steps[-2:] == [ahead.digest, behind.digest]


def test_a_statement_is_found_among_the_steps_by_its_digest() -> None:
    matter = fold(HELD)
    step = matter.step(named("minutes"))
    assert step is not None
    assert (step.move, step.verdict) == (MINUTED, Verdict.APPLIED)
    assert matter.step("0" * 64) is None
