"""Today: what waits, how the partners and the channels fare, each part only for whom it is open."""

from datetime import timedelta

import pytest

from ecolink.alerts.dispatch_models import Channel
from ecolink.identity.roles import Role
from tests.support.console import Reception
from tests.support.town import Town

pytestmark = pytest.mark.by_turns


def test_a_channel_that_fails_shows_with_what_its_service_said(reception: Reception, town: Town):
    officer = reception.signed_in(Role.LIAISON_OFFICER)
    assert "收不到提醒" in officer.get("/").text

    now = town.clock.now()
    with reception.node.database.begin() as session:
        session.add(
            Channel(
                id="c1",
                kind="ntfy",
                name="值班推送",
                own=False,
                enabled=True,
                settings={},
                sealed=b"",
                created_at=now,
                changed_at=now,
                changed_by="admin",
                failing_since=now - timedelta(minutes=1),
                last_error="503",
                version=1,
            )
        )
    page = officer.get("/today/desk").text
    assert "值班推送" in page
    assert "故障，始于" in page
    assert "收不到提醒" not in page


def test_a_partner_that_was_never_heard_of_is_not_shown_as_connected(reception: Reception):
    page = reception.signed_in(Role.OFFICER).get("/").text

    assert "庆元县公安局" in page
    assert "近期无联系" in page


def test_an_integrators_account_sees_its_own_and_no_case(reception: Reception):
    page = reception.signed_in(Role.INTEGRATOR).get("/")

    assert page.status_code == 200
