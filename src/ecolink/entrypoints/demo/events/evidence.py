"""The proof: one thread of each kind exported at one bureau and verified with nothing but public keys."""

from pathlib import Path

from ecolink.entrypoints.demo.houses import DemoFailed
from ecolink.entrypoints.demo.people import wait_for
from ecolink.entrypoints.demo.stage import Stage


def play(stage: Stage, threads: list[str]) -> None:
    """Export each thread at Shouning, verify it offline with the cards of both sides, then spoil one byte."""
    tell = stage.narrator
    tell.scene("12", "证据：导出并离线验证", "Evidence: exported, then verified offline with public keys only")
    house = stage.house("shouning")
    trusted = []
    for slug in [house.bureau.slug, *stage.others("shouning")]:
        card = house.folder / f"{slug}.card"
        card.write_text(stage.who(slug, "admin").get("/card")["card"], "utf-8")
        trusted += ["--card", str(card)]
    for thread in threads:
        file = house.folder / f"{thread}.evidence"

        def verified(file: Path = file, thread: str = thread) -> bool:
            file.unlink(missing_ok=True)
            house.run("evidence", "export", thread, "--out", str(file), "--reason", "演示：证据核验")
            return house.run("evidence", "verify", str(file), *trusted, check=False).returncode == 0

        wait_for("the evidence to verify", verified)
        tell.check("evidence_verified")
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)
    if house.run("evidence", "verify", str(file), *trusted, check=False).returncode == 0:
        msg = "a spoilt evidence file was accepted"
        raise DemoFailed(msg)
    tell.check("tampering_detected")
    tell.step(
        "郑明鉴 Shouning",
        f"{len(threads)} 份证据离线验证通过；改动一个字节即被发现",
        f"{len(threads)} files verify; one changed byte is found",
        "signed",
    )


def count_receipts(stage: Stage) -> None:
    """Count what waits at every node: nothing may."""
    stage.wait_until_delivered()
    for house in stage.houses:
        administrator = stage.who(house.bureau.slug, "admin")
        if administrator.listed("/inbox/parked"):
            msg = f"{house.bureau.short} set messages aside"
            raise DemoFailed(msg)
        if administrator.listed("/alarms"):
            msg = f"{house.bureau.short} raised an alarm"
            raise DemoFailed(msg)
        stage.narrator.check("nodes_with_every_receipt_verified")
