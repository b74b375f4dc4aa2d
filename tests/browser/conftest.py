"""A browser, two nodes, and pages that fail their test when anything on them goes wrong.

One Chromium and one pair of nodes serve all tests of a test process, so a test makes the matters it is about and
looks for those, by a title of its own.
"""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import NoChromiumError, Watch, chromium, open_page
from tests.browser.nodes import Node, running

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def _browser() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    try:
        with chromium() as browser:
            loop = asyncio.get_running_loop()
            yield browser, loop
            asyncio._set_running_loop(loop)
    except NoChromiumError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def browser(_browser: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """Chromium. Playwright leaves its event loop in this thread; between tests it is put aside, for others use one."""
    browser, loop = _browser
    asyncio._set_running_loop(loop)
    yield browser
    asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Shouning and Qingyuan: real processes that trust each other, with all of `CAST` at both."""
    with running(tmp_path_factory.mktemp("nodes")) as both:
        yield both


@pytest.fixture
def shouning(nodes: tuple[Node, Node]) -> Node:
    return nodes[0]


@pytest.fixture
def qingyuan(nodes: tuple[Node, Node]) -> Node:
    return nodes[1]


@pytest.fixture
def watch(nodes: tuple[Node, Node]) -> Iterator[Watch]:
    """What goes wrong on any page of the test: console errors, failed or foreign requests, bad statuses."""
    watch = Watch([node.address for node in nodes])
    yield watch
    watch.check()


@pytest.fixture
def new_page(browser: Browser, watch: Watch) -> Iterator[OpenPage]:
    """Open one more page, of another person: `new_page(viewport=PHONE, language="en", scheme="dark")`."""
    opened: list[Page] = []

    def make(**more: object) -> Page:
        opened.append(open_page(browser, watch, **more))
        return opened[-1]

    yield make
    for page in opened:
        page.context.close()


@pytest.fixture
def page(new_page: OpenPage) -> Page:
    """A page on a desk, in Chinese, in a browser nobody used before."""
    return new_page()
