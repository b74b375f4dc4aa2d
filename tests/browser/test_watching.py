"""The machinery of the browser tests: what must never happen on a page fails the test it happens in."""

import pytest
from playwright.sync_api import Page, Route

from tests.browser.axe import axe
from tests.browser.nodes import Node

STRICT = {"Content-Security-Policy": "default-src 'self'"}


def test_the_description_of_the_api_is_shown_and_asks_only_its_own_node(page: Page, shouning: Node):
    page.goto(f"{shouning.address}/api/docs")

    page.locator("#operations-tag-emergencies").wait_for(timeout=60_000)  # a large page, and a machine with much to do


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ("console.error('lost')", "console: lost"),
        ("setTimeout(() => { throw new Error('lost') })", "script error: lost"),
        ("fetch('/api/v1/me')", "401: GET"),
        ("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/1.png'}))", "Content Security"),
        ("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))", "Content Security"),
    ],
)
def test_what_must_never_happen_on_a_page_is_told(page, watch, shouning, deed, told):
    show(page, shouning, "<p>甲</p>", **STRICT)

    page.evaluate(f"void {deed}")
    while not watch.faults:
        page.wait_for_timeout(20)

    assert told in watch.faults[0]
    watch.faults.clear()


def test_a_request_to_another_host_is_told(page, watch, shouning):
    show(page, shouning, "<img src='https://tiles.example/1.png' alt=''>")

    assert "asked another host: https://tiles.example/1.png" in watch.faults
    watch.faults.clear()


def test_a_status_that_the_test_provokes_is_no_fault(page, watch, shouning):
    show(page, shouning, "<p>甲</p>")
    watch.expected.add(401)

    page.evaluate("fetch('/api/v1/me')")


def test_a_fault_of_accessibility_is_told_with_its_place(page, shouning):
    show(page, shouning, "<html lang=zh><title>x</title><main><h1>甲</h1><input id=place></main>")

    with pytest.raises(AssertionError, match=r"label \(critical\)[\s\S]*#place"):
        axe(page)


def show(page: Page, node: Node, html: str, **headers: str) -> None:
    """Open `html` as if the node had answered it."""

    def answer(route: Route) -> None:
        route.fulfill(body=html, content_type="text/html; charset=utf-8", headers=headers)

    page.route(node.address + "/", answer)
    page.goto(node.address)
