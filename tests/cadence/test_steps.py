"""Ten years of reminders and escalations, lived through with outages and wrong clocks."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random

import pytest

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import MORNING, Obligation, derive
from ecolink.cadence.standing import Evidence, judge
from ecolink.cadence.steps import plan
from ecolink.kit.times import CHINA
from tests.support.agreements import LIAISON, terms

DAY = timedelta(days=1)
AGREEMENT = Agreement.assume(terms(valid_until="2035-12-31", duties=[{**LIAISON, "grace_days": 2}]))
TEN_YEARS = tuple(derive(AGREEMENT, date(2026, 1, 1), date(2035, 12, 31)))
JULY = next(each for each in TEN_YEARS if each.period.label == "2026-07")
NOBODY = Evidence()


class Watch:
    """One obligation looked at now and then; remembers what was done."""

    def __init__(self, obligation: Obligation, evidence: Evidence = NOBODY) -> None:
        self.obligation = obligation
        self.evidence = evidence
        self.done: set[str] = set()
        self.acted: list[str] = []

    def look(self, now: datetime) -> datetime | None:
        planned = plan(self.obligation, judge(self.obligation, self.evidence, now), self.done, now)
        self.acted += [step.code for step in planned.act]
        self.done |= {step.code for step in (*planned.act, *planned.skip)}
        return planned.next_at


def mornings(obligation: Obligation, *days: int) -> list[datetime]:
    return [datetime.combine(obligation.due_on + days_ * DAY, MORNING) for days_ in days]


def test_in_ten_years_each_month_brings_each_reminder_and_each_escalation_once() -> None:
    assert len(TEN_YEARS) == 120
    expected = ["remind-7", "remind-3", "remind-0", "overdue", "escalate-1", "escalate-3", "escalate-7", "escalate-14"]
    for obligation in TEN_YEARS:
        watch, now, looks = Watch(obligation), datetime(2025, 12, 1, tzinfo=CHINA), []
        while (following := watch.look(now)) is not None:
            assert following > now
            now = following
            looks.append(now)
        assert watch.acted == expected
        assert looks == sorted(
            {
                obligation.opens_at,
                obligation.due_at + timedelta(seconds=1),
                *mornings(obligation, -7, -3, 0, 3, 5, 9, 16),
            }
        )


def test_when_both_have_signed_nothing_more_is_said() -> None:
    record = Cosigning.begin("1" * 64, min(JULY.parties), JULY.parties, JULY.opens_at)
    for party in JULY.parties:
        record = record.sign(party, JULY.opens_at)
    assert Watch(JULY, Evidence([record])).look(JULY.due_at) is None
    watch = Watch(JULY)
    watch.look(mornings(JULY, -7)[0])
    watch.evidence = Evidence([record])
    assert watch.look(mornings(JULY, 20)[0]) is None
    assert watch.acted == ["remind-7"]


@pytest.mark.parametrize(
    ("back_after", "acted"),
    [
        (-5, ["remind-7"]),
        (-3, ["remind-3"]),
        (0, ["remind-0"]),
        (1, []),  # within the grace: the reminders are out of season, and nothing is due to be said yet
        (4, ["overdue", "escalate-1"]),
        (40, ["overdue", "escalate-14"]),
    ],
)
def test_after_an_outage_only_the_last_word_is_said_and_the_partner_is_told(back_after: int, acted: list[str]) -> None:
    watch = Watch(JULY)
    (now,) = mornings(JULY, back_after)
    watch.look(now)
    assert watch.acted == acted
    watch.look(now)
    assert watch.acted == acted


def test_in_the_last_second_of_the_due_day_a_reminder_is_still_in_season() -> None:
    watch = Watch(JULY)
    watch.look(JULY.due_at)
    assert watch.acted == ["remind-0"]


def test_the_others_are_told_though_an_escalation_came_at_the_same_moment() -> None:
    watch = Watch(JULY)
    (now,) = mornings(JULY, 3)
    watch.look(now)
    assert watch.acted == ["overdue", "escalate-1"]


def test_a_clock_set_back_repeats_nothing_and_what_follows_still_comes() -> None:
    watch = Watch(JULY)
    third, due, back = mornings(JULY, -3, 0, -10)
    watch.look(third)
    assert watch.look(back) == due
    assert watch.acted == ["remind-3"]
    assert watch.look(third) == due
    watch.look(due)
    assert watch.acted == ["remind-3", "remind-0"]


def ticks(random: Random, obligation: Obligation) -> Iterator[datetime]:
    """Look at odd times, sleep for weeks, and have the clock step back now and then."""
    now = obligation.opens_at - random.random() * 10 * DAY
    while now < obligation.due_at + 60 * DAY:
        yield now
        now += random.choice([random.random() * DAY, random.random() * 30 * DAY, -random.random() * 5 * DAY])
    yield now


@pytest.mark.parametrize("seed", range(5))
def test_in_ten_years_of_outages_and_clock_steps_nothing_is_said_twice_and_no_storm_comes(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - repeatable dice
    for obligation in TEN_YEARS:
        watch = Watch(obligation)
        for now in ticks(random, obligation):
            before = len(watch.acted)
            watch.look(now)
            said = watch.acted[before:]
            assert len([code for code in said if code != "overdue"]) <= 1
            assert not any(code.startswith("remind") for code in said) or now <= obligation.due_at
        assert max(Counter(watch.acted).values()) == 1
        assert "overdue" in watch.acted
        assert watch.acted[-1].startswith("escalate")
        assert watch.done == {step.code for step in obligation.steps}


def test_a_reminder_that_would_come_before_the_period_is_left_out() -> None:
    early = {**LIAISON, "rule": "FREQ=MONTHLY;BYMONTHDAY=5", "working_day": "as-is"}
    (obligation,) = derive(Agreement.assume(terms(duties=[early])), date(2026, 7, 1), date(2026, 7, 1))
    assert [step.code for step in obligation.steps][:2] == ["remind-3", "remind-0"]
