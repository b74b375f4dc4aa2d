"""The documentation page needs nothing from the internet, and says so to the browser."""

import re

import pytest

from tests.support.web import Desk

pytestmark = pytest.mark.by_turns


def test_the_page_loads_only_what_this_node_serves(desk: Desk):
    page = desk.client.get("/api/docs")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.status_code == 200
    assert len(named) == 5
    for address in named:
        assert address.startswith("/")
        assert desk.client.get(address).status_code == 200, address
    assert "<script>" not in page.text


def test_the_browser_is_told_to_ask_nobody_else(desk: Desk):
    policy = desk.client.get("/api/docs").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert "http" not in policy


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "docs.html", "LICENSE", "nothing"])
def test_no_other_file_is_served(desk: Desk, name):
    assert desk.client.get(f"/api/docs/{name}").status_code == 404


def test_the_description_it_shows_is_the_applications_own(desk: Desk):
    document = desk.client.get("/api/openapi.json").json()

    assert document["openapi"] == "3.1.0"
    assert "/api/v1/me" in document["paths"]
    assert "/api/docs" not in document["paths"]
    assert desk.client.get("/docs").status_code == desk.client.get("/openapi.json").status_code == 404


def test_beside_the_kept_files_stands_which_version_they_are_and_under_which_licence():
    from ecolink.web import docs

    assert "swagger-ui-dist 5." in docs._SWAGGER.with_name("README.md").read_text()
    assert "Apache License" in docs._SWAGGER.joinpath("LICENSE").read_text()
