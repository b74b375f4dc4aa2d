"""Duty and the phone, as people make them in a browser: the rota, handing over, and signing behind a one-time link."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ecolink.alerts import links
from ecolink.alerts.pins import Pins
from ecolink.configuration import load
from ecolink.entrypoints.wiring import build_node
from ecolink.identity.accounts import find
from ecolink.identity.models import AccountKind
from ecolink.identity.principal import Principal
from ecolink.kit.clock import SystemClock
from ecolink.kit.times import CHINA
from tests.browser.axe import axe
from tests.browser.chromium import PHONE
from tests.browser.nodes import Node, enter
from tests.processes.bureau import wait_until

PIN = "804613"


def test_the_chief_puts_an_officer_on_the_rota_who_hands_over_and_changes_the_shift(new_page, watch, qingyuan):
    chief = new_page()
    enter(chief, qingyuan, "chief", "/duty")
    chief.get_by_text("新增班次").click()
    shift = chief.locator("form[action='/duty/shifts']")
    shift.get_by_label("人员").select_option(label="周小河")
    today = datetime.now(CHINA).replace(hour=0, minute=0)
    shift.get_by_label("开始").fill(f"{today:%Y-%m-%dT%H:%M}")
    shift.get_by_label("结束").fill(f"{today + timedelta(days=2):%Y-%m-%dT%H:%M}")
    axe(chief)
    shift.get_by_role("button", name="列入值班表").click()
    expect(chief.get_by_role("status").first).to_contain_text("已列入值班表")

    officer = new_page(viewport=PHONE)
    enter(officer, qingyuan, "liaison", "/duty")
    axe(officer)
    _picture(officer, "duty-phone")
    officer.get_by_label("接班人").select_option(label="陈远山")
    officer.get_by_label("交接事项").fill("巡护车钥匙在值班室。")
    officer.get_by_role("button", name="立即交接").click()
    taken_over = officer.get_by_role("listitem").filter(has_text="巡护车钥匙")
    expect(taken_over).to_contain_text("主班")
    chief.reload()
    _picture(chief, "duty-desk")

    chief.get_by_role("listitem").filter(has_text="巡护车钥匙").get_by_role("link", name="调整").click()
    axe(chief)
    chief.get_by_label("备注").fill("改由夜班")
    begins = chief.get_by_label("开始").input_value()
    chief.get_by_label("结束").fill(begins)
    watch.expected.add(422)
    chief.get_by_role("button", name="保存").click()
    expect(chief.locator(".field").filter(has=chief.get_by_label("结束")).locator(".fault")).to_be_visible()
    expect(chief.get_by_label("备注")).to_have_value("改由夜班")
    chief.get_by_label("结束").fill(f"{today + timedelta(days=1):%Y-%m-%dT%H:%M}")
    chief.get_by_role("button", name="保存").click()
    expect(chief.get_by_role("listitem").filter(has_text="改由夜班")).to_be_visible()


def test_an_officer_signs_on_the_phone_behind_a_link_and_the_pin(new_page, shouning, qingyuan):
    title = "黄田镇林火演习外一号"
    shouning.bureau.raise_emergency(title, qingyuan.unit_code)
    wait_until(lambda: title in qingyuan.bureau.emergencies())
    path = _link(qingyuan, title)
    phone = new_page(viewport=PHONE)
    phone.goto(f"{qingyuan.address}{path}")
    expect(phone.locator("h1")).to_contain_text("编号")
    expect(phone.locator("body")).not_to_contain_text("黄田")
    axe(phone)
    _picture(phone, "link")
    phone.get_by_label("PIN").fill(PIN)
    phone.get_by_role("button", name="签收").click()
    expect(phone.get_by_role("status")).to_contain_text("已签收")
    axe(phone)


def _link(node: Node, title: str) -> str:
    """Set the liaison officer's PIN, and make the link that their phone would get."""
    opened = build_node(load(node.bureau.config), SystemClock())
    now = datetime.now(UTC)
    try:
        with opened.database.begin() as session:
            account = find(session, AccountKind.USER, "liaison")
            assert account is not None
            pins: Pins = opened.alerts.pins
            by = Principal(id=account.id, username="liaison", name=account.name, roles=account.held_roles())
            pins.set(session, opened.identity.passwords.hash(PIN), by=by, now=now)
            alert = next(each for each in _alerts(node) if title in each["title_zh"])
            path = links.make(session, alert["id"], account.id, now)
    finally:
        opened.close()
    assert path is not None
    return path


def _alerts(node: Node) -> list[dict[str, str]]:
    found: list[dict[str, str]] = node.bureau.call("GET", "/alerts?kind=emergency&state=open")["items"]
    return found


def _picture(page, name: str) -> None:
    folder = os.environ.get("ESC_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


pytestmark = pytest.mark.timeout(240)
