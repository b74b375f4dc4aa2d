import asyncio

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ecolink.entrypoints.reception import ON_THE_DOORSTEP, Reception


class House:
    """An application that is built slowly enough for several callers to come meanwhile."""

    def __init__(self) -> None:
        self.built = 0
        doorstep = answering("doorstep", *ON_THE_DOORSTEP)
        self.reception = Reception(doorstep, self.build)

    def build(self) -> Starlette:
        self.built += 1
        return answering("inside", "/api/v1/leads")

    async def ask(self, *paths: str) -> list[str]:
        transport = httpx.ASGITransport(self.reception)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return [answer.text for answer in await asyncio.gather(*(client.get(path) for path in paths))]


def answering(word: str, *paths: str) -> Starlette:
    async def say(_: Request) -> PlainTextResponse:
        return PlainTextResponse(word)

    return Starlette(routes=[Route(path, say) for path in paths])


def test_who_asks_how_the_node_is_does_not_have_the_rest_put_together() -> None:
    house = House()
    assert asyncio.run(house.ask(*ON_THE_DOORSTEP)) == ["doorstep"] * 3
    assert house.built == 0


def test_the_first_who_come_in_together_find_one_house() -> None:
    house = House()
    assert asyncio.run(house.ask(*["/api/v1/leads"] * 5, "/livez")) == ["inside"] * 5 + ["doorstep"]
    assert house.built == 1


def test_what_cannot_be_put_together_is_tried_again_with_the_next() -> None:
    house = House()
    build, house.reception._build = house.reception._build, lambda: 1 / 0

    async def twice() -> list[str]:
        transport = httpx.ASGITransport(house.reception, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            failed = await client.get("/api/v1/leads")
            house.reception._build = build
            return [str(failed.status_code), (await client.get("/api/v1/leads")).text]

    assert asyncio.run(twice()) == ["500", "inside"]
