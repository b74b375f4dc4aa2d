"""The leads room as the rest of the node knows it."""

from dataclasses import dataclass
from typing import Self

from ecolink.attachments.service import Attachments
from ecolink.audit.access import AccessLog
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.governance import Terms
from ecolink.exchanges.leads.arrivals import Arrivals
from ecolink.exchanges.leads.casebook import Casebook
from ecolink.exchanges.leads.dispatch import Dispatch
from ecolink.exchanges.leads.drafting import Drafting
from ecolink.exchanges.leads.lists import Lists
from ecolink.exchanges.leads.moves import Moving
from ecolink.exchanges.leads.reading import Reading
from ecolink.exchanges.leads.views import BureauOut
from ecolink.federation.keystore import Keystore
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import Peers
from ecolink.protocol.statement import Handling, HandlingCode, Onward
from ecolink.search.index import SearchIndex

LEAD_TERMS = Terms(
    classification="work-secret",
    handling=Handling(code=HandlingCode.H2, onward=Onward.NONE),
    legal_basis="《公安机关办理刑事案件程序规定》第三百四十八条；警务协作协议书",
)
"""What holds for a lead unless the officer or an agreement says otherwise (P)."""


@dataclass(frozen=True, repr=False, kw_only=True)
class LeadService:
    """`drafting` prepares, `moving` makes moves, `arrivals` applies theirs, `lists` finds, `reading` shows."""

    drafting: Drafting
    moving: Moving
    arrivals: Arrivals
    lists: Lists
    reading: Reading

    @classmethod
    def assemble(
        cls,
        home: BureauOut,
        *,
        peers: Peers,
        search: SearchIndex,
        outbox: Outbox,
        attachments: Attachments,
        access: AccessLog,
        keystore: Keystore,
        agreed: Agreed,
        terms: Terms = LEAD_TERMS,
    ) -> Self:
        """Put the room together from the node's services; `home` is this bureau by name."""
        casebook = Casebook(us=outbox.us, peers=peers, search=search, agreed=agreed)
        dispatch = Dispatch(casebook=casebook, outbox=outbox, attachments=attachments, access=access)
        moving = Moving(casebook=casebook, dispatch=dispatch, access=access, terms=terms)
        return cls(
            drafting=Drafting(casebook=casebook, dispatch=dispatch, access=access, terms=terms),
            moving=moving,
            arrivals=Arrivals(casebook=casebook, access=access),
            lists=Lists(search=search),
            reading=Reading(casebook=casebook, moving=moving, access=access, keystore=keystore, terms=terms, home=home),
        )
