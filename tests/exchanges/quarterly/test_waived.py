"""An exchange that all parties let go: no package is drawn up for it, and one that nobody wrote on goes."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.quarterly.models import PackageDraft
from tests.exchanges.obligations.test_waivers import answer, propose
from tests.exchanges.quarterly.desks import DUTY, Desk
from tests.support.agreements import conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

KEY = "sn-qy-151/exchange/2027-Q1"


def drafts(node: Node) -> int:
    with node.database.read() as session:
        return len(session.scalars(select(PackageDraft)).all())


def waive(town: Town) -> None:
    waiver = propose(town.nodes[SHOUNING], KEY)
    town.settle()
    answer(town.nodes[QINGYUAN], "accept", waiver, KEY)
    town.settle()


def test_no_package_is_drawn_up_for_an_exchange_that_was_waived_before_its_quarter_began(town: Town) -> None:
    conclude(town, terms(duties=[DUTY]))
    waive(town)
    town.wait(timedelta(days=40))
    town.wait(timedelta(days=1))
    assert [drafts(node) for node in town.nodes.values()] == [0, 0]


def test_a_package_nobody_wrote_on_goes_with_the_waiver_and_one_that_somebody_did_stays(town: Town) -> None:
    conclude(town, terms(duties=[DUTY]))
    town.wait(timedelta(days=40))
    assert [drafts(node) for node in town.nodes.values()] == [1, 1]
    node = town.nodes[QINGYUAN]
    Desk(node, node.rooms.cooperation.quarterly, [], KEY).edit(highlights="本季度重点情况。")
    waive(town)
    town.wait(timedelta(days=1))
    assert [drafts(node) for node in town.nodes.values()] == [0, 1]
