"""What people see and change of themselves."""

import base64
import re
from datetime import timedelta

import pytest

from ecolink.identity import totp
from ecolink.identity.roles import Role
from tests.support.console import PASSWORD, Reception, Visitor
from tests.support.town import Town

pytestmark = pytest.mark.by_turns
NEW = "a quieter valley path"
CHANGE = {"/current_password": PASSWORD, "/password": NEW, "/again": NEW}


def sign_in(reception: Reception, username: str, password: str = PASSWORD, otp: str = "") -> Visitor:
    visitor = reception.visitor()
    form = {"/username": username, "/password": password} | ({"/otp": otp} if otp else {})
    assert visitor.post("/sign-in", form).status_code == 303
    visitor.get("/")
    visitor.get("/me")
    return visitor


def test_a_person_sees_who_they_are_in_words(reception: Reception):
    page = reception.signed_in(Role.LIAISON_OFFICER, Role.DEPUTY).get("/me").text

    for word in ("联络员", "部门副职", "本次登录", "Chrome, Linux", "10.20.3.4"):
        assert word in page


def test_who_was_given_a_password_changes_it_before_any_other_page(reception: Reception):
    reception.person("chen", Role.OFFICER, must_change_password=True)
    visitor = sign_in(reception, "chen")

    for path in ("/", "/bulletins", "/live"):
        assert visitor.get(path).headers["location"] == "/me/password", path
    assert "由他人设置" in visitor.get("/me/password").text
    assert visitor.post("/me/password", CHANGE).headers["location"] == "/me"
    assert visitor.get("/bulletins").status_code == 200


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"/current_password": "not the one"}, "/current_password"),
        ({"/again": "something else"}, "/again"),
        ({"/password": PASSWORD, "/again": PASSWORD}, "/password"),
        ({"/password": "short", "/again": "short"}, "/password"),
    ],
)
def test_a_change_of_password_that_cannot_be_is_told_at_its_field(reception: Reception, changed, pointer):
    reception.person("chen", Role.OFFICER)
    visitor = sign_in(reception, "chen")

    refused = visitor.send("/me/password", CHANGE | changed)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_changed_password_ends_the_other_logins(reception: Reception):
    reception.person("chen", Role.OFFICER)
    here, elsewhere = sign_in(reception, "chen"), sign_in(reception, "chen")

    here.post("/me/password", CHANGE)
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 303


def test_an_unattended_terminal_guesses_no_password(reception: Reception):
    reception.person("chen", Role.OFFICER)
    visitor = sign_in(reception, "chen")
    answers = [visitor.send("/me/password", CHANGE | {"/current_password": f"guess {n}"}).status_code for n in range(7)]

    assert answers == [422] * 5 + [429] * 2


def test_an_app_is_enrolled_by_a_code_drawn_here_and_recovery_codes_are_shown_once(reception: Reception, town: Town):
    reception.person("chen", Role.OFFICER)
    visitor, elsewhere = sign_in(reception, "chen"), sign_in(reception, "chen")
    assert visitor.send("/me/otp", {"/current_password": "wrong"}).status_code == 422

    begun = visitor.send("/me/otp", {"/current_password": PASSWORD}).text
    assert re.search(r"<svg[^>]* class=\"qr\"", begun)
    assert "style=" not in begun
    assert "http" not in begun.replace("http://www.w3.org/2000/svg", "")
    spelt = re.search(r"<code>([A-Z2-7 ]+)</code>", begun)
    assert spelt
    secret = base64.b32decode(spelt[1].replace(" ", ""))

    def code() -> str:
        return totp.code_at(secret, totp.step_at(town.clock.now()))

    assert visitor.send("/me/otp/confirm", {"/otp": "000000"}).json()["errors"][0]["pointer"] == "/otp"
    codes = re.findall(r"<code>([a-z2-7-]{29})</code>", visitor.send("/me/otp/confirm", {"/otp": code()}).text)
    assert len(codes) == 10
    assert elsewhere.get("/").status_code == 303, "a login made with the password alone has ended"
    assert codes[0] not in visitor.get("/me/otp").text

    town.clock.advance(timedelta(seconds=30))
    sign_in(reception, "chen", otp=code())
    sign_in(reception, "chen", otp=codes[0])
    assert "剩余 9 个恢复码" in visitor.get("/me").text
    town.clock.advance(timedelta(seconds=30))
    gone = visitor.post("/me/otp/remove", {"/current_password": PASSWORD, "/otp": code()})
    assert gone.headers["location"] == "/me"
    sign_in(reception, "chen")


