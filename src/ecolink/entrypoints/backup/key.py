"""The backups' pair of keys: the public half seals and stays here, the private half opens and is kept elsewhere."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ecolink.entrypoints.new_files import appearing
from ecolink.errors import ConflictError, InvalidError, NotFoundError
from ecolink.ownership import closed
from ecolink.protocol.keys import SigningKey, jwk_of, thumbprint
from ecolink.protocol.refusal import Refused

FILE = "backup-key.pub"
"""The public half, in the node's data folder."""


def make_key(data_dir: Path, out: Path, passphrase: bytes | None, *, replace: bool = False) -> str:
    """Write the private half to `out` and the public half to `data_dir`; return the key's name.

    Raises:
        ConflictError: the node has a backup key already and it is not to be replaced, or `out` exists.
        InvalidError: `out` cannot be written.

    """
    public = data_dir / FILE
    if public.exists() and not replace:
        raise ConflictError(
            f"This node seals its backups to {read_public(data_dir)[0]} already. For a new key add --replace, and keep "
            "the old one: the backups made with it open with nothing else.",
            "本节点已有备份密钥。如需更换请加 --replace，并继续保管旧密钥：旧备份只有它能打开。",
        )
    pair = SigningKey.generate()
    try:
        with appearing(out) as file:
            file.write(pair.to_pem(passphrase))
    except FileExistsError:
        raise ConflictError(f"{out} exists already; choose another name.", f"{out} 已存在，请另选文件名。") from None
    except OSError as fault:
        raise InvalidError(f"{out} cannot be written: {fault.strerror}.", f"无法写入 {out}。") from fault
    fresh = public.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    half = pair.private.public_key()
    with appearing(fresh) as file:
        file.write(half.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    fresh.replace(public)
    return pair.kid


def read_public(data_dir: Path) -> tuple[str, ec.EllipticCurvePublicKey]:
    """Return the name and the public half of the key that this node seals its backups to.

    Raises:
        NotFoundError: there is none.
        InvalidError: the file holds something else.
        SettingError: this user may not read it.

    """
    path = data_dir / FILE
    try:
        public = serialization.load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise NotFoundError(
            "This node has no backup key: run 'ecolink backup key --out FILE' and keep that file away from the node.",
            "本节点没有备份密钥：请运行 ecolink backup key --out 文件，并把该文件保管在节点之外。",
        ) from None
    except PermissionError:
        raise closed(path) from None
    except ValueError:
        public = None
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise InvalidError(
            f"{path} is no public key: run 'ecolink backup key --replace'.",
            f"{path} 不是公钥：请运行 ecolink backup key --replace。",
        )
    return thumbprint(jwk_of(public)), public


def read_private(path: Path, passphrase: bytes | None) -> SigningKey:
    """Return the private half.

    Raises:
        InvalidError: the file cannot be read, is no such key, or its passphrase is missing or wrong.

    """
    try:
        pem = path.read_bytes()
    except OSError as fault:
        raise InvalidError(
            f"The backup key {path} cannot be read: {fault.strerror}.", f"无法读取备份密钥 {path}。"
        ) from fault
    try:
        return SigningKey.from_pem(pem, passphrase if b"ENCRYPTED" in pem else None)
    except (ValueError, TypeError, Refused):
        raise InvalidError(
            f"The backup key {path} does not open: give the passphrase it was made with (--passphrase-file).",
            f"无法打开备份密钥 {path}：请用 --passphrase-file 给出创建时的口令。",
        ) from None


def is_encrypted(path: Path) -> bool:
    """Tell whether a private half needs a passphrase; one that cannot be read needs none yet."""
    try:
        return b"ENCRYPTED" in path.read_bytes()
    except OSError:
        return False
