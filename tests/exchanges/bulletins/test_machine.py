"""A bulletin under everything that may be said of it, by four bureaus that die, over a bad post."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ecolink.exchanges.bulletins.rules.fold import fold
from ecolink.exchanges.bulletins.rules.matter import Matter, Move
from ecolink.exchanges.bulletins.rules.tables import TABLE, Act, Side, State, Verdict
from tests.exchanges.bulletins import said
from tests.exchanges.bulletins.said import A, B, C, D
from tests.support.post import Correspondence, drawn, run

VERSIONS = {Act.PUBLISHED, Act.CORRECTED}
CHANGES = {Act.CORRECTED, Act.RECALLED}
ANSWERS = {Act.READ: said.read, Act.USED: said.used, Act.FEEDBACK: said.feedback}


class BulletinAmongFourBureaus(Correspondence[Move]):
    """A publishes to B and C; D hears of it only from those who pass it on."""

    bureaus = (A, B, C, D)

    def author_of(self, said):
        return said.iss

    def recipients_of(self, said):
        return said.aud

    def illegal(self, code):
        return {step.move.digest for step in self.read(code).steps if step.verdict is Verdict.ILLEGAL}

    def rejection(self, code, of):
        return said.move(
            Act.REJECTED,
            self.mark(),
            code,
            (of.iss,),
            None,
            rejects=of.digest,
            fault="wrong",
            after=self.heads(code, (of.iss,)),
        )

    @initialize(onward=st.sampled_from(["none", "group", "ask"]))
    def publish(self, onward):
        self.say(said.published(self.mark(), onward=onward))

    @precondition(lambda self: self.standing())
    @rule()
    def correct(self):
        self.say(said.corrected(self.standing(), self.mark(), to=(B, C), after=self.heads(A, (B, C))))

    @precondition(lambda self: self.standing() and any(each.act is Act.PUBLISHED for each in self.held[A].all))
    @rule()
    def recall(self):
        root = next(each for each in self.held[A].all if each.act is Act.PUBLISHED)
        self.say(said.recalled(root, self.mark(), version=self.standing(), to=(B, C), after=self.heads(A, (B, C))))

    @precondition(lambda self: self.choices(VERSIONS))
    @rule(data=st.data(), act=st.sampled_from(sorted(ANSWERS)))
    def answer(self, data, act):
        by, version = drawn(data, self.choices(VERSIONS), "version")
        self.say(ANSWERS[act](version, by=by, name=self.mark(), after=self.heads(by, (A,))))

    @precondition(lambda self: self.choices(CHANGES))
    @rule(data=st.data())
    def comply(self, data):
        by, change = drawn(data, self.choices(CHANGES), "change")
        self.say(said.complied(change, by=by, name=self.mark(), after=self.heads(by, (A,))))

    @precondition(lambda self: self.choices(VERSIONS))
    @rule(data=st.data())
    def ask(self, data):
        by, version = drawn(data, self.choices(VERSIONS), "version")
        self.say(said.requested(version, by=by, name=self.mark(), after=self.heads(by, (A,))))

    @precondition(lambda self: self.known(A, {Act.REQUESTED}))
    @rule(data=st.data(), decide=st.sampled_from([said.granted, said.refused]))
    def decide(self, data, decide):
        request = drawn(data, self.known(A, {Act.REQUESTED}), "request")
        self.say(decide(request, name=self.mark(), after=self.heads(A, (request.iss,))))

    @precondition(lambda self: self.choices(VERSIONS | {Act.RECALLED}))
    @rule(data=st.data(), to=st.sampled_from([(D, A), (C, A), (C, D, A), (D,)]))
    def share(self, data, to):
        by, original = drawn(data, self.choices(VERSIONS | {Act.RECALLED}), "original")
        to = tuple(code for code in to if code != by)
        before = [each for each in self.known(by, {Act.SHARED}) if each.iss == by and not each.follows_up]
        grants = [each for each in self.known(by, {Act.GRANTED}) if by in each.aud]
        permission = drawn(data, [None, *grants], "permission")
        follows = {}
        if before and original.act in CHANGES:
            follows = {"recalls" if original.act is Act.RECALLED else "supersedes": before[0].jti}
        if to:
            self.say(
                said.shared(
                    original,
                    by=by,
                    to=to,
                    name=self.mark(),
                    permission=permission,
                    after=self.heads(by, to),
                    **follows,
                )
            )

    @rule(by=st.sampled_from(bureaus), data=st.data())
    def say_what_is_not_ones_own_to_say(self, by, data):
        versions = [*self.known(by, VERSIONS), said.published("never told")]
        version = drawn(data, versions, "version")
        act = drawn(data, [said.corrected, said.recalled], "act")
        to = tuple(code for code in (A, B, C) if code != by)
        self.say(act(version, self.mark(), by=by, to=to, after=self.heads(by, to), approved=data.draw(st.booleans())))

    def choices(self, acts):
        """Return every bureau but the author with every statement of these acts that it holds, itself or wrapped."""
        return [(code, each) for code in (B, C, D) for each in self.known(code, acts)]

    def known(self, code, acts):
        held = self.held[code].all
        wrapped = [each.original for each in held if each.original is not None]
        told = {each.digest: each for each in (*held, *wrapped) if each.act in acts and A in (each.iss, code)}
        return sorted(told.values(), key=lambda each: each.digest)

    def standing(self):
        return fold(A, self.held[A].all, us=A).current

    def read(self, code) -> Matter:
        return fold(A, self.held[code].kept.values(), us=code)

    def check(self, code):
        matter, kept = self.read(code), list(self.held[code].kept.values())
        assert fold(A, [*reversed(kept), *kept[:2]], us=code) == matter, "what came counts, not when or how often"
        state = None
        for step in matter.steps:
            if step.verdict is Verdict.APPLIED and step.move.act in {Act.CORRECTED, Act.RECALLED} and state is not None:
                state = TABLE.target(step.move.act, state, Side.AUTHOR)
                assert state is not None, "the author corrects and recalls what stands, and nothing else"
            elif step.verdict is Verdict.APPLIED and step.move.act is Act.PUBLISHED:
                state = State.PUBLISHED
        assert all(holder.unit_code != A for holder in matter.holders.values())
        for holder in matter.holders.values():
            owed = {change.digest for change in matter.owes(holder.unit_code)}
            assert not owed & set(holder.complied), "what was answered is no longer owed"

    def agree(self):
        author = self.read(A)
        for code in (B, C):
            matter = self.read(code)
            if matter.versions or author.versions:
                assert matter.versions == author.versions
            assert (matter.recall, matter.state) == (author.recall, author.state)
            for step in matter.steps:
                told = author.step(step.move.digest)
                assert told is None or told.verdict is step.verdict, "whoever holds a statement reads it alike"
        if author.recall is not None:
            told = [each for each in self.held[D].kept.values() if each.act is Act.SHARED and each.recalls]
            assert not told or self.read(D).state is State.RECALLED, "a recall follows to whoever it was passed on to"


def test_whatever_is_lost_doubled_or_late_and_whoever_dies_everybody_told_reads_a_bulletin_alike():
    run(BulletinAmongFourBureaus)
