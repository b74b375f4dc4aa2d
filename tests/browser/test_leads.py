"""A case lead between two real nodes, from the first word of a draft to its closing, as people make it in a browser."""

import re

from playwright.sync_api import Page, expect

from tests.browser.axe import axe
from tests.browser.chromium import PHONE
from tests.browser.nodes import Node, enter

NUMBER = "寿公协〔2026〕18号"


def test_a_lead_is_asked_answered_and_closed(new_page, shouning, qingyuan):
    officer, chief = new_page(), new_page()
    enter(officer, shouning, "officer", "/leads/new")
    path = draft(officer, shouning, qingyuan)
    enter(chief, shouning, "chief", path)
    axe(chief)
    approve(chief)
    officer.reload()

    desk = new_page(viewport=PHONE)
    enter(desk, qingyuan, "liaison", "/leads?direction=in&state=delivered")
    desk.get_by_role("link", name=NUMBER).click()
    axe(desk)
    for step in ("签收", "受理", "开始办理"):
        make(desk, step)
    expect(officer.locator(".lead-head")).to_contain_text("办理中")  # by itself: nobody loaded this page again
    typed = officer.get_by_label("给对方单位留言")
    typed.fill("材料原件已寄出")

    choose(desk, "要求补充")
    desk.get_by_label("需要对方补充什么").fill("请提供P1曾用名。")
    decide(desk, "要求补充")
    expect(officer.locator(".lead-head")).to_contain_text("待补充材料")
    expect(typed).to_have_value("材料原件已寄出")
    officer.get_by_role("link", name="提供补充材料").click()
    expect(officer.locator("form .note")).to_contain_text("曾用名")
    officer.get_by_label("答复").fill("P1无曾用名。")
    officer.get_by_role("button", name="提供补充材料").click()
    expect(desk.locator(".lead-head")).to_contain_text("办理中")

    reply(desk)
    approver = new_page()
    enter(approver, qingyuan, "chief", path)
    expect(approver.locator(".approval")).to_contain_text("P1户籍在龙溪乡")
    approve(approver)

    expect(officer.locator(".lead-head")).to_contain_text("已回复")
    officer.get_by_role("link", name="反馈").click()
    axe(officer)
    officer.get_by_label("用于何处").fill("锁定嫌疑人。")
    officer.get_by_label("5 起决定作用").check()
    officer.get_by_label("抓获嫌疑人").check()
    decide(officer, "反馈")
    choose(officer, "办结")
    officer.get_by_label("办理结论").fill("嫌疑人已到案。")
    decide(officer, "办结")
    expect(desk.locator(".lead-head")).to_contain_text("已办结")
    expect(desk.locator(".timeline")).not_to_contain_text("签名未通过验证")
    axe(desk)


def test_what_was_typed_waits_at_another_desk_until_it_is_sent(new_page, watch, shouning):
    watch.expected.add(422)  # a draft that lacks something saves itself no further
    page = new_page()
    enter(page, shouning, "officer", "/leads/new")
    page.get_by_label("函号").fill("寿公协〔2026〕99号")
    page.get_by_label("户籍证明").check()
    page.get_by_role("button", name="添加人员").click()
    page.get_by_label("代称").fill("P1")
    page.get_by_label("姓名", exact=True).fill("林大山")
    expect(page.locator("[data-save-state]")).to_contain_text("暂存")
    page.context.close()

    another = new_page()
    enter(another, shouning, "officer", "/leads/new")
    expect(another.locator(".restored")).to_contain_text("已恢复")
    expect(another.get_by_label("函号")).to_have_value("寿公协〔2026〕99号")
    expect(another.get_by_label("户籍证明")).to_be_checked()
    expect(another.get_by_label("代称")).to_have_value("P1")
    expect(another.get_by_label("姓名", exact=True)).to_have_value("")  # personal data are kept in a draft alone
    axe(another)
    another.get_by_role("button", name="重新填写").click()
    expect(another.get_by_label("函号")).to_have_value("")
    expect(another.locator(".restored")).to_have_count(0)


def draft(page: Page, node: Node, to: Node) -> str:
    """Write a request that saves itself, and submit it; return its address."""
    axe(page)
    page.get_by_label("协查单位").select_option(to.unit_code)
    page.get_by_label("函号").fill(NUMBER)
    page.get_by_label("案件编号").fill("A3509240000002026110001")
    page.get_by_label("办案阶段").fill("立案侦查")
    page.get_by_label("简要案情").fill("上党村林场杉木被盗伐，P1有重大嫌疑。")
    page.get_by_label("户籍证明").check()
    page.get_by_label("请求协查事项").fill("请协查P1户籍证明。")
    page.get_by_label("请该单位协查的理由").fill("P1户籍地在龙溪乡。")
    page.get_by_label("授权范围").fill("查询户籍记录。")
    for name in ("林大山", "林小山"):
        page.get_by_role("button", name="添加人员").press("Enter")
        page.locator("[data-several='/persons'] [data-row]").last.get_by_label("姓名").fill(name)
    persons = page.locator("[data-several='/persons'] [data-row]")
    persons.first.get_by_role("button", name="移除").press("Enter")
    expect(persons.get_by_label("姓名")).to_have_attribute("name", "/persons/0/name")
    expect(persons.get_by_label("代称")).to_have_value("P2")
    persons.get_by_label("代称").fill("P1")
    page.locator("[data-upload]").set_input_files(
        {"name": "协作函.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"}
    )
    expect(page.locator("[data-several='/documents']").get_by_label("标题")).to_have_value("协作函")
    page.get_by_label("用途").fill("侦办盗伐林木案")
    expect(page.locator("[data-save-state]")).to_contain_text("已保存")
    expect(page).to_have_url(re.compile(r"/leads/[0-9a-f-]{36}/edit$"))
    path = page.url.removeprefix(node.address).removesuffix("/edit")

    page.reload()
    expect(page.get_by_label("函号")).to_have_value(NUMBER)
    axe(page)
    page.get_by_role("button", name="提交审批").click()
    expect(page).to_have_url(f"{node.address}{path}")
    expect(page.get_by_role("status").first).to_contain_text("已提交审批")
    return path


def approve(page: Page) -> None:
    page.once("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="批准并发出").click()
    expect(page.locator("#said")).to_contain_text("已批准")


def choose(page: Page, step: str) -> None:
    """Open the form of a step, which may stand behind the first one."""
    link = page.locator(".lead-head").get_by_role("link", name=step)
    if not link.is_visible():
        page.get_by_text("其他操作").click()
    link.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def decide(page: Page, step: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=step).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def make(page: Page, step: str) -> None:
    choose(page, step)
    decide(page, step)


def reply(page: Page) -> None:
    page.get_by_role("link", name="回复", exact=True).click()
    axe(page)
    page.locator("[name='/scope_executed']").fill("已查询户籍记录。")
    page.get_by_label("开始日期").fill("2026-11-20")
    page.get_by_label("结束日期").fill("2026-11-21")
    for number, name in enumerate(("周小河", "陈远山")):
        page.locator(f"[name='/officers/{number}/name']").fill(name)
    page.get_by_label("查证结果").fill("P1户籍在龙溪乡。")
    page.get_by_role("button", name="回复", exact=True).click()
    expect(page.locator("#said")).to_contain_text("已提交审批")
