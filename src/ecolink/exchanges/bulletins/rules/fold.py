"""Reading a thread: put the statements in canonical order and say what each of them did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ecolink.exchanges.bulletins.rules import sharing
from ecolink.exchanges.bulletins.rules.matter import Compliance, Holder, Matter, Move, Permission, Step
from ecolink.exchanges.bulletins.rules.tables import (
    BY_AUTHOR,
    NEEDS_APPROVER,
    RANK,
    TABLE,
    Act,
    Side,
    State,
    Verdict,
)
from ecolink.protocol import threads
from ecolink.protocol.kinds.bulletins import (
    BulletinCompliedV1,
    BulletinCorrectedV1,
    PermissionGrantedV1,
    PermissionRefusedV1,
)


def fold(author: str, moves: Iterable[Move], *, us: str) -> Matter:
    """Return what `moves`, all that the bureau `us` holds of a thread, say of `author`'s bulletin."""
    return _Reading(author, [move for move in moves if concerns(author, move)], us).whole()


def concerns(author: str, move: Move) -> bool:
    """Tell whether a statement belongs to `author`'s bulletin: another bureau may open one under the same thread id."""
    return move.act is Act.REJECTED or author_of(move) == author


def author_of(move: Move) -> str:
    """Return the unit code of the bureau whose bulletin a statement speaks of."""
    if move.act in BY_AUTHOR:
        return move.iss
    if move.original is not None:
        return move.original.iss
    if isinstance(move.body, BulletinCompliedV1):
        return move.body.author
    return move.aud[0]


