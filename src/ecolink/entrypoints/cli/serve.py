"""`ecolink serve` and `ecolink worker`: the node at work."""

import signal
import threading
from typing import Annotated

import typer

from ecolink.configuration import Sources, check
from ecolink.entrypoints.cli.context import settings_of
from ecolink.entrypoints.cli.operator import open_node, usable
from ecolink.entrypoints.cli.printing import say
from ecolink.kit.imports import models_built_when_used


def serve(
    context: typer.Context,
    worker: Annotated[bool, typer.Option(help="Whether to run the worker's loops here as well.")] = True,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="How many processes serve; more than 1 needs PostgreSQL [default: the setting]."
        ),
    ] = None,
) -> None:
    """Serve the local API and the federation API, and do the node's work, until stopped."""
    with models_built_when_used():
        from ecolink.entrypoints.serving import serve

    settings = settings_of(context)
    if workers is not None:
        settings = check(Sources(None, {**settings.model_dump(), "workers": workers}, {"workers": "--workers"}))
    usable(settings)

    def announce() -> None:
        local = f"{'https' if settings.local_tls else 'http'}://{settings.local_host}:{settings.local_port}"
        federation = (
            f"{settings.federation_host}:{settings.federation_port}, known to peers as {settings.federation_url}"
        )
        say(f"{settings.name_en} ({settings.unit_code}): local API {local}; federation {federation}")

    serve(settings, worker=worker, announce=announce)


def worker(context: typer.Context) -> None:
    """Run the worker's loops alone: apply what came, send what waits, watch deadlines. Any number may run."""
    with models_built_when_used():
        from ecolink.entrypoints.logs import set_up_logs
        from ecolink.entrypoints.worker import Worker

    settings = settings_of(context)
    set_up_logs(settings.log_level, settings.log_format)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with open_node(context) as node:
        loops = Worker(node)
        loops.start(alone=True)
        say(f"The worker of {settings.name_en} ({settings.unit_code}) runs.")
        try:
            stopping.wait()
        finally:
            loops.stop()
