"""The register of what several bureaus sign: whatever crosses on the way, every party reads the same."""

from contextlib import suppress
from datetime import timedelta
from itertools import permutations

import pytest

from ecolink.cadence.cosigning import Cosigning
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.protocol.limits import CLOCK_SKEW
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, START

SECOND = timedelta(seconds=1)
DIGEST = "d" * 64
ALL = (SHOUNING, QINGYUAN, JINGNING)


def begun(session, digest=DIGEST):
    cosigning = Cosigning.begin(digest, SHOUNING, ALL, START)
    return register.begin(session, cosigning, kind="liaison", subject="t", thread="t")


@pytest.mark.parametrize(
    ("signed_at", "stands"),
    [((10, 20), True), ((10, 30), True), ((10, 40), False), ((40, 40), False)],
    ids=["both before", "one at the very moment", "one after", "both after"],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_withdrawal_counts_unless_all_had_signed_by_then_in_whatever_order_it_arrives(database, signed_at, stands):
    words = [
        lambda session, digest: register.sign(session, digest, QINGYUAN, START + signed_at[0] * SECOND),
        lambda session, digest: register.sign(session, digest, JINGNING, START + signed_at[1] * SECOND),
        lambda session, digest: register.withdraw(session, digest, SHOUNING, START + 30 * SECOND, "twice"),
    ]
    for number, order in enumerate(permutations(words)):
        digest = f"{number:064x}"
        with database.begin() as session:
            begun(session, digest)
        for word in order:
            with suppress(LookupError, ValueError), database.begin() as session:
                word(session, digest)
        with database.read() as session:
            row = session.get_one(CosignedDocument, digest)
            assert (row.withdrawn_at is None, row.completed_at is not None) == (stands, stands)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signature_from_a_clock_that_runs_behind_counts_from_when_the_document_was_written(database):
    with database.begin() as session:
        begun(session)
        assert register.sign(session, DIGEST, QINGYUAN, START - CLOCK_SKEW).signatures[QINGYUAN] == START
        with pytest.raises(ValueError, match="before it was written"):
            register.sign(session, DIGEST, JINGNING, START - CLOCK_SKEW - SECOND)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_only_the_author_takes_a_document_back_and_only_a_party_signs(database):
    with database.begin() as session:
        begun(session)
        with pytest.raises(ValueError, match="author"):
            register.withdraw(session, DIGEST, QINGYUAN, START, "not mine")
        with pytest.raises(ValueError, match="no party"):
            register.sign(session, DIGEST, "350925000000", START)
        with pytest.raises(LookupError):
            register.sign(session, "e" * 64, QINGYUAN, START)
