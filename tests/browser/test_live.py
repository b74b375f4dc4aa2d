"""An open page stays true, also where something happens while its script or its stream of events is still on its way."""

import time
from itertools import count

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.nodes import Node, enter
from tests.processes.bureau import wait_until

NUMBERS = count(1)
QUIET_AFTER_S = 3


class Held:
    """Requests that stand still until they are let go."""

    def __init__(self, where: Page | BrowserContext, address: str) -> None:
        self._routes: list[Route] = []
        self._is_open = False
        where.route(address, lambda route: self._answer(route))  # noqa: PLW0108 - a bound method would be changed

    def let_go(self) -> None:
        self._is_open = True
        for route in self._routes:
            route.continue_()

    def _answer(self, route: Route) -> None:
        if self._is_open:
            route.continue_()
        else:
            self._routes.append(route)


def raised(by: Node, to: Node) -> tuple[str, str]:
    """Have one bureau tell the other of a fire; return its id and title once it is there."""
    title = f"坑底乡林火{next(NUMBERS)}号"
    known = by.bureau.raise_emergency(title, to.unit_code)
    wait_until(lambda: title in to.bureau.emergencies())
    return known, title


def sign(at: Node, seen_from: Node, known: str) -> None:
    """Sign for an emergency at one bureau; return once the other knows, and nothing follows that would be news again."""
    at.bureau.call("POST", f"/emergencies/{known}/acknowledge", {"decision": "dispatching"})
    wait_until(lambda: seen_from.bureau.call("GET", f"/emergencies/{known}/board")["bureaus"][0]["signed"])
    time.sleep(QUIET_AFTER_S)


def test_what_happens_before_a_pages_stream_opens_shows(page: Page, new_page: OpenPage, shouning: Node, qingyuan: Node):
    known, _ = raised(qingyuan, shouning)
    enter(new_page(), qingyuan, "auditor")  # who looks on, so that their node looks every second
    enter(page, qingyuan, "chief")
    streams = Held(page, "**/live")
    page.goto(f"{qingyuan.address}/emergencies/{known}")
    expect(page.locator(".tally")).to_contain_text("0/ 1 家已签收")

    sign(shouning, qingyuan, known)
    streams.let_go()

    expect(page.locator(".tally")).to_contain_text("1/ 1 家已签收")


def test_a_tab_that_is_opened_while_something_happens_hears_of_it_from_the_tab_that_listens(
    page: Page, shouning: Node, qingyuan: Node
):
    known, _ = raised(qingyuan, shouning)
    enter(page, qingyuan, "chief")
    page.goto(f"{qingyuan.address}/emergencies/{known}")
    expect(page.locator(".tally")).to_contain_text("0/ 1 家已签收")
    scripts = Held(page.context, "**/console.js*")
    later = page.context.new_page()
    later.goto(page.url, wait_until="commit")
    expect(later.locator(".tally")).to_contain_text("0/ 1 家已签收")

    sign(shouning, qingyuan, known)
    expect(page.locator(".tally")).to_contain_text("1/ 1 家已签收")
    scripts.let_go()

    expect(later.locator(".tally")).to_contain_text("1/ 1 家已签收")


def test_what_could_not_be_asked_for_when_it_changed_is_asked_for_again(
    page: Page, watch, shouning: Node, qingyuan: Node
):
    watch.expected.add(503)
    enter(page, qingyuan, "chief", "/emergencies")
    page.route("**/emergencies/lines*", lambda route: route.fulfill(status=503, body=""))
    with page.expect_response("**/emergencies/lines*"):
        _, title = raised(shouning, qingyuan)
    page.wait_for_timeout(QUIET_AFTER_S * 1000)

    page.unroute("**/emergencies/lines*")

    expect(page.locator("#lines")).to_contain_text(title)


def test_what_a_page_asks_for_by_itself_says_so_and_what_a_person_presses_does_not(
    page: Page, shouning: Node, qingyuan: Node
):
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/sign-in")) as pressed:
        enter(page, shouning, "chief")
    with page.expect_request("**/today/desk") as renewed:
        raised(qingyuan, shouning)

    assert "x-unasked" not in pressed.value.headers
    assert renewed.value.headers["x-unasked"] == "yes"
