import json
import sqlite3
from pathlib import Path

import pytest

from tests.entrypoints.conftest import NODES, Run, init, refusal

SHOUNING, QINGYUAN = NODES


def listed(run: Run, config: Path, *command: str) -> list[dict]:
    result = run("--config", config, *command, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_init_makes_a_node_whose_keys_are_nobody_elses(run: Run, tmp_path: Path) -> None:
    config = init(run, tmp_path, SHOUNING)
    keys = sorted((config.parent / "data" / "keys").iterdir())
    assert [path.name.partition("-")[0] for path in keys] == ["local", "log", "seal", "sign", "sign"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys)
    assert (config.parent / "data").stat().st_mode & 0o777 == 0o700
    assert run("--config", config, "config", "check").exit_code == 0
    assert run("--config", config, "db", "check").exit_code == 0


def test_init_prints_the_fingerprint_and_a_password_once(run: Run, tmp_path: Path) -> None:
    name_zh, name_en, phone, _ = NODES[SHOUNING]
    result = run("init", "--unit-code", SHOUNING, "--name-zh", name_zh, "--name-en", name_en, "--duty-phone", phone)
    assert result.exit_code == 0, result.output
    told = dict(line.split("  ", 1) for line in result.stdout.splitlines() if "  " in line)
    assert len(told["fingerprint"].split()) == 12
    password = told["one time password"].strip()
    assert len(password) >= 16
    assert password not in (tmp_path / "ecolink.toml").read_text()
    with sqlite3.connect(tmp_path / "data" / "ecolink.db") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert password not in dump


def test_init_encrypts_the_keys_with_the_passphrase_of_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOLINK_KEY_PASSPHRASE", "fir-and-tea")
    config = init(run, tmp_path, SHOUNING)
    assert all(b"ENCRYPTED" in path.read_bytes() for path in (config.parent / "data" / "keys").iterdir())
    assert "fir-and-tea" not in config.read_text()
    assert run("--config", config, "key", "list").exit_code == 0
    monkeypatch.setenv("ECOLINK_KEY_PASSPHRASE", "wrong")
    assert "set ECOLINK_KEY_PASSPHRASE" in refusal(run("--config", config, "key", "list"))


def test_init_twice_changes_nothing(run: Run, shouning: Path) -> None:
    keys = listed(run, shouning, "key", "list")
    assert "is initialised already" in refusal(run("--config", shouning, "init"))
    assert "exists: set unit_code there" in refusal(run("--config", shouning, "init", "--unit-code", QINGYUAN))
    assert listed(run, shouning, "key", "list") == keys


def test_an_interrupted_init_can_be_run_again(run: Run, shouning: Path) -> None:
    for path in shouning.parent.glob("data/ecolink.db*"):
        path.unlink()
    assert run("--config", shouning, "init").exit_code == 0


def test_init_does_not_take_part_of_a_nodes_keys_for_a_node(run: Run, shouning: Path) -> None:
    for path in shouning.parent.glob("data/ecolink.db*"):
        path.unlink()
    next(shouning.parent.glob("data/keys/sign-*")).unlink()
    assert "empty it, then run init again" in refusal(run("--config", shouning, "init"))


def test_init_without_a_name_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    assert refusal(run("init", "--unit-code", SHOUNING)).startswith("name_zh is missing.")
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_version_stops_every_command(run: Run, shouning: Path) -> None:
    with sqlite3.connect(shouning.parent / "data" / "ecolink.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '20990101_later'")
    database.close()
    assert "20990101_later is not known to this ecolink" in refusal(run("--config", shouning, "peer", "list"))
    assert "20990101_later is not known to this ecolink" in refusal(run("--config", shouning, "db", "check"))


def test_an_empty_database_is_brought_up_by_db_upgrade(run: Run, shouning: Path) -> None:
    for path in shouning.parent.glob("data/ecolink.db*"):
        path.unlink()
    assert "run 'ecolink db upgrade'" in refusal(run("--config", shouning, "db", "check"))
    assert "The schema went from None to" in run("--config", shouning, "db", "upgrade").stdout
    assert "as before" in run("--config", shouning, "db", "upgrade").stdout
    assert run("--config", shouning, "db", "check").exit_code == 0


def test_two_bureaus_exchange_cards_compare_fingerprints_and_are_active(
    run: Run, shouning: Path, qingyuan: Path, tmp_path: Path
) -> None:
    card = tmp_path / "qingyuan.card"
    given = run("--config", qingyuan, "peer", "card", "--out", card)
    assert given.exit_code == 0
    fingerprint = given.stderr.splitlines()[-1].strip()

    added = run("--config", shouning, "peer", "add", card)
    assert fingerprint in added.stdout
    assert "ecolink peer activate 331126000000" in added.stdout
    (peer,) = listed(run, shouning, "peer", "list")
    assert (peer["unit_code"], peer["state"]) == (QINGYUAN, "pending")

    wrong = "0" * 5 + fingerprint[5:]
    assert "The fingerprints differ" in refusal(
        run("--config", shouning, "peer", "activate", QINGYUAN, "--fingerprint", wrong)
    )
    assert "Give the fingerprint" in refusal(run("--config", shouning, "peer", "activate", QINGYUAN))
    run("--config", shouning, "peer", "activate", QINGYUAN, "--fingerprint", fingerprint)
    assert listed(run, shouning, "peer", "list")[0]["state"] == "active"

    run("--config", shouning, "peer", "suspend", QINGYUAN, "--reason", "line under repair")
    shown = run("--config", shouning, "peer", "show", QINGYUAN, "--json")
    assert json.loads(shown.stdout)["state"] == "suspended"
    assert json.loads(shown.stdout)["suspended_reason"] == "line under repair"


def test_every_step_with_a_peer_stands_in_the_access_log_under_the_operators_name(
    run: Run, shouning: Path, qingyuan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "chen")
    run("--config", qingyuan, "peer", "card", "--out", tmp_path / "card")
    run("--config", shouning, "peer", "add", tmp_path / "card")
    run("--config", shouning, "peer", "suspend", QINGYUAN, "--reason", "line under repair")
    with sqlite3.connect(shouning.parent / "data" / "ecolink.db") as database:
        rows = database.execute(
            "SELECT actor, action, object_type, object_id, reason FROM access_entries WHERE object_type = 'peer' ORDER BY n"
        ).fetchall()
    database.close()
    assert rows == [
        ("cli:chen", "administer", "peer", QINGYUAN, None),
        ("cli:chen", "administer", "peer", QINGYUAN, "line under repair"),
    ]


def test_an_operator_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass
    import os

    from ecolink.entrypoints.cli.operator import operator

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert operator().username == f"cli:{os.getuid()}"


@pytest.mark.parametrize("content", ["", "not a card", "e30.e30.e30"])
def test_what_is_no_card_is_refused(run: Run, shouning: Path, content: str) -> None:
    result = run("--config", shouning, "peer", "add", "-", input=content)
    assert "This is no valid card" in refusal(result)


def test_an_unknown_peer_is_named(run: Run, shouning: Path) -> None:
    assert refusal(run("--config", shouning, "peer", "show", QINGYUAN)) == f"No peer {QINGYUAN} is known here."


def test_rotation_keeps_the_old_key_for_a_while_and_revocation_does_not(run: Run, shouning: Path) -> None:
    (first,) = [key for key in listed(run, shouning, "key", "list") if key["use"] == "sign"]
    assert first["state"] == "valid"

    run("--config", shouning, "key", "rotate")
    second = {key["kid"]: key["state"] for key in listed(run, shouning, "key", "list") if key["use"] == "sign"}
    assert second.pop(first["kid"]) == "ending"
    assert list(second.values()) == ["valid"]

    result = run("--config", shouning, "key", "revoke", "--yes", "--compromised-since", "2026-11-22T08:00:00+08:00")
    assert result.exit_code == 0, result.output
    third = {key["kid"]: key for key in listed(run, shouning, "key", "list") if key["use"] == "sign"}
    revoked = third[next(iter(second))]
    assert revoked["state"] == "revoked"
    assert revoked["compromised_since"] == "2026-11-22T08:00:00+08:00"
    assert sorted(key["state"] for key in third.values()).count("valid") == 1


def test_revoking_asks_first(run: Run, shouning: Path) -> None:
    before = listed(run, shouning, "key", "list")
    assert run("--config", shouning, "key", "revoke", input="n\n").exit_code == 1
    assert "RFC 3339" in run("--config", shouning, "key", "revoke", "--help").stdout
    assert refusal(run("--config", shouning, "key", "revoke", "--yes", "--compromised-since", "yesterday")).startswith(
        "--compromised-since"
    )
    assert listed(run, shouning, "key", "list") == before


def test_nothing_waits_and_nothing_is_set_aside_at_first(run: Run, shouning: Path) -> None:
    assert run("--config", shouning, "queue", "status").stdout == "Nothing was ever sent.\n"
    assert listed(run, shouning, "queue", "status") == []
    assert run("--config", shouning, "inbox", "parked").stdout == "Nothing is set aside.\n"
    assert run("--config", shouning, "inbox", "retry", "--all").stdout == "0 to be tried again.\n"
    assert "Name one message" in refusal(run("--config", shouning, "inbox", "retry"))
    assert "is parked" in refusal(run("--config", shouning, "inbox", "retry", "019ab5d2-7c00-7000-8000-0123456789ab"))


def test_people_are_added_reset_and_disabled(run: Run, shouning: Path) -> None:
    added = run(
        "--config",
        shouning,
        "user",
        "add",
        "lin.xiaoman",
        "--name",
        "林晓曼",
        "--role",
        "officer",
        "--role",
        "approver",
        "--json",
    )
    first = json.loads(added.stdout)
    assert first["roles"] == ["approver", "officer"]
    second = json.loads(run("--config", shouning, "user", "reset", "lin.xiaoman", "--json").stdout)
    assert len(second["password"]) >= 16
    assert second["password"] != first["password"]
    assert run("--config", shouning, "user", "disable", "lin.xiaoman").exit_code == 0
    states = {row["username"]: row["state"] for row in listed(run, shouning, "user", "list")}
    assert states == {"admin": "active", "lin.xiaoman": "disabled"}
    assert "password" not in run("--config", shouning, "user", "list", "--json").stdout


def test_what_a_person_cannot_be_is_refused_in_one_line(run: Run, shouning: Path) -> None:
    add = ("--config", shouning, "user", "add")
    assert run(*add, "lin", "--name", "林晓曼", "--role", "king").exit_code == 2
    assert "taken" in refusal(run(*add, "admin", "--name", "x", "--role", "officer"))
    weak = run(*add, "lin", "--name", "林晓曼", "--role", "officer", "--password-file", "-", input="lin\n")
    assert "characters" in refusal(weak)
    assert "last administrator" in refusal(run("--config", shouning, "user", "disable", "admin"))
    assert run("--config", shouning, "user", "reset", "nobody").exit_code == 1


def test_a_given_password_is_not_printed_again(run: Run, shouning: Path) -> None:
    given = ("--name", "林晓曼", "--role", "officer", "--password-file", "-", "--no-must-change")
    result = run("--config", shouning, "user", "add", "lin", *given, input="walk the ridge at dawn\n")
    assert result.exit_code == 0
    assert "ridge" not in result.output


def test_programs_are_added_and_their_secrets_rotated(run: Run, shouning: Path) -> None:
    first = json.loads(
        run("--config", shouning, "client", "add", "case-system", "--name", "Case system", "--json").stdout
    )
    assert first["roles"] == ["integrator"]
    second = json.loads(run("--config", shouning, "client", "rotate", "case-system", "--json").stdout)
    assert second["client_secret"] != first["client_secret"]
    assert [row["client_id"] for row in listed(run, shouning, "client", "list")] == ["case-system"]
    assert "client_secret" not in listed(run, shouning, "client", "list")[0]


def test_a_database_out_of_reach_is_one_line(run: Run, shouning: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert "database cannot be used" in refusal(run("--config", shouning, "peer", "list"))
