"""Keys change only as the bureau committed beforehand; a thief, a stranger and a liar are told apart."""

import json
from datetime import timedelta

import pytest

from ecolink.kit.canonical import dumps
from ecolink.protocol import base64url, jws, manifest
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.manifest import TYP
from ecolink.protocol.refusal import Refused
from tests.support.bureaus import JINGNING, NOW, SHOUNING

DAY = timedelta(days=1)
FIRST = SHOUNING.first_manifest()
HEAD = manifest.verify([FIRST], issuer=SHOUNING.code, pinned_head=None)


def rotated(head=HEAD, **changes):
    said = {
        "now": NOW + DAY,
        "new_key": SHOUNING.key("next"),
        "old_key": SHOUNING.key("sign"),
        "next_kid": SHOUNING.key("third").kid,
        "overlap": 7 * DAY,
    }
    return manifest.rotate(head, **(said | changes))


def revoked(head=HEAD, **changes):
    said = {"now": NOW + DAY, "new_key": SHOUNING.key("next"), "next_kid": SHOUNING.key("third").kid}
    return manifest.revoke(head, **(said | changes))


def verify(*documents, pinned_head=None, **named):
    return manifest.verify(documents, issuer=SHOUNING.code, pinned_head=pinned_head, **named)


def reason(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def payload(document):
    return json.loads(base64url.decode(document[0].split(b".")[1]))


def signed(said, *keys):
    return tuple(jws.sign_bytes(TYP, dumps(said), key) for key in keys)


def keys_by_use(head):
    return {key.use: key.kid for key in head.keys}


def test_the_first_manifest_names_three_keys_and_commits_to_a_fourth():
    assert (HEAD.iss, HEAD.version, HEAD.prev, HEAD.iat) == (SHOUNING.code, 1, None, NOW)
    assert keys_by_use(HEAD) == {
        Use.SIGN: SHOUNING.key("sign").kid,
        Use.LOG: SHOUNING.key("log").kid,
        Use.SEAL: SHOUNING.key("seal").kid,
    }
    assert HEAD.next == manifest.commitment(SHOUNING.key("next").kid)
    assert HEAD.find(SHOUNING.key("log").kid) is HEAD.current(Use.LOG)
    assert HEAD.find("nobody") is None


def test_after_a_rotation_both_keys_are_valid_until_the_overlap_ends():
    head = verify(FIRST, rotated(), pinned_head=HEAD.digest)
    old, new = head.find(SHOUNING.key("sign").kid), head.current(Use.SIGN)
    assert new.kid == SHOUNING.key("next").kid
    for key in (old, new):
        key.refuse_unless_valid(NOW + 2 * DAY)
    assert reason(old.refuse_unless_valid, NOW + 9 * DAY) == "key-expired"
    new.refuse_unless_valid(NOW + 9 * DAY)
    assert [link.version for link in head.chain] == [1, 2]
    assert head.chain[0].digest == HEAD.digest == head.prev


def test_after_a_revocation_the_old_key_is_believed_for_what_came_before_only():
    head = verify(FIRST, revoked(compromised_since=NOW + DAY / 2), pinned_head=HEAD.digest)
    old = head.find(SHOUNING.key("sign").kid)
    old.refuse_unless_valid(NOW)
    assert reason(old.refuse_unless_valid, NOW + DAY) == "key-revoked"
    assert old.compromised_since == NOW + DAY / 2
    assert head.current(Use.SIGN).kid == SHOUNING.key("next").kid


def test_log_and_sealing_keys_change_along():
    with_log = verify(FIRST, rotated(log_key=SHOUNING.key("log 2"), seal_key=SHOUNING.key("seal 2")))
    assert with_log.current(Use.LOG).kid == SHOUNING.key("log 2").kid
    assert with_log.current(Use.SEAL).kid == SHOUNING.key("seal 2").kid
    assert with_log.find(SHOUNING.key("log").kid).not_after == NOW + 8 * DAY
    without_log = verify(FIRST, revoked(log_key=SHOUNING.key("log 2")))
    assert without_log.find(SHOUNING.key("log").kid).revoked_at == NOW + DAY
    assert without_log.find(SHOUNING.key("seal").kid).revoked_at is None


def test_a_key_still_in_its_overlap_can_be_revoked_with_the_current_one():
    second = verify(FIRST, rotated())
    third = revoked(
        second, now=NOW + 2 * DAY, new_key=SHOUNING.key("third"), next_kid="x" * 43, also=[SHOUNING.key("sign").kid]
    )
    head = verify(FIRST, rotated(), third)
    assert [key.revoked_at for key in head.keys if key.use is Use.SIGN] == [NOW + 2 * DAY, NOW + 2 * DAY, None]


def test_a_chain_of_many_changes_verifies_and_keeps_every_key():
    documents, head, labels = [FIRST], HEAD, ["sign", "next", *map(str, range(8))]
    for turn in range(8):
        changes = {
            "now": NOW + (turn + 1) * DAY,
            "new_key": SHOUNING.key(labels[turn + 1]),
            "next_kid": SHOUNING.key(labels[turn + 2]).kid,
        }
        change = (
            revoked(head, **changes) if turn % 3 == 2 else rotated(head, old_key=SHOUNING.key(labels[turn]), **changes)
        )
        documents.append(change)
        head = verify(*documents, pinned_head=head.digest, pinned_chain=[link.digest for link in head.chain])
    assert head.version == 9
    assert len(head.keys) == 3 + 8


def test_a_chain_travels_as_json():
    documents = [FIRST, rotated()]
    assert manifest.unpack(manifest.pack(documents)) == documents
    for raw in (b"{}", b"[{}]", b"[[1]]", '[["林"]]'.encode()):
        assert reason(manifest.unpack, raw) == "invalid-claim"
    assert reason(manifest.unpack, b"[[", max_bytes=10) == "bad-json"


# --- A thief of the current key. ---


def test_a_thief_of_the_current_key_cannot_rotate():
    thief = SigningKey.generate()
    assert reason(verify, FIRST, rotated(new_key=thief)) == "manifest-broken"


def test_a_thief_of_the_current_key_cannot_revoke_either():
    assert reason(verify, FIRST, revoked(new_key=SigningKey.generate())) == "manifest-broken"
    said = payload(revoked())
    assert reason(verify, FIRST, signed(said, SHOUNING.key("sign"))) == "unknown-key"


def test_a_rotation_needs_the_old_key_too():
    document = rotated()
    assert reason(verify, FIRST, document[:1]) == "manifest-broken"
    assert reason(verify, FIRST, document[::-1]) == "unknown-key"
    forged = signed(payload(document), SHOUNING.key("next"), SigningKey.generate())
    assert reason(verify, FIRST, forged) == "unknown-key"


def test_the_two_signatures_of_a_rotation_are_over_the_same_payload():
    one, other = rotated(), rotated(overlap=8 * DAY)
    assert reason(verify, FIRST, (one[0], other[1])) == "manifest-broken"


def test_a_manifest_has_one_or_two_signatures():
    document = rotated()
    assert reason(verify, ()) == "manifest-broken"
    assert reason(verify, FIRST, ()) == "manifest-broken"
    assert reason(verify, FIRST, (*document, document[1])) == "manifest-broken"
    assert reason(verify, FIRST, revoked() * 3) == "manifest-broken"
    assert reason(verify, FIRST * 2) == "manifest-broken"


# --- A stranger, an old copy, a fork. ---


def test_a_stranger_writing_in_a_bureaus_name_is_no_fork():
    """Or anybody could have a peer suspended."""
    stranger = SigningKey.generate()
    forged = manifest.new_manifest(
        iss=SHOUNING.code,
        now=NOW,
        sign_key=stranger,
        log_key=SigningKey.generate(),
        seal_key=SigningKey.generate(),
        next_kid="x" * 43,
    )
    assert reason(verify, forged, pinned_head=HEAD.digest, pinned_chain=[HEAD.digest]) == "manifest-unrooted"
    assert reason(verify, forged, pinned_head=HEAD.digest) == "manifest-unrooted"


def test_an_old_copy_of_the_chain_is_stale_and_nothing_worse():
    head = verify(FIRST, rotated())
    held = [link.digest for link in head.chain]
    assert reason(verify, FIRST, pinned_head=head.digest, pinned_chain=held) == "manifest-stale"


def test_the_chain_that_is_held_verifies_again():
    head = verify(FIRST, rotated())
    held = [link.digest for link in head.chain]
    assert verify(FIRST, rotated(), pinned_head=head.digest, pinned_chain=held).digest == head.digest


def test_two_successors_of_one_manifest_are_a_fork():
    held = verify(FIRST, rotated())
    other = revoked()
    chain = [link.digest for link in held.chain]
    assert reason(verify, FIRST, other, pinned_head=held.digest, pinned_chain=chain) == "manifest-fork"


def test_an_unsigned_contradiction_is_no_fork():
    held = verify(FIRST, rotated())
    forged = signed(payload(revoked()), SigningKey.generate())
    chain = [link.digest for link in held.chain]
    assert reason(verify, FIRST, forged, pinned_head=held.digest, pinned_chain=chain) == "unknown-key"


def test_a_chain_that_does_not_reach_the_pinned_head_is_refused():
    assert reason(verify, FIRST, pinned_head="0" * 64) == "manifest-unrooted"


def test_a_newer_chain_is_taken_up_from_any_pinned_head():
    documents = [FIRST, rotated()]
    assert verify(*documents, pinned_head=HEAD.digest, pinned_chain=[HEAD.digest]).version == 2


def test_another_bureaus_manifest_is_refused():
    assert reason(verify, JINGNING.first_manifest()) == "wrong-issuer"


def test_an_empty_or_endless_chain_is_refused():
    assert reason(verify) == "manifest-broken"
    assert reason(verify, *[FIRST] * 201) == "manifest-broken"


# --- What a manifest may not say, even signed by the right keys. ---


def change_first(change):
    said = payload(FIRST)
    change(said)
    return signed(said, SHOUNING.key("sign"))


def change_second(change):
    said = payload(revoked())
    change(said)
    return signed(said, SHOUNING.key("next"))


FIRST_CHANGES = {
    "version 2": (lambda said: said.update(version=2), "manifest-broken"),
    "a predecessor": (lambda said: said.update(prev="0" * 64), "manifest-broken"),
    "no log key": (lambda said: said["keys"].pop(1), "manifest-broken"),
    "two signing keys": (
        lambda said: said["keys"].append(
            said["keys"][0] | {"jwk": SHOUNING.key("x").jwk(), "kid": SHOUNING.key("x").kid}
        ),
        "manifest-broken",
    ),
    "a key twice": (lambda said: said["keys"].append(said["keys"][1]), "manifest-broken"),
    "a kid of another key": (lambda said: said["keys"][1].update(kid=SHOUNING.key("x").kid), "bad-key"),
    "a key with its private half": (lambda said: said["keys"][1]["jwk"].update(d="AA"), "bad-key"),
    "a P-384 key": (lambda said: said["keys"][1]["jwk"].update(crv="P-384"), "bad-key"),
    "no keys": (lambda said: said.update(keys=[]), "invalid-claim"),
    "a key that is no object": (lambda said: said.update(keys=["x"]), "invalid-claim"),
    "a use unknown": (lambda said: said["keys"][1].update(use="token"), "invalid-claim"),
    "no next": (lambda said: said.pop("next"), "missing-claim"),
    "next already shown": (
        lambda said: said.update(next=manifest.commitment(SHOUNING.key("log").kid)),
        "manifest-broken",
    ),
    "compromised but not revoked": (
        lambda said: said["keys"][1].update(compromised_since="2026-11-22T10:00:00Z"),
        "manifest-broken",
    ),
    "a hundred and one keys": (lambda said: said.update(keys=said["keys"] * 34), "invalid-claim"),
}

SECOND_CHANGES = {
    "version 3": (lambda said: said.update(version=3), "manifest-broken"),
    "version 1": (lambda said: said.update(version=1), "manifest-broken"),
    "another predecessor": (lambda said: said.update(prev="0" * 64), "manifest-broken"),
    "no predecessor": (lambda said: said.update(prev=None), "manifest-broken"),
    "older than the first": (lambda said: said.update(iat=said["iat"] - 2 * 86_400), "manifest-broken"),
    "an earlier key dropped": (lambda said: said["keys"].pop(1), "manifest-broken"),
    "earlier keys reordered": (lambda said: said["keys"].insert(0, said["keys"].pop(1)), "manifest-broken"),
    "an earlier key put to another use": (lambda said: said["keys"][1].update(use="seal"), "manifest-broken"),
    "an earlier start moved": (
        lambda said: said["keys"][1].update(not_before="2020-01-01T00:00:00Z"),
        "manifest-broken",
    ),
    "a revocation reaching back": (
        lambda said: said["keys"][0].update(revoked_at="2026-11-22T10:00:00Z"),
        "manifest-broken",
    ),
    "an end reaching back": (lambda said: said["keys"][1].update(not_after="2026-11-22T10:00:00Z"), "manifest-broken"),
    "no revocation": (lambda said: said["keys"][0].pop("revoked_at"), "manifest-broken"),
    "a second new signing key": (
        lambda said: said["keys"].append(
            said["keys"][-1] | {"jwk": SHOUNING.key("x").jwk(), "kid": SHOUNING.key("x").kid}
        ),
        "manifest-broken",
    ),
    "the log key revoked without another": (
        lambda said: said["keys"][1].update(revoked_at=said["keys"][0]["revoked_at"]),
        "manifest-broken",
    ),
    "the new key revoked at once": (
        lambda said: said["keys"][-1].update(revoked_at=said["keys"][0]["revoked_at"]),
        "manifest-broken",
    ),
    "next already shown": (
        lambda said: said.update(next=manifest.commitment(SHOUNING.key("next").kid)),
        "manifest-broken",
    ),
    "another bureau's name": (lambda said: said.update(iss=JINGNING.code), "wrong-issuer"),
}


@pytest.mark.parametrize(("change", "expected"), FIRST_CHANGES.values(), ids=FIRST_CHANGES)
def test_a_first_manifest_that_says_too_much_or_too_little_is_refused(change, expected):
    assert verify(change_first(lambda _: None)).version == 1
    assert reason(verify, change_first(change)) == expected


@pytest.mark.parametrize(("change", "expected"), SECOND_CHANGES.values(), ids=SECOND_CHANGES)
def test_a_successor_that_rewrites_the_past_is_refused(change, expected):
    assert verify(FIRST, change_second(lambda _: None)).version == 2
    assert reason(verify, FIRST, change_second(change)) == expected


def third(change):
    """A third manifest after a revocation, with a change to what the second said."""
    said = payload(revoked(verify(FIRST, SECOND), now=NOW + 2 * DAY, new_key=SHOUNING.key("third"), next_kid="x" * 43))
    change(said["keys"][0])
    return signed(said, SHOUNING.key("third"))


SECOND = revoked(compromised_since=NOW + DAY / 2)


def test_a_revocation_is_for_ever_and_the_theft_only_moves_back():
    assert verify(FIRST, SECOND, third(lambda _: None))
    earlier = third(lambda old: old.update(compromised_since="2026-11-22T01:00:00Z"))
    assert verify(FIRST, SECOND, earlier).keys[0].compromised_since == NOW - timedelta(hours=1)
    for change in (
        lambda old: old.update(compromised_since="2026-11-23T10:00:00Z"),
        lambda old: old.pop("compromised_since"),
        lambda old: old.update(revoked_at="2026-11-24T10:00:00Z"),
        lambda old: (old.pop("revoked_at"), old.pop("compromised_since")),
    ):
        assert reason(verify, FIRST, SECOND, third(change)) == "manifest-broken"


def test_an_end_may_come_sooner_but_not_later():
    second = rotated()

    def third_after_rotation(moment):
        said = payload(
            revoked(verify(FIRST, second), now=NOW + 2 * DAY, new_key=SHOUNING.key("third"), next_kid="x" * 43)
        )
        said["keys"][0]["not_after"] = moment
        return signed(said, SHOUNING.key("third"))

    assert verify(FIRST, second, third_after_rotation("2026-11-25T10:00:00Z"))
    assert reason(verify, FIRST, second, third_after_rotation("2026-12-25T10:00:00Z")) == "manifest-broken"
    assert reason(verify, FIRST, second, third_after_rotation(None)) == "manifest-broken"


def test_a_rotation_says_until_when_the_old_key_is_valid():
    said = payload(rotated())
    del said["keys"][0]["not_after"]
    assert reason(verify, FIRST, signed(said, SHOUNING.key("next"), SHOUNING.key("sign"))) == "manifest-broken"
