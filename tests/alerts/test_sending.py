"""What is posted is sent once a service takes it: by another way where one fails, together where several wait."""

from datetime import timedelta

import pytest

from ecolink.alerts.channels.wire import Answer, Request
from ecolink.alerts.sending import LEASE
from tests.alerts.office import A_MOMENT, NOON, ROOT, Office, kind_of, text_of

by_turns = pytest.mark.by_turns


def test_an_officer_is_told_by_the_channel_they_prefer(office: Office):
    lin = office.officer("lin", office.channel("ntfy"), office.channel("sms"))
    office.tell(lin)

    assert office.send() == 1
    assert [kind_of(request) for request in office.services.carried] == ["ntfy"]
    (told,) = office.told()
    assert (told.dispatch.state, told.dispatch.ended_at, told.dispatch.message) == ("sent", NOON, {})
    assert told.channel is not None
    assert told.channel.kind == "ntfy"
    assert [(one.succeeded, one.together) for one in told.tries] == [(True, 1)]
    assert office.send() == 0


def test_whoever_was_told_a_step_is_not_told_it_again(office: Office):
    lin = office.officer("lin", office.channel("ntfy"))
    office.tell(lin)
    office.tell(lin)
    office.send()
    office.tell(lin)

    assert office.send() == 0
    assert office.states() == ["sent"]


def test_a_dead_channel_is_passed_at_once(office: Office):
    lin = office.officer("lin", office.channel("ntfy"), office.channel("sms"))
    office.services.is_dead("ntfy")
    office.tell(lin)

    office.send()
    assert [kind_of(request) for request in office.services.carried] == ["ntfy", "sms"]
    (told,) = office.told()
    assert [(one.succeeded, one.answer) for one in told.tries] == [
        (False, "the service is silent"),
        (True, '200 {"result": {"code": 0}}'),
    ]
    assert office.clock.now() == NOON


def test_what_a_service_refuses_with_a_200_was_not_sent(office: Office):
    lin = office.officer("lin", office.channel("dingtalk"), office.channel("sms"))
    office.services.otherwise["dingtalk"] = lambda _: Answer(200, b'{"errcode": 310000, "errmsg": "sign not match"}')
    office.tell(lin)

    office.send()
    (told,) = office.told()
    assert [one.succeeded for one in told.tries] == [False, True]
    assert "310000" in told.tries[0].answer
    assert office.health("dingtalk").state == "failing"


def test_while_a_channel_is_dead_nobody_waits_for_it_who_has_another(office: Office):
    ntfy, sms = office.channel("ntfy"), office.channel("sms")
    office.services.is_dead("ntfy")
    office.tell(office.officer("lin", ntfy, sms))
    office.send()
    office.services.carried.clear()
    office.tell(office.officer("zhou", ntfy, sms), step="again")

    office.send()
    assert [kind_of(request) for request in office.services.carried] == ["sms"]


def test_all_that_waits_for_a_channel_goes_another_way_when_it_dies(office: Office):
    ntfy, sms = office.channel("ntfy"), office.channel("sms")
    office.services.is_dead("ntfy")
    office.tell(*(office.officer(name, ntfy, sms) for name in ("lin", "zhou", "wu")))

    office.send()
    assert [kind_of(request) for request in office.services.carried].count("ntfy") == 1
    assert office.states() == ["sent"] * 3


def test_whoever_has_only_a_dead_channel_is_told_when_it_lives_again(office: Office):
    ntfy = office.channel("ntfy")
    office.services.is_dead("ntfy")
    office.tell(*(office.officer(name, ntfy) for name in ("lin", "zhou", "wu")))

    office.send()
    assert len(office.services.carried) == 1, "one worker tries a dead channel, and one message"
    for _ in range(5):
        office.wait(seconds=60)
    assert len(office.services.carried) <= 6
    health = office.health("ntfy")
    assert (health.state, health.waiting, health.oldest) == ("failing", 3, NOON)
    assert health.channel.failing_since == NOON

    office.services.otherwise.clear()
    for _ in range(10):
        office.wait(seconds=60)
    assert office.states() == ["sent"] * 3
    health = office.health("ntfy")
    assert (health.state, health.waiting, health.channel.last_error) == ("working", 0, None)


def test_an_address_that_does_not_exist_makes_no_channel_dead(office: Office):
    lin = office.officer("lin", office.channel("email", own=True), office.channel("sms"))
    office.services.otherwise["email"] = lambda _: Answer(550, b"no such user", to_address=True)
    office.tell(lin)

    office.send()
    assert office.states() == ["sent"]
    assert office.health("email").state == "untried"


def test_after_a_day_in_vain_a_dispatch_says_so(office: Office):
    office.services.is_dead("ntfy")
    office.tell(office.officer("lin", office.channel("ntfy")))
    for _ in range(26):
        office.wait(hours=1)

    (told,) = office.told()
    assert (told.dispatch.state, told.dispatch.result) == ("given_up", "the service is silent")


def test_who_cannot_be_reached_at_all_is_shown(office: Office):
    office.tell(office.officer("lin"))

    (told,) = office.told()
    assert told.dispatch.state == "given_up"
    assert "no usable contact point" in str(told.dispatch.result)


