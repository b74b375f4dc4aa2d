"""Exchanges as the API shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.orm import Session

from ecolink.cadence.cosigning import Cosigning
from ecolink.documents.document import Document
from ecolink.exchanges.personal_data import mask_name
from ecolink.exchanges.quarterly import ledger, rules
from ecolink.exchanges.quarterly.letter import Letter
from ecolink.exchanges.quarterly.models import Exchange, Package, PackageDraft, PackageWord
from ecolink.exchanges.quarterly.rules import STATES_ZH, State
from ecolink.exchanges.quarterly.schemas import OBLIGATION, PACKAGE
from ecolink.federation import statements
from ecolink.federation.peers import Peers
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.exchange import ExchangeSubmittedV1, PackageV1

_ID = "019a0000-0000-7000-8000-000000000001"
_PARTY: dict[str, JsonValue] = {
    "unit_code": "350924000000",
    "name_zh": "寿宁县公安局",
    "name_en": "Shouning County Public Security Bureau",
}
_CONTENT = {
    "as_of": "2026-09-30T08:00:00Z",
    "nothing_to_report": False,
    "highlights": "本季度我局共侦办涉林案件3起。",
    "statistics": [{"code": "bulletins_told", "now": 4, "before": 3}],
}

Move = Literal["compile", "edit", "approve", "correct", "read", "feedback", "sign_off"]


class PartyOut(BaseModel):
    """A party of an exchange."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PARTY]})

    unit_code: str
    name_zh: str
    name_en: str


class WordOut(BaseModel):
    """What one party said of a package."""

    party: str = Field(examples=["331126000000"])
    read_at: datetime | None
    read_role: str | None = Field(description="The role of the person who read it.", examples=["liaison_officer"])
    fed_back_at: datetime | None
    usefulness: int | None = Field(examples=[4])
    remarks: str | None = Field(examples=["兰花通报已用于清查快递网点。"])
    correction_wanted: str | None = Field(examples=[None])


class PackageOut(BaseModel):
    """One party's package, as it was signed."""

    digest: str = Field(examples=[PACKAGE])
    author: PartyOut
    edition: int = Field(description="1 is the first, each correction one more.", examples=[1])
    is_current: bool
    late: bool = Field(
        description="It came after it was due; late it stays, also when it makes up for a missed period."
    )
    submitted_at: datetime
    submitted_by: str | None = Field(description="Who wrote it; masked for readers.", examples=["林一鸣"])
    approved_by: str | None = Field(examples=["郑长青"])
    correction: str | None = Field(description="What was corrected, and why.", examples=[None])
    rejected_because: str | None = Field(description="Why a party's node would not take it.", examples=[None])
    content: PackageV1 = Field(examples=[_CONTENT])
    words: list[WordOut]


class SignOffOut(BaseModel):
    """How far the packages that stand are signed off."""

    digest: str = Field(description="What a signature is over: the packages' digests in order.", examples=[PACKAGE])
    signed: dict[str, datetime] = Field(description="By party.", examples=[{"350924000000": "2026-09-30T08:00:00Z"}])
    missing: list[str] = Field(examples=[["331126000000"]])
    completed_at: datetime | None


class ExchangeLineOut(BaseModel):
    """An exchange as lists show it."""

    id: str = Field(examples=[_ID])
    obligation: str = Field(examples=[OBLIGATION])
    agreement: str = Field(examples=["sn-qy-151"])
    period: str = Field(examples=["2026-Q3"])
    parties: list[PartyOut]
    convener: str | None = Field(description="Whose turn it is, where the parties take turns.", examples=[None])
    due_at: datetime | None = Field(description="None where no agreement in force here knows the obligation.")
    overdue: bool = Field(description="It is due and not signed off by all.")
    state: State
    state_zh: str = Field(examples=["待确认"])
    submitted: list[str] = Field(description="Parties whose package is in.", examples=[["350924000000"]])
    ours: Literal["none", "draft", "sent", "correcting"]


