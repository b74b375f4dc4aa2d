"""`ecolink lead`, `ecolink bulletin`, `ecolink emergency`: what a person sends, finds and reads, through the local API.

Two persons stand behind most of what is sent: `send FILE` by the first drafts it and lays it before an approver;
`send ID` by the second approves and sends it.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.api import Api
from ecolink.entrypoints.cli.files import read_document
from ecolink.entrypoints.cli.person import logged_in
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_record, print_rows, say
from ecolink.errors import InvalidError
from ecolink.kit.ids import is_id

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Matter:
    """One kind of matter and how its API is laid out."""

    word: str
    path: str
    row: Callable[[Item], dict[str, Any]]
    submit: str | None
    """The step that lays a draft before an approver; None where the first POST already sends, or waits by itself."""
    approve: str
    """The step by which a second person sends it."""
    files: str | None
    """The member that lists uploaded files; None where there is none."""
    filters: str
    """What else the API's list can be narrowed by; `--only` takes any of it."""
    file: Callable[[str, str], dict[str, str]] = lambda digest, name: {"digest": digest, "name": name}
    """How that member names one, by its digest and its name."""
    drills: tuple[str, str] = ("exercise", "true")
    """The parameter by which the API lists drills instead of the real thing."""


def _lead(item: Item) -> dict[str, Any]:
    return {
        "id": item["id"],
        "direction": item["direction"],
        "peer": item["peer"]["name_zh"],
        "state": item["state"],
        "letter": item["letter_number"],
        "kind": item["kind"],
        "urgency": item["urgency"],
        "overdue": item["overdue"],
        "next_due": item["next_due_at"],
    }


def _bulletin(item: Item) -> dict[str, Any]:
    return {
        "id": item["id"],
        "direction": item["direction"],
        "author": item["author"]["name_zh"],
        "state": item["state"],
        "title": item["title"],
        "grading": item["grading"],
        "told_at": item["told_at"],
        "holders": item["holders"],
        "readers": item["readers"],
        "outstanding": item["outstanding"],
    }


def _emergency(item: Item) -> dict[str, Any]:
    return {
        "id": item["id"],
        "status": item["status"],
        "author": item["author"]["name_zh"],
        "state": item["state"],
        "title": item["display_title"],
        "colour": item["colour"],
        "grade": item["fire_grade"],
        "acknowledged": f"{item['acknowledged']}/{item['recipients']}",
        "open_tasks": item["open_tasks"],
        "raised_at": item["raised_at"],
    }


def _document(digest: str, name: str) -> dict[str, str]:
    return {"digest": digest, "kind": "other", "title": name}


LEAD = Matter(
    "lead",
    "/api/v1/leads",
    _lead,
    submit="submit",
    approve="send",
    files="documents",
    filters="urgency, peer, case_number, overdue, due_before, ours_to_do, awaiting_approval, sort",
    file=_document,
)
BULLETIN = Matter(
    "bulletin",
    "/api/v1/bulletins",
    _bulletin,
    submit="submit",
    approve="approve",
    files=None,
    filters="peer, charge, species, valid_at, unread, sort",
)
EMERGENCY = Matter(
    "emergency",
    "/api/v1/emergencies",
    _emergency,
    submit=None,
    approve="approve",
    files="attachments",
    filters="open, status, sort",
    drills=("status", "exercise"),
)


def build(matter: Matter) -> typer.Typer:
    """Return the commands of one kind of matter."""
    many = matter.path.rpartition("/")[2]
    group = typer.Typer(help=f"Send, list and show {many}, as yourself.", no_args_is_help=True)

    @group.command(
        help=f"Lay a new {matter.word} from a JSON file before an approver, or, given an id, approve and send it."
    )
    @logged_in
    def send(
        api: Api,
        what: Annotated[
            str, typer.Argument(metavar="FILE|ID", help="A JSON file (- is standard input), or an id to approve.")
        ],
        attach: Annotated[list[Path] | None, typer.Option(help="A file to upload and attach; repeatable.")] = None,
        confirm: Annotated[str | None, typer.Option(help="The title again, where approving asks for it.")] = None,
        as_json: AsJson = False,
    ) -> None:
        if is_id(what):
            told = _approve(api, matter, what, confirm)
        else:
            told = _draft(api, matter, read_document(Path(what)), attach or [])
        _tell(told, matter, as_json=as_json)

    @group.command("list", help=f"List the latest {many}, or those that agree with everything asked for.")
    @logged_in
    def list_(
        api: Api,
        words: Annotated[str | None, typer.Option("--q", help="Words to find.")] = None,
        state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
        kind: Annotated[str | None, typer.Option(help="Only those of this kind.")] = None,
        direction: Annotated[str | None, typer.Option(help="in: theirs; out: ours.")] = None,
        drills: Annotated[bool, typer.Option("--exercise", help="Drills, in place of the real thing.")] = False,
        only: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME=VALUE", help=f"Narrow it further; repeatable. Names: {matter.filters}."),
        ] = None,
        limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 50,
        as_json: AsJson = False,
    ) -> None:
        wanted = [("q", words), ("state", state), ("kind", kind), ("direction", direction), ("limit", str(limit))]
        wanted += [matter.drills] if drills else []
        wanted += [_filter(matter, text) for text in only or ()]
        items = api.get(matter.path, wanted).document["items"]
        print_rows(items if as_json else [matter.row(item) for item in items], as_json=as_json, empty="None found.")

    @group.command(help=f"Show one {matter.word}; persons are masked.")
    @logged_in
    def show(api: Api, matter_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
        print_record(api.get(f"{matter.path}/{matter_id}").document, as_json=as_json)

    return group


def _filter(matter: Matter, text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not value or name not in matter.filters.split(", "):
        raise InvalidError(
            f"--only takes NAME=VALUE, where NAME is one of: {matter.filters}.",
            f"--only 须写作 名称=值，名称为：{matter.filters}。",
        )
    return name, value


def _draft(api: Api, matter: Matter, document: Any, files: list[Path]) -> Item:  # noqa: ANN401 - JSON
    if files and matter.files is None:
        raise InvalidError(f"A {matter.word} carries no files.", "该类通报不能附带文件。")
    if files and matter.files is not None:
        attached = [matter.file(api.upload(file), file.name) for file in files]
        document = {**document, matter.files: [*document.get(matter.files, []), *attached]}
    begun = api.post(matter.path, document)
    if matter.submit is not None:
        begun = api.step(f"{matter.path}/{begun.document['id']}/{matter.submit}", begun)
    return dict(begun.document)


def _approve(api: Api, matter: Matter, matter_id: str, confirm: str | None) -> Item:
    read = api.get(f"{matter.path}/{matter_id}")
    if sys.stdin.isatty():
        print_record(read.document, as_json=False)
        typer.confirm("Approve this and send it?", abort=True)
    document = None if confirm is None else {"confirm": confirm}
    return dict(api.step(f"{matter.path}/{matter_id}/{matter.approve}", read, document).document)


def _tell(told: Item, matter: Matter, *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    say(f"{matter.word} {told['id']}: {str(told['state']).replace('_', ' ')}.")
    if told["state"] == "awaiting_approval":
        say(f"A second person sends it: ecolink {matter.word} send {told['id']}")


lead, bulletin, emergency = (build(matter) for matter in (LEAD, BULLETIN, EMERGENCY))
