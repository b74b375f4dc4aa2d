"""Key manifests, cards and fingerprints."""

from typing import Any

from ecolink.kit.canonical import dumps
from ecolink.protocol import jws, manifest
from ecolink.protocol.card import TYP as CARD
from ecolink.protocol.card import build_card, fingerprint
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.manifest import TYP, Document, Manifest
from ecolink.protocol.refusal import Reason
from tests.support.bureaus import JINGNING, NOW, SHOUNING
from tests.vectors.cases.common import DAY, Case, case, header_for, payload_of, sign_anything

_FIRST = SHOUNING.first_manifest()
_HEAD = manifest.verify([_FIRST], issuer=SHOUNING.code, pinned_head=None)
_CHANGE: dict[str, Any] = {
    "now": NOW + DAY,
    "new_key": SHOUNING.key("next"),
    "next_kid": SHOUNING.key("third").kid,
}
_ROTATED = manifest.rotate(_HEAD, old_key=SHOUNING.key("sign"), overlap=7 * DAY, **_CHANGE)
_REVOKED = manifest.revoke(_HEAD, compromised_since=NOW, **_CHANGE)


def manifest_cases() -> list[Case]:
    """Return chains of key manifests with what is pinned already."""
    rotated = manifest.verify([_FIRST, _ROTATED], issuer=SHOUNING.code, pinned_head=None)
    revoked = manifest.verify([_FIRST, _REVOKED], issuer=SHOUNING.code, pinned_head=None)
    thief = SHOUNING.key("thief")
    stolen = manifest.rotate(_HEAD, old_key=SHOUNING.key("sign"), overlap=7 * DAY, **(_CHANGE | {"new_key": thief}))
    stranger = manifest.new_manifest(
        iss=SHOUNING.code,
        now=NOW,
        sign_key=thief,
        log_key=SHOUNING.key("l"),
        seal_key=SHOUNING.key("s"),
        next_kid="x" * 43,
    )
    said = payload_of(_REVOKED[0])
    held = [link.digest for link in rotated.chain]
    return [
        _case("a first manifest", _learned(_HEAD), [_FIRST]),
        _case("a rotation", _learned(rotated), [_FIRST, _ROTATED]),
        _case("a rotation beyond the pinned head", _learned(rotated), [_FIRST, _ROTATED], [_HEAD.digest]),
        _case("a revocation", _learned(revoked), [_FIRST, _REVOKED]),
        _case("older than what is held", Reason.MANIFEST_STALE, [_FIRST], held),
        _case("a stranger's chain", Reason.MANIFEST_UNROOTED, [stranger], [_HEAD.digest]),
        _case("two successors of one manifest", Reason.MANIFEST_FORK, [_FIRST, _REVOKED], held),
        _case("a thief of the current key rotates", Reason.MANIFEST_BROKEN, [_FIRST, stolen]),
        _case("a rotation without the old key", Reason.MANIFEST_BROKEN, [_FIRST, _ROTATED[:1]]),
        _case("a rotation with the old key first", Reason.UNKNOWN_KEY, [_FIRST, _ROTATED[::-1]]),
        _case("another bureau's manifest", Reason.WRONG_ISSUER, [JINGNING.first_manifest()]),
        _case("no manifests", Reason.MANIFEST_BROKEN, []),
        _case("a manifest without signatures", Reason.MANIFEST_BROKEN, [_FIRST, ()]),
        _case("a version left out", Reason.MANIFEST_BROKEN, [_FIRST, _signed(said | {"version": 3})]),
        _case("another predecessor", Reason.MANIFEST_BROKEN, [_FIRST, _signed(said | {"prev": "0" * 64})]),
        _case("an earlier key dropped", Reason.MANIFEST_BROKEN, [_FIRST, _signed(said | {"keys": said["keys"][1:]})]),
        _case("a revocation reaching back", Reason.MANIFEST_BROKEN, [_FIRST, _signed(_reaching_back(said))]),
        _case("a kid of another key", Reason.BAD_KEY, [_signed(_misnamed(), SHOUNING.key())]),
    ]


def card_cases() -> list[Case]:
    """Return cards."""
    first = build_card(manifests=[_FIRST], key=SHOUNING.key("sign"), **_CARD)
    second = build_card(manifests=[_FIRST, _REVOKED], key=SHOUNING.key("next"), **_CARD)
    outdated = build_card(manifests=[_FIRST, _REVOKED], key=SHOUNING.key("sign"), **_CARD)
    said = payload_of(first)
    changes: dict[str, Any] = {
        "a region of five digits": {"region": "35092"},
        "an address with a user": {"federation_url": "https://user@shouning.example"},
        "an address of another scheme": {"federation_url": "file:///etc/passwd"},
        "no versions": {"versions": []},
        "a limit of nothing": {"limits": {"entries": 0}},
    }
    return [
        _card("one manifest", {"fingerprint": fingerprint(SHOUNING.code, _HEAD.digest)}, first),
        _card("after a revocation", {"fingerprint": fingerprint(SHOUNING.code, _digest([_FIRST, _REVOKED]))}, second),
        _card("signed with the key before", Reason.UNKNOWN_KEY, outdated),
        _card(
            "another bureau's name", Reason.WRONG_ISSUER, sign_anything(header_for(CARD), said | {"iss": JINGNING.code})
        ),
        *[
            _card(name, Reason.INVALID_CLAIM, sign_anything(header_for(CARD), said | change))
            for name, change in changes.items()
        ],
    ]


def fingerprint_cases() -> list[Case]:
    """Return what is read out by phone."""
    return [
        case(f"{code} {digest[:8]}", {"fingerprint": fingerprint(code, digest)}, unit_code=code, digest=digest)
        for code in (SHOUNING.code, JINGNING.code)
        for digest in ("00" * 32, "ff" * 32, _HEAD.digest)
    ]


_CARD: dict[str, Any] = {
    "iss": SHOUNING.code,
    "name_zh": "寿宁县公安局",
    "name_en": "Shouning County Public Security Bureau",
    "region": "350924",
    "federation_url": "https://shouning.example:8443",
    "duty_phone": "0593-0000001",
    "now": NOW,
}


def _learned(head: Manifest) -> Case:
    current = {use.value: head.current(use).kid for use in Use}
    return {"version": head.version, "digest": head.digest, "current": current}


def _digest(documents: list[Document]) -> str:
    return manifest.verify(documents, issuer=SHOUNING.code, pinned_head=None).digest


def _signed(said: dict[str, Any], key: SigningKey | None = None) -> Document:
    return (jws.sign_bytes(TYP, dumps(said), key or SHOUNING.key("next")),)


def _reaching_back(said: dict[str, Any]) -> dict[str, Any]:
    first, *rest = said["keys"]
    return said | {"keys": [first | {"revoked_at": "2026-11-22T10:00:00.000+08:00"}, *rest]}


def _misnamed() -> dict[str, Any]:
    said = payload_of(_FIRST[0])
    first, second, third = said["keys"]
    return said | {"keys": [first, second | {"kid": third["kid"]}, third]}


def _case(name: str, expect: object, documents: list[Document], pinned: list[str] | None = None) -> Case:
    return case(name, expect, issuer=SHOUNING.code, manifests=manifest.as_text(documents), pinned_chain=pinned or [])


def _card(name: str, expect: object, token: bytes) -> Case:
    return case(name, expect, token=token.decode())
