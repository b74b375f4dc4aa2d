"""What the forest-fire regulation makes of a fire: its grade, and whether it is reported upward at once."""

import pytest

from ecolink.exchanges.emergencies.fires import BorderReport, FireGrade, border_report, grade_fire, reminders
from ecolink.protocol.kinds.emergencies import Situation

XIADANG_FIRE = {
    "status": "actual",
    "kind": "wildfire",
    "title": "下党乡森林火情",
    "description": "下党乡上党村后山起火，风向西南，距省界约600米。",
    "colour": "yellow",
    "urgency": "Immediate",
    "severity": "Moderate",
    "certainty": "Observed",
    "occurred_at": "2026-11-22T14:05:00+08:00",
    "location": {"text": "寿宁县下党乡上党村后山"},
    "fire": {"area_ha": 0.8, "wind": {"direction": "SW", "force": 4}, "open_flame": True},
    "hotline": "0593-0000001",
}


def situation(**changes) -> Situation:
    return Situation.model_validate(XIADANG_FIRE | changes)


def fire(area_ha: float | None = None, *, dead: int = 0, hurt: int = 0, **facts) -> Situation:
    casualties = {"dead": dead, "injured": hurt, "seriously_injured": hurt}
    return situation(fire={"area_ha": area_ha, "casualties": casualties, **facts})


@pytest.mark.parametrize(
    ("told", "grade"),
    [
        (fire(0.8), FireGrade.ORDINARY),
        (fire(0.99), FireGrade.ORDINARY),
        (fire(0), FireGrade.ORDINARY),
        (fire(1), FireGrade.LARGER),
        (fire(99.9), FireGrade.LARGER),
        (fire(100), FireGrade.SERIOUS),
        (fire(999.9), FireGrade.SERIOUS),
        (fire(1000), FireGrade.EXTRAORDINARILY_SERIOUS),
        (fire(dead=1), FireGrade.ORDINARY),
        (fire(dead=2), FireGrade.ORDINARY),
        (fire(dead=3), FireGrade.LARGER),
        (fire(dead=9), FireGrade.LARGER),
        (fire(dead=10), FireGrade.SERIOUS),
        (fire(dead=29), FireGrade.SERIOUS),
        (fire(dead=30), FireGrade.EXTRAORDINARILY_SERIOUS),
        (fire(hurt=9), FireGrade.ORDINARY),
        (fire(hurt=10), FireGrade.LARGER),
        (fire(hurt=50), FireGrade.SERIOUS),
        (fire(hurt=100), FireGrade.EXTRAORDINARILY_SERIOUS),
        (fire(0.5, dead=3), FireGrade.LARGER),
        (fire(200, dead=1), FireGrade.SERIOUS),
        (fire(), None),
        (situation(fire=None), None),
        (situation(kind="natural_disaster", fire=None), None),
    ],
)
def test_the_highest_of_area_and_casualties_grades_a_fire(told: Situation, grade: FireGrade | None) -> None:
    assert grade_fire(told) is grade


def test_a_burning_fire_six_hundred_metres_from_the_border_must_be_reported() -> None:
    assert border_report(situation(), 600.0) is BorderReport.REQUIRED
    assert border_report(situation(), 0.0) is BorderReport.REQUIRED


def test_the_border_area_reaches_to_five_thousand_metres() -> None:
    assert border_report(situation(), 5_000.0) is BorderReport.REQUIRED
    assert border_report(situation(), 5_001.0) is BorderReport.NOT_REQUIRED
    assert border_report(situation(), 5_001.0, border_area_m=10_000) is BorderReport.REQUIRED


def test_an_unknown_distance_is_unknown_and_never_no() -> None:
    assert border_report(situation(), None) is BorderReport.UNKNOWN
    assert border_report(situation(fire=None), None) is BorderReport.UNKNOWN


def test_a_fire_whose_flames_are_out_is_dangerous_only_when_grave() -> None:
    assert border_report(fire(0.8, open_flame=False), 600.0) is BorderReport.NOT_REQUIRED
    assert border_report(fire(2.0, open_flame=False), 600.0) is BorderReport.REQUIRED
    red = situation(colour="red", fire={"area_ha": 0.8, "open_flame": False})
    assert border_report(red, 600.0) is BorderReport.REQUIRED


def test_a_landslide_at_the_border_is_no_border_fire() -> None:
    assert border_report(situation(kind="natural_disaster", fire=None), 10.0) is BorderReport.NOT_REQUIRED


@pytest.mark.parametrize("report", list(BorderReport))
def test_the_reminder_always_names_the_lines_that_are_not_replaced(report: BorderReport) -> None:
    said = reminders(report)
    assert "12119" in said[-1].zh
    assert "110" in said[-1].en
    assert any("三十二条" in each.zh for each in said) is (report is not BorderReport.NOT_REQUIRED)
