"""What is typed becomes the members of the API's own models, and what is wrong is told by the same pointers."""

from contextlib import suppress

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.datastructures import FormData

from ecolink.console.form import Form
from ecolink.errors import EcolinkError, InvalidError


class Wind(BaseModel):
    force: int


class Report(BaseModel):
    title: str
    wind: Wind | None = None
    topics: list[str] = []


def form(*fields: tuple[str, str]) -> Form:
    return Form(FormData(list(fields)))


def test_names_are_pointers_and_what_is_empty_is_left_out():
    typed = form(("/title", " 火情 "), ("/wind/force", "4"), ("/wind/direction", ""), ("csrf", "x"), ("version", "3"))

    assert typed.members() == {"title": "火情", "wind": {"force": "4"}}
    assert typed.read(Report).wind == Wind(force=4)
    assert typed.version == 3


def test_a_name_says_how_it_is_to_be_read():
    typed = form(
        ("/at@china", "2026-11-22T09:30"),
        ("/topics@lines", "one\r\n\r\n two "),
        ("/to@list", "331126000000"),
        ("/to@list", "331127000000"),
        ("/worth@number", "5"),
        ("/area@number", "0.8"),
        ("/many@number", "a few"),
        ("/sure@yes", "on"),
        ("/place@json", '{"type":"Point","coordinates":[119.2,27.4]}'),
    )

    assert typed.members() == {
        "at": "2026-11-22T09:30:00+08:00",
        "topics": ["one", "two"],
        "to": ["331126000000", "331127000000"],
        "worth": 5,
        "area": 0.8,
        "many": "a few",
        "sure": True,
        "place": {"type": "Point", "coordinates": [119.2, 27.4]},
    }


def test_rows_that_were_taken_out_leave_no_hole():
    typed = form(("/persons/0/name", "A"), ("/persons/10/name", "C"), ("/persons/2/name", "B"))

    assert typed.members() == {"persons": [{"name": "A"}, {"name": "B"}, {"name": "C"}]}


def test_what_is_wrong_is_told_with_its_pointer():
    with pytest.raises(RequestValidationError) as refused:
        form(("/wind/force", "strong")).read(Report)

    assert sorted(fault["loc"] for fault in refused.value.errors()) == [("body", "title"), ("body", "wind", "force")]


@pytest.mark.parametrize(
    "field", [("/title", "a\0b"), ("/a\0", "x"), ("/place@json", "{"), ("/" + "/".join("abcdefghijk"), "deep")]
)
def test_what_no_page_of_ours_sends_is_refused(field: tuple[str, str]):
    with pytest.raises(InvalidError):
        form(field).members()


def test_a_member_is_not_text_and_object_at_once():
    for fields in ([("/a", "x"), ("/a/b", "y")], [("/a/b", "y"), ("/a", "x")]):
        with pytest.raises(InvalidError):
            form(*fields).members()


names = st.text(alphabet="/ab01@~", max_size=12) | st.sampled_from(
    ["/a@json", "/a@china", "/a/0/b", "/a@lines", "/a@number", "/a@yes"]
)


@given(st.lists(st.tuples(names, st.text(max_size=20)), max_size=8))
def test_whatever_is_sent_is_read_or_refused_in_words(fields: list[tuple[str, str]]):
    with suppress(EcolinkError):
        form(*fields).members()
