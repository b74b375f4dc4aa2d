"""Who calls is known before a large body is read, and held to the body once it is here."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ecolink.federation.callers import A_MOMENT, Caller
from ecolink.federation.operations import Call
from ecolink.federation.peers import PeerState
from ecolink.protocol.refusal import Refused
from tests.support.forger import Forger
from tests.support.town import QINGYUAN, SHOUNING, Town


@pytest.fixture
def call(town: Town) -> Call:
    """A push whose body is here."""
    forger = Forger(town)
    return forger.call(forger.batch(forger.statement("hello")))


@pytest.fixture
def caller(town: Town, call: Call) -> Caller:
    """Its sender, as known before any of the body was read."""
    return town.nodes[QINGYUAN].callers.identify(replace(call, body=b""), town.clock.now(), complete=False)


def test_who_was_known_a_moment_ago_is_the_caller_once_the_body_is_here(town: Town, call: Call, caller: Caller) -> None:
    confirmed = town.nodes[QINGYUAN].callers.confirm(caller, call, town.clock.now() + A_MOMENT)
    assert confirmed is caller
    assert (confirmed.unit_code, confirmed.state) == (SHOUNING, PeerState.ACTIVE)


@pytest.mark.parametrize("later", [timedelta(0), 2 * A_MOMENT])
def test_a_body_that_is_not_the_tokens_is_refused_however_long_it_took(
    town: Town, call: Call, caller: Caller, later: timedelta
) -> None:
    with pytest.raises(Refused, match="request-mismatch"):
        town.nodes[QINGYUAN].callers.confirm(caller, replace(call, body=call.body + b" "), town.clock.now() + later)


def test_a_bureau_suspended_while_its_body_dripped_in_is_met_as_suspended(
    town: Town, call: Call, caller: Caller
) -> None:
    node, now = town.nodes[QINGYUAN], town.clock.now()
    with node.database.begin() as session:
        node.peers.suspend(session, SHOUNING, reason="under review", by="chief", now=now)
    confirmed = node.callers.confirm(caller, call, now + 2 * A_MOMENT)
    assert (caller.state, confirmed.state) == (PeerState.ACTIVE, PeerState.SUSPENDED)


def test_a_token_that_ran_out_while_the_body_dripped_in_is_refused(town: Town, call: Call, caller: Caller) -> None:
    with pytest.raises(Refused, match="clock-skew"):
        town.nodes[QINGYUAN].callers.confirm(caller, call, town.clock.now() + timedelta(minutes=7))
