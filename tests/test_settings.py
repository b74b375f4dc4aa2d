from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import get_args

import pytest

import ecolink
from ecolink.configuration import load, read_sources, unknown_variables
from ecolink.errors import SettingError
from ecolink.identity.roles import Role
from ecolink.settings import RoleName, Settings

SHOUNING = """
unit_code = "350924000000"
name_zh = "寿宁县公安局"
name_en = "Shouning County Public Security Bureau"
duty_phone = "0593-0000001"
"""

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("ECOLINK_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "node.toml"
        path.write_text(text)
        return path

    return write


def refusal(config: Path | None = None) -> str:
    with pytest.raises(SettingError) as caught:
        load(config)
    text = str(caught.value)
    assert "\n" not in text
    assert text.count("Set ECOLINK_") <= 1
    return text


def test_four_lines_make_a_node_on_loopback(write: Write, tmp_path: Path) -> None:
    settings = load(write(SHOUNING))
    assert settings.unit_code == "350924000000"
    assert settings.region == "350924"
    assert settings.data_dir == tmp_path / "data"
    assert settings.database_url == f"sqlite:///{tmp_path}/data/ecolink.db"
    assert settings.federation_url == "http://127.0.0.1:8471"
    assert settings.key_passphrase is None


def test_no_secret_has_a_default() -> None:
    assert Settings.model_fields["key_passphrase"].default is None


def test_the_environment_wins_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(SHOUNING + "local_port = 9000\nfederation_port = 9001")
    monkeypatch.setenv("ECOLINK_LOCAL_PORT", "9100")
    settings = load(config)
    assert (settings.local_port, settings.federation_port) == (9100, 9001)
    sources = read_sources(config)
    assert sources.origin("local_port") == "environment"
    assert sources.origin("federation_port") == str(config)
    assert sources.origin("workers") == "default"


def test_the_file_is_found_by_option_by_variable_and_in_the_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ecolink.toml").write_text(SHOUNING)
    assert load().unit_code == "350924000000"
    monkeypatch.setenv("ECOLINK_CONFIG", str(write(SHOUNING.replace("350924", "331126"))))
    assert load().unit_code == "331126000000"
    assert load(tmp_path / "ecolink.toml").unit_code == "350924000000"


def test_paths_in_the_file_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "node.toml").write_text(SHOUNING + 'data_dir = "state"\nkey_dir = "/somewhere/keys"')
    settings = load(folder / "node.toml")
    assert settings.data_dir == folder / "state"
    assert settings.key_dir == Path("/somewhere/keys")
    monkeypatch.setenv("ECOLINK_DATA_DIR", "elsewhere")
    assert load(folder / "node.toml").data_dir == Path("elsewhere")


def test_a_missing_setting_is_named_with_its_variable_and_its_place_in_the_file(write: Write) -> None:
    config = write(SHOUNING.replace('duty_phone = "0593-0000001"', ""))
    text = refusal(config)
    assert text.startswith("duty_phone is missing. Set ECOLINK_DUTY_PHONE, or duty_phone in ")
    assert str(config) in text


def test_with_nothing_set_the_first_is_named_and_the_rest_are_counted() -> None:
    text = refusal()
    assert text.startswith("unit_code is missing. Set ECOLINK_UNIT_CODE, or unit_code in a file named by --config")
    assert text.endswith("(3 more: ecolink config check)")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('unit_code = "35092"', "unit_code"),
        ("local_port = 70000", "less than or equal to 65535"),
        ('log_level = "loud"', "'debug', 'info', 'warning' or 'error'"),
        ('database_url = "mysql://x/y"', "neither sqlite:///<path> nor postgresql://"),
        ('database_url = "no url"', "neither sqlite:///<path> nor postgresql://"),
        ('database_url = "postgresql://ecolink@db.example.cn/ecolink"', "add ?sslmode=verify-full"),
        ('database_url = "postgresql://ecolink@10.1.2.3/ecolink?sslmode=prefer"', "add ?sslmode=verify-full"),
        ('database_url = "postgresql:///ecolink?host=/run/postgresql&host=10.1.2.3"', "add ?sslmode=verify-full"),
        ('allowed_networks = ["10.0.0.0/99"]', "allowed_networks"),
        ("retention_months = 12", "greater than or equal to 36"),
        ("access_log_months = 36", "which is no setting"),
        ("workers = 2", "SQLite serves one process"),
        ('border_file = "nowhere.geojson"', "there is no file"),
        ('map_file = "nowhere.geojson"', "there is no file"),
        ('map_tiles = "tiles.example.cn"', "map_tiles"),
        ("map_tiles = \"https://tiles.example.cn; script-src 'unsafe-inline'/\"", "map_tiles"),
        ('tls_certificate = "node.toml"', "tls_key"),
        ("tls_require_client_certificate = true", "mutual TLS needs"),
        ('federation_url = "node.example.cn"', "is no address such as https://"),
        ('name_en = ""', "name_en"),
        ('name_en = "two\\nlines"', "name_en"),
        ("unit_codes = 1", "which is no setting. Did you mean unit_code?"),
        ("this is no toml", "is no TOML"),
    ],
)
def test_a_wrong_setting_stops_the_node_with_one_line(write: Write, line: str, says: str) -> None:
    name = line.partition(" ")[0]
    kept = "\n".join(known for known in SHOUNING.splitlines() if not known.startswith(name + " "))
    assert says in refusal(write(f"{kept}\n{line}"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///ecolink",
        "postgresql://ecolink@127.0.0.1/ecolink",
        "postgresql:///ecolink?host=/run/postgresql",
        "postgresql://ecolink@db.example.cn/ecolink?sslmode=verify-full",
        "postgresql://ecolink@db/ecolink?sslmode=disable",
    ],
)
def test_a_database_on_this_machine_or_with_its_sslmode_said_is_taken(write: Write, url: str) -> None:
    assert load(write(f'{SHOUNING}\ndatabase_url = "{url}"')).database_url == url


