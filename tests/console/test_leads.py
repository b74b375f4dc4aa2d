"""Case leads at the console: who sees what, who may do what, and where each fault is told."""

import re

import pytest
from httpx2 import Response
from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.identity.roles import Role
from tests.exchanges.leads.bureaux import PERSON, Border, request, written
from tests.support.console import BROWSER, Reception, Visitor
from tests.support.forms import fields
from tests.support.town import QINGYUAN, Town

pytestmark = pytest.mark.by_turns

REQUEST = request().model_dump(mode="json", exclude_none=True)
OFFICER, APPROVER, AUDITOR, INTAKE = Role.OFFICER, Role.APPROVER, Role.AUDITOR, Role.INTAKE_REVIEWER
NUMBER = PERSON["identity_number"]


@pytest.fixture
def border(town: Town) -> Border:
    return Border(town)


@pytest.fixture
def asked(town: Town) -> Reception:
    """Qingyuan's console."""
    return Reception(town.nodes[QINGYUAN])


def created(visitor: Visitor, **changes: object) -> str:
    answer = visitor.send("/leads/new", fields({**REQUEST, **changes}))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def went_to(answer: Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.headers["HX-Redirect"])


def wrong_at(answer: Response) -> list[str]:
    """Return the pointers a refused form is told of."""
    assert answer.status_code == 422, answer.text
    return sorted(fault["pointer"] for fault in answer.json()["errors"])


def reveals(reception: Reception) -> list[AccessRow]:
    with reception.node.database.read() as session:
        return list(session.scalars(select(AccessRow).where(AccessRow.action == "reveal").order_by(AccessRow.n)))


def test_a_request_is_written_approved_and_sent_by_two_people(reception: Reception, asked: Reception, town: Town):
    officer, approver = reception.signed_in(OFFICER), reception.signed_in(APPROVER)
    assert "拟写协查函" in officer.get("/leads/new").text
    lead_id = created(officer)
    assert went_to(officer.send(f"/leads/{lead_id}/submit")) == f"/leads/{lead_id}"

    page = approver.get(f"/leads/{lead_id}").text
    assert "以下即为将要签名发出的全部内容" in page
    assert "林某" in page
    assert NUMBER not in page
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    assert went_to(approver.send(f"/leads/{lead_id}/send", {"version": version})) == f"/leads/{lead_id}"
    town.settle()

    assert "已送达" in officer.get(f"/leads/{lead_id}").text
    assert "寿宁县公安局请我局协查" in asked.signed_in(INTAKE).get(f"/leads/{lead_id}").text


def test_an_approver_sends_only_the_version_they_read_and_never_their_own(reception: Reception):
    officer, approver = reception.signed_in(OFFICER), reception.signed_in(APPROVER)
    lead_id = created(officer)
    officer.send(f"/leads/{lead_id}/submit")
    assert approver.send(f"/leads/{lead_id}/send", {"version": "1"}).json()["type"].endswith("stale")
    answer = approver.send(f"/leads/{lead_id}/send-back", {"/reason": "请补充查询范围。"})
    assert went_to(answer) == f"/leads/{lead_id}"
    assert "请补充查询范围。" in officer.get(f"/leads/{lead_id}/edit").text

    own = created(approver)
    approver.send(f"/leads/{own}/submit")
    page = approver.get(f"/leads/{own}").text
    version = re.search(r"seen=", page) and approver.get(f"/leads/{own}").text
    assert "您是拟稿人，须由另一人审批" in version
    assert f'action="/leads/{own}/send"' not in page
    assert approver.send(f"/leads/{own}/send", {"version": "2"}).status_code == 403


