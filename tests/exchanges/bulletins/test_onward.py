"""Passing a bulletin on, as its handling allows: checked where it is done, where it arrives, and by its author."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.bulletins.reading import ThreadReader
from ecolink.exchanges.bulletins.rules.tables import State
from ecolink.exchanges.governance import SecondPersonError
from ecolink.federation.models import PeerRow
from ecolink.federation.peers import PeerState
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward
from tests.exchanges.bulletins.bureaux import ORCHIDS, SONGXI, SUSPECT, bulletin, correction
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

pytestmark = pytest.mark.by_turns

SOON = "2026-11-23T10:00:00+08:00"


@pytest.fixture
def in_group(three):
    """A bulletin to Qingyuan whose handling lets the alliance's members pass it on."""
    a = three.shouning
    told = a.publish(bulletin(onward="group", alliance_id=a.ally(QINGYUAN, JINGNING), recipients=[QINGYUAN], **SUSPECT))
    three.settle()
    return told


@pytest.fixture
def on_request(three):
    """A bulletin to Qingyuan that may be passed on with Shouning's permission."""
    told = three.shouning.publish(bulletin(onward="ask", recipients=[QINGYUAN]))
    three.settle()
    return told


def forge_share(bureau, thread, body, *recipients, onward=Onward.NONE, **members):
    """Have a node share what its own software would not let it share."""
    draft = Draft(
        aud=tuple(recipients),
        type="bulletin.shared.v1",
        thread=thread,
        lane=Lane.BULK,
        classification="internal",
        handling=Handling(code=HandlingCode.H0, onward=onward),
        purpose="冒充",
        legal_basis="无",
        author_role="officer",
        approver={"role": "approver"},
        retain_until=bureau.now + timedelta(days=365),
        body=body,
        **members,
    )
    return bureau.do(lambda session: bureau.node.outbox.send(session, draft, now=bureau.now, recipients=recipients))


def test_within_the_alliance_a_member_passes_it_on_in_its_authors_words(three, in_group):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    b.share(in_group, JINGNING)
    three.settle()
    shown = c.shown(in_group)
    assert shown.author.unit_code == SHOUNING
    assert shown.content.title == SUSPECT["title"]
    assert shown.persons[0].name == "林某"
    board = a.board(in_group)
    assert board[JINGNING].told == "passed_on"
    assert board[JINGNING].via.unit_code == QINGYUAN
    assert ("disclose", "passed on") in b.traces(in_group)


def test_whoever_got_it_at_second_hand_answers_the_author(three, in_group):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    b.share(in_group, JINGNING)
    three.settle()
    c.read(in_group)
    c.feed_back(in_group)
    three.settle()
    assert a.board(in_group)[JINGNING].feedback == 1
    assert a.board(in_group)[JINGNING].read_at is not None
    assert "feedback" not in b.types(in_group)


def test_an_answer_from_second_hand_waits_for_the_notice_of_the_share(three, in_group):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    three.town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    b.share(in_group, JINGNING)
    three.settle()
    c.feed_back(in_group)
    three.settle()
    assert a.states()["bulletin.feedback.v1"][0] == "parked"
    three.town.network.cut.clear()
    three.town.wait(timedelta(hours=2))
    assert a.board(in_group)[JINGNING].feedback == 1


def test_corrections_follow_to_second_hand_and_compliance_comes_back_to_the_author(three, in_group):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    b.share(in_group, JINGNING)
    three.settle()
    a.correct(in_group, correction(**SUSPECT))
    three.settle()
    assert c.row(in_group).state == State.CORRECTED
    (change,) = a.board(in_group)[JINGNING].changes
    assert change.complied_at is not None
    assert change.reported_by == QINGYUAN
    assert a.row(in_group).outstanding == 0


def test_a_recall_follows_to_second_hand_and_the_proof_comes_back_with_the_report(three, in_group):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    b.share(in_group, JINGNING)
    three.settle()
    a.recall(in_group)
    three.settle()
    assert c.row(in_group).state == State.RECALLED
    assert c.shown(in_group).title is None
    assert a.row(in_group).outstanding == 0
    last = [each for each in a.thread(in_group) if each.statement.type == "bulletin.complied.v1"][-1]
    (report,) = last.statement.body["onward"]
    assert report["unit_code"] == JINGNING
    assert report["evidence"].encode() in {each.statement.token for each in c.thread(in_group)}


