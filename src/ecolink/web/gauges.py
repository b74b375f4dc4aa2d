"""How the node stands, read from its database when somebody asks: the same whichever of its processes answers.

Every query reads a handful of rows, or counts along an index of what waits; none grows with what a node has
exchanged in its life. What was read is kept for a few seconds, so that asking often costs nothing.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Dispatch, DispatchState
from ecolink.alerts.health import health_of_channels
from ecolink.attachments.models import WAITING, Transfer
from ecolink.audit.models import LogHead
from ecolink.errors import UnavailableError
from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.exchanges.emergencies.tasks import TaskKind, TaskState
from ecolink.federation import queues
from ecolink.federation.applying import WAITS
from ecolink.federation.models import PARKED, PENDING, Alarm, InChannel, OutChannel, PeerRow, StatementRow
from ecolink.federation.peers import PeerState
from ecolink.kit.clock import Clock
from ecolink.kit.meters import told
from ecolink.storage import heartbeats
from ecolink.storage.engine import Database

FRESH = timedelta(seconds=5)
"""How long what was read is told again."""

_CHANNEL = ("peer", "lane")

Reading = Callable[[Session, datetime], Iterator[Metric]]


@dataclass(eq=False)
class Gauges(Collector):
    """Reads the node's state; a collector of prometheus-client."""

    database: Database
    clock: Clock
    data_dir: Path
    _kept: list[Metric] = field(default_factory=list)
    _read_at: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def collect(self) -> list[Metric]:
        """Return every gauge; of a database that cannot be read only `ecolink_database_up`, which is 0."""
        with self._lock:
            now = self.clock.now()
            if self._read_at is None or not timedelta(0) <= now - self._read_at < FRESH:
                self._kept, self._read_at = [*self._read(now), self._disk()], now
            return self._kept

    def describe(self) -> list[Metric]:
        """Promise nothing, so that making a registry asks no database."""
        return []

    def _read(self, now: datetime) -> list[Metric]:
        up = GaugeMetricFamily("ecolink_database_up", "Whether the database can be read")
        try:
            with self.database.read() as session:
                found = [metric for reading in READINGS for metric in reading(session, now)]
        except UnavailableError:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *found]

    def _disk(self) -> Metric:
        free = GaugeMetricFamily("ecolink_disk_free_bytes", "What is free where the data directory lies")
        free.add_metric([], shutil.disk_usage(self.data_dir).free)
        return free


def _queues(session: Session, now: datetime) -> Iterator[Metric]:
    depth = GaugeMetricFamily("ecolink_queue_depth", "Statements that wait for a peer's receipt", labels=_CHANNEL)
    oldest = GaugeMetricFamily(
        "ecolink_queue_oldest_seconds", "Since when the first of them waits; 0 when none does", labels=_CHANNEL
    )
    for queue in queues.status(session):
        depth.add_metric((queue.peer, queue.lane), queue.waiting)
        oldest.add_metric((queue.peer, queue.lane), _age(queue.oldest, now))
    yield from (depth, oldest)


def _channels(session: Session, _: datetime) -> Iterator[Metric]:
    sent = GaugeMetricFamily("ecolink_channel_queued", "Places given to a peer's statements so far", labels=_CHANNEL)
    confirmed = GaugeMetricFamily("ecolink_channel_receipted", "Places a peer has receipted so far", labels=_CHANNEL)
    received = GaugeMetricFamily("ecolink_channel_received", "Places we have receipted to a peer", labels=_CHANNEL)
    ours = select(
        OutChannel.recipient, OutChannel.lane, func.sum(OutChannel.last_seq), func.sum(OutChannel.receipted_seq)
    ).group_by(OutChannel.recipient, OutChannel.lane)
    for peer, lane, last, receipted in session.execute(ours):
        sent.add_metric((peer, lane), float(last))
        confirmed.add_metric((peer, lane), float(receipted))
    theirs = select(InChannel.sender, InChannel.lane, func.sum(InChannel.head_seq)).group_by(
        InChannel.sender, InChannel.lane
    )
    for peer, lane, head in session.execute(theirs):
        received.add_metric((peer, lane), float(head))
    yield from (sent, confirmed, received)


def _peers(session: Session, now: datetime) -> Iterator[Metric]:
    state = GaugeMetricFamily("ecolink_peer_state", "1 for the state a peer is in", labels=("peer", "state"))
    contact = GaugeMetricFamily("ecolink_peer_last_contact_seconds", "Since when a peer was not heard", labels=["peer"])
    skew = GaugeMetricFamily("ecolink_peer_clock_skew_seconds", "A peer's clock against ours", labels=["peer"])
    heard = func.coalesce(PeerRow.last_contact_at, PeerRow.activated_at, type_=PeerRow.last_contact_at.type)
    columns = (PeerRow.unit_code, PeerRow.state, heard, PeerRow.clock_skew_s)
    for peer, present, last, skewed in session.execute(select(*columns)):
        for possible in PeerState:
            state.add_metric((peer, possible.value), present == possible)
        if last is not None:
            contact.add_metric((peer,), _age(last, now))
        if skewed is not None:
            skew.add_metric((peer,), skewed)
    yield from (state, contact, skew)


