"""What this process counts and times of its own work, in the form of prometheus-client.

Each process of a node counts for itself; what must be right whichever process is asked is read from the database
instead (`web.gauges`). No label ever holds personal data, a secret, or anything a caller may choose.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    Metric,
    ProcessCollector,
    disable_created_metrics,
)

from ecolink import __version__

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody looks at

PROCESS: Final = CollectorRegistry(auto_describe=True)
"""Everything below, and what the kernel knows of the process."""

_FINE: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds in seconds: a quick disk syncs in 0.1 ms, a slow one in 10 ms; a waiting lock takes seconds."""

BUILD: Final = Info("ecolink_build", "The version that runs", registry=PROCESS)
BUILD.info({"version": __version__, "python": sys.version.split()[0]})

COMMIT_SECONDS: Final = Histogram(
    "ecolink_commit_seconds", "How long the commit of a writing transaction took", buckets=_FINE, registry=PROCESS
)
DATABASE_FAILURES: Final = Counter(
    "ecolink_database_failures",
    "Transactions the database could not do: it was full, locked, read-only or away",
    registry=PROCESS,
)
VERIFY_SECONDS: Final = Histogram(
    "ecolink_verify_seconds", "How long all signatures of one received batch took", buckets=_FINE, registry=PROCESS
)
RECEIPTS_SENT: Final = Counter(
    "ecolink_receipts_sent", "Receipts this process gave to peers, re-sent ones not counted", registry=PROCESS
)
RECEIPTS_VERIFIED: Final = Counter(
    "ecolink_receipts_verified", "Peers' receipts this process verified and recorded", ["peer"], registry=PROCESS
)
REFUSALS: Final = Counter(
    "ecolink_refusals", "Calls of the federation API refused, by the protocol's reason", ["reason"], registry=PROCESS
)
HTTP_REQUESTS: Final = Counter(
    "ecolink_http_requests", "Requests answered", ["method", "route", "status"], registry=PROCESS
)
HTTP_SECONDS: Final = Histogram(
    "ecolink_http_request_seconds", "How long answering a request took", buckets=_FINE, registry=PROCESS
)
ALERT_MESSAGES: Final = Counter(
    "ecolink_alert_messages",
    "Messages this process tried to send to our people, by service and by what it said",
    ["kind", "outcome"],
    registry=PROCESS,
)
CONNECTIONS: Final = Gauge(
    "ecolink_connections", "Connections this process holds, by the API they are to", ["side"], registry=PROCESS
)
CONNECTIONS_CUT: Final = Counter(
    "ecolink_connections_cut", "Connections this process cut, by what was wrong with them", ["reason"], registry=PROCESS
)
CERTIFICATE_EXPIRES: Final = Gauge(
    "ecolink_tls_certificate_expires_timestamp_seconds",
    "When the certificates are over that this process took in at its start, by the setting that names them",
    ["setting"],
    registry=PROCESS,
)

ProcessCollector(registry=PROCESS)

_OURS: Final = "ecolink_"
_GROWS: Final = ("counter", "histogram")
"""The kinds that only grow, and so mean the same however old they are; a gauge would not."""


def counted() -> dict[str, Any]:
    """Return what this process has counted and timed since its start, for another one to tell: see `told`."""
    return {
        family.name: [[sample.name.removeprefix(family.name), sample.labels, sample.value] for sample in family.samples]
        for family in _growing()
    }


def told(of_others: Iterable[tuple[Mapping[str, str], Mapping[str, Any]]]) -> Iterator[Metric]:
    """Tell what other processes have `counted`, each under the labels that say which; unknown meters are left out."""
    processes = list(of_others)
    for family in _growing():
        theirs = Metric(family.name, family.documentation, family.type)
        for names, counts in processes:
            for suffix, labels, value in counts.get(family.name, ()):
                theirs.add_sample(family.name + suffix, {**labels, **names}, value)
        if theirs.samples:
            yield theirs


def _growing() -> Iterator[Metric]:
    return (family for family in PROCESS.collect() if family.name.startswith(_OURS) and family.type in _GROWS)
