"""Range and Content-Range are read as RFC 9110 section 14 has them, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.attachments.ranges import Beyond, Part, sent_part, wanted_part


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (None, None),
        ("", None),
        ("bytes=0-0", Part(0, 0, 10)),
        ("bytes=3-", Part(3, 9, 10)),
        ("bytes=3-5", Part(3, 5, 10)),
        ("bytes=3-99", Part(3, 9, 10)),
        ("bytes=-4", Part(6, 9, 10)),
        ("bytes=-99", Part(0, 9, 10)),
        ("bytes=-0", Beyond(10)),
        ("bytes=10-", Beyond(10)),
        ("bytes=10-20", Beyond(10)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=٣-٥", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_a_range_is_satisfied_refused_or_ignored(header: str | None, read: object) -> None:
    assert wanted_part(header, 10) == read


@given(st.text("bytes=-0123456789, ", max_size=30), st.integers(0, 1000))
def test_no_range_reaches_outside_the_file(header: str, total: int) -> None:
    read = wanted_part(header, total)

    if isinstance(read, Part):
        assert 0 <= read.first <= read.last < total


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("bytes 0-4/10", Part(0, 4, 10)),
        ("bytes */10", Beyond(10)),
        ("bytes 5-4/10", None),
        ("bytes 5-10/10", None),
        ("bytes 0-4/*", None),
        ("bytes=0-4/10", None),
        ("0-4/10", None),
        (None, None),
    ],
)
def test_a_content_range_is_read_or_refused(header: str | None, read: object) -> None:
    assert sent_part(header) == read


@given(st.integers(1, 10**9), st.data())
def test_what_we_write_as_content_range_is_what_is_read(total: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, total - 1))
    last = data.draw(st.integers(first, total - 1))

    assert sent_part(str(Part(first, last, total))) == Part(first, last, total)
    assert sent_part(str(Beyond(total))) == Beyond(total)
