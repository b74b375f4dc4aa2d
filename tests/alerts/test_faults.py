"""What a service's answer means, told in words of ours."""

import pytest

from ecolink.alerts.channels.faults import trouble_of


@pytest.mark.parametrize(
    ("kind", "said", "word"),
    [
        ("dingtalk", '200 {"errcode":310000,"errmsg":"sign not match"}', "加签"),
        ("dingtalk", '200 {"errcode":410100,"errmsg":"send too fast"}', "限流"),
        ("wecom", '200 {"errcode":93000,"errmsg":"invalid webhook url"}', "机器人地址"),
        ("wecom", '200 {"errcode": 45009, "errmsg": "api freq out of limit"}', "限流"),
        ("feishu", '200 {"code":19021,"msg":"sign match fail or timestamp is not within one hour"}', "加签"),
        ("feishu", '200 {"code":11232,"msg":"frequency limited"}', "限流"),
        ("webhook", '200 {"errcode":93000}', "未确认收下"),
        ("sms", '200 {"result":{"code":7}}', "未确认收下"),
        ("email", "535 5.7.8 authentication failed", "密码"),
        ("email", "421 4.3.0 try later", "未确认收下"),
        ("ntfy", "429 too many requests", "限流"),
        ("ntfy", "403 forbidden", "密钥"),
        ("webhook", "404 not found", "404"),
        ("webhook", "503 gone fishing", "自身"),
        ("webhook", "address 10.1.2.3 is not public and not in ECOLINK_ALERT_NETWORKS", "alert_networks"),
        ("email", "the name mail.bureau.example does not resolve", "域名"),
        ("webhook", "ReadTimeout: the call's total deadline passed", "未在规定时间"),
        ("webhook", "ConnectError: [Errno 111] Connection refused", "无法连接"),
        ("email", "ConnectionRefusedError: [Errno 111] Connection refused", "无法连接"),
        ("webhook", "ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] self-signed", "证书"),
        ("email", "the channel's settings do not open: enter its secrets again / 渠道设置无法打开", "重新填写密钥"),
    ],
)
def test_an_answer_is_told_in_plain_words(kind: str, said: str, word: str):
    trouble = trouble_of(kind, said)
    assert word in trouble.zh
    assert trouble.en
