"""Each service's own form: what it is sent, and which of its answers means that it took it."""

import hmac
import json
from base64 import b64encode
from email import message_from_bytes
from email.policy import default
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest

from ecolink.alerts.channels.catalogue import CODECS, read_settings, secrets_of, shown
from ecolink.alerts.channels.letter import Letter
from ecolink.alerts.channels.sms import at_pointer
from ecolink.alerts.channels.wire import Answer, Failed, HttpRequest, MailRequest, Sent
from ecolink.alerts.letters import Reader, write
from ecolink.errors import InvalidError
from tests.alerts.office import ADDRESSES, CONSOLE, MESSAGE, NOON, SETTINGS, right_answer, text_of

LETTER = write([("dispatch-1", MESSAGE)], Reader(own=True, language="zh", console_url=CONSOLE))
SECONDS = str(int(NOON.timestamp()))

GARBAGE = [b"", b"ok", b"\xff\xfe", b"[" * 50_000, b"null", b"[]", b'"0"', b"{}", b"<html>200 OK</html>"]
REFUSALS = {
    "dingtalk": [b'{"errcode":310000,"errmsg":"sign not match"}', b'{"errcode":"0"}', b'{"errcode":false}'],
    "wecom": [b'{"errcode":93000,"errmsg":"invalid webhook url"}', b'{"errcode":45009}'],
    "feishu": [b'{"code":19021,"msg":"sign match fail"}', b'{"code":9499}'],
    "ntfy": [b'{"code":40301,"http":403,"error":"forbidden"}', b'{"id":"x","event":"open"}'],
    "sms": [b'{"result":{"code":"105"}}', b'{"code":0}'],
    "webhook": [b'{"id":"another"}', b'{"ok":true}'],
}


def compose(kind: str, letter: Letter = LETTER, to: str | None = None, **settings: object) -> HttpRequest:
    document = {**SETTINGS[kind], **settings}
    request = CODECS[kind].compose(letter, read_settings(document), ADDRESSES[kind] if to is None else to, NOON)
    assert isinstance(request, HttpRequest)
    return request


@pytest.mark.parametrize("kind", CODECS)
def test_a_services_own_word_of_success_is_success(kind: str):
    settings = read_settings(SETTINGS[kind])
    request = CODECS[kind].compose(LETTER, settings, ADDRESSES[kind], NOON)
    assert isinstance(CODECS[kind].understand(right_answer(kind, request), settings, LETTER), Sent)


@pytest.mark.parametrize(("kind", "body"), [(kind, body) for kind in REFUSALS for body in (*REFUSALS[kind], *GARBAGE)])
def test_whatever_else_comes_with_a_200_is_a_failure(kind: str, body: bytes):
    outcome = CODECS[kind].understand(Answer(200, body), read_settings(SETTINGS[kind]), LETTER)
    assert isinstance(outcome, Failed)
    assert outcome.answer.startswith("200")
    assert len(outcome.answer) <= 200


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("status", [302, 403, 429, 500])
def test_the_right_word_under_a_wrong_status_is_a_failure(kind: str, status: int):
    settings = read_settings(SETTINGS[kind])
    right = right_answer(kind, CODECS[kind].compose(LETTER, settings, ADDRESSES[kind], NOON))
    assert isinstance(CODECS[kind].understand(Answer(status, right.body), settings, LETTER), Failed)


def test_dingtalk_is_signed_in_its_address_and_calls_upon_the_officer():
    request = compose("dingtalk")
    query = parse_qs(urlsplit(request.url).query)
    moment = f"{SECONDS}000"
    secret = SETTINGS["dingtalk"]["sign_secret"]
    signature = hmac.new(secret.encode(), f"{moment}\n{secret}".encode(), sha256).digest()

    assert query == {"access_token": ["ding-token"], "timestamp": [moment], "sign": [b64encode(signature).decode()]}
    document = json.loads(request.body)
    assert document["msgtype"] == "text"
    assert document["at"] == {"atMobiles": ["13800000000"], "isAtAll": False}


def test_feishu_is_signed_in_its_body_over_nothing():
    document = json.loads(compose("feishu").body)
    key = f"{SECONDS}\n{SETTINGS['feishu']['sign_secret']}"

    assert document["timestamp"] == SECONDS
    assert document["sign"] == b64encode(hmac.new(key.encode(), b"", sha256).digest()).decode()
    assert document["content"]["text"].startswith('<at user_id="ou_0123456789abcdef"></at> ')


def test_no_title_calls_upon_everybody_in_feishu():
    from dataclasses import replace

    calling = replace(LETTER, text_zh=('<at user_id="all"></at>',))
    assert "<at" not in json.loads(compose("feishu", calling, "").body)["content"]["text"]


def test_a_robot_without_a_signature_gets_none():
    assert "sign" not in json.loads(compose("feishu", sign_secret=None).body)


def test_wecom_gets_no_more_than_it_takes():
    from dataclasses import replace

    document = json.loads(compose("wecom", replace(LETTER, text_zh=("山" * 3000,))).body)
    assert len(document["text"]["content"].encode()) <= 2048
    assert document["text"]["mentioned_mobile_list"] == ["13800000000"]


def test_ntfy_gets_the_link_as_what_a_tap_opens():
    request = compose("ntfy")
    document = json.loads(request.body)
    assert document["topic"] == "shouning-lin"
    assert document["click"] == f"{CONSOLE}/emergencies/7"
    assert request.headers["authorization"] == "Bearer tk_ntfy"


