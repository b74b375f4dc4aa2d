"""What the doctor, the metrics and the log say of channels."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ecolink.entrypoints.doctor import alerting, exchange
from ecolink.entrypoints.doctor.finding import Level
from ecolink.entrypoints.redaction import redact_text
from ecolink.settings import Settings
from ecolink.web.gauges import Gauges
from tests.alerts.office import CONSOLE, Office

pytestmark = pytest.mark.by_turns


def settings(console_url: str | None = CONSOLE) -> Settings:
    return cast("Settings", SimpleNamespace(console_url=console_url))


def told_of_channels(office: Office, console_url: str | None = CONSOLE) -> Any:
    with office.database.read() as session:
        return alerting.channels(session, settings(console_url))


def test_the_doctor_names_a_channel_that_fails(office: Office):
    assert told_of_channels(office, None).level is Level.OK, "whoever sets up no channel needs no address"
    office.tell(office.officer("lin", office.channel("ntfy")))
    assert told_of_channels(office).level is Level.OK
    assert told_of_channels(office, None).level is Level.WARN

    office.services.is_dead("ntfy")
    office.send()
    found = told_of_channels(office)
    assert found.level is Level.FAIL
    assert "Channel ntfy fails since 2026-11-23T12:00:00.000+08:00, 1 messages wait for it" in found.detail_en


def test_the_doctor_names_who_answers_for_the_bureau_and_cannot_be_reached(office: Office):
    def contacts() -> Any:
        with office.database.read() as session:
            return alerting.contacts(session)

    office.officer("wu")
    assert contacts().level is Level.OK, "without a channel nobody can be reached outside"
    office.officer("lin", office.channel("ntfy"))
    assert contacts().level is Level.WARN
    assert "contact point: wu." in contacts().detail_en


def test_the_doctor_sees_an_alert_that_a_worker_took_up_and_never_gave_back(office: Office):
    def leases(*, seconds: float) -> Any:
        with office.database.read() as session:
            return exchange.leases(session, office.clock.now() + timedelta(seconds=seconds))

    office.tell(office.officer("lin", office.channel("ntfy")))
    leased = office.post.sending.take(office.clock.now())
    assert leased is not None
    assert leases(seconds=100).level is Level.OK, "it may be at work yet, or be taken over"
    told = leases(seconds=200)
    assert told.level is Level.WARN
    assert "1 contact points, at which alerts wait" in told.detail_en
    assert "Start a worker" in told.mend_en

    office.post.sending.carry(leased, office.clock.now)
    assert leases(seconds=200).level is Level.OK


def test_metrics_tell_which_channel_fails_since_when_and_how_much_waits(office: Office, tmp_path: Path):
    ntfy = office.channel("ntfy")
    office.services.is_dead("ntfy")
    office.tell(office.officer("lin", ntfy), office.officer("zhou"))
    office.send()
    office.wait(seconds=90)
    told = {
        (sample.name, sample.labels.get("channel")): sample.value
        for metric in Gauges(office.database, office.clock, tmp_path).collect()
        for sample in metric.samples
        if sample.name.startswith("ecolink_alert_")
    }

    assert told == {
        ("ecolink_alert_channel_failing_seconds", ntfy.id): 90.0,
        ("ecolink_alert_waiting", ntfy.id): 1.0,
        ("ecolink_alert_oldest_seconds", ntfy.id): 90.0,
        ("ecolink_alert_given_up", None): 1.0,
    }


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("POST https://oapi.dingtalk.com/robot/send?access_token=0123abcd&sign=x failed", "0123abcd"),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=633a31f6-7f9c-4bc4", "633a31f6"),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/5e3d587e-d78e", "5e3d587e"),
        ("signed with SEC0123456789abcdef0123456789abcdef0123", "0123456789abcdef"),
        ("Bearer of tk_7eevizlsiwf9yi4uxsrs83r4352o0", "7eevizls"),
    ],
)
def test_a_robots_address_and_keys_are_blotted_out_of_the_log(text: str, secret: str):
    assert secret in text
    assert secret not in redact_text(text)
