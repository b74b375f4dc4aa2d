"""Passwords are hashed slowly, compared alike for everybody, and must be long."""

import threading

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from ecolink.errors import InvalidError, ThrottledError
from ecolink.identity.passwords import (
    AT_ONCE,
    WAITING,
    Passwords,
    check_password,
    hash_secret,
    new_password,
    new_secret,
    verify_secret,
)
from tests.support.hashing import CHEAP
from tests.support.web import PASSWORD


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP)


def test_by_default_a_password_is_hashed_with_argon2id_and_64_mib():
    assert Passwords().hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_only_the_right_password_is_right(passwords: Passwords):
    stored = passwords.hash(PASSWORD)

    assert passwords.verify(PASSWORD, stored)
    assert not passwords.verify(PASSWORD + " ", stored)
    assert not passwords.verify("", stored)
    assert stored != passwords.hash(PASSWORD), "each hash has its own salt"


def test_without_an_account_every_password_is_wrong(passwords: Passwords):
    assert not passwords.verify(PASSWORD, None)
    assert not passwords.verify(PASSWORD, hash_secret("a program's secret"))


def test_a_password_typed_on_another_keyboard_is_the_same(passwords: Passwords):
    assert passwords.verify("cafe\u0301 on the ridge", passwords.hash("caf\u00e9 on the ridge"))


def test_who_logs_in_when_too_many_do_is_sent_away_and_let_in_later():
    begun, go = threading.Semaphore(0), threading.Event()

    class Slow(Argon2Hasher):
        def verify(self, password, hash_):
            begun.release()
            assert go.wait(10)
            return super().verify(password, hash_)

    passwords = Passwords(PasswordHash((Slow(time_cost=1, memory_cost=8, parallelism=1),)))
    stored = passwords.hash(PASSWORD)
    threads = [threading.Thread(target=passwords.verify, args=(PASSWORD, stored)) for _ in range(AT_ONCE + WAITING)]
    for thread in threads:
        thread.start()
    for _ in range(AT_ONCE):
        assert begun.acquire(timeout=10)
    while passwords._places._value:  # until the last of them waits for its turn
        pass

    assert not begun.acquire(blocking=False), "no more than two at once"
    with pytest.raises(ThrottledError):
        passwords.verify(PASSWORD, stored)

    go.set()
    for thread in threads:
        thread.join(10)
    assert passwords.verify(PASSWORD, stored)


@pytest.mark.parametrize("weak", ["", "eleven char", "x" * 129, "abababababababab", "LIN.XIAOMAN is me"])
def test_a_weak_password_is_refused(weak):
    with pytest.raises(InvalidError) as refused:
        check_password(weak, "lin.xiaoman")
    assert refused.value.pointer == "/password"


@pytest.mark.parametrize("stolen", ["1qaz2wsx3edc", "1Q2W3E4R5T6Y", "leavemealone", "sonyericsson", "123456654321"])
def test_a_password_that_guessers_try_first_is_refused(stolen):
    with pytest.raises(InvalidError, match="stolen"):
        check_password(stolen, "lin.xiaoman")


@pytest.mark.parametrize(
    "obvious", ["ecolink-police", "Police-Officer-1", "公安局森林警察管理员密码123", "gongan mima 2026"]
)
def test_words_of_this_trade_count_for_nothing_in_a_password(obvious):
    with pytest.raises(InvalidError, match="Beside words"):
        check_password(obvious, "lin.xiaoman")


def test_a_word_of_this_trade_may_stand_in_a_long_password():
    check_password("the chief likes plum noodles", "lin.xiaoman")


@pytest.mark.parametrize("strong", ["twelve chars", PASSWORD, "竹林深处有一座小小的古老护林石屋"])
def test_a_long_password_of_any_script_is_taken(strong):
    check_password(strong, "lin.xiaoman")


def test_what_the_node_chooses_passes_its_own_rules():
    check_password(new_password(), "lin.xiaoman")
    assert len(new_password()) == 22, "128 bits"
    assert len(new_secret()) == 43


def test_only_the_right_secret_is_right():
    secret = new_secret()

    assert verify_secret(secret, hash_secret(secret))
    assert not verify_secret(secret + "x", hash_secret(secret))
    assert not verify_secret(secret, None)
    assert secret not in hash_secret(secret)
