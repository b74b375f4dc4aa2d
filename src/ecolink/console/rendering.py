"""Turning templates into pages. Everything is escaped unless it is ours, and nothing that is missing passes unseen."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from ecolink import __version__
from ecolink.console.files import address_of
from ecolink.console.language import Language, translate
from ecolink.documents.lettering import visible
from ecolink.identity.roles import ROLE_NAMES_ZH, Permission, Role
from ecolink.kit.times import CHINA

TEMPLATES = Path(__file__).parent / "templates"
_LONG_CODE = re.compile(r"[0-9a-f][0-9a-f-]{30,}")
"""An id or a digest."""


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return what `template`, a path under `templates/`, makes of `context`."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(
        moment=moment,
        day=day,
        said=said,
        plain=plain,
        role_name=role_name,
        ending=ending,
        size=size,
        pointer=pointer,
        ago=ago,
        local_input=local_input,
        counted=counted,
    )
    environment.globals.update(Permission=Permission, software_version=__version__, static=address_of)
    return environment


@pass_context
def _gettext(context: Context, message: str) -> str:
    return translate(context["language"], message)


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    """Chinese has one form for any number; it stands under that of many."""
    if context["language"] is Language.ENGLISH:
        return one if count == 1 else many
    return translate(Language.CHINESE, many)


@pass_context
def said(context: Context, thing: object, member: str = "name") -> str:
    """Return `member` of a thing in the reader's language: `name_zh` or `name_en`, where there is one."""
    ours, other = ("zh", "en") if context["language"] is Language.CHINESE else ("en", "zh")
    for language in (ours, other):
        found = _member(thing, f"{member}_{language}")
        if found:
            return str(found)
    return str(_member(thing, member) or _member(thing, "unit_code") or "")


def _member(thing: object, name: str) -> object:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def moment(at: datetime | None) -> Markup:
    """Return a time as clocks in China show it; the whole of it on pointing, and for programs."""
    if at is None:
        return Markup('<span class="none">—</span>')
    there = at.astimezone(CHINA)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(), f"{there:%Y-%m-%d %H:%M:%S} (UTC+8)", f"{there:%Y-%m-%d %H:%M}"
    )


@pass_context
def ago(context: Context, at: datetime | None, counts: str = "since") -> Markup:
    """Return how long ago something was, or (`until`) how much time is left; the page's script keeps it true."""
    if at is None:
        return moment(None)
    return Markup('<time data-{}="{}" datetime="{}" title="{}">{}</time>').format(
        counts,
        round(at.timestamp()),
        at.isoformat(),
        f"{at.astimezone(CHINA):%Y-%m-%d %H:%M:%S} (UTC+8)",
        _span(abs(context["now"] - at), context["language"]),
    )


def _span(span: timedelta, language: Language) -> str:
    """Return a length of time in its two largest units, as `console.js` writes it too."""
    minutes = int(span.total_seconds()) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    zh, en = (("天", "小时", "分钟"), (" d", " h", " min"))
    units = zh if language is Language.CHINESE else en
    parts = [f"{count}{unit}" for count, unit in zip((days, hours, rest), units, strict=True) if count][:2]
    joint = "" if language is Language.CHINESE else " "
    return joint.join(parts) or f"0{units[2]}"


def day(value: date | None) -> str:
    """Return a day as forms write it; a moment's is the day it is in China."""
    if value is None:
        return "—"
    if isinstance(value, datetime):
        value = value.astimezone(CHINA).date()
    return value.isoformat()


def local_input(at: datetime | None) -> str:
    """Return a moment as a `datetime-local` input holds it, by clocks in China."""
    return f"{at.astimezone(CHINA):%Y-%m-%dT%H:%M}" if at else ""


def counted(name: str, counts: Mapping[str, int]) -> int:
    """Return how many of something the live counts tell of."""
    return counts.get(name, 0)


def plain(word: object) -> str:
    """Return a code such as `in_progress` as words."""
    return str(word).replace("_", " ").replace("-", " ").capitalize()


def ending(word: object) -> str:
    """Return the end of an id or a digest, which is enough to tell it from others; anything else as it is."""
    text = str(word)
    return f"…{text[-12:]}" if _LONG_CODE.fullmatch(text) else text


@pass_context
def role_name(context: Context, role: str) -> str:
    """Return a role as people say it."""
    return ROLE_NAMES_ZH[Role(role)] if context["language"] is Language.CHINESE else plain(role)


def size(count: int) -> str:
    """Return a number of bytes as people say it."""
    amount, unit = float(count), "B"
    for larger in ("KB", "MB", "GB"):
        if amount < 1024:  # noqa: PLR2004
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def pointer(*parts: object) -> str:
    """Return the JSON pointer through `parts`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever a template puts out
    """Let no character of a text act unseen. What is marked up already is ours."""
    if value is None:
        return Markup('<span class="none">—</span>')
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else escape(value)
