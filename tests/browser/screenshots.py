"""Pictures of every page, as `make screenshots` takes them: the demo is played, then each page is looked at.

    python -m tests.browser.screenshots [FOLDER]

Each at the width of a desk and of a phone, light and dark, and as it is printed, in Chinese and in English; and what
is seen where something went wrong, or where a browser runs no scripts. Look at all of them after a change of style.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, ViewportSize
from rich.console import Console

from ecolink.console.language import COOKIE, Language
from ecolink.entrypoints.demo import houses, play
from ecolink.entrypoints.demo.cast import bureaus
from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.entrypoints.demo.people import Person
from ecolink.entrypoints.demo.stage import Stage
from ecolink.entrypoints.demo.telling import Narrator
from tests.browser.chromium import DESKTOP, PHONE, Watch, chromium, open_page
from tests.browser.crawl import pages_within_reach
from tests.browser.nodes import sign_in

WHO = ("liaison", "chief", "auditor", "admin")
"""Whose pages: what one has seen is not taken again as the next."""
WIDTHS = {"desktop": DESKTOP, "phone": PHONE}
PAPER = ViewportSize(width=680, height=990)
"""What an A4 sheet has room for within its margins, in CSS pixels."""
WRONG = {
    "wrong-address": "/nowhere",
    "wrong-role": "/administration/people",
    "wrong-link": "/leads?state=none",
    "wrong-one-time-link": "/a/none",
}
"""What the first of them looks at in vain, by the name of the picture."""


def main(folder: Path) -> int:
    """Play, look, and return the exit code: not 0 where something went wrong on a page."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        console = Console(stderr=True, highlight=False)
        clock = PlayClock.at_present(Path(place) / "clock")
        stage = Stage(houses.build(bureaus(2), Path(place), clock), Narrator(console), clock)
        try:
            if play._perform(stage, console) is not None:
                return 1
            watch = Watch([house.address for house in stage.houses])
            taken: set[str] = set()
            for who in WHO:
                page = open_page(browser, watch)
                _take_all(page, stage.who("shouning", who), folder, taken)
                page.context.close()
            _take_what_is_wrong(open_page(browser, watch), stage.who("shouning", WHO[0]), folder, watch)
            _take_unscripted(open_page(browser, watch, scripts=False), stage.who("shouning", WHO[0]), folder)
        finally:
            for house in stage.houses:
                house.stop()
    print(f"{len(taken)} pages in {folder}")
    print("\n".join(watch.faults))
    return 1 if watch.faults else 0


def _take_all(page: Page, person: Person, folder: Path, taken: set[str]) -> None:
    sign_in(page, person.house.address, person.username, person.password)
    for kind in pages_within_reach(page):
        if kind in taken:
            continue
        taken.add(kind)
        name = kind.strip("/").replace("/", "-") or "today"
        for language in Language:
            page.context.add_cookies([{"name": COOKIE, "value": language, "url": person.house.address}])
            if language is Language.ENGLISH:
                page.reload()
            _take(page, folder / f"{name}.{language}")
        page.context.clear_cookies(name=COOKIE)
        page.set_viewport_size(DESKTOP)


def _take_what_is_wrong(page: Page, person: Person, folder: Path, watch: Watch) -> None:
    watch.expected |= {403, 404, 422}
    sign_in(page, person.house.address, person.username, person.password)
    for name, path in WRONG.items():
        page.goto(person.house.address + path)
        _take(page, folder / name)
    page.context.clear_cookies()
    page.goto(f"{person.house.address}/sign-in?to=/leads&ended=yes")
    _take(page, folder / "login-ended")
    page.context.close()


def _take_unscripted(page: Page, person: Person, folder: Path) -> None:
    sign_in(page, person.house.address, person.username, person.password)
    for name, path in {"unscripted-today": "/", "unscripted-lead": "/leads/new"}.items():
        page.goto(person.house.address + path)
        _take(page, folder / name)
    page.context.close()


def _take(page: Page, stem: Path) -> None:
    """Take the page as it is, in each width and theme, and on paper."""
    for width, viewport in WIDTHS.items():
        page.set_viewport_size(viewport)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            _settle(page)
            page.screenshot(path=f"{stem}.{width}.{scheme}.png", full_page=True)
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print", color_scheme="light")
    page.screenshot(path=f"{stem}.paper.png", full_page=True)
    page.emulate_media(media="screen")


def _settle(page: Page) -> None:
    """Let a map be drawn, and what follows the size of the window follow it."""
    if page.locator("[data-map]").count():
        page.locator("[data-map][data-ready]").first.wait_for()
    page.wait_for_timeout(120)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/screenshots")))
