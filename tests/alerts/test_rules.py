"""Whatever the rota, the quiet hours and the outages: everybody who must hear of it does, in time, and nobody in a storm."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.alerts.rules import (
    NEVER_NOBODY,
    Course,
    Facts,
    Heard,
    Officer,
    Post,
    Quiet,
    Urgency,
    bid_farewell,
    decide,
)

RAISED = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Nine in the morning in Shouning."""

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EMERGENCY = Course.emergency([15 * MINUTE, 30 * MINUTE])
REQUEST = Course.until(30 * MINUTE, Post.CHIEF)
DRILL = Course.gentle(15 * MINUTE)

Holders = Mapping[Post, Sequence[Officer]]
LIN, WU, CHEN, ZHENG, HE = (Officer(name, name) for name in ("lin", "wu", "chen", "zheng", "he"))
HOLDERS: Holders = {
    Post.DUTY: [LIN],
    Post.RESERVE: [WU],
    Post.LIAISON_OFFICER: [LIN, WU, CHEN],
    Post.DEPUTY: [ZHENG],
    Post.HEAD: [HE],
    Post.CHIEF: [Officer("chief", "chief")],
    Post.ADMINISTRATOR: [Officer("admin", "admin")],
}
"""Who holds which post on an ordinary day."""


def live(
    facts: Facts, holders: Holders, until: datetime, *, outage: tuple[datetime, datetime] | None = None
) -> list[tuple[datetime, list[str], list[str]]]:
    """Take every step that is due until a moment, none while the node is out; return when who was told, new or again."""
    steps = []
    told: dict[str, Heard] = {}
    now = facts.raised_at
    while now <= until:
        decision = decide(facts, holders, told, now)
        assert decision.next_at is not None, "silence while nobody has acknowledged"
        assert decision.next_at > now
        if decision.tells:
            steps.append((now, [each.id for each in decision.new], [each.id for each in decision.again]))
        told |= {each.id: Heard(now, facts.count) for each in (*decision.new, *decision.again)}
        now = decision.next_at
        if outage and outage[0] <= now < outage[1]:
            now = outage[1]
    return steps


def test_an_emergency_goes_up_the_chain_at_the_agreed_moments_to_the_second() -> None:
    steps = live(Facts(RAISED, Urgency.URGENT, EMERGENCY), HOLDERS, RAISED + 31 * MINUTE)
    first = {who: (at - RAISED) / MINUTE for at, new, _ in steps for who in new}
    assert first == {"lin": 0, "wu": 5, "chen": 10, "zheng": 15, "he": 30, "chief": 30}
    assert [(at - RAISED) / MINUTE for at, _, again in steps if "lin" in again] == [5, 10, 15, 20, 25, 30]


def test_an_agreement_with_one_moment_brings_the_whole_chain_in_then() -> None:
    course = Course.emergency([9 * MINUTE])
    steps = live(Facts(RAISED, Urgency.URGENT, course), HOLDERS, RAISED + 10 * MINUTE)
    assert {who for at, new, _ in steps for who in new if at == RAISED + 9 * MINUTE} == {"zheng", "he", "chief"}


def test_a_drill_wakes_nobody_above_the_liaison_officers() -> None:
    steps = live(Facts(RAISED, Urgency.NORMAL, DRILL), HOLDERS, RAISED + DAY)
    assert {who for _, new, _ in steps for who in new} == {"lin", "wu", "chen"}


def test_quiet_hours_hold_back_what_is_normal_until_they_end_and_never_an_emergency() -> None:
    asleep = Officer("lin", "lin", Quiet(time(22), time(7)))
    holders = {Post.DUTY: [asleep]}
    night = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)  # 23:30 in Shouning
    request = decide(Facts(night, Urgency.NORMAL, REQUEST), holders, {}, night)
    assert (request.new, request.next_at) == ((), night + 10 * MINUTE)  # the next on the rota may be awake
    notice = decide(Facts(night, Urgency.NORMAL, Course.once(Post.DUTY)), holders, {}, night)
    assert (notice.new, notice.next_at) == ((), datetime(2026, 11, 23, 23, 0, tzinfo=UTC))  # 07:00 in Shouning
    assert decide(Facts(night, Urgency.URGENT, EMERGENCY), holders, {}, night).new == (asleep,)


