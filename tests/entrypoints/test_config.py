import json
from pathlib import Path

import pytest
from click.testing import Result

from ecolink.entrypoints.cli.settings_file import write_settings
from ecolink.errors import SettingError
from ecolink.settings import Settings

SHOUNING = {
    "unit_code": "350924000000",
    "name_zh": "寿宁县公安局",
    "name_en": "Shouning County Public Security Bureau",
    "duty_phone": "0593-0000001",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_settings(tmp_path / "ecolink.toml", SHOUNING)
    return tmp_path / "ecolink.toml"


def lines(result: Result) -> list[str]:
    return result.stderr.strip().splitlines()


def test_right_settings_are_said_to_be_in_order(run, file: Path) -> None:
    result = run("config", "check")
    assert result.exit_code == 0
    assert result.output == "The settings of Shouning County Public Security Bureau (350924000000) are in order.\n"


def test_every_fault_is_named_on_a_line_of_its_own(run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_LOCAL_PORT", "many")
    monkeypatch.setenv("ECOLINK_LOG_LEVEL", "loud")
    result = run("config", "check")
    assert result.exit_code == 1
    assert [line.partition(" (from environment)")[0] for line in lines(result)] == [
        "ecolink: local_port",
        "ecolink: log_level",
    ]


def test_a_variable_that_is_no_setting_is_pointed_out_and_does_no_harm(
    run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOLINK_LOCAL_PROT", "9000")
    result = run("config", "check")
    assert result.exit_code == 0
    assert lines(result) == ["ecolink: note: ECOLINK_LOCAL_PROT is no setting. Did you mean ECOLINK_LOCAL_PORT?"]


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("ECOLINK_DEADLINES__URGENT_ANSWER_DAY", "2", "is no term. Did you mean urgent_answer_days?"),
        ("ECOLINK_DEADLINES__URGENT_ANSWER_DAYS", "0", "between 1 and"),
        ("ECOLINK_DEADLINES__URGENT_ANSWER_DAYS", "1, 2", "is written like 3"),
        ("ECOLINK_DEADLINES__EMERGENCY_ESCALATION_MINUTES", "20, 10", "ascend"),
    ],
)
def test_a_term_that_cannot_be_kept_is_refused(
    run, file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = run("config", "check")
    assert result.exit_code == 1
    assert says in result.stderr
    assert len(lines(result)) == 1


def test_keys_that_others_may_read_are_found(run, file: Path) -> None:
    from ecolink.federation.signer import create_keys

    keys = file.parent / "data" / "keys"
    create_keys(keys, None)
    assert run("config", "check").exit_code == 0
    exposed = next(keys.glob("sign-*.pem"))
    exposed.chmod(0o644)
    result = run("config", "check")
    assert result.exit_code == 1
    assert lines(result) == [f"ecolink: Other users of this machine may read {exposed}: run 'chmod 600 {exposed}'."]


def test_settings_are_shown_with_their_origin_and_without_secrets(
    run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOLINK_KEY_PASSPHRASE", "fir-and-tea")
    monkeypatch.setenv("ECOLINK_DATABASE_URL", "postgresql://ecolink:fir-and-tea@127.0.0.1/ecolink")
    result = run("config", "show", "--json")
    assert result.exit_code == 0
    assert "fir-and-tea" not in result.output
    shown = {row["setting"]: (row["value"], row["from"]) for row in json.loads(result.stdout)}
    assert list(shown) == list(Settings.model_fields)
    assert shown["unit_code"] == ("350924000000", "ecolink.toml")
    assert shown["key_passphrase"] == ("********", "environment")
    assert shown["database_url"] == ("postgresql://ecolink:***@127.0.0.1/ecolink", "environment")
    assert shown["workers"] == (1, "default")


def test_a_table_for_people_stands_straight_under_chinese_names(run, file: Path) -> None:
    rows = run("config", "show").output.splitlines()
    name = next(row for row in rows if row.startswith("name_zh"))
    # Six Chinese characters take twelve columns: six fewer characters before the next column than in an ASCII row.
    assert rows[0].index("from") - name.index("ecolink.toml") == len("寿宁县公安局")


def test_the_written_file_explains_every_setting_and_holds_no_secret(file: Path) -> None:
    text = file.read_text()
    for name, info in Settings.model_fields.items():
        assert str(info.description) in text
        assert f"\n{name} = " in text or f"\n# {name}" in text
    assert "ECOLINK_KEY_PASSPHRASE" in text
    assert file.stat().st_mode & 0o007 == 0


def test_commented_defaults_can_be_uncommented_as_they_stand(file: Path) -> None:
    import tomllib

    defaults = [line[2:] for line in file.read_text().splitlines() if line.startswith("# ") and " = " in line]
    values = tomllib.loads(
        "\n".join(line for line in defaults if not line.endswith("=") and line.split(" = ")[0].isidentifier())
    )
    assert values["local_port"] == 8470
    Settings(**SHOUNING, **values)


def test_a_file_is_never_overwritten_and_a_wrong_one_never_left(tmp_path: Path, file: Path) -> None:
    before = file.read_text()
    with pytest.raises(SettingError, match="exists: change the settings there"):
        write_settings(file, SHOUNING)
    assert file.read_text() == before
    with pytest.raises(SettingError, match="unit_code"):
        write_settings(tmp_path / "other.toml", {**SHOUNING, "unit_code": "1"})
    assert not (tmp_path / "other.toml").exists()


def test_the_command_line_itself_being_wrong_is_exit_2(run) -> None:
    assert run("confg").exit_code == 2
    assert run("config", "show", "--yaml").exit_code == 2


def test_no_settings_at_all_is_one_line_and_exit_1(run) -> None:
    result = run("config", "show")
    assert result.exit_code == 1
    assert len(lines(result)) == 1
    assert lines(result)[0].startswith("ecolink: unit_code is missing. Set ECOLINK_UNIT_CODE")


def test_the_version_is_told(run) -> None:
    import ecolink

    assert run("--version").output == f"ecolink {ecolink.__version__}\n"
