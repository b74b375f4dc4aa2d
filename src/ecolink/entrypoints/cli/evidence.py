"""`ecolink evidence`: what this node can prove of a thread, and checking what any node claims to prove."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.files import new_file, read_card
from ecolink.entrypoints.cli.operator import note, open_node
from ecolink.entrypoints.cli.printing import AsJson, complain, print_json, say
from ecolink.errors import InvalidError
from ecolink.kit.times import to_text
from ecolink.protocol import evidence
from ecolink.protocol.claims import is_unit
from ecolink.protocol.evidence import MAX_FILE_BYTES, Finding, Level, Line, Report, Trust
from ecolink.protocol.refusal import Refused

app = typer.Typer(help="Evidence of one thread: export it, check it offline.", no_args_is_help=True)


@app.command()
def export(
    context: typer.Context,
    thread: Annotated[str, typer.Argument(help="The thread's id: that of the lead, bulletin or emergency.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it; an existing file is not overwritten.")],
    reason: Annotated[str, typer.Option(help="For whom and why; kept in the access log.")],
    without_personal_data: Annotated[
        bool, typer.Option("--without-personal-data", help="Leave the private parts out; all else still verifies.")
    ] = False,
) -> None:
    """Write everything this node can prove of a thread into one file that anyone can check without it."""
    from ecolink.federation.evidence import EvidenceDesk

    with open_node(context) as node, new_file(out) as file:
        now = node.clock.now()
        desk = EvidenceDesk(node.us, node.database, node.keystore, node.signer, node.log)
        file.write(desk.export(thread, now, withhold=without_personal_data))
        with node.database.begin() as session:
            note(node, session, "evidence-export", thread, now=now, reason=reason)
    say(f"Written to {out}. Check it with: ecolink evidence verify {out} --card CARD --card CARD")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The evidence file.", exists=True, dir_okay=False)],
    cards: Annotated[
        list[Path] | None,
        typer.Option("--card", help="A bureau's card, obtained from that bureau and not with the file; repeatable."),
    ] = None,
    fingerprints: Annotated[
        list[str] | None,
        typer.Option(
            "--fingerprint", help='UNIT_CODE=DIGITS, as that bureau reads it out by phone: "350924000000=01234 …".'
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check an evidence file: offline, with public keys only, on any machine. Exit 0: it holds; 1: it does not."""
    trust = _trust(cards or [], fingerprints or [])
    with file.open("rb") as stream:
        report = evidence.verify(stream.read(MAX_FILE_BYTES + 1), trust)
    if as_json:
        print_json(_as_record(report))
    else:
        _tell(report)
    if not report.ok:
        raise typer.Exit(1)


def _trust(cards: list[Path], fingerprints: list[str]) -> Trust:
    read_out = {}
    for each in fingerprints:
        unit_code, _, digits = each.partition("=")
        if not is_unit(unit_code) or not digits.strip():
            raise InvalidError(
                "A fingerprint is given as UNIT_CODE=DIGITS, both as the bureau tells them.",
                "指纹格式为：单位代码=数字。",
            )
        read_out[unit_code] = digits
    tokens = [read_card(path) for path in cards]
    try:
        return Trust.given(tokens, read_out)
    except Refused as refused:
        raise InvalidError(f"A card does not verify: {refused}", f"名片未通过验证：{refused.reason}") from refused


def _tell(report: Report) -> None:
    if report.thread is not None and report.made_at is not None:
        say(f"Thread {report.thread}, exported by {report.made_by} at {to_text(report.made_at)}")
    for line in report.lines:
        say(_line(line))
    for finding in report.findings:
        if finding.level is not Level.WRONG:
            say(f"{finding.level}: {_finding(finding)}")
    wrong = [finding for finding in report.findings if finding.level is Level.WRONG]
    if not wrong:
        say("OK: everything verifies. 验证通过。")
        return
    complain(f"WRONG 验证不通过: {_finding(wrong[0])}")
    if len(wrong) > 1:
        complain(f"and {len(wrong) - 1} more; --json lists them")


def _line(line: Line) -> str:
    deliveries = ", ".join(
        f"{told.recipient} {told.outcome} {to_text(told.received_at)}{f' ({told.reason})' if told.reason else ''}"
        for told in line.deliveries
    )
    private = "" if line.private == "none" else f"; personal data {line.private}"
    place = "not in the log" if line.log_index is None else f"log leaf {line.log_index}"
    return f"  {to_text(line.iat)}  {line.iss} {line.type}: {deliveries or 'no receipt'}; {place}{private}"


def _finding(finding: Finding) -> str:
    return f"{finding.code}: {finding.subject}: {finding.detail_en} {finding.detail_zh}"


def _as_record(report: Report) -> dict[str, Any]:
    first = report.first_wrong
    return {
        "ok": report.ok,
        "first_wrong": None if first is None else _finding_record(first),
        "thread": report.thread,
        "made_by": report.made_by,
        "made_at": report.made_at,
        "fingerprints": dict(report.fingerprints),
        "findings": [_finding_record(finding) for finding in report.findings],
        "statements": [
            {
                "digest": line.digest,
                "type": line.type,
                "jti": line.jti,
                "iss": line.iss,
                "aud": list(line.aud),
                "iat": line.iat,
                "log_index": line.log_index,
                "private": line.private,
                "deliveries": [
                    {
                        "recipient": told.recipient,
                        "outcome": told.outcome,
                        "received_at": told.received_at,
                        "reason": told.reason,
                    }
                    for told in line.deliveries
                ],
            }
            for line in report.lines
        ],
    }


def _finding_record(finding: Finding) -> dict[str, str]:
    return {
        "level": finding.level,
        "code": finding.code,
        "subject": finding.subject,
        "detail_en": finding.detail_en,
        "detail_zh": finding.detail_zh,
    }
