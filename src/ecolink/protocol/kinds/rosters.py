"""An alliance's roster, frozen into a statement: whom the author counted as a member when it spoke.

An alliance is a list each bureau keeps for itself, so its name and version mean something only beside the
author's unit code. What crosses the border is the list itself, with a digest over it: years later anybody
can tell who was meant, whatever became of the list.
"""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, model_validator

from ecolink.kit import canonical
from ecolink.protocol.kinds.common import Digest, Frozen, Id, Name, UnitCode
from ecolink.protocol.limits import MAX_RECIPIENTS

MAX_MEMBERS = MAX_RECIPIENTS + 1
"""Bureaus one roster may name: the author, and as many others as one statement may be addressed to."""


class RosterV1(Frozen):
    """One version of an alliance's member list, as its author keeps it. The author is a member too."""

    id: Id
    name_zh: Name
    name_en: Name
    version: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    members: Annotated[tuple[UnitCode, ...], Field(min_length=2, max_length=MAX_MEMBERS)]
    digest: Digest

    @classmethod
    def freeze(cls, *, alliance_id: str, name_zh: str, name_en: str, version: int, members: Iterable[str]) -> Self:
        """Return the roster of these members, sorted, with its digest."""
        listed = sorted(set(members))
        digest = _digest(alliance_id, name_zh, name_en, version, listed)
        return cls(
            id=alliance_id, name_zh=name_zh, name_en=name_en, version=version, members=tuple(listed), digest=digest
        )

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        """Refuse members out of order or named twice, and a digest of something else."""
        if list(self.members) != sorted(set(self.members)):
            raise ValueError("a roster's members are sorted and each is named once")
        if self.digest != _digest(self.id, self.name_zh, self.name_en, self.version, list(self.members)):
            raise ValueError("the digest is not that of this roster")
        return self


def _digest(alliance_id: str, name_zh: str, name_en: str, version: int, members: list[str]) -> str:
    return canonical.sha256_hex(
        canonical.dumps(
            {"id": alliance_id, "members": members, "name_en": name_en, "name_zh": name_zh, "version": version}
        )
    )
