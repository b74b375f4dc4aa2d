"""The certificates that the settings name: which there are, and when each is over."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ecolink.kit.meters import CERTIFICATE_EXPIRES
from ecolink.settings import Settings

if TYPE_CHECKING:
    from cryptography import x509

OWN: Final = "tls_certificate"
"""The setting of what we show; the others name whom we believe."""

AUTHORITIES: Final = ("tls_ca", "alert_ca", "oidc_ca")
"""The settings of private CAs, by which others' certificates are checked."""


def named(given: Settings) -> dict[str, Path]:
    """Return the file of each setting that names certificates, of those that are set."""
    files = {name: getattr(given, name) for name in (OWN, *AUTHORITIES)}
    return {name: file for name, file in files.items() if file is not None}


def read(file: Path) -> Sequence["x509.Certificate"]:
    """Return the certificates of a PEM file, in their order.

    Raises:
        ValueError: it holds none, or what is none.

    """
    from cryptography import x509  # noqa: PLC0415 - a node without TLS of its own does without

    return x509.load_pem_x509_certificates(file.read_bytes())


def over_at(setting: str, certificates: Sequence["x509.Certificate"]) -> datetime:
    """Return when what a setting names serves no more.

    A chain is as good as its weakest link. A file of CAs holds the old one beside the new one while they change, and
    serves as long as the last of them.
    """
    ends = [certificate.not_valid_after_utc for certificate in certificates]
    return min(ends) if setting == OWN else max(ends)


def tell(given: Settings) -> None:
    """Tell at /metrics when the certificates are over that this process has just taken in, until it is started anew.

    What stands in the file later says nothing of those it shows and believes.
    """
    for setting, file in named(given).items():
        with suppress(OSError, ValueError):  # whoever needs what cannot be read says so
            CERTIFICATE_EXPIRES.labels(setting).set(over_at(setting, read(file)).timestamp())