def test_every_setting_is_read_by_something() -> None:
    """A setting that nothing reads is a promise to the operator that nobody keeps."""
    package = Path(ecolink.__path__[0])
    told = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    own = (package / "settings.py").read_text(encoding="utf-8")
    unread = [name for name in Settings.model_fields if f"settings.{name}" not in told and f"self.{name}" not in own]

    assert unread == []


def test_the_origin_of_a_wrong_value_is_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_LOCAL_PORT", "many")
    assert refusal(write(SHOUNING)).startswith("local_port (from environment) is wrong: ")


def test_a_named_file_that_is_not_there_is_not_passed_over(tmp_path: Path) -> None:
    assert "is not there" in refusal(tmp_path / "absent.toml")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "node.example.cn"])  # noqa: S104
@pytest.mark.parametrize("side", ["federation", "local"])
def test_plain_http_off_loopback_is_refused_with_the_mend(write: Write, side: str, host: str) -> None:
    config = write(SHOUNING + f'{side}_host = "{host}"\nfederation_url = "https://node.example.cn"')
    text = refusal(config)
    assert text.startswith(f"{side}_host")
    assert "behind_proxy" in text
    assert "tls_certificate" in text


@pytest.mark.parametrize("url", ["http://10.1.2.3:8471", "http://node.example.cn", "http://0.0.0.0:8471"])
def test_a_card_never_offers_plain_http_off_loopback(write: Write, url: str) -> None:
    assert "https:// only" in refusal(write(SHOUNING + f'federation_url = "{url}"\nbehind_proxy = true'))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8471", "http://[::1]:8471", "http://localhost:1", "https://10.1.2.3"]
)
def test_loopback_may_be_plain_and_the_rest_is_https(write: Write, url: str) -> None:
    assert load(write(SHOUNING + f'federation_url = "{url}"')).federation_url == url


def test_behind_a_proxy_the_node_may_listen_plainly_but_must_say_where_it_is_reached(write: Write) -> None:
    behind = SHOUNING + 'behind_proxy = true\nfederation_host = "0.0.0.0"\nlocal_host = "0.0.0.0"\n'
    assert "federation_url" in refusal(write(behind))
    assert load(write(behind + 'federation_url = "https://node.example.cn"')).behind_proxy


def test_with_its_own_certificate_the_node_may_listen_anywhere(write: Write, tmp_path: Path) -> None:
    for name in ("node.pem", "node.key", "ca.pem"):
        (tmp_path / name).touch()
    settings = load(
        write(
            SHOUNING
            + 'tls_certificate = "node.pem"\ntls_key = "node.key"\ntls_ca = "ca.pem"\ntls_require_client_certificate = true\n'
            + 'federation_host = "0.0.0.0"\nfederation_url = "https://node.example.cn:8471"'
        )
    )
    assert settings.tls_certificate == tmp_path / "node.pem"


def test_networks_and_deadlines_read_alike_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(
        SHOUNING
        + 'allowed_networks = ["10.0.0.0/8"]\n[deadlines]\nvery_urgent_answer_hours = 4\nemergency_escalation_minutes = [5, 10]'
    )
    settings = load(config)
    assert settings.allowed_networks == (ip_network("10.0.0.0/8"),)
    assert settings.deadlines == {"very_urgent_answer_hours": 4, "emergency_escalation_minutes": (5, 10)}
    monkeypatch.setenv("ECOLINK_ALLOWED_NETWORKS", "127.0.0.0/8, ::1/128")
    monkeypatch.setenv("ECOLINK_DEADLINES__VERY_URGENT_ANSWER_HOURS", "6")
    monkeypatch.setenv("ECOLINK_DEADLINES__URGENT_ANSWER_DAYS", "2")
    settings = load(config)
    assert settings.allowed_networks == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert settings.deadlines == {
        "very_urgent_answer_hours": 6,
        "urgent_answer_days": 2,
        "emergency_escalation_minutes": (5, 10),
    }