@pytest.mark.parametrize(
    ("role", "path", "button"),
    [
        (AUDITOR, "/leads/new", "拟写协查函"),
        (AUDITOR, "/leads/{}/messages", "给对方单位留言"),
        (AUDITOR, "/leads/{}/reveal", "查看完整信息"),
        (AUDITOR, "/leads/{}/print-in-full", "含完整人员信息"),
        (OFFICER, "/leads/{}/moves/acknowledged", "/moves/acknowledged"),
        (AUDITOR, "/leads/{}/moves/withdrawn", "/moves/withdrawn"),
        (Role.INTEGRATOR, "/leads/{}/reveal", "查看完整信息"),
    ],
)
def test_what_one_may_not_do_is_hidden_and_refused_all_the_same(border: Border, asked: Reception, role, path, button):
    lead_id = border.ask()
    able = asked.signed_in(Role.CHIEF)
    visitor = asked.signed_in(role)
    shown = "/leads" if path == "/leads/new" else f"/leads/{lead_id}"
    if "withdrawn" not in path:
        assert button in able.get(shown).text, "or the test looks for what is never there"

    assert button not in visitor.get(shown).text
    assert visitor.send(path.format(lead_id), {"/reason": "x", "/text": "x"}).status_code == 403


def test_an_administrator_reads_no_case(reception: Reception, border: Border):
    lead_id = border.ask()
    administrator = reception.signed_in(Role.ADMINISTRATOR)

    for path in ("/leads", "/leads/new", f"/leads/{lead_id}", f"/leads/{lead_id}/now", f"/leads/{lead_id}/letter"):
        assert administrator.get(path).status_code == 403, path
    assert 'href="/leads"' not in administrator.get("/").text


def test_every_fault_of_a_request_has_its_field_on_the_page(reception: Reception):
    officer = reception.signed_in(OFFICER)
    page = officer.get("/leads/new").text
    bad = {**REQUEST, "persons": [{**PERSON, "identity_number": "!"}], "items": [{"name": "杉木", "count": "几"}]}
    bad |= {
        "contact": {"name": "吴建国", "phone": "x"},
        "location": {"text": "村", "point": {"lat": 91}},
        "due_at": "x",
    }
    pointers = wrong_at(officer.send("/leads/new", {})) + wrong_at(officer.send("/leads/new", fields(bad)))

    assert {"/letter_number", "/governance", "/persons/0/identity_number", "/items/0/count", "/due_at"} <= set(pointers)
    names = {name.split("@")[0].replace("__n__", "0") for name in re.findall(r'name="(/[^"]+)"', page)}
    lost = [p for p in pointers if not any(name == p or name.startswith(p + "/") for name in names)]
    assert lost == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"urgency": "U1"}, "/urgency_reason"),
        ({"remote_area": True}, "/remote_area_reason"),
        ({"to": "999999999999"}, "/to"),
        ({"facts": f"{NUMBER}有嫌疑。"}, "/facts"),
        ({"governance": {"purpose": "办案", "classification": "secret"}}, "/governance/classification"),
        ({"governance": {"purpose": "办案", "handling": {"code": "H3"}}}, "/governance/handling/text"),
    ],
)
def test_a_rule_that_is_broken_is_told_at_the_member_that_breaks_it(reception: Reception, changes, pointer):
    answer = reception.signed_in(OFFICER).send("/leads/new", fields({**REQUEST, **changes}))

    assert wrong_at(answer) == [pointer]
    assert re.search("[一-鿿]", answer.json()["errors"][0]["detail_zh"])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"officers": []}, "/officers"),
        ({"executed_from": ...}, "/executed_from"),
        ({"executed_to": "2026-11-01"}, "/executed_to"),
        ({"outcome": "unable"}, "/reason_code"),
        ({"outcome": "unable", "reason_code": "no-record"}, "/explanation"),
        ({"outcome": "interim"}, "/new_due_at"),
        ({"outcome": "interim", "new_due_at": "2026-11-01T08:00:00+08:00"}, "/new_due_at"),
    ],
)
def test_a_reply_that_lacks_something_is_told_where(border: Border, asked: Reception, changes, pointer):
    lead_id = border.ask("acknowledged", "accepted", "started")
    reply = {**written("replied").model_dump(mode="json", exclude_none=True), **changes}
    said = {name: value for name, value in reply.items() if value is not ...}
    visitor = asked.signed_in(OFFICER)

    assert wrong_at(visitor.send(f"/leads/{lead_id}/moves/replied", fields(said))) == [pointer]
    assert 'name="/findings"' in visitor.get(f"/leads/{lead_id}/moves/replied").text


