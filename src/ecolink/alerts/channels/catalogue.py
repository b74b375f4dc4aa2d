"""Every service there is, by name."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol, cast

from pydantic import SecretStr, ValidationError

from ecolink.alerts.channels import dingtalk, feishu, mail, ntfy, sms, webhook, wecom
from ecolink.alerts.channels.letter import Letter
from ecolink.alerts.channels.wire import Answer, ChannelSettings, Outcome, Rate, Request
from ecolink.errors import InvalidError


class Codec(Protocol):
    """What each service's module is."""

    @property
    def Settings(self) -> type[ChannelSettings]:  # noqa: N802 - it is a class
        """What an administrator says of a channel."""

    @property
    def RATES(self) -> tuple[Rate, ...]:  # noqa: N802 - it is a constant
        """What it takes at most; empty where it does not say."""

    def address(self, text: str) -> str | None:
        """Return a person's address as it is kept; None for what is none."""

    def compose(self, letter: Letter, settings: Any, to: str, now: datetime) -> Request:  # noqa: ANN401 - its own
        """Return the request that brings `letter` to the address."""

    def understand(self, answer: Answer, settings: Any, letter: Letter) -> Outcome:  # noqa: ANN401 - its own
        """Return whether the service took it."""


CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {
        "email": cast("Codec", mail),
        "dingtalk": cast("Codec", dingtalk),
        "wecom": cast("Codec", wecom),
        "feishu": cast("Codec", feishu),
        "ntfy": cast("Codec", ntfy),
        "sms": cast("Codec", sms),
        "webhook": cast("Codec", webhook),
    }
)

NAMES_ZH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email": "电子邮件",
        "dingtalk": "钉钉",
        "wecom": "企业微信",
        "feishu": "飞书",
        "ntfy": "ntfy 推送",
        "sms": "短信",
        "webhook": "自定义接口",
    }
)


def read_settings(document: Mapping[str, Any]) -> ChannelSettings:
    """Return the settings of a channel as `document` gives them, by its `kind`.

    Raises:
        InvalidError: there is no such kind, or a member does not fit; it names the first one.

    """
    codec = CODECS.get(str(document.get("kind")))
    if codec is None:
        raise InvalidError(
            f"A channel's kind is one of: {', '.join(CODECS)}.",
            f"渠道类型须为：{'、'.join(CODECS)}。",
            pointer="/settings/kind",
        )
    try:
        return codec.Settings.model_validate(dict(document))
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False, include_context=False)[0]
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in ("settings", *first["loc"]))
        raise InvalidError(
            f"{pointer}: {first['msg'].removeprefix('Value error, ')}.", f"{pointer} 的内容无效。", pointer=pointer
        ) from None


def secrets_of(settings: ChannelSettings) -> dict[str, str]:
    """Return the secrets that are set, by name."""
    found = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {name: value.get_secret_value() for name, value in found.items() if isinstance(value, SecretStr)}


def shown(settings: ChannelSettings) -> dict[str, Any]:
    """Return everything but the secrets."""
    return settings.model_dump(mode="json", exclude=set(secrets_of(settings)))
