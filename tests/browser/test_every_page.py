"""Every page that links lead to: usable with any senses, at any width, and nothing on it goes wrong."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.axe import axe
from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.crawl import pages_within_reach
from tests.browser.nodes import enter


@pytest.mark.timeout(300)
def test_everybody_can_use_every_page_at_a_desk_and_on_a_phone(new_page, shouning, qingyuan):
    for sender, to in ((shouning, qingyuan), (qingyuan, shouning)):
        sender.bureau.raise_emergency("每页都看一遍", to.unit_code)
    faults: list[str] = []
    seen: set[str] = set()

    for login in ("wu", "auditor"):
        page = new_page()
        enter(page, shouning, login)
        for kind in pages_within_reach(page):
            if kind not in seen:
                seen.add(kind)
                faults += _faults(page, kind)

    assert not faults, "\n".join(faults)


def _faults(page: Page, kind: str) -> Iterator[str]:
    if page.locator("[data-map]").count():
        page.locator("[data-map][data-ready]").first.wait_for()
    for viewport, scheme in ((PHONE, "dark"), (DESKTOP, "light")):
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            yield f"{kind} is wider than {viewport['width']} pixels"
        # What the bar at a phone's foot covers can be scrolled out from under it: axe looks at all of the page at once.
        whole = max(viewport["height"], page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": viewport["width"], "height": whole})
        try:
            axe(page)
        except AssertionError as found:
            yield f"{kind}, {scheme}: {found}"
