"""Whatever anybody sends to either API, the node answers it: no input makes a 500, and problems are told as such.

Calls are made up from the OpenAPI documents, well-formed and not, by every role, about matters that exist and that
do not. `ECOLINK_TEST_EXAMPLES` says how many per operation; set it high before a release.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from httpx2 import InvalidURL, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from ecolink.entrypoints.applications import federation_app
from ecolink.federation.operations import OPERATIONS
from ecolink.kit.ids import new_id
from ecolink.protocol.request import seal_request
from ecolink.web.openapi_document import Document, operations
from tests.contract.callers import House, settle_matters
from tests.support import apis
from tests.support.town import QINGYUAN, SHOUNING, Town

EXAMPLES = int(os.environ.get("ECOLINK_TEST_EXAMPLES", "4"))
LOCAL, FEDERATION = deepcopy(apis.LOCAL.openapi()), deepcopy(apis.FEDERATION.openapi())
MATTERS = {"leads", "bulletins", "emergencies", "tasks", "alliances"}
REST = {tag for _, _, operation in operations(LOCAL) for tag in operation["tags"]} - MATTERS
GROUPS = [  # what made-up calls ask of either database is alike; PostgreSQL refuses more of it
    pytest.param({"leads"}, "postgresql", id="leads"),
    pytest.param({"bulletins"}, "sqlite", id="bulletins"),
    pytest.param({"emergencies", "tasks", "alliances"}, "sqlite", id="emergencies"),
    pytest.param(REST, "postgresql", id="administration"),
]

boundedly = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

NOT_JSON = [
    b'{"a": ',
    b'{"a": NaN}',
    b'{"a": "\\ud800"}',
    b'{"a": "\\u0000"}',
    b'{"a": "\xff"}',
    b'{"a": 1, "a": 2}',
    b"[" * 100_000,
    b'{"a": ' + b"9" * 5_000 + b"}",
]


@pytest.fixture
def house(town: Town) -> Iterator[House]:
    house = House.of(town.nodes[SHOUNING], LOCAL)
    with house.client:
        yield house


def described(document: Document) -> list[APIOperation]:
    return [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]


def made_up(operation: APIOperation) -> st.SearchStrategy[Case]:
    """Return calls that fit the description and calls that do not; not every description can be missed."""
    fitting = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not (operation.body or operation.query or operation.headers or operation.path_parameters):
        return fitting
    return st.one_of(fitting, fitting, operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))


def written(case: Case) -> dict[str, Any]:
    """Return the call as an HTTP client takes it: bytes as they are, JSON with whatever it holds."""
    plain = case.as_transport_kwargs(base_url="http://testserver")
    headers = {
        name: str(value).encode("latin-1", "replace")
        for name, value in plain["headers"].items()
        if not name.startswith("X-Schemathesis")
    }
    call: dict[str, Any] = {"method": plain["method"], "url": plain["url"], "params": plain["params"]}
    if "json" in plain:
        call["content"] = json.dumps(plain["json"]).encode()
        headers["Content-Type"] = b"application/json"
    elif isinstance(plain.get("data"), dict):
        call["data"] = {
            str(name): str(value).encode(errors="replace").decode() for name, value in plain["data"].items()
        }
    elif plain.get("data") is not None:
        data = plain["data"]
        call["content"] = data if isinstance(data, bytes) else str(data).encode(errors="replace")
    return call | {"headers": headers}


def check(response: Response, call: dict[str, Any]) -> None:
    assert response.status_code < 500, f"{response.status_code} {response.text}\n{call}"
    if response.status_code >= 400 and response.content and "/oauth/" not in str(call["url"]):
        assert response.headers["Content-Type"] == "application/problem+json", response.text
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["type"].startswith("/problems/")


def check_answer(response: Response, operation: APIOperation, document: Document) -> None:
    """Refuse an answer that is not the one described."""
    told = document["paths"][operation.path][operation.method]["responses"].get(str(response.status_code), {})
    kind = response.headers.get("Content-Type", "").partition(";")[0]  # a report is also a table or a printed page
    schema = told.get("content", {}).get(kind, {}).get("schema") if kind == "application/json" else None
    if response.status_code < 300 and response.request.method != "HEAD":
        assert told, f"{response.status_code} is not described"
        if schema:
            jsonschema_rs.validate({**schema, "components": document["components"]}, response.json())


@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore:BBOX crossing")  # a warning of the GeoJSON library, at what it then accepts
@pytest.mark.parametrize(("group", "backend"), GROUPS, indirect=["backend"])
def test_the_local_api_answers_whatever_anybody_sends(town: Town, house: House, group: set[str]):
    ids = settle_matters(town, house)
    with capture_logs():
        for operation in described(LOCAL):
            if group & set(operation.definition.raw["tags"]):
                call_local(house, operation, ids)
    town.settle()


def call_local(house: House, operation: APIOperation, ids: dict[str, list[str]]) -> None:
    known = st.fixed_dictionaries({name: st.sampled_from(ids[name]) for name in ids if f"{{{name}}}" in operation.path})
    callers = st.sampled_from(["everything", "everything", "everything", *house.tokens])
    versions = st.sampled_from(['"1"', '"2"', '"3"', None])

    @boundedly
    @given(case=made_up(operation), named=st.one_of(known, known, st.just({})), who=callers, version=versions)
    def call(case: Case, named: dict[str, str], who: str, version: str | None) -> None:
        case.path_parameters = {**(case.path_parameters or {}), **named}
        wanted = written(case)
        wanted["headers"] |= house.headers(who)
        if version and "If-Match" in wanted["headers"]:
            wanted["headers"]["If-Match"] = version
        with suppress(InvalidURL):
            response = house.client.request(**wanted)
            check(response, wanted)
            check_answer(response, operation, LOCAL)

    with suppress(Unsatisfiable):
        call()


@pytest.mark.by_turns
def test_no_operation_takes_json_that_is_not_sound(town: Town, house: House):
    ids = settle_matters(town, house)
    for method, path, operation in operations(LOCAL):
        if "application/json" not in operation.get("requestBody", {}).get("content", {}):
            continue
        address = path
        for name, known in ids.items():
            address = address.replace(f"{{{name}}}", known[0])
        headers = house.headers("everything") | {"Content-Type": "application/json", "If-Match": '"1"'}
        for content in NOT_JSON:
            answer = house.client.request(method, address, content=content, headers=headers)
            assert answer.status_code == 400, f"{method} {path} {content[:40]!r}: {answer.status_code} {answer.text}"
            assert answer.json()["type"] == "/problems/malformed"


@pytest.mark.timeout(900)
def test_the_federation_api_answers_whatever_anybody_sends(town: Town):
    with TestClient(federation_app(town.nodes[SHOUNING])) as client, capture_logs():
        for operation in described(FEDERATION):
            call_federation(client, town, operation)


def call_federation(client: TestClient, town: Town, operation: APIOperation) -> None:
    @boundedly
    @given(case=made_up(operation), token=st.sampled_from(["good", "good", "good", "nonsense", "none"]))
    def call(case: Case, token: str) -> None:
        wanted = written(case)
        if token == "nonsense":
            wanted["headers"]["Authorization"] = b"Bearer e30.e30.e30"
        elif token == "good" and (signed := request_token(town, operation, case, wanted)):
            wanted["headers"]["Authorization"] = b"Bearer " + signed
        with suppress(InvalidURL):
            check(client.request(**wanted), wanted)

    with suppress(Unsatisfiable):
        call()


def request_token(town: Town, operation: APIOperation, case: Case, call: dict[str, Any]) -> bytes | None:
    """Return the token with which Qingyuan would make this very call."""
    for asked in OPERATIONS:
        if (asked.method, asked.path) == (operation.method.upper(), operation.path):
            given = {**(case.path_parameters or {}), **(case.query or {})}
            params = {name: str(value) for name, value in given.items() if value is not None}
            sent = {name.lower(): value.decode("latin-1") for name, value in call["headers"].items()}
            params |= {name: sent[field.lower()] for name, field in asked.headers.items() if field.lower() in sent}
            now = town.clock.now()
            with suppress(UnicodeEncodeError):
                return seal_request(
                    iss=QINGYUAN,
                    aud=SHOUNING,
                    op=asked.name,
                    params=params,
                    body=call.get("content", b""),
                    now=now,
                    key=town.nodes[QINGYUAN].signer.key,
                    jti=new_id(now),
                )
    return None
