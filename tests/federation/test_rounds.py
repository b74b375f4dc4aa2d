"""A round of visits to all peers is held up by none of them."""

from datetime import timedelta
from threading import Event

import pytest
from structlog.testing import capture_logs

from ecolink.errors import UnavailableError
from ecolink.federation import heads
from ecolink.federation.peers import Peer, PeerState
from ecolink.federation.rounds import VISITORS, go_round
from tests.support.town import JINGNING, QINGYUAN, SHOUNING


def bureau(number: int) -> Peer:
    return Peer(
        unit_code=f"3509{number:08}",
        name_zh="测试局",
        name_en="Test bureau",
        state=PeerState.ACTIVE,
        duty_phone="0593-0000000",
        federation_url=f"https://bureau-{number}.example",
        fingerprint="",
        manifest_version=1,
        activated_at=None,
        suspended_reason=None,
        last_contact_at=None,
        clock_skew_s=None,
        last_error=None,
    )


def test_who_answers_is_visited_while_the_silent_ones_are_still_waited_for():
    silent = {f"3509{number:08}" for number in range(VISITORS - 1)}
    bureaus, answered, all_answered = [bureau(number) for number in range(100)], [], Event()

    def visit(peer: Peer) -> str:
        if peer.unit_code in silent:
            return "silent" if all_answered.wait(30) else "held up the others"
        answered.append(peer.unit_code)
        if len(answered) == len(bureaus) - len(silent):
            all_answered.set()
        return "kept"

    came = go_round(bureaus, visit)
    assert list(came) == [each.unit_code for each in bureaus]
    assert {code for code, word in came.items() if word == "silent"} == silent
    assert set(came.values()) == {"silent", "kept"}


def test_a_fault_over_one_bureau_is_logged_and_all_others_are_visited():
    bureaus = [bureau(number) for number in range(100)]

    def visit(peer: Peer) -> str:
        if peer in bureaus[::10]:
            raise ZeroDivisionError
        return "kept"

    with capture_logs() as told:
        came = go_round(bureaus, visit)
    assert list(came) == [each.unit_code for each in bureaus]
    faulty = {code for code, word in came.items() if isinstance(word, ZeroDivisionError)}
    assert faulty == {each.unit_code for each in bureaus[::10]}
    assert set(came.values()) - {came[code] for code in faulty} == {"kept"}
    assert {said["peer"] for said in told if said["event"] == "round.fault"} == faulty


@pytest.mark.parametrize("end", [UnavailableError("away", "不可用"), KeyboardInterrupt()])
def test_without_a_database_or_when_the_node_is_stopped_the_round_ends_for_all(end):
    visited = []

    def visit(peer: Peer) -> None:
        visited.append(peer.unit_code)
        raise end

    with pytest.raises(type(end)):
        go_round([bureau(number) for number in range(100)], visit)
    assert len(visited) <= VISITORS


def test_a_round_to_nobody_is_over_at_once():
    assert go_round([], lambda _: pytest.fail("nobody is there")) == {}


def test_a_bureau_that_did_not_answer_about_its_log_is_not_asked_for_its_heads_too(town):
    town.network.down.add(QINGYUAN)
    town.network.calls.clear()
    told = town.nodes[SHOUNING].compare(town.clock.now)
    assert told[QINGYUAN] == "the line is dead"
    assert [recipient for _, recipient, _ in town.network.calls].count(QINGYUAN) == 1


def test_the_last_bureau_of_a_long_round_is_called_at_the_time_it_is_then(town):
    """A call's token is good for a minute, and a round may take many."""

    def slowly():
        town.clock.advance(timedelta(minutes=20))
        return town.clock.now()

    assert set(town.nodes[SHOUNING].compare(slowly).values()) == {"agreed"}


def test_where_comparing_with_one_bureau_fails_the_others_are_compared_with_and_all_logs_proven(town, monkeypatch):
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    shouning, opened = town.nodes[SHOUNING], heads.open_heads

    def fail(token, **rest):
        if rest["sender"] == QINGYUAN:
            raise ZeroDivisionError
        return opened(token, **rest)

    monkeypatch.setattr(heads, "open_heads", fail)
    proven = []
    monkeypatch.setattr(type(shouning.witnessing), "prove", lambda *_, **__: proven.append(1))
    assert shouning.compare(town.clock.now) == {QINGYUAN: heads.FAULT, JINGNING: "agreed"}
    assert proven
