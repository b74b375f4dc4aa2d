"""Codes of an authenticator app: the vectors of RFC 4226 and RFC 6238."""

from datetime import UTC, datetime, timedelta

import pytest

from ecolink.identity import totp
from tests.support.web import NOON

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("counter", "code"),
    list(
        enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])
    ),
)
def test_the_codes_of_rfc_4226(counter, code):
    assert totp.code_at(SECRET, counter) == code


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_of_rfc_6238(seconds, code):
    now = datetime.fromtimestamp(seconds, UTC)

    assert totp.find_step(SECRET, code, now, after=-1) == totp.step_at(now)


@pytest.mark.parametrize(("seconds", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_telephones_clock_may_be_off_by_one_step(seconds, good):
    code = totp.code_at(SECRET, totp.step_at(NOON + timedelta(seconds=seconds)))

    assert (totp.find_step(SECRET, code, NOON, after=-1) is not None) is good


def test_a_code_is_good_only_after_the_last_one_that_was_used():
    present = totp.step_at(NOON)
    code = totp.code_at(SECRET, present)

    assert totp.find_step(SECRET, code, NOON, after=present - 1) == present
    assert totp.find_step(SECRET, code, NOON, after=present) is None


@pytest.mark.parametrize(
    "nonsense", ["", "1", "abcdef", "１２３４５６", "1234567", "\ud800".encode("utf-8", "replace").decode()]
)
def test_what_is_no_code_is_not_right(nonsense):
    assert totp.find_step(SECRET, nonsense, NOON, after=-1) is None


def test_a_code_may_be_typed_as_the_app_shows_it():
    code = totp.code_at(SECRET, totp.step_at(NOON))

    assert totp.find_step(SECRET, f"{code[:3]} {code[3:]}", NOON, after=-1) is not None


def test_an_app_reads_who_the_code_is_for():
    address = totp.address_of(SECRET, issuer="寿宁县公安局", username="lin.xiaoman")

    assert address.startswith("otpauth://totp/%E5%AF%BF%E5%AE%81")
    assert ":lin.xiaoman?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&" in address
    assert totp.spell(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"


def test_secrets_are_long_and_never_the_same():
    assert len({totp.new_secret() for _ in range(100)}) == 100
    assert len(totp.new_secret()) == 20