def test_several_alerts_that_wait_for_one_person_become_one_message_that_says_how_many(office: Office):
    lin = office.officer("lin", office.channel("sms"))
    for number in range(1, 4):
        office.tell(lin, alert_id=f"alert-{number}", number=f"E{number}")
        office.clock.advance(timedelta(milliseconds=1))

    assert office.send() == 1
    assert "3 条紧急事项（编号 E1、E2、E3）" in text_of(office.services.carried[0])
    assert [office.told(f"alert-{number}")[0].tries[0].together for number in (1, 2, 3)] == [3, 3, 3]


def test_what_comes_right_after_a_message_waits_a_moment_and_goes_together(office: Office):
    lin = office.officer("lin", office.channel("sms"))
    office.tell(lin)
    office.send()
    for number in (2, 3):
        office.tell(lin, alert_id=f"alert-{number}", number=f"E{number}")

    assert office.send() == 0
    assert office.wait(seconds=A_MOMENT) == 1
    assert "2 条紧急事项" in text_of(office.services.carried[1])


def test_a_drill_is_never_told_together_with_the_real_thing(office: Office):
    lin = office.officer("lin", office.channel("sms"))
    office.tell(lin)
    office.tell(lin, alert_id="drill", number="D1", status="exercise")

    assert office.send() == 1
    assert office.wait(seconds=A_MOMENT) == 1
    real, drill = map(text_of, office.services.carried)
    assert "演练" not in real
    assert "【演练】" in drill


def test_the_urgent_go_before_the_others(office: Office):
    ntfy = office.channel("ntfy")
    office.tell(office.officer("zhou", ntfy), urgency="normal", alert_id="later")
    office.clock.advance(timedelta(seconds=1))
    office.tell(office.officer("lin", ntfy))

    office.send()
    assert "紧急" in text_of(office.services.carried[0])


def test_what_was_acknowledged_is_not_sent_any_more(office: Office):
    office.tell(office.officer("lin", office.channel("ntfy")))
    with office.database.begin() as session:
        office.post.dispatches.cancel(session, "alert-1", office.clock.now())

    assert office.send() == 0
    assert office.states() == ["cancelled"]


def test_an_acknowledgement_while_a_message_is_out_stands(office: Office):
    office.tell(office.officer("lin", office.channel("ntfy")))

    def acknowledged_meanwhile(_: Request) -> Answer:
        with office.database.begin() as session:
            office.post.dispatches.cancel(session, "alert-1", office.clock.now())
        return Answer(500, b"")

    office.services.otherwise["ntfy"] = acknowledged_meanwhile
    assert office.send() == 1
    assert office.wait(hours=1) == 0
    (told,) = office.told()
    assert (told.dispatch.state, len(told.tries)) == ("cancelled", 1)


def test_a_worker_that_hangs_past_its_lease_is_fenced_off(office: Office):
    office.tell(office.officer("lin", office.channel("ntfy")))
    sending, clock = office.post.sending, office.clock
    slow = sending.take(clock.now())
    assert slow is not None
    assert sending.take(clock.now()) is None, "one at a time"

    clock.advance(LEASE)
    assert office.send() == 1
    office.services.is_dead("ntfy")
    sending.carry(slow, clock.now)

    (told,) = office.told()
    assert (told.dispatch.state, len(told.tries)) == ("sent", 1)
    assert office.health("ntfy").state == "working"


def test_a_repetition_is_known_by_its_id(office: Office):
    office.tell(office.officer("lin", office.channel("webhook")))
    office.services.otherwise["webhook"] = lambda _: Answer(500, b"")
    office.send()
    office.services.otherwise.clear()
    office.wait(minutes=10)

    first, second = office.services.carried
    assert not hasattr(first, "sender")
    assert first.headers["ecolink-id"] == second.headers["ecolink-id"]


def test_a_worker_that_starts_believes_no_lease_from_before(office: Office):
    office.tell(office.officer("lin", office.channel("ntfy")))
    assert office.post.sending.take(office.clock.now()) is not None

    office.post.sending.take_over()
    assert office.send() == 1


def test_whoever_stops_gives_back_what_is_out(office: Office):
    office.tell(office.officer("lin", office.channel("ntfy")))
    sending = office.post.sending
    leased = sending.take(office.clock.now())
    assert leased is not None
    sending._out.add(leased)

    sending.give_back()
    assert office.send() == 1


def test_the_worker_knows_when_there_will_be_something_to_send(office: Office):
    sending = office.post.sending
    assert sending.due() is None
    lin = office.officer("lin", office.channel("ntfy"))
    office.tell(lin)
    assert sending.due() == NOON
    office.send()
    office.tell(lin, step="again")
    assert sending.due() == NOON + timedelta(seconds=A_MOMENT)


def test_what_waits_at_a_channel_that_is_removed_goes_another_way(office: Office):
    ntfy, sms = office.channel("ntfy"), office.channel("sms")
    office.tell(office.officer("lin", ntfy, sms))
    office.tell(office.officer("zhou", ntfy), step="zhou")
    with office.database.begin() as session:
        channel = office.post.channels.get(session, ntfy.id)
        office.post.channels.remove(session, channel, by=ROOT, now=office.clock.now())

    office.send()
    assert [kind_of(request) for request in office.services.carried] == ["sms"]
    assert sorted(office.states()) == ["given_up", "sent"]
