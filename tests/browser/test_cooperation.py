"""What two bureaus promised each other, kept at their consoles: the monthly contact and the quarterly package."""

import re
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from ecolink.cadence.calendars import china_day
from ecolink.cadence.periods import Period
from ecolink.console.cooperation.terms import ready
from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.kit.times import CHINA
from tests.browser.axe import axe
from tests.browser.chromium import PHONE, Watch
from tests.browser.nodes import Node, enter, running
from tests.processes.bureau import wait_until

CODE = "sn-qy-151"
SOON_MS = 20_000
"""For what the other bureau's node has to hear of first."""
_MORTAL = Path(__file__).parents[1] / "processes" / "mortal.py"


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> PlayClock:
    """What both nodes go by."""
    return PlayClock.at_present(tmp_path_factory.mktemp("clock") / "clock")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, clock: PlayClock) -> Iterator[tuple[Node, Node]]:
    """Shouning and Qingyuan on the second day of a quarter, an agreement between them in force."""
    program = (sys.executable, _MORTAL, clock.file, "inf")
    first = Period.containing(china_day(clock.now()), "quarter").next().first
    clock.move_to(max(clock.now(), _morning(first - timedelta(days=3))))
    with running(tmp_path_factory.mktemp("agreed"), program) as both:
        _agree(*both, china_day(clock.now()))
        clock.move_to(_morning(first + timedelta(days=1)))
        for node in both:
            node.bureau.token = ""  # it was good for a shift
            wait_until(lambda: node.bureau.call("GET", "/exchanges")["items"])  # noqa: B023 - asked at once
        yield both


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(9, 30, tzinfo=CHINA))


def _agree(one: Node, other: Node, today: date) -> None:
    text = re.sub(r"valid_from = [-0-9]+", f"valid_from = {today}", ready()[CODE])
    text = re.sub(r"valid_until = [-0-9]+", f"valid_until = {today.replace(day=1, year=today.year + 3)}", text)
    proposal = one.bureau.call("POST", "/agreements", {"text": text})["proposals"][0]["digest"]
    wait_until(lambda: other.bureau.call("GET", "/agreements")["items"])
    other.bureau.call("POST", f"/agreements/{CODE}/proposals/{proposal}/sign")
    wait_until(lambda: one.bureau.call("GET", f"/agreements/{CODE}")["state"] != "proposed")


def test_a_contact_is_recorded_here_confirmed_there_and_met_on_both_sides(
    new_page, watch: Watch, clock: PlayClock, shouning: Node, qingyuan: Node
):
    watch.expected.add(422)
    shouning.bureau.raise_emergency("下党乡山火", qingyuan.unit_code)
    officer, other = new_page(), new_page(viewport=PHONE, scheme="dark")
    enter(officer, shouning, "liaison", "/cooperation")
    enter(other, qingyuan, "liaison", "/cooperation")

    duty = _open_duty(officer, "月联系")
    officer.get_by_role("link", name="填写联系记录").click()
    expect(_named(officer, "/topics@lines")).to_have_value("上次联系以来的紧急通报（1件）")
    axe(officer)
    officer.get_by_role("button", name="记录并签署").click()
    held_at = officer.get_by_label("联系时间")
    expect(held_at).to_be_focused()
    expect(held_at).to_have_attribute("aria-invalid", "true")
    held_at.fill(f"{(clock.now() - timedelta(minutes=20)).astimezone(CHINA):%Y-%m-%dT%H:%M}")
    _named(officer, "/conclusions").fill("火场留守至次日，三日内反馈损失情况。")
    officer.get_by_label("姓名").nth(1).fill("周青")
    officer.get_by_role("button", name="记录并签署").click()
    expect(officer.locator("#said")).to_contain_text("请对方确认")

    waits = other.get_by_text("确认对方的联系记录")  # by itself: nobody loaded these pages again
    expect(waits).to_be_visible(timeout=SOON_MS)
    waits.click()
    expect(other.locator("main")).to_contain_text("三日内反馈损失情况")
    axe(other)
    other.get_by_role("button", name="确认并签署").click()
    expect(officer.locator("#standing")).to_contain_text("各方已确认", timeout=SOON_MS)
    expect(officer.locator("#signatures")).not_to_contain_text("未签署")
    for page, node in ((other, qingyuan), (officer, shouning)):
        page.goto(node.address + duty)
        expect(page.locator("#standing")).to_contain_text("已履行")
        axe(page)


