"""Our own private keys: where they lie, who may read them, and which one signs at this moment.

Four uses, four keys, never shared: `sign` (the exchange), `log` (evidence log), `seal` (bundles sealed to us),
`local` (access tokens of the local API); and `next`, the signing key that the present manifest has already
committed to. A file is named by its use and kid, so a rotation only ever adds files: whatever moment a crash
chooses, the manifest in the database says which file is meant.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ecolink.errors import SettingError
from ecolink.ownership import closed
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.refusal import Refused

EXCHANGE, LOG, SEAL, LOCAL = "sign", "log", "seal", "local"
_PUBLIC_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class OwnKeys:
    """Every private key in the key directory, by use and kid."""

    directory: Path
    by_use: Mapping[str, Mapping[str, SigningKey]]

    def get(self, use: str, kid: str) -> SigningKey:
        """Return one key.

        Raises:
            SettingError: its file is not there.

        """
        try:
            return self.by_use[use][kid]
        except KeyError:
            raise SettingError(
                f"The key {use}-{kid}.pem is missing in {self.directory}: restore it from the key backup.",
                f"密钥目录 {self.directory} 缺少 {use}-{kid}.pem，请从密钥备份恢复。",
            ) from None

    def only(self, use: str) -> SigningKey:
        """Return the newest key of a use that is not rotated through the manifest (`local`).

        Raises:
            SettingError: there is none.

        """
        keys = self.by_use.get(use, {})
        if not keys:
            raise SettingError(
                f"No {use} key in {self.directory}: run 'ecolink init'.",
                f"密钥目录 {self.directory} 中没有 {use} 密钥，请运行 ecolink init。",
            )
        return next(reversed(list(keys.values())))


def write_key(directory: Path, use: str, key: SigningKey, passphrase: bytes | None) -> Path:
    """Write one key to `directory`, durably, readable by its owner only; never overwrite one.

    Raises:
        SettingError: this user may write no file there.

    """
    path = directory / f"{use}-{key.kid}.pem"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except PermissionError:
        raise closed(directory) from None
    with _undone(path), os.fdopen(handle, "wb") as file:
        file.write(key.to_pem(passphrase))
        file.flush()
        os.fsync(file.fileno())
    return path


def create_keys(directory: Path, passphrase: bytes | None) -> OwnKeys:
    """Make a new node's keys: two for `sign` (one in use, one committed to), and one for each other use.

    Raises:
        SettingError: the directory already holds keys, which a node never overwrites, or is closed to this user.

    """
    if _files(directory):
        raise SettingError(
            f"{directory} already holds keys; a new node needs an empty key directory.",
            f"目录 {directory} 中已有密钥；新节点需要空的密钥目录。",
        )
    with ExitStack() as halfway:  # nothing knows of them yet, and part of them would be in the way of the next try
        for use in (EXCHANGE, EXCHANGE, LOG, SEAL, LOCAL):
            halfway.enter_context(_undone(write_key(directory, use, SigningKey.generate(), passphrase)))
    return read_keys(directory, passphrase)


def read_keys(directory: Path, passphrase: bytes | None) -> OwnKeys:
    """Read every key of `directory`, oldest file first.

    Raises:
        SettingError: there is none, one is readable by others or not by this user, or the passphrase does not open it.

    """
    by_use: dict[str, dict[str, SigningKey]] = {}
    for path in sorted(_files(directory), key=lambda path: path.stat().st_mtime_ns):
        use, _, kid = path.stem.partition("-")
        by_use.setdefault(use, {})[kid] = _read(path, passphrase)
    if not by_use:
        raise SettingError(
            f"No keys in {directory}: run 'ecolink init', or set ECOLINK_KEY_DIR to where they are.",
            f"目录 {directory} 中没有密钥：请运行 ecolink init，或用 ECOLINK_KEY_DIR 指明位置。",
        )
    return OwnKeys(directory, by_use)


@contextmanager
def _undone(path: Path) -> Iterator[None]:
    """Take a key that was just written away again if the block fails."""
    try:
        yield
    except BaseException:
        path.unlink()
        raise


def _files(directory: Path) -> list[Path]:
    """Return the files of keys. A folder that may not be read is not one without keys."""
    try:
        return [path for path in directory.iterdir() if path.match("*-*.pem")]
    except FileNotFoundError:
        return []
    except PermissionError:
        raise closed(directory) from None


def _read(path: Path, passphrase: bytes | None) -> SigningKey:
    if path.stat().st_mode & _PUBLIC_TO_OTHERS:
        raise SettingError(
            f"Other users of this machine may read {path}: run 'chmod 600 {path}'.",
            f"本机其他用户可以读取 {path}：请执行 chmod 600 {path}。",
        )
    try:
        pem = path.read_bytes()
    except PermissionError:
        raise closed(path) from None
    try:
        return SigningKey.from_pem(pem, passphrase if b"ENCRYPTED" in pem else None)
    except (ValueError, TypeError, Refused) as fault:
        raise SettingError(
            f"The key file {path} cannot be opened: set ECOLINK_KEY_PASSPHRASE to the passphrase it was made with.",
            f"无法打开密钥文件 {path}：请将 ECOLINK_KEY_PASSPHRASE 设为创建时的口令。",
        ) from fault


@dataclass
class Signer:
    """The key that signs now; `Keystore.refresh` swaps it after a rotation, also one made by another process."""

    _key: SigningKey | None = None

    @property
    def key(self) -> SigningKey:
        """Return the signing key in force.

        Raises:
            SettingError: the node has no key manifest yet.

        """
        if self._key is None:
            raise SettingError(
                "This node has no key manifest: run 'ecolink init'.", "本节点没有密钥清单：请运行 ecolink init。"
            )
        return self._key

    def change(self, key: SigningKey) -> None:
        """Sign with `key` from now on."""
        self._key = key

    def signs_with(self, kid: str) -> bool:
        """Tell whether `kid` names the key in force."""
        return self._key is not None and self._key.kid == kid
