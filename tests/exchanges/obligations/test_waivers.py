"""An obligation is let go only where every party agreed, each with a reason, and both nodes see it alike."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from ecolink.entrypoints.wiring import Node
from ecolink.errors import ConflictError, IllegalMoveError
from ecolink.exchanges.obligations.schemas import ObligationOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from tests.exchanges.obligations.covenant import DECEMBER, lateness, live_until, obligation, picture, room, told
from tests.support.agreements import conclude, terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

HEAD = Principal(id="u-head", username="head", name="周明山", roles=frozenset({Role.HEAD}))
TYPHOON = "台风期间双方均在值守。"


@pytest.fixture
def pair(town: Town) -> Sequence[Node]:
    """Shouning and Qingyuan, who have both signed a monthly liaison; it is 19 December."""
    conclude(town, terms(valid_from="2026-12-01"))
    town.wait(timedelta(days=25))
    return [town.nodes[SHOUNING], town.nodes[QINGYUAN]]


def propose(node: Node, key: str = DECEMBER) -> str:
    with node.database.begin() as session:
        room(node).waivers.propose(session, key, TYPHOON, by=HEAD, now=node.clock.now())
        (standing,) = room(node).waivers.standing(session, key)
        return standing.digest


def answer(node: Node, word: str, waiver: str, key: str = DECEMBER) -> None:
    with node.database.begin() as session:
        say = getattr(room(node).waivers, word)
        say(session, key, waiver, f"{word}：情况属实。", by=HEAD, now=node.clock.now())


def shown(node: Node, key: str = DECEMBER) -> ObligationOut:
    with node.database.read() as session:
        return room(node).views.show(session, room(node).book.find(session, key))


def test_a_waiver_counts_when_both_have_said_so_with_a_reason(town: Town, pair: Sequence[Node]) -> None:
    shouning, qingyuan = pair
    waiver = propose(shouning)
    town.settle()
    live_until(town, date(2026, 12, 25))
    assert obligation(shouning, DECEMBER).state == "open"  # one side alone lets nothing go
    answer(qingyuan, "accept", waiver)
    town.settle()
    live_until(town, date(2027, 1, 4))
    for node in pair:
        row = obligation(node, DECEMBER)
        assert (row.state, row.late, row.owing) == ("waived", False, [])
        assert told(node, DECEMBER) == [("remind-7", "liaison_officer", "closed")]
        assert lateness(node, DECEMBER) == {}
        (told_of,) = shown(node).waivers
        assert [(word.party.unit_code, word.word) for word in told_of.words] == [
            (SHOUNING, "proposed"),
            (QINGYUAN, "accepted"),
        ]
        assert (told_of.state, told_of.words[0].reason, told_of.words[0].by) == ("agreed", TYPHOON, "周某")


def test_a_declined_waiver_lets_nothing_go_and_the_reason_is_seen(town: Town, pair: Sequence[Node]) -> None:
    shouning, qingyuan = pair
    waiver = propose(shouning)
    town.settle()
    with pytest.raises(ConflictError):
        propose(qingyuan)
    answer(qingyuan, "decline", waiver)
    town.settle()
    assert [shown(node).waivers[0].state for node in pair] == ["declined", "declined"]
    answer(shouning, "withdraw", waiver)
    town.settle()
    assert [shown(node).waivers[0].state for node in pair] == ["withdrawn", "withdrawn"]
    assert picture(shouning) == picture(qingyuan)


def test_a_withdrawal_that_crosses_an_acceptance_ends_alike_on_both_sides(town: Town, pair: Sequence[Node]) -> None:
    shouning, qingyuan = pair
    waiver = propose(shouning)
    town.settle()
    answer(qingyuan, "accept", waiver)
    town.clock.advance(timedelta(minutes=1))
    answer(shouning, "withdraw", waiver)
    town.settle()
    assert [obligation(node, DECEMBER).state for node in pair] == ["waived", "waived"]
    with pytest.raises(IllegalMoveError):
        answer(shouning, "withdraw", waiver)


def test_among_three_one_missing_word_keeps_it_owed_at_all(town: Town) -> None:
    town.add(JINGNING)
    for other in (SHOUNING, QINGYUAN):
        town.introduce(JINGNING, other)
    conclude(town, terms(SHOUNING, QINGYUAN, JINGNING, valid_from="2026-12-01"))
    town.wait(timedelta(days=25))
    waiver = propose(town.nodes[SHOUNING])
    town.settle()
    answer(town.nodes[QINGYUAN], "accept", waiver)
    live_until(town, date(2027, 1, 2), timedelta(days=5))
    assert len({str(picture(node)) for node in town.nodes.values()}) == 1
    assert [set(lateness(node, DECEMBER)) for node in town.nodes.values()] == [{SHOUNING, QINGYUAN, JINGNING}] * 3
    answer(town.nodes[JINGNING], "accept", waiver)
    town.settle()
    assert {obligation(node, DECEMBER).state for node in town.nodes.values()} == {"waived"}
