"""What somebody raises, before anybody outside hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ecolink.errors import InvalidError
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.exchanges.emergencies.schemas import EmergencyIn
from ecolink.exchanges.enclosures import AttachmentIn
from ecolink.exchanges.governance import GovernanceIn, Terms
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.protocol.kinds.emergencies import Status
from ecolink.protocol.statement import Handling, HandlingCode, Onward

TERMS: Final = Terms(
    classification="internal",
    handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
    legal_basis="警务协作协议书（森林火灾：《森林防火条例》第七条）",
)
PURPOSE: Final = "紧急通报与协同处置"


def named_in(row: Emergency) -> Sequence[AttachmentIn]:
    """Return the files that go with the alert."""
    return [AttachmentIn.model_validate(each) for each in row.attachments]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What raising an emergency would come to."""

    row: Emergency
    """Not kept yet."""
    audience: Sequence[str]
    """The bureaus that would be told."""
    waits: bool
    """For a second person; otherwise it goes out at once."""


class ConfirmationError(InvalidError):
    """The title was not typed again: nothing real is sent by a slip of the hand."""

    code = "confirmation-required"


def draft(entry: EmergencyIn, usual: Terms, *, author: str, by: Principal, now: datetime) -> Emergency:
    """Return the row of an emergency that is raised; what is known of it is still to be written.

    What the entry leaves open of its terms is as `usual`.

    Raises:
        InvalidError: its terms and its status do not agree.

    """
    is_exercise = entry.status is not Status.ACTUAL
    chosen = entry.governance or GovernanceIn(purpose=PURPOSE)
    if chosen.is_exercise and not is_exercise:
        raise InvalidError(
            "A real emergency is no exercise: set `status` to exercise or test.",
            "实情通报不能标为演练：请将 status 设为 exercise 或 test。",
            pointer="/governance/is_exercise",
        )
    terms = usual.settle(chosen.model_copy(update={"is_exercise": is_exercise}))
    return Emergency(
        id=new_id(now),
        version=1,
        author=author,
        recipients=sorted(set(entry.recipients)),
        alliance_id=entry.alliance_id,
        state=EmergencyState.AWAITING_APPROVAL,
        raised_at=now,
        raised_by=by.id,
        raised_by_name=by.name,
        raised_by_role=by.lead_role,
        clock_suspect=False,
        governance=terms.model_dump(mode="json"),
        retain_until=usual.retain_until(chosen, now),
        attachments=[each.model_dump(mode="json") for each in entry.attachments],
    )


def refuse_unaddressed(entry: EmergencyIn) -> None:
    """Insist that it is told to bureaus or to an alliance.

    Raises:
        InvalidError: it names neither, or both.

    """
    if bool(entry.recipients) == bool(entry.alliance_id):
        raise InvalidError(
            "Name the bureaus to tell, or an alliance: one of the two.",
            "请指定通报单位或联盟，二者选一。",
            pointer="/recipients",
        )


def refuse_unconfirmed(title: str, confirm: str | None) -> None:
    """Insist that the title of a real emergency is typed again before it is sent.

    Raises:
        ConfirmationError: it was not.

    """
    if (confirm or "").strip() != title.strip():
        raise ConfirmationError(
            "This goes out as a real emergency: type its title again in `confirm`.",
            "此为实情通报，发出前请在 confirm 中重新输入标题。",
            pointer="/confirm",
        )
