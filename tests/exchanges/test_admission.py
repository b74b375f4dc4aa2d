"""A bureau whose node does not ask what it may share: bulletins and packages go back, leads and emergencies are marked."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.bulletins.models import Bulletin
from ecolink.exchanges.quarterly.models import Package
from tests.exchanges.bulletins.bureaux import Bureau, bulletin, correction
from tests.exchanges.emergencies.desks import Desk
from tests.exchanges.leads.bureaux import Office
from tests.exchanges.quarterly.desks import DUTY
from tests.exchanges.quarterly.desks import Desk as QuarterlyDesk
from tests.support.agreements import Chief, conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

NOTHING_FROM_SHOUNING: list[dict[str, Any]] = [
    {"what": ["lead", "bulletin", "emergency", "package"], "sharers": [QINGYUAN]},
]
WHY = "sharing-not-agreed"


@pytest.fixture(autouse=True)
def senders_that_do_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Agreed, "refuse_unshared", lambda *_: None)


def bulletins(town: Town, unit_code: str) -> int:
    with town.nodes[unit_code].database.read() as session:
        return session.scalar(select(func.count()).select_from(Bulletin)) or 0


def publisher(town: Town, unit_code: str = SHOUNING) -> Bureau:
    """Return a bureau's bulletin room without touching how its node takes in what others say."""
    node = town.nodes[unit_code]
    handlers = dict(node.handlers)
    bureau = Bureau.open(town, node)
    node.handlers.update(handlers)
    return bureau


def test_a_bulletin_that_its_author_may_not_share_goes_back_with_the_reason_and_so_do_its_corrections(
    town: Town,
) -> None:
    conclude(town, terms(sharing=NOTHING_FROM_SHOUNING))
    author = publisher(town)
    told = author.publish(bulletin(recipients=[QINGYUAN]))
    town.settle()
    assert bulletins(town, QINGYUAN) == 0
    assert author.board(told)[QINGYUAN].rejection.startswith(WHY)

    author.correct(told, correction())
    town.settle()
    assert bulletins(town, QINGYUAN) == 0

    other_way = publisher(town, QINGYUAN).publish(bulletin(recipients=[SHOUNING]))
    town.settle()
    with town.nodes[SHOUNING].database.read() as session:
        assert session.get(Bulletin, other_way) is not None


def test_a_correction_of_what_was_told_while_it_was_allowed_is_let_in(town: Town) -> None:
    first = terms()
    conclude(town, first)
    author = publisher(town)
    told = author.publish(bulletin(recipients=[QINGYUAN]))
    town.settle()
    conclude(town, terms(version=2, replaces=first.digest(), sharing=NOTHING_FROM_SHOUNING))
    author.correct(told, correction())
    town.settle()
    with town.nodes[QINGYUAN].database.read() as session:
        assert session.get_one(Bulletin, told).state == "corrected"


def test_nothing_goes_back_while_the_signature_that_allows_it_may_be_on_its_way(town: Town) -> None:
    first = terms(sharing=NOTHING_FROM_SHOUNING)
    conclude(town, first)
    Chief(town.nodes[QINGYUAN]).propose(terms(version=2, replaces=first.digest()))
    town.settle()
    publisher(town).publish(bulletin(recipients=[QINGYUAN]))
    town.settle()
    assert bulletins(town, QINGYUAN) == 1


def test_a_package_that_its_author_may_not_share_goes_back_with_the_reason(town: Town) -> None:
    conclude(town, terms(duties=[DUTY], sharing=NOTHING_FROM_SHOUNING))
    town.wait(timedelta(days=40))
    here, there = (
        QuarterlyDesk(node, node.rooms.cooperation.quarterly, [], "sn-qy-151/exchange/2027-Q1")
        for node in town.nodes.values()
    )
    here.submit()
    there.submit()
    town.settle()
    (why,) = here.rejections()
    assert why.startswith(f"{QINGYUAN}: {WHY}")
    with there.node.database.read() as session:
        assert session.scalars(select(Package.author)).all() == [QINGYUAN]


def test_leads_and_emergencies_that_their_author_may_not_share_are_taken_and_marked(town: Town) -> None:
    conclude(town, terms(sharing=NOTHING_FROM_SHOUNING))
    shouning, qingyuan = town.nodes.values()
    lead = Office.open(shouning).send()
    fire = Desk.open(shouning).raise_alert(recipients=[QINGYUAN])
    town.settle()
    assert Office.open(qingyuan).lead(lead).beyond_agreement == "sn-qy-151"
    assert Desk.open(qingyuan).show(fire).beyond_agreement == "sn-qy-151"
    assert Desk.open(shouning).show(fire).beyond_agreement is None, "whoever raised it need not be told"

    allowed = Desk.open(qingyuan).raise_alert(recipients=[SHOUNING])
    town.settle()
    assert Desk.open(shouning).show(allowed).beyond_agreement is None
