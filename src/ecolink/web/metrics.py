"""How the node is doing, for the bureau's own monitoring: `/metrics` in the text form of Prometheus.

It stands on the local address only and tells counts and ages by peer, nothing of any matter; but who exchanges how
much with whom is nobody else's business. So it is given to whoever shows the token that is set for it; where none
is set, to this machine itself and to nobody through a proxy.
"""

import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from ecolink.errors import ForbiddenError, UnauthenticatedError
from ecolink.kit.meters import PROCESS
from ecolink.settings import is_loopback
from ecolink.surface.route import LateRoute

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""What a proxy adds: whoever asked it is not this machine, though it calls from here."""

_EXAMPLE = """# HELP ecolink_queue_depth Statements that wait for a peer's receipt
# TYPE ecolink_queue_depth gauge
ecolink_queue_depth{lane="case",peer="331126000000"} 2.0
"""

_bearer = HTTPBearer(
    scheme_name="metricsToken",
    description="The setting `metrics_token`, where it is set; else this machine alone may ask.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Scrape:
    """What `/metrics` tells, and to whom."""

    gauges: Collector
    token: str | None = None
    behind_proxy: bool = False

    def admit(self, request: Request) -> None:
        """Return if the caller may ask.

        Raises:
            UnauthenticatedError: a token is set, and the caller shows none or another.
            ForbiddenError: none is set, and the caller is not this machine.

        """
        if self.token is not None:
            scheme, shown = get_authorization_scheme_param(request.headers.get("Authorization"))
            if scheme.lower() == "bearer" and hmac.compare_digest(shown.encode(), self.token.encode()):
                return
            raise UnauthenticatedError(
                "Send the setting metrics_token: Authorization: Bearer <token>.",
                "请在请求头中提供 metrics_token：Authorization: Bearer <令牌>。",
            )
        if self.behind_proxy or not _is_this_machine(request):
            raise ForbiddenError(
                "Without the setting metrics_token, metrics are for this machine alone.",
                "未设置 metrics_token 时，仅本机可读取监控指标。",
            )

    def text(self) -> bytes:
        """Return everything: the node's gauges, and the counters of this process, which say which process that is."""
        return generate_latest(_Page(self.gauges, PROCESS, str(os.getpid())))


def router(scrape: Scrape) -> APIRouter:
    """Return the endpoint."""
    api = APIRouter(tags=["health"], route_class=LateRoute)

    @api.get(
        "/metrics",
        operation_id="get_metrics",
        summary="Counts and ages for monitoring / 监控指标",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}}}},
    )
    def get_metrics(request: Request, _: Annotated[object, Depends(_bearer)]) -> Response:
        """Tell Prometheus how the node is doing. With a token where one is set, else to this machine only."""
        scrape.admit(request)
        return Response(scrape.text(), media_type=CONTENT_TYPE_LATEST)

    return api


@dataclass(frozen=True, slots=True)
class _Page(Collector):
    """The gauges, then what this process counted, each metric once, with what workers counted that serve nobody.

    Every series says which process counted it: several answer at one address, in turns.
    """

    gauges: Collector
    registry: CollectorRegistry
    process: str

    def collect(self) -> Iterable[Metric]:
        return self._collected()

    def _collected(self) -> Iterator[Metric]:
        ours = {family.name: self._named(family) for family in self.registry.collect()}
        for family in self.gauges.collect():
            if family.name in ours:
                ours[family.name].samples.extend(family.samples)
            else:
                yield family
        yield from ours.values()

    def _named(self, family: Metric) -> Metric:
        named = Metric(family.name, family.documentation, family.type, family.unit)
        named.samples = [
            sample._replace(labels={**sample.labels, "process": self.process}) for sample in family.samples
        ]
        return named


def _is_this_machine(request: Request) -> bool:
    """Tell whether the caller is this machine, speaks to it by a name of its own, and for nobody else."""
    client = request.client
    return (
        client is not None
        and is_loopback(client.host)
        and is_loopback(request.url.hostname or "")  # not a page whose name was made to lead here
        and not any(name in request.headers for name in _FORWARDED)
    )
