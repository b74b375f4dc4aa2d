"""What may be proposed: judged alike by whoever proposes and by whoever is asked to sign."""

from datetime import date

import pytest

from ecolink.exchanges.agreements.rules import Fault, Known, find_fault
from ecolink.kit.canonical import sha256_hex
from ecolink.protocol.kinds.agreements import CalendarDayV1, CalendarV1, EndingV1, TermsV1
from tests.support.agreements import terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

TERMS = terms()
PARTIES = TERMS.members
KNOWN = Known(PARTIES, {TERMS.digest(): TERMS})
ENDING = EndingV1(ends=TERMS.digest(), last_day=date(2026, 12, 31), reason="机构改革")
CALENDAR = CalendarV1(year=2028, days=(CalendarDayV1(date=date(2028, 1, 3), day="off"),), source="国办发明电")


def fault(
    subject: TermsV1 | EndingV1 | CalendarV1,
    known: Known = KNOWN,
    *,
    bureaus: frozenset[str] = PARTIES,
    active: frozenset[str] = PARTIES,
) -> Fault | None:
    """Return what is wrong with a subject; whatever it is, it is said in both languages."""
    found = find_fault(subject, known, bureaus=bureaus, active=active)
    if found is not None:
        assert found.en.isascii()
        assert found.en.endswith(".")
        assert found.zh.endswith("。")
    return found


def told(found: Fault | None) -> tuple[str, str | None] | None:
    return (found.code, found.pointer) if found else None


def test_the_parties_of_terms_are_the_two_of_the_example() -> None:
    assert {*PARTIES} == {SHOUNING, QINGYUAN}


@pytest.mark.parametrize(("subject", "known"), [(TERMS, Known()), (TERMS, KNOWN), (ENDING, KNOWN), (CALENDAR, KNOWN)])
def test_what_is_proposed_to_all_parties_who_are_active_peers_may_be_signed(
    subject: TermsV1 | EndingV1 | CalendarV1, known: Known
) -> None:
    assert fault(subject, known) is None


@pytest.mark.parametrize("subject", [ENDING, CALENDAR])
def test_an_agreement_nobody_proposed_is_neither_ended_nor_given_a_calendar(subject: EndingV1 | CalendarV1) -> None:
    assert told(fault(subject, Known())) == ("unknown-agreement", None)


def test_one_code_stands_for_one_agreement_between_the_same_parties() -> None:
    others = Known(frozenset({SHOUNING, JINGNING}), {})
    assert told(fault(TERMS, others)) == ("code-taken", "/code")


@pytest.mark.parametrize(
    "bureaus", [{SHOUNING}, {SHOUNING, JINGNING}, {SHOUNING, QINGYUAN, JINGNING}], ids=["fewer", "others", "more"]
)
@pytest.mark.parametrize("subject", [TERMS, ENDING, CALENDAR])
def test_it_is_proposed_between_all_parties_and_nobody_else(
    subject: TermsV1 | EndingV1 | CalendarV1, bureaus: set[str]
) -> None:
    assert told(fault(subject, bureaus=frozenset(bureaus))) == ("parties-mismatch", "/parties")


def test_a_party_that_is_no_active_peer_is_named() -> None:
    found = fault(TERMS, active=frozenset({SHOUNING}))
    assert told(found) == ("unknown-party", "/parties")
    assert found is not None
    assert QINGYUAN in found.en
    assert QINGYUAN in found.zh
    nobody = fault(TERMS, active=frozenset())
    assert nobody is not None
    assert ", ".join(sorted(PARTIES)) in nobody.en
    assert "、".join(sorted(PARTIES)) in nobody.zh


def test_only_terms_that_are_known_here_are_replaced_or_ended() -> None:
    elsewhere = sha256_hex(b"elsewhere")
    assert told(fault(terms(replaces=elsewhere))) == ("unknown-terms", "/replaces")
    assert told(fault(ENDING.model_copy(update={"ends": elsewhere}))) == ("unknown-terms", "/ends")


def test_terms_that_cannot_be_kept_are_refused_with_the_member_that_is_wrong() -> None:
    found = fault(terms(valid_from="2027-01-01", valid_until="2026-01-01"))
    assert found is not None
    assert found.code == "wrong-terms"
    assert found.pointer is not None
    assert found.pointer.startswith("/valid_")


def test_an_amendment_is_held_against_the_terms_it_replaces() -> None:
    amended = terms(version=2, replaces=TERMS.digest(), name_zh="修订后的协议")
    assert fault(amended) is None
    skipping = terms(version=3, replaces=TERMS.digest())
    assert told(fault(skipping)) == ("wrong-terms", "/version")


def test_a_calendar_this_node_does_not_know_is_told_apart_from_wrong_terms() -> None:
    other = TERMS.model_copy(
        update={"calendar": TERMS.calendar.model_copy(update={"digest": sha256_hex(b"another calendar")})}
    )
    assert told(fault(other)) == ("calendar-differs", "/calendar/digest")
