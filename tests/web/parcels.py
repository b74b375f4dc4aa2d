"""A small room for tests of what every room stands on: a list of timber parcels."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import text

from ecolink.errors import IllegalMoveError
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.storage.engine import Database
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.unit import DatabaseDep, NowDep, RecordingSessionDep, SessionDep, TransactionalRoute
from ecolink.surface.versions import check_version

Reader = Annotated[Principal, requires(Permission.LEAD_READ)]
Writer = Annotated[Principal, requires(Permission.LEAD_DRAFT)]

TABLES = (
    "CREATE TABLE yards (name VARCHAR(64) PRIMARY KEY)",
    # Checked when the transaction commits, and no sooner: a commit that fails.
    (
        "CREATE TABLE parcels (name VARCHAR(64) PRIMARY KEY,"
        " yard VARCHAR(64) REFERENCES yards (name) DEFERRABLE INITIALLY DEFERRED)"
    ),
)


class ParcelIn(BaseModel):
    name: str = Field(min_length=1, max_length=64)
    yard: str | None = None


class ParcelOut(BaseModel):
    name: str
    count: int


def lay_out(database: Database) -> None:
    with database.begin() as session:
        for table in TABLES:
            session.execute(text(table))


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(text("SELECT name FROM parcels ORDER BY name")))


def router() -> APIRouter:  # noqa: C901 - one endpoint after the other
    api = APIRouter(prefix="/parcels", route_class=TransactionalRoute)
    done: list[str] = []

    def keep(session, parcel: ParcelIn) -> None:
        session.execute(text("INSERT INTO parcels VALUES (:name, :yard)"), parcel.model_dump())
        done.append(parcel.name)

    @api.post("", status_code=201)
    def add(body: ParcelIn, session: SessionDep, now: NowDep, response: Response, by: Writer) -> ParcelOut:
        keep(session, body)
        response.headers["ETag"] = etag(len(done))
        return ParcelOut(name=body.name, count=len(done))

    @api.post("/wrongly")
    def add_wrongly(body: ParcelIn, session: SessionDep, by: Writer) -> ParcelOut:
        keep(session, body)
        return {"name": body.name}  # no count: the answer cannot be written

    @api.post("/and-fail")
    def add_and_fail(body: ParcelIn, session: SessionDep, by: Writer) -> ParcelOut:
        keep(session, body)
        raise IllegalMoveError("The yard is closed.", "货场已关闭。", pointer="/yard")

    @api.post("/and-crash")
    def add_and_crash(body: ParcelIn, session: SessionDep, by: Writer) -> ParcelOut:
        keep(session, body)
        raise RuntimeError("the identity number is 330329199001010000")

    @api.get("")
    def look(session: SessionDep, by: Reader) -> list[str]:
        return list(session.scalars(text("SELECT name FROM parcels ORDER BY name")))

    @api.get("/count-and-drop")
    def look_and_write(session: SessionDep, by: Reader) -> int:
        session.execute(text("INSERT INTO parcels VALUES ('written by a look', NULL)"))
        return 1

    @api.get("/signed")
    def look_and_sign(session: RecordingSessionDep, by: Reader) -> int:
        session.execute(text("INSERT INTO parcels VALUES (:name, NULL)"), {"name": by.username})
        return 1

    @api.post("/stream")
    def stream(database: DatabaseDep, by: Writer) -> str:
        with database.begin() as session:
            session.execute(text("INSERT INTO parcels VALUES ('streamed', NULL)"))
        return "done"

    @api.put("/{name}")
    def change(name: str, version: IfMatch, session: SessionDep, by: Writer) -> str:
        check_version(version, 3)
        return name

    return api
