"""Contacts as people see them: a line in a list, the whole of one, the record form that is open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from ecolink.cadence.cosigning import Cosigning
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.duties import InForce
from ecolink.exchanges.liaison import duties, ledger
from ecolink.exchanges.liaison.contacts import met_by
from ecolink.exchanges.liaison.forms import Form
from ecolink.exchanges.liaison.models import LiaisonRecord
from ecolink.exchanges.liaison.schemas import CONTACT, RECORD
from ecolink.exchanges.personal_data import mask_name
from ecolink.federation import threads
from ecolink.federation.peers import Peers
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.liaison import FootingV1, LiaisonRecordedV1, Method, OpenMatterV1

State = Literal["awaiting", "objected", "confirmed", "withdrawn"]
Move = Literal["confirm", "object", "correct", "withdraw"]

STATES_ZH: Mapping[str, str] = {
    "awaiting": "待确认", "objected": "有异议", "confirmed": "各方已确认", "withdrawn": "已撤回"
}  # fmt: skip
METHODS_ZH: Mapping[str, str] = {
    "call": "电话", "video": "视频", "meeting": "会面", "shared_station": "联合警务站"
}  # fmt: skip
_TOPICS: Mapping[str, tuple[str, str]] = {
    "lead": ("线索协查待办", "leads waiting"),
    "lead-feedback": ("线索答复待反馈", "replies without feedback"),
    "bulletin-unread": ("情报通报未读", "bulletins unread"),
    "bulletin-feedback": ("情报通报待反馈", "bulletins without feedback"),
    "emergency": ("上次联系以来的紧急通报", "emergencies since the last contact"),
    "undelivered": ("尚未送达的消息", "statements not delivered yet"),
}

_THREAD = "019ab000-0000-7000-8000-000000000001"
_LINE: dict[str, Any] = {
    "id": _THREAD,
    "record": RECORD,
    "edition": 1,
    "state": "awaiting",
    "state_zh": "待确认",
    "may": ["confirm", "object"],
    "agreement": "sn-qy-151",
    "held_at": "2026-11-22T01:30:00Z",
    "method": "video",
    "method_zh": "视频",
    "nothing_to_report": False,
    "makes_up": None,
    "recorded_at": "2026-11-22T02:00:00Z",
    "parties": [
        {
            "unit_code": "350924000000",
            "name_zh": "寿宁县公安局",
            "name_en": "Shouning County Public Security Bureau",
            "is_author": True,
            "signed_at": "2026-11-22T02:00:00Z",
            "objected_at": None,
            "reason": None,
        }
    ],
}


class PartyOut(BaseModel):
    """A bureau that took part, and its word on the record."""

    unit_code: str
    name_zh: str
    name_en: str
    is_author: bool
    signed_at: datetime | None
    objected_at: datetime | None
    reason: str | None = Field(description="Why it objects.")


class ContactLineOut(BaseModel):
    """One contact, by the record of it that stands."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LINE]})

    id: str = Field(description="The thread, the same at every party.")
    record: str = Field(description="Digest of the record: what the parties sign.")
    edition: int = Field(description="1 is the first record, each correction one more.")
    state: State
    state_zh: str
    may: list[Move] = Field(description="What our side may do with it now.")
    agreement: str | None
    held_at: datetime
    method: Method
    method_zh: str
    nothing_to_report: bool
    makes_up: str | None = Field(description="The missed obligation it makes up for.")
    recorded_at: datetime
    parties: list[PartyOut]


class ParticipantOut(BaseModel):
    """Somebody who took part; masked for those who do not handle contacts."""

    unit_code: str
    name: str
    post: str | None


class OpenMatterOut(BaseModel):
    """So many matters of one sort are open between two bureaus."""

    partner: str
    topic: str
    zh: str
    en: str
    owing: str | None = Field(description="Who has to do something.")
    count: int
    threads: list[str] = Field(description="The oldest of them.")

    @classmethod
    def of(cls, matter: OpenMatterV1) -> "OpenMatterOut":
        """Show one."""
        zh, en = _TOPICS.get(matter.topic, (matter.topic, matter.topic))
        return cls(
            partner=matter.partner,
            topic=matter.topic,
            zh=zh,
            en=en,
            owing=matter.owing,
            count=matter.count,
            threads=list(matter.threads),
        )