def test_a_draft_saves_itself_and_keeps_the_persons_the_page_did_not_show(reception: Reception):
    officer = reception.signed_in(OFFICER)
    lead_id = created(officer)
    page = officer.get(f"/leads/{lead_id}/edit").text
    assert NUMBER not in page
    assert "林某" in page

    version = re.search(r'name="version" value="(\d+)"', page)[1]
    said = fields({**{name: value for name, value in REQUEST.items() if name != "persons"}, "stage": "移送审查起诉"})
    saved = officer.send(f"/leads/{lead_id}/edit", {**said, "version": version})
    assert saved.json()["version"] > int(version)
    assert officer.send(f"/leads/{lead_id}/edit", {**said, "version": version}).status_code == 412
    opened = officer.send(f"/leads/{lead_id}/persons", {"/reason": "核对拟稿内容。"}).text
    assert f'value="{NUMBER}"' in opened
    assert [(row.reason, row.object_id) for row in reveals(reception)] == [("核对拟稿内容。", lead_id)]

    emptied = {**said, "persons-shown": "yes", "version": str(saved.json()["version"]), "then": "leave"}
    assert went_to(officer.send(f"/leads/{lead_id}/edit", emptied)) == f"/leads/{lead_id}"
    shown = officer.get(f"/leads/{lead_id}").text
    assert "移送审查起诉" in shown
    assert "林某" not in shown


def test_a_draft_is_deleted_with_its_persons(reception: Reception):
    officer = reception.signed_in(OFFICER)
    lead_id = created(officer)

    assert went_to(officer.send(f"/leads/{lead_id}/discard", {"version": "1"})) == "/leads"
    assert officer.get(f"/leads/{lead_id}").status_code == 404


def test_a_person_is_shown_in_full_to_who_says_why_and_it_is_recorded(border: Border, asked: Reception):
    lead_id = border.ask()
    visitor = asked.signed_in(INTAKE)
    form = {"/person": "P1", "/fields@list": ["name", "identity_number"], "/reason": "核对户籍底册。"}
    assert NUMBER not in visitor.get(f"/leads/{lead_id}").text
    assert wrong_at(visitor.send(f"/leads/{lead_id}/reveal", {**form, "/reason": ""})) == ["/reason"]
    assert reveals(asked) == []

    shown = visitor.send(f"/leads/{lead_id}/reveal", form).text
    assert NUMBER in shown
    assert [row.reason for row in reveals(asked)] == ["核对户籍底册。"]
    assert NUMBER not in visitor.get(f"/leads/{lead_id}").text


