"""Every POST of the local API takes an Idempotency-Key; which ones do more than take it is read from the routes."""

from fastapi.routing import APIRoute, iter_route_contexts

from ecolink.identity.roles import Role
from ecolink.surface.unit import KeyHeader
from ecolink.web.openapi_document import operations
from tests.support.apis import LOCAL
from tests.support.web import Desk

KEY = {"Idempotency-Key": "6b1f6f0e-2f4e-4f43-9d5c-27fd1a0f3f10"}

OF_THEIR_OWN = {
    "/api/v1/attachments": "streams, and remembers its answer by the file's digest (tests/exchanges/records)",
    "/api/v1/oauth/token": "a token is kept nowhere: asked again, a new one is given",
    "/api/v1/oauth/revoke": "revoking twice is revoking",
    "/api/v1/bulletins/{bulletin_id}/letter": "printed anew, and each print is recorded",
    "/api/v1/leads/{lead_id}/letter": "printed anew, and each print is recorded",
    "/api/v1/leads/{lead_id}/reply-letter": "printed anew, and each print is recorded",
}
"""The POSTs that the common unit of work does not answer, and what a repetition of each means."""


def posts() -> dict[str, APIRoute]:
    """Return every POST of the local API by its address."""
    return {
        str(context.path): context.original_route
        for context in iter_route_contexts(LOCAL.routes)
        if isinstance(context.original_route, APIRoute) and "POST" in (context.methods or ())
    }


def is_answered_once(route: APIRoute) -> bool:
    """Tell whether the unit of work looks for the key, and so gives the first answer again."""
    return any(header.name == "unit_key" for header in route.dependant.header_params)


def test_every_post_gives_its_first_answer_again_or_is_listed_with_the_reason():
    not_by_the_unit = {path for path, route in posts().items() if not is_answered_once(route)}

    assert len(posts()) > len(OF_THEIR_OWN)
    assert not_by_the_unit == set(OF_THEIR_OWN)


def test_every_post_says_in_the_contract_that_it_takes_a_key():
    said = {
        path: [parameter for parameter in operation.get("parameters", ()) if parameter["name"] == "Idempotency-Key"]
        for method, path, operation in operations(LOCAL.openapi())
        if method == "POST"
    }
    replaying = KeyHeader.__metadata__[0].description

    assert set(said) == set(posts())
    for path, parameters in said.items():
        (parameter,) = parameters
        is_without_effect = path.startswith("/api/v1/oauth/") or path.endswith("letter")
        assert ("without effect" in parameter["description"]) is is_without_effect, path
        assert (parameter["description"] == replaying) is not is_without_effect, path


def test_a_login_repeated_under_one_key_gives_two_tokens_and_keeps_neither(desk: Desk):
    desk.person("lin.xiaoman", Role.OFFICER)
    form = {"grant_type": "password", "username": "lin.xiaoman", "password": "walk the ridge at dawn"}

    first, second = (desk.client.post("/api/v1/oauth/token", data=form, headers=KEY) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["access_token"] != second.json()["access_token"]
    assert "Idempotency-Replayed" not in second.headers


def test_a_logout_repeated_under_one_key_is_a_logout(desk: Desk):
    headers = desk.as_role(Role.OFFICER)
    form = {"token": headers["Authorization"].removeprefix("Bearer ")}

    answers = [desk.client.post("/api/v1/oauth/revoke", data=form, headers=KEY).status_code for _ in range(2)]

    assert answers == [200, 200]
    assert desk.client.get("/api/v1/me", headers=headers).status_code == 401
