"""Looking after a node from its console: what the command line's doctor and backups do, handed to the pages."""

from collections.abc import Sequence
from datetime import datetime

from ecolink.console.administration.upkeep import BackupFile, Check, Upkeep
from ecolink.entrypoints.wiring import Node


def upkeep_of(node: Node) -> Upkeep:
    """Return what an administrator does for `node`."""
    settings = node.settings

    def examine() -> Sequence[Check]:
        from ecolink.entrypoints.doctor.examination import examine_node  # noqa: PLC0415 - only where somebody looks

        return [
            Check(
                number=each.number,
                name_zh=each.name_zh,
                name_en=each.name,
                level=found.level.value,
                detail_zh=found.detail_zh,
                detail_en=found.detail_en,
                mend_zh=found.mend_zh,
                mend_en=found.mend_en,
            )
            for each in examine_node(settings, None, node.clock)
            for found in each.finding.told or [each.finding]
        ]

    def backups() -> Sequence[BackupFile]:
        from ecolink.entrypoints.backup.shelf import backups as on_shelf  # noqa: PLC0415 - only where somebody looks

        return [
            BackupFile(
                name=backup.path.name,
                made_at=backup.made_at,
                size=backup.size,
                verified_at=backup.verdict.at if backup.verdict and (backup.is_bad or backup.is_verified) else None,
                is_good=backup.is_verified if backup.is_bad or backup.is_verified else None,
            )
            for backup in on_shelf(settings.backup_dir)
        ]

    def back_up(now: datetime) -> str:
        from ecolink.entrypoints.backup.making import make  # noqa: PLC0415 - only where one is made

        return make(settings, node.log, settings.backup_dir, now, lambda *_: None).path.name

    return Upkeep(examine=examine, backups=backups, back_up=back_up)
