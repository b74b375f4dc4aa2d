"""One endpoint, one transaction, committed before the answer leaves.

An endpoint is a plain function that asks for `SessionDep`. Its parameters, its body and its caller are
read and checked first, with no transaction open. Then one worker thread opens the transaction, runs the
endpoint, writes its answer to bytes and commits; only then does the answer go out. Any error, in the
endpoint, in its answer or in the commit, rolls everything back.

A GET reads (`Database.read`), every other method writes (`Database.begin`). A GET that must leave a
trace of who looked asks for `RecordingSessionDep` and may write. What streams, or waits for something
slow, asks for `DatabaseDep` and opens its own short transactions.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Header, Request, Response
from fastapi.dependencies.models import Dependant
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from ecolink.storage.engine import Database
from ecolink.surface import rates, replays
from ecolink.surface.auth import requirements_of
from ecolink.surface.bodies import StrictRequest, refuse_bad_address
from ecolink.surface.door import door_of, moment_of
from ecolink.surface.route import LateRoute

MAX_JSON_BYTES = 1024 * 1024
"""Largest request body, unless a route says otherwise with `max_body_size`."""

_PLACE = object()
"""Stands for the session until the unit opens it."""


async def _session() -> Any:  # noqa: ANN401 - a place, not yet a session
    return _PLACE


async def _recording_session() -> Any:  # noqa: ANN401
    return _PLACE


async def _now(request: Request) -> datetime:
    return moment_of(request)


async def _database(request: Request) -> Database:
    return door_of(request).database


SessionDep = Annotated[Session, Depends(_session)]
"""The session of the endpoint's unit of work. Only endpoints may ask for it, not their dependencies."""

RecordingSessionDep = Annotated[Session, Depends(_recording_session)]
"""The same, writable also in a GET: for reading that leaves a trace."""

NowDep = Annotated[datetime, Depends(_now)]
"""When the request came in; aware, UTC, the same wherever it is asked for."""

DatabaseDep = Annotated[Database, Depends(_database)]
"""The database, for endpoints that keep no transaction open while they stream or hash."""

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Repeat a call safely: with the same key and the same body the first answer is given again "
        "(`Idempotency-Replayed: true`) for 24 hours. Use a random one, such as a UUID.",
    ),
]


