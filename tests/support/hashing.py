"""A password hash that costs nothing: what is tested is hardly ever how slow Argon2 is."""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from ecolink.identity.passwords import Passwords

CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


def hash_cheaply(passwords: Passwords) -> None:
    """Let a node that was put together as it is served hash passwords at no cost."""
    object.__setattr__(passwords, "hasher", CHEAP)
