"""An access token is good only as we made it, for us, now."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from jose import jwt

from ecolink.errors import UnauthenticatedError
from ecolink.identity.tokens import Claims, Tokens
from ecolink.protocol.keys import SigningKey
from tests.support.web import NOON, SHOUNING

KEY = SigningKey.generate()
ACCOUNT, LOGIN, TOKEN = (f"01a20169-2e00-7000-8000-00000000000{n}" for n in range(3))
CLAIMS = Claims(ACCOUNT, LOGIN, TOKEN, NOON + timedelta(minutes=15))


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(KEY, SHOUNING)


def said(**changes) -> dict:
    seconds = int(NOON.timestamp())
    claims = {
        "iss": SHOUNING, "aud": f"{SHOUNING}/api/v1", "sub": ACCOUNT, "sid": LOGIN, "jti": TOKEN,
        "iat": seconds, "exp": seconds + 900,
    } | changes  # fmt: skip
    return {name: value for name, value in claims.items() if value is not ...}


def forge(claims: dict, key: SigningKey = KEY, **header) -> str:
    """Sign `claims` by hand, so that no library's good manners stand in the way."""
    parts = [{"alg": "ES256", "typ": "JWT", "kid": KEY.kid} | header, claims]
    signed = ".".join(text(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{text(key.sign(signed.encode()))}"


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_token_says_what_it_was_made_to_say(tokens: Tokens):
    assert tokens.read(tokens.issue(CLAIMS, NOON), NOON) == CLAIMS
    assert tokens.read(forge(said()), NOON) == CLAIMS, "the forger's tool makes good tokens, so its bad ones count"


def test_a_token_is_signed_under_es256_and_names_its_key(tokens: Tokens):
    header = jwt.get_unverified_header(tokens.issue(CLAIMS, NOON))

    assert header == {"alg": "ES256", "typ": "JWT", "kid": KEY.kid}


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ...},
        {"aud": "331126000000/api/v1"},
        {"aud": [f"{SHOUNING}/api/v1"]},
        {"iss": ...},
        {"iss": "331126000000"},
        {"sub": ...},
        {"sub": 7},
        {"sid": ...},
        {"jti": ...},
        {"exp": ...},
        {"iat": ...},
        {"exp": "1795320900"},
        {"exp": 1795320900.5},
        {"exp": True},
        {"iat": int(NOON.timestamp()) + 1},
        {"exp": int(NOON.timestamp()) + 901},
        {"iat": int(NOON.timestamp()) - 60},  # sixteen minutes to live
        {"exp": int(NOON.timestamp())},
    ],
    ids=str,
)
def test_a_claim_that_is_absent_or_wrong_makes_a_token_bad(tokens: Tokens, changes):
    with pytest.raises(UnauthenticatedError):
        tokens.read(forge(said(**changes)), NOON)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "ES384"},
        {"typ": "at+jwt"},
        {"kid": "another"},
        {"crit": ["b64"], "b64": False},
        {"jwk": KEY.jwk()},
        {"jku": "https://elsewhere.example/keys"},
    ],
    ids=["none", "hs256", "es384", "typ", "kid", "crit", "jwk", "jku"],
)
def test_a_header_that_is_not_ours_makes_a_token_bad(tokens: Tokens, header):
    with pytest.raises(UnauthenticatedError):
        tokens.read(forge(said(), **header), NOON)


def test_a_token_of_another_key_is_bad(tokens: Tokens):
    stranger = SigningKey.generate()
    for token in (forge(said(), stranger), Tokens(stranger, SHOUNING).issue(CLAIMS, NOON)):
        with pytest.raises(UnauthenticatedError):
            tokens.read(token, NOON)


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_bad(tokens: Tokens):
    header, claims = ({"alg": "HS256", "typ": "JWT", "kid": KEY.kid}, said())
    confused = jwt.encode(claims, json.dumps(KEY.jwk()), algorithm="HS256", headers=header)

    with pytest.raises(UnauthenticatedError):
        tokens.read(confused, NOON)


@pytest.mark.parametrize("change", [0, 5, -1, -10])
def test_a_changed_byte_makes_a_token_bad(tokens: Tokens, change):
    token = tokens.issue(CLAIMS, NOON)
    place = change % len(token) if change >= 0 else len(token) + change
    other = "A" if token[place] != "A" else "Q"

    with pytest.raises(UnauthenticatedError):
        tokens.read(token[:place] + other + token[place + 1 :], NOON)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "e30.e30.e30", "x" * 5000, "bnVsbA.bnVsbA.bnVsbA"])
def test_what_is_no_token_is_bad(tokens: Tokens, token):
    with pytest.raises(UnauthenticatedError):
        tokens.read(token, NOON)


def test_no_token_lives_longer_than_a_quarter_of_an_hour():
    with pytest.raises(ValueError, match="at most"):
        Tokens(KEY, SHOUNING, life=timedelta(minutes=16))


def test_the_time_is_the_one_handed_in(tokens: Tokens):
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    claims = Claims(ACCOUNT, LOGIN, TOKEN, long_ago + timedelta(minutes=15))

    assert tokens.read(tokens.issue(claims, long_ago), long_ago) == claims
