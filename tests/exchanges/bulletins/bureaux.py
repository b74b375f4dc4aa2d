"""Bureaus of a town with a bulletins room each, and the people who work there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.access_models import AccessRow
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.exchanges.bulletins.board import RecipientOut, RecipientsOut
from ecolink.exchanges.bulletins.models import Bulletin
from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.rules.matter import Permission
from ecolink.exchanges.bulletins.schemas import (
    BulletinCorrectionIn,
    BulletinFeedbackIn,
    BulletinIn,
    BulletinRecallIn,
    BulletinShareIn,
    BulletinUseIn,
    ShareGrantIn,
    ShareRequestIn,
)
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.exchanges.bulletins.views import BulletinOut
from ecolink.federation import threads
from ecolink.federation.models import StatementRow
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.search.index import SearchIndex
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

T = TypeVar("T")

SONGXI = "350724000000"

ORCHIDS: dict[str, Any] = {
    "kind": "modus_operandi",
    "title": "野生兰花混作茶苗邮寄",
    "body": "近期有人将野生兰花夹带在茶苗包裹中邮寄出省。",
    "grading": {"source": "B", "information": "2"},
    "species": [{"name_zh": "春兰", "name_latin": "Cymbidium goeringii"}],
    "charges": ["344"],
    "sanitised": True,
}
SUSPECT: dict[str, Any] = {
    "kind": "person_or_item",
    "title": "查找驾驶货车运输黑麂的P1",
    "body": "P1驾驶I1向龙溪方向行驶。",
    "sanitised": False,
    "case_number": "A3509240000002026110002",
    "persons": [
        {
            "ref": "P1",
            "category": "suspect",
            "basis": "assessment",
            "name": "林大山",
            "identity_number": "331126199001010018",
        }
    ],
    "items": [{"ref": "I1", "kind": "货车", "identifier": "闽J00000"}],
}


def bulletin(*, onward: str = "none", **changes: Any) -> BulletinIn:
    """Return what an officer writes."""
    terms = {"purpose": "提示邻县查控", "handling": {"code": "H0", "onward": onward}}
    return BulletinIn.model_validate({**ORCHIDS, "governance": terms, **changes})


def correction(**changes: Any) -> BulletinCorrectionIn:
    """Return the bulletin as it shall read from now on."""
    return BulletinCorrectionIn.model_validate(
        {**ORCHIDS, "title": "更正：春兰混作茶苗邮寄", "reason": "物种有误", **changes}
    )


@dataclass
class Bureau:
    """One bureau's bulletins room and its people. Every method is one call of the API: its own transaction."""

    town: Town
    node: Node
    service: BulletinService
    alliances: AllianceService
    officer: Principal
    approver: Principal
    program: Principal

    @classmethod
    def open(cls, town: Town, node: Node) -> "Bureau":
        """Furnish a node of a town."""
        alliances = AllianceService(node.us, node.peers, node.access)
        service = BulletinService.build(
            outbox=node.outbox,
            peers=node.peers,
            keyring=node.keystore,
            search=SearchIndex(),
            access=node.access,
            agreed=Agreed(node.us, node.rooms.cooperation.agreements.in_force),
            alliances=alliances,
            attachments=node.rooms.attachments,
        )
        node.handlers.update(service.handlers())
        return cls(
            town,
            node,
            service,
            alliances,
            Principal(id="u-1", username="officer", name="周小河", roles=frozenset({Role.OFFICER})),
            Principal(id="u-2", username="approver", name="陈远山", roles=frozenset({Role.APPROVER})),
            Principal(id="c-1", username="tool", name="Tool", roles=frozenset({Role.INTEGRATOR}), kind="client"),
        )

    def do(self, call: Callable[[Session], T]) -> T:
        with self.node.database.begin() as session:
            return call(session)

    def see(self, call: Callable[[Session], T]) -> T:
        with self.node.database.read() as session:
            return call(session)

    @property
    def now(self) -> Any:
        return self.node.clock.now()

    # Writing ---------------------------------------------------------------------------------------------

    def ally(self, *members: str) -> str:
        return self.do(
            lambda session: self.alliances.found(
                session, name_zh="边界联盟", name_en="Border alliance", members=members, by=self.approver, now=self.now
            )
        ).id

    def attach(self, content: bytes) -> dict[str, str]:
        """Bring a file in; return how a bulletin names it."""
        attachments = self.service.attachments
        with attachments.shelf.store.stage() as staged:
            staged.write(content)
            staged.seal()
            kept = self.do(
                lambda session: attachments.keep(
                    session, staged, name="包裹.jpg", media_type="image/jpeg", by="officer", now=self.now
                )
            )
        return {"digest": kept.digest}

    def fetch(self) -> None:
        """Fetch what others' statements name, and confirm it."""
        while work := self.node.fetch(self.now):
            work.finish()

    def draft(self, wanted: BulletinIn) -> Dossier:
        return self.do(lambda session: self.service.drafting.begin(session, wanted, by=self.officer, now=self.now))

    def submit(self, bulletin_id: str) -> Dossier:
        version = self.row(bulletin_id).version
        return self.do(
            lambda session: self.service.drafting.submit(
                session, bulletin_id, version=version, by=self.officer, now=self.now
            )
        )

    def approve(self, bulletin_id: str, by: Principal | None = None) -> Dossier:
        version = self.row(bulletin_id).version
        return self.do(
            lambda session: self.service.drafting.approve(
                session, bulletin_id, version=version, by=by or self.approver, now=self.now
            )
        )

    def publish(self, wanted: BulletinIn) -> str:
        """Draft, hand in, approve."""
        bulletin_id = self.draft(wanted).row.id
        self.submit(bulletin_id)
        self.approve(bulletin_id)
        return bulletin_id

    def draft_correction(self, bulletin_id: str, wanted: BulletinCorrectionIn | None = None) -> Dossier:
        version = self.row(bulletin_id).version
        return self.do(
            lambda session: self.service.drafting.correct(
                session, bulletin_id, wanted or correction(), version=version, by=self.officer, now=self.now
            )
        )

    def correct(self, bulletin_id: str, wanted: BulletinCorrectionIn | None = None) -> Dossier:
        self.draft_correction(bulletin_id, wanted)
        self.submit(bulletin_id)
        return self.approve(bulletin_id)

    def recall(self, bulletin_id: str, by: Principal | None = None) -> Dossier:
        wanted = BulletinRecallIn(reason_code="wrong", reason="经核查不属实")
        return self.do(
            lambda session: self.service.recall(session, bulletin_id, wanted, by=by or self.approver, now=self.now)
        )

    # Answering -------------------------------------------------------------------------------------------

    def read(self, bulletin_id: str) -> Dossier:
        return self.do(lambda session: self.service.read(session, bulletin_id, by=self.officer, now=self.now))

    def use(self, bulletin_id: str) -> Dossier:
        wanted = BulletinUseIn(used_on="2026-11-23", used_for="清查快递网点")
        return self.do(lambda session: self.service.use(session, bulletin_id, wanted, by=self.officer, now=self.now))

    def feed_back(self, bulletin_id: str) -> Dossier:
        wanted = BulletinFeedbackIn(used_for="清查快递网点", usefulness=5, outcomes=("seizure",))
        return self.do(
            lambda session: self.service.give_feedback(session, bulletin_id, wanted, by=self.officer, now=self.now)
        )

    def ask(self, bulletin_id: str, *recipients: str) -> Permission:
        wanted = ShareRequestIn(recipients=recipients, reason="当地有同类线索")
        return self.do(
            lambda session: self.service.onward.ask(session, bulletin_id, wanted, by=self.officer, now=self.now)
        )

    def grant(self, bulletin_id: str, request: str, **allowed: Any) -> Permission:
        return self.do(
            lambda session: self.service.onward.grant(
                session, bulletin_id, request, ShareGrantIn(**allowed), by=self.approver, now=self.now
            )
        )

    def refuse(self, bulletin_id: str, request: str) -> Permission:
        return self.do(
            lambda session: self.service.onward.refuse(
                session, bulletin_id, request, reason="在侦案件", by=self.approver, now=self.now
            )
        )

    def share(self, bulletin_id: str, *recipients: str, by: Principal | None = None) -> Dossier:
        wanted = BulletinShareIn(recipients=recipients)
        return self.do(
            lambda session: self.service.onward.share(
                session, bulletin_id, wanted, by=by or self.approver, now=self.now
            )
        )

    # Looking ---------------------------------------------------------------------------------------------

    def row(self, bulletin_id: str) -> Bulletin:
        return self.see(lambda session: session.get_one(Bulletin, bulletin_id))

    def view(self, bulletin_id: str) -> Dossier:
        return self.see(lambda session: self.service.record.view(session, bulletin_id))

    def shown(self, bulletin_id: str) -> BulletinOut:
        return self.see(
            lambda session: BulletinOut.of_dossier(
                dossier := self.service.record.view(session, bulletin_id),
                self.service.files(session, dossier),
                self.service.names(session),
                self.now,
            )
        )

    def board(self, bulletin_id: str) -> dict[str, RecipientOut]:
        def look(session: Session) -> RecipientsOut:
            dossier = self.service.record.view(session, bulletin_id)
            told = threads.delivery(session, dossier.row.thread, self.now)
            return RecipientsOut.of(dossier, told, self.service.names(session))

        return {each.bureau.unit_code: each for each in self.see(look).items}

    def bulletins(self) -> list[Bulletin]:
        return self.see(lambda session: list(session.scalars(select(Bulletin).order_by(Bulletin.id))))

    def found(self, query: str) -> list[str]:
        return self.see(
            lambda session: list(session.scalars(self.service.record.search.matching_ids("bulletin", query)))
        )

    def thread(self, bulletin_id: str) -> list[Stored]:
        return self.see(lambda session: threads.load(session, bulletin_id))

    def types(self, bulletin_id: str) -> list[str]:
        """Return what stands in the thread, without prefix and version."""
        return [each.statement.type.split(".")[1] for each in self.thread(bulletin_id)]

    def states(self) -> dict[str, tuple[str, str | None]]:
        """Return the state of every statement by type, with its reason."""
        rows = self.see(lambda session: session.scalars(select(StatementRow)).all())
        return {row.type: (row.state, row.state_reason) for row in rows}

    def traces(self, bulletin_id: str) -> list[tuple[str, str]]:
        """Return (action, what) of every mark in the access log."""
        found = select(AccessRow).where(AccessRow.object_id == bulletin_id).order_by(AccessRow.n)
        return self.see(lambda session: [(row.action, row.details["what"]) for row in session.scalars(found)])


@dataclass
class Pair:
    """Shouning and Qingyuan, who trust each other."""

    town: Town
    shouning: Bureau
    qingyuan: Bureau

    @classmethod
    def open(cls, town: Town) -> "Pair":
        """Furnish a town of two."""
        return cls(town, *(Bureau.open(town, town.nodes[code]) for code in (SHOUNING, QINGYUAN)))

    def settle(self) -> None:
        self.town.settle()


@dataclass
class Three(Pair):
    """Shouning, Qingyuan and Jingning, each trusting both others."""

    jingning: Bureau

    @classmethod
    def open(cls, town: Town) -> "Three":
        """Add Jingning to a town of two and furnish all three."""
        town.add(JINGNING)
        town.introduce(SHOUNING, JINGNING)
        town.introduce(QINGYUAN, JINGNING)
        return cls(town, *(Bureau.open(town, town.nodes[code]) for code in (SHOUNING, QINGYUAN, JINGNING)))
