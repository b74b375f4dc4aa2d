"""A lead, a bulletin and an emergency among three real nodes that die at any moment, over a line that does its worst."""

from contextlib import suppress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from ecolink.errors import EcolinkError
from tests.exchanges.bulletins.bureaux import Bureau, bulletin
from tests.exchanges.emergencies.desks import Desk
from tests.exchanges.leads.bureaux import Office, smuggle
from tests.exchanges.leads.samples import BODIES
from tests.support.storm import BUREAUS, Storm, bureaus, weather
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Killed

LEAD_MOVES = sorted(BODIES.keys() - {"requested"})
PARTIES = (SHOUNING, QINGYUAN)
TOLD = (QINGYUAN, JINGNING)


class Rooms(Storm):
    """Shouning asks Qingyuan, and tells both others of orchids and of a fire."""

    def __init__(self, *ground):
        self.offices: dict[str, Office] = {}
        self.boards: dict[str, Bureau] = {}
        self.desks: dict[str, Desk] = {}
        super().__init__(*ground)

    def furnish(self, code, node):
        self.offices[code] = Office.open(node)
        self.boards[code] = Bureau.open(self.town, node)
        self.desks[code] = Desk.open(node)

    @initialize()
    def begin(self):
        self.lead = self.offices[SHOUNING].send()
        self.bulletin = self.boards[SHOUNING].publish(bulletin(recipients=list(TOLD)))
        self.fire = self.desks[SHOUNING].raise_alert(recipients=list(TOLD))
        self.town.settle()

    @rule(by=st.sampled_from(PARTIES), name=st.sampled_from(LEAD_MOVES))
    def move_the_lead(self, by, name):
        self.attempt(by, lambda: self.offices[by].make(self.lead, name))

    @rule(by=st.sampled_from(PARTIES), name=st.sampled_from(LEAD_MOVES))
    def move_the_lead_without_asking_the_rules(self, by, name):
        kind = "replied" if name == "interim_reply" else name
        (to,) = set(PARTIES) - {by}
        self.attempt(by, lambda: smuggle(self.offices[by], self.lead, f"lead.{kind}.v1", to))

    @rule(name=st.sampled_from(["correct", "recall"]))
    def change_the_bulletin(self, name):
        self.attempt(SHOUNING, lambda: getattr(self.boards[SHOUNING], name)(self.bulletin))

    @rule(by=st.sampled_from(TOLD), name=st.sampled_from(["read", "use", "feed_back"]))
    def answer_the_bulletin(self, by, name):
        self.attempt(by, lambda: getattr(self.boards[by], name)(self.bulletin))

    @rule(by=bureaus, name=st.sampled_from(["update", "cancel", "acknowledge", "note"]))
    def speak_of_the_fire(self, by, name):
        self.attempt(by, lambda: getattr(self.desks[by], name)(self.fire))

    def attempt(self, by, work):
        """A person tries; their node may say no, or die over it."""
        if by not in self.town.network.down:
            with suppress(Killed, EcolinkError):
                work()

    def check(self):
        self.check_lead()
        self.check_bulletin()
        self.check_fire()

    def check_lead(self):
        shouning, qingyuan = (self.offices[code] for code in PARTIES)
        assert shouning.state(self.lead) == qingyuan.state(self.lead)
        assert shouning.history(self.lead) == qingyuan.history(self.lead)

    def check_bulletin(self):
        author = self.boards[SHOUNING].view(self.bulletin).matter
        for code in TOLD:
            matter = self.boards[code].view(self.bulletin).matter
            assert (matter.state, matter.versions, matter.recall) == (author.state, author.versions, author.recall)
            assert author.owes(code) == (), "every node has answered for every change"
            for step in matter.steps:
                told = author.step(step.move.digest)
                assert told is not None
                assert told.verdict is step.verdict

    def check_fire(self):
        author = {digest: told for digest, *told in self.desks[SHOUNING].history(self.fire)}
        over = self.desks[SHOUNING].show(self.fire).state == "cancelled"
        for code in TOLD:
            desk = self.desks[code]
            assert desk.show(self.fire).state == self.desks[SHOUNING].show(self.fire).state
            for digest, *told in desk.history(self.fire):
                assert author[digest] == told
            signed = self.desks[SHOUNING].line(self.fire, code).signed is not None
            assert (("acknowledge", SHOUNING) in desk.steps()) == (not signed and not over)
            assert (("signature", code) in self.desks[SHOUNING].steps()) == (not signed and not over)
        assert (("update", SHOUNING) in self.desks[SHOUNING].steps()) == (not over)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whatever_dies_and_whatever_the_line_does_every_bureau_ends_with_the_same_matters(tmp_path, new_database_url):
    assert set(BUREAUS) == {SHOUNING, *TOLD}
    weather(Rooms, tmp_path, new_database_url, most=4)
