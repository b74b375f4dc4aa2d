"""The quarterly room, put together: what the other rooms count is handed to it here."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import china_day
from ecolink.cadence.deadlines import end_of_day
from ecolink.entrypoints.shell import Shell
from ecolink.exchanges.admission import Admission
from ecolink.exchanges.bulletins import figures as bulletins
from ecolink.exchanges.emergencies import figures as emergencies
from ecolink.exchanges.leads import figures as leads
from ecolink.exchanges.obligations.book import Book
from ecolink.exchanges.quarterly.arrivals import Arrivals
from ecolink.exchanges.quarterly.compiling import Compiling
from ecolink.exchanges.quarterly.service import QuarterlyService
from ecolink.exchanges.quarterly.views import Views
from ecolink.exchanges.voice import Voice


def furnish_quarterly(shell: Shell, voice: Voice, admission: Admission, book: Book) -> QuarterlyService:
    """Build the room and hang its hooks."""
    us, settings, database, hooks = voice.us, shell.settings, shell.database, shell.hooks
    in_force = admission.agreed.in_force
    quarterly = QuarterlyService(
        voice=voice,
        access=shell.access,
        compiling=Compiling(
            us=us,
            in_force=in_force,
            is_waived=book.is_waived,
            counts=(
                bulletins.count,
                leads.count,
                lambda session, partners, begin, end: emergencies.count(session, us, partners, begin, end),
            ),
            bulletins_told=bulletins.told_to_all,
            open_requests=lambda session, partner: leads.open_with(session, us, partner),
        ),
        arrivals=Arrivals(us, book.settle),
        views=Views(us, (settings.name_zh, settings.name_en), shell.peers),
        refuse_unshared=admission.agreed.refuse_unshared,
    )
    shell.handlers.update(admission.guard(quarterly.arrivals.handlers()))
    hooks.returned.append(quarterly.arrivals.take_back)
    hooks.rejected["exchange"] = quarterly.arrivals.on_rejected
    looked: tuple[date, Collection[Agreement]] | None = None

    def watch(now: datetime) -> datetime:
        """Draw up what is due: once a day, and when an agreement has come into force."""
        nonlocal looked
        with database.read() as session:
            seen = (china_day(now), in_force(session))
            waiting = seen != looked and quarterly.compiling.waiting(session, now)
        if waiting:
            with database.begin() as session:
                quarterly.compiling.open_due(session, now)
        looked = seen
        return end_of_day(china_day(now)) + timedelta(seconds=1)

    hooks.watch.append(watch)
    return quarterly
