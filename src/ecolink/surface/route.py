"""Routes that are looked into when somebody first asks for them.

A node has some five hundred addresses, and most of them nobody asks for between two starts. What FastAPI finds out
about one (its parameters, its body, who may call it) costs about a millisecond and thirty kilobytes; `include_router`
finds it out a second time for the longer address, with the first request of all.
"""

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import compile_path


class LateRoute(APIRoute):
    """FastAPI's route, which until it is asked for knows its address and no more. Use it as a router's `route_class`.

    What is wrong with an endpoint's parameters shows with the first call, or with the OpenAPI document.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: set[str] | list[str] | None = None,
        **options: Any,  # noqa: ANN401 - FastAPI's own
    ) -> None:
        """Note everything, and look into what a request is matched by."""
        self.endpoint = endpoint
        asked_by = {method.upper() for method in methods or ["GET"]}
        self.methods = asked_by
        self.name = options.get("name") or endpoint.__name__
        self.include_in_schema = options.get("include_in_schema", True)
        self._options = {**options, "methods": asked_by}
        self._place(path)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute that looking into the route brings
        """Look into the route, as something was asked for that is not known yet."""
        options = self.__dict__.pop("_options", None)
        if options is None:
            raise AttributeError(name)
        self.look_into(self.path, self.endpoint, **options)
        return getattr(self, name)

    def look_into(self, path: str, endpoint: Callable[..., Any], *, methods: set[str], **options: Any) -> None:  # noqa: ANN401
        """Find out all there is to know about the route."""
        super().__init__(path, endpoint, methods=methods, **options)

    def under(self, prefix: str) -> "LateRoute":
        """Return the same route at a longer address."""
        route = copy(self)
        route._place(prefix + self.path)  # noqa: SLF001 - of the same class
        return route

    def _place(self, path: str) -> None:
        self.path = path
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)


def add_routes(to: FastAPI | APIRouter, routers: Iterable[APIRouter], prefix: str = "") -> None:
    """Serve the routes of `routers` under `prefix`, without looking into them; all must be `LateRoute`s.

    Unlike with `include_router` the routers themselves must add nothing to their routes afterwards.
    """
    own = to.router if isinstance(to, FastAPI) else to
    for router in routers:
        for route in router.routes:
            own.routes.append(_late(route).under(prefix))


def _late(route: object) -> LateRoute:
    if not isinstance(route, LateRoute):
        msg = f"{route} is no LateRoute: give its router that route_class"
        raise TypeError(msg)
    return route
