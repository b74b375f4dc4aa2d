"""The check of the agreements: that the working days all parties signed are still those this software knows."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime

from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement, Version
from ecolink.cadence.calendars import Day, calendar_of, china_day, published_days, published_digest
from ecolink.entrypoints.doctor.finding import Finding, worst
from ecolink.entrypoints.terms import working_calendar
from ecolink.entrypoints.wiring import Node
from ecolink.protocol.kinds.agreements import notice_year


def calendars(node: Node, session: Session, now: datetime) -> Finding:
    """Look at the working days that agreements were signed over: an upgrade may have brought others."""
    in_force = node.rooms.cooperation.agreements.in_force(session)
    return compare(in_force, working_calendar(node.settings).table, china_day(now))


def compare(agreements: Collection[Agreement], own_table: Mapping[date, Day], today: date) -> Finding:
    """Compare the calendars of agreements that have not ended with the library's and our own table's, year by year."""
    findings = [
        finding
        for agreement in agreements
        if agreement.last_day is not None and agreement.last_day >= today
        for finding in (*_of_notices(agreement, today), *_of_years(agreement, own_table, today))
    ]
    return worst(findings, Finding.ok("The agreements' working days are those known here.", "协议工作日历与本机一致。"))


def _of_notices(agreement: Agreement, today: date) -> Iterator[Finding]:
    """Look at the official years that terms name by a digest; a year signed since is signed whole."""
    signed_since = {overlay.calendar.year for overlay in agreement.overlays}
    for version in agreement.versions:
        named = version.terms.calendar
        if version.last >= today and not set(named.years) <= signed_since and _digest(named.years) != named.digest:
            yield _other_days(agreement, version)


def _of_years(agreement: Agreement, own_table: Mapping[date, Day], today: date) -> Iterator[Finding]:
    """Look at what counts for each year: the days signed last, or else the official ones that terms name."""
    named = {year for version in agreement.versions if version.last >= today for year in version.terms.calendar.years}
    counting = {year: days for year in named if (days := _known(year, {})) is not None}
    counting |= {
        overlay.calendar.year: {entry.date: Day(entry.day) for entry in overlay.calendar.days}
        for overlay in agreement.overlays
    }
    for year, days in sorted(counting.items()):
        if _known(year, own_table) not in (None, days):
            yield _other_table(agreement, year)


def _other_table(agreement: Agreement, year: int) -> Finding:
    command = f"ecolink agreement calendar {agreement.code} {year} --source NOTICE [--file TABLE]"
    return Finding.warn(
        f"The working days of {year} by which the parties of {agreement.code} count are not those known here.",
        f"{agreement.code} 各方所依据的 {year} 年工作日历与本机所知不同；以各方签署的为准。",
        f"If the notice was changed, have all sign it anew: {command}. Otherwise correct calendar_file.",
        f"如放假安排已调整，请由各方重新签署：{command}；否则请更正 calendar_file。",
    )


def _other_days(agreement: Agreement, version: Version) -> Finding:
    years = ", ".join(map(str, version.terms.calendar.years))
    return Finding.fail(
        f"Agreement {agreement.code} was signed over other working days of {years} than this software has: due days "
        "may be others here than at the partner.",
        f"协议 {agreement.code} 签署时的工作日历（{years}）与本软件不同：两地推算的期限可能不一致。",
        "Bring all parties to the same version of ecolink, or have them sign the year's days: "
        f"ecolink agreement calendar {agreement.code} YEAR --source NOTICE --file TABLE.",
        "请各方使用相同版本的 ecolink，或共同签署该年日历：ecolink agreement calendar "
        f"{agreement.code} 年份 --source 通知文号 --file 表格。",
    )


def _digest(years: Collection[int]) -> str | None:
    try:
        return published_digest(years)
    except ValueError:
        return None


def _known(year: int, own_table: Mapping[date, Day]) -> Mapping[date, Day] | None:
    """Return the days of a year that differ from the ordinary week, by our own table or the library; None: unknown."""
    try:
        if not any(notice_year(day) == year for day in own_table):
            return published_days(year)
        return {entry.date: Day(entry.day) for entry in calendar_of(year, own_table, "-").days}
    except ValueError:
        return None
