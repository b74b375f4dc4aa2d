"""What an officer does about an emergency at the console, without a browser: the browser tests show that it looks so."""

import pytest

from ecolink.identity.roles import Role
from tests.support.console import Reception
from tests.support.town import QINGYUAN, Town

pytestmark = pytest.mark.by_turns

FIRE = {
    "/kind": "wildfire",
    "/title": "下党乡上党村森林火情",
    "/description": "上党村后山松林起火，明火约六百米。",
    "/colour": "orange",
    "/urgency": "Immediate",
    "/severity": "Severe",
    "/certainty": "Observed",
    "/occurred_at@china": "2026-11-20T13:20",
    "/hotline": "0593-0000001",
    "/location/text": "下党乡上党村",
    "/location/geometry@corners": "119.2189, 27.4394",
    "/location/datum": "CGCS2000",
    "/fire/area_ha@number": "0.8",
    "/fire/wind/force@number": "4",
    "/recipients@list": [QINGYUAN],
    "/status": "actual",
}


@pytest.fixture
def qingyuan(town: Town) -> Reception:
    return Reception(town.nodes[QINGYUAN])


def test_a_fire_is_previewed_confirmed_told_and_acknowledged(town: Town, reception: Reception, qingyuan: Reception):
    here, there = reception.signed_in(Role.LIAISON_OFFICER), qingyuan.signed_in(Role.LIAISON_OFFICER)

    preview = here.send("/emergencies/preview", FIRE)
    assert preview.status_code == 200, preview.text
    assert "下党乡上党村森林火情" in preview.text
    assert "庆元县公安局" in preview.text
    assert here.get("/emergencies").text.count("上党村") == 0

    refused = here.send("/emergencies", FIRE)
    assert refused.json()["errors"][0]["pointer"] == "/confirm"
    sent = here.send("/emergencies", FIRE | {"/confirm": FIRE["/title"]})
    path = sent.headers["HX-Redirect"]
    town.settle()

    assert "尚未签收" in here.get(path).text
    assert "下党乡上党村森林火情" in there.get("/emergencies").text
    there.get(path)
    told = there.send(
        f"{path}/acknowledge", {"/decision": "dispatching", "/estimated_arrival@china": "2026-11-20T15:10"}
    )
    assert told.headers["HX-Redirect"] == path
    town.settle()
    assert "已派员前往" in here.get(f"{path}/board").text
