"""Reasons are public words: peers switch on them and people read their meaning."""

import re

import pytest

from ecolink.protocol.refusal import Reason, Refused


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_a_kebab_code_with_a_sentence_for_people(reason):
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", reason)
    assert len(reason) <= 64, "receipts carry it"
    assert re.fullmatch(r"[A-Z].+\.", reason.meaning)
    assert "\n" not in reason.meaning


def test_a_refusal_reads_as_its_code_and_what_is_wrong():
    refused = Refused(Reason.CLOCK_SKEW, "600 seconds")
    assert (refused.reason, refused.detail, str(refused)) == ("clock-skew", "600 seconds", "clock-skew: 600 seconds")
