"""Debian's Chromium, driven by Playwright; every page is watched for what must never happen on it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, ViewportSize, expect, sync_playwright

DESKTOP = ViewportSize(width=1440, height=900)
PHONE = ViewportSize(width=390, height=844)

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 20_000
"""The suite shares two processors with nodes, databases and browsers of its own: this long, and something is wrong."""
_ARGUMENTS = (
    "--no-sandbox",  # tests may run as root, where Chromium has none
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves this machine
)

_STATUS_ALONE = ("Failed to load resource: the server responded", "Response Status Error Code")
"""How Chromium and htmx log an answer with a bad status."""


class NoChromiumError(Exception):
    """There is no Chromium; the message says how to get it."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium, without a window, until the block ends.

    Raises:
        NoChromiumError: it is not installed.

    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise NoChromiumError("no Chromium; on Debian: apt-get install chromium fonts-noto-cjk")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What went wrong on a page, as it happens; `origins` are the only ones it may ask."""

    origins: Sequence[str]
    faults: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)
    """Statuses that the test provokes: `watch.expected.add(422)`."""

    def follow(self, page: Page) -> None:
        """Listen to `page`."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        page.on("request", self._see_request)
        page.on("requestfailed", self._see_failure)
        page.on("response", self._see_answer)

    def check(self) -> None:
        """Fail the test with all that went wrong."""
        assert not self.faults, "\n".join(self.faults)

    def _hear(self, message: ConsoleMessage) -> None:
        # A bad status is told by `_see_answer`, which knows what the test expects.
        if message.type == "error" and not message.text.startswith(_STATUS_ALONE):
            where = message.page.url if message.page else ""
            self.faults.append(f"console: {message.text} {where}".rstrip())

    def _see_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and f"{address.scheme}://{address.netloc}" not in self.origins:
            self.faults.append(f"asked another host: {request.url}")

    def _see_failure(self, request: Request) -> None:
        # Leaving a page ends what it still asks: its stream of events above all.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"request failed: {request.method} {request.url}: {request.failure}")

    def _see_answer(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.faults.append(f"{response.status}: {response.request.method} {response.url}")


def open_page(
    browser: Browser,
    watch: Watch,
    *,
    viewport: ViewportSize = DESKTOP,
    language: str = "zh-CN",
    scheme: str = "light",
    scripts: bool = True,
) -> Page:
    """Open a page in a context of its own, with no cookies; close it with `page.context.close()`."""
    context = browser.new_context(
        viewport=viewport,
        locale=language,
        timezone_id="Asia/Shanghai",
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        has_touch=viewport is PHONE,
        java_script_enabled=scripts,
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    watch.follow(page)
    return page