def test_without_the_pages_script_the_qr_code_is_a_page_of_its_own(reception: Reception):
    reception.person("chen", Role.OFFICER)
    page = sign_in(reception, "chen").post("/me/otp", {"/current_password": PASSWORD}).text

    assert page.startswith("<!doctype html>")
    assert 'class="qr"' in page


def test_whose_role_asks_for_a_factor_enrols_before_any_other_page(town: Town):
    from tests.support.town import JINGNING

    town.settings = {"second_factor_roles": "chief"}
    reception = Reception(town.add(JINGNING))
    reception.person("chief", Role.CHIEF)
    visitor = sign_in(reception, "chief")

    assert visitor.get("/bulletins").headers["location"] == "/me/otp"
    assert "须启用动态口令" in visitor.get("/me/otp").text


def test_a_person_ends_their_own_logins_with_the_password_and_nobody_elses(reception: Reception):
    reception.person("chen", Role.OFFICER)
    reception.person("lin", Role.OFFICER)
    here, stolen, lin = sign_in(reception, "chen"), sign_in(reception, "chen"), sign_in(reception, "lin")
    (theirs,) = set(re.findall(r"/me/logins/([0-9a-f-]{36})/end", here.get("/me").text))

    assert here.send(f"/me/logins/{theirs}/end", {"/current_password": "wrong"}).status_code == 422
    assert lin.send(f"/me/logins/{theirs}/end", {"/current_password": PASSWORD}).status_code == 404
    assert stolen.get("/").status_code == 200
    assert here.post(f"/me/logins/{theirs}/end", {"/current_password": PASSWORD}).headers["location"] == "/me"
    assert stolen.get("/").status_code == 303
    assert here.get("/").status_code == 200


def test_it_is_known_to_five_minutes_when_a_browser_was_last_heard_of(reception: Reception, town: Town):
    visitor = reception.signed_in(Role.OFFICER)
    town.clock.advance(timedelta(minutes=4))
    before = visitor.get("/me").text
    town.clock.advance(timedelta(minutes=1))
    visitor.get("/")

    def seen(page: str) -> str:
        return re.findall(r'<time datetime="([^"]+)"', page[page.index("最近活动") :])[0]

    assert seen(visitor.get("/me").text) > seen(before)


def test_a_pin_for_the_telephone_is_set_with_the_password_and_forgotten(reception: Reception):
    visitor = reception.signed_in(Role.LIAISON_OFFICER)
    visitor.get("/me")
    for form in ({"/pin": "12", "/current_password": PASSWORD}, {"/pin": "903517", "/current_password": "wrong"}):
        assert visitor.send("/me/pin", form).status_code == 422
    assert visitor.post("/me/pin", {"/pin": "903517", "/current_password": PASSWORD}).headers["location"] == "/me"
    assert "/me/pin/remove" in visitor.get("/me").text
    visitor.post("/me/pin/remove")
    assert "/me/pin/remove" not in visitor.get("/me").text


@pytest.mark.parametrize("path", ["/me/password", "/me/otp", "/me/pin", "/me/otp/remove", "/me/otp/confirm"])
def test_no_other_sites_page_changes_an_account(reception: Reception, path: str):
    visitor = reception.signed_in(Role.OFFICER)

    assert visitor.post(path, CHANGE, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert visitor.post(path, CHANGE, **{"X-CSRF-Token": "0" * 64}).status_code == 403
