"""A request token is good for one operation, its very parameters and body, for a minute."""

import json
from datetime import timedelta

import pytest

from ecolink.kit.ids import new_id
from ecolink.protocol import base64url, jws
from ecolink.protocol.limits import MAX_REQUEST_BYTES
from ecolink.protocol.refusal import Refused
from ecolink.protocol.request import TYP, open_request, params_hash, seal_request
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING, keyring

FIND = keyring()
JTI = new_id(NOW)
CALL = {"op": "batches.pull", "params": {"lane": "case", "epoch": 1, "after": 41}, "body": b""}


def request(**changes):
    said = {"iss": SHOUNING.code, "aud": QINGYUAN.code, "now": NOW, "key": SHOUNING.key(), "jti": JTI}
    return seal_request(**(said | CALL | changes))


def opened(token, **changes):
    return open_request(token, **({"find_key": FIND, "us": QINGYUAN.code, "now": NOW} | CALL | changes))


def reason(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def resigned(**changes):
    said = json.loads(base64url.decode(request().split(b".")[1])) | changes
    return jws.sign(TYP, {name: value for name, value in said.items() if value is not None}, SHOUNING.key())


def test_a_call_is_known_by_its_token():
    read = opened(request())
    assert (read.iss, read.jti, read.iat, read.exp) == (SHOUNING.code, JTI, NOW, NOW + timedelta(seconds=60))
    assert read.key.kid == SHOUNING.key().kid


@pytest.mark.parametrize(
    "changes",
    [
        {"op": "batches.push"},
        {"params": {"lane": "case", "epoch": 1, "after": 42}},
        {"params": {"lane": "case", "epoch": 1}},
        {"params": {"lane": "case", "epoch": "1", "after": 41}},
        {"params": {"lane": "case", "epoch": 1, "after": 41, "limit": 1}},
        {"body": b"x"},
    ],
)
def test_a_token_for_another_call_is_refused(changes):
    assert reason(opened, request(), **changes) == "request-mismatch"


def test_the_order_of_parameters_says_nothing():
    assert opened(request(), params={"after": 41, "epoch": 1, "lane": "case"})


def test_operation_parameters_and_body_cannot_be_shifted_into_each_other():
    assert params_hash("a", {"b": "c"}, b"") != params_hash("a", {}, b"c")
    assert params_hash("a", {"b": 1}, b"") != params_hash("a", {"b": "1"}, b"")


def test_a_token_for_another_bureau_is_refused():
    assert reason(opened, request(), us=JINGNING.code) == "wrong-audience"


def test_a_token_without_audience_is_refused():
    assert reason(opened, resigned(aud=None)) == "wrong-audience"
    assert reason(opened, resigned(aud=[QINGYUAN.code])) == "wrong-audience"


def test_a_token_under_a_key_revoked_meanwhile_is_refused():
    find = keyring(SHOUNING.pinned(revoked_at=NOW - timedelta(seconds=1)))
    assert reason(opened, request(), find_key=find) == "key-revoked"


def test_a_clock_five_minutes_off_is_tolerated_either_way():
    assert opened(request(), now=NOW - timedelta(seconds=300))
    assert opened(request(), now=NOW + timedelta(seconds=359))


def test_a_clock_ten_minutes_off_is_refused_with_the_skew_named():
    with pytest.raises(Refused, match="clock-skew: the caller's clock is 600 seconds ahead of ours"):
        opened(request(), now=NOW - timedelta(seconds=600))
    with pytest.raises(Refused, match="clock-skew: the caller's clock is 600 seconds behind ours"):
        opened(request(), now=NOW + timedelta(seconds=600))


def test_the_first_second_beyond_the_tolerance_is_refused():
    assert reason(opened, request(), now=NOW - timedelta(seconds=301)) == "clock-skew"
    assert reason(opened, request(), now=NOW + timedelta(seconds=360)) == "clock-skew"


@pytest.mark.parametrize("lifetime", [61, 3600, 0, -1])
def test_a_token_that_lives_longer_than_a_minute_or_not_at_all_is_refused(lifetime):
    iat = int(NOW.timestamp())
    assert reason(opened, resigned(exp=iat + lifetime)) == "request-lifetime"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"iat": None}, "missing-claim"),
        ({"exp": None}, "missing-claim"),
        ({"exp": "soon"}, "invalid-claim"),
        ({"exp": 2**53 - 1}, "invalid-claim"),
        ({"iat": 1.5}, "invalid-claim"),
        ({"jti": None}, "missing-claim"),
        ({"jti": "7"}, "invalid-claim"),
        ({"op": None}, "request-mismatch"),
        ({"ph": None}, "request-mismatch"),
        ({"ph": "0" * 64}, "request-mismatch"),
    ],
)
def test_a_token_with_a_member_wrong_is_refused(changes, expected):
    assert reason(opened, resigned(**changes)) == expected


def test_a_token_is_small_enough_for_a_header():
    assert len(request()) < 1_000
    assert reason(opened, b"x" * (MAX_REQUEST_BYTES + 1)) == "too-large"
