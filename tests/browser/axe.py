"""Accessibility, as axe-core sees it: WCAG 2.2 A and AA, and its best practices."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe(page: Page) -> None:
    """Fail with every finding on the page as it is shown now: the rule, where, and how to mend it."""
    page.evaluate(_script())
    found = page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", _TAGS)
    told = [_finding(each) for each in found["violations"]]
    assert not told, f"{page.url}: axe finds {len(told)} faults\n" + "\n".join(told)


@cache
def _script() -> str:
    return Path(__file__).with_name("vendored").joinpath("axe-core", "axe.min.js").read_text("utf-8")


def _finding(violation: dict[str, Any]) -> str:
    lines = [f"- {violation['id']} ({violation['impact']}): {violation['help']}"]
    for node in violation["nodes"]:
        place = " ".join(str(part) for part in node["target"])
        mend = "; ".join(check["message"] for check in node["any"] + node["all"] + node["none"])
        lines.append(f"    {place}: {mend}\n      {node['html'][:160]}")
    return "\n".join(lines)