class _Reading:
    """One pass over a thread, in four steps: what the author said, who holds it, what the holders answered."""

    def __init__(self, author: str, moves: Sequence[Move], us: str) -> None:
        self._author = author
        self._us = us
        self._verdicts: dict[str, Step] = {}
        self._waiting: list[Move] = []
        self._rejections = [move for move in moves if move.act is Act.REJECTED]

        said = {move.digest: move for move in moves if move.act is not Act.REJECTED}
        self._shares = self._admit([move for move in said.values() if move.act is Act.SHARED])
        for share in self._shares:
            for inner in (share.original, share.permission):
                if inner is not None:
                    said.setdefault(inner.digest, inner)
        self._known: Mapping[str, Move] = said
        # Nodes hold different parts of a thread, so a parent may be one that was never ours to see. What a statement
        # needs to make sense it names in its body, and each rule below looks for that.
        self._order = threads.order(
            [
                threads.Node(move.digest, tuple(ref for ref in move.refers_to if ref in said), RANK[move.act])
                for move in said.values()
            ]
        )

        self._versions: list[Move] = []
        self._root: Move | None = None
        self._recall: Move | None = None
        self._decisions: dict[str, Move] = {}
        self._holders: dict[str, Holder] = {}
        self._permissions: dict[str, Permission] = {}

    def whole(self) -> Matter:
        """Read everything."""
        line = [self._known[node.digest] for node in self._order]
        for move in line:
            if move.act in BY_AUTHOR:
                self._settle(move, self._hear_author(move))
        self._count_holders()
        for move in line:
            if move.act not in BY_AUTHOR and move.act is not Act.SHARED:
                self._settle(move, self._hear_holder(move))
        self._note_rejections()
        steps = tuple(self._verdicts[move.digest] for move in line if move.digest in self._verdicts)
        return Matter(
            author=self._author,
            versions=tuple(self._versions),
            recall=self._recall,
            holders=self._holders,
            permissions=self._permissions,
            shares=tuple(self._shares),
            steps=steps,
            waiting=tuple(sorted(self._waiting, key=lambda move: move.digest)),
        )

    def _settle(self, move: Move, step: Step | None) -> None:
        if step is None:
            self._waiting.append(move)
        else:
            self._verdicts[move.digest] = step

    # What holders passed on ------------------------------------------------------------------------------

    def _admit(self, shares: list[Move]) -> list[Move]:
        """Return the shares that count; what they wrap is known from here on. Judge the others."""
        lawful = []
        for share in shares:
            fault = _fault_of(share) or sharing.fault_of(share)
            if fault is None:
                lawful.append(share)
            else:
                self._settle(share, Step(share, Verdict.ILLEGAL, fault))
        told = {(share.iss, unit) for share in lawful if not share.follows_up for unit in share.aud}
        admitted = []
        for share in lawful:
            brings_correction = (
                share.follows_up and share.original is not None and share.original.act is not Act.RECALLED
            )
            if brings_correction and any((share.iss, unit) not in told for unit in sharing.recipients_of(share)):
                self._settle(share, None)
            else:
                admitted.append(share)
        return admitted

    def _count_holders(self) -> None:
        """Find who was told: by the author, and by those who passed it on, however long the chain."""
        for version in self._versions:
            for unit in version.aud:
                self._holders.setdefault(unit, Holder(unit_code=unit, given=(version.digest,)))
        admitted = {share.digest for share in self._shares}
        line = [self._known[node.digest] for node in self._order if node.digest in admitted]
        left = line
        while left:
            # Only the author is told of every share, so only it can tell whether the sharer was a holder.
            ready = [share for share in left if self._us != self._author or share.iss in self._holders]
            if not ready:
                break
            left = [share for share in left if share not in ready]
            for share in ready:
                self._settle(share, self._hear_share(share))
        for share in left:
            self._settle(share, None)
        self._shares = [share for share in line if self._counts(share)]

    def _hear_share(self, share: Move) -> Step:
        original = share.original
        brings_recall = original is not None and original.act is Act.RECALLED
        if not brings_recall and self._seen_by(share) is State.RECALLED:
            return Step(share, Verdict.ILLEGAL, "after-recall")
        for unit in sorted(sharing.recipients_of(share)):
            holder = self._holders.get(unit)
            if holder is None:
                holder = self._holders[unit] = Holder(unit_code=unit, via=share.iss)
            if not share.follows_up and original is not None and holder.via is not None:
                self._holders[unit] = replace(holder, given=(*holder.given, original.digest))
        return Step(share, Verdict.APPLIED)

    def _counts(self, move: Move) -> bool:
        step = self._verdicts.get(move.digest)
        return step is not None and step.verdict is Verdict.APPLIED

    # What the author said --------------------------------------------------------------------------------

    def _hear_author(self, move: Move) -> Step | None:
        fault = _fault_of(move)
        if fault is not None:
            return Step(move, Verdict.ILLEGAL, fault)
        hear = {
            Act.PUBLISHED: self._hear_publication,
            Act.CORRECTED: self._hear_correction,
            Act.RECALLED: self._hear_recall,
        }
        return hear.get(move.act, self._hear_decision)(move)

    def _hear_publication(self, move: Move) -> Step:
        if self._root is not None:
            return Step(move, Verdict.ILLEGAL, "published-already")
        self._root = move
        self._versions.append(move)
        return Step(move, Verdict.APPLIED)

    def _hear_correction(self, move: Move) -> Step:
        if self._seen_by(move) is State.RECALLED:
            return Step(move, Verdict.ILLEGAL, "after-recall")
        if self._recall is not None:
            return Step(move, Verdict.CROSSED, crossed_with=self._recall.digest)
        named = move.body.version if isinstance(move.body, BulletinCorrectedV1) else ""
        standing = self._versions[-1] if self._versions else None
        if standing is not None and named in self._known and named != standing.digest:
            if self._order.descends(move.digest, standing.digest):
                return Step(move, Verdict.ILLEGAL, "not-the-standing-version")
            return Step(move, Verdict.CROSSED, crossed_with=standing.digest)
        self._versions.append(move)
        return Step(move, Verdict.APPLIED)

    def _hear_recall(self, move: Move) -> Step:
        if self._root is not None and move.recalls != self._root.jti:
            return Step(move, Verdict.ILLEGAL, "wrong-target")
        if self._recall is not None:
            if self._order.descends(move.digest, self._recall.digest):
                return Step(move, Verdict.ILLEGAL, "after-recall")
            return Step(move, Verdict.CROSSED, crossed_with=self._recall.digest)
        self._recall = move
        return Step(move, Verdict.APPLIED)

    def _hear_decision(self, move: Move) -> Step:
        if move.act is Act.GRANTED and self._seen_by(move) is State.RECALLED:
            return Step(move, Verdict.ILLEGAL, "after-recall")
        request = move.body.request if isinstance(move.body, PermissionGrantedV1 | PermissionRefusedV1) else ""
        first = self._decisions.setdefault(request, move)
        if first is move:
            return Step(move, Verdict.APPLIED)
        if self._order.descends(move.digest, first.digest):
            return Step(move, Verdict.ILLEGAL, "decided-already")
        return Step(move, Verdict.CROSSED, crossed_with=first.digest)

    def _seen_by(self, move: Move) -> State | None:
        """Return where the bulletin stood for the bureau that made `move`, as far as is known here."""
        if self._recall is not None and self._order.descends(move.digest, self._recall.digest):
            return State.RECALLED
        seen = [version for version in self._versions if self._order.descends(move.digest, version.digest)]
        if any(version.act is Act.CORRECTED for version in seen):
            return State.CORRECTED
        return State.PUBLISHED if seen else None

    # What the holders answered ---------------------------------------------------------------------------

    def _hear_holder(self, move: Move) -> Step | None:
        fault = _fault_of(move)
        if fault is not None:
            return Step(move, Verdict.ILLEGAL, fault)
        named = getattr(move.body, "target", None) or getattr(move.body, "version", None) or ""
        spoken_of = self._known.get(named)
        if spoken_of is None or move.iss not in self._holders:
            return self._without_ground(move, spoken_of)
        if isinstance(move.body, BulletinCompliedV1) and spoken_of.act not in {Act.CORRECTED, Act.RECALLED}:
            return Step(move, Verdict.ILLEGAL, "wrong-target")
        seen = self._seen_by(move) or State.PUBLISHED
        # A correction that lost is answered by those who got it before they knew.
        if not isinstance(move.body, BulletinCompliedV1) and TABLE.target(move.act, seen, Side.HOLDER) is None:
            return Step(move, Verdict.ILLEGAL, "after-recall")
        if any(each.rejects == move.digest and each.iss == self._author for each in self._rejections):
            return Step(move, Verdict.REJECTED)
        self._remember(move)
        return Step(move, Verdict.APPLIED)

    def _without_ground(self, move: Move, spoken_of: Move | None) -> Step | None:
        """Judge an answer that builds on nothing known here.

        The author knows all it ever said, so an answer to something else is wrong for good; whoever else gets
        an answer may yet receive what it speaks of. A recall that came first has no holders yet, only an audience.
        """
        if spoken_of is None:
            return Step(move, Verdict.ILLEGAL, "unknown-version") if self._us == self._author else None
        if move.act is Act.COMPLIED and move.iss in spoken_of.aud:
            self._holders[move.iss] = Holder(unit_code=move.iss)
            self._remember(move)
            return Step(move, Verdict.APPLIED)
        return None

    def _remember(self, move: Move) -> None:
        holder = self._holders[move.iss]
        if move.act is Act.READ and holder.read is None:
            self._holders[move.iss] = replace(holder, read=move)
        elif move.act is Act.USED:
            self._holders[move.iss] = replace(holder, uses=(*holder.uses, move))
        elif move.act is Act.FEEDBACK:
            self._holders[move.iss] = replace(holder, feedback=(*holder.feedback, move))
        elif move.act is Act.REQUESTED:
            self._permissions[move.digest] = Permission(request=move, decision=self._decisions.get(move.digest))
        elif isinstance(move.body, BulletinCompliedV1):
            self._remember_compliance(move, move.body)

    def _remember_compliance(self, move: Move, body: BulletinCompliedV1) -> None:
        """Note what a holder says it applied, and what it reports of those it passed the bulletin on to.

        Only the author is told of every share. Anybody else learns here of holders further down.
        """
        self._note_compliance(move.iss, body.target, Compliance(body.applied_at, move.iss, move.digest))
        for told in body.onward:
            if told.unit_code not in self._holders and self._us != self._author:
                self._holders[told.unit_code] = Holder(unit_code=told.unit_code, via=move.iss)
            if told.applied_at is not None and (holder := self._holders.get(told.unit_code)) and holder.via is not None:
                self._note_compliance(told.unit_code, body.target, Compliance(told.applied_at, move.iss, move.digest))

    def _note_compliance(self, unit: str, target: str, said: Compliance) -> None:
        holder = self._holders[unit]
        before = holder.complied.get(target)
        if before is None or (said.reported_by == unit and before.reported_by != unit):
            self._holders[unit] = replace(holder, complied={**holder.complied, target: said})

    def _note_rejections(self) -> None:
        for rejection in self._rejections:
            target = self._known.get(rejection.rejects or "")
            holder = self._holders.get(rejection.iss)
            if target is not None and holder is not None and rejection.iss in target.aud:
                rejected = {**holder.rejected, target.digest: rejection.fault or ""}
                self._holders[rejection.iss] = replace(holder, rejected=rejected)


def _fault_of(move: Move) -> str | None:
    """Say what is wrong with a move wherever it stands."""
    if move.fault is not None:
        return "invalid-body"
    return "approver-missing" if move.act in NEEDS_APPROVER and not move.approved else None
