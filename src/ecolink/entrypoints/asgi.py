"""Application factories for an ASGI server: `uvicorn --factory ecolink.entrypoints.asgi:local`.

Settings come from the environment and the file that `ECOLINK_CONFIG` names. The node of a process is built once,
so both applications of one process share it. No worker runs here: `ecolink worker` does that beside.
"""

from functools import cache

from fastapi import FastAPI

from ecolink.configuration import load
from ecolink.entrypoints.applications import federation_app, local_app
from ecolink.entrypoints.wiring import Node, build_node
from ecolink.kit.clock import SystemClock


@cache
def node() -> Node:
    """Return this process's node, open.

    Raises:
        SettingError: a setting, a key or the schema is not as it must be.

    """
    built = build_node(load(), SystemClock())
    built.open()
    return built


def local() -> FastAPI:
    """Return the application of the bureau's own people and programs."""
    return local_app(node())


def federation() -> FastAPI:
    """Return the application other bureaus' nodes call."""
    return federation_app(node())