def test_a_recall_that_crossed_the_share_catches_up_with_it(three, in_group):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    three.town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    b.share(in_group, JINGNING)
    three.settle()
    a.recall(in_group)
    assert c.row(in_group).state == State.PUBLISHED
    three.town.network.cut.clear()
    three.town.wait(timedelta(hours=2))
    three.town.wait(timedelta(hours=2))
    assert c.row(in_group).state == State.RECALLED
    assert a.row(in_group).outstanding == 0


def test_what_may_not_be_passed_on_is_not(three):
    told = three.shouning.publish(bulletin(recipients=[QINGYUAN]))
    three.settle()
    with pytest.raises(IllegalMoveError):
        three.qingyuan.share(told, JINGNING)
    with pytest.raises(IllegalMoveError):
        three.qingyuan.ask(told, JINGNING)


def test_outside_the_alliance_nobody_is_told(three):
    a, b = three.shouning, three.qingyuan
    told = a.publish(bulletin(onward="group", alliance_id=a.ally(QINGYUAN)))
    three.settle()
    with pytest.raises(IllegalMoveError):
        b.share(told, JINGNING)


def test_with_permission_it_is_passed_on_and_without_it_is_not(three, on_request):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    with pytest.raises(IllegalMoveError):
        b.share(on_request, JINGNING)
    request = b.ask(on_request, JINGNING).request.digest
    three.settle()
    assert not a.view(on_request).matter.permissions[request].is_granted
    a.grant(on_request, request)
    three.settle()
    b.share(on_request, JINGNING)
    three.settle()
    assert c.shown(on_request).content.title == ORCHIDS["title"]


def test_a_refused_request_stays_refused(three, on_request):
    a, b = three.shouning, three.qingyuan
    request = b.ask(on_request, JINGNING).request.digest
    three.settle()
    a.refuse(on_request, request)
    three.settle()
    with pytest.raises(IllegalMoveError):
        b.share(on_request, JINGNING)
    with pytest.raises(IllegalMoveError):
        a.grant(on_request, request)
    assert b.view(on_request).matter.permissions[request].decision.body.reason == "在侦案件"


def test_a_permission_runs_out(three, on_request):
    a, b = three.shouning, three.qingyuan
    request = b.ask(on_request, JINGNING).request.digest
    three.settle()
    a.grant(on_request, request, until=SOON)
    three.settle()
    three.town.clock.advance(timedelta(hours=2))
    with pytest.raises(IllegalMoveError):
        b.share(on_request, JINGNING)


def test_no_more_is_allowed_than_was_asked_for_and_only_by_the_author(three, on_request):
    a, b = three.shouning, three.qingyuan
    request = b.ask(on_request, JINGNING).request.digest
    three.settle()
    with pytest.raises(InvalidError) as refused:
        a.grant(on_request, request, recipients=["350724000000"])
    assert refused.value.pointer == "/recipients/0"
    with pytest.raises(NotFoundError):
        b.grant(on_request, request)
    with pytest.raises(NotFoundError):
        a.grant(on_request, "0" * 64)


def test_a_program_passes_nothing_on(three, in_group):
    with pytest.raises(SecondPersonError):
        three.qingyuan.share(in_group, JINGNING, by=three.qingyuan.program)


def test_nobody_is_told_twice_and_the_author_must_be_told(three, in_group):
    b = three.qingyuan
    for unit in (SHOUNING, QINGYUAN, "350724000000"):
        with pytest.raises(InvalidError):
            b.share(in_group, unit)
    b.do(lambda session: setattr(session.get(PeerRow, SHOUNING), "state", PeerState.SUSPENDED))
    with pytest.raises(ConflictError):
        b.share(in_group, JINGNING)


def test_our_own_bulletin_is_not_passed_on_but_told_anew(three, in_group):
    with pytest.raises(IllegalMoveError):
        three.shouning.share(in_group, JINGNING)
    again = three.shouning.publish(bulletin(recipients=[JINGNING], related_to=[in_group]))
    three.settle()
    assert three.jingning.shown(again).content.related_to == (in_group,)


