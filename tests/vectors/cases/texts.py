"""Base64url and JSON: text that has one reading only."""

from ecolink.protocol import base64url
from ecolink.protocol.refusal import Reason
from tests.vectors.cases.common import Case, case


def base64url_cases() -> list[Case]:
    """Return texts and the bytes they stand for."""
    valid = [b"", b"\0", b"\0\0", b"\0\0\0", b"\xff\xfe\xfd\xfc", "林".encode()]
    wrong = {
        "padding": "QQ==",
        "half the padding": "QQ=",
        "a length that no bytes have": "QUFBA",
        "spare bits after one byte": "QR",
        "spare bits after two bytes": "QUF",
        "the other alphabet's +": "+w",
        "the other alphabet's /": "/w",
        "a blank": "Q Q",
        "a line break": "QQ\n",
        "U+0000": "QQ\0A",
        "full stop": "Q.",
    }
    return [
        *[
            case(f"bytes {data.hex() or 'none'}", {"bytes": data.hex()}, text=base64url.encode(data).decode())
            for data in valid
        ],
        *[case(name, Reason.BAD_BASE64, text=text) for name, text in wrong.items()],
    ]


def strict_json_cases() -> list[Case]:
    """Return bytes of JSON and the value they stand for."""
    valid: dict[str, tuple[bytes, object]] = {
        "white space around": (b" {} \n", {}),
        "the largest whole number": (b"9007199254740991", 2**53 - 1),
        "the smallest whole number": (b"-9007199254740991", 1 - 2**53),
        "an escaped pair of surrogates": (b'"\\ud83d\\udd25"', "\U0001f525"),
        "brackets inside text": (b'"' + b"[" * 40 + b'"', "[" * 40),
        "an escaped backslash before u0000": (b'"\\\\u0000"', "\\u0000"),
        "thirty-two levels": (b"[" * 32 + b"1" + b"]" * 32, _nested(32)),
        "the same name in two objects": (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    }
    wrong = {
        "a member twice": b'{"a":1,"a":1}',
        "a member twice, once escaped": b'{"a":1,"\\u0061":2}',
        "a member twice, deep inside": b'[{"b":{"a":1,"a":2}}]',
        "NaN": b"NaN",
        "Infinity": b'{"a":Infinity}',
        "-Infinity": b"[-Infinity]",
        "a number that overflows": b"1e999",
        "a lone high surrogate": b'"\\ud800"',
        "a lone low surrogate": b'"\\udc00"',
        "surrogates in the wrong order": b'"\\udc00\\ud800"',
        "a lone surrogate in a name": b'{"\\ud800":1}',
        "an encoded surrogate": b'"\xed\xa0\x80"',
        "U+0000 escaped": b'"\\u0000"',
        "U+0000 escaped in a name": b'{"\\u0000":1}',
        "U+0000 raw": b'"\0"',
        "a raw line break in text": b'"\n"',
        "2^53": b"9007199254740992",
        "-2^53": b"-9007199254740992",
        "5,000 digits": b"9" * 5000,
        "a byte order mark": b"\xef\xbb\xbf{}",
        "UTF-16": '{"a":1}'.encode("utf-16"),
        "Latin-1": b'"\xe9"',
        "an overlong encoding": b'"\xc0\x80"',
        "something behind": b"{} {}",
        "nothing": b"",
        "a trailing comma": b"[1,]",
        "a comment": b"/**/1",
        "single quotes": b"{'a':1}",
        "a leading zero": b"01",
        "a plus sign": b"+1",
        "thirty-three levels": b"[" * 33 + b"]" * 33,
        "2,000 brackets never closed": b"[" * 2000,
        "2,000 levels of objects": b'{"a":' * 2000 + b"1" + b"}" * 2000,
    }
    return [
        *[case(name, {"value": value}, raw=_text(raw)) for name, (raw, value) in valid.items()],
        *[case(name, Reason.BAD_JSON, raw=_text(raw)) for name, raw in wrong.items()],
    ]


def _nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def _text(raw: bytes) -> str:
    return base64url.encode(raw).decode()
