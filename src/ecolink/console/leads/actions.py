"""The moves that people make on a lead that was sent: what each is called, who may make it, and how it is asked for.

Which of them are possible now is the room's to say (`LeadOut.open_moves`); here is only how they are offered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ecolink.console.language import mark as _
from ecolink.exchanges.leads import schemas
from ecolink.exchanges.leads.moves import WRITTEN
from ecolink.exchanges.leads.views import LeadOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A move as it is offered to a person."""

    move: str
    """Its name in the table, and in the address of its form."""
    needs: Permission
    name: str
    """What its button says."""
    says: str
    """What happens then, in a sentence."""
    done: str
    """What is said after it, where nobody has to approve it."""
    is_long: bool = False
    """Its form takes a page of its own; the others open above the page."""
    tone: str = ""

    @property
    def written(self) -> type[schemas.Written]:
        """What its form is read into."""
        return WRITTEN[self.move]

    def path(self, lead_id: str) -> str:
        """Where its form is."""
        return f"/leads/{lead_id}/moves/{self.move}"


_APPROVED: Final = _("It goes to an approver first; nothing is sent before.")

ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {
        action.move: action
        for action in (
            Action(
                move="acknowledged",
                needs=Permission.LEAD_ACKNOWLEDGE,
                name=_("Acknowledge"),
                says=_("The other bureau sees at once who took it on, and when."),
                done=_("Acknowledged."),
            ),
            Action(
                move="accepted",
                needs=Permission.LEAD_HANDLE,
                name=_("Accept"),
                says=_("The formalities are complete, and we will do it."),
                done=_("Accepted."),
            ),
            Action(
                move="started",
                needs=Permission.LEAD_HANDLE,
                name=_("Start work"),
                says=_("The other bureau sees that work has begun."),
                done=_("Work has begun."),
            ),
            Action(
                move="replied",
                needs=Permission.LEAD_HANDLE,
                name=_("Reply"),
                says=_APPROVED,
                done=_("Replied."),
                is_long=True,
            ),
            Action(
                move="resubmitted",
                needs=Permission.LEAD_DRAFT,
                name=_("Correct and send again"),
                says=_APPROVED,
                done=_("Sent again."),
                is_long=True,
            ),
            Action(
                move="information_provided",
                needs=Permission.LEAD_DRAFT,
                name=_("Answer the questions"),
                says=_("If it names persons it goes to an approver first; otherwise it is sent at once."),
                done=_("Answered."),
                is_long=True,
            ),
            Action(
                move="feedback",
                needs=Permission.LEAD_FEEDBACK,
                name=_("Give feedback"),
                says=_("The other bureau learns what its work was good for."),
                done=_("Feedback given."),
            ),
            Action(
                move="closed",
                needs=Permission.LEAD_FEEDBACK,
                name=_("Close the lead"),
                says=_("Nothing more can be said on this lead then."),
                done=_("Closed."),
            ),
            Action(
                move="information_requested",
                needs=Permission.LEAD_HANDLE,
                name=_("Ask for more information"),
                says=_("The time to answer rests until they have answered."),
                done=_("Asked."),
            ),
            Action(
                move="returned",
                needs=Permission.LEAD_HANDLE,
                name=_("Return for correction"),
                says=_APPROVED,
                done=_("Returned."),
            ),
            Action(
                move="transferred",
                needs=Permission.LEAD_HANDLE,
                name=_("Pass on to another bureau"),
                says=_APPROVED,
                done=_("Passed on."),
            ),
            Action(
                move="withdrawn",
                needs=Permission.LEAD_FEEDBACK,
                name=_("Withdraw the request"),
                says=_("The other bureau stops working on it. A reply that is on its way still counts."),
                done=_("Withdrawn."),
                tone="danger",
            ),
        )
    }
)
"""In the order in which they are offered. A message is written where the conversation stands."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a person may do with a lead now: one thing first, and the others."""

    first: Action | None
    others: tuple[Action, ...]


def offer(lead: LeadOut, by: Principal) -> Offer:
    """Return what is possible now and open to `by`. Nothing comes first while the other bureau has its turn."""
    open_to = tuple(_open_to(lead, by))
    if lead.turn == "us" and open_to and not lead.proposals:
        return Offer(open_to[0], open_to[1:])
    return Offer(None, open_to)


def _open_to(lead: LeadOut, by: Principal) -> Iterator[Action]:
    for move, action in ACTIONS.items():
        if move in lead.open_moves and by.may(action.needs):
            yield action
