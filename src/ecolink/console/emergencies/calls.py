"""催办任务: whom to call because nothing was heard in time, and our own signatures and news that are due."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from ecolink.console.console import Console
from ecolink.console.emergencies import words
from ecolink.console.emergencies.pages import Reader
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.emergencies.filters import TaskFilters
from ecolink.exchanges.emergencies.models import CallTask
from ecolink.exchanges.emergencies.schemas import TaskDoneIn
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep

TaskId = Annotated[str, Path(max_length=36)]
Doer = Annotated[Principal, requires(Permission.TASK_DONE)]


def router(console: Console) -> APIRouter:
    """Return the list of calls to make, and how one is done."""
    pages = APIRouter(prefix="/emergencies/calls", route_class=PageRoute)
    room = console.rooms.emergencies

    @pages.get("")
    def list_calls(
        page: PageDep,
        session: SessionDep,
        paging: Paging,
        wanted: Annotated[TaskFilters, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Response:
        found = paging.read(
            session,
            wanted.select(),
            order=(CallTask.due_at, CallTask.id),
            shape=lambda row: row,
            descending=False,
        )
        tasks = room.views.tasks(session, found.items)
        return page.show("emergencies/calls.html", tasks=tasks, next=found.next, wanted=wanted, words=words)

    @pages.post("/{task_id}/done")
    def finish(task_id: TaskId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Doer) -> Response:
        task = room.tasks.finish(session, task_id, note=form.read(TaskDoneIn).note, by=by.name, now=now)
        return page.go(f"/emergencies/{task.emergency_id}", page.text("Noted as done."))

    return pages
