"""Passing a bulletin on: asking its author, being asked, and doing it as far as the handling allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.cadence.calendars import china_day
from ecolink.errors import IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.bulletins.files import passed_on
from ecolink.exchanges.bulletins.record import Dossier, Record
from ecolink.exchanges.bulletins.rules import sharing
from ecolink.exchanges.bulletins.rules.matter import Move, Permission
from ecolink.exchanges.bulletins.rules.tables import STANDING, Act
from ecolink.exchanges.bulletins.schemas import BulletinShareIn, ShareGrantIn, ShareRequestIn
from ecolink.exchanges.bulletins.speaking import Saying, Speaker, Under
from ecolink.exchanges.bulletins.traces import Traces
from ecolink.exchanges.governance import refuse_same_person
from ecolink.federation.peers import PeerState
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.bulletins import (
    BulletinSharedV1,
    PermissionGrantedV1,
    PermissionRefusedV1,
    PermissionRequestedV1,
    SharedPrivate,
)
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.statement import AttachmentRef


@dataclass(frozen=True, repr=False)
class OnwardSharing:
    """Onward sharing by, and asked of, the bureau `us`."""

    us: str
    record: Record
    speaker: Speaker
    traces: Traces
    agreed: Agreed
    attachments: Attachments

    def ask(
        self, session: Session, bulletin_id: str, wanted: ShareRequestIn, *, by: Principal, now: datetime
    ) -> Permission:
        """Ask the author of a peer's bulletin whether we may pass it on.

        Raises:
            NotFoundError: there is no such bulletin.
            IllegalMoveError: it is our own, does not stand, or its handling does not ask for permission.
            InvalidError: one of the recipients is the author, ourselves, or holds it already.
            ConflictError: the author cannot be told just now.

        """
        dossier = self._held(session, bulletin_id, Act.REQUESTED)
        onward = dossier.current().handling.onward
        if onward == "none":
            raise IllegalMoveError(*sharing.REASONS["onward-none"])
        if onward == "group":
            raise IllegalMoveError(
                "Within the alliance no permission is needed, and outside it none is given.",
                "联盟内转发无须申请，联盟外不得转发。",
            )
        self._refuse_holders(dossier, wanted.recipients)
        body = PermissionRequestedV1(
            version=dossier.current().digest, recipients=wanted.recipients, reason=wanted.reason
        )
        before = set(dossier.matter.permissions)
        dossier = self._say(session, dossier, body, [dossier.row.author], by, now)
        self.traces.leave(session, dossier.row, "permission asked", by=by, now=now, reason=wanted.reason)
        (asked,) = dossier.matter.permissions.keys() - before
        return dossier.matter.permissions[asked]

    def grant(
        self,
        session: Session,
        bulletin_id: str,
        request: str,
        wanted: ShareGrantIn,
        *,
        by: Principal,
        now: datetime,
    ) -> Permission:
        """Allow a holder of our bulletin to pass it on; `request` is the digest of what it asked.

        Raises:
            NotFoundError: there is no such bulletin or request.
            IllegalMoveError: the bulletin does not stand, or the request was decided.
            InvalidError: more is allowed than was asked for.
            SecondPersonError: a program decides.

        """
        dossier, permission = self._asked(session, bulletin_id, request, Act.GRANTED, by)
        asked = _recipients(permission)
        allowed = wanted.recipients or asked
        for place, unit in enumerate(allowed):
            if unit not in asked:
                raise InvalidError(
                    f"Nobody asked to tell {unit}.", f"对方未申请转发给 {unit}。", pointer=f"/recipients/{place}"
                )
        body = PermissionGrantedV1(
            request=request, recipients=allowed, until=wanted.until, conditions=wanted.conditions
        )
        return self._decide(session, dossier, permission, body, by, now)

    def refuse(
        self,
        session: Session,
        bulletin_id: str,
        request: str,
        *,
        reason: str,
        by: Principal,
        now: datetime,
    ) -> Permission:
        """Do not allow it.

        Raises:
            NotFoundError: there is no such bulletin or request.
            IllegalMoveError: the request was decided.
            SecondPersonError: a program decides.

        """
        dossier, permission = self._asked(session, bulletin_id, request, Act.REFUSED, by)
        return self._decide(session, dossier, permission, PermissionRefusedV1(request=request, reason=reason), by, now)

    def share(
        self, session: Session, bulletin_id: str, wanted: BulletinShareIn, *, by: Principal, now: datetime
    ) -> Dossier:
        """Pass a peer's bulletin on, in its author's signed words, with the files that are here; tell the author.

        Raises:
            NotFoundError: there is no such bulletin.
            IllegalMoveError: it is our own, does not stand, or its handling does not allow it.
            InvalidError: one of the recipients is the author, ourselves, holds it already or is no active peer.
            ConflictError: the author cannot be told just now.
            SecondPersonError: a program shares.
            SharingError: no agreement lets us tell bulletins to one of the recipients.

        """
        dossier = self._held(session, bulletin_id, Act.SHARED)
        if dossier.state not in STANDING or dossier.matter.current is None:
            raise IllegalMoveError("What was recalled is not passed on.", "已撤回的通报不得转发。")
        refuse_same_person("", by)
        self._refuse_holders(dossier, wanted.recipients)
        self._refuse_inactive(session, wanted.recipients)
        self.agreed.refuse_unshared(session, "bulletin", wanted.recipients, china_day(now))
        original, permission = dossier.current(), self._permission_for(dossier, wanted.recipients, now)
        body = BulletinSharedV1(
            author=original.iss,
            original=original.token.decode(),
            permission=dossier.thread.statement(permission.digest).token.decode() if permission else None,
            note=wanted.note,
        )
        to = sorted({*wanted.recipients, original.iss})
        self._refuse_unlawful(dossier.matter.current, permission, body, to, now)

        private = SharedPrivate(original=original.private.decode()).to_wire() if original.private else None
        files = passed_on(session, self.attachments, original)
        dossier = self._say(session, dossier, body, to, by, now, private=private, attachments=files)
        for unit in wanted.recipients:
            self.traces.leave(
                session,
                dossier.row,
                "passed on",
                by=by,
                now=now,
                private=dossier.thread.private(original.digest),
                recipient=unit,
                reason=wanted.note,
            )
        return dossier

    def permissions(self, session: Session, bulletin_id: str) -> list[Permission]:
        """Return what was asked, oldest first.

        Raises:
            NotFoundError: there is no such bulletin.

        """
        asked = self.record.view(session, bulletin_id).matter.permissions.values()
        return sorted(asked, key=lambda permission: (permission.request.at, permission.request.digest))

    # Checks ----------------------------------------------------------------------------------------------

    def _held(self, session: Session, bulletin_id: str, move: Act) -> Dossier:
        dossier = self.record.open(session, bulletin_id)
        if dossier.is_ours:
            raise IllegalMoveError(
                "This bulletin is our own: tell others in a bulletin of its own.",
                "这是本单位发布的通报，如需告知其他单位请另行发布。",
            )
        dossier.refuse_unless_open(move)
        self.speaker.refuse_unless_reachable(session, dossier.row.author)
        return dossier

    def _asked(
        self, session: Session, bulletin_id: str, request: str, move: Act, by: Principal
    ) -> tuple[Dossier, Permission]:
        dossier = self.record.open(session, bulletin_id)
        permission = dossier.matter.permissions.get(request)
        if permission is None or not dossier.is_ours:
            raise NotFoundError
        dossier.refuse_unless_open(move)
        if permission.decision is not None:
            raise IllegalMoveError("This request was decided before.", "该申请已处理。")
        refuse_same_person("", by)
        return dossier, permission

    def _refuse_holders(self, dossier: Dossier, recipients: Sequence[str]) -> None:
        for place, unit in enumerate(recipients):
            if unit in {dossier.row.author, self.us, *recipients[:place]} or unit in dossier.matter.holders:
                raise InvalidError(
                    f"{unit} holds this bulletin already, or is named twice.",
                    f"{unit} 已持有该通报或重复出现。",
                    pointer=f"/recipients/{place}",
                )

    def _refuse_inactive(self, session: Session, recipients: Sequence[str]) -> None:
        names = self.speaker.peers.names(session)
        for place, unit in enumerate(recipients):
            if unit not in names or names[unit].state is not PeerState.ACTIVE:
                raise InvalidError(
                    f"{unit} is not an active peer of this node.",
                    f"{unit} 不是本节点已启用的对端。",
                    pointer=f"/recipients/{place}",
                )

    def _permission_for(self, dossier: Dossier, recipients: Sequence[str], now: datetime) -> Move | None:
        """Return a granted permission of ours that covers these recipients now."""
        for permission in dossier.matter.permissions.values():
            granted = permission.decision.body if permission.decision else None
            if permission.request.iss != self.us or not isinstance(granted, PermissionGrantedV1):
                continue
            if set(recipients) <= set(granted.recipients) and (granted.until is None or granted.until >= now):
                return permission.decision
        return None

    def _refuse_unlawful(
        self, original: Move, permission: Move | None, body: Frozen, to: Sequence[str], now: datetime
    ) -> None:
        """Judge what we are about to say as its recipients will."""
        said = Move(
            digest="",
            jti="",
            act=Act.SHARED,
            iss=self.us,
            aud=tuple(to),
            at=now,
            approved=True,
            body=body,
            original=original,
            permission=permission,
        )
        fault = sharing.fault_of(said)
        if fault is not None:
            raise IllegalMoveError(*sharing.REASONS[fault])

    # Saying it -------------------------------------------------------------------------------------------

    def _decide(
        self,
        session: Session,
        dossier: Dossier,
        permission: Permission,
        body: Frozen,
        by: Principal,
        now: datetime,
    ) -> Permission:
        asker = permission.request.iss
        self.speaker.refuse_unless_reachable(session, asker)
        dossier = self._say(session, dossier, body, [asker], by, now)
        self.traces.leave(session, dossier.row, "permission decided", by=by, now=now, recipient=asker)
        return dossier.matter.permissions[permission.request.digest]

    def _say(
        self,
        session: Session,
        dossier: Dossier,
        body: Frozen,
        to: Sequence[str],
        by: Principal,
        now: datetime,
        *,
        private: dict[str, str] | None = None,
        attachments: Sequence[AttachmentRef] = (),
    ) -> Dossier:
        saying = Saying(
            body=body,
            to=to,
            under=Under.of_statement(dossier.current()),
            by=by,
            approver=by,
            private=private,
            attachments=attachments,
        )
        return self.speaker.say(session, dossier.row, saying, now)


def _recipients(permission: Permission) -> tuple[str, ...]:
    body = permission.request.body
    return body.recipients if isinstance(body, PermissionRequestedV1) else ()
