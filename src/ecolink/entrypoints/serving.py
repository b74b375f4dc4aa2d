"""Serving a node's two applications, each on its own address, with or without the worker beside them.

One process is the rule. Several (on PostgreSQL) share the listening sockets, which the parent opens; a child that
dies is replaced.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial

import uvloop
from starlette.types import ASGIApp

from ecolink.configuration import variable
from ecolink.entrypoints import certificates, open_files
from ecolink.entrypoints.applications import federation_app, reception
from ecolink.entrypoints.connections import IDLE_S, BoundedConnection, lobby_of
from ecolink.entrypoints.handshake import TlsEntrance
from ecolink.entrypoints.logs import set_up_logs
from ecolink.entrypoints.memory import spend_sparingly
from ecolink.entrypoints.web_server import Config, Server
from ecolink.entrypoints.wiring import Node, build_node
from ecolink.entrypoints.worker import Worker
from ecolink.errors import EcolinkError, SettingError
from ecolink.kit.clock import SystemClock
from ecolink.kit.events import structlog
from ecolink.kit.imports import FORMER_MODELS, do_without
from ecolink.kit.meters import CONNECTIONS
from ecolink.settings import Settings

GRACE_S = 10
"""Seconds that requests under way are given when the node stops."""

BACKLOG = 1024
"""Connections the kernel keeps for us while we are busy."""

SWITCH_S = 0.0005
"""How long one thread may go on while another wants the interpreter's lock. A call has dozens of short waits (for a
socket, for SQLite), each of which gives the lock away; with Python's 5 ms an emergency would wait that long each time
for a thread that works off a queue."""

PAUSE_S = 1.0
"""Seconds before a dead child is replaced, so that one that dies at once does not spin."""

_log = structlog.get_logger(__name__)

Announce = Callable[[], None]
Build = Callable[[Settings], Node]
"""Puts the node together."""


@dataclass(frozen=True)
class Sockets:
    """The two listening sockets."""

    local: socket.socket
    federation: socket.socket


@contextlib.contextmanager
def listen(settings: Settings) -> Generator[Sockets, None, None]:
    """Open the two addresses for the length of the block.

    Raises:
        SettingError: one of them is taken, or is not this machine's.

    """
    with (
        _open(settings.local_host, settings.local_port, "local") as local,
        _open(settings.federation_host, settings.federation_port, "federation") as federation,
    ):
        yield Sockets(local, federation)


def build_on_time(settings: Settings) -> Node:
    """Put a node together that goes by the machine's clock: every node but the demo's."""
    return build_node(settings, SystemClock())


def serve(settings: Settings, *, worker: bool, announce: Announce) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is called once both addresses answer.

    Raises:
        SettingError: an address, a key or the schema does not allow it.

    """
    with listen(settings) as sockets:
        if settings.workers == 1:
            run(settings, sockets, worker=worker, announce=announce)
        else:
            _supervise(settings, sockets, worker=worker, announce=announce)


def run(
    settings: Settings, sockets: Sockets, *, worker: bool, announce: Announce, build: Build = build_on_time
) -> None:
    """Serve in this process until SIGTERM or SIGINT.

    Raises:
        SettingError: a key or the schema does not allow it.

    """
    set_up_logs(settings.log_level, settings.log_format)
    sys.setswitchinterval(SWITCH_S)
    spend_sparingly()
    do_without(FORMER_MODELS)
    node = build(settings)
    try:
        with node.database.read():  # for what it says when the database cannot be reached
            node.open()
        # What was imported and built lives as long as the process: it is not looked through again for what is let go.
        gc.freeze()
        loops = Worker(node)
        if worker:
            loops.start()
        else:
            loops.attend()
        connections = open_files.connections_possible(settings.most_connections)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve_both(node, sockets, announce, connections))
        finally:
            loops.stop()
    finally:
        node.close()