@pytest.mark.parametrize("name", ["key_passphrase", "metrics_token"])
def test_a_secret_in_a_file_others_can_read_is_refused(write: Write, name: str) -> None:
    config = write(SHOUNING + f'{name} = "fir-and-tea-and-moss"')
    config.chmod(0o644)
    text = refusal(config)
    assert "chmod 600" in text
    assert "fir-and-tea" not in text
    config.chmod(0o600)
    secret = getattr(load(config), name)
    assert secret.get_secret_value() == "fir-and-tea-and-moss"
    assert "fir-and-tea" not in repr(load(config))


def test_the_service_managers_credential_is_read(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "ecolink_key_passphrase").write_text("fir-and-tea\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    config = write(SHOUNING)
    passphrase = load(config).key_passphrase
    assert passphrase is not None
    assert passphrase.get_secret_value() == "fir-and-tea"
    assert read_sources(config).origin("key_passphrase") == "credential"


def test_a_credential_that_cannot_be_read_stops_the_start_in_one_line_that_quotes_nothing(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "ecolink_key_passphrase").write_bytes(b"fir-and-\xff")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    told = refusal(write(SHOUNING))
    assert told.startswith(f"the credentials in {tmp_path / 'credentials'} cannot be read (UnicodeDecodeError)")
    assert "ff" not in told.removeprefix(f"the credentials in {tmp_path}")
    assert "\n" not in told


def test_a_slip_in_a_variables_name_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ECOLINK_UNITCODE", "ECOLINK_UNIT_CODE", "ECOLINK_PASSWORD", "ECOLINK_DEADLINES__X"):
        monkeypatch.setenv(name, "1")
    assert unknown_variables() == ["ECOLINK_UNITCODE"]


def test_settings_made_directly_read_no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ECOLINK_LOCAL_PORT", "9100")
    given = {"unit_code": "331126000000", "name_zh": "庆元", "name_en": "Qingyuan", "duty_phone": "1"}
    assert Settings(**given, data_dir=tmp_path).local_port == 8470


def test_every_setting_describes_itself() -> None:
    assert all(info.description for info in Settings.model_fields.values())


def test_a_node_with_a_certificate_speaks_tls_to_peers_and_plainly_on_its_own_loopback(
    write: Write, tmp_path: Path
) -> None:
    for name in ("node.pem", "node.key"):
        (tmp_path / name).touch()
    secured = SHOUNING + 'tls_certificate = "node.pem"\ntls_key = "node.key"\n'
    settings = load(write(secured))
    assert (settings.federation_tls, settings.local_tls) == (True, False)
    assert settings.federation_url == "https://127.0.0.1:8471"
    assert "reached by https://" in refusal(write(secured + 'federation_url = "http://127.0.0.1:8471"'))
    assert load(write(secured + 'local_host = "10.1.2.3"')).local_tls
    assert not load(write(secured + "behind_proxy = true")).federation_tls


def test_the_roles_that_may_be_asked_for_a_second_factor_are_the_roles_there_are(write: Write) -> None:
    assert set(get_args(RoleName)) == {role.value for role in Role}
    config = write(SHOUNING + 'second_factor_roles = "administrator, chief"')
    assert load(config).second_factor_roles == ("administrator", "chief")
    assert "second_factor_roles" in refusal(write(SHOUNING + 'second_factor_roles = ["king"]'))


OIDC = """
console_url = "https://ecolink.example.cn"
oidc_issuer = "https://id.example.cn/realms/jw"
oidc_client_id = "ecolink"
[oidc_roles]
"协作联络员" = "liaison_officer"
"局领导" = ["chief", "approver"]
"""


def test_an_identity_provider_is_set_whole_or_not_at_all(write: Write) -> None:
    settings = load(write(SHOUNING + OIDC))
    assert settings.oidc_roles == {"协作联络员": ("liaison_officer",), "局领导": ("chief", "approver")}
    for line in ("oidc_client_id", "console_url"):
        without = "\n".join(each for each in OIDC.splitlines() if not each.startswith(line))
        assert refusal(write(SHOUNING + without)).startswith(line)
    assert refusal(write(SHOUNING + OIDC.partition("[")[0])).startswith("oidc_roles")
    assert "https://" in refusal(write(SHOUNING + OIDC.replace("https://id.", "http://id.")))
    assert refusal(write(SHOUNING + OIDC.replace('"liaison_officer"', '"king"'))).startswith("oidc_roles")


def test_the_nodes_secret_at_the_provider_is_not_read_from_a_file_others_may_read(write: Write) -> None:
    file = write(SHOUNING + 'oidc_client_secret = "a secret between two programs"')
    file.chmod(0o644)
    assert "holds oidc_client_secret and others may read it" in refusal(file)
