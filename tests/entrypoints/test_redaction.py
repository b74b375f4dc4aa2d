"""Whatever door personal data or a secret comes in by, the log does not show it."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import structlog
from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.testclient import TestClient

from ecolink.entrypoints.logs import set_up_logs
from ecolink.entrypoints.redaction import PERSONAL, SECRET, redact_text
from ecolink.federation.tally import RefusalTally
from ecolink.surface.unit import SessionDep, TransactionalRoute
from tests.support.web import Desk

NUMBER = "110101199003070011"
"""A number of nobody's, whose check digit fits."""
SLIP = "350924198602180019"
"""Written down wrongly: the day of birth is one, the check digit does not fit."""
PHONE = "13800138000"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJsaW4ifQ.c2lnbmF0dXJl"
PASSWORD = "fir-and-tea"
SECRETS = (NUMBER, PHONE, TOKEN, PASSWORD)
SENTENCE = f"嫌疑人林某，身份证{NUMBER}，手机{PHONE}；Authorization: Bearer {TOKEN}; password={PASSWORD}"


@pytest.fixture(params=["text", "json"])
def log(request, monkeypatch) -> Callable[[], str]:
    """Set up the log as a node does; return what it wrote."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logs("info", request.param)
    return written.getvalue


def nothing_leaks(text: str) -> bool:
    return bool(text) and not [secret for secret in SECRETS if secret in text]


def test_an_event_and_its_members(log):
    structlog.get_logger("test").warning(SENTENCE, why=SENTENCE, parts=[SENTENCE, {"deep": SENTENCE}], n=int(PHONE))
    assert nothing_leaks(log())
    assert "嫌疑人" in log()


def test_why_strangers_were_refused_is_told_also_where_it_was_for_their_token(log):
    RefusalTally().note("bad-token", datetime(2026, 11, 23, tzinfo=UTC))
    assert "bad-token" in log()
    assert SECRET not in log()


def test_a_member_named_for_what_it_holds_is_not_shown_whatever_it_is(log):
    named = {
        "password": PASSWORD, "key_passphrase": PASSWORD, "accessToken": TOKEN, "Authorization": "Basic x",
        "id_number": "no number at all", "duty_phone": "0593-5550110", "private": {"name": "林某"}, "姓名": "林某",
    }  # fmt: skip
    structlog.get_logger("test").info("given", **named, said=named)
    assert nothing_leaks(log())
    assert not [value for value in ("Basic x", "no number at all", "5550110", "林某") if value in log()]


def test_the_text_of_an_exception_and_of_what_caused_it(log):
    def stumble() -> None:
        try:
            int(SENTENCE)
        except ValueError as cause:
            raise RuntimeError(f"worse: {SENTENCE}") from cause

    try:
        stumble()
    except RuntimeError:
        structlog.get_logger("test").exception("applying.failed")
    assert nothing_leaks(log())
    assert "ValueError" in log()
    assert "RuntimeError" in log()


def test_what_a_library_says_through_the_standard_logging(log):
    logging.getLogger("uvicorn.error").error("Invalid request %s from %s", SENTENCE, {"phone": PHONE})
    try:
        int(SENTENCE)
    except ValueError:
        logging.getLogger("asyncio").exception("Exception in callback %r", SENTENCE)
    assert nothing_leaks(log())
    assert "uvicorn.error" in log()
    assert "asyncio" in log()


def test_what_a_validation_says_of_the_value_it_refuses(log):
    class Person(BaseModel):
        age: int

    suspect = "林某某"
    try:
        Person.model_validate({"age": suspect})
    except ValidationError:
        structlog.get_logger("test").exception("not valid")
    assert suspect not in log()
    assert "int_parsing" in log()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_request_that_fails_with_personal_data_in_its_address_and_its_error(log, database):
    api = APIRouter(route_class=TransactionalRoute)

    @api.get("/stumble/{what}")
    def stumble(session: SessionDep, what: str) -> int:
        raise ZeroDivisionError(SENTENCE)

    with Desk.open(database, [api]) as desk:
        client = TestClient(desk.app, raise_server_exceptions=False)
        answer = client.get(f"/api/v1/stumble/{NUMBER}?token={PASSWORD}", headers={"X-Request-ID": "request-of-lin"})
    assert answer.status_code == 500
    assert nothing_leaks(log())
    assert "request-of-lin" in log()
    assert nothing_leaks(answer.text)


def test_json_lines_are_json_whatever_was_logged(log, request):
    structlog.get_logger("test").info(
        "odd", thing=object(), raw=b"\xff", when=asyncio.Event, nested={1: {2, 3}}, none=None
    )
    if request.node.callspec.params["log"] == "json":
        assert json.loads(log())["nested"] == {"1": [2, 3]}
    assert "odd" in log()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (NUMBER, PERSONAL),
        (f"证件{SLIP}。", f"证件{PERSONAL}。"),
        ("350924198602310021", "350924198602310021"),  # neither a check digit nor a day of birth
        (f"+86 {PHONE}", PERSONAL),
        ("138-0013-8000", PERSONAL),
        ("postgresql://ecolink:moss@db/ecolink", f"postgresql://ecolink:{SECRET}@db/ecolink"),
        ('{"password": "a b"}', f'{{"password": {SECRET}}}'),
        (f"Bearer {TOKEN}", f"Bearer {SECRET}"),
        (TOKEN, SECRET),
        (f"/a/{'A' * 43}", f"/a/{SECRET}"),
        (f"/api/v1/alert-links/{'A' * 43}/acknowledge", f"/api/v1/alert-links/{SECRET}/acknowledge"),
        (f"/api/v1/feeds/{'A' * 43}.ics", f"/api/v1/feeds/{SECRET}.ics"),
    ],
)
def test_what_is_blotted_out(said: str, shown: str):
    assert redact_text(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "350924000000",  # a bureau
        "019a0f5e-7c00-7abc-8def-0123456789ab",
        "01a205ea-be80-76ab-b8cd-16722252742c",  # eleven digits that begin like a telephone's
        f"{PHONE}ab" + "0" * 51,  # and a digest's
        "2026-11-22T04:00:00.000000Z",
        "1795327974660",  # a moment in milliseconds
        "123456789012345678",  # 18 digits that are no citizen's
        "delivery.retry peer=331126000000 lane=case",
        "12119",
    ],
)
def test_what_is_left_as_it_is(said: str):
    assert redact_text(said) == said
