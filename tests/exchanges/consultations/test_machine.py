"""A consultation of three bureaus under every legal and illegal move, over a bad post, by bureaus that die."""

from datetime import UTC, date, datetime

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ecolink.exchanges.consultations.rules import TABLE, Matter, Move, State, Verdict, _is_open, _with, fold
from ecolink.kit.canonical import sha256_hex
from ecolink.protocol.kinds import consultations as said
from tests.support.post import Correspondence, drawn, run

SHOUNING, QINGYUAN, SONGXI, STRANGER = "350924000000", "331126000000", "350724000000", "331127000000"
ALL = (SHOUNING, QINGYUAN, SONGXI)
TEN = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
INVITATION = said.ConsultationInvitedV1(
    title="季度会商", planned=True, chair=QINGYUAN, times=(TEN,), duration_minutes=90, where="庆元县公安局"
)
MEETING = said.ConsultationSetV1(at=TEN, duration_minutes=90, where="庆元县公安局")
TASKS = tuple(
    said.TaskV1(code=f"T{n}", text="核查", owner=owner, due_on=date(2026, 12, 31)) for n, owner in enumerate(ALL, 1)
)
MINUTES = said.ConsultationMinutedV1(held_at=TEN, method="meeting", minutes="纪要", conclusions="结论", tasks=TASKS)


def bodies(matter: Matter, by: str):
    """Return what a bureau could say of the minutes it knows, and of all else."""
    minutes = matter.minutes.digest if matter.minutes else "0" * 64
    return {
        "invited": INVITATION,
        "answered": said.ConsultationAnsweredV1(answer="accepts", times=(TEN,)),
        "set": MEETING,
        "cancelled": said.ConsultationCancelledV1(reason="山火"),
        "minuted": MINUTES,
        "confirmed": said.ConsultationConfirmedV1(minutes=minutes),
        "objected": said.ConsultationObjectedV1(minutes=minutes, reason="任务有误"),
        "task_updated": said.TaskUpdatedV1(task=f"T{(*ALL, STRANGER).index(by) + 1}", status="done"),
    }


class ConsultationOfThreeBureaus(Correspondence[Move]):
    bureaus = ALL

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
        """The fold of a consultation does not read them."""

    @initialize()
    def invite(self):
        self.say(self.written("invited", SHOUNING))

    @precondition(lambda self: self.choices())
    @rule(data=st.data())
    def make_a_move_that_is_open(self, data):
        name, by = drawn(data, self.choices(), "move")
        made = self.written(name, by)
        self.say(made)
        self.in_good_faith.add(made.digest)

    @rule(
        name=st.sampled_from(list(bodies(Matter(), SHOUNING))),
        by=st.sampled_from(ALL),
        to=st.sets(st.sampled_from([*ALL, STRANGER]), min_size=1),
    )
    def make_any_move_at_any_time(self, name, by, to):
        if (to - {by}) & set(ALL) and self.heads(by, ()):
            self.say(self.written(name, by, to=tuple(sorted(to - {by}))))

    def choices(self):
        return [
            (name, by)
            for by in self.bureaus
            for matter in [fold(self.held[by].all)]
            for name in bodies(matter, by)
            if matter.invitation and name != "invited" and _is_open(matter, self.written(name, by))
        ]

    def written(self, name, by, to=None):
        to = to or tuple(code for code in ALL if code != by)
        parents = tuple(each.digest for each in self.heads(by, to))
        body = bodies(fold(self.held[by].all), by)[name]
        return Move(
            digest=sha256_hex(self.mark().encode()),
            parents=parents,
            author=by,
            to=to,
            at=self.now,
            name=name,
            body=body,
        )

    def read(self, code) -> Matter:
        return fold(list(self.held[code].kept.values()))

    def check(self, code):
        matter, kept = self.read(code), list(self.held[code].kept.values())
        assert fold(kept[::-1] + kept[:2]) == matter, "what came counts, not when or how often"
        so_far = Matter(invitation=matter.invitation)
        for step in matter.steps:
            if step.verdict is Verdict.APPLIED:
                sides = so_far.sides(step.move.author)
                assert step.move.name == "invited" or any(
                    TABLE.target(step.move.name, so_far.state, at) for at in sides
                )
                so_far = _with(so_far, step.move)
        if matter.cosigning is not None and matter.state is State.CONCLUDED:
            assert not matter.cosigning.missing

    def agree(self):
        # What was told to some only is judged by those who have it; it is illegal with each of them.
        author = self.read(SHOUNING)
        for code in (QINGYUAN, SONGXI):
            matter = self.read(code)
            for member in ("state", "answers", "meeting", "settings", "minutes", "cosigning", "tasks"):
                assert getattr(matter, member) == getattr(author, member), member
        for step in author.steps:
            if step.move.digest in self.in_good_faith:
                assert step.verdict is not Verdict.ILLEGAL, "who keeps to the table is never told off"


def test_whatever_is_lost_doubled_or_late_and_whoever_dies_everybody_reads_a_consultation_alike():
    run(ConsultationOfThreeBureaus)
