"""The administrator's pages about people, programs and logins."""

import re

import pytest

from ecolink.identity.models import AccountKind
from ecolink.identity.roles import Role
from tests.support.console import PASSWORD, Reception, Visitor

pytestmark = pytest.mark.by_turns
LIN = {"/username": "lin.xiaoman", "/name": "林小满", "/roles@list": ["officer", "intake_reviewer"]}
PAGES = ["/people", "/programs", "/logins", "/roles"]


@pytest.fixture
def admin(reception: Reception) -> Visitor:
    visitor = reception.signed_in(Role.ADMINISTRATOR)
    visitor.get("/administration/people")
    return visitor


def secret_in(text: str) -> str:
    shown = re.search(r'class="once"><code>([^<]+)</code>', text)
    assert shown, text
    return shown[1]


def id_of(reception: Reception, username: str, kind: AccountKind = AccountKind.USER) -> str:
    with reception.node.database.read() as session:
        return reception.node.identity.accounts.named(session, kind, username).id


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_nobody_but_the_administrator_sees_or_changes_accounts(reception: Reception, role: Role):
    visitor = reception.signed_in(role)
    person = id_of(reception, role.value)

    for path in (*PAGES, f"/people/{person}", "/programs/any"):
        assert visitor.get(f"/administration{path}").status_code == 403
    changed = (f"/people/{person}", f"/people/{person}/reset", f"/people/{person}/reset-otp", "/programs/any")
    for path in ("/people", "/programs", *changed):
        assert visitor.post(f"/administration{path}", LIN).status_code == 403


def test_a_person_is_added_with_a_password_shown_once_and_signs_in(reception: Reception, admin: Visitor):
    password = secret_in(admin.send("/administration/people", LIN).text)

    listed = admin.get("/administration/people?q=林").text
    assert "林小满" in listed
    assert "归口审核员" in listed
    assert password not in listed
    visitor = reception.visitor()
    assert visitor.post("/sign-in", {"/username": "lin.xiaoman", "/password": password}).status_code == 303
    assert visitor.get("/").headers["location"] == "/me/password"


def test_what_is_wrong_with_a_new_person_is_told_at_its_field(admin: Visitor):
    admin.send("/administration/people", LIN)

    assert admin.send("/administration/people", LIN).json()["errors"][0]["pointer"] == "/username"
    assert admin.send("/administration/people", LIN | {"/username": "x"}).json()["errors"][0]["pointer"] == "/username"
    no_role = {name: value for name, value in LIN.items() if name != "/roles@list"}
    assert admin.send("/administration/people", no_role).json()["errors"][0]["pointer"] == "/roles"


def test_roles_are_changed_from_the_version_one_saw(reception: Reception, admin: Visitor):
    admin.send("/administration/people", LIN)
    page = f"/administration/people/{id_of(reception, 'lin.xiaoman')}"
    change = {"/name": "林小满", "/roles@list": ["auditor"], "version": "1"}

    assert admin.post(page, change).headers["location"] == page
    assert "审计员" in admin.get(page).text
    assert admin.send(page, change).status_code == 412


def test_a_forgotten_password_a_lost_telephone_and_an_account_to_be_shut(reception: Reception, admin: Visitor):
    reception.person("lin", Role.OFFICER)
    lin = reception.visitor()
    lin.post("/sign-in", {"/username": "lin", "/password": PASSWORD})
    page = f"/administration/people/{id_of(reception, 'lin')}"

    def come_in(password: str) -> int:
        lin.get("/sign-in")
        return lin.send("/sign-in", {"/username": "lin", "/password": password}).status_code

    password = secret_in(admin.send(f"{page}/reset").text)
    assert lin.get("/").status_code == 303
    assert come_in(password) == 200
    node = reception.node
    with node.database.begin() as session:
        account = node.identity.accounts.named(session, AccountKind.USER, "lin")
        account.second_factor_since = node.clock.now()
    assert admin.post(f"{page}/reset-otp").headers["location"] == page
    assert lin.get("/").status_code == 303

    admin.post(f"{page}/disable")
    assert come_in(password) == 401
    admin.post(f"{page}/enable")
    assert come_in(password) == 200


def test_the_last_administrator_cannot_be_shut(reception: Reception, admin: Visitor):
    refused = admin.send(f"/administration/people/{id_of(reception, 'administrator')}/disable")

    assert refused.status_code == 409
    assert admin.get("/").status_code == 200


def test_a_program_gets_a_secret_shown_once_and_another_when_it_leaked(reception: Reception, admin: Visitor):
    form = {"/client_id": "case-system", "/name": "办案系统", "/roles@list": ["integrator"]}
    first = secret_in(admin.send("/administration/programs", form).text)
    program = id_of(reception, "case-system", AccountKind.CLIENT)
    second = secret_in(admin.send(f"/administration/programs/{program}/rotate").text)

    def log_in(secret: str) -> int:
        given = {"grant_type": "client_credentials", "client_id": "case-system", "client_secret": secret}
        return admin.client.post("/api/v1/oauth/token", data=given).status_code

    assert (log_in(first), log_in(second)) == (401, 200)
    assert second not in admin.get("/administration/programs").text
    admin.post(f"/administration/programs/{program}/disable")
    assert log_in(second) == 401


def test_a_programs_name_and_roles_are_changed_from_the_version_one_saw(reception: Reception, admin: Visitor):
    form = {"/client_id": "case-system", "/name": "办案系统", "/roles@list": ["integrator"]}
    admin.send("/administration/programs", form)
    page = f"/administration/programs/{id_of(reception, 'case-system', AccountKind.CLIENT)}"
    assert f'href="{page}"' in admin.get("/administration/programs").text
    assert 'value="办案系统"' in admin.get(page).text

    change = {"/name": "执法办案平台", "/roles@list": ["integrator", "auditor"], "version": "1"}
    for member in ("/name", "/roles@list"):
        wrong = admin.send(page, {name: value for name, value in change.items() if name != member})
        assert wrong.json()["errors"][0]["pointer"] == member.partition("@")[0]
    assert admin.post(page, change).headers["location"] == page
    assert re.search(r'name="/name"[^>]+value="执法办案平台"', admin.get(page).text)
    assert re.search(r'value="auditor" checked', admin.get(page).text)
    assert admin.send(page, change).status_code == 412
    person = id_of(reception, "administrator")
    assert admin.get(f"/administration/programs/{person}").status_code == 404


def test_the_administrator_sees_every_login_and_ends_any(reception: Reception, admin: Visitor):
    officer = reception.signed_in(Role.OFFICER)
    person = id_of(reception, "officer")
    shown = admin.get(f"/administration/logins?account_id={person}").text
    (login,) = set(re.findall(r"/administration/logins/([0-9a-f-]{36})/end", shown))

    assert "Chrome, Linux" in shown
    admin.post(f"/administration/logins/{login}/end")
    assert officer.get("/").status_code == 303


def test_the_table_of_roles_is_the_one_enforced(admin: Visitor):
    shown = admin.get("/administration/roles").text

    assert "user:manage" in shown
    assert "局领导" in shown


def test_markup_in_a_name_stays_text(reception: Reception, admin: Visitor):
    admin.send("/administration/people", LIN | {"/name": "<script>alert(1)</script>"})

    for path in ("/administration/people", f"/administration/people/{id_of(reception, 'lin.xiaoman')}"):
        assert "<script>alert" not in admin.get(path).text


def test_every_page_opens_in_both_languages(admin: Visitor):
    for language in ("zh-CN", "en"):
        admin.post("/language", {"language": language})
        for path in PAGES:
            assert admin.get(f"/administration{path}").status_code == 200
