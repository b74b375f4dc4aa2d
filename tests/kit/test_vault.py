"""What is sealed opens with the node's key, about the same thing, unchanged; and in no other way."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ecolink.kit.vault import Vault, VaultError


@pytest.fixture
def vault() -> Vault:
    return Vault(ec.generate_private_key(ec.SECP256R1()))


def test_a_secret_opens_again_and_is_sealed_anew_each_time(vault: Vault):
    first, second = (vault.seal(b"robot key", "channel dingtalk") for _ in range(2))

    assert first != second
    assert b"robot" not in first
    assert {vault.open(sealed, "channel dingtalk") for sealed in (first, second)} == {b"robot key"}


def test_a_secret_is_about_one_thing(vault: Vault):
    sealed = vault.seal(b"secret of lin", "second factor of lin")

    with pytest.raises(VaultError):
        vault.open(sealed, "second factor of zhou")


def test_another_nodes_key_opens_nothing(vault: Vault):
    sealed = vault.seal(b"secret", "x")

    with pytest.raises(VaultError):
        Vault(ec.generate_private_key(ec.SECP256R1())).open(sealed, "x")


def test_no_byte_of_a_sealed_secret_can_be_changed_and_none_cut_off(vault: Vault):
    sealed = vault.seal(b"secret", "x")
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]

    for damaged in (*changed, sealed[:-1], sealed[:33], b""):
        with pytest.raises(VaultError):
            vault.open(damaged, "x")


def test_a_vault_shown_by_mistake_shows_no_key(vault: Vault):
    assert repr(vault) == "Vault()"
