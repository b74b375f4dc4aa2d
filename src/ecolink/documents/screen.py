"""A document as one HTML file: for reading on a screen, for printing from a browser, for keeping.

It has no script and asks nothing of any network. Its styles stand in it, and `POLICY` allows these alone.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ecolink.documents import figures
from ecolink.documents.document import Document, cell_text, chinese_date, chinese_time, number_text
from ecolink.documents.lettering import visible

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "document.css").read_text(encoding="utf-8")

POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""The Content-Security-Policy to serve it with."""


def html(document: Document) -> str:
    """Return the document as an HTML page. The same document makes the same page."""
    template = _environment().get_template("document.html")
    return template.render(document=document, style=Markup(_STYLE))  # noqa: S704 - our own file


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda part: type(part).__name__
    environment.filters["number"] = lambda cell: isinstance(cell, int | float)
    environment.filters["cell"] = cell_text
    environment.filters["day"] = chinese_date
    environment.filters["moment"] = chinese_time
    environment.globals.update(shapes=figures.shapes, width=figures.WIDTH, height=figures.HEIGHT)
    return environment


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever a template puts out
    """Let no character of a text act unseen. What is marked up already is ours."""
    if isinstance(value, float):
        return number_text(value)
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
