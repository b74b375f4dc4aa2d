"""The quarterly exchange (季度通报交流): every party's package, read and fed back by the others, signed off by all.

One exchange is one thread, addressed to all parties of its obligation. Nobody opens it: its id follows from the
obligation's key and the parties (`exchanges/quarterly/rules.py`), so that packages which cross on the way meet in it.

A package is its author's statement; a later one of the same author that names it in `supersedes` corrects it. What all
sign off is the digest of the packages that stand, one of each party.
"""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, model_validator

from ecolink.kit import canonical
from ecolink.protocol.kinds.agreements import ObligationKey
from ecolink.protocol.kinds.common import (
    Code,
    Count,
    Day,
    Digest,
    Frozen,
    Id,
    Kind,
    Line,
    Moment,
    Note,
    Prose,
    UnitCode,
)
from ecolink.protocol.kinds.leads import SignedPrivateV1
from ecolink.protocol.limits import MAX_RECIPIENTS
from ecolink.protocol.statement import Lane

MAX_LINES = 40
"""Bulletins and requests one package lists by name; the statistics count all of them."""


class StatisticV1(Frozen):
    """How often something happened between the author and the other parties, in this period and in the one before.

    What the codes mean stands in docs/agreements.md; a code the reader does not know is shown as it is.
    """

    code: Code
    now: Count
    before: Count


class ToldBulletinV1(Frozen):
    """A bulletin the author told to every party."""

    thread: Id
    number: Line | None = None
    kind: Code
    title: Line
    told_on: Day


class OpenRequestV1(Frozen):
    """A case lead that is not finished. Listed between two bureaus only: a third has nothing to do with it."""

    thread: Id
    letter_number: Line
    kind: Code
    urgency: Code
    state: Code
    asked_by: UnitCode
    asked_on: Day
    answer_due: Moment | None = None


class PackageV1(Frozen):
    """What one party contributes. No personal data."""

    as_of: Moment
    """When the figures were taken; they count from the first day of the period until then, or until its last day."""
    nothing_to_report: bool = False
    """A nil package: figures and lists are empty, and it is said so."""
    number: Line | None = None
    """发文字号, where the bureau gives its letters numbers."""
    highlights: Prose | None = None
    """What the author's officers say of the period."""
    outlook: Prose | None = None
    """What they expect of the next one, and propose."""
    statistics: Annotated[tuple[StatisticV1, ...], Field(max_length=100)] = ()
    bulletins: Annotated[tuple[ToldBulletinV1, ...], Field(max_length=MAX_LINES)] = ()
    open_requests: Annotated[tuple[OpenRequestV1, ...], Field(max_length=MAX_LINES)] = ()

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.nothing_to_report and (self.highlights or self.bulletins or self.open_requests or self._counted):
            raise ValueError("where there is nothing to report, nothing is listed, counted or told")
        return self

    @property
    def _counted(self) -> bool:
        return any(statistic.now for statistic in self.statistics)


class ExchangeSubmittedV1(PackageV1):
    """A party's package, approved by a person and sent to all parties."""

    obligation: ObligationKey
    """What it is for; a package for a period that is over makes up for it."""
    supersedes: Digest | None = None
    """The author's own package that it takes the place of."""
    correction: Note | None = None
    """What was corrected, and why."""

    @model_validator(mode="after")
    def _say_why(self) -> Self:
        if (self.supersedes is None) is not (self.correction is None):
            raise ValueError("a package that takes the place of another says what was corrected, and only such a one")
        return self


class ExchangeReadV1(Frozen):
    """A person of the statement's `author_role` has read a party's package."""

    package: Digest


class ExchangeFeedbackV1(Frozen):
    """What a package was good for, from one who read it."""

    package: Digest
    usefulness: Annotated[int, Field(strict=True, ge=1, le=5)]
    remarks: Note | None = None
    correction_wanted: Note | None = None


class ExchangeSignedOffV1(Frozen):
    """A party signs the exchange as it stands: these packages, one of each party."""

    digest: Digest
    packages: Annotated[tuple[Digest, ...], Field(min_length=2, max_length=MAX_RECIPIENTS + 1)]

    @classmethod
    def over(cls, packages: Iterable[str]) -> Self:
        """Return the signature over these packages."""
        ordered = tuple(sorted(packages))
        return cls(digest=exchange_digest(ordered), packages=ordered)

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if list(self.packages) != sorted(set(self.packages)):
            raise ValueError("the packages are in order of their digests, and each stands once")
        if self.digest != exchange_digest(self.packages):
            raise ValueError("the digest is not that of these packages")
        return self


def exchange_digest(packages: Iterable[str]) -> str:
    """Return what every party signs: SHA-256 of the canonical form of the packages' digests in order."""
    return canonical.sha256_hex(canonical.dumps(sorted(packages)))


KINDS: tuple[Kind, ...] = (
    Kind(
        type="exchange.submitted.v1",
        body=ExchangeSubmittedV1,
        private=SignedPrivateV1,
        lane=Lane.BULK,
        many=True,
        approval=True,
    ),
    *(
        Kind(type=f"exchange.{name}.v1", body=body, private=SignedPrivateV1, lane=Lane.BULK, many=True)
        for name, body in (
            ("read", ExchangeReadV1),
            ("feedback", ExchangeFeedbackV1),
            ("signed_off", ExchangeSignedOffV1),
        )
    ),
)