class FootingOut(BaseModel):
    """How a record's author stands with a partner's node."""

    partner: str
    state: str
    keys: str = Field(description="Digest of the partner's key manifest.")
    clock_skew_s: int | None = Field(description="The partner's clock minus ours, in seconds.")
    last_contact_at: datetime | None
    checkpoint: str | None = Field(description="The newest checkpoint held of the partner's evidence log.")

    @classmethod
    def of(cls, footing: FootingV1) -> "FootingOut":
        """Show one."""
        return cls(**{name: getattr(footing, name) for name in cls.model_fields})


class EditionOut(BaseModel):
    """One record of a contact, and what became of it."""

    record: str
    edition: int
    state: State
    recorded_at: datetime
    withdrawn_because: str | None
    parties: list[PartyOut]


class ContactOut(ContactLineOut):
    """A contact with all its record says, and how it came to stand."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_LINE,
                    **{name: CONTACT[name] for name in ("topics", "conclusions", "participants")},
                    "recorded_by": "林一鸣",
                    "open_matters": [],
                    "footing": [],
                    "checkpoint": None,
                    "meets": ["sn-qy-151/liaison/2026-11"],
                    "history": [],
                }
            ]
        }
    )

    topics: list[str]
    conclusions: str | None
    participants: list[ParticipantOut] = Field(description="Empty once their names were erased.")
    recorded_by: str | None
    open_matters: list[OpenMatterOut]
    footing: list[FootingOut]
    checkpoint: str | None = Field(description="Of its author's evidence log, when it was recorded.")
    meets: list[str] = Field(description="The obligations it counts for once all have signed.")
    history: list[EditionOut] = Field(description="Every record of this contact, oldest first.")


class FormOut(BaseModel):
    """A record form that is open, filled in with what is open between the bureaus."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "partners": ["331126000000"],
                    "agreement": "sn-qy-151",
                    "obligation": "sn-qy-151/liaison/2026-11",
                    "due_on": "2026-11-30",
                    "overdue": False,
                    "makes_up": None,
                    "last_held_at": "2026-10-20T01:00:00Z",
                    "open_matters": [
                        {
                            "partner": "331126000000",
                            "topic": "lead",
                            "zh": "线索协查待办",
                            "en": "leads waiting",
                            "owing": "331126000000",
                            "count": 1,
                            "threads": [_THREAD],
                        }
                    ],
                    "footing": [],
                    "checkpoint": "ecolink.log/350924000000/1\n…",
                    "to_confirm": [],
                }
            ]
        }
    )

    partners: list[str]
    agreement: str | None
    obligation: str | None = Field(description="What the contact will meet.")
    due_on: date | None
    overdue: bool
    makes_up: str | None = Field(description="Copy it into the record: its period is over.")
    last_held_at: datetime | None
    open_matters: list[OpenMatterOut]
    footing: list[FootingOut]
    checkpoint: str
    to_confirm: list[str] = Field(description="Contacts of these bureaus that wait for our word: look there first.")


