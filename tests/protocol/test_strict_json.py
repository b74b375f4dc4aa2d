"""A signed document has one reading, on every machine."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.kit.canonical import dumps
from ecolink.protocol import strict_json
from ecolink.protocol.refusal import Refused

MANY = 2_000_000

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def loads(raw, **limits):
    return strict_json.loads(raw, **({"max_bytes": MANY} | limits))


@given(VALUES)
def test_what_we_write_is_read_back(value):
    assert loads(dumps(value)) == value
    assert loads(json.dumps(value, indent=1).encode()) == value


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        (b'{"a":1,"a":1}', "twice"),
        (b'{"a":1,"\\u0061":2}', "twice"),
        (b'[{"b":{"a":1,"a":2}}]', "twice"),
        (b"NaN", "NaN"),
        (b'{"a":[Infinity]}', "Infinity"),
        (b"-Infinity", "Infinity"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\udc00\\ud800"', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'[{"a":["\\ud834"]}]', "surrogate"),
        (b'"\\u0000"', "U\\+0000"),
        (b'{"a\\u0000":1}', "U\\+0000"),
        (b'"\0"', "control character"),
        (b'"\n"', "control character"),
        (b"9007199254740992", "2\\^53"),
        (b"-9007199254740992", "2\\^53"),
        (b"9" * 5000, "2\\^53"),
        (b"-" + b"9" * 5000, "2\\^53"),
        (b"\xff", "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\xc0\x80"', "UTF-8"),
        (b"\xef\xbb\xbf{}", "Expecting value"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b"{} {}", "Extra data"),
        (b"{}\0", "Extra data"),
        (b"", "Expecting value"),
        (b"{'a':1}", "Expecting"),
        (b'{"a":1,}', "Expecting|trailing comma"),
        (b"01", "Extra data"),
        (b"+1", "Expecting"),
        (b"0x10", "Extra data"),
        (b"// x\n1", "Expecting"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
        (b"[" * 33 + b"]" * 33, "nested"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested"),
    ],
)
def test_ambiguous_or_hostile_json_is_refused_with_what_is_wrong(raw, wrong):
    with pytest.raises(Refused, match=wrong) as refused:
        loads(raw)
    assert refused.value.reason == "bad-json"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b" {} \n", {}),
        (b"9007199254740991", 2**53 - 1),
        (b"-9007199254740991", -(2**53) + 1),
        (b" 9007199254740991", 2**53 - 1),  # not as we write it: read the long way
        (b" -9007199254740991", -(2**53) + 1),
        (b'"\\ud83d\\udd25"', "🔥"),
        (b'"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["', "[" * 40),
        (b'"\\\\u0000 \\\\ud800"', "\\u0000 \\ud800"),
        (b"[" * 32 + b"]" * 32, eval("[" * 32 + "]" * 32)),  # noqa: S307 - 32 brackets
        (b"[[],[],[{}],[]]", [[], [], [{}], []]),
        ('"\ufeff"'.encode(), "\ufeff"),
    ],
)
def test_what_only_looks_hostile_is_read(raw, value):
    assert loads(raw) == value


def test_a_document_of_exactly_the_limit_is_read_and_one_byte_more_is_refused():
    assert loads(b'"abc"', max_bytes=5) == "abc"
    with pytest.raises(Refused) as refused:
        loads(b'"abcd"', max_bytes=5)
    assert refused.value.reason == "too-large"


def test_depth_counts_layers_not_brackets():
    assert loads(b"[[1],[2],[3]]", max_depth=2) == [[1], [2], [3]]
    assert loads(b"1", max_depth=1) == 1
    with pytest.raises(Refused, match="deeper than 1"):
        loads(b"[[]]", max_depth=1)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused_and_nothing_else(raw):
    try:
        value = loads(raw)
    except Refused:
        return
    assert loads(dumps(value)) == value


@given(VALUES, st.binary(max_size=3), st.integers(0, 400))
def test_the_quick_way_of_reading_says_what_the_long_way_says(value, patch, place):
    """What is in the canonical form is read by another library; it may never make a difference."""
    written = dumps(value)
    for raw in (written, written[:place] + patch + written[place + len(patch) :]):
        try:
            told = strict_json._read_otherwise(raw)
        except Refused:
            assert strict_json._read_canonical(raw) is strict_json._OTHERWISE
        else:
            assert json.dumps(loads(raw)) == json.dumps(told)


PIECES = [
    *[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\n",
        "null",
        "true",
        "NaN",
        "-Infinity",
        '""',
        '"a"',
        '"a":',
        '{"a":1,"a":1}',
    ],
    *["0", "-0", "-0.0", "1.0", "1e2", "1E2", "1e999", "5e-324", "1e16", "0.1", "01", "-", "1.", ".5", "1e+16"],
    *["9007199254740991", "9007199254740992", "-9007199254740993", "18446744073709551616", "9" * 400, "1" + "0" * 30],
    *[
        '"\\u0061":',
        '"\\ud800"',
        '"\\ud83d\\udd25"',
        '"\\u0000"',
        '"\0"',
        '"\x7f"',
        '"\u2028"',
        '"寿"',
        "\ufeff",
        '"\\/"',
    ],
    *["[" * 40, "]" * 40, "[[1]]", '{"b":[{}],"a":{}}'],
]


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_both_ways_of_reading_agree_on_everything_that_is_nearly_json(text):
    """What the quick way takes, the long way reads alike; and what is written again stays what it was."""
    raw = text.encode()
    try:
        told = strict_json._read_otherwise(raw)
    except Refused:
        assert strict_json._read_canonical(raw) is strict_json._OTHERWISE
        return
    quick = strict_json._read_canonical(raw)
    assert quick is strict_json._OTHERWISE or repr(quick) == repr(told)
    assert repr(strict_json._read_canonical(dumps(told))) == repr(told) or b"\\u" in dumps(told)


def test_what_nodes_write_is_read_the_quick_way():
    written = dumps({"b": ["寿宁", 1, 0.5, None, True, {}], "a": -(2**53) + 1})
    assert strict_json._read_canonical(written) == json.loads(written)
