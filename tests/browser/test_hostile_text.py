"""Hostile text in every field that takes any: typed here, and arrived in what a partner signed."""

import asyncio
import gc
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from html import unescape
from io import BytesIO
from itertools import count
from shutil import copyfile

import pytest
import uvicorn
from playwright.sync_api import Browser, Page
from pypdf import PdfReader
from pypdf.generic import ArrayObject

from ecolink.alerts.channels.catalogue import CODECS, read_settings
from ecolink.alerts.channels.wire import MailRequest
from ecolink.alerts.letters import Reader, write
from ecolink.documents.lettering import visible
from ecolink.web.openapi import local_app
from tests.alerts.office import ADDRESSES, CONSOLE, MESSAGE, NOON, SETTINGS
from tests.browser.chromium import Watch, open_page
from tests.browser.crawl import is_file, kind_of, pages_within_reach
from tests.browser.hostile.inspection import inspect
from tests.browser.hostile.pen import NAME, Pen
from tests.browser.hostile.story import House, Story
from tests.browser.nodes import sign_in
from tests.support.console import PASSWORD
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.timeout(400)

SOME = 4
"""How many pages of a kind are looked at for each person."""

NO_TEXT_OF_ANYBODYS = {
    "one of our own codes": (r".* /governance/classification",),
    "a secret, which is shown to nobody": (
        r"POST /oauth/.*",
        r"POST /me/.* /(current_password|password|otp|code)",
        r"PUT /me/pin /current_password",
        r"POST /users/\{user_id\}/reset /password",
    ),
    "digits, or signed by the bureau itself": (r"POST /peers.* /(card|fingerprint)",),
    "checked by what the channel takes": (
        r"POST /me/contact-points /address",
        r"POST /channels/\{channel_id\}/test /address",
    ),
    "days, one a line": (r"POST /agreements/\{code\}/calendars /table",),
}
"""What the story does not write, and why."""


@pytest.fixture(scope="module")
def story(sqlite_template, tmp_path_factory) -> Iterator[Story]:
    """All has been said, at Shouning and at Qingyuan."""
    folder, numbers = tmp_path_factory.mktemp("hostile"), count(1)

    def new_database_url() -> str:
        path = folder / f"node-{next(numbers)}.db"
        copyfile(sqlite_template, path)
        return f"sqlite:///{path}"

    town = Town(folder, new_database_url)
    for unit_code in (SHOUNING, QINGYUAN):
        town.add(unit_code)
    town.introduce(SHOUNING, QINGYUAN)
    story = Story(town, Pen(local_app().openapi()))
    story.tell()
    yield story
    town.close()


