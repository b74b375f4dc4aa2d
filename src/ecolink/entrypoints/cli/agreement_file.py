"""An agreement's file, as every command reads it that is given one: what is to be said of it goes to standard error."""

from collections.abc import Collection, Iterable
from pathlib import Path

import typer

from ecolink.cadence.findings import Finding, Severity
from ecolink.cadence.terms_file import read
from ecolink.entrypoints.cli.printing import complain
from ecolink.errors import InvalidError
from ecolink.protocol.kinds.agreements import TermsV1


def open_terms(file: Path, *, known: Collection[str] | None = None, before: TermsV1 | None = None) -> TermsV1:
    """Return the terms in a file; `known` and `before` as in `cadence.scrutiny.scrutinise`.

    Raises:
        InvalidError: the file is no text.
        typer.Exit: something in it is wrong; each fault has been told, with its line and the mend.

    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InvalidError(f"{file} cannot be read: {fault}", f"无法读取 {file}：{fault}") from None
    reading = read(text, known=known, before=before)
    tell(file, reading.findings)
    if reading.terms is None:
        raise typer.Exit(1)
    return reading.terms


def tell(file: Path, findings: Iterable[Finding]) -> None:
    """Say what was found in a file, a line in Chinese and one in English, each with its place."""
    for finding in findings:
        place = ":".join(str(part) for part in (file, finding.line, finding.column) if part is not None)
        notice = finding.severity is Severity.NOTICE
        complain(f"{place}: {'提示' if notice else '错误'}：{finding.text_zh}")
        complain(f"{place}: {'notice: ' if notice else ''}{finding.text_en}")
