"""What a room hands over to have our people told: what it is about, how urgent, and how it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from ecolink.alerts.models import AlertKind
from ecolink.alerts.rules import Course, Post, Stage, Urgency

Status = Literal["actual", "exercise", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Something our people must be told of."""

    subject: str
    """Its natural key: raised twice it is raised once."""
    matter: str
    """What it belongs to: when that is over, so is this."""
    kind: AlertKind
    urgency: Urgency
    status: Status = "actual"
    title_zh: str
    title_en: str
    link: str
    occurred_at: datetime
    course: Course


@dataclass(frozen=True, slots=True)
class Ending:
    """Why there is nothing left to take on; `is_retraction` when it was never true."""

    zh: str
    en: str
    is_retraction: bool = False


def write_course(course: Course) -> dict[str, Any]:
    """Return a course as it is stored, in seconds."""
    return {
        "stages": [[stage.after.total_seconds(), stage.post.value] for stage in course.stages],
        "repeat": _seconds(course.repeat),
        "slow": _seconds(course.slow),
        **({"person": course.person} if course.person else {}),
    }


def read_course(stored: Mapping[str, Any]) -> Course:
    """Return a course that was stored."""
    stages = tuple(Stage(timedelta(seconds=after), Post(post)) for after, post in stored["stages"])
    return Course(stages, _length(stored["repeat"]), _length(stored["slow"]), stored.get("person"))


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