@pytest.mark.parametrize(
    ("begins", "ends", "now", "until"),
    [
        (time(22), time(7), "2026-11-23T22:00:00", "2026-11-24T07:00:00"),
        (time(22), time(7), "2026-11-23T21:59:59.999999", None),
        (time(22), time(7), "2026-11-24T06:59:59.999999", "2026-11-24T07:00:00"),
        (time(22), time(7), "2026-11-24T07:00:00", None),
        (time(22, 30), time(7, 15), "2026-11-30T22:30:12.345678", "2026-12-01T07:15:00"),
        (time(12), time(14), "2026-11-23T13:00:00", "2026-11-23T14:00:00"),
        (time(12), time(14), "2026-11-23T14:00:00", None),
        (time(12), time(12), "2026-11-23T12:00:00", "2026-11-24T12:00:00"),
        (time(12), time(12), "2026-11-23T11:59:59", "2026-11-23T12:00:00"),
    ],
)
def test_quiet_hours_hold_from_their_first_moment_until_their_end_also_over_midnight(
    begins: time, ends: time, now: str, until: str | None
) -> None:
    def here(text: str) -> datetime:
        return datetime.fromisoformat(text + "+08:00")

    held = Quiet(begins, ends).until(here(now).astimezone(UTC))
    assert held == (here(until) if until else None)


@pytest.mark.parametrize("missing", range(len(NEVER_NOBODY)))
def test_where_nobody_is_on_duty_the_next_who_is_there_is_told_at_once(missing: int) -> None:
    there = {post: officers for post, officers in HOLDERS.items() if post in NEVER_NOBODY[missing:]}
    told = decide(Facts(RAISED, Urgency.URGENT, EMERGENCY), there, {}, RAISED).new
    assert list(told) == there[NEVER_NOBODY[missing]]


def test_whoever_cannot_be_reached_is_stood_in_for_at_once_and_told_all_the_same_if_nobody_can() -> None:
    facts = Facts(RAISED, Urgency.URGENT, EMERGENCY)
    lost = Officer("lin", "lin", reachable=False)
    assert decide(facts, {Post.DUTY: [lost], Post.LIAISON_OFFICER: [WU]}, {}, RAISED).new == (WU,)
    assert decide(facts, {Post.DUTY: [lost], Post.LIAISON_OFFICER: [lost]}, {}, RAISED).new == (lost,)


def test_in_a_bureau_without_anybody_it_is_tried_again_every_minute() -> None:
    decision = decide(Facts(RAISED, Urgency.URGENT, EMERGENCY), {}, {}, RAISED)
    assert (decision.tells, decision.next_at) == (False, RAISED + MINUTE)


def test_after_an_outage_of_hours_everybody_is_told_once() -> None:
    back = RAISED + timedelta(hours=5)
    steps = live(Facts(RAISED, Urgency.URGENT, EMERGENCY), HOLDERS, back, outage=(RAISED + MINUTE, back))
    assert [at for at, _, _ in steps] == [RAISED, back]
    _, new, again = steps[1]
    assert sorted(new) == ["chen", "chief", "he", "wu", "zheng"]
    assert again == ["lin"]


def test_something_new_is_told_at_once_to_those_who_heard_less() -> None:
    facts = Facts(RAISED, Urgency.URGENT, EMERGENCY, count=2)
    soon = RAISED + timedelta(seconds=1)
    assert decide(facts, HOLDERS, {"lin": Heard(RAISED, 1)}, soon).again == (LIN,)
    assert not decide(facts, HOLDERS, {"lin": Heard(RAISED, 2)}, soon).tells


