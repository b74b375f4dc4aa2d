"""Every text has its Chinese, and the catalogues are those of the texts."""

import sys

import pytest

from ecolink.console import catalogues
from ecolink.console.language import Language, translate
from ecolink.identity.roles import Role
from tests.support.console import Reception


def test_every_text_of_the_console_is_translated_and_the_catalogues_are_in_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["catalogues", "--check"])

    assert catalogues.main() == 0, capsys.readouterr().err


def test_chinese_comes_from_the_catalogue_and_english_is_the_text_itself():
    assert translate(Language.CHINESE, "Acknowledge") == "签收"
    assert translate(Language.ENGLISH, "Acknowledge") == "Acknowledge"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_page_that_is_none_says_so_in_the_persons_language(reception: Reception):
    visitor = reception.signed_in(Role.OFFICER)
    assert "未找到" in visitor.get("/leads/none").text

    visitor.client.cookies.set("ecolink-language", "en")
    page = visitor.get("/leads/none").text
    assert ("Not found" in page, "未找到" in page) == (True, False)
