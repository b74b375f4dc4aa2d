"""Agreements between bureaus: proposed, signed, declined, taken back, amended, ended, on all sides alike."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from ecolink.errors import ConflictError, ForbiddenError, IllegalMoveError, InvalidError
from ecolink.federation.models import StatementRow
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.protocol.kinds.agreements import AgreementSignedV1 as Signed
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1
from tests.support.agreements import CHIEF, CODE, Chief, conclude, terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

TODAY = date(2026, 11, 23)
TOMORROW = TODAY + timedelta(days=1)


def chiefs(town: Town) -> list[Chief]:
    return [Chief(node) for node in town.nodes.values()]


@pytest.fixture
def three(town: Town) -> Town:
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    return town


def test_an_agreement_is_in_force_at_both_from_the_day_after_the_second_signature(town: Town) -> None:
    here, there = chiefs(town)
    digest = here.propose(terms(), text="# 协议")
    town.settle()
    assert here.in_force() == there.in_force() == []

    there.sign(digest)
    town.settle()

    (agreement,) = here.in_force()
    assert there.in_force() == [agreement]
    assert agreement.on(TODAY) is None
    assert agreement.on(TOMORROW).digest == digest
    with there.node.database.read() as session:
        assert there.service.subject(session, CODE, digest)[0].text == "# 协议"


def test_of_three_parties_all_must_have_signed(three: Town) -> None:
    shouning, qingyuan, jingning = chiefs(three)
    digest = shouning.propose(terms(SHOUNING, QINGYUAN, JINGNING))
    three.settle()
    qingyuan.sign(digest)
    three.settle()
    assert [chief.in_force() for chief in chiefs(three)] == [[], [], []]

    jingning.decline(digest, "须先报市局")
    three.settle()
    assert shouning.words(digest)[JINGNING] == qingyuan.words(digest)[JINGNING] == (False, "须先报市局")

    jingning.sign(digest)
    three.settle()
    assert [chief.words(digest)[JINGNING] for chief in chiefs(three)] == [(True, None)] * 3
    assert len({str(chief.in_force()) for chief in chiefs(three)}) == 1
    assert shouning.in_force()[0].on(TOMORROW)


def test_what_was_taken_back_is_never_in_force_and_not_signed_any_more(town: Town) -> None:
    here, there = chiefs(town)
    digest = here.propose(terms())
    town.settle()
    here.withdraw(digest)
    town.settle()

    with pytest.raises(IllegalMoveError):
        there.sign(digest)
    assert here.in_force() == there.in_force() == []


@pytest.mark.parametrize("number", range(150, 154))
def test_what_was_taken_back_stands_before_what_was_proposed_in_the_same_second(town: Town, number: int) -> None:
    here, code = Chief(town.nodes[SHOUNING]), f"sn-qy-{number}"
    here.withdraw(here.propose(terms(code=code)), code=code)
    here.propose(terms(code=code))
    with here.node.database.read() as session:
        proposed = here.service.subjects(session, code)
    assert [document.withdrawn_at is None for _, document in proposed] == [False, True]


def test_words_once_taken_back_may_be_proposed_again_and_are_signed_anew(town: Town) -> None:
    here, there = chiefs(town)
    first = here.propose(terms())
    town.settle()
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    here.withdraw(first)
    town.clock.advance(timedelta(minutes=1))
    there.sign(first)  # crosses the withdrawal, and comes too late for it
    here.propose(terms())
    town.network.cut.clear()
    town.wait(timedelta(hours=2))
    again = terms(attempt=2).digest()
    assert [chief.state(first) for chief in (here, there)] == ["withdrawn", "withdrawn"]
    assert [chief.words(again)[QINGYUAN] for chief in (here, there)] == [(False, None)] * 2

    with pytest.raises(ConflictError, match="proposed already"):
        here.propose(terms())
    here.withdraw(again)
    town.settle()
    there.propose(terms())
    town.settle()
    here.sign(terms(attempt=3).digest())
    town.settle()
    assert here.in_force() == there.in_force()
    assert here.in_force()[0].on(TOMORROW)


@pytest.mark.parametrize("first", ["signature", "withdrawal"])
@pytest.mark.parametrize("delivery", ["in order", "last first"])
def test_a_signature_and_a_withdrawal_that_crossed_come_to_the_same_end(town: Town, first: str, delivery: str) -> None:
    here, there = chiefs(town)
    digest = here.propose(terms())
    town.settle()
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))

    moves: list[Callable[[], None]] = [lambda: there.sign(digest), lambda: here.withdraw(digest)]
    for move in moves if first == "signature" else reversed(moves):
        move()
        town.clock.advance(timedelta(minutes=1))
    town.network.cut.clear()
    for node in reversed(town.nodes.values()) if delivery == "last first" else town.nodes.values():
        while town.step(node):
            pass
    town.clock.advance(timedelta(hours=1))
    town.settle()

    end = "signed" if first == "signature" else "withdrawn"
    assert [chief.state(digest) for chief in chiefs(town)] == [end, end]
    assert here.in_force() == there.in_force()
    assert bool(here.in_force()) is (first == "signature")


@pytest.mark.parametrize("earlier", [SHOUNING, QINGYUAN])
def test_two_who_propose_the_same_at_the_same_time_have_both_signed_it(three: Town, earlier: str) -> None:
    shouning, qingyuan, jingning = chiefs(three)
    three.network.cut = {frozenset({SHOUNING, QINGYUAN}), frozenset({SHOUNING, JINGNING})}
    both = [shouning, qingyuan] if earlier == SHOUNING else [qingyuan, shouning]
    wanted = terms(SHOUNING, QINGYUAN, JINGNING)
    for chief in both:
        digest = chief.propose(wanted)
        three.clock.advance(timedelta(minutes=30))
    three.settle()
    jingning.sign(digest)
    three.settle()
    three.network.cut.clear()
    three.clock.advance(timedelta(hours=1))
    three.settle()

    assert len({str(chief.in_force()) for chief in chiefs(three)}) == 1
    assert shouning.in_force()[0].on(TOMORROW).digest == digest
    with shouning.node.database.read() as session:
        assert shouning.service.subject(session, CODE, digest)[1].author == earlier


def test_an_amendment_replaces_the_terms_from_the_day_after_all_signed_it(town: Town) -> None:
    first = terms()
    conclude(town, first)
    here, there = chiefs(town)
    second = terms(version=2, replaces=first.digest(), deadlines={"very_urgent_answer_hours": 4})
    with pytest.raises(InvalidError, match="write version = 2"):
        here.propose(terms(version=3, replaces=first.digest()))
    there.propose(terms(version=2, deadlines={"very_urgent_answer_hours": 4}))  # what it replaces is filled in
    town.settle()
    here.sign(second.digest())
    town.settle()

    (agreement,) = here.in_force()
    assert there.in_force() == [agreement]
    assert agreement.on(TOMORROW).digest == first.digest()
    assert agreement.on(TOMORROW + timedelta(days=1)).digest == second.digest()


def test_an_agreement_ends_on_the_day_all_parties_signed(town: Town) -> None:
    wanted = terms()
    conclude(town, wanted)
    here, there = chiefs(town)
    last = date(2026, 12, 31)
    ending = EndingV1(ends=wanted.digest(), last_day=last, reason="机构调整")
    digest = there.end(ending)
    town.settle()
    assert here.in_force()[0].last_day == date(2028, 12, 31)

    here.sign(digest)
    town.settle()
    assert [chief.in_force()[0].last_day for chief in chiefs(town)] == [last, last]
    with pytest.raises(InvalidError, match="2026-12-31"):
        here.end(EndingV1(ends=wanted.digest(), last_day=date(2027, 1, 1), reason="再延"))


def test_a_calendar_counts_only_once_all_have_signed_it(town: Town) -> None:
    conclude(town, terms())
    here, there = chiefs(town)
    holiday = date(2027, 2, 8)
    calendar = CalendarV1.model_validate(
        {"year": 2027, "days": [{"date": holiday, "day": "off"}], "source": "国办发明电〔2026〕00号（虚构）"}
    )
    digest = here.add_calendar(calendar)
    town.settle()
    assert here.in_force()[0].calendar_on(date(2027, 1, 1)).is_working_day(holiday)

    there.sign(digest)
    town.settle()
    assert not any(chief.in_force()[0].calendar_on(date(2027, 1, 1)).is_working_day(holiday) for chief in chiefs(town))


# What is wrong -------------------------------------------------------------------------------------------------


def test_a_proposal_with_a_bureau_one_party_does_not_know_is_refused_until_it_does(town: Town) -> None:
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)  # Qingyuan and Jingning have not met
    shouning, qingyuan, jingning = chiefs(town)
    digest = shouning.propose(terms(SHOUNING, QINGYUAN, JINGNING))
    town.settle()
    signed, why = shouning.words(digest)[QINGYUAN]
    assert not signed
    assert why.startswith(f"unknown-party: {JINGNING} is no active peer")

    town.introduce(QINGYUAN, JINGNING)
    shouning.propose(terms(SHOUNING, QINGYUAN, JINGNING))
    town.settle()
    qingyuan.sign(digest)
    jingning.sign(digest)
    town.settle()
    assert [len(chief.in_force()) for chief in (shouning, qingyuan, jingning)] == [1, 1, 1]
    with pytest.raises(ConflictError, match="already"):
        shouning.propose(terms(SHOUNING, QINGYUAN, JINGNING))


def test_terms_whose_calendar_is_not_ours_are_refused_with_the_mend(town: Town) -> None:
    here, _ = chiefs(town)
    with pytest.raises(InvalidError, match="out of date") as refused:
        here.propose(terms(calendar={"years": [2026], "digest": "0" * 64}))
    assert refused.value.pointer == "/calendar/digest"
    with pytest.raises(InvalidError, match="2027"):
        here.propose(terms(calendar={"years": [2027], "digest": "0" * 64}))


def test_a_peer_that_proposes_what_we_cannot_sign_gets_a_signed_refusal(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = chiefs(town)
    with monkeypatch.context() as careless:
        careless.setattr("ecolink.exchanges.agreements.service.find_fault", lambda *_, **__: None)
        other = here.propose(terms(calendar={"years": [2026], "digest": "0" * 64}))
    town.settle()

    assert here.words(other)[QINGYUAN][1].startswith("calendar-differs: ")
    with there.node.database.read() as session:
        assert [*session.scalars(there.service.all())] == []


def test_a_code_belongs_to_its_parties(three: Town) -> None:
    shouning, qingyuan, jingning = chiefs(three)
    shouning.propose(terms())
    three.settle()
    jingning.propose(terms(JINGNING, QINGYUAN))
    three.settle()

    assert jingning.words(terms(JINGNING, QINGYUAN).digest())[QINGYUAN][1].startswith("code-taken: ")
    with pytest.raises(InvalidError, match="another code"):
        qingyuan.propose(terms(JINGNING, QINGYUAN))


def test_a_signature_over_another_digest_than_the_one_proposed_is_refused(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = chiefs(town)
    digest = here.propose(terms())
    town.settle()
    other = terms(scope_zh="另一范围").digest()
    with monkeypatch.context() as tampered:
        tampered.setattr(
            "ecolink.exchanges.agreements.service.AgreementSignedV1",
            lambda **said: Signed(agreement=said["agreement"], digest=other),
        )
        tampered.setattr("ecolink.exchanges.agreements.record.Record.apply", lambda *_: None)
        there.sign(digest)
    town.settle()

    with here.node.database.read() as session:
        refused = session.scalars(select(StatementRow).where(StatementRow.type == "agreement.signed.v1")).one()
        assert (refused.state, refused.state_reason.partition(":")[0]) == ("rejected", "unknown-digest")
    assert here.in_force() == []


def test_only_a_party_to_it_and_only_a_person_signs(town: Town) -> None:
    here, there = chiefs(town)
    with pytest.raises(InvalidError, match="not among the parties"):
        here.propose(terms(QINGYUAN, JINGNING))
    program = Principal(id="p", username="p", name="p", roles=frozenset({Role.CHIEF}), kind="client")
    with here.node.database.begin() as session, pytest.raises(ForbiddenError):
        here.service.propose(session, terms(), text=None, by=program, now=here.now)
    digest = here.propose(terms())
    town.settle()
    with pytest.raises(IllegalMoveError):
        here.sign(digest)
    with pytest.raises(IllegalMoveError):
        there.withdraw(digest)
    there.sign(digest)
    with pytest.raises(IllegalMoveError):
        there.decline(digest, "反悔")
    assert CHIEF.name not in str([call for _, _, call in town.network.calls]), "no name leaves the bureau"


def test_the_rooms_are_told_when_something_is_signed_by_all(town: Town) -> None:
    told: list[tuple[str, date | None]] = []
    here, there = chiefs(town)
    here.service.changed.append(lambda _, agreement, __: told.append((agreement.code, agreement.last_day)))
    digest = here.propose(terms())
    town.settle()
    assert told == []
    there.sign(digest)
    town.settle()
    assert told == [(CODE, date(2028, 12, 31))]