def test_whoever_takes_over_the_duty_hears_of_it_and_whoever_gave_it_over_does_not_any_more() -> None:
    facts = Facts(RAISED, Urgency.URGENT, EMERGENCY)
    decision = decide(facts, {**HOLDERS, Post.DUTY: [CHEN]}, {"lin": Heard(RAISED)}, RAISED + MINUTE)
    assert (decision.new, decision.again) == ((CHEN,), ())


def test_that_a_drill_is_over_is_told_after_quiet_hours() -> None:
    asleep = Officer("lin", "lin", Quiet(time(8), time(12)))
    over = bid_farewell(Facts(RAISED, Urgency.NORMAL, DRILL), [asleep, WU], RAISED)
    assert (over.again, over.next_at) == ((WU,), datetime(2026, 11, 23, 4, 0, tzinfo=UTC))
    assert (over.new, over.stage) == ((), len(DRILL.stages))
    assert bid_farewell(Facts(RAISED, Urgency.URGENT, DRILL), [asleep], RAISED).again == (asleep,)


def stages(course: Course) -> list[tuple[float, Post]]:
    """Return after how many minutes a course reaches whom."""
    return [(stage.after / MINUTE, stage.post) for stage in course.stages]


BEFORE = [(0, Post.DUTY), (10, Post.RESERVE), (20, Post.LIAISON_OFFICER)]


@pytest.mark.parametrize(
    ("escalations", "up", "repeat", "slow"),
    [
        ([30], [(30, Post.DEPUTY), (30, Post.HEAD), (30, Post.CHIEF)], 10, 30),
        ([30, 50], [(30, Post.DEPUTY), (50, Post.HEAD), (50, Post.CHIEF)], 10, 50),
        ([30, 50, 90], [(30, Post.DEPUTY), (50, Post.HEAD), (90, Post.CHIEF)], 10, 60),
        ([30, 50, 90, 120], [(30, Post.DEPUTY), (50, Post.HEAD), (90, Post.CHIEF)], 10, 60),
    ],
)
def test_an_emergency_goes_up_the_whole_chain_at_the_moments_the_agreement_sets(
    escalations: list[int], up: list[tuple[float, Post]], repeat: int, slow: int
) -> None:
    course = Course.emergency([count * MINUTE for count in escalations])
    assert stages(course) == [*BEFORE, *up]
    assert (course.repeat, course.slow) == (repeat * MINUTE, slow * MINUTE)


def test_an_emergency_is_repeated_thrice_before_it_goes_up_and_every_ten_minutes_at_least() -> None:
    assert Course.emergency([6 * MINUTE]).repeat == 2 * MINUTE
    assert Course.emergency([60 * MINUTE]).repeat == 10 * MINUTE


def test_what_must_be_taken_on_goes_up_to_its_top_and_no_further() -> None:
    limit = 30 * MINUTE
    assert stages(Course.until(limit, Post.DEPUTY)) == [*BEFORE, (30, Post.DEPUTY)]
    assert stages(Course.until(limit, Post.HEAD)) == [*BEFORE, (30, Post.DEPUTY), (60, Post.HEAD)]
    whole = Course.until(limit, Post.CHIEF)
    assert stages(whole) == [*BEFORE, (30, Post.DEPUTY), (60, Post.HEAD), (60, Post.CHIEF)]
    assert (whole.repeat, whole.slow) == (10 * MINUTE, limit)


def test_what_bears_waiting_reaches_the_liaison_officers_and_what_is_one_persons_those_on_duty() -> None:
    gentle, own = Course.gentle(15 * MINUTE), Course.to_one("u-lin", 15 * MINUTE)
    assert stages(gentle) == [(0, Post.DUTY), (15, Post.LIAISON_OFFICER)]
    assert stages(own) == [(0, Post.NAMED), (15, Post.DUTY)]
    assert own.person == "u-lin"
    for course in (gentle, own):
        assert (course.repeat, course.slow) == (15 * MINUTE, 60 * MINUTE)
    once = Course.once(Post.DUTY, Post.HEAD)
    assert (stages(once), once.repeat) == ([(0, Post.DUTY), (0, Post.HEAD)], None)


