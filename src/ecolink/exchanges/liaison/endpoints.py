"""`/api/v1/liaison-contacts`: the record forms that are open, and the contacts recorded, confirmed, objected to."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import BaseModel, Field
from sqlalchemy import Select, select

from ecolink.exchanges.liaison import ledger
from ecolink.exchanges.liaison.models import LiaisonRecord
from ecolink.exchanges.liaison.schemas import ConfirmationIn, ContactIn, CorrectionIn, ObjectionIn
from ecolink.exchanges.liaison.service import LiaisonService
from ecolink.exchanges.liaison.views import ContactLineOut, ContactOut, FormOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.common import UnitCode
from ecolink.protocol.limits import MAX_RECIPIENTS
from ecolink.surface.auth import requires
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute

ContactId = Annotated[str, Path(max_length=36, examples=["019ab000-0000-7000-8000-000000000001"])]
Reader = Annotated[Principal, requires(Permission.OBLIGATION_READ)]
Handler = Annotated[Principal, requires(Permission.OBLIGATION_HANDLE)]


class ContactFilters(BaseModel):
    """Which contacts to list."""

    partner: UnitCode | None = Field(default=None, description="A bureau that took part.")
    state: Literal["awaiting", "objected", "confirmed", "withdrawn"] | None = None
    to_confirm: bool = Field(default=False, description="Only records that wait for our word.")
    held_after: datetime | None = None
    held_before: datetime | None = None

    def select(self, us: str) -> Select[LiaisonRecord]:
        """Return the contacts that agree with all of it, each by the record that stands."""
        chosen = ledger.awaiting(us) if self.to_confirm else select(LiaisonRecord).where(LiaisonRecord.is_current)
        if self.partner is not None:
            chosen = chosen.where(LiaisonRecord.parties.contains(self.partner))
        if self.state is not None:
            chosen = chosen.where(LiaisonRecord.state == self.state)
        if self.held_after is not None:
            chosen = chosen.where(LiaisonRecord.held_at >= self.held_after)
        if self.held_before is not None:
            chosen = chosen.where(LiaisonRecord.held_at < self.held_before)
        return chosen


class FormsOut(BaseModel):
    """The record forms that are open now, the one due first in front."""

    items: list[FormOut]


def router(service: LiaisonService) -> APIRouter:
    """Return the operations on contacts."""
    api = APIRouter(prefix="/liaison-contacts", tags=["liaison"], route_class=TransactionalRoute)
    _add_reading(api, service)
    _add_recording(api, service)
    _add_answering(api, service)
    return api


def _add_reading(api: APIRouter, service: LiaisonService) -> None:
    @api.get("", operation_id="list_liaison_contacts", summary="List contacts / 月联系记录列表")
    def list_liaison_contacts(
        session: SessionDep,
        paging: Paging,
        wanted: Annotated[ContactFilters, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Page[ContactLineOut]:
        """Ours and peers' contacts, each by the record that stands, the latest first."""
        page = paging.read(
            session,
            wanted.select(service.us),
            order=(LiaisonRecord.held_at, LiaisonRecord.digest),
            shape=lambda row: row,
        )
        return Page(items=service.views.lines(session, page.items), next=page.next)

    @api.get("/forms", operation_id="list_liaison_forms", summary="The record forms that are open / 待填写的联系记录")
    def list_liaison_forms(session: SessionDep, now: NowDep, by: Reader) -> FormsOut:  # noqa: ARG001
        """One form for every monthly contact that is due and not confirmed, filled in with what is open.

        A form opens by itself with its period, and stays until all parties have signed a record.
        """
        return FormsOut(items=[service.views.form(form, now) for form in service.forms.due(session, now)])

    @api.get("/form", operation_id="get_liaison_form", summary="A form for a contact with these / 填写联系记录")
    def get_liaison_form(
        session: SessionDep,
        now: NowDep,
        by: Reader,  # noqa: ARG001
        partner: Annotated[
            list[UnitCode], Query(min_length=1, max_length=MAX_RECIPIENTS, description="Repeat it for several.")
        ],
    ) -> FormOut:
        """A form for a contact that no duty asks for just now, filled in with what is open between the bureaus."""
        return service.views.form(service.forms.between(session, partner), now)

    @api.get("/{contact_id}", operation_id="get_liaison_contact", summary="Show a contact / 查看联系记录")
    def get_liaison_contact(contact_id: ContactId, session: SessionDep, by: Reader) -> ContactOut:
        """The record that stands with all it says, who signed it, what it counts for, and every record before it."""
        return service.views.show(session, ledger.current(session, contact_id), by)


def _add_recording(api: APIRouter, service: LiaisonService) -> None:
    @api.post(
        "",
        operation_id="record_liaison_contact",
        summary="Record a contact / 记录联系",
        status_code=status.HTTP_201_CREATED,
    )
    def record_liaison_contact(
        entry: ContactIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> ContactOut:
        """Recording is signing: the record goes to the partners, and counts when all of them have confirmed it."""
        row = service.record(session, entry, by=by, now=now)
        response.headers["Location"] = f"/api/v1/liaison-contacts/{row.contact}"
        return service.views.show(session, row, by)

    @api.post(
        "/{contact_id}/correct", operation_id="correct_liaison_contact", summary="Correct our record / 更正联系记录"
    )
    def correct_liaison_contact(
        contact_id: ContactId, entry: CorrectionIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ContactOut:
        """Another record of ours takes the place of one, and is to be confirmed anew; the old one stays readable."""
        return service.views.show(session, service.correct(session, contact_id, entry, by=by, now=now), by)

    @api.post(
        "/{contact_id}/withdraw", operation_id="withdraw_liaison_contact", summary="Take our record back / 撤回联系记录"
    )
    def withdraw_liaison_contact(
        contact_id: ContactId, entry: ObjectionIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ContactOut:
        """Only while not all have signed it; afterwards it can be corrected."""
        row = service.withdraw(session, contact_id, entry.record, reason=entry.reason, by=by, now=now)
        return service.views.show(session, row, by)


def _add_answering(api: APIRouter, service: LiaisonService) -> None:
    @api.post(
        "/{contact_id}/confirm", operation_id="confirm_liaison_contact", summary="Sign their record / 确认联系记录"
    )
    def confirm_liaison_contact(
        contact_id: ContactId, entry: ConfirmationIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ContactOut:
        """Signs exactly the record that was read: 409 when it was corrected in the meantime."""
        return service.views.show(session, service.confirm(session, contact_id, entry.record, by=by, now=now), by)

    @api.post(
        "/{contact_id}/object", operation_id="object_to_liaison_contact", summary="Object, with a reason / 提出异议"
    )
    def object_to_liaison_contact(
        contact_id: ContactId, entry: ObjectionIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ContactOut:
        """Its author may then correct the record or take it back; we may sign it later all the same."""
        row = service.object_to(session, contact_id, entry.record, reason=entry.reason, by=by, now=now)
        return service.views.show(session, row, by)
