"""Keeping channels and contact points: secrets stay secret, addresses are proven, what is removed is gone."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from ecolink.alerts.channel_secrets import kept_secrets
from ecolink.alerts.channels.wire import Answer
from ecolink.alerts.contacts import CODE_GOOD_FOR, MOST_CODES, MOST_GUESSES
from ecolink.alerts.detours import KEPT
from ecolink.alerts.dispatch_models import Channel, ContactPoint, Dispatch
from ecolink.alerts.register import Wanted
from ecolink.audit.access_models import AccessRow
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError, ThrottledError
from ecolink.identity.models import Account
from ecolink.identity.principal import Principal
from tests.alerts.office import ROOT, SETTINGS, VAULT, Office, text_of

pytestmark = pytest.mark.by_turns


def change(
    office: Office, channel: Channel, *, name: str = "", own: bool = False, enabled: bool = True, **settings: Any
) -> Channel:
    """Change a channel; a setting of None is left out."""
    document = {name: value for name, value in {**SETTINGS[channel.kind], **settings}.items() if value is not None}
    wanted = Wanted(name=name or channel.name, own=own, enabled=enabled, settings=document)
    with office.database.begin() as session:
        kept = office.post.channels.get(session, channel.id)
        return office.post.channels.change(session, kept, wanted, by=ROOT, now=office.clock.now())


def secrets(office: Office, channel: Channel) -> dict[str, str]:
    with office.database.read() as session:
        return kept_secrets(session.get_one(Channel, channel.id), VAULT)


def person(office: Office, username: str = "lin") -> Principal:
    office.officer(username)
    with office.database.read() as session:
        account = session.scalars(select(Account).where(Account.username == username)).one()
    return Principal(id=account.id, username=username, name=username, roles=account.held_roles())


def add(office: Office, by: Principal, channel: Channel, address: str = "shouning-lin") -> ContactPoint:
    with office.database.begin() as session:
        return office.post.contacts.add(session, channel.id, address, whose=by.id, by=by, now=office.clock.now())


def guess(office: Office, by: Principal, point: ContactPoint, code: str) -> bool:
    with office.database.begin() as session:
        return office.post.contacts.guess(session, point.id, code, whose=by.id, by=by, now=office.clock.now())


def code_of(office: Office) -> str:
    """Return the code that was sent last."""
    office.wait(seconds=10)
    found = re.search(r"确认码是 (\d{6})", text_of(office.services.carried[-1]))
    assert found is not None
    return found[1]


def test_the_database_alone_shows_no_secret(office: Office):
    channel = office.channel("dingtalk")
    with office.database.read() as session:
        row = repr(session.execute(text("SELECT * FROM alert_channels")).all())
    assert "ding-token" not in row
    assert "SECding-secret" not in row
    assert secrets(office, channel)["sign_secret"] == "SECding-secret"


def test_a_secret_left_out_stays_where_it_goes_to_the_same_place(office: Office):
    channel = office.channel("ntfy")
    change(office, channel, name="push", token=None)
    assert secrets(office, channel) == {"token": "tk_ntfy"}


def test_a_secret_does_not_follow_a_channel_to_another_place(office: Office):
    channel = office.channel("ntfy")
    with pytest.raises(InvalidError) as refused:
        change(office, channel, server="https://elsewhere.example", token=None)
    assert refused.value.pointer == "/settings/token"
    change(office, channel, server="https://elsewhere.example", token="another")


def test_a_channel_keeps_its_kind_and_names_are_used_once(office: Office):
    channel = office.channel("ntfy")
    office.channel("sms")
    with pytest.raises(InvalidError):
        change(office, channel, kind="sms")
    with pytest.raises(ConflictError):
        change(office, channel, name="sms")


def test_a_third_party_is_not_called_over_plain_http(office: Office):
    with pytest.raises(InvalidError) as refused:
        office.channel("webhook", url="http://alerts.example/in")
    assert refused.value.pointer == "/own"
    office.channel("webhook", own=True, url="http://alerts.shouning.example/in")


def test_whatever_is_done_to_a_channel_stands_in_the_access_log(office: Office):
    channel = office.channel("ntfy")
    change(office, channel, own=True)
    with office.database.begin() as session:
        office.post.channels.test(
            session, office.post.channels.get(session, channel.id), "t", by=ROOT, now=office.clock.now()
        )
        office.post.channels.remove(
            session, office.post.channels.get(session, channel.id), by=ROOT, now=office.clock.now()
        )
    with office.database.read() as session:
        said = [(row.details["what"], row.reason) for row in session.scalars(select(AccessRow).order_by(AccessRow.n))]
    assert said == [
        ("channel-add", "ntfy ntfy, third party"),
        ("channel-change", "ntfy ntfy, own"),
        ("channel-test", "ntfy ntfy, own"),
        ("channel-remove", "ntfy ntfy, own"),
    ]


def test_a_removed_channel_is_gone_with_its_secrets_and_its_name_is_free(office: Office):
    channel = office.channel("ntfy")
    with office.database.begin() as session:
        office.post.channels.remove(
            session, office.post.channels.get(session, channel.id), by=ROOT, now=office.clock.now()
        )
    with office.database.begin() as session, pytest.raises(NotFoundError):
        office.post.channels.get(session, channel.id)
    with office.database.read() as session:
        assert session.get_one(Channel, channel.id).sealed == b""
    office.channel("ntfy")


@pytest.mark.parametrize(("status", "state"), [(200, "sent"), (500, "given_up")])
def test_a_test_goes_the_real_way_once_and_its_result_can_be_read(office: Office, status: int, state: str):
    channel = office.channel("sms")
    body = b'{"result":{"code":0}}'
    office.services.otherwise["sms"] = lambda _: Answer(status, body)
    with office.database.begin() as session:
        kept = office.post.channels.get(session, channel.id)
        posted = office.post.channels.test(session, kept, "13800000000", by=ROOT, now=office.clock.now())
    assert office.send() == 1
    office.wait(hours=1)

    with office.database.read() as session:
        (told,) = office.post.dispatches.told(session, [session.get_one(Dispatch, posted.id)])
    assert told.dispatch.state == state
    assert str(told.dispatch.result).startswith(str(status))
    assert len(told.tries) == 1
    assert "【测试】" in text_of(office.services.carried[0])


def test_a_test_does_not_wait_for_a_dead_channels_next_turn(office: Office):
    channel = office.channel("ntfy")
    office.services.is_dead("ntfy")
    office.tell(office.officer("lin", channel))
    office.send()
    office.services.otherwise.clear()
    with office.database.begin() as session:
        kept = office.post.channels.get(session, channel.id)
        office.post.channels.test(session, kept, "topic", by=ROOT, now=office.clock.now())

    assert office.send() == 1
    assert office.health("ntfy").state == "working"


def test_a_channel_that_is_switched_off_sends_no_test(office: Office):
    channel = office.channel("ntfy")
    change(office, channel, enabled=False)
    with office.database.begin() as session, pytest.raises(IllegalMoveError):
        office.post.channels.test(
            session, office.post.channels.get(session, channel.id), "t", by=ROOT, now=office.clock.now()
        )


def test_an_address_is_confirmed_by_the_code_that_came_there(office: Office):
    lin, channel = person(office), office.channel("ntfy")
    point = add(office, lin, channel)
    with office.database.read() as session:
        assert office.post.contacts.confirmed(session, [lin.id]) == {lin.id: []}
        row = repr(session.execute(text("SELECT * FROM contact_points")).all())
        row += repr(session.execute(text("SELECT * FROM dispatches")).all())
    code = code_of(office)

    assert code not in row, "the database does not show it"
    assert not guess(office, lin, point, "not it")
    assert guess(office, lin, point, f" {code} ")
    with office.database.read() as session:
        ((confirmed, on),) = office.post.contacts.confirmed(session, [lin.id])[lin.id]
    assert (confirmed.id, on.id) == (point.id, channel.id)


def test_after_five_wrong_guesses_the_right_code_is_wrong(office: Office):
    lin = person(office)
    point = add(office, lin, office.channel("ntfy"))
    code = code_of(office)
    for _ in range(MOST_GUESSES):
        assert not guess(office, lin, point, "000000" if code != "000000" else "111111")
    assert not guess(office, lin, point, code)

    with office.database.begin() as session:
        office.post.contacts.send_code(session, point.id, whose=lin.id, now=office.clock.now())
    assert guess(office, lin, point, code_of(office))


def test_a_code_is_good_for_half_an_hour(office: Office):
    lin = person(office)
    point = add(office, lin, office.channel("ntfy"))
    code = code_of(office)
    office.clock.advance(CODE_GOOD_FOR)
    assert not guess(office, lin, point, code)


def test_nobody_sends_codes_without_end(office: Office):
    lin = person(office)
    point = add(office, lin, office.channel("ntfy"))
    for _ in range(MOST_CODES - 1):
        with office.database.begin() as session:
            office.post.contacts.send_code(session, point.id, whose=lin.id, now=office.clock.now())
    with office.database.begin() as session, pytest.raises(ThrottledError):
        office.post.contacts.send_code(session, point.id, whose=lin.id, now=office.clock.now())
    with office.database.begin() as session:
        office.post.contacts.remove(session, point.id, whose=lin.id, by=lin, now=office.clock.now())
    with pytest.raises(ThrottledError):
        add(office, lin, office.channel("sms"), "13800000000")


def test_somebody_elses_contact_points_are_not_there(office: Office):
    lin, zhou = person(office), person(office, "zhou")
    point = add(office, lin, office.channel("ntfy"))
    contacts, now = office.post.contacts, office.clock.now()
    with office.database.begin() as session, pytest.raises(NotFoundError):
        contacts.send_code(session, point.id, whose=zhou.id, now=now)
    with office.database.begin() as session, pytest.raises(NotFoundError):
        contacts.remove(session, point.id, whose=zhou.id, by=zhou, now=now)
    with pytest.raises(NotFoundError):
        guess(office, zhou, point, "000000")


def test_an_address_is_noted_once_and_on_a_channel_that_knows_it(office: Office):
    lin, channel = person(office), office.channel("ntfy")
    point = add(office, lin, channel)
    with pytest.raises(ConflictError):
        add(office, lin, channel)
    with pytest.raises(InvalidError):
        add(office, lin, channel, "not a topic")
    with office.database.begin() as session:
        office.post.contacts.remove(session, point.id, whose=lin.id, by=lin, now=office.clock.now())
    add(office, lin, channel)


def test_contact_points_stand_in_the_order_their_owner_wants(office: Office):
    lin = person(office)
    points = [add(office, lin, office.channel("ntfy")), add(office, lin, office.channel("sms"), "13800000000")]
    with office.database.begin() as session:
        office.post.contacts.reorder(session, [point.id for point in reversed(points)], whose=lin.id)
        with pytest.raises(InvalidError):
            office.post.contacts.reorder(session, [points[0].id], whose=lin.id)
    with office.database.read() as session:
        assert [point.id for point, _ in office.post.contacts.of(session, lin.id)] == [points[1].id, points[0].id]


def test_settings_sealed_to_another_nodes_key_send_nothing_and_say_so(office: Office):
    from cryptography.hazmat.primitives.asymmetric import ec

    from ecolink.kit.vault import Vault

    office.tell(office.officer("lin", office.channel("ntfy")))
    object.__setattr__(office.post.sending, "vault", Vault(ec.generate_private_key(ec.SECP256R1())))

    assert office.send() == 0
    assert "enter its secrets again" in office.health("ntfy").channel.last_error
    office.clock.advance(timedelta(minutes=1))


def test_what_a_service_says_is_kept_without_the_secrets_it_repeats(office: Office):
    office.tell(office.officer("lin", office.channel("sms")))
    office.services.otherwise["sms"] = lambda _: Answer(403, b"bad token sms-token for 13800000000")
    office.send()

    (told,) = office.told()
    assert told.tries[0].answer == "403 bad token […] for […]"


def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(office: Office):
    lin, zhou = office.officer("lin", office.channel("ntfy")), office.officer("zhou", office.channel("sms"))
    office.services.is_dead("sms")
    office.tell(lin)
    office.send()
    office.clock.advance(KEPT + timedelta(hours=1))
    office.tell(zhou, alert_id="new")
    office.send()
    office.post.sending.sweep(office.clock.now())

    assert office.states() == []
    assert office.states("new") == ["waiting"]