def test_it_is_repeated_more_slowly_once_its_last_stage_is_past_and_not_before() -> None:
    course = Course.until(30 * MINUTE, Post.HEAD)
    last = course.stages[-1].after
    assert course.pace(last) == course.repeat
    assert course.pace(last + timedelta.resolution) == course.slow
    assert Course.once(Post.DUTY).pace(DAY) is None


clocks = st.times().map(lambda at: at.replace(second=0, microsecond=0))
quiets = st.none() | st.builds(Quiet, clocks, clocks)
minutes = st.integers(1, 600).map(lambda count: count * MINUTE)
courses = (
    st.lists(minutes, min_size=1, max_size=4, unique=True).map(sorted).map(Course.emergency)
    | st.builds(Course.until, minutes, st.sampled_from([Post.DEPUTY, Post.HEAD, Post.CHIEF]))
    | minutes.map(Course.gentle)
)


@st.composite
def bureaus(draw: st.DrawFn) -> Holders:
    """Draw who holds which post: some posts are empty, some people hold several, some sleep or cannot be reached."""
    people = [Officer(name, name, draw(quiets), draw(st.booleans())) for name in "abcdef"]
    groups = st.lists(st.sampled_from(people), max_size=3, unique=True)
    posts = [post for post in Post if post is not Post.NAMED]  # none of the courses names anybody
    return draw(st.dictionaries(st.sampled_from(posts), groups))


@given(courses, bureaus(), st.sampled_from(Urgency), minutes, minutes)
def test_silence_never_comes_and_no_storm_after_it(
    course: Course, people: Holders, urgency: Urgency, until: timedelta, length: timedelta
) -> None:
    assert course.repeat is not None
    assert course.slow is not None
    outage = (RAISED + until, RAISED + until + length)
    steps = live(Facts(RAISED, urgency, course), people, RAISED + 2 * DAY, outage=outage)
    for who in {who for _, new, again in steps for who in (*new, *again)}:
        heard = [at for at, new, again in steps if who in (*new, *again)]
        pace = min(course.repeat, course.slow)
        assert all(after - before >= pace for before, after in pairwise(heard)), "what was missed is told twice"
    for at, new, again in steps:
        for officer in (each for group in people.values() for each in group if each.id in (*new, *again)):
            assert urgency is Urgency.URGENT or not officer.quiet or officer.quiet.until(at) is None
    if urgency is Urgency.URGENT and any(people.values()):
        longest = max(course.repeat, course.slow, MINUTE) + length
        told_at = [at for at, _, _ in steps]
        assert told_at[0] == RAISED or not any(people.get(post) for post in (Post.DUTY, *NEVER_NOBODY))
        assert all(after - before <= longest for before, after in pairwise(told_at))


@given(courses, bureaus(), minutes)
def test_each_stage_is_told_at_its_second_or_when_the_node_is_back(
    course: Course, people: Holders, length: timedelta
) -> None:
    there = {post: [Officer(each.id, each.name) for each in group] for post, group in people.items()}
    begins, back = RAISED + MINUTE, RAISED + MINUTE + length
    steps = live(Facts(RAISED, Urgency.URGENT, course), there, RAISED + DAY, outage=(begins, back))
    first = {who: at for at, new, _ in steps for who in new}
    for stage in course.stages:
        due = RAISED + stage.after
        expected = back if begins <= due < back else due
        for officer in there.get(stage.post, ()):
            assert expected > RAISED + DAY or first[officer.id] <= expected


@given(st.builds(Quiet, clocks, clocks), st.datetimes(timezones=st.just(UTC)))
def test_quiet_hours_end_within_a_day(quiet: Quiet, now: datetime) -> None:
    if not timedelta(days=3) < now - datetime.min.replace(tzinfo=UTC) < timedelta(days=3_000_000):
        return
    until = quiet.until(now)
    if until is not None:
        assert now < until <= now + DAY
        assert quiet.begins == quiet.ends or quiet.until(until) is None