def test_what_was_recalled_is_not_passed_on(three, in_group):
    three.shouning.recall(in_group)
    three.settle()
    with pytest.raises(IllegalMoveError):
        three.qingyuan.share(in_group, JINGNING)


def test_a_forged_share_against_the_handling_is_refused_there_and_by_the_author(three):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    told = a.publish(bulletin(recipients=[QINGYUAN]))
    three.settle()
    token = b.view(told).current().token.decode()
    forge_share(b, told, {"author": SHOUNING, "original": token}, SHOUNING, JINGNING)
    three.settle()
    assert c.bulletins() == []
    for bureau in (a, c):
        state, why = bureau.states()["bulletin.shared.v1"]
        assert (state, why.split(":")[0]) == ("rejected", "onward-none")
    assert JINGNING not in a.board(told)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (lambda token: token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB"), "bad-signature"),
        (lambda token: token.split(".")[0] + ".e30." + token.split(".")[2], "bad-signature"),
        (lambda _: "no token at all", "bad-token"),
    ],
    ids=["signature", "payload", "nonsense"],
)
def test_a_share_whose_wrapped_words_are_not_the_authors_is_refused(three, in_group, forge, code):
    b, c = three.qingyuan, three.jingning
    token = b.view(in_group).current().token.decode()
    forge_share(b, in_group, {"author": SHOUNING, "original": forge(token)}, SHOUNING, JINGNING, onward=Onward.GROUP)
    three.settle()
    state, why = c.states()["bulletin.shared.v1"]
    assert state == "rejected"
    assert code in why
    assert c.bulletins() == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_share_under_other_terms_than_the_authors_is_refused(three, in_group):
    b, c = three.qingyuan, three.jingning
    token = b.view(in_group).current().token.decode()
    forge_share(b, in_group, {"author": SHOUNING, "original": token}, SHOUNING, JINGNING, onward=Onward.ASK)
    three.settle()
    assert "terms" in c.states()["bulletin.shared.v1"][1]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_words_of_a_bureau_whose_keys_nobody_pinned_are_not_believed(three, in_group):
    b, c = three.qingyuan, three.jingning

    class NoKeys:
        def keys_of(self, session, unit_code):
            return None

    receiving = c.service.receiving
    blind = replace(receiving, record=replace(receiving.record, reader=ThreadReader(c.node.us, NoKeys())))
    c.node.handlers.update(blind.handlers())
    b.share(in_group, JINGNING)
    three.settle()
    state, why = c.states()["bulletin.shared.v1"]
    assert state == "rejected"
    assert "author-unknown" in why


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_was_signed_with_a_revoked_key_is_not_believed_at_second_hand(three, in_group):
    a, b, c = three.shouning, three.qingyuan, three.jingning
    three.town.clock.advance(timedelta(hours=1))
    a.do(lambda session: a.node.keystore.revoke(session, a.now, compromised_since=None))
    a.see(lambda session: a.node.keystore.refresh(session, a.node.signer))
    card = a.node.card(a.now)
    c.do(lambda session: c.node.peers.import_card(session, card, by="administrator", now=c.now))
    b.share(in_group, JINGNING)
    three.settle()
    state, why = c.states()["bulletin.shared.v1"]
    assert state == "rejected"
    assert "author-key-revoked" in why


def test_a_recall_follows_a_chain_of_shares_and_every_answer_comes_back_up(four):
    three, songxi = four
    a, b, c = three.shouning, three.qingyuan, three.jingning
    told = a.publish(bulletin(onward="group", alliance_id=a.ally(QINGYUAN, JINGNING, SONGXI), recipients=[QINGYUAN]))
    three.settle()
    b.share(told, JINGNING)
    three.settle()
    c.share(told, SONGXI)
    three.settle()
    assert songxi.shown(told).content.title == ORCHIDS["title"]
    assert a.board(told)[SONGXI].via.unit_code == JINGNING
    songxi.feed_back(told)
    a.recall(told)
    three.settle()
    assert songxi.row(told).state == State.RECALLED
    assert a.row(told).outstanding == 0
    assert a.board(told)[SONGXI].changes[0].complied_at is not None
    assert a.board(told)[SONGXI].feedback == 1
