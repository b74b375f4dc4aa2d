"""Signing in with a code of one's app, and with the bureau account."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from ecolink.identity import totp
from ecolink.identity.models import AccountKind
from ecolink.identity.roles import Role
from tests.support.console import PASSWORD, Reception, Visitor
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, LIN, Provider, running
from tests.support.town import JINGNING, Town

pytestmark = pytest.mark.by_turns
CHEN = {"/username": "chen", "/password": PASSWORD}


def code_of(reception: Reception, username: str) -> str:
    """Enrol an app for a person, confirmed, and return its next code."""
    node, now = reception.node, reception.node.clock.now()
    with node.database.begin() as session:
        account = node.identity.accounts.named(session, AccountKind.USER, username)
        secret = base64.b32decode(node.identity.second_factors.begin(session, account, now).secret.replace(" ", ""))
        account.second_factor_since = now
    return totp.code_at(secret, totp.step_at(now))


def test_a_code_is_asked_for_once_the_password_is_right_and_only_then(reception: Reception):
    reception.person("chen", Role.OFFICER)
    code, visitor = code_of(reception, "chen"), reception.visitor()

    assert "data-wanted hidden" in visitor.get("/sign-in").text
    unknown = visitor.send("/sign-in", CHEN | {"/password": "wrong", "/otp": code}).json()
    assert unknown["detail_en"] == visitor.send("/sign-in", CHEN | {"/username": "nobody"}).json()["detail_en"]
    wanted = visitor.send("/sign-in", CHEN)
    assert (wanted.status_code, wanted.json()["errors"][0]["pointer"]) == (401, "/otp")
    assert visitor.send("/sign-in", CHEN | {"/otp": "000000"}).json()["type"] == "/problems/wrong-otp"
    assert visitor.get("/").status_code == 303

    assert visitor.post("/sign-in", CHEN | {"/otp": code}).headers["location"] == "/"
    assert visitor.get("/").status_code == 200


def test_without_the_pages_script_the_code_has_a_field_as_well(reception: Reception):
    reception.person("chen", Role.OFFICER)
    code_of(reception, "chen")
    visitor = reception.visitor()

    assert visitor.post("/sign-in", CHEN).headers["location"] == "/sign-in?code=yes"
    page = visitor.get("/sign-in?code=yes").text
    assert "data-wanted" in page
    assert "data-wanted hidden" not in page


def test_who_guesses_codes_is_made_to_wait_at_the_console_as_well(reception: Reception):
    reception.person("chen", Role.OFFICER)
    code_of(reception, "chen")
    visitor = reception.visitor()

    answers = [visitor.send("/sign-in", CHEN | {"/otp": "000000"}).status_code for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2


@pytest.fixture(scope="module")
def process() -> Iterator[Provider]:
    with running() as provider:
        yield provider


@pytest.fixture
def abroad(town: Town, process: Provider) -> Reception:
    """Jingning's console, whose people sign in with their bureau's own provider."""
    process.tell(now=int(town.clock.now().timestamp()))
    town.settings = {
        "console_url": "https://ecolink.jingning.example",
        "oidc_issuer": process.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_roles": {"协作联络员": "liaison_officer"},
        "oidc_networks": "127.0.0.0/8",
    }
    return Reception(town.add(JINGNING))


def travel(process: Provider, visitor: Visitor, to: str = "/") -> str:
    """Follow the way to the provider and back; return where on this node it ends."""
    out = visitor.get(f"/sign-in/bureau?to={to}")
    assert out.status_code == 303
    answer = process.visit(out.headers["location"])
    return f"/sign-in/bureau/return?code={answer.get('code', '')}&state={answer.get('state', '')}"


def test_a_person_signs_in_with_the_bureau_account_and_comes_to_the_page_they_wanted(abroad: Reception, process):
    visitor = abroad.visitor()
    assert "使用本局统一身份登录" in visitor.get("/sign-in").text

    back = visitor.get(travel(process, visitor, "/leads"))

    assert back.status_code == 200
    assert 'content="0; url=/leads"' in back.text
    told = {cookie.partition("=")[0]: cookie for cookie in back.headers.get_list("set-cookie")}
    assert "SameSite=strict" in told["ecolink-session"]
    assert "Max-Age=0" in told["ecolink-sign-on"]
    assert "林小满" in visitor.get("/").text


def test_what_leads_out_is_kept_in_this_browser_alone(abroad: Reception, process):
    visitor, other = abroad.visitor(), abroad.visitor()
    said = visitor.get("/sign-in/bureau").headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=lax" in said

    stolen = travel(process, visitor)
    refused = other.get(stolen)
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    assert visitor.get(stolen).status_code == 200


def test_nobody_is_sent_elsewhere_after_coming_back(abroad: Reception, process):
    visitor = abroad.visitor()
    assert 'url=/"' in visitor.get(travel(process, visitor, "//elsewhere.example")).text


def test_who_has_no_role_is_told_so_and_stays_outside(abroad: Reception, process, town: Town):
    process.tell(user=LIN | {"groups": []}, now=int(town.clock.now().timestamp()))
    visitor = abroad.visitor()
    refused = visitor.get(travel(process, visitor))

    assert refused.status_code == 403
    assert "尚未获得本系统的角色" in refused.text
    assert visitor.get("/").status_code == 303


def test_while_the_provider_is_away_a_password_of_this_node_still_opens(abroad: Reception, process, town: Town):
    process.tell(lie="down")
    visitor = abroad.visitor()
    away = visitor.get("/sign-in/bureau")
    assert away.status_code == 503

    abroad.person("admin", Role.ADMINISTRATOR)
    assert visitor.post("/sign-in", {"/username": "admin", "/password": PASSWORD}).status_code == 303


def test_signing_out_offers_to_leave_the_provider_too(abroad: Reception, process):
    visitor = abroad.visitor()
    visitor.get(travel(process, visitor))
    visitor.get("/")
    assert visitor.post("/sign-out").headers["location"] == "/sign-in?out=yes"
    assert "/sign-in/bureau/leave" in visitor.get("/sign-in?out=yes").text

    gone = visitor.get("/sign-in/bureau/leave").headers["location"]
    assert urlsplit(gone).netloc == urlsplit(process.issuer).netloc
    assert visitor.get("/").status_code == 303


def test_where_no_provider_is_set_nothing_of_it_is_there(reception: Reception):
    visitor = reception.visitor()
    assert "统一身份" not in visitor.get("/sign-in").text
    for path in ("/sign-in/bureau", "/sign-in/bureau/return?code=a&state=b", "/sign-in/bureau/leave"):
        assert visitor.get(path).status_code == 404


def test_a_login_ends_with_its_shift_however_it_began(abroad: Reception, process, town: Town):
    visitor = abroad.visitor()
    visitor.get(travel(process, visitor))
    town.clock.advance(timedelta(hours=12))
    assert visitor.get("/").status_code == 303
