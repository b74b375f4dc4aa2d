"""What a person is told where something went wrong: in plain words what happened, and what to do now.

The problem is the API's. Of the commonest ones the page says more than the API can: it knows whether an address was
opened or a form was sent. What only an administrator makes use of is folded away.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import orjson
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from ecolink.console.language import mark as _
from ecolink.console.page import Page, page_of
from ecolink.console.recognition import SAFE_METHODS
from ecolink.surface.problems import HTTP_PROBLEMS, PROBLEMS, Kind

_ONCE_MORE_S: Final = 10
"""How long a page that could not be shown for now waits until it asks for itself again."""


class Mishap(NamedTuple):
    """What a page says of a problem."""

    title: str
    advice: str
    folds: bool = True
    """Whether what the problem itself says is of use to an administrator alone."""


_MISHAPS: Final[Mapping[str, Mishap]] = MappingProxyType(
    {
        "not-found": Mishap(
            _("Not found"), _("The address is wrong, or what was there is gone or not yours to see. Use the menu.")
        ),
        "forbidden": Mishap(
            _("Your role does not allow this"),
            _("If your work needs it, ask the administrator for the role it takes."),
        ),
        "foreign-request": Mishap(
            _("This page is out of date"),
            _("To be safe, nothing was done. Go back, load the page again, and do it once more."),
        ),
        "method-not-allowed": Mishap(_("This address cannot be opened by itself"), _("Use the menu.")),
        "malformed": Mishap(_("The request cannot be read"), _("Nothing was done. Go back and try again.")),
        "too-large": Mishap(
            _("Too large: nothing was saved"), _("Shorten the text, or bring the files in one by one.")
        ),
        "too-slow": Mishap(_("Too slow: nothing was saved"), _("It took too long to arrive. Go back and try again.")),
        "internal": Mishap(
            _("This node has a fault"),
            _("What you did was not saved. Try again later; if it stays so, tell the administrator the number below."),
        ),
    }
)
_WRONG_ADDRESS: Final = Mishap(
    _("The link is not right"), _("Part of the address means nothing here; it may be incomplete. Use the menu.")
)
_WRONG_FORM: Final = Mishap(
    _("Not sent: something is missing or wrong"),
    _("Go back with your browser: what you typed is still there. Put it right and send it again."),
    folds=False,
)
_KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {title: kind for kind in (*PROBLEMS.values(), *(row[1] for row in HTTP_PROBLEMS.values())) for title in kind[1:]}
)


def show_problem(request: Request, problem: JSONResponse) -> Response:
    """Return a problem document as a page."""
    page, told = page_of(request), orjson.loads(problem.body)
    if problem.status_code >= 500:  # noqa: PLR2004
        page = replace(page, by=None)  # what stands around the page of somebody who is known asks the database
    kind = _KINDS[told["title"]]
    retries = problem.status_code == 503 and request.method in SAFE_METHODS  # noqa: PLR2004
    mishap = _mishap(request, told) or Mishap(page.either(kind.title_zh, kind.title_en), "", folds=False)
    answer = page.show(
        "parts/problem.html",
        status=problem.status_code,
        title=page.text(mishap.title),
        advice=page.text(mishap.advice) if mishap.advice else "",
        folds=mishap.folds,
        problem=told,
        code=_code(told),
        back=_came_from(page),
        wait_s=_wait(problem),
        retries=retries,
    )
    if retry_after := problem.headers.get("retry-after"):
        answer.headers["Retry-After"] = retry_after
    if retries:
        answer.headers["Refresh"] = str(_ONCE_MORE_S)
    return answer


def _mishap(request: Request, told: Mapping[str, Any]) -> Mishap | None:
    """Return what a page says of a problem; None where the problem speaks for itself."""
    if told["status"] != 422:  # noqa: PLR2004
        return _MISHAPS.get(_code(told))
    return _WRONG_ADDRESS if request.method in SAFE_METHODS else _WRONG_FORM


def _code(told: Mapping[str, Any]) -> str:
    return str(told["type"]).rsplit("/", 1)[-1]


def _wait(problem: JSONResponse) -> int:
    """Return how many seconds somebody waits who did something too often; 0 for everything else."""
    return int(problem.headers.get("retry-after", 0)) if problem.status_code == 429 else 0  # noqa: PLR2004


def _came_from(page: Page) -> str:
    """Return the page of ours that led here; empty where none did, or it is this one."""
    path = page.came_from
    return "" if urlsplit(path).path == page.request.url.path else path