class ExchangeOut(ExchangeLineOut):
    """An exchange with all packages."""

    packages: list[PackageOut] = Field(description="Of each party the one that stands, then those it replaced.")
    sign_off: SignOffOut | None = Field(description="None while a party's package is missing.")
    may: list[Move] = Field(description="What is to be done here now.", examples=[["read", "feedback"]])


class PackageDraftOut(BaseModel):
    """Our package as far as it is written."""

    exchange_id: str = Field(examples=[_ID])
    content: PackageV1 = Field(examples=[_CONTENT])
    compiled_at: datetime = Field(description="When its figures were taken.")
    supersedes: str | None = Field(examples=[None])
    correction: str | None = Field(examples=[None])
    edited_by: str | None = Field(description="None: as the node compiled it.", examples=["林一鸣"])
    edited_at: datetime | None
    version: int = Field(examples=[1])


@dataclass(frozen=True, slots=True)
class Due:
    """When an exchange is due, and whose turn it is to see to it."""

    at: datetime | None = None
    convener: str | None = None


@dataclass(frozen=True, repr=False)
class Views:
    """Shows exchanges. `home` is this bureau by name: Chinese, English."""

    us: str
    home: tuple[str, str]
    peers: Peers

    def line(self, session: Session, exchange: Exchange, due: Due, now: datetime) -> ExchangeLineOut:
        """Show an exchange as lists do."""
        rows = [row for row in ledger.packages(session, exchange.id) if row.is_current]
        return ExchangeLineOut.model_validate(self._line(session, exchange, rows, due, now))

    def show(self, session: Session, exchange: Exchange, due: Due, by: Principal, now: datetime) -> ExchangeOut:
        """Show the whole of an exchange."""
        rows = ledger.packages(session, exchange.id)
        said, names = ledger.words(session, rows), self._names(session)
        current = [row for row in rows if row.is_current]
        contributions = list(ledger.contributions(current, said).values())
        signing = ledger.signing_of(session, contributions, exchange)
        ordered = sorted(rows, key=lambda row: (not row.is_current, row.author, -row.edition))
        return ExchangeOut.model_validate(
            {
                **self._line(session, exchange, current, due, now),
                "packages": [self._package(session, row, said, names, due, by) for row in ordered],
                "sign_off": _sign_off(signing),
                "may": self._may(session, exchange, contributions, signing),
            }
        )

    def draft(self, draft: PackageDraft) -> PackageDraftOut:
        """Show our package as far as it is written."""
        return PackageDraftOut(
            exchange_id=draft.exchange_id,
            content=PackageV1.model_validate(draft.content),
            compiled_at=draft.compiled_at,
            supersedes=draft.supersedes,
            correction=draft.correction,
            edited_by=draft.edited_by_name,
            edited_at=draft.edited_at,
            version=draft.version,
        )

    def content(self, session: Session, row: Package) -> ExchangeSubmittedV1:
        """Return what a package says, from its statement."""
        said = statements.find(session, row.author, row.jti).statement
        return ExchangeSubmittedV1.model_validate(said.body)

    def letter_of_draft(self, session: Session, exchange: Exchange, draft: PackageDraft) -> Document:
        """Return our package as it would be printed."""
        return Letter(
            package=PackageV1.model_validate(draft.content),
            obligation=exchange.obligation,
            author=self.us,
            names=self._names_zh(session),
            parties=exchange.parties,
            correction=draft.correction,
        ).document()

    def letter(self, session: Session, exchange: Exchange, row: Package) -> Document:
        """Return a package as it is printed, with who has signed off."""
        body = self.content(session, row)
        signing = ledger.signing_of(session, ledger.standing(session, exchange.id), exchange)
        return Letter(
            package=body,
            obligation=exchange.obligation,
            author=row.author,
            names=self._names_zh(session),
            parties=exchange.parties,
            digest=row.digest,
            submitted_at=row.submitted_at,
            correction=body.correction,
            signing=signing if row.is_current else None,
        ).document()

    # Within ---------------------------------------------------------------------------------------------------

    def _line(
        self, session: Session, exchange: Exchange, current: Sequence[Package], due: Due, now: datetime
    ) -> dict[str, object]:
        names = self._names(session)
        written = session.get(PackageDraft, exchange.id) is not None
        sent = any(row.author == self.us for row in current)
        return {
            "id": exchange.id,
            "obligation": exchange.obligation,
            "agreement": exchange.agreement,
            "period": exchange.period,
            "parties": [_party(code, names) for code in exchange.parties],
            "convener": due.convener,
            "due_at": due.at,
            "overdue": due.at is not None and due.at < now and exchange.state != State.SIGNED_OFF,
            "state": exchange.state,
            "state_zh": STATES_ZH[State(exchange.state)],
            "submitted": [row.author for row in current],
            "ours": ("correcting" if sent else "draft") if written else "sent" if sent else "none",
        }

    def _package(
        self,
        session: Session,
        row: Package,
        said: Mapping[tuple[str, str], PackageWord],
        names: Mapping[str, tuple[str, str]],
        due: Due,
        by: Principal,
    ) -> PackageOut:
        statement = statements.find(session, row.author, row.jti).statement
        body = ExchangeSubmittedV1.model_validate(statement.body)
        private = statement.private_data or {}
        show_name = str if by.may(Permission.OBLIGATION_HANDLE) else mask_name

        def name_of(part: str) -> str | None:
            name = (private.get(part) or {}).get("name")
            return show_name(name) if name else None

        return PackageOut(
            digest=row.digest,
            author=_party(row.author, names),
            edition=row.edition,
            is_current=row.is_current,
            late=due.at is not None and row.submitted_at > due.at,
            submitted_at=row.submitted_at,
            submitted_by=name_of("by"),
            approved_by=name_of("approver"),
            correction=body.correction,
            rejected_because=row.rejected_because,
            content=PackageV1.model_validate(body.model_dump(include=set(PackageV1.model_fields))),
            words=[
                WordOut(
                    party=word.party,
                    read_at=word.read_at,
                    read_role=word.read_role,
                    fed_back_at=word.fed_back_at,
                    usefulness=word.usefulness,
                    remarks=word.remarks,
                    correction_wanted=word.correction_wanted,
                )
                for (digest, _), word in sorted(said.items())
                if digest == row.digest
            ],
        )

    def _may(
        self,
        session: Session,
        exchange: Exchange,
        current: Sequence[rules.Contribution],
        signing: Cosigning | None,
    ) -> list[Move]:
        theirs = [each for each in current if each.author != self.us]
        written = session.get(PackageDraft, exchange.id) is not None
        sent = len(theirs) < len(current)
        answered = not rules.unanswered(current, self.us)
        offered: dict[Move, bool] = {
            "compile": not written and not sent,
            "edit": written,
            "approve": written,
            "correct": sent and not written,
            "read": any(self.us not in each.read_by for each in theirs),
            "feedback": any(self.us in each.read_by for each in theirs),
            "sign_off": signing is not None and answered and self.us not in signing.signatures,
        }
        return [move for move, offer in offered.items() if offer]

    def _names(self, session: Session) -> dict[str, tuple[str, str]]:
        known = {code: (peer.name_zh, peer.name_en) for code, peer in self.peers.names(session).items()}
        return {**known, self.us: self.home}

    def _names_zh(self, session: Session) -> dict[str, str]:
        return {code: name_zh for code, (name_zh, _) in self._names(session).items()}


def _party(code: str, names: Mapping[str, tuple[str, str]]) -> PartyOut:
    name_zh, name_en = names.get(code, (code, code))
    return PartyOut(unit_code=code, name_zh=name_zh, name_en=name_en)


def _sign_off(signing: Cosigning | None) -> SignOffOut | None:
    if signing is None:
        return None
    return SignOffOut(
        digest=signing.digest,
        signed=dict(signing.signatures),
        missing=sorted(signing.missing),
        completed_at=signing.completed_at,
    )