async def _serve_both(node: Node, sockets: Sockets, announce: Announce, connections: int) -> None:
    settings = node.settings
    servers = (
        _Server(_config(settings, reception(node), tls=settings.local_tls, mutual=False)),
        _Server(_config(settings, federation_app(node), tls=settings.federation_tls, mutual=True)),
    )
    for side, server in zip(("local", "federation"), servers, strict=True):
        lobby = lobby_of(server.server_state)
        lobby.most = connections
        CONNECTIONS.labels(side).set_function(lobby.__len__)
    certificates.tell(settings)

    gc.freeze()  # all that was built so far stays: a collection need not halt the node to look at it

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    running = asyncio.gather(servers[0].serve(sockets=[sockets.local]), servers[1].serve(sockets=[sockets.federation]))
    while not (running.done() or all(server.started for server in servers)):  # noqa: ASYNC110 - uvicorn has no event
        await asyncio.sleep(0.01)
    if not running.done():
        announce()
    await running


class _Server(Server):
    """A server that leaves the signals to whoever runs two of them in one loop, and accepts TLS by itself."""

    _accepting: Sequence["asyncio.Task[None]"] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept callers."""
        if self.config.ssl is None:
            await super().startup(sockets)
            return
        entrance = TlsEntrance(self.config.ssl, lobby_of(self.server_state), self._connection)
        self.servers: list[asyncio.base_events.Server] = []
        self._accepting = [asyncio.create_task(entrance.accept(listening)) for listening in sockets or ()]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nobody any more, and let those who are here end."""
        for task in self._accepting:
            task.cancel()
        await super().shutdown(sockets)

    def _connection(self) -> BoundedConnection:
        return BoundedConnection(self.config, self.server_state, self.lifespan.state)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _config(settings: Settings, app: ASGIApp, *, tls: bool, mutual: bool) -> Config:
    demands = mutual and settings.tls_require_client_certificate
    return Config(
        app,
        http=BoundedConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=settings.tls_certificate if tls else None,
        ssl_keyfile=settings.tls_key if tls else None,
        ssl_ca_certs=settings.tls_ca if tls and demands else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and demands else ssl.CERT_NONE,
    )


def _open(host: str, port: int, side: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as fault:
        raise SettingError(
            f"{side}_host {host}, {side}_port {port} cannot be opened ({fault.strerror}). "
            f"Set {variable(f'{side}_port')} or {variable(f'{side}_host')} to a free address of this machine.",
            f"无法监听 {host}:{port}（{fault.strerror}）：请改用 {variable(f'{side}_port')}。",
        ) from None


def _run_child(settings: Settings, sockets: Sockets, ready: threading.Event, worker: bool) -> None:  # noqa: FBT001 - a process's target
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run(settings, sockets, worker=worker, announce=ready.set)
    except EcolinkError as wrong:
        _log.error("serving.refused", reason=wrong.detail_en)
        raise SystemExit(1) from None


def _end_with_parent() -> None:
    """Stop this process when the one that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _supervise(settings: Settings, sockets: Sockets, *, worker: bool, announce: Announce) -> None:
    """Keep `settings.workers` processes serving until a signal, or until one cannot even start."""
    set_up_logs(settings.log_level, settings.log_format)
    spawn = multiprocessing.get_context("spawn")  # nothing of this process is copied but the sockets
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    start = partial(_start_child, spawn, settings, sockets, worker)
    children = [start() for _ in range(settings.workers)]
    serving = False
    while not stopping.wait(0.1):
        if not serving and all(child.ready.is_set() for child in children):
            announce()
            serving = True
        for place, child in enumerate(children):
            if child.process.is_alive():
                continue
            if not serving:
                stopping.set()  # the first ones cannot start: neither would others; the child said why
                break
            _log.warning("serving.child_replaced", exit_code=child.process.exitcode)
            stopping.wait(PAUSE_S)
            children[place] = start()
    _end(children)
    if not serving:
        raise SystemExit(1)


@dataclass(frozen=True)
class _Child:
    process: "multiprocessing.process.BaseProcess"
    ready: threading.Event


def _start_child(
    spawn: "multiprocessing.context.SpawnContext",
    settings: Settings,
    sockets: Sockets,
    worker: bool,  # noqa: FBT001
) -> _Child:
    ready = spawn.Event()
    process = spawn.Process(target=_run_child, args=(settings, sockets, ready, worker), name="ecolink-serve")
    process.start()
    return _Child(process, ready)  # type: ignore[arg-type]  # an Event of another kind, same use


def _end(children: Sequence[_Child]) -> None:
    for child in children:
        child.process.terminate()
    for child in children:
        child.process.join(GRACE_S + 30)
        if child.process.is_alive():
            child.process.kill()
            child.process.join()
