"""Keeping alliances: every change of name or members makes a new roster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import IllegalMoveError, NotFoundError
from ecolink.exchanges.alliances.models import Alliance, AllianceRoster
from ecolink.exchanges.alliances.rules import settle_members
from ecolink.exchanges.alliances.schemas import AllianceOut
from ecolink.federation.peers import Peer, Peers, PeerState
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.storage.upsert import insert_new
from ecolink.surface.versions import check_version

_TOLD_TO_ALLIANCES = ("bulletin.published.v1", "bulletin.corrected.v1", "emergency.alert.v1")
"""The statements in which a bureau freezes a roster of its own."""
_NODE = "node"
"""Stands where a roster names who made it, when nobody here knows any more."""


@dataclass(frozen=True, repr=False)
class AllianceService:
    """The alliances this bureau keeps; `us` is its unit code."""

    us: str
    peers: Peers
    access: AccessLog

    def found(
        self, session: Session, *, name_zh: str, name_en: str, members: Sequence[str], by: Principal, now: datetime
    ) -> Alliance:
        """Start an alliance with its first roster. We are always a member.

        Raises:
            InvalidError: a member is no active peer.

        """
        settled = settle_members(members, us=self.us, active=self._active(session))
        alliance = Alliance(
            id=new_id(now), name_zh=name_zh, name_en=name_en, roster_version=1, created_at=now, updated_at=now
        )
        session.add(alliance)
        session.flush()
        self._write_roster(session, alliance, settled, reason=None, by=by, now=now)
        return alliance

    def change(
        self,
        session: Session,
        alliance_id: str,
        *,
        version: int,
        name_zh: str,
        name_en: str,
        members: Sequence[str],
        reason: str | None,
        by: Principal,
        now: datetime,
    ) -> Alliance:
        """Give an alliance new names or members; what was sent before keeps the roster it was sent to.

        Raises:
            NotFoundError: there is no such alliance.
            StaleError: it is not at `version` any more.
            IllegalMoveError: it is dissolved.
            InvalidError: a member is no active peer.

        """
        alliance = self._standing(session, alliance_id)
        check_version(version, alliance.version)
        before = set(self.roster_of(session, alliance).members)
        # Who is on the list already may stay, even suspended: taking it off is a decision of its own.
        settled = settle_members(members, us=self.us, active=self._active(session) | before)

        if settled == tuple(sorted(before)) and (alliance.name_zh, alliance.name_en) == (name_zh, name_en):
            return alliance
        alliance.name_zh, alliance.name_en = name_zh, name_en
        alliance.roster_version += 1
        alliance.updated_at = now
        session.flush()
        self._write_roster(session, alliance, settled, reason=reason, by=by, now=now)
        return alliance

    def dissolve(self, session: Session, alliance_id: str, *, version: int, by: Principal, now: datetime) -> Alliance:
        """End an alliance: nothing more is addressed to it; its rosters stay.

        Raises:
            NotFoundError: there is no such alliance.
            StaleError: it is not at `version` any more.
            IllegalMoveError: it is dissolved already.

        """
        alliance = self._standing(session, alliance_id)
        check_version(version, alliance.version)
        alliance.state, alliance.updated_at = "dissolved", now
        session.flush()
        self._record(session, alliance, "dissolved", by=by, now=now)
        return alliance

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:  # noqa: ARG002 - a hook's signature
        """Know an alliance or a roster of ours again that a restore had forgotten, from a statement that froze it."""
        said = stored.statement
        if said.body.get("alliance") is None or said.type not in _TOLD_TO_ALLIANCES:
            return
        roster = RosterV1.model_validate(said.body["alliance"])
        alliance = session.get(Alliance, roster.id, with_for_update=True)
        if alliance is None:
            alliance = Alliance(id=roster.id, roster_version=0, created_at=said.iat)
            session.add(alliance)
        if alliance.roster_version < roster.version:
            alliance.name_zh, alliance.name_en = roster.name_zh, roster.name_en
            alliance.roster_version, alliance.updated_at = roster.version, said.iat
        session.flush()
        row = {
            "alliance_id": roster.id,
            "version": roster.version,
            "name_zh": roster.name_zh,
            "name_en": roster.name_en,
            "members": list(roster.members),
            "digest": roster.digest,
            "made_by": _NODE,
            "made_at": said.iat,
        }
        insert_new(session, AllianceRoster, [row])

    def get(self, session: Session, alliance_id: str) -> Alliance:
        """Return one alliance, dissolved or not.

        Raises:
            NotFoundError: there is no such alliance.

        """
        alliance = session.get(Alliance, alliance_id)
        if alliance is None:
            raise NotFoundError
        return alliance

    def all(self, *, include_dissolved: bool = False) -> Select[Alliance]:
        """Select the alliances."""
        return select(Alliance) if include_dissolved else select(Alliance).where(Alliance.state == "active")

    def roster(self, session: Session, alliance_id: str) -> RosterV1:
        """Return the present roster of a standing alliance, as a statement freezes it.

        Raises:
            NotFoundError: there is no such alliance.
            IllegalMoveError: it is dissolved.

        """
        return self.roster_of(session, self._standing(session, alliance_id))

    def roster_of(self, session: Session, alliance: Alliance) -> RosterV1:
        """Return an alliance's present roster."""
        return frozen(session.get_one(AllianceRoster, (alliance.id, alliance.roster_version)))

    def rosters(self, session: Session, alliance_id: str) -> list[AllianceRoster]:
        """Return every roster an alliance had, newest first.

        Raises:
            NotFoundError: there is no such alliance.

        """
        self.get(session, alliance_id)
        past = select(AllianceRoster).where(AllianceRoster.alliance_id == alliance_id)
        return list(session.scalars(past.order_by(AllianceRoster.version.desc())))

    def show(self, session: Session, alliance: Alliance, names: Mapping[str, Peer]) -> AllianceOut:
        """Return an alliance as people see it; `names` are the peers by unit code."""
        return AllianceOut.of(alliance, self.roster_of(session, alliance), us=self.us, names=names)

    def names(self, session: Session) -> dict[str, Peer]:
        """Return the peers by unit code, for showing who the members are."""
        return self.peers.names(session)

    def _standing(self, session: Session, alliance_id: str) -> Alliance:
        alliance = self.get(session, alliance_id)
        if alliance.state != "active":
            raise IllegalMoveError("This alliance is dissolved.", "该联盟已解散。")
        return alliance

    def _active(self, session: Session) -> set[str]:
        return {code for code, peer in self.peers.names(session).items() if peer.state is PeerState.ACTIVE}

    def _write_roster(
        self,
        session: Session,
        alliance: Alliance,
        members: tuple[str, ...],
        *,
        reason: str | None,
        by: Principal,
        now: datetime,
    ) -> None:
        roster = RosterV1.freeze(
            alliance_id=alliance.id,
            name_zh=alliance.name_zh,
            name_en=alliance.name_en,
            version=alliance.roster_version,
            members=members,
        )
        session.add(
            AllianceRoster(
                alliance_id=alliance.id,
                version=roster.version,
                name_zh=roster.name_zh,
                name_en=roster.name_en,
                members=list(roster.members),
                digest=roster.digest,
                reason=reason,
                made_by=by.username,
                made_at=now,
            )
        )
        session.flush()
        self._record(session, alliance, f"roster {roster.version}", by=by, now=now, reason=reason)

    def _record(
        self,
        session: Session,
        alliance: Alliance,
        what: str,
        *,
        by: Principal,
        now: datetime,
        reason: str | None = None,
    ) -> None:
        entry = AccessEntry(
            at=now,
            actor=by.username,
            role=by.lead_role,
            action=AccessAction.ADMINISTER,
            object_type="alliance",
            object_id=alliance.id,
            reason=reason,
            details={"what": what},
        )
        self.access.record(session, entry)


def frozen(row: AllianceRoster) -> RosterV1:
    """Return a kept roster as a statement carries it."""
    return RosterV1(
        id=row.alliance_id,
        name_zh=row.name_zh,
        name_en=row.name_en,
        version=row.version,
        members=tuple(row.members),
        digest=row.digest,
    )
