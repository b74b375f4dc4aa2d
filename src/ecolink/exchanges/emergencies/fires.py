"""What the forest-fire regulation (森林防火条例, State Council Order 541) makes of a fire. Pure.

The grade follows from area and casualties (art. 40). A fire is reported upward level by level (art. 31), and the
province reports a dangerous one in a provincial border area to the nation at once (art. 32 no. 7): so must whoever
sees it first. Both are computed, never typed in, and 'unknown' is never read as 'no'.
"""

from dataclasses import dataclass
from enum import StrEnum

from ecolink.protocol.kinds.emergencies import Colour, EmergencyKind, Situation


class FireGrade(StrEnum):
    """Art. 40, lowest first."""

    ORDINARY = "ordinary"
    LARGER = "larger"
    SERIOUS = "serious"
    EXTRAORDINARILY_SERIOUS = "extraordinarily_serious"


class BorderReport(StrEnum):
    """Whether the fire must be reported upward at once because of where it burns (art. 31, 32)."""

    REQUIRED = "required"
    NOT_REQUIRED = "not_required"
    UNKNOWN = "unknown"
    """The distance to the border is not known here: find out, and until then take it for required."""


FIRE_GRADES: tuple[tuple[FireGrade, float, int, int], ...] = (
    (FireGrade.EXTRAORDINARILY_SERIOUS, 1000, 30, 100),
    (FireGrade.SERIOUS, 100, 10, 50),
    (FireGrade.LARGER, 1, 3, 10),
    (FireGrade.ORDINARY, 0, 1, 1),
)
"""Grade; hectares, dead or seriously injured from which it holds (art. 40; "以上" includes the number itself).
Any one of the three suffices, and the highest grade counts."""

GRADE_NAMES_ZH = {
    FireGrade.ORDINARY: "一般森林火灾",
    FireGrade.LARGER: "较大森林火灾",
    FireGrade.SERIOUS: "重大森林火灾",
    FireGrade.EXTRAORDINARILY_SERIOUS: "特别重大森林火灾",
}

BORDER_AREA_M = 5_000
"""Metres from the provincial border that count as border area (P): the regulation gives no figure."""

REMINDER_ZH = "ecolink 不替代森林防火报警电话 12119、报警电话 110 和逐级上报程序，请同时按规定报告。"
REMINDER_EN = (
    "ecolink does not replace the forest-fire line 12119, the police line 110 or the reporting line upward: "
    "report there as well."
)
REPORT_ZH = "省界附近危险性大的森林火灾，须立即逐级上报（森林防火条例第三十一条、第三十二条第七项）。"
REPORT_EN = (
    "A dangerous fire in a provincial border area: report it upward at once "
    "(forest-fire regulation, art. 31, art. 32 no. 7)."
)
UNKNOWN_ZH = "与省界距离不明，请立即核实；核实前按省界火灾处理并上报（森林防火条例第三十一条、第三十二条第七项）。"
UNKNOWN_EN = (
    "The distance to the provincial border is unknown: find out at once, and until then report it upward as a "
    "border fire (forest-fire regulation, art. 31, art. 32 no. 7)."
)


@dataclass(frozen=True, slots=True)
class Reminder:
    """What the person in charge must not forget, in both languages."""

    zh: str
    en: str


def grade_fire(situation: Situation) -> FireGrade | None:
    """Return the grade of a wildfire (art. 40); None where area and casualties are not known, or nothing burns."""
    fire = situation.fire
    if fire is None:
        return None
    dead, hurt = (fire.casualties.dead, fire.casualties.seriously_injured) if fire.casualties else (0, 0)
    for grade, hectares, deaths, injuries in FIRE_GRADES:
        if (fire.area_ha is not None and fire.area_ha >= hectares) or dead >= deaths or hurt >= injuries:
            return grade
    return None


def is_dangerous(situation: Situation) -> bool:
    """Tell whether a wildfire counts as dangerous (危险性大) (P): not known to be out, or already grave.

    The regulation leaves it to judgement; a machine may only err on the side of reporting.
    """
    burning = situation.fire is None or situation.fire.open_flame is not False
    grave = grade_fire(situation) not in (None, FireGrade.ORDINARY)
    return burning or grave or situation.colour in (Colour.ORANGE, Colour.RED)


def border_report(
    situation: Situation, distance_m: float | None, *, border_area_m: float = BORDER_AREA_M
) -> BorderReport:
    """Say whether art. 31 and 32 demand that the fire be reported upward because it burns near a provincial border."""
    if situation.kind is not EmergencyKind.WILDFIRE or not is_dangerous(situation):
        return BorderReport.NOT_REQUIRED
    if distance_m is None:
        return BorderReport.UNKNOWN
    return BorderReport.REQUIRED if distance_m <= border_area_m else BorderReport.NOT_REQUIRED


def reminders(report: BorderReport) -> tuple[Reminder, ...]:
    """Return what stands beside every emergency: what ecolink does not replace, and what the law demands."""
    always = Reminder(REMINDER_ZH, REMINDER_EN)
    match report:
        case BorderReport.REQUIRED:
            return Reminder(REPORT_ZH, REPORT_EN), always
        case BorderReport.UNKNOWN:
            return Reminder(UNKNOWN_ZH, UNKNOWN_EN), always
        case BorderReport.NOT_REQUIRED:
            return (always,)