class TransactionalRoute(LateRoute):
    """A route whose endpoint is a unit of work. Use it as a router's `route_class`."""

    urgent: ClassVar[bool] = False
    """Whether its units write before others that wait to write."""

    def look_into(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: set[str],
        max_body_size: int | None = None,
        **options: Any,  # noqa: ANN401 - FastAPI's own
    ) -> None:
        """Wrap `endpoint` in a unit, if it asks for a session."""
        unit = _Unit.around(endpoint, methods)
        # Not the framework's own limit: that one answers in plain text, also to callers it does not know.
        self.most_bytes = MAX_JSON_BYTES if max_body_size is None else max_body_size
        super().look_into(path, unit.callable() if unit else endpoint, methods=methods, **options)
        if unit:
            unit.settle(self, urgent=self.urgent)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check the caller, then read the body strictly, then hand on to FastAPI."""
        answer: Callable[[Request], Awaitable[Response]] = super().get_route_handler()
        demands = requirements_of(self.dependant)
        _refuse_nested_sessions(self.dependant)

        async def handle(request: Request) -> Response:
            moment_of(request)
            for demand in demands:
                await demand.check(request)
            if not demands:
                rates.count_stranger(request)
            refuse_bad_address(request)
            strict = StrictRequest(request.scope, request.receive, self.most_bytes)
            if replays.HEADER in request.headers:
                request.state.fingerprint = replays.fingerprint(request, await strict.body())
            return await answer(strict)

        return handle


class UrgentRoute(TransactionalRoute):
    """The same for emergencies, which no other traffic may hold up."""

    urgent = True


@dataclass
class _Unit:
    """An endpoint together with what its unit of work needs to know."""

    endpoint: Callable[..., Any]
    signature: inspect.Signature
    sessions: Sequence[str]
    """The endpoint's parameters that take the session."""
    writes: bool
    repeatable: bool
    request: str
    response: str
    extra: Sequence[str] = field(default_factory=list)
    """Parameters added for the unit itself, unknown to the endpoint."""
    status: int = 200
    urgent: bool = False
    write_answer: Callable[[Any], bytes] | None = None

    @classmethod
    def around(cls, endpoint: Callable[..., Any], methods: set[str]) -> "_Unit | None":
        signature = inspect.signature(endpoint, eval_str=True)
        recording = _asking(signature, _recording_session)
        sessions = _asking(signature, _session) + recording
        if not sessions:
            return None
        if inspect.iscoroutinefunction(endpoint) or inspect.isgeneratorfunction(endpoint):
            msg = f"{endpoint.__qualname__} holds a session: it must be a plain function, which runs in a thread"
            raise TypeError(msg)
        unit = cls(
            endpoint,
            signature,
            sessions,
            writes=bool(recording) or not methods <= {"GET", "HEAD"},
            repeatable="POST" in methods,
            request=_taking(signature, Request),
            response=_taking(signature, Response),
        )
        unit.extra = [name for name in (unit.request, unit.response, "unit_key") if name not in signature.parameters]
        return unit

    def callable(self) -> Callable[..., Response]:
        """Return the function FastAPI is to call: the endpoint's parameters and those of the unit."""

        @functools.wraps(self.endpoint)
        def run(**values: Any) -> Response:  # noqa: ANN401
            return self.run(values)

        wanted: dict[str, Any] = {self.request: Request, self.response: Response}
        if self.repeatable:
            wanted["unit_key"] = KeyHeader
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=None if annotation is KeyHeader else inspect.Parameter.empty,
            )
            for name, annotation in wanted.items()
            if name in self.extra
        ]
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in self.signature.parameters.values()
        ]
        run.__signature__ = self.signature.replace(parameters=own + added)  # type: ignore[attr-defined]
        return run

    def settle(self, route: LateRoute, *, urgent: bool) -> None:
        """Learn from the finished route how its answers are written."""
        self.status, self.urgent = route.status_code or 200, urgent
        if route.response_model is None:
            return

        @functools.cache
        def adapter() -> TypeAdapter[Any]:
            """Build the writer of answers with the first one: that costs time and memory, and many are never asked."""
            return TypeAdapter(route.response_model)

        def write(result: object) -> bytes:
            shaped = adapter().validate_python(result, from_attributes=True)
            return adapter().dump_json(
                shaped,
                by_alias=route.response_model_by_alias,
                exclude_none=route.response_model_exclude_none,
                exclude_unset=route.response_model_exclude_unset,
            )

        self.write_answer = write

    def run(self, values: dict[str, Any]) -> Response:
        """Do the unit of work; called in a worker thread."""
        request, response = values[self.request], values[self.response]
        key: str | None = values.get("unit_key")
        for name in self.extra:
            values.pop(name, None)

        with self.open(door_of(request).database) as session:
            values.update(dict.fromkeys(self.sessions, session))
            work = functools.partial(self.work, values, response)
            return replays.answer_once(session, request, key, moment_of(request), work)

    def work(self, values: dict[str, Any], prepared: Response) -> Response:
        """Run the endpoint and write its answer."""
        return self.answer(self.endpoint(**values), prepared)

    def open(self, database: Database) -> AbstractContextManager[Session]:
        return database.begin(urgent=self.urgent) if self.writes else database.read()

    def answer(self, result: object, prepared: Response) -> Response:
        """Write `result` to bytes, with the headers and status the endpoint has set."""
        if isinstance(result, Response):
            answer = result
        elif self.write_answer is None:
            answer = Response(status_code=self.status)
        else:
            answer = Response(self.write_answer(result), self.status, media_type="application/json")
        if prepared.status_code is not None:
            answer.status_code = prepared.status_code
        answer.headers.raw.extend(prepared.headers.raw)
        return answer


def _asking(signature: inspect.Signature, dependency: Callable[..., Any]) -> list[str]:
    return [
        name
        for name, parameter in signature.parameters.items()
        if any(
            getattr(mark, "dependency", None) is dependency
            for mark in getattr(parameter.annotation, "__metadata__", ())
        )
    ]


def _taking(signature: inspect.Signature, kind: type) -> str:
    """Return the endpoint's parameter of `kind`, or the name of the one the unit adds: FastAPI fills only one."""
    for name, parameter in signature.parameters.items():
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, kind):
            return name
    return f"unit_{kind.__name__.lower()}"


def _refuse_nested_sessions(dependant: Dependant) -> None:
    for inner in dependant.dependencies:
        for nested in inner.dependencies:
            if nested.call in {_session, _recording_session}:
                msg = f"{inner.call} asks for a session, but only an endpoint can hold the unit's"
                raise TypeError(msg)
        _refuse_nested_sessions(inner)
