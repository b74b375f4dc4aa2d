"""Killed at any statement to its database, a worker loses nothing: what was posted is sent, at most twice."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import event

from ecolink.storage.engine import Database, connect
from tests.alerts.office import Office, kind_of
from tests.support.town import Killed


def reopened(url: str, before: Office | None = None) -> Office:
    """Return the post office of a process that has just started on this database."""
    office = Office(Database(connect(url)))
    if before is not None:
        before.database.dispose()
        office.services, office.clock = before.services, before.clock
        office.post = office.rebuilt()
        office.post.sending.take_over()
    return office


def doom(office: Office, statements: int) -> None:
    """Let the process die after so many further statements to its database."""
    left = statements

    @event.listens_for(office.database.engine, "before_cursor_execute")
    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_worker_killed_at_any_statement_loses_no_message(database_url: str):
    office = reopened(database_url)
    ntfy, sms = office.channel("ntfy"), office.channel("sms")
    people = [office.officer(name, ntfy, sms) for name in ("lin", "zhou")]
    killed = 0
    for statements in range(40):
        alert = f"alert-{statements}"
        # Every third time the first channel is dead, so that dying on the way to another one is tried as well.
        office.services.otherwise.clear()
        if statements % 3 == 0:
            office.services.is_dead("ntfy")
        office.services.carried.clear()
        office.clock.advance(timedelta(minutes=10))
        office.tell(*people, alert_id=alert, number=alert)
        doom(office, statements)
        try:
            office.send()
        except Killed:
            killed += 1
        office = reopened(database_url, office)
        office.send()
        office.wait(seconds=60)

        assert office.states(alert) == ["sent", "sent"], statements
        taken = Counter(kind_of(request) for request in office.services.carried)
        assert 2 <= taken["sms"] + taken["ntfy"] <= 6
    assert killed > 20
    office.database.dispose()
