"""The rooms in which bureaus keep what their agreements promise: each put together by a function of its own.

They stand on the agreements: what is in force, and since when. None knows another; where one must hear of another, it
is handed a function here.
"""

from ecolink.entrypoints.shell import Shell
from ecolink.exchanges.agreements.service import AgreementService
from ecolink.exchanges.voice import Voice
from ecolink.web.cooperation import Cooperation


def furnish_cooperation(shell: Shell) -> Cooperation:
    """Build the rooms of co-operation and hang their hooks."""
    voice = Voice(shell.outbox, shell.settings.retention_months)
    agreements = _furnish_agreements(shell, voice)
    return Cooperation(agreements=agreements)


def _furnish_agreements(shell: Shell, voice: Voice) -> AgreementService:
    agreements = AgreementService(voice=voice, peers=shell.peers, access=shell.access)
    shell.handlers.update(agreements.arrivals.handlers())
    shell.hooks.returned.append(agreements.arrivals.take_back)
    shell.hooks.rejected["agreement"] = agreements.arrivals.note_rejected
    return agreements