def test_moves_are_made_at_the_console_up_to_the_end(border: Border, reception: Reception, asked: Reception):
    lead_id = border.ask()
    ours, theirs = reception.signed_in(OFFICER), asked.signed_in(INTAKE)

    def make(visitor: Visitor, move: str, **said: object) -> None:
        page = visitor.get(f"/leads/{lead_id}").text
        assert f'href="/leads/{lead_id}/moves/{move}"' in page
        assert visitor.get(f"/leads/{lead_id}/moves/{move}").status_code == 200
        went_to(visitor.send(f"/leads/{lead_id}/moves/{move}", fields(said)))
        if (
            "批准并发出"
            in (approving := (reception if visitor is ours else asked).signed_in(APPROVER))
            .get(f"/leads/{lead_id}")
            .text
        ):
            path = re.search(r'action="([^"]+/approve)"', approving.get(f"/leads/{lead_id}").text)[1]
            went_to(approving.send(path))
        border.town.settle()

    make(theirs, "acknowledged", note="归口部门已收悉。")
    make(theirs, "returned", reason_code="letter-missing", explanation="未附协作函。", corrections=["补协作函"])
    correction = {name: value for name, value in REQUEST.items() if name not in ("to", "governance", "persons")}
    make(ours, "resubmitted", **correction, correction="已补协作函。")
    make(theirs, "accepted", handled_by="龙溪派出所")
    make(theirs, "started")
    make(theirs, "information_requested", questions="请提供P1曾用名。")
    assert "请提供P1曾用名。" in ours.get(f"/leads/{lead_id}/moves/information_provided").text
    make(ours, "information_provided", answer="P1无曾用名。")
    went_to(theirs.send(f"/leads/{lead_id}/messages", {"/text": "材料已收到。"}))
    border.town.settle()
    make(theirs, "replied", **written("replied").model_dump(mode="json", exclude_none=True))
    make(ours, "feedback", used_for="锁定嫌疑人。", usefulness=5, outcome="arrests")
    make(ours, "closed", conclusion="嫌疑人已到案。")

    for visitor in (ours, theirs):
        page = visitor.get(f"/leads/{lead_id}").text
        for said in (
            "已办结",
            "归口部门已收悉。",
            "缺少协作函",
            "龙溪派出所",
            "材料已收到。",
            "已全部查清",
            "签名已验证",
        ):
            assert said in page, said
        assert "签名未通过验证" not in page
        assert "/moves/" not in page


def test_a_move_that_is_declined_goes_back_with_its_reason(border: Border, asked: Reception):
    lead_id = border.ask("acknowledged")
    officer, approver = asked.signed_in(OFFICER), asked.signed_in(APPROVER)
    officer.send(
        f"/leads/{lead_id}/moves/transferred",
        fields(
            {
                "to": "350724000000",
                "to_name": "松溪县公安局",
                "reason_code": "person-moved",
                "explanation": "户籍已迁出。",
            }
        ),
    )
    page = approver.get(f"/leads/{lead_id}").text
    assert "松溪县公安局" in page
    path = re.search(r'href="([^"]+/decline)"', page)[1]
    assert officer.send(path, {"/reason": "x"}).status_code == 403

    went_to(approver.send(path, {"/reason": "对象仍在本县。"}))
    assert "对象仍在本县。" in officer.get(f"/leads/{lead_id}").text


def test_an_open_page_asks_anew_and_is_told_only_what_changed(border: Border, asked: Reception):
    lead_id = border.ask()
    visitor = asked.signed_in(INTAKE)
    again = re.search(rf'hx-get="(/leads/{lead_id}/now\?seen=\w+)"', visitor.get(f"/leads/{lead_id}").text)[1]

    assert visitor.get(again).status_code == 204
    border.run(lead_id, "acknowledged")
    assert "已签收" in visitor.get(again).text


def test_what_today_counts_is_what_its_links_list(border: Border, asked: Reception, town: Town):
    border.ask()
    border.ask("acknowledged", urgency="U1", urgency_reason="车辆正驶入龙溪乡。")
    visitor = asked.signed_in(Role.CHIEF)
    visitor.send("/leads/new", {**fields({**REQUEST, "to": "350924000000"}), "then": "submit"})
    found = re.findall(r'<a href="(/leads\?[^"]+)"><b[^>]*>(\d+)</b>', visitor.get("/").text)

    assert [count for _, count in found] == ["1", "1", "0", "1"]
    for path, count in found:
        assert visitor.get(path.replace("&amp;", "&")).text.count('class="strong"') == int(count), path


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2), ("?q=盗伐", 1), ("?q=采矿", 1), ("?q=走私", 0), ("?state=delivered", 1), ("?state=&kind=&q=", 2), ("?kind=records", 1),
        ("?direction=in", 2), ("?direction=out", 0), ("?urgency=U2", 1), ("?ours_to_do=true", 2), ("?exercise=true", 1),
        ("?peer=350924000000&sort=due", 2), ("?limit=1", 1),
    ],
)  # fmt: skip
def test_leads_are_found_by_what_stands_in_the_address(border: Border, asked: Reception, query: str, count: int):
    border.ask()
    border.ask(
        "acknowledged",
        kind="records",
        urgency="U2",
        urgency_reason="木材即将转移。",
        facts="非法采矿。",
        charges=["343"],
    )
    border.ask(governance={"purpose": "演练", "is_exercise": True})
    visitor = asked.signed_in(AUDITOR)

    assert visitor.get(f"/leads{query}").text.count('class="strong"') == count
    assert visitor.get(f"/leads/rows{query}").text.count('class="strong"') == count


