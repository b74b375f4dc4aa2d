"""There is exactly one text for each string of bytes."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.protocol import base64url
from ecolink.protocol.refusal import Refused

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TEXTS = st.lists(st.sampled_from(ALPHABET) | st.sampled_from(b"+/= \n."), max_size=12).map(bytes)


@given(st.binary(max_size=200))
def test_bytes_come_back_as_they_left(data):
    text = base64url.encode(data)
    assert text == urlsafe_b64encode(data).rstrip(b"=")
    assert base64url.decode(text) == data


@given(TEXTS)
def test_a_text_is_read_if_and_only_if_its_bytes_are_written_so(text):
    try:
        data = base64url.decode(text)
    except Refused:
        # The library reads much of this; but writing what it read gives another text.
        assert set(text) - set(ALPHABET) or len(text) % 4 == 1 or rewritten(text) != text
    else:
        assert base64url.encode(data) == text


def rewritten(text):
    return urlsafe_b64encode(urlsafe_b64decode(text + b"==")).rstrip(b"=")


@pytest.mark.parametrize(
    "text",
    [
        b"QQ==",
        b"QQ=",
        b"QQ\n",
        b" QQ",
        b"Q Q",
        b"QR",
        b"QUF",
        b"A",
        b"AAAAA",
        b"+w",
        b"/w",
        b"Q.",
        b"QQ\0",
        b"=",
        b"\xff\xff",
        # Of a length that fits, also without what a lenient reader passes over.
        b"QUJD====",
        b"QUJD\n\n\n\n",
        b"QU\n \nJD ",
        b"++//QUJD",
        b"QUJD....QUJD",
    ],
)
def test_padding_blanks_spare_bits_and_other_alphabets_are_refused(text):
    with pytest.raises(Refused, match="bad-base64"):
        base64url.decode(text)


def test_every_last_character_with_spare_bits_is_refused():
    for length, spare in ((2, 4), (3, 2)):
        accepted = [last for last in ALPHABET if reads(b"A" * (length - 1) + bytes([last]))]
        assert len(accepted) == 64 >> spare


def reads(text):
    try:
        base64url.decode(text)
    except Refused:
        return False
    return True
