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


def test_what_was_signed_for_and_who_handed_over_can_be_looked_up_afterwards(town: Town) -> None:
    shouning, qingyuan = Watchroom(town.nodes[SHOUNING]), Watchroom(town.nodes[QINGYUAN])
    officer = Reception(town.nodes[QINGYUAN]).signed_in(Role.LIAISON_OFFICER)
    assert "尚无交接班记录" in officer.get("/duty/handovers").text
    shouning.raise_emergency()
    drill = shouning.raise_emergency(status="exercise")
    town.wait(timedelta())
    real = next(alert for alert in qingyuan.alerts() if alert.status == "actual")
    officer.get(f"/duty/alerts/{real.id}")
    officer.post(f"/duty/alerts/{real.id}", {"/decision": "noted"})

    page = officer.get("/duty").text
    assert 'href="/duty/alerts"' in page
    assert real.number in officer.get("/duty/alerts").text
    assert "Liaison_Officer签收于" in officer.get("/duty/alerts?state=acknowledged").text
    assert "没有符合条件的提醒" in officer.get("/duty/alerts?state=open").text
    drills = officer.get("/duty/alerts?state=open&drills=true").text
    assert "演练，非实情" in drills
    assert real.number not in drills
    assert officer.get("/duty/alerts?state=nonsense").status_code == 422

    head = Reception(town.nodes[QINGYUAN]).signed_in(Role.HEAD)
    (person,) = (account for account, name in _options(head.get("/duty").text) if name == "Liaison_Officer")
    head.post("/duty/handover", {"/account_id": person, "/until@china": "2026-11-25T08:00", "/note": "车钥匙在值班室"})
    handed = officer.get("/duty/handovers").text
    assert "→ Liaison_Officer" in handed
    assert "车钥匙在值班室" in handed
    assert "待签收提醒 1 条" in handed

    here = f"/emergencies/{drill}"
    assert f'href="{here}/drill-report?format=pdf"' in officer.get(here).text
    assert "演练" in officer.get(f"{here}/drill-report").text
    assert officer.get(f"{here}/drill-report?format=pdf").content.startswith(b"%PDF")
    assert officer.get(f"{real.link}/drill-report").status_code == 409
    assert "drill-report" not in officer.get(real.link).text


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


def test_a_shift_is_changed_where_it_stands_from_the_version_one_saw(lone: Reception) -> None:
    officer, head = lone.signed_in(Role.LIAISON_OFFICER), lone.signed_in(Role.HEAD)
    people = {name: account for account, name in _options(head.get("/duty").text)}
    shift = {"/account_id": people["Liaison_Officer"], "/position": "first"}
    for begins, ends in (("2026-11-24T08:00", "2026-11-25T08:00"), ("2026-11-26T08:00", "2026-11-27T08:00")):
        head.post("/duty/shifts", shift | {"/starts_at@china": begins, "/ends_at@china": ends})
    links = re.findall(r'href="(/duty/shifts/[0-9a-f-]{36})"', head.get("/duty").text)
    (here, _) = links
    assert "/duty/shifts/" not in officer.get("/duty").text
    assert (officer.get(here).status_code, officer.post(here, shift).status_code) == (403, 403)

    page = head.get(here).text
    assert f'<option value="{people["Liaison_Officer"]}" selected>' in page
    assert 'value="2026-11-24T08:00"' in page
    typed = {
        "/starts_at@china": "2026-11-24T08:00",
        "/ends_at@china": "2026-11-24T20:00",
        "/note": "代班",
        "version": "1",
    }
    for wrong, pointer in (
        ({"/ends_at@china": "2026-11-24T07:00"}, "/ends_at"),
        ({"/starts_at@china": ""}, "/starts_at"),
        ({"/starts_at@china": "2026-11-26T07:00", "/ends_at@china": "2026-11-26T09:00"}, "/starts_at"),
    ):
        refused = head.send(here, shift | typed | wrong)
        assert (refused.status_code // 100, refused.json()["errors"][0]["pointer"]) == (4, pointer)
    assert head.post(here, shift | typed | {"/account_id": people["Head"]}).headers["location"] == "/duty"
    shown = head.get("/duty").text
    assert "班次已调整" in shown
    assert "代班" in shown
    assert head.send(here, shift | typed).status_code == 412
    assert head.get("/duty/shifts/019ab000-0000-7000-8000-000000000001").status_code == 404


def test_a_shift_taken_over_keeps_the_second_it_began_at(town: Town) -> None:
    town.clock.advance(timedelta(seconds=37))
    head, node = Reception(town.nodes[SHOUNING]).signed_in(Role.HEAD), town.nodes[SHOUNING]
    (person,) = (account for account, name in _options(head.get("/duty").text) if name == "Head")
    head.post("/duty/handover", {"/account_id": person, "/until@china": "2026-11-25T08:00"})
    with node.database.read() as session:
        (before,) = on_duty(session, town.clock.now())
    page = head.get(f"/duty/shifts/{before.id}").text
    typed = dict(re.findall(r'name="(/\w+@china)" type="datetime-local" value="([^"]+)"', page))
    changed = {"/account_id": person, **typed, "/note": "夜间值班", "version": str(before.version)}
    assert head.post(f"/duty/shifts/{before.id}", changed).headers["location"] == "/duty"
    with node.database.read() as session:
        (after,) = on_duty(session, town.clock.now())
    assert (after.note, after.starts_at.second) == ("夜间值班", 37)


def _options(page: str) -> list[tuple[str, str]]:
    """Return the people to choose from, by account."""
    select = page.partition('id="shift-who"')[2].partition("</select>")[0]
    return re.findall(r'<option value="([^"]+)"[^>]*>([^<]+)</option>', select)
