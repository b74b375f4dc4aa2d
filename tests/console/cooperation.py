"""What the bureaus of a town owe each other, for tests of the pages of liaison and exchange; and how pages are read."""

import re
from datetime import datetime, timedelta

from httpx2 import Response

from ecolink.kit.times import CHINA
from tests.support.agreements import LIAISON, conclude, terms
from tests.support.console import Reception, Visitor
from tests.support.pages import Typed, forms_of
from tests.support.town import QINGYUAN, SHOUNING, Town

EXCHANGE = {
    "code": "exchange",
    "kind": "exchange",
    "name_zh": "季度通报交流",
    "name_en": "Quarterly exchange",
    "period": "quarter",
    "rule": "FREQ=MONTHLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1",
}
CONSULTATION = {
    "code": "consultation",
    "kind": "consultation",
    "name_zh": "情报会商研判",
    "name_en": "Intelligence consultation",
    "period": "year",
    "rule": "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31",
}
DRILL = {**LIAISON, "code": "drill", "kind": "drill", "name_zh": "联动演练", "name_en": "Joint drill"}
DECEMBER = "sn-qy-151/liaison/2026-12"
WINTER = "sn-qy-151/exchange/2027-Q1"
SCRIPT = "<script>alert(1)</script>"


def agree(town: Town) -> tuple[Reception, Reception]:
    """Let Shouning and Qingyuan have an agreement in force, on 3 December 2026; return the consoles of both."""
    conclude(town, terms(duties=[LIAISON, EXCHANGE, CONSULTATION, DRILL]))
    town.wait(timedelta(days=9))
    return Reception(town.nodes[SHOUNING]), Reception(town.nodes[QINGYUAN])


def fill(visitor: Visitor, at: str, action: str, typed: Typed | None = None) -> Response:
    """Type into the form of the page `at` that goes to `action`, and send it as the page's script does."""
    shown = visitor.get(at)
    assert shown.status_code == 200, shown.text
    fitting = [form for form in forms_of(shown.text) if form.action == action and form.takes(typed or {})]
    assert fitting, f"{at} has no form to {action} that takes {sorted(typed or {})}"
    return visitor.send(action, fitting[0].filled(typed or {}))


def sent(visitor: Visitor, at: str, action: str, typed: Typed | None = None) -> str:
    """Do the same where nothing is wrong with it, and return the page it leads to."""
    answer = fill(visitor, at, action, typed)
    assert answer.status_code == 200, answer.text
    return answer.headers["HX-Redirect"]


def hidden(page: str, name: str) -> str:
    """Return what a page's form carries under a name that nobody types into."""
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def wrong_at(answer: Response) -> set[str]:
    """Return the members that a refused form is told of, each in Chinese too."""
    assert answer.status_code == 422, answer.text
    faults = answer.json()["errors"]
    assert all(re.search("[一-鿿]", fault["detail_zh"]) for fault in faults), faults
    return {fault["pointer"] for fault in faults}


def typed_time(at: datetime) -> str:
    """Return a moment as a person types it, by clocks in China."""
    return f"{at.astimezone(CHINA):%Y-%m-%dT%H:%M}"