def _emergencies(session: Session, now: datetime) -> Iterator[Metric]:
    """Tell of real ones only: a drill never looks like the real thing."""
    whose = ("waits_for",)
    count = GaugeMetricFamily("ecolink_emergencies_unacknowledged", "Emergencies that nobody signed for", labels=whose)
    oldest = GaugeMetricFamily(
        "ecolink_emergency_unacknowledged_seconds", "Since when the oldest of them waits", labels=whose
    )
    signatures = {TaskKind.SIGNATURE.value: "peer", TaskKind.ACKNOWLEDGE.value: "us"}
    since = func.min(func.coalesce(Emergency.sent_at, Emergency.raised_at), type_=Emergency.raised_at.type)
    live = CallTask.state.in_((TaskState.PLANNED.value, TaskState.OPEN.value))
    waiting = (
        select(CallTask.kind, func.count(CallTask.emergency_id.distinct()), since)
        .join(Emergency, Emergency.id == CallTask.emergency_id)
        .where(CallTask.status == "actual", live, CallTask.kind.in_(signatures))
        .group_by(CallTask.kind)
    )
    found = {kind: (number, first) for kind, number, first in session.execute(waiting)}
    for kind, who in signatures.items():
        number, first = found.get(kind, (0, None))
        count.add_metric((who,), number)
        oldest.add_metric((who,), _age(first, now))
    tasks = GaugeMetricFamily("ecolink_call_tasks_open", "Calls that a person has to make now")
    due = select(func.count()).where(CallTask.status == "actual", CallTask.state == TaskState.OPEN.value)
    tasks.add_metric([], session.scalars(due).one())
    yield from (count, oldest, tasks)


def _inbox(session: Session, _: datetime) -> Iterator[Metric]:
    parked = GaugeMetricFamily("ecolink_statements_parked", "Statements set aside, by what for", labels=["because"])
    waits = StatementRow.state_reason.startswith(WAITS)
    of_parked = select(func.count(), func.count().filter(waits)).select_from(StatementRow).where(text(PARKED))
    number, waiting = session.execute(of_parked).one()
    parked.add_metric(("predecessor",), float(waiting))
    parked.add_metric(("fault",), float(number - waiting))
    pending = GaugeMetricFamily("ecolink_statements_pending", "Statements kept and not yet applied")
    of_pending = select(func.count()).select_from(StatementRow).where(text(PENDING))
    pending.add_metric([], session.scalars(of_pending).one())
    alarms = GaugeMetricFamily("ecolink_alarms_open", "Alarms nobody has closed", labels=["kind"])
    of_alarms = select(Alarm.kind, func.count()).where(Alarm.closed_at.is_(None)).group_by(Alarm.kind)
    for kind, of_kind in session.execute(of_alarms):
        alarms.add_metric((kind,), of_kind)
    yield from (parked, pending, alarms)


def _evidence(session: Session, _: datetime) -> Iterator[Metric]:
    size = GaugeMetricFamily("ecolink_evidence_log_entries", "Leaves of the evidence log, all its epochs together")
    size.add_metric([], float(session.scalars(select(func.coalesce(func.sum(LogHead.size), 0))).one()))
    yield size


def _attachments(session: Session, _: datetime) -> Iterator[Metric]:
    """Count what is on its way: these are the rows of a partial index."""
    found: dict[str, int] = dict.fromkeys(("in", "out"), 0)
    waiting = select(Transfer.direction, func.count()).where(text(WAITING)).group_by(Transfer.direction)
    found.update((direction, number) for direction, number in session.execute(waiting))
    missing = GaugeMetricFamily("ecolink_attachments_missing", "Files a statement names and that are not here yet")
    missing.add_metric([], found["in"])
    unsent = GaugeMetricFamily("ecolink_attachments_unsent", "Files a peer does not have yet")
    unsent.add_metric([], found["out"])
    yield from (missing, unsent)


def _alert_channels(session: Session, now: datetime) -> Iterator[Metric]:
    which = ("channel", "kind")
    failing = GaugeMetricFamily("ecolink_alert_channel_failing_seconds", "Since when a channel fails", labels=which)
    waiting = GaugeMetricFamily("ecolink_alert_waiting", "Messages that wait for a channel", labels=which)
    oldest = GaugeMetricFamily("ecolink_alert_oldest_seconds", "Since when the first of them waits", labels=which)
    for health in health_of_channels(session):
        named = (health.channel.id, health.channel.kind)
        failing.add_metric(named, _age(health.channel.failing_since, now))
        waiting.add_metric(named, health.waiting)
        oldest.add_metric(named, _age(health.oldest, now))
    given_up = GaugeMetricFamily("ecolink_alert_given_up", "Messages of the last day that nobody could be told")
    of_given_up = select(func.count()).where(
        Dispatch.state == DispatchState.GIVEN_UP.value, Dispatch.posted_at > now - timedelta(days=1)
    )
    given_up.add_metric([], session.scalars(of_given_up.where(Dispatch.alert_id.is_not(None))).one())
    yield from (failing, waiting, oldest, given_up)


def _workers(session: Session, now: datetime) -> Iterator[Metric]:
    """Without a worker there is no age: that none beats is what the count says.

    What one that works alone has counted goes by its process and its machine: started anew, it counts as another one,
    or, where the number is the same, from zero again, as Prometheus expects of a process.
    """
    present = heartbeats.workers(session)
    alive = GaugeMetricFamily(
        "ecolink_workers", "Worker processes by whether they gave a sign of life", labels=["state"]
    )
    working = [worker for worker in present if now - worker.at <= heartbeats.STALE_AFTER]
    alive.add_metric(("alive",), len(working))
    alive.add_metric(("silent",), len(present) - len(working))
    age = GaugeMetricFamily("ecolink_worker_heartbeat_seconds", "Since when the last of them gave one")
    if present:
        age.add_metric([], _age(present[0].at, now))
    yield from (alive, age)
    yield from told(({"process": str(worker.pid), "host": worker.host}, worker.counts) for worker in working)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


READINGS: tuple[Reading, ...] = (
    _queues,
    _channels,
    _peers,
    _emergencies,
    _inbox,
    _evidence,
    _attachments,
    _alert_channels,
    _workers,
)
"""What is read in one transaction."""
