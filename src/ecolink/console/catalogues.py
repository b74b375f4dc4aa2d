"""Bring the catalogues up to date: `python -m ecolink.console.catalogues`, and `--check` in the tests.

Each subject has its own: the texts in its templates and pages. What stands around every page, and what several subjects
say, is in `console.po`. A text that is new is added without Chinese and named; one that is gone is taken out.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from ecolink.console.language import LOCALE

ROOT: Final = Path(__file__).parent
SHARED: Final = "console"
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "text": None}
_OPTIONS: Mapping[str, str] = {"trimmed": "false", "extensions": "jinja2.ext.do", "silent": "false"}
_FILLED = re.compile(r"\{\w*\}|%\(\w+\)[sd]")


def main() -> int:
    """Write the catalogues, or tell how they differ from the texts; return the exit code."""
    checks = "--check" in sys.argv[1:]
    wanted = _catalogues()
    known = {path.stem: path.read_bytes() for path in LOCALE.glob("*.po")}
    written = {subject: _write(catalogue) for subject, catalogue in wanted.items()}
    faults = list(_faults(wanted))
    if checks and written != known:
        changed = sorted(name for name in written.keys() | known.keys() if written.get(name) != known.get(name))
        faults.append(f"out of step: {', '.join(changed)}; run python -m ecolink.console.catalogues")
    if not checks:
        for subject in known.keys() - written.keys():
            (LOCALE / f"{subject}.po").unlink()
        for subject, content in written.items():
            (LOCALE / f"{subject}.po").write_bytes(content)
    for fault in faults:
        print(fault, file=sys.stderr)  # noqa: T201 - a command's answer
    return 1 if faults else 0


def _catalogues() -> dict[str, Catalog]:
    """Return a catalogue for each subject, with the Chinese that is known already."""
    homes: dict[str, set[str]] = {}
    for subject, message in _texts():
        homes.setdefault(message, set()).add(subject)
    chinese = _known_chinese()
    found: dict[str, Catalog] = {}
    for message, subjects in sorted(homes.items()):
        subject = next(iter(subjects)) if len(subjects) == 1 else SHARED
        catalogue = found.setdefault(subject, Catalog(locale="zh_CN", fuzzy=False))
        catalogue.add(message, chinese.get(message, ""))
    return found


def _texts() -> Iterator[tuple[str, str]]:
    """Yield the subject of every text, and the text."""
    for path in sorted([*ROOT.rglob("*.html"), *ROOT.rglob("*.py")]):
        if path.name == "catalogues.py":
            continue
        method = "jinja2.ext:babel_extract" if path.suffix == ".html" else "python"
        with path.open("rb") as file:
            for _, message, _, _ in extract(method, file, _KEYWORDS, options=dict(_OPTIONS)):
                # Of a text for one and for many, Chinese has that for many.
                text = message[-1] if isinstance(message, tuple) else message
                if text:
                    yield _subject_of(path), text


def _subject_of(path: Path) -> str:
    """Return the folder of the subject a file belongs to; the shared one where it belongs to none."""
    parts = path.relative_to(ROOT).parts
    inner = parts[1:] if parts[0] == "templates" else parts
    return SHARED if len(inner) == 1 or inner[0] == "parts" else inner[0]


def _known_chinese() -> dict[str, str]:
    known: dict[str, str] = {}
    for path in sorted(LOCALE.glob("*.po")):
        with path.open("rb") as file:
            known.update({str(entry.id): str(entry.string) for entry in read_po(file) if entry.id and entry.string})
    return known


def _write(catalogue: Catalog) -> bytes:
    content = BytesIO()
    write_po(content, catalogue, width=0, omit_header=True, sort_output=True)
    return content.getvalue()


def _faults(catalogues: Mapping[str, Catalog]) -> Iterator[str]:
    for subject, catalogue in catalogues.items():
        for entry in catalogue:
            if not entry.id:
                continue
            if not entry.string:
                yield f"{subject}.po: no Chinese for {entry.id!r}"
            elif sorted(_FILLED.findall(str(entry.id))) != sorted(_FILLED.findall(str(entry.string))):
                yield f"{subject}.po: the Chinese of {entry.id!r} fills in other things"


if __name__ == "__main__":
    sys.exit(main())
