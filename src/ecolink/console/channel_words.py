"""The kinds of alert channels by name, and what an address is on each: in English; the catalogue has their Chinese."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ecolink.alerts.dispatch_models import ChannelKind
from ecolink.console.language import mark as _

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ChannelKind.EMAIL: _("E-mail"),
        ChannelKind.DINGTALK: _("DingTalk robot"),
        ChannelKind.WECOM: _("WeCom robot"),
        ChannelKind.FEISHU: _("Feishu robot"),
        ChannelKind.NTFY: _("ntfy push"),
        ChannelKind.SMS: _("Text message"),
        ChannelKind.WEBHOOK: _("Webhook"),
    }
)
ADDRESSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ChannelKind.EMAIL: _("E-mail address"),
        ChannelKind.DINGTALK: _("Mobile number to call upon in the group, or empty"),
        ChannelKind.WECOM: _("Mobile number to call upon in the group, or empty"),
        ChannelKind.FEISHU: _("Feishu id (ou_…) to call upon in the group, or empty"),
        ChannelKind.NTFY: _("Topic"),
        ChannelKind.SMS: _("Mobile number"),
        ChannelKind.WEBHOOK: _("What names the person there, or empty"),
    }
)
"""What a contact point's address is on a channel of each kind."""