@pytest.fixture
def parser(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def test_every_member_that_takes_text_was_written_in_hostile_words(story: Story):
    excused = {
        member
        for ways in NO_TEXT_OF_ANYBODYS.values()
        for member in story.pen.wanted()
        if any(re.fullmatch(way, member) for way in ways)
    }

    assert story.pen.wanted() - story.pen.taken == excused


def test_no_page_holds_an_element_an_attribute_or_an_address_that_came_from_a_text(story: Story, parser: Page):
    pages = dict(story.album)
    for house in (story.shouning, story.qingyuan):
        for n, username in enumerate(house.people):
            language = ("zh-CN", "en")[n % 2]
            found = pages_of(house, username, language)
            pages |= {f"{address} for {username} in {language}": html for address, html in found.items()}

    findings, shown = inspect(parser, pages, story.pen.texts)

    assert not findings, "\n".join(f"{each.address}: {each.faults[:3]}" for each in findings[:20])
    assert len(shown) > len(story.pen.texts) / 2, "the pages show less than they should"


def test_nothing_runs_in_a_real_browser_and_its_policy_has_nothing_to_forbid(story: Story, browser: Browser):
    for house, username in ((story.shouning, "bo"), (story.qingyuan, "chen")):
        with served(house) as address:
            watch = Watch([address])
            page = open_page(browser, watch)
            page.add_init_script(f"window.{NAME} = () => console.error('a text was run')")
            sign_in(page, address, username, PASSWORD)
            assert len([*pages_within_reach(page)]) > 10
            page.context.close()
            watch.check()


def test_a_mail_holds_no_element_that_came_from_a_title(parser: Page):
    pen = Pen({})
    titles = [pen.line(900) for _ in range(2)]
    message = replace(MESSAGE, title_zh=titles[0], title_en=titles[1])
    letter = write([("dispatch-1", message)], Reader(own=True, language="zh", console_url=CONSOLE))

    sent = CODECS["email"].compose(letter, read_settings(SETTINGS["email"]), ADDRESSES["email"], NOON)

    assert isinstance(sent, MailRequest)
    mail = message_from_bytes(sent.content, policy=default)
    html = mail.get_body(("html",)).get_content()
    findings, shown = inspect(parser, {"mail": html}, pen.texts)
    assert (findings, shown) == ([], set(pen.texts))
    assert f"X-{NAME}" not in mail


def test_a_letter_is_a_sound_file_that_prints_texts_as_they_were_written_and_does_nothing(story: Story):
    found, whole = set(), set()
    for house, username in ((story.shouning, "an"), (story.qingyuan, "du")):
        house.sign_in(username)
        for address in letters_in(story.album.values()):
            answer = house.visitor(username).get(address)
            if answer.headers.get("content-type") != "application/pdf":
                continue  # it is the other bureau's
            file = PdfReader(BytesIO(answer.content), strict=True)
            said = squeezed("".join(page.extract_text() for page in file.pages))
            texts = {number: squeezed(visible(story.pen.texts[number])) for number in re.findall(r"n\d{4}", said)}
            found |= texts.keys()
            whole |= {number for number, text in texts.items() if text in said}
            assert not re.findall(rb"/(JS|JavaScript|URI|Launch|AA|Annots|EmbeddedFiles)\b", answer.content)
            assert isinstance(file.trailer["/Root"]["/OpenAction"], ArrayObject), "where it opens, and no deed"

    assert len(found) > 60
    assert len(whole) > 0.8 * len(found), "what ends on another page, or in a row that does, stands in two parts"


def letters_in(pages: Iterable[str]) -> list[str]:
    """Return the addresses of the letters that pages offer as PDF."""
    offered = re.compile(r'href="(/[^"#]*(?:letter|document)[^"#]*format=pdf)"')
    return sorted({unescape(address) for page in pages for address in offered.findall(page)})


def squeezed(text: str) -> str:
    """Return a text as it is without the breaks of lines and pages."""
    return re.sub(r"\s|— \d+ —", "", text)


def pages_of(house: House, username: str, language: str) -> dict[str, str]:
    """Return pages that links lead somebody to, some of each kind, by address."""
    visitor = house.visitor(username)
    visitor.client.cookies.set("ecolink-language", language)
    waiting, pages, met = ["/"], {}, Counter[str]()
    while waiting:
        address = waiting.pop(0)
        kind = kind_of(address) + "?" * ("?" in address)
        if (
            address in pages
            or met[kind] == SOME
            or is_file(address)
            or address.startswith(("/static", "/api", "/live"))
        ):
            continue
        met[kind] += 1
        answer = visitor.get(address)
        if answer.headers.get("location", "").startswith("/sign-in"):
            house.sign_in(username)
            answer = visitor.get(address)
        if answer.headers.get("content-type", "").startswith("text/html"):
            pages[address] = answer.text
            waiting += map(unescape, re.findall(r'(?:href|hx-get)="(/[^"#]*)', answer.text))
    gc.collect()
    return pages


@contextmanager
def served(house: House) -> Iterator[str]:
    """Serve a bureau's console on loopback until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(house.reception.app, ws="none", lifespan="off", log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
