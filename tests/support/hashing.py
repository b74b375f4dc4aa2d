"""A password hash that costs nothing: what is tested is hardly ever how slow Argon2 is."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from ecolink.identity import passwords as kept
from ecolink.identity.passwords import Passwords

_Cheap = partial(Argon2Hasher, time_cost=1, memory_cost=8, parallelism=1)
CHEAP = PasswordHash((_Cheap(),))


def hash_cheaply(passwords: Passwords) -> None:
    """Let a node that was put together as it is served hash passwords at no cost."""
    object.__setattr__(passwords, "hasher", CHEAP)


@contextmanager
def hashing_cheaply() -> Iterator[None]:
    """Let every node that this process puts together until the block ends do so; each hash says what it takes to check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "Argon2Hasher", _Cheap)
        yield
