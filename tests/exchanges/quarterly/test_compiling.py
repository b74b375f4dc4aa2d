"""What the node counts and lists for a package by itself: what passed between the parties in the quarter, no drill."""

from datetime import timedelta

import pytest

from tests.exchanges.bulletins.bureaux import Bureau, bulletin
from tests.exchanges.emergencies.desks import Desk as EmergencyDesk
from tests.exchanges.leads.bureaux import Border
from tests.exchanges.quarterly.desks import QUARTER, Desk
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
NEXT = "sn-qy-151/exchange/2027-Q1"


def figures(desk: Desk, key: str = QUARTER) -> dict[str, tuple[int, int]]:
    return {
        each.code: (each.now, each.before) for each in desk.draft(key).content.statistics if each.now or each.before
    }


def test_bulletins_leads_and_emergencies_are_counted_on_both_sides_and_compared_with_the_quarter_before(
    town: Town, shouning: Desk, qingyuan: Desk
) -> None:
    border = Border(town)
    author, holder = (Bureau.open(town, town.nodes[code]) for code in (SHOUNING, QINGYUAN))
    desk = EmergencyDesk.open(town.nodes[SHOUNING])
    told = author.publish(bulletin(recipients=[QINGYUAN]))
    border.ask("acknowledged", "accepted", "started", "replied")
    open_lead = border.qingyuan.send(to=SHOUNING)
    desk.raise_alert()
    desk.raise_alert(status="exercise")
    desk.cancel(desk.raise_alert(title="误报", confirm="误报"), reason="retraction")
    town.settle()
    holder.read(told)
    holder.feed_back(told)
    town.settle()

    for each in (shouning, qingyuan):
        each.open_due()
    assert figures(shouning) == {
        "bulletins_told": (1, 0),
        "bulletin_feedback_received": (1, 0),
        "leads_asked": (1, 0),
        "leads_received": (1, 0),
        "lead_replies_received": (1, 0),
        "emergencies_raised": (1, 0),
        "wildfires": (1, 0),
    }
    assert figures(qingyuan) == {
        "bulletins_received": (1, 0),
        "bulletin_feedback_given": (1, 0),
        "leads_asked": (1, 0),
        "leads_received": (1, 0),
        "lead_replies_given": (1, 0),
        "emergencies_received": (1, 0),
        "wildfires": (1, 0),
    }
    content = shouning.draft().content
    assert [each.title for each in content.bulletins] == [bulletin().title]
    assert [(each.thread, each.asked_by) for each in content.open_requests] == [(open_lead, QINGYUAN)]
    assert not qingyuan.draft().content.bulletins

    shouning.edit(leave_out=[told, open_lead])
    assert (shouning.draft().content.bulletins, shouning.draft().content.open_requests) == ((), ())
    assert figures(shouning)["bulletins_told"] == (1, 0)

    town.clock.advance(timedelta(days=60))
    shouning.open_due()
    assert figures(shouning, NEXT)["bulletins_told"] == (0, 1)


def test_to_an_alliance_only_what_all_of_it_knows_is_listed(town: Town, alliance: list[Desk]) -> None:
    shouning, *_ = alliance
    border = Border(town)
    border.ask()
    author = Bureau.open(town, town.nodes[SHOUNING])
    author.publish(bulletin(recipients=[QINGYUAN], title="只告知庆元"))
    author.publish(bulletin(recipients=[QINGYUAN, JINGNING], title="告知各方"))
    town.settle()
    shouning.open_due()
    content = shouning.draft().content
    assert [each.title for each in content.bulletins] == ["告知各方"]
    assert content.open_requests == ()
    assert (figures(shouning)["bulletins_told"], figures(shouning)["leads_asked"]) == ((2, 0), (1, 0))
