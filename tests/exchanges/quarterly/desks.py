"""The quarterly desk of each bureau of a town: people, and what they do and see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from ecolink.cadence.agreements import Agreement, Proposal
from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import Obligation, derive
from ecolink.cadence.standing import Standing, judge
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.quarterly import ledger
from ecolink.exchanges.quarterly.models import Exchange, Package
from ecolink.exchanges.quarterly.schemas import PackageDraftIn, PackageFeedbackIn
from ecolink.exchanges.quarterly.service import QuarterlyService
from ecolink.exchanges.quarterly.views import ExchangeOut, PackageDraftOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.agreements import TermsV1
from tests.support.town import BUREAUS, QINGYUAN, SHOUNING, START

QUARTER = "sn-qy-151/exchange/2026-Q4"
DUTY = {
    "code": "exchange",
    "kind": "exchange",
    "name_zh": "季度通报交流",
    "name_en": "Quarterly exchange",
    "period": "quarter",
    "rule": "FREQ=MONTHLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1",
}


def person(name: str, *roles: Role) -> Principal:
    return Principal(id=f"id-{name}", username=name.lower(), name=name, roles=frozenset(roles))


LIAISON = person("林一鸣", Role.LIAISON_OFFICER)
HEAD = person("郑长青", Role.HEAD)
AUDITOR = person("何明", Role.AUDITOR)


def agreement(members: Sequence[str] = (SHOUNING, QINGYUAN), **other: Any) -> Agreement:
    """Return an agreement that asks `members` for an exchange every quarter of 2026, signed long ago."""
    terms = TermsV1.model_validate(
        {
            "code": "sn-qy-151",
            "version": 1,
            "name_zh": "寿宁—庆元警务协作协议书",
            "name_en": "Shouning and Qingyuan co-operation agreement",
            "scope_zh": "生态警务协作",
            "scope_en": "Eco-policing",
            "parties": [
                {"unit_code": code, "name_zh": BUREAUS[code][0], "name_en": BUREAUS[code][1]} for code in members
            ],
            "valid_from": "2026-07-01",
            "valid_until": "2030-12-31",
            "calendar": {"years": [2026], "digest": "0" * 64},
            "duties": [DUTY],
            **other,
        }
    ).settled()
    cosigning = Cosigning.begin(terms.digest(), members[0], members, START.replace(month=6))
    for member in members:
        cosigning = cosigning.sign(member, START.replace(month=6))
    read = Agreement.read([Proposal(terms, cosigning)])
    assert read is not None
    return read


@dataclass
class Desk:
    """One bureau's quarterly room, and its people."""

    node: Node
    room: QuarterlyService
    agreements: list[Agreement]
    quarter: str = QUARTER
    """The exchange that is meant where none is named."""

    @classmethod
    def open(cls, node: Node, *agreements: Agreement) -> "Desk":
        """Take the node's own room, but let it hold other `agreements` in force."""
        kept, built = list(agreements), node.rooms.cooperation.quarterly

        def in_force(_: object) -> list[Agreement]:
            return kept

        room = replace(
            built,
            compiling=replace(built.compiling, in_force=in_force),
            refuse_unshared=Agreed(node.us, in_force).refuse_unshared,
        )
        return cls(node, room, kept)

    @property
    def us(self) -> str:
        return self.node.us

    @property
    def now(self):
        return self.node.clock.now()

    def open_due(self) -> int:
        with self.node.database.begin() as session:
            return self.room.watch(session, self.now)

    def exchange_id(self, key: str = "") -> str:
        with self.node.database.read() as session:
            found = session.scalars(select(Exchange.id).where(Exchange.obligation == (key or self.quarter))).all()
        assert len(found) == 1
        return found[0]

    def edit(self, key: str = "", by: Principal = LIAISON, **written: Any) -> None:
        version, exchange_id = self.draft(key).version, self.exchange_id(key)
        with self.node.database.begin() as session:
            entry = PackageDraftIn.model_validate(written)
            self.room.edit(session, exchange_id, entry, version=version, by=by, now=self.now)

    def approve(self, key: str = "", by: Principal = HEAD) -> str:
        version, exchange_id = self.draft(key).version, self.exchange_id(key)
        with self.node.database.begin() as session:
            return self.room.approve(session, exchange_id, version=version, by=by, now=self.now).digest

    def submit(self, key: str = "", **written: Any) -> str:
        """Draw up what is due, write into it, and send it."""
        self.open_due()
        self.edit(key, **{"highlights": f"{BUREAUS[self.us][0]}本季度重点情况。", **written})
        return self.approve(key)

    def correct(self, correction: str = "更正办结数。") -> str:
        self.begin_correction(correction)
        return self.approve()

    def begin_correction(self, correction: str = "更正办结数。") -> None:
        with self.node.database.begin() as session:
            self.room.correct(session, self.exchange_id(), correction, by=LIAISON, now=self.now)

    def read(self, package: str, by: Principal = LIAISON) -> None:
        with self.node.database.begin() as session:
            self.room.read(session, self.exchange_id(), package, by=by, now=self.now)

    def feed_back(self, package: str, **said: Any) -> None:
        entry = PackageFeedbackIn.model_validate({"package": package, "usefulness": 4, **said})
        with self.node.database.begin() as session:
            self.room.feed_back(session, self.exchange_id(), entry, by=LIAISON, now=self.now)

    def answer(self) -> None:
        """Read and feed back every package of the others."""
        for package in self.show().packages:
            if package.is_current and package.author.unit_code != self.us:
                self.read(package.digest)
                self.feed_back(package.digest)

    def sign_off(self, digest: str | None = None, by: Principal = HEAD) -> None:
        standing = self.show().sign_off
        with self.node.database.begin() as session:
            chosen = digest or (standing.digest if standing else "0" * 64)
            self.room.sign_off(session, self.exchange_id(), chosen, by=by, now=self.now)

    def show(self, key: str = "", by: Principal = LIAISON) -> ExchangeOut:
        with self.node.database.read() as session:
            exchange = ledger.find(session, self.exchange_id(key))
            return self.room.views.show(session, exchange, self.room.due(session, exchange), by, self.now)

    def draft(self, key: str = "") -> PackageDraftOut:
        with self.node.database.read() as session:
            return self.room.views.draft(self.room.draft(session, self.exchange_id(key)))

    def obligation(self, key: str = "") -> Obligation:
        first, last = START.replace(month=7, day=1).date(), self.now.astimezone(CHINA).date()
        return next(
            each for held in self.agreements for each in derive(held, first, last) if each.key == (key or self.quarter)
        )

    def standing(self, key: str = "") -> Standing:
        with self.node.database.read() as session:
            obligation = self.obligation(key)
            return judge(obligation, self.room.evidence_of(session, obligation), self.now)

    def picture(self, key: str = "") -> dict[str, Any]:
        """Return what every party must see alike."""
        shown = self.show(key)
        return {
            "state": shown.state,
            "packages": [package.model_dump(exclude={"rejected_because"}) for package in shown.packages],
            "sign_off": shown.sign_off,
            "standing": self.standing(key),
        }

    def letter(self, package: str):
        with self.node.database.read() as session:
            exchange, row = ledger.find(session, self.exchange_id()), session.get_one(Package, package)
            return self.room.views.letter(session, exchange, row)

    def rejections(self) -> list[str]:
        with self.node.database.read() as session:
            return [row.rejected_because for row in session.scalars(select(Package)) if row.rejected_because]
