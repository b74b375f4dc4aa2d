"""What a holder's node owes without being asked.

A correction or a recall is passed to everyone this bureau passed the bulletin on to, and answered with a signed
word that it was applied; when those further down have answered, that is reported too. Each duty is found by
comparing what the thread says with what we said in it, so that doing it twice is doing it once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.exchanges.bulletins.files import passed_on
from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.rules.matter import Holder, Matter, Move
from ecolink.exchanges.bulletins.rules.sharing import recipients_of
from ecolink.exchanges.bulletins.rules.tables import Act
from ecolink.exchanges.bulletins.speaking import Saying, Speaker, Under
from ecolink.protocol.kinds.bulletins import (
    BulletinCompliedV1,
    BulletinSharedV1,
    OnwardCompliance,
    SharedPrivate,
)
from ecolink.protocol.statement import Lane

MAX_EVIDENCE = 24_000
"""Characters of others' signed answers one answer carries; beyond that it tells without proving."""


@dataclass(frozen=True, repr=False)
class Duties:
    """The duties of the bureau `us`."""

    us: str
    speaker: Speaker
    attachments: Attachments

    def fulfil(self, session: Session, dossier: Dossier, now: datetime) -> Dossier:
        """Do everything owed in this bulletin's thread; return it as it stands then."""
        if dossier.is_ours:
            return dossier
        for change in dossier.matter.changes:
            dossier = self._follow_up(session, dossier, change, now)
        for change in dossier.matter.changes:
            dossier = self._comply(session, dossier, change, now)
        return dossier

    def _follow_up(self, session: Session, dossier: Dossier, change: Move, now: datetime) -> Dossier:
        """Pass a correction or recall to those we passed an earlier version to."""
        matter = dossier.matter
        lane = Lane.CONTROL if change.act is Act.RECALLED else Lane.BULK
        for share in _shared_before(matter, change, self.us):
            told = {unit for unit in recipients_of(share) if matter.reached(unit, change)}
            owed = self.speaker.reachable(session, recipients_of(share) - told, lane)
            if not owed:
                continue
            original = dossier.thread.statement(change.digest)
            author = self.speaker.reachable(session, [matter.author], lane)
            saying = Saying(
                body=BulletinSharedV1(author=matter.author, original=original.token.decode()),
                to=[*owed, *author],
                under=Under.of_statement(original),
                private=SharedPrivate(original=original.private.decode()).to_wire() if original.private else None,
                supersedes=None if change.act is Act.RECALLED else share.jti,
                recalls=share.jti if change.act is Act.RECALLED else None,
                attachments=passed_on(session, self.attachments, original),
            )
            dossier = self.speaker.say(session, dossier.row, saying, now)
        return dossier

    def _comply(self, session: Session, dossier: Dossier, change: Move, now: datetime) -> Dossier:
        """Answer whoever told us of a correction or recall, again whenever there is more to report from below."""
        onward = self._onward(dossier, change)
        for teller in self.speaker.reachable(session, _tellers(dossier.matter, change, self.us), Lane.CONTROL):
            said = _last_answer(dossier.matter, change, self.us, teller)
            if said is not None and _applied(said.onward) == _applied(onward):
                continue
            saying = Saying(
                body=BulletinCompliedV1(
                    author=dossier.matter.author,
                    target=change.digest,
                    action="recall" if change.act is Act.RECALLED else "correction",
                    applied_at=now if said is None else said.applied_at,
                    onward=onward,
                ),
                to=[teller],
                under=Under.of_statement(dossier.thread.statement(change.digest)),
            )
            dossier = self.speaker.say(session, dossier.row, saying, now)
        return dossier

    def _onward(self, dossier: Dossier, change: Move) -> tuple[OnwardCompliance, ...]:
        """Return what became of the change at those the bulletin went to from here, directly or further down."""
        reports, room = [], MAX_EVIDENCE
        for holder in _below(dossier.matter.holders, self.us):
            done = holder.complied.get(change.digest)
            if done is None and not dossier.matter.reached(holder.unit_code, change):
                continue
            evidence = dossier.thread.statement(done.statement).token.decode() if done else None
            if evidence is not None and len(evidence) > room:
                evidence = None
            room -= len(evidence or "")
            reports.append(
                OnwardCompliance(unit_code=holder.unit_code, applied_at=done.at if done else None, evidence=evidence)
            )
        return tuple(reports)


def _shared_before(matter: Matter, change: Move, us: str) -> Iterator[Move]:
    """Yield our shares, as news, of versions older than `change`."""
    earlier = set[str]()
    for version in matter.versions:
        if version.digest == change.digest:
            break
        earlier.add(version.digest)
    for share in matter.shares:
        if share.iss == us and not share.follows_up and share.original and share.original.digest in earlier:
            yield share


def _tellers(matter: Matter, change: Move, us: str) -> list[str]:
    """Return who told us of a change: its author, or those who passed it on."""
    tellers = {matter.author} if us in change.aud else set()
    for share in matter.shares:
        if us in share.aud and share.follows_up and share.original and share.original.digest == change.digest:
            tellers.add(share.iss)
    return sorted(tellers)


def _last_answer(matter: Matter, change: Move, us: str, teller: str) -> BulletinCompliedV1 | None:
    answers = [
        step.move.body
        for step in matter.steps
        if step.move.iss == us
        and step.move.aud == (teller,)
        and isinstance(step.move.body, BulletinCompliedV1)
        and step.move.body.target == change.digest
    ]
    return answers[-1] if answers else None


def _applied(onward: tuple[OnwardCompliance, ...]) -> set[tuple[str, bool]]:
    return {(each.unit_code, each.applied_at is not None) for each in onward}


def _below(holders: Mapping[str, Holder], us: str) -> Iterator[Holder]:
    """Yield the holders that have the bulletin through us, nearest first."""
    above, found = {us}, True
    while found:
        found = False
        for unit, holder in sorted(holders.items()):
            if holder.via in above and unit not in above:
                above.add(unit)
                found = True
                yield holder
