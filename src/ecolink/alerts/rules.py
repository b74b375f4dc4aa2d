"""Whom an alert is told to next, and when: from what it is about, who has been told, the rota and the time alone.

An alert follows a course: at set times after it was raised a further post is told, from those on duty up to the
chief, and whoever has been told hears of it again and again until somebody acknowledges it. `decide` is asked when
the time has come, or later, or by anything that may have changed who is to be told; each time it looks anew at who
holds the posts now. So an outage of hours, in which much fell due, is made up by telling everybody once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final, Self

from ecolink.kit.times import CHINA


class Post(StrEnum):
    """Who may be told, from those on duty upward; the first and the last stand beside the chain."""

    NAMED = "named"
    """The one person whom the course names."""
    DUTY = "duty"
    """Whoever stands in the first place of the rota now."""
    RESERVE = "reserve"
    """The next on the rota: who stands in the second place now, or else comes on duty next."""
    LIAISON_OFFICER = "liaison_officer"
    DEPUTY = "deputy"
    HEAD = "head"
    CHIEF = "chief"
    ADMINISTRATOR = "administrator"


NEVER_NOBODY: Final = (Post.LIAISON_OFFICER, Post.DEPUTY, Post.HEAD, Post.CHIEF, Post.ADMINISTRATOR)
"""Who is told where nobody of those to be told is there or can be reached: the first of these that has anybody."""


SOONEST: Final = timedelta(minutes=10)
"""How long at most anybody is left alone who was told of an emergency, while it goes up the chain."""

SLOWEST: Final = timedelta(hours=1)
"""The same once everybody knows."""

NOBODY_AT_ALL: Final = timedelta(minutes=1)
"""How soon it is tried again where the bureau has nobody who could be told."""


class Urgency(StrEnum):
    """Whether quiet hours hold it back."""

    URGENT = "urgent"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Stage:
    """So long after it was raised, an alert that nobody acknowledged is told to a post as well."""

    after: timedelta
    post: Post


@dataclass(frozen=True, slots=True)
class Course:
    """How an alert goes on while nobody acknowledges it."""

    stages: tuple[Stage, ...]
    """In order of time; the first at once."""
    repeat: timedelta | None = None
    """How soon whoever was told is told again; None: nobody is told twice."""
    slow: timedelta | None = None
    """The same once the last stage is reached and nobody is left to be told."""
    person: str | None = None
    """Who is `Post.NAMED`, by account."""

    @classmethod
    def emergency(cls, escalations: Sequence[timedelta]) -> Self:
        """Return the course of an emergency that goes up the chain at the moments the agreement sets.

        Before the first of them the next on the rota and all liaison officers are told, a third of the time each;
        with the last one, all that is left of the chain.
        """
        first, last = escalations[0], escalations[-1]
        chain = [Post.DEPUTY, Post.HEAD, Post.CHIEF]
        up = [Stage(after, post) for after, post in zip(escalations, chain, strict=False)]
        rest = [Stage(last, post) for post in chain[len(escalations) :]]
        return cls((*_before(first), *up, *rest), repeat=min(first / 3, SOONEST), slow=min(last, SLOWEST))

    @classmethod
    def until(cls, limit: timedelta, top: Post) -> Self:
        """Return the course of what a person must take on within `limit`: then the deputy is told, later `top`."""
        up = [Stage(limit, Post.DEPUTY)]
        up += [Stage(2 * limit, post) for post in (Post.HEAD, Post.CHIEF) if _rank(post) <= _rank(top)]
        return cls((*_before(limit), *up), repeat=limit / 3, slow=limit)

    @classmethod
    def gentle(cls, limit: timedelta) -> Self:
        """Return the course of a drill, or of what bears waiting: nobody above the liaison officers is told."""
        return cls((Stage(timedelta(), Post.DUTY), Stage(limit, Post.LIAISON_OFFICER)), repeat=limit, slow=4 * limit)

    @classmethod
    def to_one(cls, person: str, limit: timedelta) -> Self:
        """Return the course of what one person must take on, by account: after `limit` those on duty see to it."""
        return cls(
            (Stage(timedelta(), Post.NAMED), Stage(limit, Post.DUTY)), repeat=limit, slow=4 * limit, person=person
        )

    @classmethod
    def once(cls, *posts: Post) -> Self:
        """Return the course of what is told to each of these posts, and not again."""
        return cls(tuple(Stage(timedelta(), post) for post in posts))

    def pace(self, age: timedelta) -> timedelta | None:
        """Return how soon an alert of this age is told again; None: not again."""
        return self.slow if self.repeat and age > self.stages[-1].after else self.repeat


@dataclass(frozen=True, slots=True)
class Quiet:
    """An officer's quiet hours, each day from one time to another in Asia/Shanghai; they may cross midnight."""

    begins: time
    ends: time

    def until(self, now: datetime) -> datetime | None:
        """Return when the quiet hours that hold at `now` end; None when none hold."""
        here = now.astimezone(CHINA)
        began = here.replace(hour=self.begins.hour, minute=self.begins.minute, second=0, microsecond=0)
        if began > here:
            began -= timedelta(days=1)
        over = began.replace(hour=self.ends.hour, minute=self.ends.minute)
        if over <= began:
            over += timedelta(days=1)
        return over if here < over else None


