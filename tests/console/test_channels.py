"""Alert channels in the console: set up, tried out by the way every alert goes, and nothing secret shown back."""

import json

import pytest

from ecolink.alerts.channels.catalogue import CODECS
from ecolink.alerts.channels.wire import Answer
from ecolink.alerts.dispatch_models import Channel
from ecolink.identity.roles import Role
from tests.alerts.office import ADDRESSES, SETTINGS, Services
from tests.support.console import Reception, Visitor

pytestmark = pytest.mark.by_turns

LIST = "/administration/channels"
TYPED = {"body": "@json", "headers": "@json", "port": "@number"}


@pytest.fixture
def admin(lone: Reception) -> Visitor:
    return lone.signed_in(Role.ADMINISTRATOR)


def form(kind: str, **changes: str) -> dict[str, str | list[str]]:
    """Return a channel as its form is filled in."""
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in SETTINGS[kind].items()}
    fields = {f"/settings/{name}{TYPED.get(name, '')}": value for name, value in written.items()}
    return {"/name": f"{kind}渠道", "/own": "false", **fields, **changes}


def added(admin: Visitor, kind: str, **changes: str) -> str:
    answer = admin.post(LIST, form(kind, **changes))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_every_kind_of_channel_is_set_up_tried_out_and_its_secrets_are_never_shown(
    lone: Reception, admin: Visitor, services: Services
):
    for number, kind in enumerate(CODECS, 1):
        empty = admin.get(f"{LIST}/new?kind={kind}").text
        for name in form(kind):
            assert f'name="{name}"' in empty, (kind, name)
        page = added(admin, kind)
        assert admin.post(f"{page}/test", {"/address": ADDRESSES[kind]}).headers["location"] == page
        assert "传送中" in admin.get(f"{page}/standing").text
        lone.send()

        assert "服务已收下" in admin.get(f"{page}/standing").text, kind
        assert len(services.carried) == number
        shown = admin.get(LIST).text + admin.get(page).text
        assert f"{kind}渠道" in shown
        with lone.node.database.read() as session:
            channel = session.get_one(Channel, page.rpartition("/")[2])
            secrets = lone.node.post_office.channels.secrets_set(channel)
        for name in secrets:
            assert str(SETTINGS[kind][name]) not in shown, (kind, name)
        assert ("留空则保持不变" in admin.get(page).text) == bool(secrets)


def test_what_a_service_refuses_with_a_200_is_told_in_plain_words_here_and_on_today(
    lone: Reception, admin: Visitor, services: Services
):
    services.otherwise["dingtalk"] = lambda _: Answer(200, b'{"errcode":310000,"errmsg":"sign not match"}')
    page = added(admin, "dingtalk")
    admin.post(f"{page}/test", {"/address": ""})
    lone.send()

    told = admin.get(page).text
    for words in ("未发出", "加签密钥", "sign not match", "故障，始于"):
        assert words in told, words
    today = admin.get("/").text
    assert "加签密钥" in today
    assert f'href="{page}"' in today
    assert page not in lone.signed_in(Role.LIAISON_OFFICER).get("/").text


def test_a_channel_is_changed_from_the_version_one_saw_and_keeps_the_secrets_left_empty(
    lone: Reception, admin: Visitor, services: Services
):
    page = added(admin, "ntfy")
    changed = {"/name": "值班推送", "/own": "true", "/enabled": "true", "/settings/kind": "ntfy", "version": "1"}
    moved = changed | {"/settings/server": "https://elsewhere.example"}
    assert admin.send(page, moved).json()["errors"][0]["pointer"] == "/settings/token"
    assert admin.post(page, changed | {"/settings/server": "https://ntfy.example"}).headers["location"] == page
    assert admin.send(page, changed | {"/settings/server": "https://ntfy.example"}).status_code == 412
    assert "值班推送" in admin.get(page).text

    def authorization(topic: str) -> str | None:
        admin.post(f"{page}/test", {"/address": topic})
        lone.send()
        return getattr(services.carried[-1], "headers", {}).get("authorization")

    assert authorization("shouning-lin") == "Bearer tk_ntfy"
    admin.post(page, changed | {"/settings/server": "https://ntfy.example", "forget": "token", "version": "2"})
    assert authorization("shouning-wu") is None


def test_a_channel_is_switched_off_on_and_removed(lone: Reception, admin: Visitor):
    page = added(admin, "wecom")
    admin.post(f"{page}/switch")
    assert "渠道已停用" in admin.get(page).text
    assert admin.send(f"{page}/test", {"/address": ""}).status_code == 409
    admin.post(f"{page}/switch", {"on": "yes"})
    assert "渠道已停用" not in admin.get(page).text
    assert admin.post(f"{page}/remove").headers["location"] == LIST
    assert admin.get(page).status_code == 404


def test_what_is_wrong_with_a_channel_is_told_at_its_field(admin: Visitor):
    for changes, pointer in (
        ({"/settings/url": "webhook.example"}, "/settings/url"),
        ({"/settings/sign_secret": "short"}, "/settings/sign_secret"),
        ({"/settings/url": "http://10.1.2.3/"}, "/own"),
        ({"/name": ""}, "/name"),
    ):
        refused = admin.send(LIST, form("webhook", **changes))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), changes
    added(admin, "webhook")
    assert admin.send(LIST, form("webhook")).json()["errors"][0]["pointer"] == "/name"


def test_markup_in_a_channels_name_or_a_services_words_stays_text(lone: Reception, admin: Visitor, services: Services):
    services.otherwise["webhook"] = lambda _: Answer(500, b"<script>alert(1)</script>")
    page = added(admin, "webhook", **{"/name": "<b>值班</b>"})
    admin.post(f"{page}/test", {"/address": ""})
    lone.send()
    for path in (LIST, page, f"{page}/standing", "/"):
        shown = admin.get(path).text
        assert "<b>值班" not in shown
        assert "<script>alert" not in shown
