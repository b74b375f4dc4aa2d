"""The newcomer's journey: start the demo, go where it says, sign in as it says, and see a lead that is signed."""

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import Watch, open_page
from tests.browser.nodes import sign_in
from tests.entrypoints.processes import ECOLINK, Process, start

pytestmark = pytest.mark.timeout(400)  # the demo plays half a year before it hands over


@pytest.fixture
def told() -> Iterator[str]:
    """What the demo tells before it waits to be tried; it is ended as Ctrl-C does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ECOLINK_")}
    running = start([*ECOLINK, "demo"], environment)
    assert running.stdout is not None
    assert running.stderr is not None
    lines = []
    for line in running.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    yield "".join(lines)
    code, said = Process(running, 0, 0).stop()
    for pipe in (running.stdout, running.stderr):
        pipe.close()
    assert (code, said) == (0, "")


def test_a_newcomer_finds_a_signed_lead_with_nothing_but_what_the_demo_prints(browser: Browser, told: str):
    place = re.search(r"控制台 console +(http://127\.0\.0\.1:\d+)/", told)
    login = re.search(r"^ +(liaison) +(\S+) +.*联络员$", told, re.MULTILINE)
    assert place is not None, told[-2000:]
    assert login is not None, told[-2000:]
    watch = Watch([place[1]])
    page = open_page(browser, watch)

    sign_in(page, place[1], login[1], login[2])
    page.get_by_role("navigation").get_by_role("link", name="线索协查").click()
    page.locator("#main").get_by_role("link", name="寿公协〔2026〕18号").click()
    signed = page.locator(".timeline li")
    expect(signed.first).to_contain_text("签名已验证")
    expect(page.locator(".timeline")).not_to_contain_text("签名未通过验证")

    page.context.close()
    watch.check()