@dataclass(frozen=True, slots=True)
class Officer:
    """A person of ours who may be told."""

    id: str
    name: str
    quiet: Quiet | None = None
    reachable: bool = True
    """False: every way to them has failed for this alert."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules need to know of an alert that is open."""

    raised_at: datetime
    urgency: Urgency
    course: Course
    count: int = 1
    """How often there was something to tell."""


@dataclass(frozen=True, slots=True)
class Heard:
    """When an officer was last told of an alert, and how much of it."""

    at: datetime
    count: int = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done now, and when to ask again."""

    new: tuple[Officer, ...]
    """Told for the first time."""
    again: tuple[Officer, ...]
    """Told again."""
    stage: int
    """How many stages of the course are reached."""
    next_at: datetime | None
    """Later than now; None: nobody is told of it any more, whatever happens but a change of the rota."""

    @property
    def tells(self) -> bool:
        """Whether anybody is told now."""
        return bool(self.new or self.again)


Holders = Mapping[Post, Sequence[Officer]]
"""Who holds each post now."""


def decide(facts: Facts, holders: Holders, told: Mapping[str, Heard], now: datetime) -> Decision:
    """Decide whom an open alert is told to at `now`; `told` says what each officer has heard of it, by id."""
    age = max(now - facts.raised_at, timedelta())
    reached = [stage for stage in facts.course.stages if stage.after <= age]
    pace = facts.course.pace(age)

    to_tell = _to_tell([stage.post for stage in reached], holders)
    new: list[Officer] = []
    again: list[Officer] = []
    later = facts.course.pace(age + timedelta.resolution)
    moments = [facts.raised_at + stage.after for stage in facts.course.stages[len(reached) :]]
    if not to_tell:
        moments.append(now + NOBODY_AT_ALL)
    for officer in to_tell:
        heard = told.get(officer.id)
        due = _due(facts, heard, pace, now)
        if due is None:
            continue
        held = _held(facts, officer, now)
        if due > now or held is not None:
            moments.append(max(due, held or due))
            continue
        (again if heard else new).append(officer)
        moments += [now + later] if later else []
    return Decision(tuple(new), tuple(again), len(reached), min(moments, default=None))


def bid_farewell(facts: Facts, told: Iterable[Officer], now: datetime) -> Decision:
    """Decide who hears at `now` that an alert is over, of those who were told of it and do not know that yet."""
    held = {officer: _held(facts, officer, now) for officer in told}
    moments = [moment for moment in held.values() if moment is not None]
    free = tuple(officer for officer, moment in held.items() if moment is None)
    return Decision((), free, len(facts.course.stages), min(moments, default=None))


def _due(facts: Facts, heard: Heard | None, pace: timedelta | None, now: datetime) -> datetime | None:
    """Return when an officer is to be told; None: not again."""
    if heard is None or heard.count < facts.count:
        return now
    return None if pace is None else heard.at + pace


def _held(facts: Facts, officer: Officer, now: datetime) -> datetime | None:
    """Return until when quiet hours hold an alert back from an officer; None when they do not."""
    if facts.urgency is Urgency.URGENT or officer.quiet is None:
        return None
    return officer.quiet.until(now)


def _to_tell(posts: Sequence[Post], holders: Holders) -> Sequence[Officer]:
    """Return who holds these posts and can be reached, each once.

    Where that is nobody of the first post, whoever is never missing stands in; and whom nothing reaches is told all
    the same when there is nobody else.
    """
    reachable = {post: [officer for officer in officers if officer.reachable] for post, officers in holders.items()}
    standing_in = next((post for post in NEVER_NOBODY if reachable.get(post)), None)
    if standing_in and not reachable.get(posts[0]):
        posts = (*posts, standing_in)
    return _each_once(posts, reachable) or _each_once((*posts, *NEVER_NOBODY), holders)


def _each_once(posts: Iterable[Post], holders: Holders) -> Sequence[Officer]:
    return list({officer.id: officer for post in posts for officer in holders.get(post, ())}.values())


def _before(limit: timedelta) -> tuple[Stage, ...]:
    """Return who is told before it goes up the chain."""
    return (
        Stage(timedelta(), Post.DUTY),
        Stage(limit / 3, Post.RESERVE),
        Stage(limit * 2 / 3, Post.LIAISON_OFFICER),
    )


def _rank(post: Post) -> int:
    return list(Post).index(post)
