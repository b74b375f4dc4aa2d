"""Importing no more than is needed: a library without others that it takes along, models without what they do later."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PAINTERS: Final = ("rich", "pygments")
"""They colour tracebacks and tables for whoever sits before a screen, and some commands do use them. A node at work
does not: 5 MB of memory and a twentieth of its start."""

FORMER_MODELS: Final = "pydantic.v1"
"""Pydantic's former self. FastAPI imports it when the first route is made, only to refuse models of it; where it is not
to be had, FastAPI takes it that there are none. 3 MB of memory."""


@contextmanager
def without(*libraries: str) -> Iterator[None]:
    """Let what is imported in the block find none of `libraries`, but for those this process has already."""
    hidden = [library for library in libraries if library not in sys.modules]
    for library in hidden:
        sys.modules[library] = None  # type: ignore[assignment]  # Python's own sign that a module is not to be had
    try:
        yield
    finally:
        for library in hidden:
            del sys.modules[library]


def do_without(library: str) -> None:
    """Let this process never import `library`, unless it has it already."""
    sys.modules.setdefault(library, None)  # type: ignore[arg-type]  # likewise


@contextmanager
def models_built_when_used() -> Iterator[None]:
    """Let each model that is imported in the block build its validator and its serialiser when it is first asked to.

    A node has some 500 models and uses some dozens in a day: 6 MB of memory and a fifth of its start.
    """
    from pydantic import BaseModel  # noqa: PLC0415 - who only asks for help has no model
    from pydantic.warnings import UnsupportedFieldAttributeWarning  # noqa: PLC0415

    # FastAPI hides it where it builds adapters itself, for they repeat the alias of a field; now they are built later.
    warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]
