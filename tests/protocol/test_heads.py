"""Two bureaus tell each other, signed, how far each of their channels stands."""

import json

import pytest

from ecolink.protocol import base64url, jws
from ecolink.protocol.heads import TYP, ChannelHead, open_heads, seal_heads
from ecolink.protocol.limits import MAX_EPOCH, MAX_INTEGER
from ecolink.protocol.refusal import Refused
from ecolink.protocol.statement import Lane
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING, keyring

FIND = keyring()
RECEIVED = (ChannelHead(Lane.CASE, 1, 7, b"\1" * 32), ChannelHead(Lane.EMERGENCY, 2, 0, bytes(32)))
SENT = (ChannelHead(Lane.BULK, 1, 3, b"\2" * 32),)


def heads(**changes):
    said = {
        "iss": SHOUNING.code,
        "aud": QINGYUAN.code,
        "now": NOW,
        "received": RECEIVED,
        "sent": SENT,
        "checkpoint": "a signed note",
        "key": SHOUNING.key(),
    }
    return seal_heads(**(said | changes))


def opened(token, **changes):
    return open_heads(token, **({"find_key": FIND, "us": QINGYUAN.code, "sender": SHOUNING.code} | changes))


def reason(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def test_the_peer_reads_every_channel_both_ways():
    read = opened(heads())
    assert (read.received, read.sent, read.iat, read.checkpoint) == (RECEIVED, SENT, NOW, "a signed note")
    assert opened(heads(received=(), sent=())).received == ()
    furthest = (ChannelHead(Lane.CASE, MAX_EPOCH, MAX_INTEGER, bytes(32)),)
    assert opened(heads(received=furthest)).received == furthest


def test_heads_for_another_from_another_or_under_a_revoked_key_are_refused():
    assert reason(opened, heads(), us=JINGNING.code) == "wrong-audience"
    assert reason(opened, heads(), sender=JINGNING.code) == "wrong-sender"
    find = keyring(SHOUNING.pinned(revoked_at=NOW))
    assert reason(opened, heads(), find_key=find, received_at=NOW) == "key-revoked"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iat", "now"),
        ("checkpoint", ""),
        ("sent", {}),
        ("sent", ["case"]),
        ("sent", [{"lane": "case", "epoch": 0, "seq": 1, "chain": "0" * 64}]),
        ("sent", [{"lane": "case", "epoch": MAX_EPOCH + 1, "seq": 1, "chain": "0" * 64}]),
        ("received", [{"lane": "case", "epoch": 2**40, "seq": 1, "chain": "0" * 64}]),
        ("sent", [{"lane": "case", "epoch": 1, "seq": -1, "chain": "0" * 64}]),
        ("sent", [{"lane": "fast", "epoch": 1, "seq": 1, "chain": "0" * 64}]),
        ("received", [{"lane": "case", "epoch": 1, "seq": 1, "chain": "0"}]),
        ("received", [{"lane": "case", "epoch": 1, "seq": 1, "chain": "0" * 64}] * 201),
    ],
)
def test_a_member_of_another_type_or_form_is_refused(name, value):
    said = json.loads(base64url.decode(heads().split(b".")[1])) | {name: value}
    assert reason(opened, jws.sign(TYP, said, SHOUNING.key())) == "invalid-claim"
