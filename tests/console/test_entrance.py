"""Signing in and out, and that nobody but a page of this node and login changes anything."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from ecolink.console.stream import recognition_of
from ecolink.errors import UnauthenticatedError
from ecolink.identity.models import LoginSession
from ecolink.identity.roles import Role
from tests.support.console import PASSWORD, Reception
from tests.support.town import Town

pytestmark = pytest.mark.by_turns


def test_a_person_signs_in_sees_today_and_signs_out(reception: Reception):
    reception.person("chen", Role.LIAISON_OFFICER)
    visitor = reception.visitor()

    assert visitor.get("/").headers["location"] == "/sign-in?to=/"
    assert "寿宁县公安局" in visitor.get("/sign-in").text
    assert visitor.post("/sign-in", {"/username": "chen", "/password": PASSWORD}).headers["location"] == "/"
    assert "今日工作台" in visitor.get("/").text
    visitor.post("/sign-out")
    assert visitor.get("/leads?q=杉木&sort=due").headers["location"].endswith("%26sort%3Ddue"), "back to where one was"


def test_the_cookie_goes_to_this_node_alone_and_no_script_reads_it(reception: Reception):
    reception.person("chen", Role.OFFICER)
    plain, secure = reception.visitor(), reception.visitor()
    secure.client.base_url = "https://testserver"
    form = {"/username": "chen", "/password": PASSWORD}

    said = plain.post("/sign-in", form).headers["set-cookie"]
    assert re.match(r"ecolink-session=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=strict$", said)
    said = secure.post("/sign-in", form).headers["set-cookie"]
    assert re.match(
        r"__Host-ecolink-session=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=strict; Secure$", said
    )


@pytest.mark.parametrize(("scheme", "name"), [("http", "ecolink-"), ("https", "__Host-ecolink-")])
def test_what_a_browser_keeps_besides_goes_to_this_node_alone_too(reception: Reception, scheme: str, name: str):
    reception.person("chen", Role.OFFICER)
    visitor = reception.visitor()
    visitor.client.base_url = f"{scheme}://testserver"
    visitor.post("/sign-in", {"/username": "chen", "/password": PASSWORD})
    visitor.get("/me")
    said = {
        visitor.post("/language", {"language": "en"}).headers["set-cookie"],
        visitor.post("/theme", {"theme": "dark"}).headers["set-cookie"],
        visitor.post("/me/pin", {"/current_password": PASSWORD, "/pin": "195737"}).headers["set-cookie"],
    }

    assert {one.partition("=")[0] for one in said} == {f"{name}language", f"{name}theme", f"{name}said"}
    for one in said:
        assert "HttpOnly" in one
        assert "SameSite=strict" in one
        assert ("Secure" in one) is (scheme == "https")
    assert "Sign out" in visitor.get("/me").text, "the language is known again"


def test_a_cookie_from_before_signing_in_is_worth_nothing_after(reception: Reception):
    reception.person("chen", Role.OFFICER)
    visitor = reception.visitor()
    visitor.client.cookies.set("ecolink-session", "chosen by somebody else")
    visitor.post("/sign-in", {"/username": "chen", "/password": PASSWORD})

    other = reception.visitor()
    other.client.cookies.set("ecolink-session", "chosen by somebody else")
    assert other.get("/").status_code == 303


def test_a_wrong_password_and_a_name_that_is_none_are_answered_alike(reception: Reception):
    reception.person("chen", Role.OFFICER)
    answers = [
        reception.visitor().send("/sign-in", {"/username": name, "/password": "wrong"}) for name in ("chen", "nobody")
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert len({answer.json()["detail_zh"] for answer in answers}) == 1
    assert "set-cookie" not in answers[0].headers


def test_nobody_is_sent_elsewhere_after_signing_in(reception: Reception):
    reception.person("chen", Role.OFFICER)
    for goal in (
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "",
    ):
        form = {"/username": "chen", "/password": PASSWORD, "to": goal}
        assert reception.visitor().post("/sign-in", form).headers["location"] == "/", goal


@pytest.mark.parametrize(
    "wrong",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": ""},
    ],
)
def test_a_change_that_no_page_of_ours_asked_for_is_refused(reception: Reception, wrong: dict[str, str]):
    visitor = reception.signed_in(Role.OFFICER)

    assert visitor.post("/sign-out", **wrong).status_code == 403
    assert visitor.get("/").status_code == 200, "still signed in"


def test_an_old_browser_that_says_only_where_it_comes_from_is_believed_about_our_own_pages(reception: Reception):
    visitor = reception.signed_in(Role.OFFICER)
    silent = {"X-CSRF-Token": visitor.csrf}

    foreign = visitor.client.post("/sign-out", headers=silent | {"Origin": "https://elsewhere.example"})
    ours = visitor.client.post("/sign-out", headers=silent | {"Origin": "http://testserver"}, follow_redirects=False)
    assert (foreign.status_code, ours.status_code) == (403, 303)


def test_a_login_that_was_revoked_or_is_over_opens_nothing(reception: Reception, town: Town):
    visitor = reception.signed_in(Role.OFFICER)
    town.clock.advance(timedelta(minutes=1))
    assert visitor.get("/").status_code == 200
    with reception.node.database.begin() as session:
        session.execute(update(LoginSession).values(revoked_at=town.clock.now()))
    assert visitor.get("/").status_code == 303


def test_a_login_in_constant_use_ends_with_the_shift(reception: Reception, town: Town):
    visitor = reception.signed_in(Role.OFFICER)
    for _ in range(35):
        town.clock.advance(timedelta(minutes=20))
        assert visitor.get("/").status_code == 200
    town.clock.advance(timedelta(minutes=20))
    assert visitor.get("/").headers["location"] == "/sign-in?to=/&ended=yes"


def test_a_login_that_nobody_uses_for_half_an_hour_is_over_and_listed_no_more(reception: Reception, town: Town):
    idle, watching = reception.signed_in(Role.OFFICER), reception.signed_in(Role.ADMINISTRATOR)
    town.clock.advance(timedelta(minutes=29))
    assert "officer" in watching.get("/administration/logins").text
    town.clock.advance(timedelta(minutes=1))
    assert "officer" not in watching.get("/administration/logins").text

    assert idle.get("/leads").headers["location"] == "/sign-in?to=/leads&ended=yes"


def test_what_a_page_asks_for_by_itself_keeps_no_login_in_use(reception: Reception, town: Town):
    visitor = reception.signed_in(Role.ADMINISTRATOR)
    asked = {"HX-Request": "true", "X-Unasked": "yes"}
    for _ in range(2):
        town.clock.advance(timedelta(minutes=10))
        assert visitor.get("/today/desk", **asked).status_code == 200
    town.clock.advance(timedelta(minutes=10))
    assert "ended=yes" in visitor.get("/today/desk", **asked).headers["HX-Redirect"]


@pytest.mark.parametrize(
    ("role", "stays"),
    [(Role.LIAISON_OFFICER, True), (Role.CHIEF, True), (Role.OFFICER, False), (Role.ADMINISTRATOR, False)],
)
def test_an_open_page_keeps_the_login_of_whoever_may_sign_for_an_emergency_and_nobody_elses(
    reception: Reception, town: Town, role: Role, *, stays: bool
):
    visitor = reception.signed_in(role)
    (secret,) = visitor.client.cookies.values()
    recognise = recognition_of(secret, reception.node.identity.sessions, reception.node.database)
    ended = False
    for _ in range(100):
        town.clock.advance(timedelta(seconds=20))
        try:
            recognise(town.clock.now())
        except UnauthenticatedError:
            ended = True

    assert ended is not stays
    assert (visitor.get("/").status_code == 200) is stays


def test_the_consoles_cookie_opens_no_call_of_the_api(reception: Reception):
    visitor = reception.signed_in(Role.ADMINISTRATOR)

    assert visitor.client.get("/api/v1/me").status_code == 401


def test_english_is_one_click_away_and_stays(reception: Reception):
    visitor = reception.visitor()
    assert "登录" in visitor.get("/sign-in").text
    visitor.post("/language", {"language": "en", "to": "/sign-in"})
    assert "Sign in" in visitor.get("/sign-in").text
    visitor.post("/language", {"language": "zh-CN"})
    assert "登录" in visitor.get("/sign-in").text


def test_every_page_lets_only_this_node_be_asked(reception: Reception):
    visitor = reception.signed_in(Role.OFFICER)
    for path in ("/", "/nowhere"):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
    assert visitor.client.get("/static/console.css").headers["content-type"] == "text/css; charset=utf-8"
    assert visitor.client.get("/static/../form.py").status_code == 404


def test_an_address_that_is_none_is_a_page_for_people_and_a_problem_for_programs(reception: Reception):
    visitor = reception.signed_in(Role.OFFICER)

    page = visitor.get("/nowhere")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "未找到" in page.text
    for path in ("/nowhere", "/api/v1/nowhere"):
        problem = visitor.client.get(path, headers={"Accept": "application/json"})
        assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")
