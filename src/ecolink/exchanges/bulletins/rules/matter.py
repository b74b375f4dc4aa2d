"""What the fold reads and what it finds: the moves of a thread, and the matter they make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ecolink.exchanges.bulletins.rules.tables import Act, State, Verdict
from ecolink.protocol.kinds.bulletins import BulletinContent
from ecolink.protocol.kinds.common import Frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One statement of the thread, as the fold needs to know it."""

    digest: str
    jti: str
    act: Act
    iss: str
    """Unit code of the bureau that signed it."""
    aud: tuple[str, ...]
    parents: tuple[str, ...] = ()
    at: datetime
    """When it was signed, by its author's clock."""
    approved: bool = False
    supersedes: str | None = None
    recalls: str | None = None
    """The jti of the statement it replaces, or takes back."""
    onward: str = "none"
    """The handling's rule for onward sharing."""
    body: Frozen | None = None
    """None when it does not fit its type; `fault` then says why."""
    fault: str | None = None
    original: "Move | None" = None
    """Of a `shared`: the author's statement inside, verified."""
    permission: "Move | None" = None
    """Of a `shared`: the author's permission inside, verified."""
    rejects: str | None = None
    """Of a `rejected`: the digest it speaks of."""

    @property
    def follows_up(self) -> bool:
        """Tell whether a `shared` brings a correction or recall after an earlier one."""
        return self.supersedes is not None or self.recalls is not None

    @property
    def content(self) -> BulletinContent | None:
        """What this version of the bulletin says, if it is one."""
        return self.body if isinstance(self.body, BulletinContent) else None

    @property
    def refers_to(self) -> tuple[str, ...]:
        """The digests it follows: its parents, and those its body or what it wraps names."""
        named = (getattr(self.body, name, None) for name in ("version", "bulletin", "target", "request"))
        wrapped = (each.digest for each in (self.original, self.permission) if each is not None)
        return (*self.parents, *(digest for digest in named if digest), *wrapped)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement with its verdict."""

    move: Move
    verdict: Verdict
    why: str = ""
    """Why it is illegal: a stable code."""
    crossed_with: str | None = None
    """Digest of the move that went first."""


@dataclass(frozen=True, slots=True)
class Compliance:
    """A bureau applied a correction or a recall."""

    at: datetime
    reported_by: str
    """Itself, or the bureau that passed the bulletin on to it."""
    statement: str
    """Digest of the statement that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A bureau that was told, and what it answered."""

    unit_code: str
    via: str | None = None
    """The bureau that passed it on; None when the author told it itself."""
    given: tuple[str, ...] = ()
    """The versions it was told as news, not as a correction."""
    read: Move | None = None
    uses: tuple[Move, ...] = ()
    feedback: tuple[Move, ...] = ()
    complied: Mapping[str, Compliance] = field(default_factory=dict)
    """By the digest of the correction or recall."""
    rejected: Mapping[str, str] = field(default_factory=dict)
    """Digests of the author's statements its node found illegal, with the code it gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A holder's request to pass the bulletin on, and the author's decision."""

    request: Move
    decision: Move | None = None

    @property
    def is_granted(self) -> bool:
        """Tell whether the author allowed it."""
        return self.decision is not None and self.decision.act is Act.GRANTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What the fold knows of one bulletin."""

    author: str
    versions: tuple[Move, ...] = ()
    """Those that count, oldest first."""
    recall: Move | None = None
    holders: Mapping[str, Holder] = field(default_factory=dict)
    permissions: Mapping[str, Permission] = field(default_factory=dict)
    """By the digest of the request."""
    shares: tuple[Move, ...] = ()
    steps: tuple[Step, ...] = ()
    waiting: tuple[Move, ...] = ()
    """Statements of which something they build on is not here."""

    @property
    def state(self) -> State | None:
        """Where it stands; None while nothing its author said is here."""
        if self.recall is not None:
            return State.RECALLED
        if not self.versions:
            return None
        return State.CORRECTED if self.current and self.current.act is Act.CORRECTED else State.PUBLISHED

    @property
    def current(self) -> Move | None:
        """The version that stands, or stood when it was recalled."""
        return self.versions[-1] if self.versions else None

    @property
    def changes(self) -> tuple[Move, ...]:
        """The corrections that count and the recall, in order: what holders must answer."""
        corrections = tuple(version for version in self.versions if version.act is Act.CORRECTED)
        return corrections if self.recall is None else (*corrections, self.recall)

    def step(self, digest: str) -> Step | None:
        """Return what became of one statement; None while it waits or is unknown."""
        return next((step for step in self.steps if step.move.digest == digest), None)

    def owes(self, unit_code: str) -> tuple[Move, ...]:
        """Return the corrections and the recall that a bureau must still say it applied."""
        holder = self.holders.get(unit_code)
        done = holder.complied if holder else {}
        return tuple(
            change for change in self.changes if change.digest not in done and self._concerns(unit_code, change)
        )

    def reached(self, unit_code: str, original: Move) -> bool:
        """Tell whether a bureau was told `original`, by its author or by one who passed it on."""
        return unit_code in original.aud or any(
            unit_code in share.aud
            for share in self.shares
            if share.original and share.original.digest == original.digest
        )

    def _concerns(self, unit_code: str, change: Move) -> bool:
        if unit_code == self.author:
            return False
        follow_ups = (share for share in self.shares if share.follows_up and share.original)
        if unit_code in change.aud or any(
            unit_code in share.aud and share.original.digest == change.digest for share in follow_ups if share.original
        ):
            return True
        holder = self.holders.get(unit_code)
        order = [version.digest for version in (*self.versions, *((self.recall,) if self.recall else ()))]
        return holder is not None and any(
            given in order and order.index(given) < order.index(change.digest) for given in holder.given
        )
