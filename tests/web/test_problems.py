"""What a client is told when something is wrong: always a problem document, in both languages."""

import re
from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from sqlalchemy.orm.exc import StaleDataError

from ecolink import errors
from ecolink.federation.gate import STATUS
from ecolink.identity.roles import Role
from ecolink.protocol.refusal import Reason, Refused
from ecolink.storage.engine import Database
from ecolink.surface.problems import PROBLEMS, kind_of, speaks_chinese
from ecolink.surface.route import LateRoute
from ecolink.web.problem_list import every_error, import_errors, print_problems
from tests.support.web import Desk
from tests.web import parcels

pytestmark = pytest.mark.by_turns


@pytest.fixture
def yard(database: Database) -> Iterator[Desk]:
    parcels.lay_out(database)
    failing = APIRouter(route_class=LateRoute)

    @failing.get("/refused")
    def refuse() -> None:
        raise Refused(Reason.BAD_SIGNATURE, "not signed by the key it names")

    @failing.get("/throttled")
    def throttle() -> None:
        raise errors.ThrottledError("Too many.", "过多。", retry_after=17)

    @failing.get("/crossed")
    def cross() -> None:
        raise StaleDataError("UPDATE expected to update 1 row(s); 0 were matched")

    @failing.get("/setting")
    def misconfigure() -> None:
        raise errors.SettingError("key_dir: /secret/place is not a folder", "密钥目录有误")

    with Desk.open(database, [parcels.router(), failing]) as desk:
        yield desk


def test_every_error_of_the_package_has_a_problem_and_a_code_of_its_own():
    import_errors()
    found = every_error()
    codes = [error.code for error in found]

    assert set(PROBLEMS) <= set(found)
    assert len(codes) == len(set(codes)), "two errors share a code"
    for error in found:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code), error
        if kind_of(error) is PROBLEMS[errors.EcolinkError]:
            assert error is errors.EcolinkError, f"{error} says nothing of how it is told"


def test_every_refusal_between_nodes_is_on_the_list_of_problems():
    listed = print_problems()

    for code in {*Reason, *STATUS}:
        assert f"| `/problems/{code}` | {STATUS.get(code, 400)} |" in listed


def test_a_problem_holds_both_languages_and_leads_with_the_one_asked_for(yard: Desk):
    chinese = yard.client.get("/api/v1/me")
    english = yard.client.get("/api/v1/me", headers={"Accept-Language": "en-GB,en;q=0.9,zh;q=0.1"})

    assert chinese.headers["Content-Type"] == "application/problem+json"
    assert chinese.headers["Content-Language"] == "zh"
    assert chinese.json()["detail"] == chinese.json()["detail_zh"] != chinese.json()["detail_en"]
    assert english.json()["detail"] == english.json()["detail_en"]
    assert english.json()["title"] == "Not authenticated"
    assert english.json()["type"] == chinese.json()["type"] == "/problems/unauthenticated"


@pytest.mark.parametrize(
    ("asked", "chinese"),
    [("", True), ("fr", True), ("*", True), ("en", False), ("zh-CN,en", True), ("en;q=0.3, zh-Hans;q=0.2", False)],
)
def test_chinese_is_spoken_unless_english_is_liked_better(asked, chinese):
    assert speaks_chinese(asked) is chinese


def test_a_fault_of_the_node_tells_nothing_of_its_inside(yard: Desk):
    headers = yard.as_role(Role.OFFICER) | {"X-Request-ID": "case-system-4711"}
    answer = yard.client.post("/api/v1/parcels/and-crash", json={"name": "fir"}, headers=headers)

    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert answer.json()["request_id"] == "case-system-4711"
    assert "330329" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_misconfigured_node_does_not_tell_strangers_its_paths(yard: Desk):
    answer = yard.client.get("/api/v1/setting")

    assert answer.status_code == 500
    assert "/secret/place" not in answer.text


def test_an_error_of_the_domain_keeps_its_code_pointer_and_wait(yard: Desk):
    moved = yard.client.post("/api/v1/parcels/and-fail", json={"name": "fir"}, headers=yard.as_role(Role.OFFICER))
    refused, throttled = yard.client.get("/api/v1/refused"), yard.client.get("/api/v1/throttled")

    assert (moved.status_code, moved.json()["errors"][0]["pointer"]) == (409, "/yard")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/bad-signature")
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "17")


def test_a_change_that_crossed_another_in_the_database_is_stale(yard: Desk):
    answer = yard.client.get("/api/v1/crossed")

    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/stale")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_value_the_database_cannot_hold_is_not_a_fault_of_the_node(yard: Desk):
    """SQLite holds texts of any length; what a room forgot to bound PostgreSQL still refuses."""
    body = {"name": "fir", "yard": "x" * 65}
    answer = yard.client.post("/api/v1/parcels", json=body, headers=yard.as_role(Role.OFFICER))

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
    assert parcels.names(yard.database) == []


def test_addresses_and_methods_that_do_not_exist_are_problems_too(yard: Desk):
    nowhere = yard.client.get("/api/v1/nowhere")
    wrong = yard.client.delete("/api/v1/parcels", headers=yard.as_role(Role.OFFICER))
    traced = yard.client.request("TRACE", "/api/v1/parcels", headers=yard.as_role(Role.OFFICER))

    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/not-found")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert wrong.headers["Allow"]
    assert traced.status_code == 405


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "a\tb"])
def test_a_request_id_that_is_not_sane_is_replaced(yard: Desk, given):
    answered = yard.client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"]

    assert answered != given
    assert re.fullmatch(r"[0-9a-f]{32}", answered)


def test_no_answer_opens_the_api_to_other_origins(yard: Desk):
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    for answer in (yard.client.get("/livez", headers=headers), yard.client.options("/api/v1/me", headers=headers)):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; base-uri 'none'")
        assert "Strict-Transport-Security" not in answer.headers, "a promise made over plain HTTP could be anybody's"
        assert answer.headers["Cache-Control"] == "no-store"


def test_who_came_by_https_comes_back_by_https(yard: Desk):
    for answer in (yard.client.get("https://testserver/livez"), yard.client.get("https://testserver/nowhere")):
        assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
