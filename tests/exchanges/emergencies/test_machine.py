"""An emergency under every legal and illegal move of three bureaus, over a bad post, by bureaus that die."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ecolink.exchanges.emergencies.rules import TABLE, EmergencyState, Matter, Move, Side, Verdict, fold
from ecolink.kit.canonical import sha256_hex
from tests.support.post import Correspondence, drawn, run

SHOUNING, QINGYUAN, SONGXI, STRANGER = "350924000000", "331126000000", "350724000000", "331127000000"
TOLD = (QINGYUAN, SONGXI)
NAMES = {Side.AUTHOR: ("update", "cancel", "note"), Side.RECIPIENT: ("acknowledged", "note")}


class EmergencyAmongThreeBureaus(Correspondence[Move]):
    bureaus = (SHOUNING, *TOLD)

    def __init__(self):
        super().__init__()
        self.in_good_faith: set[str] = set()

    def author_of(self, said):
        return said.author

    def recipients_of(self, said):
        return [code for code in said.to if code in self.bureaus]

    def illegal(self, code):
        return {step.move.digest for step in self.read(code).steps if step.verdict is Verdict.ILLEGAL}

    def rejection(self, code, of):
        """The fold of an emergency does not read them."""

    @initialize()
    def alert(self):
        self.say(self.written("alert", SHOUNING, TOLD))

    @precondition(lambda self: self.choices())
    @rule(data=st.data())
    def make_a_move_that_is_open(self, data):
        name, by = drawn(data, self.choices(), "move")
        made = self.written(name, by, TOLD if by == SHOUNING else (SHOUNING,))
        self.say(made)
        self.in_good_faith.add(made.digest)

    @rule(
        name=st.sampled_from(["alert", "update", "cancel", "acknowledged", "note", None]),
        by=st.sampled_from(bureaus),
        to=st.sets(st.sampled_from([SHOUNING, *TOLD, STRANGER]), min_size=1),
        status=st.sampled_from(["actual", "actual", "exercise"]),
    )
    def make_any_move_at_any_time(self, name, by, to, status):
        to -= {by}
        if name == "cancel" and by == SHOUNING:
            to |= set(TOLD)  # told to some only, it is over for those only
        if to & set(self.bureaus) and self.heads(by, ()):
            self.say(self.written(name, by, tuple(sorted(to)), status=status))

    def choices(self):
        return [
            (name, code)
            for code in self.bureaus
            for matter in [fold(self.held[code].all, author=SHOUNING)]
            for name in (NAMES[matter.side(code)] if matter.alert else ())
            if TABLE.target(name, matter.state, matter.side(code)) is not None
        ]

    def written(self, name, by, to, *, status="actual"):
        parents = tuple(each.digest for each in self.heads(by, to))
        return Move(
            digest=sha256_hex(self.mark().encode()), parents=parents, name=name, author=by, to=to, status=status
        )

    def read(self, code) -> Matter:
        return fold(list(self.held[code].kept.values()), author=SHOUNING)

    def check(self, code):
        matter, kept = self.read(code), list(self.held[code].kept.values())
        assert fold(kept[::-1] + kept[:2], author=SHOUNING) == matter, "what came counts, not when or how often"
        if matter.alert is None:
            assert matter.steps == ()
            return
        assert {step.move.digest for step in matter.steps} == set(self.held[code].kept)
        over = False
        for step in matter.steps:
            side, state = matter.side(step.move.author), EmergencyState.CANCELLED if over else EmergencyState.OPEN
            if step.verdict is Verdict.APPLIED and step.move.name != "alert":
                assert TABLE.target(step.move.name, state, side) is not None
            over = over or (step.move.name == "cancel" and step.verdict is Verdict.APPLIED)
        assert over == (matter.state is EmergencyState.CANCELLED)
        assert matter.situation.name in {"alert", "update"}

    def agree(self):
        if not self.held[SHOUNING].kept:
            return
        author = self.read(SHOUNING)
        for code in TOLD:
            matter = self.read(code)
            assert matter.state == author.state
            for step in matter.steps:
                assert author.step(step.move.digest) == step, "whoever holds a statement reads it alike"
            assert matter.acknowledgements.get(code) == author.acknowledgements.get(code)
        for step in author.steps:
            if step.move.digest in self.in_good_faith:
                assert step.verdict is not Verdict.ILLEGAL, "who keeps to the table is never told off"


def test_whatever_is_lost_doubled_or_late_and_whoever_dies_everybody_reads_an_emergency_alike():
    run(EmergencyAmongThreeBureaus)
