"""Subjects of an agreement as their parties signed them: documents alone, no node."""

from datetime import datetime, timedelta

from ecolink.cadence.agreements import Agreement, Proposal
from ecolink.cadence.cosigning import Cosigning
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1, TermsV1
from tests.support.town import QINGYUAN, SHOUNING


def proposed(
    subject: TermsV1 | EndingV1 | CalendarV1, at: datetime, parties: frozenset[str] = frozenset({SHOUNING, QINGYUAN})
) -> Proposal:
    """Return a subject that its first party proposed at `at`, and nobody else signed."""
    return Proposal(subject, Cosigning.begin(subject.digest(), min(parties), parties, at))


def signed(
    subject: TermsV1 | EndingV1 | CalendarV1,
    completed_at: datetime,
    parties: frozenset[str] = frozenset({SHOUNING, QINGYUAN}),
) -> Proposal:
    """Return a subject that was proposed a day before `completed_at`, when the last party signed it."""
    proposal = proposed(subject, completed_at - timedelta(days=1), parties)
    cosigning = proposal.cosigning
    for party in sorted(parties):
        cosigning = cosigning.sign(party, completed_at)
    return Proposal(subject, cosigning)


def in_force(*proposals: Proposal) -> Agreement:
    """Return the agreement they make."""
    agreement = Agreement.read(proposals)
    assert agreement is not None
    return agreement
