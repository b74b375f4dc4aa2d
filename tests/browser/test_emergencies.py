"""The one-minute journeys of an emergency, between two real nodes, as people make them in a browser."""

import re
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import axe
from tests.browser.chromium import PHONE
from tests.browser.nodes import Node, enter
from tests.processes.bureau import wait_until

NUMBERS = count(1)


def told(sender: Node, to: Node, title: str, **more: str) -> str:
    """Have one bureau tell the other of a fire; return its id once it is there."""
    known = sender.bureau.raise_emergency(title, to.unit_code, **more)
    wait_until(lambda: title in to.bureau.emergencies(more.get("status", "actual")))
    return known


def test_an_officer_signs_from_the_red_strip_and_assigns_and_the_other_bureau_sees_it_at_once(
    new_page, shouning, qingyuan
):
    title = f"龙溪乡林火{next(NUMBERS)}号"
    there = new_page()
    enter(there, qingyuan, "chief")
    known = told(qingyuan, shouning, title)
    there.goto(f"{qingyuan.address}/emergencies/{known}")
    expect(there.locator(".to-call")).to_contain_text("寿宁县公安局")

    here = new_page(viewport=PHONE)
    enter(here, shouning, "liaison")
    here.locator("#strip li", has_text=title).get_by_role("link", name="签收").click()
    here.get_by_label("已派员前往").check()
    here.get_by_role("button", name="签收").click()

    expect(here.get_by_role("status").first).to_contain_text("已签收")
    expect(here.locator("#strip li", has_text=title)).to_have_count(0)
    signed = there.locator(".ladders .signed")
    expect(signed).to_contain_text("已派员前往")
    expect(signed).to_contain_text("周小河")
    expect(there.locator(".to-call")).to_have_count(0)

    here.get_by_label("处置人员或单位").fill("吴建国")
    here.get_by_label("联系电话").fill("0593-0000021")
    here.get_by_label("派出力量").fill("龙溪派出所12人携风力灭火机出发。")
    here.get_by_label("预计到达时间").fill("2030-01-01T15:10")
    here.get_by_role("button", name="指派并告知对方").click()
    expect(here.locator("#assign")).to_contain_text("改派")
    expect(there.locator(".ladders")).to_contain_text("处置负责 吴建国")
    expect(there.locator(".ladders a[href='tel:0593-0000021']")).to_be_visible()
    expect(there.locator(".ladders blockquote")).to_contain_text("12人")
    expect(there.locator(".ladders")).to_contain_text("2030-01-01 15:10")


def test_an_officer_draws_a_fire_the_chief_approves_it_and_sees_whom_to_call(new_page, watch, shouning, qingyuan):
    watch.expected.add(422)
    title = f"下党乡森林火情{next(NUMBERS)}号"
    officer = new_page()
    enter(officer, shouning, "officer", "/emergencies")
    officer.get_by_role("link", name="发出紧急通报").click()
    officer.get_by_role("link", name="森林火灾").click()
    officer.get_by_label("标题").fill(title)
    officer.get_by_label("情况说明").fill("上党村后山松林起火，明火约六百米。")
    officer.get_by_label("地点").fill("下党乡上党村")
    officer.locator("[data-map][data-ready]").click(position={"x": 150, "y": 120})
    expect(officer.get_by_label("坐标", exact=True)).to_have_value(re.compile(r"^1\d\d\.\d+, 2\d\.\d+$"))
    officer.get_by_label("庆元县公安局").check()
    officer.get_by_label("实战").check()
    officer.get_by_role("button", name="预览").click()
    officer.get_by_role("button", name="提交审批").click()
    expect(officer.locator("#approve")).to_contain_text("另一名")

    chief = new_page()
    enter(chief, shouning, "chief", "/emergencies?state=awaiting_approval")
    chief.get_by_role("link", name=title).click()
    expect(chief.locator("#facts")).to_contain_text("明火约六百米")
    approving = chief.locator("#approve form[action$='/approve']")
    approving.get_by_label("请再次输入标题").fill("别的标题")
    approving.get_by_role("button").click()
    expect(chief.locator("#approve .fault")).to_be_visible()
    approving.get_by_label("请再次输入标题").fill(title)
    approving.get_by_role("button").click()

    expect(chief.locator(".tally")).to_contain_text("0/ 1 家已签收")
    expect(chief.locator(".ladder .reached")).to_have_count(2)
    expect(chief.locator(".to-call")).to_contain_text("庆元县公安局")
    expect(chief.locator(".to-call a")).to_have_attribute("href", "tel:0578-0000002")


def test_a_drill_looks_like_none_but_a_drill_and_is_taken_back_in_one_click(page: Page, shouning, qingyuan):
    title = f"秋防演练{next(NUMBERS)}号"
    known = told(shouning, qingyuan, title, status="exercise")
    enter(page, shouning, "liaison", "/emergencies")
    expect(page.get_by_role("link", name=title)).to_have_count(0)

    page.get_by_role("link", name="演练", exact=True).click()
    page.get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"【演练】{title}")
    expect(page.locator(".alarm-head.drill")).to_be_visible()
    page.once("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="撤回误报").click()

    expect(page.locator(".ended")).to_contain_text("误报，已撤回")
    wait_until(lambda: qingyuan.bureau.call("GET", f"/emergencies/{known}")["state"] == "cancelled")


def test_the_map_and_the_list_beside_it_show_the_same_and_text_stays_text(page: Page, shouning, qingyuan):
    title = f"<img src=x onerror=alert(1)>{next(NUMBERS)}"
    known = told(qingyuan, shouning, title)
    enter(page, shouning, "auditor", "/map")
    listed = page.locator(f"#matter-{known}")
    expect(listed).to_contain_text(title)
    expect(listed).to_contain_text("545 m")
    expect(page.locator("[data-map][data-ready] .pin")).not_to_have_count(0)

    listed.get_by_role("button", name="定位").click()
    page.locator(f".pin[title='{title}']").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator("#acknowledge")).to_have_count(0)


@pytest.mark.parametrize(
    ("language", "scheme", "viewport"), [("zh-CN", "light", None), ("zh-CN", "dark", PHONE), ("en", "dark", None)]
)
def test_everybody_can_use_the_pages_of_emergencies_and_the_map(
    new_page, shouning, qingyuan, language, scheme, viewport
):
    ours = told(shouning, qingyuan, f"无障碍{next(NUMBERS)}号")
    theirs = told(qingyuan, shouning, f"无障碍{next(NUMBERS)}号")
    page = new_page(scheme=scheme, **({"viewport": viewport} if viewport else {}))
    enter(page, shouning, "liaison")
    if language == "en":
        page.get_by_role("button", name="EN").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")

    for path in (
        "/emergencies",
        f"/emergencies/{ours}",
        f"/emergencies/{theirs}",
        "/emergencies/new",
        "/emergencies/new?kind=wildfire",
        "/emergencies/calls",
        "/map",
    ):
        page.goto(shouning.address + path)
        if page.locator("[data-map]").count():
            page.locator("[data-map][data-ready]").wait_for()
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} is too wide"
