"""The baseline: the node one writes first. One statement a request, verified by a general library, one commit each.

It does less than ecolink (no strict reading, no receipt, no channel, no evidence log) and is here only to compare.
"""

import sys

import uvicorn
from fastapi import FastAPI, Request
from jose import jws
from sqlalchemy import LargeBinary, String, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.concurrency import run_in_threadpool


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "messages"

    jti: Mapped[str] = mapped_column(String(36), primary_key=True)
    token: Mapped[bytes] = mapped_column(LargeBinary)


def build(path: str, jwk: dict[str, str]) -> FastAPI:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def durable(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")

    Base.metadata.create_all(engine)
    app = FastAPI()

    @app.post("/messages")
    async def receive(request: Request) -> dict[str, str]:
        token = await request.body()
        return await run_in_threadpool(keep, token)

    def keep(token: bytes) -> dict[str, str]:
        import json

        said = json.loads(jws.verify(token.decode(), jwk, algorithms=["ES256"]))
        with Session(engine) as session:
            session.add(Message(jti=said["jti"], token=token))
            session.commit()
        return {"jti": said["jti"], "status": "stored"}

    return app


if __name__ == "__main__":
    import json

    uvicorn.run(build(sys.argv[1], json.loads(sys.argv[3])), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
