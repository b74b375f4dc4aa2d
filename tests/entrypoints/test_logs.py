"""What goes wrong is told in the log without the values it went wrong with."""

import io
import logging
import sys

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ecolink.entrypoints.logs import set_up_logs
from ecolink.storage.engine import Database

SECRET = "331126199001010018"


@pytest.fixture(autouse=True)
def logs_as_before():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


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


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_error_of_the_database_quotes_no_value(database: Database):
    insert = text("INSERT INTO access_heads (id, n, digest) VALUES (2, 1, :digest)")
    with pytest.raises(IntegrityError) as wrong, database.begin() as session:
        session.execute(insert, {"digest": SECRET})
    assert SECRET not in str(wrong.value)
