"""Every page a person can reach, found as they would find it: by following links from the first one."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Page

MOST_PAGES = 150
_NAMES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|\d{12}|(?<=/)\d{4}(-\d\d|-Q\d)?(?=/|$)")
"""What differs between two pages of a kind: an id, a digest, a unit code, a period."""
_ELSEWHERE = ("/api/", "/static/", "/sign-out", "/live")


def kind_of(path: str) -> str:
    """Return what all pages of a kind have in common; a query makes another view of the same page."""
    return _NAMES.sub("ID", urlsplit(path).path)


def pages_within_reach(page: Page) -> Iterator[str]:
    """Open one page of each kind that links lead to from where `page` is, and yield its kind while it is open."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
    waiting, seen = ["/"], {"/"}
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        page.goto(origin + path)
        yield kind_of(path)
        for link in page.eval_on_selector_all(
            "a[href^='/']:not([download])", "all => all.map(a => a.getAttribute('href'))"
        ):
            if kind_of(link) not in seen and not link.startswith(_ELSEWHERE) and not is_file(link):
                seen.add(kind_of(link))
                waiting.append(link.split("#")[0])


def is_file(link: str) -> bool:
    """Tell whether a link leads to something other than a page."""
    last = urlsplit(link).path.rsplit("/", 1)[-1]
    return "." in last or last in {
        "export",
        "download",
        "file",
        "pdf",
        "document",
        "letter",
        "reply-letter",
        "drill-report",
    }
