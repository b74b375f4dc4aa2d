"""A lead under every legal and illegal move, over a post that loses, doubles and reorders, by bureaus that die."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ecolink.cadence.calendars import WorkingCalendar
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.exchanges.leads.clocks import Clocks, Dues
from ecolink.exchanges.leads.rules import Matter, Move, Verdict, fold
from ecolink.exchanges.leads.table import TABLE, State
from tests.exchanges.leads.samples import BODIES, QINGYUAN, SHOUNING, move, rejection
from tests.support.post import Correspondence, drawn, run

CLOCKS = Clocks(DeadlinePolicy(), WorkingCalendar())
TERMS = [
    {"kind": "household_registration"},
    {"kind": "evidence_collection"},
    {"kind": "lead_check", "urgency": "U2", "urgency_reason": "车辆正在驶入龙溪乡。"},
    {"kind": "records", "urgency": "U1", "urgency_reason": "嫌疑人即将离境。"},
]
DONE = {State.REPLIED, State.FEEDBACK, State.CLOSED, State.WITHDRAWN, State.TRANSFERRED}
RESTING = {State.RETURNED, State.MORE_INFORMATION_NEEDED}


class LeadBetweenTwoBureaus(Correspondence[Move]):
    bureaus = (SHOUNING, QINGYUAN)

    def __init__(self):
        super().__init__()
        self.in_good_faith: set[str] = set()

    def author_of(self, said):
        return said.author

    def recipients_of(self, said):
        return (said.to,)

    def illegal(self, code):
        return {step.move.digest for step in self.read(code).steps if step.verdict is Verdict.ILLEGAL}

    def rejection(self, code, of):
        return rejection(of, *self.heads(code, [of.author]), by=code)

    @initialize(terms=st.sampled_from(TERMS))
    def ask(self, terms):
        self.make("requested", SHOUNING, **terms)

    @precondition(lambda self: self.choices())
    @rule(data=st.data())
    def make_a_move_that_is_open(self, data):
        name, by = drawn(data, self.choices(), "move")
        made = self.make(name, by)
        self.in_good_faith.add(made.digest)

    @rule(
        name=st.sampled_from(sorted(BODIES)),
        by=st.sampled_from(bureaus),
        is_exercise=st.booleans(),
        approved=st.booleans(),
    )
    def make_any_move_at_any_time(self, name, by, *, is_exercise, approved):
        self.make(name, by, is_exercise=is_exercise, approved=approved)

    @rule(by=st.sampled_from(bureaus), data=st.data())
    def reject_what_others_find_right(self, by, data):
        """A node of another version may be stricter."""
        others = [each for each in self.held[by].kept.values() if each.author != by and each.rejects is None]
        if others:
            of = drawn(data, others, "rejected")
            self.say(rejection(of, *self.heads(by, [of.author]), by=by))

    def choices(self):
        return [
            (name, code)
            for code in self.bureaus
            for name in fold(self.held[code].all).open_moves(code)
            if name in BODIES and self.held[code].all
        ]

    def make(self, name, by, *, is_exercise=False, approved=True, **changes):
        (to,) = set(self.bureaus) - {by}
        parents = self.heads(by, [to])
        made = move(
            name, *parents, by=by, at=self.now, received_after=None, approved=approved, mark=self.mark(), **changes
        )
        made = replace(made, is_exercise=is_exercise)
        self.say(made)
        return made

    def read(self, code) -> Matter:
        held = self.held[code]
        return fold([replace(each, received_at=held.received.get(each.digest)) for each in held.kept.values()])

    def check(self, code):
        matter = self.read(code)
        held = self.held[code]
        again = [replace(each, received_at=held.received.get(each.digest)) for each in held.kept.values()]
        assert fold(again[::-1] + again[:2]) == matter, "what came counts, not when or how often"
        _check_table(matter)
        _check_dues(matter, CLOCKS.read(matter))

    def agree(self):
        shouning, qingyuan = (self.read(code) for code in self.bureaus)
        assert shouning == qingyuan, "both sides end with the same state and history"
        assert shouning.waiting == ()
        assert {step.move.digest for step in shouning.steps} == set(self.held[SHOUNING].kept)
        for step in shouning.steps:
            if step.move.digest in self.in_good_faith:
                assert step.verdict is not Verdict.ILLEGAL, "who keeps to the table is never told off"
        dues = CLOCKS.read(shouning)
        assert (dues.rests_since is not None) == (shouning.state is State.MORE_INFORMATION_NEEDED)


def _check_table(matter: Matter) -> None:
    """Every state in the history follows from the one before by a row of the printed table."""
    state = None
    for step in matter.steps:
        if step.verdict is Verdict.APPLIED and state is not None:
            side = matter.position.side(step.move.author)
            assert step.state == State(TABLE.target(step.move.name, state, side))
        elif step.verdict is not Verdict.APPLIED:
            assert step.state == state
        state = step.state
    assert state in {None, matter.state} or (state, matter.state) == (State.SENT, State.DELIVERED)


def _check_dues(matter: Matter, dues: Dues) -> None:
    """Nothing is due before it came, while the clock rests, or when it was done or given up."""
    if matter.state in {None, State.SENT}:
        assert dues == Dues()
        return
    came = matter.last("resubmitted", "requested").received_at
    if dues.answer is not None:
        assert dues.answer.at > came
    if matter.state in DONE:
        assert dues.next is None
    if matter.state in RESTING:
        assert dues.answer is None
        assert dues.interim is None or dues.interim.met_at is not None
    signed = matter.last("acknowledged")
    if dues.receipt is not None:
        assert dues.receipt.met_at == (signed.at if signed else None)
    if matter.state is State.DELIVERED:
        assert dues.receipt is not None
        assert dues.next <= dues.answer.at
        assert dues.overdue(dues.next + timedelta(seconds=1))
        assert not dues.overdue(dues.next)


def test_whatever_is_lost_doubled_or_late_and_whoever_dies_a_lead_ends_alike_on_both_sides():
    run(LeadBetweenTwoBureaus)
