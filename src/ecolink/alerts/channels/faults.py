"""What is wrong with a channel, in words of ours: for whoever reads `200 {"errcode":310000}` and has to mend it.

Codes: DingTalk https://open.dingtalk.com/document/orgapp/custom-robot-access, WeCom
https://developer.work.weixin.qq.com/document/path/90313, Feishu
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot; those of HTTP in RFC 9110, of SMTP in RFC 5321.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, and what to do about it."""

    zh: str
    en: str


_SIGNATURE: Final = Trouble(
    "机器人拒收：加签密钥、关键词（须含“事项”）或来源地址不符，或本机时钟不准。",
    "The robot refuses it: the signing secret, its key words (事项 must be one) or its allowed addresses do not fit, "
    "or this node's clock is wrong.",
)
_GONE: Final = Trouble(
    "机器人地址有误，或机器人已被移除：请重新填写地址。",
    "The robot's address is wrong, or the robot was removed: enter its address again.",
)
_TOO_MANY: Final = Trouble(
    "对方限流：该机器人另有其他系统在用，或短时间内消息过多。请为本系统单独设置机器人。",
    "The service takes no more for now: others use this robot too, or it was told too much. Give this node its own.",
)
_ADDRESS: Final = Trouble(
    "该服务位于内部网络，尚未放行：请将其网段加入 alert_networks。",
    "The service is in a private network that is not allowed: name that network in alert_networks.",
)
_SILENT: Final = Trouble("服务未在规定时间内应答。", "The service did not answer in time.")
_NO_NAME: Final = Trouble(
    "无法解析服务的域名：请检查地址与本机的域名解析。",
    "The service's name does not resolve: look at the address and at this machine's name service.",
)
_CLOSED: Final = Trouble(
    "无法连接该服务：请检查地址、网络与防火墙。",
    "The service cannot be reached: look at its address, the network and the firewall.",
)
_CERTIFICATE: Final = Trouble(
    "服务的证书无法验证：内部证书颁发机构请配置于 alert_ca。",
    "The service's certificate cannot be verified: a private authority is named in alert_ca.",
)
_SEALED: Final = Trouble("渠道密钥无法打开：请重新填写密钥。", "The channel's secrets do not open: enter them again.")
_LOGIN: Final = Trouble(
    "服务不接受用户名、密码或密钥：请重新填写。",
    "The service does not accept the user name, password or secret: enter them again.",
)
_NO_PLACE: Final = Trouble(
    "该地址上没有这个服务（404）：请检查地址。", "There is no such service at the address (404): look at the address."
)
_BROKEN: Final = Trouble("服务自身发生故障。", "The service itself has a fault.")
_NOT_TAKEN: Final = Trouble(
    "服务已应答，但未确认收下该消息：详见服务原话。",
    "The service answered, but did not say that it took the message: see its own words.",
)

_ROBOTS: Final = frozenset({"dingtalk", "wecom", "feishu"})
_OF_ROBOTS: Final = (
    (r'"(errcode|code)"\s*:\s*(310000|19021|19022|19024)\b', _SIGNATURE),
    (r'"(errcode|code)"\s*:\s*(300001|93000|19001|400013)\b', _GONE),
    (r'"(errcode|code)"\s*:\s*(410100|130101|45009|45033|11232|9499)\b', _TOO_MANY),
)
_OF_ALL: Final = (
    (r"is not public and not in", _ADDRESS),
    (r"settings do not open", _SEALED),
    (r"does not resolve", _NO_NAME),
    (r"CERTIFICATE_VERIFY|certificate verify", _CERTIFICATE),
    (r"Timeout|timed out|deadline passed", _SILENT),
    (r"^[A-Za-z]+(Error|Refused|Reset)\b|speaks no SMTP", _CLOSED),
    (r"^429\b", _TOO_MANY),
    (r"^(401|403|530|534|535)\b", _LOGIN),
    (r"^404\b", _NO_PLACE),
    (r"^5\d\d\b", _BROKEN),
)


def trouble_of(kind: str, said: str) -> Trouble:
    """Return in plain words what the answer to a failed try means; one that nobody knows refers to its own words."""
    known = (*_OF_ROBOTS, *_OF_ALL) if kind in _ROBOTS else _OF_ALL
    return next((trouble for pattern, trouble in known if re.search(pattern, said)), _NOT_TAKEN)
