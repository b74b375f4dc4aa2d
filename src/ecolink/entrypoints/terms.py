"""The terms and the calendar that a node works by, as its settings change them."""

from dataclasses import fields

from ecolink.cadence.calendars import WorkingCalendar, read_table
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.configuration import suggestion, variable
from ecolink.console.map.ground import Ground, Tiles
from ecolink.errors import SettingError
from ecolink.exchanges.emergencies.border import Border
from ecolink.settings import Settings


def deadline_policy(settings: Settings) -> DeadlinePolicy:
    """Return the built-in terms with those replaced that the settings name.

    Raises:
        SettingError: a name is no term, or a term could never be kept.

    """
    known = {term.name: term.default for term in fields(DeadlinePolicy)}
    for name in settings.deadlines:
        if name not in known:
            where = f"deadlines.{name} ({variable('deadlines')}__{name.upper()})"
            raise _wrong(f"{where} is no term.{suggestion(name, known)}")
    try:
        return DeadlinePolicy.named(settings.deadlines)
    except ValueError as fault:
        raise _wrong(f"deadlines are wrong: {fault}.") from None


def border(settings: Settings) -> Border:
    """Return the provincial border that distances are measured to; none where the settings name no file.

    Raises:
        SettingError: the file cannot be read, or is no GeoJSON with lines.

    """
    if settings.border_file is None:
        return Border()
    try:
        return Border.from_file(settings.border_file)
    except (OSError, ValueError) as fault:
        raise _wrong(f"border_file ({variable('border_file')}) is wrong: {fault}.") from None


def ground(settings: Settings, border: Border) -> Ground:
    """Return what lies under the console's map.

    Raises:
        SettingError: the file of outlines cannot be read, or is no GeoJSON.

    """
    tiles = Tiles(settings.map_tiles, settings.map_tiles_credit) if settings.map_tiles else None
    try:
        return Ground.read(settings.map_file, border, tiles)
    except (OSError, ValueError) as fault:
        raise _wrong(f"map_file ({variable('map_file')}) is wrong: {fault}.") from None


def working_calendar(settings: Settings) -> WorkingCalendar:
    """Return the official calendar, with the table of the settings laid over it where one is given.

    Raises:
        SettingError: the table cannot be read.

    """
    if settings.calendar_file is None:
        return WorkingCalendar()
    try:
        return WorkingCalendar(read_table(settings.calendar_file.read_text("utf-8")))
    except (OSError, ValueError) as fault:
        raise _wrong(
            f"calendar_file {settings.calendar_file} ({variable('calendar_file')}) is wrong: {fault}."
        ) from None


def _wrong(text: str) -> SettingError:
    return SettingError(text, f"配置有误：{text}")
