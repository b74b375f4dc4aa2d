"""Alliances at the console: founded, changed and dissolved by whoever may, seen by all."""

import pytest

from ecolink.identity.roles import Role
from tests.console.letters import version_of
from tests.support.console import Reception
from tests.support.town import QINGYUAN, Town

pytestmark = pytest.mark.by_turns

SIX = {"/name_zh": "六县警务协作联盟", "/name_en": "Six-county alliance", "/members@list": [QINGYUAN]}


def test_an_alliance_is_founded_told_changed_and_dissolved(reception: Reception, town: Town):
    chief, officer = reception.signed_in(Role.CHIEF), reception.signed_in(Role.OFFICER)
    assert officer.send("/alliances", SIX).status_code == 403
    chief.get("/alliances/new")
    nobody = chief.send("/alliances", SIX | {"/members@list": []})
    assert [fault["pointer"] for fault in nobody.json()["errors"]] == ["/members"]
    address = chief.send("/alliances", SIX).headers["hx-redirect"]

    page = officer.get(address).text
    for said in ("六县警务协作联盟", "庆元县公安局", "寿宁县公安局", "第1版名单"):
        assert said in page, said
    assert "解散联盟" not in page
    assert (
        f'<option value="{address.split("/")[-1]}" selected'
        in officer.get(f"/bulletins/new?alliance={address.split('/')[-1]}").text
    )

    changed = SIX | {"/name_zh": "边界警务联盟", "/reason": "更名", **version_of(chief, f"{address}/edit")}
    assert chief.send(address, changed).status_code == 200
    assert chief.send(address, changed).status_code == 412, "on a version that somebody changed meanwhile"
    page = chief.get(address).text
    assert "第2版名单" in page
    assert "更名" in page
    assert chief.send(f"{address}/dissolve", version_of(chief, address)).status_code == 200
    assert "边界警务联盟" not in chief.get("/alliances").text
    assert "边界警务联盟" in chief.get("/alliances?dissolved=true").text
    assert "联盟" in reception.signed_in(Role.ADMINISTRATOR).get("/administration/people").text
