"""What a person is told where something went wrong, and how they go on: after an error, an ended login, without scripts."""

import re

import pytest
from sqlalchemy import update

from ecolink.console.today.desk import Desk
from ecolink.errors import UnavailableError
from ecolink.identity.models import LoginSession
from ecolink.identity.roles import Role
from tests.support.console import PASSWORD, Reception
from tests.support.town import Town

INSIDES = re.compile(r"errors|Allow|user:manage|request_id|/problems/|lead_id|foreign-request")
"""Words of the API, which mean nothing to an officer."""


def told(html: str) -> str:
    """Return what a page tells openly: what is for the administrator is folded away."""
    main = html.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"<[^>]*>", " ", main.partition("<details")[0])


def test_what_went_wrong_is_told_in_plain_words_with_the_menu_around_it(reception: Reception):
    officer = reception.signed_in(Role.OFFICER)
    long = {"/password": "x" * 2_000_000}
    pages = [
        (officer.get("/nowhere"), 404, "未找到"),
        (officer.get("/leads/none"), 404, "未找到"),
        (officer.get("/administration/people"), 403, "没有这项权限"),
        (officer.get("/leads?state=flying"), 422, "链接有误"),
        (officer.get(f"/leads/{'x' * 60}"), 422, "链接有误"),
        (officer.get("/leads/none/messages"), 405, "不能直接打开"),
        (officer.post("/me/password", long), 413, "内容过大"),
        (officer.post("/me/password", {"csrf": "stale"}), 403, "页面已过期"),
        (officer.post("/me/password", {"/current_password": "wrong"}), 422, "没有提交"),
    ]
    for answer, status, words in pages:
        assert (answer.status_code, words in told(answer.text)) == (status, True), answer.text
        assert not INSIDES.search(told(answer.text)), told(answer.text)
        assert 'class="subjects"' in answer.text

    officer.client.cookies.set("ecolink-language", "en")
    english = officer.get("/nowhere")
    assert "Not found" in told(english.text)
    assert "未找到" not in english.text


def test_a_fault_of_ours_or_a_database_that_is_away_is_told_with_what_to_do_meanwhile(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
):
    officer = reception.signed_in(Role.OFFICER)

    def fail(*_: object) -> None:
        raise RuntimeError("the insides")

    monkeypatch.setattr(Desk, "lay", fail)
    page = officer.get("/")
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "没有保存" in told(page.text)
    assert "值班电话" in told(page.text)
    assert page.headers["x-request-id"] in page.text
    assert "the insides" not in page.text
    for_script = officer.get("/", **{"HX-Request": "true"})
    assert (for_script.status_code, for_script.json()["type"]) == (500, "/problems/internal")

    def be_away(*_: object) -> None:
        raise UnavailableError("away", "数据库暂时不可用")

    monkeypatch.setattr(Desk, "lay", be_away)
    page = officer.get("/")
    assert (page.status_code, page.headers["refresh"], page.headers["retry-after"]) == (503, "10", "5")
    assert "值班电话" in told(page.text)


def test_whoever_signs_in_again_comes_back_to_where_they_were(reception: Reception, town: Town):
    officer = reception.signed_in(Role.OFFICER)
    with reception.node.database.begin() as session:
        session.execute(update(LoginSession).values(revoked_at=town.clock.now()))

    at = {"HX-Request": "true", "HX-Current-URL": "http://testserver/leads?direction=in"}
    ways = [
        officer.get("/leads?direction=in").headers["location"],
        officer.get("/today/desk", **at).headers["hx-redirect"],
        officer.post("/leads/new", **at).headers["hx-redirect"],
        officer.post("/leads/new", Referer="http://testserver/leads?direction=in").headers["location"],
    ]
    assert set(ways) == {"/sign-in?to=/leads%3Fdirection%3Din&ended=yes"}
    elsewhere = officer.post("/leads/new", Referer="http://evil.example.org/leads").headers["location"]
    assert elsewhere == "/sign-in?to=/&ended=yes"

    assert "登录已结束" in officer.get(ways[0]).text
    refused = officer.post(
        "/sign-in", {"/username": "officer", "/password": "wrong"}, Referer=f"http://testserver{ways[0]}"
    )
    assert refused.headers["location"] == ways[0], "a browser without scripts is shown the entrance once more"
    again = officer.get(ways[0])
    assert "用户名或密码错误" in again.text
    goal = re.search(r'name="to" value="([^"]*)"', again.text)
    assert goal
    entered = officer.post("/sign-in", {"/username": "officer", "/password": PASSWORD, "to": goal[1]})
    assert entered.headers["location"] == "/leads?direction=in"
    assert officer.get("/leads?direction=in").status_code == 200
