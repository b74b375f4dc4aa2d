"""What two bureaus told each other by disc, exported and checked on a machine that has no node."""

import json
from pathlib import Path

import pytest

from ecolink.configuration import load
from ecolink.entrypoints.wiring import build_node
from ecolink.kit.clock import SystemClock
from tests.entrypoints.conftest import NODES, Run, refusal
from tests.support.notes import note

SHOUNING, QINGYUAN = NODES


@pytest.fixture
def cards(run: Run, shouning: Path, qingyuan: Path, tmp_path: Path) -> dict[str, Path]:
    """Onboard the two nodes to each other; return their cards."""
    files, words = {}, {}
    for unit_code, config in ((SHOUNING, shouning), (QINGYUAN, qingyuan)):
        files[unit_code] = tmp_path / f"{unit_code}.card"
        result = run("--config", config, "peer", "card", "--out", files[unit_code])
        assert result.exit_code == 0, result.output
        words[unit_code] = result.stderr.strip().splitlines()[-1].strip()
    for config, other in ((shouning, QINGYUAN), (qingyuan, SHOUNING)):
        assert run("--config", config, "peer", "add", files[other]).exit_code == 0
        result = run("--config", config, "peer", "activate", other, "--fingerprint", words[other])
        assert result.exit_code == 0, result.output
    return files


@pytest.fixture
def thread(run: Run, shouning: Path, qingyuan: Path, cards: dict[str, Path], tmp_path: Path) -> str:
    """Send a note to the other bureau and its receipt back, both carried on discs."""
    node = build_node(load(shouning), SystemClock())
    try:
        node.open()
        now = node.clock.now()
        draft = note("request", now, private={"name": "林某"})
        with node.database.begin() as session:
            sent = node.outbox.send(session, draft, now=now, recipients=[QINGYUAN])
    finally:
        node.close()
    carry(run, shouning, QINGYUAN, qingyuan, tmp_path / "there.bundle")
    carry(run, qingyuan, SHOUNING, shouning, tmp_path / "back.bundle")
    return sent.statement.thread


def carry(run: Run, sender: Path, unit_code: str, recipient: Path, disc: Path) -> dict:
    result = run("--config", sender, "bundle", "export", unit_code, "--out", disc, "--json")
    assert result.exit_code == 0, result.output
    result = run("--config", recipient, "bundle", "import", disc, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def evidence(run: Run, shouning: Path, thread: str, tmp_path: Path) -> Path:
    out = tmp_path / "evidence.json"
    result = run("--config", shouning, "evidence", "export", thread, "--out", out, "--reason", "court, case 12")
    assert result.exit_code == 0, result.output
    assert out.stat().st_mode & 0o777 == 0o600
    return out


def verify(run: Run, file: Path, *options: object):
    return run("--config", "/nonexistent", "evidence", "verify", file, *options)


def test_anybody_with_the_cards_can_check_the_evidence_without_a_node(
    run: Run, evidence: Path, cards: dict[str, Path]
) -> None:
    result = verify(run, evidence, *(part for card in cards.values() for part in ("--card", card)))
    assert result.exit_code == 0, result.output
    assert "OK: everything verifies" in result.stdout
    assert f"{SHOUNING} note.written.v1: {QINGYUAN} stored" in result.stdout


def test_fingerprints_read_out_by_phone_will_do(run: Run, evidence: Path, cards: dict[str, Path]) -> None:
    options = [part for card in cards.values() for part in ("--card", card)]
    told = json.loads(verify(run, evidence, *options, "--json").stdout)
    assert told["ok"] is True
    options = [part for unit, words in told["fingerprints"].items() for part in ("--fingerprint", f"{unit}={words}")]
    assert verify(run, evidence, *options).exit_code == 0


def test_without_a_card_or_a_fingerprint_nothing_is_believed(run: Run, evidence: Path) -> None:
    result = verify(run, evidence)
    assert result.exit_code == 1
    assert "untrusted-bureau" in result.stderr


def test_a_changed_byte_is_found_and_the_first_thing_wrong_is_told(
    run: Run, evidence: Path, cards: dict[str, Path]
) -> None:
    options = [part for card in cards.values() for part in ("--card", card)]
    raw = evidence.read_bytes()
    evidence.write_bytes(raw.replace("林某".encode(), "陈某".encode()))
    result = verify(run, evidence, *options)
    assert result.exit_code == 1
    assert result.stderr.startswith("ecolink: WRONG")
    told = json.loads(verify(run, evidence, *options, "--json").stdout)
    assert (told["ok"], told["first_wrong"]["subject"]) == (False, "seal")
    evidence.write_bytes(b"\x00not evidence")
    assert verify(run, evidence, *options).exit_code == 1


def test_personal_data_can_be_left_out_of_an_export(
    run: Run, shouning: Path, thread: str, cards: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "without.json"
    export = ("evidence", "export", thread, "--out", out, "--reason", "training", "--without-personal-data")
    assert run("--config", shouning, *export).exit_code == 0
    assert "林某" not in out.read_text()
    options = [part for card in cards.values() for part in ("--card", card)]
    result = verify(run, out, *options)
    assert result.exit_code == 0, result.output
    assert "personal data withheld" in result.stdout


def test_an_export_overwrites_nothing_and_needs_a_thread_that_is_here(
    run: Run, shouning: Path, thread: str, evidence: Path, tmp_path: Path
) -> None:
    again = run("--config", shouning, "evidence", "export", thread, "--out", evidence, "--reason", "x")
    assert "exists already" in refusal(again)
    missing = ("evidence", "export", "01a2012f-69e0-7771-bd6c-1d833c732d08", "--out", tmp_path / "x", "--reason", "x")
    assert "No statement of thread" in refusal(run("--config", shouning, *missing))
    assert not (tmp_path / "x").exists()


def test_a_card_or_fingerprint_that_is_none_is_told(run: Run, evidence: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.card").write_bytes(b"hello")
    assert "A card does not verify" in refusal(verify(run, evidence, "--card", tmp_path / "bad.card"))
    assert "cannot be read" in refusal(verify(run, evidence, "--card", tmp_path / "none.card"))
    assert "UNIT_CODE=DIGITS" in refusal(verify(run, evidence, "--fingerprint", "12345 12345"))


def test_taking_in_the_same_disc_twice_and_a_damaged_one(
    run: Run, shouning: Path, qingyuan: Path, thread: str, tmp_path: Path
) -> None:
    disc = tmp_path / "there.bundle"
    assert run("--config", qingyuan, "bundle", "import", disc).exit_code == 0
    assert "exists already" in refusal(run("--config", shouning, "bundle", "export", QINGYUAN, "--out", disc))
    damaged = tmp_path / "damaged.bundle"
    damaged.write_bytes(disc.read_bytes()[:-20])
    assert "cannot be taken in" in refusal(run("--config", qingyuan, "bundle", "import", damaged))
    assert not list(tmp_path.glob("*.part"))