def test_packages_are_prepared_sent_and_signed_off_by_both(new_page, shouning: Node, qingyuan: Node):
    officer, chief, other, their_chief = new_page(), new_page(), new_page(viewport=PHONE, scheme="dark"), new_page()
    enter(officer, shouning, "liaison", "/cooperation")
    duty = _open_duty(officer, "季度通报交流")
    officer.get_by_role("link", name="查看季度通报交流").click()
    exchange = officer.url.removeprefix(shouning.address)
    officer.get_by_role("link", name="打开草稿").click()
    officer.get_by_label("重点情况").fill("本季度侦办涉林案件3起。")
    axe(officer)
    officer.get_by_role("button", name="保存").click()
    expect(officer.locator("#said")).to_contain_text("已保存")
    for page, node in ((chief, shouning), (their_chief, qingyuan)):
        enter(page, node, "chief", f"{exchange}/draft")
        page.once("dialog", lambda asked: asked.accept())
        page.get_by_role("button", name="批准并发出").click()
        expect(page.locator("#said")).to_contain_text("已审批")

    enter(other, qingyuan, "liaison", exchange)
    expect(other.get_by_role("link", name="季度通报交流").first).to_be_in_viewport(ratio=0.9)
    officer.goto(shouning.address + exchange)
    for page in (officer, other):
        expect(page.locator("#standing")).to_contain_text("待确认", timeout=SOON_MS)
        page.reload()
        axe(page)
        page.get_by_role("button", name="确认已阅").click()
        page.locator("summary").get_by_text("反馈").click()
        page.get_by_label("意见").fill("内容翔实。")
        page.get_by_role("button", name="反馈").click()
        expect(page.locator("main")).to_contain_text("内容翔实。")
    expect(other.locator("main")).to_contain_text("本季度侦办涉林案件3起。")
    for page in (chief, their_chief):
        page.get_by_role("button", name="确认本季度材料").click(timeout=SOON_MS)
        expect(page.locator("#said")).to_be_visible()
    for page, node in ((officer, shouning), (other, qingyuan)):
        expect(page.locator("#standing")).to_contain_text("各方已确认", timeout=SOON_MS)
        page.goto(node.address + duty)
        expect(page.locator("#standing")).to_contain_text("已履行")


def test_the_month_is_a_grid_at_a_desk_and_a_list_on_a_phone(new_page, clock: PlayClock, shouning: Node):
    desk, phone = new_page(), new_page(viewport=PHONE, scheme="dark")
    enter(desk, shouning, "officer", "/cooperation/calendar")
    enter(phone, shouning, "officer", "/cooperation/calendar")
    last = Period.containing(china_day(clock.now()), "month").last
    for page, days in ((desk, range(28, 43)), (phone, range(1, 12))):
        axe(page)
        assert page.locator(".month td").filter(visible=True).count() in days
        page.get_by_role("link", name="下个月").press("Enter")
        expect(page.locator("#month")).to_have_text(
            f"{(last + timedelta(days=1)):%Y年}{(last + timedelta(days=1)).month}月"
        )
        page.get_by_role("link", name="上个月").press("Enter")
        page.locator(".month").get_by_role("link", name="月联系").last.press("Enter")
        expect(page.locator("h1")).to_contain_text(f"月联系 · {last:%Y-%m}")
    desk.goto(f"{shouning.address}/cooperation/calendar")
    desk.get_by_label("名称").fill("手机")
    desk.get_by_role("button", name="新建订阅地址").click()
    expect(desk.locator("#address")).to_contain_text("/api/v1/feeds/")
    axe(desk)


def _named(page: Page, name: str) -> Locator:
    return page.locator(f"[name='{name}']")


def _open_duty(page: Page, name: str) -> str:
    """Go from the first page to what is owed now of this duty, and return its address."""
    page.locator("section", has_text="当前须履行").get_by_role("link").filter(has_text=name).first.click()
    expect(page.locator("h1")).to_contain_text(name)
    return urlsplit(page.url).path
