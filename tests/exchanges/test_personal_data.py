import pytest

from ecolink.errors import InvalidError
from ecolink.exchanges.personal_data import mask_name, mask_number, masked, refuse_in_text, texts_in


@pytest.mark.parametrize(("name", "shown"), [("林大山", "林某"), ("欧阳远", "欧阳某"), ("林", "林某")])
def test_a_name_is_shown_as_police_papers_do(name, shown):
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("331126199001010018", "331*************18"),
        ("13800000034", "138******34"),
        ("1234567", "*******"),
        ("12", "**"),
    ],
)
def test_a_number_keeps_its_first_three_and_last_two_characters_unless_it_is_short(number, shown):
    assert mask_number(number) == shown


def test_a_member_this_version_does_not_know_is_not_shown():
    assert masked({"ref": "P1", "category": "suspect", "basis": "fact", "fingerprint": "secret"}) == {
        "ref": "P1",
        "category": "suspect",
        "basis": "fact",
    }


@pytest.mark.parametrize("text", ["身份证331126199001010018。", "33112619900101001x", "见林大山笔录"])
def test_text_that_names_a_person_is_refused(text):
    with pytest.raises(InvalidError):
        refuse_in_text([("/facts", text)], ["林大山"])


@pytest.mark.parametrize("text", ["案件A3509240000002026110001", "6.2立方米", "电话0593-0000011", "P1有嫌疑"])
def test_text_that_names_nobody_is_let_through(text):
    refuse_in_text([("/facts", text)], ["林大山", "林"])


def test_every_text_of_a_document_is_found_with_its_pointer():
    told = dict(texts_in({"a": "x", "b": [{"c/d": "y"}, 3, None], "e~f": "z"}))
    assert told == {"/a": "x", "/b/0/c~1d": "y", "/e~0f": "z"}
