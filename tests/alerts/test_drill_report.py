"""After a drill: how long each bureau and each officer took, as data and as a page to file."""

from datetime import timedelta

import pytest

from ecolink.exchanges.emergencies.endpoints import router
from ecolink.identity.roles import Role
from tests.alerts.watchroom import MINUTE, Watchroom
from tests.support.town import QINGYUAN, SHOUNING, Town
from tests.support.web import Desk

pytestmark = pytest.mark.by_turns


def test_a_drill_report_tells_on_both_sides_how_long_everybody_took(town: Town) -> None:
    shouning, qingyuan = Watchroom(town.nodes[SHOUNING]), Watchroom.staffed(town.nodes[QINGYUAN])
    drill = shouning.raise_emergency(status="exercise")
    town.wait(timedelta())
    town.wait(4 * MINUTE)
    qingyuan.acknowledge(qingyuan.alert(), "lin", decision="dispatching")
    town.settle()

    with Desk.open(
        shouning.node.database, [router(shouning.node.rooms.emergencies)], log=shouning.node.access, now=shouning.now
    ) as desk:
        chief = desk.as_role(Role.CHIEF)
        address = f"/api/v1/emergencies/{drill}/drill-report"
        ours = desk.client.get(address, headers=chief).json()
        assert (ours["acknowledged"], ours["slowest_s"], ours["officers"]) == (1, 240.0, [])
        assert ours["display_title"].startswith("【演练】")
        (line,) = ours["bureaus"]
        assert (line["delivered_after_s"], line["acknowledged_after_s"]) == (0.0, 240.0)
        page = desk.client.get(address, params={"format": "html"}, headers=chief)
        assert "4 分 0 秒" in page.text
        assert desk.client.get(address, params={"format": "pdf"}, headers=chief).content.startswith(b"%PDF")

        real = shouning.raise_emergency()
        refused = desk.client.get(f"/api/v1/emergencies/{real}/drill-report", headers=chief)
        assert refused.status_code == 409

    emergencies = qingyuan.node.rooms.emergencies
    with qingyuan.node.database.read() as session:
        row = emergencies.register.find(session, drill)
        theirs = emergencies.views.drill_report(session, row, qingyuan.people["chief"], qingyuan.now)
    (line,) = theirs.bureaus
    assert (line.delivered_after_s, line.acknowledged_after_s) == (0.0, 240.0)
    assert [(each.name, each.told_after_s, each.acknowledged_after_s) for each in theirs.officers] == [
        ("Lin", 0.0, 240.0)
    ]
