"""Key manifests: which keys a bureau uses, and how it changes them so that others may follow.

A manifest names its predecessor by digest and commits to the next signing key before that key is ever
used. So a thief of the current key cannot rotate (he lacks the committed one), and the owner of the
committed key can revoke without the current one.

- The first manifest is signed by its own signing key. Trust in it comes from a fingerprint read out by phone.
- A *rotation* carries two signatures over the same payload: the new key's (the committed one), then the old
  key's. The old key stays valid until the end of the overlap.
- A *revocation* carries one, by the committed key alone, and marks the old key revoked.

Keys never leave the list: what they signed must stay verifiable.
"""

from ecolink.protocol.manifest.chain import verify
from ecolink.protocol.manifest.changes import new_manifest, revoke, rotate
from ecolink.protocol.manifest.record import TYP, Document, Manifest, commitment
from ecolink.protocol.manifest.wire import as_text, from_text, pack, unpack

__all__ = [
    "TYP",
    "Document",
    "Manifest",
    "as_text",
    "commitment",
    "from_text",
    "new_manifest",
    "pack",
    "revoke",
    "rotate",
    "unpack",
    "verify",
]
