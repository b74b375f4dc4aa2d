"""Every text has its Chinese, and the catalogues are those of the texts."""

import sys

import pytest

from ecolink.console import catalogues
from ecolink.console.language import Language, translate


def test_every_text_of_the_console_is_translated_and_the_catalogues_are_in_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["catalogues", "--check"])

    assert catalogues.main() == 0, capsys.readouterr().err


def test_chinese_comes_from_the_catalogue_and_english_is_the_text_itself():
    assert translate(Language.CHINESE, "Acknowledge") == "签收"
    assert translate(Language.ENGLISH, "Acknowledge") == "Acknowledge"
