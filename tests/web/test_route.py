"""Routes are looked into once, when they are first asked for, at the address they stand at in the end."""

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.dependencies import utils
from starlette.testclient import TestClient

from ecolink.surface.route import LateRoute, add_routes


def hut() -> APIRouter:
    api = APIRouter(prefix="/hut", route_class=LateRoute)

    @api.get("/{name}", operation_id="get_hut")
    def get_hut(name: str, height: int = 0) -> dict[str, int]:
        return {name: height}

    @api.put("/{name}")
    def paint_hut(name: str) -> str:
        return name

    return api


@pytest.fixture
def looked_into(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    analyse = utils.get_typed_signature
    monkeypatch.setattr(utils, "get_typed_signature", lambda call: seen.append(call.__name__) or analyse(call))
    return seen


def test_an_address_is_looked_into_with_its_first_call_and_no_other_is(looked_into: list[str]):
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    add_routes(app, [hut()], prefix="/api/v1")
    client = TestClient(app)

    assert looked_into == []
    assert client.get("/api/v1/hut/ridge?height=1420").json() == {"ridge": 1420}
    assert client.get("/api/v1/hut/ridge?height=high").status_code == 422
    assert looked_into == ["get_hut"]


def test_an_address_asked_in_a_way_it_does_not_answer_or_without_its_prefix_is_refused(looked_into: list[str]):
    app = FastAPI()
    add_routes(app, [hut()], prefix="/api/v1")
    client = TestClient(app)

    assert client.delete("/api/v1/hut/ridge").status_code == 405
    assert client.get("/hut/ridge").status_code == 404


def test_the_description_of_the_api_names_every_address_in_full():
    app = FastAPI()
    add_routes(app, [hut()], prefix="/api/v1")

    assert list(app.openapi()["paths"]["/api/v1/hut/{name}"]) == ["get", "put"]


def test_routers_of_the_frameworks_own_routes_are_not_taken():
    api = APIRouter()
    api.add_api_route("/hut", hut, response_model=None)

    with pytest.raises(TypeError, match="no LateRoute"):
        add_routes(FastAPI(), [api])
