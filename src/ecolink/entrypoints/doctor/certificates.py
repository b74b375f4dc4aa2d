"""The check of the certificates for TLS: whether each is in force, for how long, and the key fits and is hidden."""

import stat
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ecolink.entrypoints.certificates import OWN, named, over_at, read
from ecolink.entrypoints.doctor import access
from ecolink.entrypoints.doctor.finding import Finding, worst
from ecolink.kit.times import to_text
from ecolink.settings import Settings

ENDS_SOON = timedelta(days=21)
"""How long before its end a certificate is told: one that renews itself has done so by then."""

_RENEW = (
    "Renew it, put it in its place and restart the node and its workers: docs/operations.md#renew-a-certificate.",
    "请更换证书文件，并重启节点及其工作进程，见 docs/operations.md#renew-a-certificate。",
)


def certificates(given: Settings, now: datetime) -> Finding:
    """Look whether every certificate that the settings name is in force, and whether our key fits and is hidden."""
    findings: list[Finding] = []
    own: x509.Certificate | None = None
    soonest: list[datetime] = []
    for setting, file in named(given).items():
        try:
            held = read(file)
        except PermissionError as fault:
            findings.append(access.closed(fault, given))
        except ValueError:
            findings.append(_no_certificate(setting, file))
        else:
            soonest.append(over_at(setting, held))
            findings += _out_of_force(setting, file, held, now)
            own = held[0] if setting == OWN else own
    if given.tls_key is not None:
        try:
            findings += _of_key(given.tls_key, own)
        except PermissionError as fault:
            findings.append(access.closed(fault, given))
    if not soonest:
        without = "No certificate is set: TLS is the proxy's, or nobody else reaches this node."
        return worst(findings, Finding.ok(without, "未设置证书：由代理提供 TLS，或仅本机访问。"))
    until = to_text(min(soonest))
    return worst(findings, Finding.ok(f"The certificates are in force until {until}.", f"证书有效期至 {until}。"))


def _out_of_force(setting: str, file: Path, held: Sequence[x509.Certificate], now: datetime) -> Iterator[Finding]:
    whose = held[0].subject.rfc4514_string()
    ends, begins = over_at(setting, held), held[0].not_valid_before_utc
    if ends <= now:
        yield Finding.fail(
            f"{setting} {file} ({whose}) is over since {to_text(ends)}: connections by it are refused.",
            f"{setting} {file}（{whose}）已于 {to_text(ends)} 过期，相关连接将被拒绝。",
            *_RENEW,
        )
    elif begins > now:
        yield Finding.fail(
            f"{setting} {file} ({whose}) is in force only from {to_text(begins)}.",
            f"{setting} {file}（{whose}）自 {to_text(begins)} 起才生效。",
            "Look at this machine's clock first; else put the one back that is in force.",
            "请先检查本机时钟；如时钟无误，请换回有效的证书。",
        )
    elif ends - now <= ENDS_SOON:
        yield Finding.warn(
            f"{setting} {file} ({whose}) ends {to_text(ends)}.",
            f"{setting} {file}（{whose}）将于 {to_text(ends)} 过期。",
            *_RENEW,
        )


def _of_key(key: Path, certificate: x509.Certificate | None) -> Iterator[Finding]:
    if stat.S_IMODE(key.stat().st_mode) & (stat.S_IRWXO | stat.S_IWGRP):
        mend = f"chmod g-w,o-rwx {key}"  # a group may read it, as many systems keep such keys
        yield Finding.fail(
            f"Other users of this machine may read or change {key}: whoever did can pose as this node's address.",
            f"本机其他用户可访问 {key}，可能冒充本节点的地址。",
            f"{mend}; if others could have read it, have a certificate made for a new key.",
            f"请执行 {mend}；如可能已被他人读取，请更换密钥并重新申请证书。",
        )
    try:
        public = load_pem_private_key(key.read_bytes(), None).public_key()
    except TypeError:
        yield Finding.fail(
            f"tls_key {key} is encrypted: a node that starts by itself cannot open it.",
            f"tls_key {key} 已加密：节点自动启动时无法打开。",
            f"Store it without a passphrase, closed to others: openssl pkey -in {key} -out NEW, chmod 600.",
            f"请以无口令方式保存并限制权限：openssl pkey -in {key} -out 新文件，chmod 600。",
        )
        return
    except ValueError:
        yield Finding.fail(
            f"tls_key {key} holds no private key that can be read.",
            f"tls_key {key} 中没有可读取的私钥。",
            "Put the PEM file of the certificate's private key there.",
            "请放入与证书对应的 PEM 私钥文件。",
        )
        return
    if certificate is not None and _bytes_of(public) != _bytes_of(certificate.public_key()):
        yield Finding.fail(
            f"tls_key {key} is not the key of the first certificate in tls_certificate: the node does not start so.",
            f"tls_key {key} 与 tls_certificate 的第一张证书不匹配：节点无法启动。",
            "Put both in their places as they belong together; the node's own certificate stands before its CA's.",
            "请放入相互对应的证书与私钥；本节点证书须排在 CA 证书之前。",
        )


def _bytes_of(public: PublicKeyTypes) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _no_certificate(setting: str, file: Path) -> Finding:
    return Finding.fail(
        f"{setting} {file} holds no certificate that can be read.",
        f"{setting} {file} 中没有可读取的证书。",
        "Put the certificates there in PEM form.",
        "请放入 PEM 格式的证书。",
    )
