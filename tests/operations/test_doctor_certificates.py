"""The doctor looks at the certificates of TLS: in force, for how long, whose key, and who else may read it."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from ecolink.entrypoints.doctor.finding import Finding, Level
from ecolink.kit.clock import HandClock, SystemClock
from tests.operations.operator import Operator
from tests.operations.test_doctor import found
from tests.support.certificates import Authority

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@dataclass
class Secured:
    """Shouning's node with a certificate of its own, and the CA of its network."""

    operator: Operator
    authority: Authority
    certificate: Path
    key: Path

    def look(self, *, days: float = 0) -> Finding:
        """Return what the doctor says of the certificates in so many days."""
        clock = HandClock(SystemClock().now() + timedelta(days=days))
        return found(self.operator, clock)["certificates"].finding


@pytest.fixture
def secured(shouning: Operator, tmp_path: Path) -> Secured:
    authority = Authority(tmp_path / "ca", days=400)
    certificate, key = authority.issue("shouning", days=100)
    text = shouning.bureau.config.read_text("utf-8").replace('federation_url = "http://', 'federation_url = "https://')
    given = f'tls_certificate = "{certificate}"\ntls_key = "{key}"\ntls_ca = "{authority.certificate_file}"\n'
    shouning.bureau.config.write_text(given + text, "utf-8")
    return Secured(shouning, authority, certificate, key)


def test_a_node_without_a_certificate_has_none_to_renew(shouning: Operator):
    told = found(shouning)["certificates"].finding
    assert told.level is Level.OK
    assert "No certificate is set" in told.detail_en


def test_a_nodes_certificate_is_told_three_weeks_before_its_end_and_fails_once_it_is_over(secured: Secured):
    assert secured.look().level is Level.OK
    assert secured.look(days=78).level is Level.OK
    soon, over = secured.look(days=80), secured.look(days=103)
    assert (soon.level, over.level) == (Level.WARN, Level.FAIL)
    for told in (soon, over):
        assert f"tls_certificate {secured.certificate} (CN=shouning)" in told.detail_en
        assert "docs/operations.md#renew-a-certificate" in told.mend_en
    assert secured.operator.run("doctor").exit_code == 0
    secured.authority.issue("shouning", days=-3)
    assert secured.operator.run("doctor").exit_code == 1


def test_a_certificate_of_tomorrow_fails_today(secured: Secured):
    told = secured.look(days=-1)
    assert told.level is Level.FAIL
    assert "in force only from" in told.detail_en
    assert "clock" in told.mend_en


def test_a_chain_ends_with_the_first_of_its_links_and_a_change_of_cas_with_the_last(secured: Secured, tmp_path: Path):
    short = Authority(tmp_path / "short", days=30)
    leaf = secured.certificate.read_bytes()
    secured.certificate.write_bytes(leaf + short.certificate_file.read_bytes())
    assert secured.look(days=25).level is Level.WARN

    secured.certificate.write_bytes(leaf)
    both = short.certificate_file.read_bytes() + secured.authority.certificate_file.read_bytes()
    secured.authority.certificate_file.write_bytes(both)
    assert secured.look(days=40).level is Level.OK
    secured.authority.certificate_file.write_bytes(short.certificate_file.read_bytes())
    told = secured.look(days=40)
    assert told.level is Level.FAIL
    assert "tls_ca" in told.detail_en


def test_a_tls_key_that_others_may_read_or_that_is_another_certificates_fails_each_with_its_mend(secured: Secured):
    _, stranger = secured.authority.issue("stranger")
    secured.key.write_bytes(stranger.read_bytes())
    secured.key.chmod(0o644)
    told = secured.look().told
    assert [each.level for each in told] == [Level.FAIL, Level.FAIL]
    assert told[0].mend_en.startswith(f"chmod g-w,o-rwx {secured.key}; ")
    assert "is not the key of the first certificate" in told[1].detail_en

    secured.authority.issue("shouning", days=100)
    secured.key.chmod(0o640)
    assert secured.look().level is Level.OK, "a group that keeps such keys may read it"


def test_a_tls_key_that_nobody_can_open_at_a_start_fails(secured: Secured):
    key = load_pem_private_key(secured.key.read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase"))
    secured.key.write_bytes(locked)
    assert "is encrypted" in secured.look().detail_en
    secured.key.write_text("no key")
    assert "holds no private key" in secured.look().detail_en
    secured.certificate.write_text("no certificate")
    assert "holds no certificate" in secured.look().detail_en