def test_a_gateway_gets_what_its_template_says():
    assert json.loads(compose("sms").body) == {
        "mobile": "13800000000",
        "content": LETTER.short(),
        "account": {"token": "sms-token", "serial": LETTER.id},
    }
    form = compose("sms", form="form", body={"to": "{to}", "text": "{text}{token}"})
    assert parse_qs(form.body.decode())["text"] == [LETTER.short() + "sms-token"]
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    query = compose("sms", form="none", method="GET", body={}, url="https://sms.example/send?m={to}&c={text}&t={time}")
    assert parse_qs(urlsplit(query.url).query) == {"m": ["13800000000"], "c": [LETTER.short()], "t": [SECONDS]}
    assert query.body == b""


def test_what_stands_in_a_text_fills_no_place():
    from dataclasses import replace

    tricky = replace(LETTER, text_zh=("{token}",), matters=())
    assert "sms-token" not in json.loads(compose("sms", tricky).body)["content"]


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/a/b", 1),
        ("/list/1", "y"),
        ("/list/2", None),
        ("/list/-1", None),
        ("/x~1y/z~0", 2),
        ("/a", {"b": 1}),
        ("/", None),
    ],
)
def test_a_pointer_leads_to_a_member_or_nowhere(pointer: str, found: object):
    assert at_pointer({"a": {"b": 1}, "list": ["x", "y"], "x/y": {"z~": 2}}, pointer) == found


@pytest.mark.parametrize(
    ("said", "wanted", "took"), [(0, "0", True), (True, "true", True), ("OK", "OK", True), (1, "0", False)]
)
def test_a_gateways_value_is_compared_as_text(said: object, wanted: str, took: bool):
    settings = read_settings({**SETTINGS["sms"], "success_pointer": "/code", "success_value": wanted})
    outcome = CODECS["sms"].understand(Answer(201, json.dumps({"code": said}).encode()), settings, LETTER)
    assert isinstance(outcome, Sent) is took


def test_a_webhook_is_signed_over_its_time_and_its_body():
    request = compose("webhook")
    key = SETTINGS["webhook"]["sign_secret"].encode()
    mac = hmac.new(key, f"{SECONDS}.".encode() + request.body, sha256).hexdigest()

    assert request.headers["ecolink-signature"] == f"v1={mac}"
    assert request.headers["ecolink-id"] == json.loads(request.body)["id"] == LETTER.id
    assert json.loads(request.body)["matters"][0]["title_zh"] == "下党乡山火"


def test_a_mail_has_both_languages_a_stable_id_and_a_part_in_html():
    settings = read_settings(SETTINGS["email"])
    request = CODECS["email"].compose(LETTER, settings, ADDRESSES["email"], NOON)
    assert isinstance(request, MailRequest)
    mail = message_from_bytes(request.content, policy=default)

    assert mail["Message-ID"] == f"<{LETTER.id}@shouning.example>"
    assert mail["Importance"] == "high"
    assert mail["Subject"] == "下党乡山火（编号 E7）"
    plain, html = list(mail.iter_parts())
    assert plain.get_content().index("紧急事项") < plain.get_content().index("urgent item")
    assert html.get_content_type() == "text/html"
    assert all(line <= b"\x7f" * 1000 for line in request.content.splitlines()), "every server on the way knows it"


def test_a_title_with_markup_is_text_in_a_mail():
    from dataclasses import replace

    marked = replace(LETTER, text_zh=("<script>alert(1)</script>",))
    request = CODECS["email"].compose(marked, read_settings(SETTINGS["email"]), ADDRESSES["email"], NOON)
    assert "&lt;script&gt;" in text_of(request)


@pytest.mark.parametrize("kind", CODECS)
def test_what_is_shown_of_a_channel_holds_no_secret(kind: str):
    settings = read_settings(SETTINGS[kind])
    secrets = secrets_of(settings)

    assert secrets
    assert not [secret for secret in secrets.values() if secret in json.dumps(shown(settings)) + repr(settings)]
    assert read_settings({**shown(settings), **secrets}) == settings


@pytest.mark.parametrize(
    ("kind", "change", "pointer"),
    [
        ("email", {"security": "none"}, "/settings"),
        ("email", {"password": None}, "/settings"),
        ("email", {"sender": "nobody"}, "/settings/sender"),
        ("email", {"colour": "red"}, "/settings/colour"),
        ("dingtalk", {"webhook": "ftp://dingtalk.example"}, "/settings/webhook"),
        ("wecom", {"webhook": "https://user:pw@wecom.example"}, "/settings/webhook"),
        ("ntfy", {"server": "javascript:alert(1)"}, "/settings/server"),
        ("sms", {"success_pointer": "code"}, "/settings/success_pointer"),
        ("sms", {"headers": {"X-Text": "{text}"}}, "/settings"),
        ("sms", {"url": "https://{token}.example/send"}, "/settings"),
        ("webhook", {"sign_secret": "short"}, "/settings/sign_secret"),
        ("webhook", {"kind": "pigeon"}, "/settings/kind"),
    ],
)
def test_settings_that_do_not_fit_are_refused_at_their_member(kind: str, change: dict[str, object], pointer: str):
    with pytest.raises(InvalidError) as refused:
        read_settings({**SETTINGS[kind], **change})
    assert refused.value.pointer == pointer
    assert "pw" not in refused.value.detail_en


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("email", "lin@a.example", "lin@a.example\nBcc: x@y.example"),
        ("dingtalk", "", "1380000000"),
        ("wecom", "13800000000", "all"),
        ("feishu", "", "all"),
        ("ntfy", "topic_1", "a/b"),
        ("sms", "+8613800000000", "110, 119"),
        ("webhook", "任何名字", "a\nb"),
    ],
)
def test_an_address_is_one_that_the_service_knows(kind: str, good: str, bad: str):
    assert CODECS[kind].address(good) == good
    assert CODECS[kind].address(bad) is None
