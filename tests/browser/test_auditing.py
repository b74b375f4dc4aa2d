"""The auditor's journey: from a case's number to evidence that somebody without a node can check."""

import re
import subprocess
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.axe import axe
from tests.browser.nodes import Node, enter
from tests.entrypoints.processes import ECOLINK
from tests.processes.bureau import Json

CASE = "A3509240000002026110151"
REQUEST: Json = {
    "letter_number": "寿公协〔2026〕151号",
    "kind": "records",
    "case_number": CASE,
    "case_type": "criminal",
    "charges": ["345(1)"],
    "stage": "立案侦查",
    "facts": "上党村林场杉木被盗伐。",
    "information_requested": "请协查木材去向。",
    "why_recipient": "木材疑流入龙溪乡。",
    "urgency": "U3",
    "scope": "限于本案所需。",
    "contact": {"name": "吴建国", "post": "森林公安大队民警", "phone": "0593-0000011"},
    "governance": {"purpose": "侦办盗伐林木案"},
}


def test_an_auditor_takes_from_a_case_number_to_evidence_that_verifies_without_any_node(
    page: Page, shouning: Node, qingyuan: Node, tmp_path: Path
):
    ask(shouning, qingyuan)
    enter(page, shouning, "auditor")
    page.get_by_role("link", name="审计").click()
    page.get_by_label("案件编号").fill(CASE)
    page.get_by_role("button", name="查询").click()
    axe(page)
    page.get_by_role("link", name="签名时间线").click()
    expect(page.locator(".said", has_text="验证通过")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("庆元县公安局: 回执")
    axe(page)
    page.get_by_label("用途").fill("移送检察机关审查起诉")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="导出证据").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)

    page.goto(f"{shouning.address}/audit?action=export")
    expect(page.get_by_role("row", name="移送检察机关审查起诉")).to_contain_text("auditor")
    page.get_by_role("button", name="验证").click()
    expect(page.locator("#verdict")).to_contain_text("记录完好")
    assert verify(file, shouning, qingyuan).returncode == 0
    file.write_text(re.sub(r"\.eyJ", ".eyK", file.read_text("utf-8"), count=1), "utf-8")
    changed = verify(file, shouning, qingyuan)
    assert (changed.returncode, "验证不通过" in changed.stderr) == (1, True)


def ask(node: Node, to: Node) -> None:
    """Have one bureau's officer ask the other, and the chief send it."""
    drafted = node.bureau.seen_by("officer").call("POST", "/leads", {**REQUEST, "to": to.unit_code})
    submitted = node.bureau.seen_by("officer").call("POST", f"/leads/{drafted['id']}/submit")
    chief = node.bureau.seen_by("chief")
    chief.call("POST", f"/leads/{drafted['id']}/send", **{"If-Match": f'"{submitted["version"]}"'})


def verify(file: Path, *nodes: Node) -> subprocess.CompletedProcess[str]:
    """Check the file as a court's expert would: with the product's command and the bureaus' cards, and nothing else."""
    cards = [option for node in nodes for option in ("--card", str(node.bureau.config.parent / "own.card"))]
    command = [*map(str, ECOLINK), "evidence", "verify", str(file), *cards]
    return subprocess.run(command, capture_output=True, text=True, env={}, cwd=file.parent, timeout=60, check=False)
