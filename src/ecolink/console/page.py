"""How a page answers: it shows a template, or goes on to another page with a word about what was done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ValidationError

from ecolink.console import rendering
from ecolink.console.language import Language, language_of, translate
from ecolink.console.navigation import subjects_for
from ecolink.console.recognition import cookie_named, is_secure, token_of
from ecolink.console.theme import theme_of
from ecolink.identity.principal import Principal
from ecolink.surface.door import moment_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Everything from this node, nothing in line, no frame around it."""

_HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
_SAID = "ecolink-said"
_LONGEST_SAID = 300

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Page:
    """The page that is being asked for, and who asks."""

    request: Request
    language: Language
    by: Principal | None
    """None where nobody is logged in yet."""
    now: datetime
    seen: Mapping[str, str]
    """The marks of the console's topics from before anything was read for this page."""

    def text(self, message: str, **values: object) -> str:
        """Return an English text in the person's language, with `{names}` filled in."""
        said = translate(self.language, message)
        return said.format(**values) if values else said

    def either(self, zh: str, en: str) -> str:
        """Return whichever of two texts is in the person's language."""
        return zh if self.language is Language.CHINESE else en

    def asked(self, model: type[ModelT]) -> ModelT:
        """Return what the page's address asks for after its `?`; what a filter left empty is left out.

        Raises:
            RequestValidationError: something of it cannot be asked for.

        """
        asked = {name: value for name, value in self.request.query_params.items() if value}
        try:
            return model.model_validate(asked)
        except ValidationError as wrong:
            faults = [{**fault, "loc": ("query", *fault["loc"])} for fault in wrong.errors(include_context=False)]
            raise RequestValidationError(faults) from wrong

    def show(self, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """Return the page that `template` makes of `context`."""
        said = unquote(self.request.cookies.get(cookie_named(self.request, _SAID), ""))[:_LONGEST_SAID]
        answer = HTMLResponse(rendering.render(template, self._around() | {"said": said} | context), status)
        answer.headers.update(_HEADERS)
        tiles = self.request.app.state.console.ground.tiles
        if tiles is not None:
            answer.headers["Content-Security-Policy"] = POLICY.replace("img-src", f"img-src {tiles.origin}")
        if said:
            answer.delete_cookie(cookie_named(self.request, _SAID), path="/", secure=is_secure(self.request))
        return answer

    def part(self, template: str, **context: object) -> HTMLResponse:
        """Return a piece of a page, for a page that asks for it."""
        answer = HTMLResponse(rendering.render(template, self._around() | context))
        answer.headers.update(_HEADERS)
        return answer

    def lay(self, template: str, **context: object) -> HTMLResponse:
        """Return what a form is answered with, shown this once: a piece for the page's script, else a whole page."""
        if self.is_from_script:
            return self.part(template, **context)
        return self.show("parts/alone.html", **{"piece": template, **context})  # type: ignore[arg-type]

    def go(self, path: str, said: str = "") -> Response:
        """Go on to the page at `path`, which shows what was `said` once."""
        answer: Response
        if self.is_from_script:
            answer = Response(status_code=200, headers={"HX-Redirect": path})
        else:
            answer = RedirectResponse(path, 303)
        if said:
            told = quote(said[:_LONGEST_SAID])
            named, secure = cookie_named(self.request, _SAID), is_secure(self.request)
            answer.set_cookie(named, told, max_age=30, path="/", secure=secure, httponly=True, samesite="strict")
        return answer

    @property
    def address(self) -> str:
        """The address of this page with its query, for a part of it that asks for itself anew."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    @property
    def came_from(self) -> str:
        """The address of the page of ours whose link, form or script asks for this one; empty where none does."""
        headers = self.request.headers
        before = urlsplit(headers.get("hx-current-url") or headers.get("referer", ""))
        if before.netloc != headers.get("host") or not before.path:
            return ""
        return own_path(f"{before.path}?{before.query}" if before.query else before.path)

    def without(self, *names: str) -> list[tuple[str, str]]:
        """Return the query of this address but for some parameters, for a link to another page of the same list."""
        return [(name, value) for name, value in self.request.query_params.multi_items() if name not in names]

    @property
    def is_from_script(self) -> bool:
        """Whether the page's script asks, which lays an answer into the page, rather than the browser itself."""
        return self.request.headers.get("hx-request") == "true"

    def _around(self) -> dict[str, Any]:
        """Return what stands around every page."""
        return {
            "page": self,
            "by": self.by,
            "language": self.language,
            "now": self.now,
            "path": self.request.url.path,
            "theme": theme_of(self.request),
            "csrf": token_of(self.request),
            "home": self.request.app.state.console.home,
            "subjects": subjects_for(self.by) if self.by else [],
            "live": self.request.app.state.console.live.shown_to(self) if self.by and self.by.is_ready else None,
        }


def page_of(request: Request) -> Page:
    """Return the page that `request` asks for."""
    state = request.state
    by, seen = getattr(state, "principal", None), getattr(state, "seen", {})
    return Page(request, language_of(request), by, moment_of(request), seen)


async def _page(request: Request) -> Page:
    return page_of(request)


PageDep = Annotated[Page, Depends(_page)]
"""The page that is asked for."""


def own_path(path: str) -> str:
    """Return `path` if it is one of this node; nobody is sent elsewhere from here."""
    parts = urlsplit(path)
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return path if is_ours and path.isprintable() else "/"
