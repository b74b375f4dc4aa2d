"""Whatever is written into a lead is text on every page that shows it, and never markup."""

from html.parser import HTMLParser

import pytest

from ecolink.identity.roles import Role
from tests.exchanges.leads.bureaux import Border, written
from tests.support.console import Reception
from tests.support.town import QINGYUAN

pytestmark = pytest.mark.by_turns

PAYLOADS = (
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</textarea></title><svg onload=alert(1)>",
    "{{ 7*7 }}{% include 'x' %}",
    "<a href=javascript:alert(1) style=x hx-get=/x>x</a>",
)


class Markup(HTMLParser):
    """Collects what no page of ours holds."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "img" or (tag == "script" and "src" not in named) or (tag == "svg" and "onload" in named):
            self.faults.append(f"{tag} {attrs}")
        for name, value in attrs:
            if name.startswith("on") or name == "style" or (value or "").startswith("javascript:"):
                self.faults.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_typed_into_a_lead_never_becomes_part_of_a_page(border: Border, reception: Reception, payload: str):
    text = f"材料{payload}"
    lead_id = border.ask(
        letter_number=text, case_number=text[:60], stage=text, facts=text, information_requested=text, why_recipient=text,
        scope=text, use_restrictions=text, urgency="U2", urgency_reason=text, remote_area=True, remote_area_reason=text,
        organisations=[{"name": text, "note": text}], items=[{"name": text, "species": text}], location={"text": text},
        contact={"name": text, "post": text}, governance={"purpose": text, "legal_basis": text, "handling": {"code": "H3", "text": text}},
        persons=[{"ref": "P1", "category": "suspect", "basis": "fact", "name": f"林{payload}", "address": text, "note": text}],
        vehicles=[{"description": text}],
    )  # fmt: skip
    for office, name, said in (
        (border.qingyuan, "acknowledged", {"note": text}),
        (border.qingyuan, "accepted", {"note": text, "handled_by": text}),
        (border.qingyuan, "started", {"note": text}),
        (border.qingyuan, "information_requested", {"questions": text}),
        (border.shouning, "information_provided", {"answer": text}),
        (border.qingyuan, "message", {"text": text}),
        (border.qingyuan, "replied", {"findings": text, "scope_executed": text, "officers": _officers(text)}),
    ):
        office.make(lead_id, name, **said)
        border.town.settle()
    draft = border.shouning.draft(facts=text, letter_number=text, contact={"name": text})
    waiting = border.ask("acknowledged")
    border.qingyuan.propose(waiting, "returned", explanation=text, corrections=[text])
    for node, paths in (
        (reception, ("/leads", f"/leads/{lead_id}", f"/leads/{lead_id}/letter", f"/leads/{lead_id}/reply-letter",
                     f"/leads/{draft}", f"/leads/{draft}/edit", f"/leads/{lead_id}/moves/feedback", "/")),
        (Reception(border.town.nodes[QINGYUAN]), ("/leads", f"/leads/{lead_id}", f"/leads/{waiting}", "/")),
    ):  # fmt: skip
        visitor = node.signed_in(Role.CHIEF)
        for path in paths:
            page = visitor.get(path)
            assert page.status_code == 200, (path, page.text)
            markup = Markup()
            markup.feed(page.text)
            assert markup.faults == [], path
            assert path == "/" or "材料" in page.text or path.endswith("feedback")
            assert "材料49" not in page.text
    shown = reception.signed_in(Role.CHIEF).send(
        f"/leads/{lead_id}/reveal", {"/person": "P1", "/fields@list": ["name", "note", "address"], "/reason": "核对"}
    )
    markup = Markup()
    markup.feed(shown.text)
    assert markup.faults == []
    assert written("message", text=text).body()["text"] == text


def _officers(text: str) -> list[dict[str, str]]:
    return [{"name": text, "post": text}, {"name": "陈远山"}]


@pytest.fixture
def border(town):
    return Border(town)
