"""Whatever a file is called, it is shown and saved harmlessly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.attachments.names import MAX_BYTES, clean_media_type, content_disposition, shown_name


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ("户籍证明.pdf", "户籍证明.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\x.txt", "x.txt"),
        ("C:\\photos\\fir.jpg", "fir.jpg"),
        ("fir\0.jpg", "fir.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("\u2066a\u2069\u200fb.txt", "ab.txt"),
        ("a\r\nSet-Cookie: x=1.txt", "a Set-Cookie_ x=1.txt"),
        ("line\u2028break.txt", "line break.txt"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("LPT9", "_LPT9"),
        ("console.txt", "console.txt"),
        ('a<b>"c|d?e*f:g', "a_b__c_d_e_f_g"),
        ("report.pdf. . .", "report.pdf"),
        (".htaccess", "htaccess"),
        ("...", "attachment"),
        ("   ", "attachment"),
        ("/", "attachment"),
        ("\ud800.png", "png"),
        ("e\u0301.txt", "é.txt"),
    ],
)
def test_a_dangerous_name_is_shown_without_its_danger(named: str, shown: str) -> None:
    assert shown_name(named) == shown


def test_a_long_name_is_cut_before_its_extension() -> None:
    shown = shown_name("林" * 255 + ".jpeg")

    assert shown.endswith("林.jpeg")
    assert MAX_BYTES - 3 < len(shown.encode()) <= MAX_BYTES


@given(st.text(max_size=300))
def test_any_name_gives_one_short_visible_line_that_stays_as_it_is(name: str) -> None:
    shown = shown_name(name)

    assert shown == shown_name(shown)
    assert 0 < len(shown.encode()) <= MAX_BYTES
    assert shown.isprintable()
    assert not set('/\\<>:"|?*') & set(shown)


@given(st.text(max_size=300))
def test_any_name_gives_one_valid_header_field(name: str) -> None:
    field = content_disposition(name)

    assert field.isascii()
    assert field.isprintable()
    assert field.count('"') == 2


def test_a_chinese_name_is_saved_as_it_is() -> None:
    assert (
        content_disposition("杉木 1.jpg")
        == "attachment; filename=\"__ 1.jpg\"; filename*=UTF-8''%E6%9D%89%E6%9C%A8%201.jpg"
    )


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("image/jpeg", "image/jpeg"),
        ("Text/HTML; charset=utf-8", "text/html"),
        ("", "application/octet-stream"),
        ("text", "application/octet-stream"),
        ("text/html\r\nX: 1", "application/octet-stream"),
        ("图/片", "application/octet-stream"),
        ("a/" + "b" * 64, "application/octet-stream"),
    ],
)
def test_a_media_type_is_kept_only_if_it_looks_like_one(said: str, kept: str) -> None:
    assert clean_media_type(said) == kept
