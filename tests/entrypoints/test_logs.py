"""What goes wrong is told in the log without the values it went wrong with."""

import io
import logging
import sys

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from ecolink.entrypoints.logs import set_up_logs
from ecolink.storage.engine import Database

SECRET = "331126199001010018"
NAME = "林大山"
"""What no pattern would know for personal data."""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_local_variable(form, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logs("info", form)

    def stumble(identity_number: str) -> None:
        raise ZeroDivisionError(len(identity_number))

    try:
        stumble(SECRET)
    except ZeroDivisionError:
        structlog.get_logger("test").exception("applying.failed")
    assert "applying.failed" in written.getvalue()
    assert "ZeroDivisionError" in written.getvalue()
    assert SECRET not in written.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_writes_a_line_of_their_own_into_the_log(form, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logs("info", form)
    forged = "/api\r\n2026-11-22T04:00:00Z [info] all is well\x1b[2J\u2028"

    structlog.get_logger("test").warning("request failed", path=forged)
    logging.getLogger("a.library").warning("no such path %s", forged)

    assert written.getvalue().count("\n") == 2
    assert "\x1b[2J" not in written.getvalue()


BREAK = {
    "a key that is there already": (
        "INSERT INTO kept_answers (slot, fingerprint, expires_at) VALUES (:name, 'f', :now), (:name, 'f', :now)"
    ),
    "a row without something it needs": (
        "INSERT INTO kept_answers (slot, fingerprint, expires_at) VALUES (:name, NULL, :now)"
    ),
    "a row that breaks a rule": "INSERT INTO access_heads (id, n, digest) VALUES (2, 1, :name)",
    "a value that is nothing of the kind": "INSERT INTO access_heads (id, n, digest) VALUES (CAST(:name AS date), 1, '')",
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("statement", BREAK.values(), ids=BREAK)
def test_an_error_of_the_database_quotes_no_value_in_the_log(database: Database, form, statement, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logs("info", form)
    values = {"name": NAME, "now": "2026-11-22T00:00:00+00:00"}

    with pytest.raises(DBAPIError) as wrong, database.begin() as session:
        session.execute(text(statement), {key: values[key] for key in values if f":{key}" in statement})
    structlog.get_logger("test").error("applying.failed", exc_info=wrong.value, error=str(wrong.value.orig))
    logging.getLogger("a.library").error("failed: %s", wrong.value, exc_info=wrong.value)

    assert written.getvalue().count("applying.failed") == 1
    assert type(wrong.value.orig).__name__ in written.getvalue(), "what kind of error it was is told"
    assert NAME not in written.getvalue()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_error_of_postgresql_still_says_which_rule_was_broken(database: Database):
    with pytest.raises(IntegrityError) as wrong, database.begin() as session:
        session.execute(text(BREAK["a row that breaks a rule"]), {"name": NAME})

    assert "ck_access_heads" in str(wrong.value)
    assert str(wrong.value.orig).endswith("[23514]")
    assert NAME not in repr(wrong.value) + repr(wrong.value.orig)
