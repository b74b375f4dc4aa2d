"""`ecolink doctor`: what is wrong with this node, or soon will be."""

from typing import Any

import typer

from ecolink.entrypoints.cli.context import config_of
from ecolink.entrypoints.cli.printing import AsJson, print_json, say


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Check this node, running or not: settings, files, database, exchange with peers, backups. Changes nothing.

    Exit codes: 0 nothing failed (warnings may stand); 1 something failed. Each line that is not ok says how to mend it.
    """
    from ecolink.entrypoints.doctor.examination import Examined, examine
    from ecolink.entrypoints.doctor.finding import Finding, Level
    from ecolink.kit.clock import SystemClock

    def said(finding: Finding) -> dict[str, Any]:
        return {
            "level": finding.level.value,
            "detail_en": finding.detail_en,
            "detail_zh": finding.detail_zh,
            "mend_en": finding.mend_en or None,
            "mend_zh": finding.mend_zh or None,
        }

    def as_record(each: Examined) -> dict[str, Any]:
        return {
            "number": each.number,
            "check": each.name,
            "check_zh": each.name_zh,
            **said(each.finding),
            "findings": [said(finding) for finding in each.finding.told],
        }

    examined = examine(config_of(context), SystemClock())
    counted = {level: sum(each.finding.level is level for each in examined) for level in Level}
    if as_json:
        print_json({"ok": not counted[Level.FAIL], "checks": [as_record(each) for each in examined]})
    else:
        for each in examined:
            if each.finding.level is Level.SKIPPED:
                say(f"{each.number:2}  {each.finding.level:7}  {each.name_zh} {each.name}")
                continue
            for found in each.finding.told or [each.finding]:
                say(f"{each.number:2}  {found.level:7}  {each.name_zh}：{found.detail_zh}")
                say(f"{'':13}{each.name}: {found.detail_en}")
                if found.mend_en:
                    say(f"{'':13}→ {found.mend_zh}")
                    say(f"{'':13}→ {found.mend_en}")
        say("")
        say(", ".join(f"{count} {level}" for level, count in counted.items() if count))
    if counted[Level.FAIL]:
        raise typer.Exit(1)
