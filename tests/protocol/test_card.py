"""A card introduces a bureau; nothing on it is believed before two people compared its fingerprint."""

import json
from datetime import timedelta

import pytest

from ecolink.protocol import base64url, jws, manifest
from ecolink.protocol.card import TYP, build_card, fingerprint, open_card
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.limits import MAX_CARD_BYTES
from ecolink.protocol.refusal import Refused
from tests.support.bureaus import JINGNING, NOW, SHOUNING

FIRST = SHOUNING.first_manifest()
HEAD = manifest.verify([FIRST], issuer=SHOUNING.code, pinned_head=None)
SECOND = manifest.revoke(
    HEAD, now=NOW, new_key=SHOUNING.key("next"), next_kid=SHOUNING.key("third").kid, compromised_since=NOW
)


def card(**changes):
    said = {
        "iss": SHOUNING.code,
        "name_zh": "寿宁县公安局",
        "name_en": "Shouning County Public Security Bureau",
        "region": "350924",
        "federation_url": "https://shouning.example:8443/ecolink",
        "duty_phone": "0593-0000001",
        "manifests": [FIRST],
        "now": NOW,
        "key": SHOUNING.key(),
    }
    return build_card(**(said | changes))


def reason(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def resigned(key=None, **changes):
    said = json.loads(base64url.decode(card().split(b".")[1])) | changes
    return jws.sign(TYP, {name: value for name, value in said.items() if value is not None}, key or SHOUNING.key())


def test_a_card_reads_as_it_was_written():
    read = open_card(card())
    assert (read.iss, read.name_zh, read.region, read.duty_phone) == (
        SHOUNING.code,
        "寿宁县公安局",
        "350924",
        "0593-0000001",
    )
    assert read.federation_url == "https://shouning.example:8443/ecolink"
    assert read.versions == (1,)
    assert read.limits["entries"] == 500
    assert read.manifests == (FIRST,)
    assert read.manifest.digest == HEAD.digest
    assert read.fingerprint == fingerprint(SHOUNING.code, HEAD.digest)
    assert read.iat == NOW


@pytest.mark.parametrize("address", ["http://127.0.0.1:8001", "HTTPS://SHOUNING.EXAMPLE/ecolink/"])
def test_a_card_names_any_address_a_node_may_have(address):
    """Plain HTTP as well: nodes side by side on one machine use it. Whether we connect there is judged later."""
    assert open_card(card(federation_url=address)).federation_url == address


def test_a_card_may_use_its_limits_to_the_full():
    read = open_card(
        card(
            name_zh="局" * 100,
            name_en="x" * 100,
            duty_phone="0" * 32,
            federation_url="https://shouning.example:1",
            versions=list(range(1, 17)),
            limits_={"entries": 1},
        )
    )
    assert (len(read.name_zh), len(read.name_en), len(read.duty_phone)) == (100, 100, 32)
    assert (read.versions[-1], read.limits) == (16, {"entries": 1})


def test_only_the_key_in_force_signs_a_card():
    both = [FIRST, SECOND]
    assert open_card(card(manifests=both, key=SHOUNING.key("next"))).manifest.version == 2
    assert reason(open_card, card(manifests=both, key=SHOUNING.key("sign"))) == "unknown-key"
    assert reason(open_card, card(key=SHOUNING.key("log"))) == "unknown-key"
    assert reason(open_card, card(key=SigningKey.generate())) == "unknown-key"


def test_a_card_whose_key_starts_tomorrow_is_refused_today():
    assert reason(open_card, card(), NOW - timedelta(days=1)) == "key-not-yet-valid"
    assert open_card(card(), NOW)


def test_a_card_with_another_bureaus_manifest_is_refused():
    assert reason(open_card, card(manifests=[JINGNING.first_manifest()])) == "wrong-issuer"
    assert reason(open_card, card(iss=JINGNING.code)) == "wrong-issuer"


def test_a_fingerprint_is_twelve_groups_of_five_digits():
    groups = fingerprint(SHOUNING.code, HEAD.digest).split(" ")
    assert [len(group) for group in groups] == [5] * 12
    assert all(group.isdigit() for group in groups)


def test_a_fingerprint_changes_with_the_bureau_and_with_its_keys():
    shown = fingerprint(SHOUNING.code, HEAD.digest)
    assert fingerprint(JINGNING.code, HEAD.digest) != shown
    assert fingerprint(SHOUNING.code, "0" * 64) != shown
    assert open_card(card(manifests=[FIRST, SECOND], key=SHOUNING.key("next"))).fingerprint != shown
    assert open_card(card(duty_phone="0593-0000009")).fingerprint == shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name_zh", ""),
        ("name_zh", "局" * 101),
        ("name_en", "x" * 101),
        ("region", "35092"),
        ("region", "35092４"),
        ("federation_url", "shouning.example"),
        ("federation_url", "ftp://shouning.example"),
        ("federation_url", "javascript:alert(1)"),
        ("federation_url", "https://"),
        ("federation_url", "https://user:word@shouning.example"),
        ("federation_url", "https://shouning.example/?a=1"),
        ("federation_url", "https://shouning.example/#a"),
        ("federation_url", "https://[::1"),
        ("federation_url", "https://shouning.example:99999"),
        ("federation_url", "https://shouning.example:0"),
        ("duty_phone", 110),
        ("duty_phone", "0" * 33),
        ("versions", list(range(1, 18))),
        ("versions", []),
        ("versions", ["1"]),
        ("versions", [0]),
        ("versions", [True]),
        ("limits", []),
        ("limits", {"entries": 0}),
        ("limits", {"entries": "many"}),
        ("manifests", {}),
        ("manifests", [["x", 1]]),
        ("manifests", "x"),
        ("iat", "now"),
        ("iss", "shouning"),
    ],
)
def test_a_member_of_another_type_or_form_is_refused(name, value):
    assert reason(open_card, resigned(**{name: value})) == "invalid-claim"


def test_a_card_without_manifests_is_refused():
    assert reason(open_card, resigned(manifests=None)) == "invalid-claim"
    assert reason(open_card, resigned(manifests=[])) == "manifest-broken"
    assert reason(open_card, resigned(iss=None)) == "missing-claim"


def test_a_changed_card_is_refused():
    header, payload, signature = card().split(b".")
    said = json.loads(base64url.decode(payload)) | {"duty_phone": "0593-6666666"}
    forged = b".".join([header, base64url.encode(json.dumps(said).encode()), signature])
    assert reason(open_card, forged) == "bad-signature"
    assert reason(open_card, b"x" * (MAX_CARD_BYTES + 1)) == "too-large"