def test_a_list_goes_on_on_the_next_page(border: Border, asked: Reception):
    for _ in range(3):
        border.ask()
    visitor = asked.signed_in(AUDITOR)
    first = visitor.get("/leads?direction=in&limit=2").text
    further = re.search(r'href="(/leads\?direction=in&amp;cursor=[^"]+|/leads\?direction=in&cursor=[^"]+)"', first)[1]

    second = visitor.get(further.replace("&amp;", "&")).text
    assert second.count('class="strong"') == 1


def test_a_file_comes_in_and_goes_out_with_the_request(reception: Reception, asked: Reception, town: Town):
    officer, approver = reception.signed_in(OFFICER), reception.signed_in(APPROVER)
    officer.get("/leads/new")
    sent = officer.client.post(
        "/attachments?name=letter.pdf", content=b"%PDF-1.4 letter", headers=BROWSER | {"X-CSRF-Token": officer.csrf}
    )
    assert sent.status_code == 201, sent.text
    digest = sent.json()["digest"]
    lead_id = created(officer, documents=[{"digest": digest, "kind": "letter", "title": "协作函"}])
    officer.send(f"/leads/{lead_id}/submit")
    version = re.search(r'name="version" value="(\d+)"', approver.get(f"/leads/{lead_id}").text)[1]
    went_to(approver.send(f"/leads/{lead_id}/send", {"version": version}))
    town.settle()

    assert f'href="/attachments/{digest}"' in officer.get(f"/leads/{lead_id}").text
    assert officer.get(f"/attachments/{digest}").content == b"%PDF-1.4 letter"
    assert "协作函" in asked.signed_in(AUDITOR).get(f"/leads/{lead_id}").text
    assert reception.signed_in(Role.ADMINISTRATOR).get(f"/attachments/{digest}").status_code == 403
    foreign = officer.client.post("/attachments?name=x", content=b"x", headers=BROWSER)
    assert foreign.status_code == 403


def test_letters_are_masked_unless_somebody_says_why(border: Border, asked: Reception):
    lead_id = border.ask("acknowledged", "accepted", "started", "replied")
    visitor = asked.signed_in(INTAKE)
    letter, reply = (visitor.get(f"/leads/{lead_id}/{name}").text for name in ("letter", "reply-letter"))
    for said in (
        "寿宁县公安局关于商请出具户籍证明的函",
        "寿公协〔2026〕18号",
        "庆元县公安局：",
        "林某",
        "本件所列个人信息已作遮盖处理",
    ):
        assert said in letter, said
    for said in ("庆元县公安局协查回执", "周小河（民警）、陈远山（民警）", "P1户籍在龙溪乡"):
        assert said in reply, said
    assert NUMBER not in letter + reply
    assert visitor.get(f"/leads/{lead_id}/letter?format=pdf").content.startswith(b"%PDF")
    assert visitor.send(f"/leads/{lead_id}/print-in-full", {"format": "html"}).status_code == 422
    assert reveals(asked) == []

    full = visitor.post(f"/leads/{lead_id}/print-in-full", {"format": "html", "/reason": "装订案卷。"}).text
    assert NUMBER in full
    assert "遮盖" not in full
    assert [row.reason for row in reveals(asked)] == ["装订案卷。"]


def test_a_draft_s_letter_says_that_it_is_one(reception: Reception):
    officer = reception.signed_in(OFFICER)
    lead_id = created(officer)

    assert "本件为草稿，尚未审批发出。" in officer.get(f"/leads/{lead_id}/letter").text
    assert officer.get(f"/leads/{lead_id}/reply-letter").status_code == 404
