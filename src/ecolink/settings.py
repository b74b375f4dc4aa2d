"""What a node is told about itself, and what of it must hold together. No secret has a default.

`configuration` reads it from the environment (`ECOLINK_…`) and one TOML file.
"""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

PREFIX = "ECOLINK_"

_CONSOLE = re.compile(r"https?://[^\s/?#@\"<>]+(/[^\s?#\"<>]*)?")

_MAYBE_TLS = frozenset({None, "allow", "prefer"})
"""What PostgreSQL's library reads as: encrypted if the server offers it, else not, and nobody is told."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
RoleName = Literal[
    "officer",
    "liaison_officer",
    "intake_reviewer",
    "approver",
    "deputy",
    "head",
    "chief",
    "auditor",
    "integrator",
    "administrator",
]
"""A role, by its name in `identity.roles`, which stands above this floor."""

Port = Annotated[int, Field(ge=1, le=65535)]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
]


class MisfitError(ValueError):
    """A setting that does not go with the others; says which of them to change."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


def _split(value: Any) -> Any:  # noqa: ANN401 - whatever the environment or the file holds
    """Read `a, b` as a list, as an environment variable has no other way to hold one."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _terms(value: Any) -> Any:  # noqa: ANN401 - the same
    """Read deadline overrides; a term of several steps may be written `15, 30`."""
    if not isinstance(value, Mapping):
        return value
    return {name: _split(term) if isinstance(term, str) and "," in term else term for name, term in value.items()}


def _group_roles(value: Any) -> Any:  # noqa: ANN401 - the same
    """Read which roles a group gives; several may be written `deputy, approver`."""
    return {group: _split(roles) for group, roles in value.items()} if isinstance(value, Mapping) else value


def _database(url: str) -> str:
    # Here, so that a person's command, which opens no database, does not wait for the library.
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError:
        backend = ""
    if backend not in {"sqlite", "postgresql"}:
        raise ValueError("it is neither sqlite:///<path> nor postgresql://<user>:<password>@<host>/<database>")
    if backend == "postgresql" and _leaves_this_machine(parsed) and parsed.query.get("sslmode") in _MAYBE_TLS:
        raise ValueError(
            "without sslmode the line to a PostgreSQL elsewhere may be plain: add ?sslmode=verify-full "
            "(&sslrootcert=<file> for a CA of your own), or, on a network within this machine alone, ?sslmode=disable"
        )
    return url


def _leaves_this_machine(url: "URL") -> bool:
    named = url.host or url.query.get("host") or ()
    hosts = (named,) if isinstance(named, str) else named
    return any(not (host.startswith("/") or is_loopback(host)) for host in hosts)


def _default_database(given: dict[str, Any]) -> str:
    return f"sqlite:///{given.get('data_dir', Path())}/ecolink.db"


def _default_keys(given: dict[str, Any]) -> Path:
    return Path(given.get("data_dir", Path())) / "keys"


def _default_backups(given: dict[str, Any]) -> Path:
    return Path(given.get("data_dir", Path())) / "backups"


def _default_federation_url(given: dict[str, Any]) -> str:
    host, port = given.get("federation_host", ""), given.get("federation_port", 0)
    scheme = "https" if given.get("tls_certificate") and not given.get("behind_proxy") else "http"
    return f"{scheme}://{host}:{port}" if is_loopback(host) else ""


class Settings(BaseSettings):
    """One node's settings. Made by `load`; made directly (in tests) it reads no environment and no file."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    unit_code: Annotated[str, StringConstraints(pattern=r"^\d{12}$")] = Field(
        description="this bureau's unit code (GA 380): 12 digits, such as 350924000000"
    )
    name_zh: Line = Field(description="this bureau's name in Chinese, such as 寿宁县公安局")
    name_en: Line = Field(description="this bureau's name in English, such as Shouning County Public Security Bureau")
    duty_phone: Line = Field(description="the duty telephone other bureaus call when a message stays unanswered")

    data_dir: Path = Field(
        Path("data"),
        description="the folder of the database, the keys and the attachments; default: data beside the file",
    )
    database_url: Annotated[str, AfterValidator(_database)] = Field(
        default_factory=_default_database,
        description="sqlite:///<path> or postgresql://<user>:<password>@<host>/<database>; default: SQLite in data_dir",
    )
    key_dir: Path = Field(
        default_factory=_default_keys, description="the folder of the private keys; default: keys in data_dir"
    )
    key_passphrase: SecretStr | None = Field(
        None, description="what the private keys are encrypted with; without it their files must have mode 0600"
    )

    backup_dir: Path = Field(
        default_factory=_default_backups,
        description="the folder of the backups, best on another disk; default: backups in data_dir",
    )
    backup_keep_days: int = Field(
        90, ge=7, description="after how many days a backup goes: what was erased lives on in older ones"
    )

    local_host: str = Field("127.0.0.1", description="the address the bureau's own people and programs connect to")
    local_port: Port = Field(8470, description="the port of the local API")
    federation_host: str = Field("127.0.0.1", description="the address other bureaus' nodes connect to")
    federation_port: Port = Field(8471, description="the port of the federation API")

    tls_certificate: Path | None = Field(
        None, description="PEM file of this node's certificate (chain), shown to callers and to the peers it calls"
    )
    tls_key: Path | None = Field(None, description="PEM file of the certificate's private key")
    tls_ca: Path | None = Field(
        None, description="PEM file of the private CA that signs the peers' certificates; default: the public ones"
    )
    tls_require_client_certificate: bool = Field(
        default=False, description="whether peers must show a certificate signed by tls_ca (mutual TLS)"
    )
    behind_proxy: bool = Field(
        default=False, description="whether a reverse proxy in front of the node terminates TLS for it"
    )
    federation_url: str = Field(
        default_factory=_default_federation_url,
        description="where other nodes reach this one, such as https://node.example.cn; has a default on loopback",
    )
    allowed_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)] = Field(
        (), description="private or loopback networks in which peers may live, such as 10.20.0.0/16, 10.30.0.0/16"
    )

    console_url: str | None = Field(
        None,
        description="where people open the console, such as https://ecolink.bureau.cn; links in alerts and the "
        "identity provider lead there",
    )
    alert_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)] = Field(
        (), description="private or loopback networks in which mail servers, gateways and the like may live"
    )
    alert_ca: Path | None = Field(
        None, description="PEM file of a private CA that such services may have, beside the public ones"
    )

    border_file: Path | None = Field(
        None, description="GeoJSON of the provincial border; without it the distance to it is 'unknown'"
    )
    border_area_m: int = Field(
        5000, ge=1, le=100_000, description="how far from the provincial border, in metres, its area reaches"
    )
    map_file: Path | None = Field(
        None, description="GeoJSON of the outlines on the console's map; without it a sketch of the six counties"
    )
    map_tiles: str | None = Field(
        None,
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]+/\S*$",
        max_length=300,
        description="tile server under the map, such as https://tiles.example.cn/{z}/{x}/{y}.png: browsers will ask it",
    )
    map_tiles_credit: str = Field("", max_length=200, description="whose tiles they are, as it must stand on the map")
    calendar_file: Path | None = Field(
        None, description="table of holidays and adjusted working days that overrides the built-in calendar"
    )
    deadlines: Annotated[dict[str, int | tuple[int, ...]], BeforeValidator(_terms)] = Field(
        default_factory=dict, description="terms that replace the built-in ones, such as very_urgent_answer_hours = 4"
    )
    attachment_max_bytes: int = Field(64 << 20, ge=1 << 16, description="the largest attachment, in bytes")
    attachment_quota_bytes: int = Field(20 << 30, ge=1 << 20, description="all attachments together, in bytes")
    emergency_approval: bool = Field(
        default=False, description="whether an emergency waits for an approver before it is sent"
    )
    retention_months: int = Field(
        36,
        ge=36,
        description="how long personal data this bureau tells may be kept, where the officer names no other time",
    )
    oidc_issuer: str | None = Field(
        None, description="the bureau's own identity provider (OpenID Connect), such as https://id.example.cn/realms/jw"
    )
    oidc_client_id: str | None = Field(None, description="what this node is called at the identity provider")
    oidc_client_secret: SecretStr | None = Field(
        None, description="this node's secret at the identity provider; without it the node is a public client"
    )
    oidc_roles: Annotated[dict[str, tuple[RoleName, ...]], BeforeValidator(_group_roles)] = Field(
        default_factory=dict,
        description='which roles a group at the identity provider gives, such as "协作联络员" = "liaison_officer"',
    )
    oidc_username_claim: str = Field(
        "preferred_username", description="the claim of the ID token that holds a person's login name"
    )
    oidc_groups_claim: str = Field("groups", description="the claim of the ID token that holds a person's groups")
    oidc_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)] = Field(
        (), description="private or loopback networks in which the identity provider may live, such as 10.1.2.0/24"
    )
    oidc_ca: Path | None = Field(
        None, description="PEM file of the private CA that signs its certificate; default: tls_ca, else the public ones"
    )
    second_factor_roles: Annotated[tuple[RoleName, ...], NoDecode, BeforeValidator(_split)] = Field(
        (), description="roles whose bearers must have a second factor, such as administrator, approver, chief"
    )
    requests_per_second: int = Field(
        100, ge=1, le=100_000, description="calls of the local API one caller may make a second, in each process"
    )
    requests_burst: int = Field(
        500, ge=1, le=1_000_000, description="calls one caller may make at once before that rate holds"
    )
    peer_calls_per_second: int = Field(
        500, ge=1, le=100_000, description="calls of the federation API one bureau may make a second, in each process"
    )
    peer_calls_burst: int = Field(
        2_000, ge=1, le=1_000_000, description="calls one bureau may make at once before that rate holds"
    )
    most_connections: int = Field(
        4096, ge=64, le=100_000, description="connections each of the two APIs holds at once, in each process"
    )
    workers: int = Field(1, ge=1, le=64, description="API processes of `ecolink serve`; more than 1 needs PostgreSQL")
    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        None, description="what a monitoring system must show to read /metrics; without it only this machine may"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is logged")
    log_format: Literal["text", "json"] = Field("text", description="text for people, json for collectors")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings' own
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and no more; `load` reads the sources and keeps where each value came from."""
        return (init_settings,)

    @property
    def region(self) -> str:
        """The county's GB/T 2260 code: the first six digits of the unit code."""
        return self.unit_code[:6]

    @property
    def uses_sqlite(self) -> bool:
        """Whether the database is a file of this node alone."""
        return self.database_url.startswith("sqlite")

    @property
    def federation_tls(self) -> bool:
        """Whether the federation API speaks TLS itself; behind a proxy its certificate is for calling peers."""
        return self.tls_certificate is not None and not self.behind_proxy

    @property
    def local_tls(self) -> bool:
        """Whether the local API speaks TLS itself: never on loopback, where its people and tools expect plain HTTP."""
        return self.federation_tls and not is_loopback(self.local_host)

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        files = (
            "tls_certificate",
            "tls_key",
            "tls_ca",
            "alert_ca",
            "border_file",
            "map_file",
            "calendar_file",
            "oidc_ca",
        )
        for name in files:
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise MisfitError(name, f"there is no file {path}")
        if (self.tls_certificate is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_certificate"
            raise MisfitError(missing, "a certificate and its key are set together or not at all")
        if self.tls_require_client_certificate and (self.tls_ca is None or self.tls_certificate is None):
            raise MisfitError(
                "tls_require_client_certificate", "mutual TLS needs tls_certificate, tls_key and tls_ca as well"
            )
        self._refuse_plain_http()
        self._refuse_half_a_provider()
        if self.console_url is not None and not _CONSOLE.fullmatch(self.console_url):
            raise MisfitError("console_url", f"{self.console_url!r} is no address such as https://ecolink.bureau.cn")
        if self.workers > 1 and self.uses_sqlite:
            raise MisfitError("workers", "SQLite serves one process; set workers to 1, or database_url to PostgreSQL")
        return self

    def _refuse_half_a_provider(self) -> None:
        """An identity provider needs to know where people come back to, and what their groups mean."""
        if self.oidc_issuer is None:
            return
        for name in ("oidc_client_id", "oidc_roles", "console_url"):
            if not getattr(self, name):
                raise MisfitError(name, "with oidc_issuer it must be set as well")
        for name in ("oidc_issuer", "console_url"):
            scheme, host = _scheme_and_host(getattr(self, name))
            if not host or not (scheme == "https" or (scheme == "http" and is_loopback(host))):
                raise MisfitError(name, "it begins with https://, or, on loopback alone, with http://")

    def _refuse_plain_http(self) -> None:
        """Plain HTTP stays on this machine: no password and no matter crosses a wire unprotected."""
        for name in ("federation_host", "local_host"):
            host = getattr(self, name)
            if not (is_loopback(host) or self.behind_proxy or self.tls_certificate):
                raise MisfitError(
                    name,
                    f"plain HTTP is not served on {host}: set tls_certificate and tls_key, or behind_proxy where "
                    "a proxy terminates TLS, or bind to 127.0.0.1",
                )
        if not self.federation_url:
            raise MisfitError("federation_url", "it must be set when federation_host is not loopback")
        scheme, host = _scheme_and_host(self.federation_url)
        if scheme not in {"http", "https"} or not host:
            raise MisfitError(
                "federation_url", f"{self.federation_url!r} is no address such as https://node.example.cn"
            )
        if scheme == "http" and self.federation_tls:
            raise MisfitError("federation_url", "with a certificate of its own the node is reached by https://")
        if scheme == "http" and not is_loopback(host):
            raise MisfitError("federation_url", "other bureaus are reached by https:// only, except on loopback")


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _scheme_and_host(url: str) -> tuple[str, str]:
    """Return what stands before `://`, and the host after it without brackets; empty where there is none."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0]
    return scheme, (authority.rpartition(":")[0] or authority).strip("[]")
