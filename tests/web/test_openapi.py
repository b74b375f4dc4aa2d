"""The description of the two APIs is whole, true, and the one that is committed."""

import re

import jsonschema_rs
import pytest

from ecolink.web import openapi
from ecolink.web.openapi_document import MISSING, Document, example_contents, operations
from tests.support.apis import FEDERATION, LOCAL

APPS = {"local": LOCAL, "federation": FEDERATION}
OPERATIONS = [
    pytest.param(name, operation, app.openapi(), id=f"{name} {name_of}")
    for name, app in APPS.items()
    for name_of, operation in ((f"{method} {path}", operation) for method, path, operation in operations(app.openapi()))
]


def test_what_is_committed_is_what_the_code_serves():
    stale = [path.name for path, served in openapi.contracts().items() if path.read_text(encoding="utf-8") != served]

    assert stale == [], "run python -m ecolink.web.openapi"


@pytest.mark.parametrize(("name", "operation", "document"), OPERATIONS)
def test_every_operation_says_what_it_is_for(name: str, operation: Document, document: Document):
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", operation["operationId"])
    assert len(operation["summary"]) > 3
    assert len(operation.get("description", "")) > 10, "give the endpoint a docstring"
    assert set(operation["tags"]) <= {tag["name"] for tag in document["tags"]}, "describe the tag"


@pytest.mark.parametrize(("name", "operation", "document"), OPERATIONS)
def test_every_operation_shows_examples_that_fit_its_schemas(name: str, operation: Document, document: Document):
    for place, media_type, content in example_contents(operation):
        examples = [example["value"] for example in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples, f"{place}: no example for {content.get(MISSING, '/')}"
        if media_type != "application/octet-stream":
            schema = {**content["schema"], "components": document["components"]}
            for example in examples:
                jsonschema_rs.validate(schema, example)


@pytest.mark.parametrize("name", APPS)
def test_operation_ids_are_used_once(name):
    ids = [operation["operationId"] for _, _, operation in operations(APPS[name].openapi())]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("name", "operation", "document"), OPERATIONS)
def test_every_operation_tells_how_it_refuses(name: str, operation: Document, document: Document):
    refusals = [status for status in operation["responses"] if status[0] in "45"]

    assert refusals
    for status in refusals:
        content = operation["responses"][status].get("content", {})
        assert "#/components/schemas/HTTPValidationError" not in str(content)
    if name == "local" and operation.get("security"):
        assert {"401", "403", "4XX", "5XX"} <= set(refusals)


def test_nothing_the_documents_name_is_missing():
    for app in APPS.values():
        text = openapi.print_yaml(app)
        named = set(re.findall(r"#/components/schemas/([A-Za-z0-9_]+)", text))
        assert named <= set(app.openapi()["components"]["schemas"])
