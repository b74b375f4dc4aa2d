"""Duty and alerts in the console: who is on duty, handing over, the rota, and taking an alert on."""

import re
from datetime import timedelta

import pytest

from ecolink.alerts.duty import on_duty
from ecolink.identity.roles import Role
from tests.alerts.watchroom import Watchroom
from tests.support.console import Reception
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns


def test_the_head_fills_the_rota_and_the_officer_on_duty_hands_over(town: Town) -> None:
    reception = Reception(town.nodes[SHOUNING])
    officer, head = reception.signed_in(Role.LIAISON_OFFICER), reception.signed_in(Role.HEAD)
    assert "未排值班表" in head.get("/duty").text
    assert "/duty/shifts" not in officer.get("/duty").text
    room = Watchroom(town.nodes[SHOUNING])
    people = {name: account for account, name in _options(head.get("/duty").text)}
    shift = {
        "/account_id": people["Liaison_Officer"],
        "/starts_at@china": "2026-11-23T08:00",
        "/ends_at@china": "2026-11-24T08:00",
    }
    assert officer.post("/duty/shifts", shift).status_code == 403
    assert head.post("/duty/shifts", shift).headers["location"] == "/duty"
    page = officer.get("/duty").text
    assert "当前值班" in page
    assert "以下时段无人值班" in page
    handed = officer.post("/duty/handover", {"/account_id": people["Head"], "/note": "巡护车钥匙在值班室"})
    assert handed.headers["location"] == "/duty"
    assert "巡护车钥匙在值班室" in head.get("/duty").text
    with room.node.database.read() as session:
        (running,) = on_duty(session, room.now)
    removed = head.post(f"/duty/shifts/{running.id}/remove", {"version": str(running.version)})
    assert removed.headers["location"] == "/duty"


def test_an_officer_takes_an_alert_on_where_everybody_who_was_told_is_shown(town: Town) -> None:
    qingyuan = Watchroom(town.nodes[QINGYUAN])
    officer = Reception(town.nodes[QINGYUAN]).signed_in(Role.LIAISON_OFFICER)
    Watchroom(town.nodes[SHOUNING]).raise_emergency()
    town.wait(timedelta())
    alert = qingyuan.alert()
    assert alert.number in officer.get("/duty").text
    page = officer.get(f"/duty/alerts/{alert.id}").text
    assert "Liaison_Officer" in page
    assert officer.send(f"/duty/alerts/{alert.id}").status_code == 422
    signed = officer.post(f"/duty/alerts/{alert.id}", {"/decision": "dispatching"})
    assert signed.headers["location"] == "/duty"
    assert (qingyuan.alert().state, qingyuan.alert().decision) == ("acknowledged", "dispatching")
    assert "没有待签收的提醒" in officer.get("/duty").text


def test_a_week_is_written_down_as_shifts_and_twice_adds_nothing(lone: Reception) -> None:
    officer, head = lone.signed_in(Role.LIAISON_OFFICER), lone.signed_in(Role.HEAD)
    assert officer.get("/duty/weekly").status_code == 403
    page = head.get("/duty/weekly").text
    people = dict(re.findall(r'<option value="([^"]+)">(\w+)</option>', page))
    first, second = (next(each for each in people if people[each] == name) for name in ("Liaison_Officer", "Head"))
    week = {"begins": "08:00", "ends": "08:00", "/first_day": "2026-11-23", "/last_day": "2026-12-06"}
    for number, position in enumerate(["first", "second"] * 7):
        week |= {f"/lines/{number}/weekday": str(number // 2 + 1), f"/lines/{number}/position": position}
    week |= {f"/lines/{2 * day}/account_id": first for day in range(7)} | {"/lines/13/account_id": second}
    assert all(f'name="{name}"' in page for name in week)

    assert head.post("/duty/weekly", week).headers["location"] == "/duty"
    assert "已生成 16 个班次" in head.get("/duty").text
    head.post("/duty/weekly", week)
    assert "已生成 0 个班次" in head.get("/duty").text
    gap = officer.get("/duty").text.partition("以下时段无人值班")[2]
    assert re.findall(r'datetime="([^"]+)"', gap)[0] == "2026-12-07T00:00:00+00:00"

    nobody = {name: value for name, value in week.items() if not name.endswith("account_id")}
    assert head.send("/duty/weekly", nobody).json()["errors"][0]["pointer"] == "/lines"
    back = head.send("/duty/weekly", week | {"/last_day": "2026-11-01"})
    assert back.json()["errors"][0]["pointer"] == "/last_day"


def _options(page: str) -> list[tuple[str, str]]:
    """Return the people to choose from, by account."""
    select = page.partition('id="shift-who"')[2].partition("</select>")[0]
    return re.findall(r'<option value="([^"]+)"[^>]*>([^<]+)</option>', select)
