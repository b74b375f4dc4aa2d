"""Ten years of an agreement, 2026 to 2035: what is due, and by which of the documents."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ecolink.cadence.agreements import Agreement, Proposal
from ecolink.cadence.calendars import Day, WorkingCalendar, calendar_of
from ecolink.cadence.obligations import Obligation, derive
from ecolink.cadence.periods import Period, periods
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1, TermsV1
from tests.support.agreements import LIAISON, terms
from tests.support.signing import in_force, proposed, signed
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

DAY = timedelta(days=1)
BEGIN, END = date(2026, 1, 1), date(2035, 12, 31)
IN_TIME = datetime(2025, 12, 1, tzinfo=UTC)
EXCHANGE = {
    "code": "exchange",
    "kind": "exchange",
    "name_zh": "季度通报交流",
    "name_en": "Quarterly exchange",
    "period": "quarter",
    "rule": "FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1",
    "working_day": "after",
}
CONSULTATION = {
    "code": "consultation",
    "kind": "consultation",
    "name_zh": "会商研判",
    "name_en": "Consultation",
    "period": "year",
    "rule": "FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=31",
    "remind_days": [60, 7],
}
DUTIES = [LIAISON, EXCHANGE, CONSULTATION]


def ten_years(**changes: Any) -> TermsV1:
    return terms(**{"valid_until": END.isoformat(), "duties": DUTIES, **changes})


def notice(year: int, *, off: Sequence[date], work: Sequence[date] = ()) -> CalendarV1:
    return calendar_of(year, {**dict.fromkeys(off, Day.OFF), **dict.fromkeys(work, Day.WORK)}, "国办发明电（示例）")


def days(first: date, count: int) -> list[date]:
    return [first + step * DAY for step in range(count)]


SPRING_2028 = notice(2028, off=days(date(2028, 1, 26), 7), work=[date(2028, 1, 23), date(2028, 2, 5)])
"""The Spring Festival of 2028 lies over the end of January."""


def due(agreement: Agreement, duty: str = "liaison") -> dict[str, date]:
    return {each.period.label: each.due_on for each in derive(agreement, BEGIN, END) if each.duty.code == duty}


# Ten years --------------------------------------------------------------------------------------------------


def test_in_ten_years_each_month_quarter_and_year_has_one_due_day() -> None:
    obligations = list(derive(in_force(signed(ten_years(), IN_TIME)), BEGIN, END))
    assert len(obligations) == len({each.key for each in obligations}) == 120 + 40 + 10
    for kind, duty in (("month", "liaison"), ("quarter", "exchange"), ("year", "consultation")):
        of_duty = [each.period for each in obligations if each.duty.code == duty]
        assert of_duty == list(periods(BEGIN, END, kind))


def test_the_last_working_day_follows_leap_days_month_ends_and_adjusted_weekends() -> None:
    agreement = in_force(signed(ten_years(), IN_TIME), signed(SPRING_2028, datetime(2027, 11, 20, tzinfo=UTC)))
    liaison = due(agreement)
    assert liaison["2026-02"] == date(2026, 2, 28)  # a Saturday worked for the Spring Festival
    assert liaison["2026-05"] == date(2026, 5, 29)
    assert liaison["2028-01"] == date(2028, 1, 25)  # the day before the Spring Festival
    assert liaison["2028-02"] == date(2028, 2, 29)
    assert liaison["2032-02"] == date(2032, 2, 27)  # 29 February is a Sunday
    exchange = due(agreement, "exchange")
    assert exchange["2026-Q1"] == date(2026, 3, 31)
    assert exchange["2027-Q4"] == date(2027, 12, 31)
    assert exchange["2028-Q4"] == date(2029, 1, 1)  # 31 December is a Sunday, and no notice of 2029 is signed
    assert due(agreement, "consultation")["2026"] == date(2026, 10, 31)  # as it is, a Saturday


def test_an_exchange_whose_day_moves_beyond_the_agreement_is_not_due() -> None:
    assert "2034-Q4" not in due(in_force(signed(ten_years(valid_until="2034-12-31"), IN_TIME)), "exchange")
    assert "2034-Q4" in due(in_force(signed(ten_years(), IN_TIME)), "exchange")


def test_a_due_day_never_moves_before_its_period_begins() -> None:
    early = {**LIAISON, "rule": "FREQ=MONTHLY;BYMONTHDAY=1", "remind_days": [0]}
    liaison = due(in_force(signed(ten_years(duties=[early]), IN_TIME)))
    assert liaison["2026-10"] == date(2026, 10, 8)
    assert liaison["2026-09"] == date(2026, 9, 1)


def test_a_due_day_that_hangs_on_a_notice_not_signed_says_so() -> None:
    settled = {
        each.key: each.settled for each in derive(in_force(signed(ten_years(), IN_TIME)), BEGIN, date(2027, 3, 1))
    }
    assert settled["sn-qy-151/liaison/2026-11"]
    assert not settled["sn-qy-151/liaison/2026-12"]  # 31 December is announced with the New Year that follows
    assert not settled["sn-qy-151/exchange/2026-Q4"]
    assert not settled["sn-qy-151/liaison/2027-02"]
    assert settled["sn-qy-151/consultation/2027"]  # hangs on no working day


# In force ---------------------------------------------------------------------------------------------------


def test_nothing_is_due_of_what_one_party_only_proposed() -> None:
    assert Agreement.read([proposed(ten_years(), IN_TIME)]) is None
    assert Agreement.read([]) is None


def test_an_agreement_that_begins_within_a_month_obliges_from_the_next_month_quarter_and_year() -> None:
    agreement = in_force(signed(ten_years(valid_from="2026-02-10"), IN_TIME))
    assert [min(due(agreement, duty)) for duty in ("liaison", "exchange", "consultation")] == [
        "2026-03",
        "2026-Q2",
        "2027",
    ]
    assert min(due(in_force(signed(ten_years(valid_from="2026-02-01"), IN_TIME)))) == "2026-02"


def test_an_agreement_signed_late_is_in_force_from_the_day_after_the_last_signature_in_china() -> None:
    last_evening = datetime(2026, 2, 28, 15, 59, tzinfo=UTC)
    assert min(due(in_force(signed(ten_years(), last_evening)))) == "2026-03"
    assert min(due(in_force(signed(ten_years(), last_evening + timedelta(minutes=1))))) == "2026-04"


def test_terms_are_in_force_from_their_first_day_to_their_last_and_say_whose_they_are() -> None:
    brief = ten_years(valid_from="2026-02-01", valid_until="2026-06-30")
    for agreement in (in_force(signed(brief, IN_TIME)), Agreement.assume(brief)):
        (version,) = agreement.versions
        assert (agreement.members, agreement.last_day) == (brief.members, date(2026, 6, 30))
        assert (version.terms, version.digest, version.first) == (brief, brief.digest(), date(2026, 2, 1))
        assert [agreement.on(day) for day in (date(2026, 1, 31), date(2026, 7, 1))] == [None, None]
        assert [agreement.on(day) for day in (date(2026, 2, 1), date(2026, 6, 30))] == [version, version]
        assert agreement.calendar_on(date(2026, 7, 1)).years == frozenset()
    assert Agreement.assume(brief).versions[0].counts_from == date(2026, 2, 1)


def test_terms_all_signed_on_the_eve_of_their_last_day_are_in_force_for_that_day_alone() -> None:
    brief = ten_years(valid_until="2026-06-30")
    eve = datetime(2026, 6, 29, 4, tzinfo=UTC)
    (version,) = in_force(signed(brief, eve)).versions
    assert (version.first, version.last) == (date(2026, 6, 30), date(2026, 6, 30))
    assert Agreement.read([signed(brief, eve + DAY)]) is None


def test_terms_that_are_replaced_after_a_day_were_in_force_on_it() -> None:
    first = ten_years()
    second = ten_years(version=2, replaces=first.digest(), valid_from="2026-01-02")
    agreement = in_force(signed(first, IN_TIME), signed(second, IN_TIME))
    assert [(each.first, each.last) for each in agreement.versions] == [
        (date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 1, 2), END),
    ]


def test_terms_that_were_ended_before_all_had_signed_them_are_never_in_force() -> None:
    agreed = ten_years()
    ending = EndingV1(ends=agreed.digest(), last_day=date(2026, 1, 5), reason="不再需要").settled()
    made = signed(ending, datetime(2026, 1, 3, tzinfo=UTC)), signed(agreed, datetime(2026, 1, 20, tzinfo=UTC))
    assert in_force(*made).versions == ()
    assert in_force(*made).last_day is None


def test_what_is_no_amendment_hides_none_that_all_signed_later() -> None:
    first = ten_years()
    others = [
        SPRING_2028,
        ten_years(version=2, replaces="0" * 64),
        terms(SHOUNING, QINGYUAN, JINGNING, version=2, replaces=first.digest()),
    ]
    second = ten_years(version=2, replaces=first.digest(), valid_from="2026-07-01")
    made = [signed(each, datetime(2026, 5, 1 + at, tzinfo=UTC)) for at, each in enumerate([*others, second])]
    agreement = in_force(signed(first, IN_TIME), *made)
    assert [version.digest for version in agreement.versions] == [first.digest(), second.digest()]
    assert [(each.digest, each.calendar) for each in agreement.overlays] == [(SPRING_2028.digest(), SPRING_2028)]


def test_a_duty_binds_all_parties_or_those_between_whom_it_is() -> None:
    for between, bound in [((), {SHOUNING, QINGYUAN, JINGNING}), ((SHOUNING, JINGNING), {SHOUNING, JINGNING})]:
        agreed = terms(SHOUNING, QINGYUAN, JINGNING, duties=[{**LIAISON, "between": between}])
        (obligation,) = derive(Agreement.assume(agreed), BEGIN, BEGIN)
        assert obligation.parties == bound


def test_a_due_day_moves_as_far_as_the_first_day_of_its_period() -> None:
    second = {**LIAISON, "rule": "FREQ=MONTHLY;BYMONTHDAY=2"}
    liaison = due(Agreement.assume(ten_years(duties=[second])))
    assert liaison["2028-09"] == date(2028, 9, 1)  # a Friday; the second is a Saturday


def test_an_amendment_within_a_month_governs_from_the_next_one() -> None:
    first = ten_years()
    second = ten_years(
        version=2, replaces=first.digest(), duties=[{**LIAISON, "rule": "FREQ=MONTHLY;BYMONTHDAY=20"}, EXCHANGE]
    )
    agreement = in_force(signed(first, IN_TIME), signed(second, datetime(2026, 7, 10, tzinfo=UTC)))
    liaison = due(agreement)
    assert (liaison["2026-07"], liaison["2026-08"]) == (date(2026, 7, 31), date(2026, 8, 20))
    assert list(due(agreement, "consultation")) == ["2026"]  # its year had begun
    governing = {each.period.label: each.terms for each in derive(agreement, BEGIN, date(2026, 8, 1))}
    assert (governing["2026-07"], governing["2026-08"]) == (first.digest(), second.digest())


def test_an_ending_within_a_month_leaves_nothing_due_after_its_last_day() -> None:
    agreed = ten_years()
    ending = EndingV1(ends=agreed.digest(), last_day=date(2026, 7, 30), reason="行政区划调整").settled()
    ended = in_force(signed(agreed, IN_TIME), signed(ending, datetime(2026, 7, 10, tzinfo=UTC)))
    assert max(due(ended)) == "2026-06"
    late = in_force(signed(agreed, IN_TIME), signed(ending, datetime(2026, 8, 31, 4, tzinfo=UTC)))
    assert late.last_day == date(2026, 8, 31)  # it cannot have ended before all had signed so
    assert max(due(late)) == "2026-08"


def test_an_ending_ends_the_amended_agreement_too_but_no_other() -> None:
    first = ten_years()
    second = ten_years(version=2, replaces=first.digest())
    ending = EndingV1(ends=first.digest(), last_day=date(2027, 1, 31), reason="期满前协商终止").settled()
    stranger = EndingV1(ends="0" * 64, last_day=date(2026, 3, 1), reason="另一协议").settled()
    made = [signed(first, IN_TIME), signed(second, datetime(2026, 5, 1, tzinfo=UTC)), signed(stranger, IN_TIME)]
    assert in_force(*made).last_day == END
    assert in_force(*made, signed(ending, datetime(2026, 6, 1, tzinfo=UTC))).last_day == date(2027, 1, 31)


def test_of_two_amendments_the_one_all_signed_first_counts() -> None:
    first = ten_years()
    second = [ten_years(version=2, replaces=first.digest(), name_zh=f"修订{each}") for each in "甲乙"]
    made = [signed(terms_, datetime(2026, 5, 3 - at, tzinfo=UTC)) for at, terms_ in enumerate(second)]
    assert in_force(signed(first, IN_TIME), *made).versions[-1].terms == second[1]
    both = [signed(terms_, datetime(2026, 5, 1, tzinfo=UTC)) for terms_ in second]
    smaller = min(second, key=TermsV1.digest)
    assert in_force(signed(first, IN_TIME), *both).versions[-1].terms == smaller


def test_an_amendment_all_signed_before_the_first_terms_waits_for_them() -> None:
    first = ten_years()
    second = ten_years(version=2, replaces=first.digest(), valid_from="2026-03-01")
    agreement = in_force(
        signed(second, datetime(2026, 1, 5, tzinfo=UTC)), signed(first, datetime(2026, 1, 20, tzinfo=UTC))
    )
    assert [(version.terms.version, version.first) for version in agreement.versions] == [
        (1, date(2026, 1, 21)),
        (2, date(2026, 3, 1)),
    ]


def test_an_amendment_that_is_none_changes_nothing() -> None:
    first = ten_years()
    other = ten_years(version=2, replaces="0" * 64)
    skipping = ten_years(version=3, replaces=first.digest())
    enlarged = terms(SHOUNING, QINGYUAN, JINGNING, version=2, replaces=first.digest())
    too_late = ten_years(version=2, replaces=first.digest(), valid_until="2026-06-30")
    made = [signed(each, datetime(2026, 8, 1, tzinfo=UTC)) for each in (other, skipping, enlarged, too_late)]
    assert in_force(signed(first, IN_TIME), *made) == in_force(signed(first, IN_TIME))


def test_the_later_version_holds_where_two_are_valid_and_none_between_two_that_leave_a_gap() -> None:
    first = ten_years(valid_until="2026-06-30")
    second = ten_years(version=2, replaces=first.digest(), valid_from="2026-09-01")
    agreement = in_force(signed(first, IN_TIME), signed(second, datetime(2026, 6, 1, tzinfo=UTC)))
    assert [agreement.on(date(2026, month, 15)) is None for month in (6, 7, 8, 9)] == [False, True, True, False]
    assert {"2026-06", "2026-09"} <= due(agreement).keys()
    assert not {"2026-07", "2026-08", "2026-Q3"} & {each.period.label for each in derive(agreement, BEGIN, END)}


# Calendars --------------------------------------------------------------------------------------------------


def test_a_calendar_signed_late_moves_no_day_of_a_month_that_has_begun() -> None:
    agreed = signed(ten_years(), IN_TIME)
    in_time = in_force(agreed, signed(SPRING_2028, datetime(2027, 12, 31, 15, tzinfo=UTC)))
    late = in_force(agreed, signed(SPRING_2028, datetime(2028, 1, 1, tzinfo=UTC)))
    assert due(in_time)["2028-01"] == date(2028, 1, 25)
    assert due(late)["2028-01"] == date(2028, 1, 31)
    assert {month: day for month, day in due(in_time).items() if month != "2028-01"} == {
        month: day for month, day in due(late).items() if month != "2028-01"
    }


def test_a_corrected_calendar_takes_the_place_of_the_one_before_from_the_next_period_on() -> None:
    corrected = notice(2028, off=[*days(date(2028, 1, 26), 7), date(2028, 7, 31)])
    agreement = in_force(
        signed(ten_years(), IN_TIME),
        signed(corrected, datetime(2028, 6, 1, tzinfo=UTC)),
        signed(SPRING_2028, datetime(2027, 11, 20, tzinfo=UTC)),
    )
    assert due(agreement)["2028-07"] == date(2028, 7, 28)
    assert agreement.calendar_on(date(2028, 6, 1)).is_working_day(date(2028, 2, 5))
    assert not agreement.calendar_on(date(2028, 7, 1)).is_working_day(date(2028, 2, 5))


def test_what_the_library_knows_beyond_the_years_that_were_signed_does_not_count() -> None:
    only_2025 = ten_years(calendar={"years": [2025], "digest": "0" * 64})
    calendar = in_force(signed(only_2025, IN_TIME)).calendar_on(BEGIN)
    assert calendar.is_working_day(date(2026, 2, 17))  # Spring Festival, an ordinary Tuesday to these parties
    assert not calendar.settled(date(2026, 2, 17))
    assert not calendar.is_working_day(date(2025, 10, 8))


# Taking turns -----------------------------------------------------------------------------------------------


def test_the_duty_bureau_changes_each_quarter_and_keeps_its_turn_for_ten_years() -> None:
    members = (SHOUNING, QINGYUAN, JINGNING)
    rotating = terms(
        *members,
        valid_until=END.isoformat(),
        duties=DUTIES,
        rotation={"period": "quarter", "order": members, "begins": "2026-Q2"},
    )
    conveners = {each.key.partition("/")[2]: each.convener for each in derive(Agreement.assume(rotating), BEGIN, END)}
    quarters = [conveners[f"exchange/{quarter}"] for quarter in periods(BEGIN, END, "quarter")]
    assert quarters[:5] == [JINGNING, SHOUNING, QINGYUAN, JINGNING, SHOUNING]
    assert all(before != after for before, after in pairwise(quarters))
    assert conveners["liaison/2026-08"] == conveners["exchange/2026-Q3"]
    assert conveners["consultation/2026"] == conveners["exchange/2026-Q1"]


# Properties -------------------------------------------------------------------------------------------------


MOMENTS = st.datetimes(datetime(2025, 10, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001 - made aware here
    lambda naive: naive.replace(tzinfo=UTC)
)
DATES = st.dates(date(2026, 1, 1), date(2028, 6, 1))
FIRST = ten_years()


@st.composite
def documents(draw: st.DrawFn) -> list[Proposal]:
    """Everything two bureaus may have signed: three versions, rival amendments, calendars, an ending, drafts."""
    some: list[TermsV1] = []
    for version in range(1, 4):
        before = some[-1].digest() if some else None
        begins = draw(DATES)
        for rival in range(draw(st.integers(1, 2))):
            duty = {
                "rule": draw(st.sampled_from(["FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYMONTHDAY=3"])),
                "working_day": draw(st.sampled_from(["as-is", "before", "after"])),
            }
            changes = {
                "version": version,
                "replaces": before,
                "valid_from": begins,
                "valid_until": begins + draw(st.integers(0, 900)) * DAY,
                "name_zh": f"第{version}版之{rival}",
                "duties": (FIRST.duties[0].model_copy(update=duty), FIRST.duties[1]),
            }
            some.append(FIRST.model_copy(update=changes))
    subjects: list[TermsV1 | EndingV1 | CalendarV1] = [*some, SPRING_2028]
    subjects.append(notice(2027, off=days(date(2027, draw(st.integers(1, 11)), 26), 4)))
    if draw(st.booleans()):
        ended = draw(st.sampled_from(some))
        subjects.append(EndingV1(ends=ended.digest(), last_day=draw(DATES), reason="协商终止").settled())
    return [
        signed(subject, draw(MOMENTS)) if draw(st.integers(0, 5)) else proposed(subject, draw(MOMENTS))
        for subject in subjects
    ]


def obligations(proposals: Sequence[Proposal]) -> list[Obligation]:
    agreement = Agreement.read(proposals)
    return [] if agreement is None else list(derive(agreement, BEGIN, END))


@given(documents(), st.randoms())
def test_both_parties_derive_the_same_from_any_order_of_the_same_documents(proposals, random) -> None:
    assert obligations(random.sample(proposals, len(proposals))) == obligations(proposals)


@given(documents())
def test_keys_are_unique_and_each_period_that_begins_in_force_is_due_once_in_season(proposals) -> None:
    found = obligations(proposals)
    assert len({each.key for each in found}) == len(found)
    agreement = Agreement.read(proposals)
    for each in found:
        assert agreement is not None
        version = agreement.on(each.period.first)
        assert version is not None
        assert version.digest == each.terms
        calendar = agreement.calendar_on(each.period.first)
        assert each.due_on >= each.period.first
        match each.duty.working_day:
            case "as-is":
                assert each.due_on in each.period
            case "after":
                assert calendar.is_working_day(each.due_on)
            case "before":
                assert calendar.is_working_day(each.due_on)
                assert each.due_on in each.period or not any(
                    map(calendar.is_working_day, days(each.period.first, (each.period.last - each.period.first).days))
                )


@given(documents(), st.dates(date(2026, 1, 1), date(2028, 1, 1)))
def test_what_is_signed_later_never_changes_what_was_due_for_periods_that_had_begun(proposals, today: date) -> None:
    until_today = [each for each in proposals if each.counts_from is not None and each.counts_from <= today + DAY]
    before = {each.key: each for each in obligations(until_today) if each.period.first <= today}
    after = {each.key: each for each in obligations(proposals) if each.period.first <= today}
    assert all(after[key] == before[key] for key in before.keys() & after.keys())
    ended, known = (Agreement.read(some) for some in (proposals, until_today))
    # Only the end of the whole agreement takes something away, or, put off again, gives it back.
    assert all(before[key].due_on > ended.last_day for key in before.keys() - after.keys())
    assert all(
        known is not None and after[key].due_on > (known.last_day or today) for key in after.keys() - before.keys()
    )


@given(st.dates(BEGIN, END), st.sampled_from(["month", "quarter", "year"]))
def test_a_period_is_named_after_its_days_and_found_by_its_name(day: date, kind) -> None:
    period = Period.containing(day, kind)
    assert day in period
    assert Period.parse(str(period)) == period
    assert period.next().first == period.last + DAY
    assert period.next().number == period.number + 1


def test_ordinary_weeks_are_monday_to_friday() -> None:
    assert [WorkingCalendar.ordinary(date(2026, 7, 6) + step * DAY) for step in range(7)] == [True] * 5 + [False] * 2