@dataclass(frozen=True, repr=False)
class Views:
    """Shows contacts. `home` is this bureau by name: Chinese, English."""

    us: str
    home: tuple[str, str]
    peers: Peers
    in_force: InForce

    def form(self, form: Form, now: datetime) -> FormOut:
        """Show a form."""
        due = form.obligation
        return FormOut(
            partners=list(form.partners),
            agreement=due.agreement if due else None,
            obligation=due.key if due else None,
            due_on=due.due_on if due else None,
            overdue=due is not None and due.due_at < now,
            makes_up=form.makes_up,
            last_held_at=form.last_held_at,
            open_matters=[OpenMatterOut.of(matter) for matter in form.matters],
            footing=[FootingOut.of(footing) for footing in form.footing],
            checkpoint=form.checkpoint,
            to_confirm=list(form.to_confirm),
        )

    def lines(self, session: Session, rows: Sequence[LiaisonRecord]) -> list[ContactLineOut]:
        """Show records as lists do."""
        cosignings = register.read(session, ledger.documents(session, rows).values())
        names = self._names(session)
        return [ContactLineOut(**self._line(row, cosignings[row.digest], names)) for row in rows]

    def show(self, session: Session, row: LiaisonRecord, by: Principal) -> ContactOut:
        """Show the whole of a contact by the record that stands."""
        rows = ledger.records(session, row.contact)
        documents = ledger.documents(session, rows)
        cosignings, names = register.read(session, documents.values()), self._names(session)
        said = next(each for each in threads.load(session, row.contact) if each.statement.digest == row.digest)
        body = LiaisonRecordedV1.model_validate(said.statement.body)
        private = said.statement.private_data or {}
        obligations = duties.about(self.in_force(session), row.members, row.held_at)
        missed = duties.named(self.in_force(session), row.makes_up) if row.makes_up else None
        meant = [missed] if missed else [] if row.makes_up else list(obligations)
        show_name = str if by.may(Permission.OBLIGATION_HANDLE) else mask_name
        recorder = (private.get("by") or {}).get("name")
        return ContactOut(
            **self._line(row, cosignings[row.digest], names),
            topics=list(body.topics),
            conclusions=body.conclusions,
            participants=[
                ParticipantOut(unit_code=person["unit_code"], name=show_name(person["name"]), post=person.get("post"))
                for person in private.get("participants", ())
            ],
            recorded_by=show_name(recorder) if recorder else None,
            open_matters=[OpenMatterOut.of(matter) for matter in body.open_matters],
            footing=[FootingOut.of(footing) for footing in body.footing],
            checkpoint=body.checkpoint,
            meets=met_by(ledger.editions(session, rows)[row.contact], meant),
            history=[
                EditionOut(
                    record=each.digest,
                    edition=each.edition,
                    state=each.state,  # type: ignore[arg-type]  # the table knows no other
                    recorded_at=each.recorded_at,
                    withdrawn_because=documents[each.digest].withdrawn_because,
                    parties=self._parties(each, cosignings[each.digest], names),
                )
                for each in rows
            ],
        )

    def _line(self, row: LiaisonRecord, cosigning: Cosigning, names: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
        return {
            "id": row.contact,
            "record": row.digest,
            "edition": row.edition,
            "state": row.state,
            "state_zh": STATES_ZH[row.state],
            "may": self._may(row, cosigning),
            "agreement": row.agreement,
            "held_at": row.held_at,
            "method": row.method,
            "method_zh": METHODS_ZH[row.method],
            "nothing_to_report": row.nothing_to_report,
            "makes_up": row.makes_up,
            "recorded_at": row.recorded_at,
            "parties": self._parties(row, cosigning, names),
        }

    def _may(self, row: LiaisonRecord, cosigning: Cosigning) -> list[Move]:
        if row.state == "withdrawn":
            return []
        if row.author == self.us:
            return ["correct"] if row.state == "confirmed" else ["correct", "withdraw"]
        return [] if self.us in cosigning.signatures else ["confirm", "object"]

    def _parties(
        self, row: LiaisonRecord, cosigning: Cosigning, names: Mapping[str, tuple[str, str]]
    ) -> list[PartyOut]:
        parties = []
        for code in row.parties.split():
            name_zh, name_en = names.get(code, (code, code))
            objection = cosigning.objections.get(code)
            parties.append(
                PartyOut(
                    unit_code=code,
                    name_zh=name_zh,
                    name_en=name_en,
                    is_author=code == row.author,
                    signed_at=cosigning.signatures.get(code),
                    objected_at=objection.at if objection else None,
                    reason=objection.reason if objection else None,
                )
            )
        return parties

    def _names(self, session: Session) -> dict[str, tuple[str, str]]:
        known = {code: (peer.name_zh, peer.name_en) for code, peer in self.peers.names(session).items()}
        return {**known, self.us: self.home}
