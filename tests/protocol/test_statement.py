"""A statement says who tells whom what, on which terms; whatever is missing or wrong is refused by name."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.ids import new_id
from ecolink.protocol import base64url, jws, private_part
from ecolink.protocol.limits import MAX_PRIVATE_BYTES, MAX_STATEMENT_BYTES
from ecolink.protocol.refusal import Refused
from ecolink.protocol.sealing import TYP, open_statement, read_statement, seal
from ecolink.protocol.statement import AttachmentRef, Handling, HandlingCode, Lane, Onward, Statement
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING, draft, keyring, sealed

PERSON = {"persons": [{"category": "suspect", "name": "钟大山", "identity_number": "350924199001010000"}]}
WITH_PERSON = sealed(private=PERSON)
RECALL = new_id(NOW)
FIND = keyring()


def opened(token, private=None, **changes):
    named = {"find_key": FIND, "us": QINGYUAN.code, "sender": SHOUNING.code, "received_at": NOW}
    return open_statement(token, private, **(named | changes))


def said(statement=WITH_PERSON):
    return json.loads(base64url.decode(statement.token.split(b".")[1]))


def resigned(payload, key=None):
    return jws.sign(TYP, payload, key or SHOUNING.key())


def reason(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def test_the_recipient_reads_exactly_what_the_author_sealed():
    read = opened(WITH_PERSON.token, WITH_PERSON.private)
    assert read == WITH_PERSON
    assert read.iss == SHOUNING.code
    assert read.iat == NOW
    assert read.private_data == PERSON


def test_every_member_of_a_draft_arrives():
    full = draft(
        aud=(QINGYUAN.code, JINGNING.code),
        type="bulletin.issued.v1",
        lane=Lane.BULK,
        parents=(sha256_hex(b"one"), sha256_hex(b"two")),
        classification="work-secret",
        handling=Handling(code=HandlingCode.H3, onward=Onward.ASK, text="仅限六县联盟"),
        is_exercise=True,
        supersedes=new_id(NOW),
        attachments=(AttachmentRef(sha256_hex(b"photo"), 3_000_000, "../现场.jpg", "image/jpeg"),),
        private=PERSON,
    )
    statement = seal(full, iss=SHOUNING.code, jti=new_id(NOW), iat=NOW, key=SHOUNING.key())
    read = opened(statement.token, statement.private)
    for each in fields(full):
        if each.name != "private":
            assert getattr(read, each.name) == getattr(full, each.name), each.name
    assert read.private_data == PERSON


def test_times_arrive_in_utc_whatever_offset_they_were_written_in():
    tokyo = timezone(timedelta(hours=9))
    statement = sealed(retain_until=datetime(2030, 1, 1, 9, tzinfo=tokyo))
    assert statement.retain_until == datetime(2030, 1, 1, tzinfo=UTC)
    assert said(statement)["retain_until"] == "2030-01-01T08:00:00.000+08:00"


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "9999-12-31T15:59:59.999999Z"])
def test_the_first_and_the_last_moment_there_is_arrive(moment):
    assert opened(resigned(said() | {"retain_until": moment})).retain_until == datetime.fromisoformat(moment)


def test_two_statements_of_the_same_words_have_different_digests():
    same = draft()
    jti = new_id(NOW)
    one, other = (seal(same, iss=SHOUNING.code, jti=jti, iat=NOW, key=SHOUNING.key()) for _ in range(2))
    assert one.digest != other.digest


def test_a_statement_for_someone_else_is_refused():
    assert reason(opened, sealed().token, us=JINGNING.code) == "wrong-audience"
    assert reason(opened, sealed().token, us=SHOUNING.code) == "wrong-audience"


def test_an_auditor_reads_it_without_being_addressed():
    statement = sealed()
    assert opened(statement.token, us=None, sender=None, received_at=None) == statement


def test_a_statement_passed_off_by_another_sender_is_refused():
    assert reason(opened, sealed().token, sender=JINGNING.code) == "wrong-sender"


def test_one_bureau_cannot_sign_for_another():
    forged = said(sealed()) | {"iss": JINGNING.code}
    assert reason(opened, resigned(forged), sender=None) == "wrong-issuer"
    assert reason(opened, resigned(forged, QINGYUAN.key()), sender=None) == "wrong-issuer"


def test_a_batch_is_not_taken_for_a_statement():
    assert reason(opened, jws.sign("ecolink-batch+jws", said(), SHOUNING.key())) == "wrong-type"


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"revoked_at": NOW - timedelta(hours=1)}, "key-revoked"),
        ({"not_after": NOW - timedelta(hours=1)}, "key-expired"),
        ({"not_before": NOW + timedelta(hours=1)}, "key-not-yet-valid"),
    ],
)
def test_the_key_must_be_valid_when_the_statement_is_received(times, expected):
    find = keyring(SHOUNING.pinned(**times))
    assert reason(opened, sealed().token, find_key=find) == expected
    assert opened(sealed().token, find_key=find, received_at=None)


def test_what_was_received_before_the_revocation_still_verifies():
    find = keyring(SHOUNING.pinned(revoked_at=NOW + timedelta(hours=1)))
    assert opened(sealed().token, find_key=find)
    assert reason(opened, sealed().token, find_key=find, received_at=NOW + timedelta(hours=2)) == "key-revoked"


# --- The private part. ---


def test_an_erased_private_part_leaves_a_statement_that_verifies():
    erased = opened(WITH_PERSON.token, None)
    assert erased.private is None
    assert erased.private_data is None
    assert erased.private_digest == WITH_PERSON.private_digest


def test_erasing_the_bytes_erases_the_data():
    assert replace(WITH_PERSON, private=None).private_data is None


def test_personal_data_never_shows_in_a_log_line():
    for shown in (repr(WITH_PERSON), repr(draft(private=PERSON))):
        assert "钟大山" not in shown
        assert "杉木" not in shown


def test_another_private_part_is_refused():
    other = sealed(private=PERSON)
    assert reason(opened, WITH_PERSON.token, other.private) == "private-mismatch"
    assert reason(opened, WITH_PERSON.token, WITH_PERSON.private + b" ") == "private-mismatch"


def test_a_private_part_nobody_named_is_refused():
    assert reason(opened, sealed().token, WITH_PERSON.private) == "private-unexpected"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (b"{", "bad-json"),
        (b"[]", "invalid-claim"),
        (b'{"salt":"00000000000000000000000000000000","data":{"a":1,"a":2}}', "bad-json"),
        (b'{"salt":"00000000000000000000000000000000","data":{"a":"\\u0000"}}', "bad-json"),
        (b'{"data":{}}', "missing-claim"),
        (b'{"salt":"0000","data":{}}', "invalid-claim"),
        (b'{"salt":"0000000000000000000000000000000G","data":{}}', "invalid-claim"),
        (b'{"salt":"00000000000000000000000000000000"}', "missing-claim"),
        (b'{"salt":"00000000000000000000000000000000","data":[]}', "invalid-claim"),
        (b'{"salt":"00000000000000000000000000000000","data":{"a":"' + b"x" * 65_536 + b'"}}', "too-large"),
    ],
)
def test_a_private_part_that_is_not_salted_data_is_refused_even_if_its_digest_fits(part, expected):
    token = resigned(said() | {"private": sha256_hex(part)})
    assert reason(opened, token, part) == expected


def test_a_private_part_may_be_as_large_as_the_limit():
    part = b'{"salt":"00000000000000000000000000000000","data":{"a":""}}'
    part = part.replace(b'""', b'"' + b"x" * (MAX_PRIVATE_BYTES - len(part)) + b'"')
    assert len(part) == MAX_PRIVATE_BYTES
    assert opened(resigned(said() | {"private": sha256_hex(part)}), part).private == part


def test_the_private_part_is_salted():
    assert len(json.loads(WITH_PERSON.private)["salt"]) == 32
    assert private_part.write(PERSON, private_part.new_salt()) != private_part.write(PERSON, private_part.new_salt())


# --- The terms. ---


@pytest.mark.parametrize(
    "word", ["secret", "confidential", "top-secret", "机密", "秘密", "绝密", "Internal", "workSecret", "x"]
)
def test_state_secrets_and_unknown_classifications_are_refused(word):
    assert reason(sealed, classification=word) == "classification"
    assert reason(opened, resigned(said() | {"classification": word})) == "classification"


def test_a_case_statement_has_exactly_one_recipient():
    assert reason(sealed, aud=(QINGYUAN.code, JINGNING.code)) == "case-recipients"


def test_an_exercise_travels_in_bulk():
    assert sealed(is_exercise=True, lane=Lane.BULK).is_exercise
    assert reason(sealed, is_exercise=True, lane=Lane.EMERGENCY) == "exercise-lane"
    assert reason(sealed, is_exercise=True, lane=Lane.CASE) == "exercise-lane"


def test_the_control_lane_is_for_recalls_and_compliance_only():
    control = {"lane": Lane.CONTROL, "deliver_by": None}
    assert sealed(**control, type="bulletin.recalled.v1", recalls=RECALL)
    assert sealed(**control, type="bulletin.complied.v1")
    assert sealed(**control, type="bulletin.complied.v1", is_exercise=True)
    assert sealed(**control, type="lead.withdrawn.v2", recalls=RECALL)  # what it takes back says enough
    assert reason(sealed, **control) == "control-lane"
    assert reason(sealed, **(control | {"deliver_by": NOW}), type="bulletin.complied.v1") == "control-lane"


def test_h3_needs_words():
    h3 = {"code": "H3", "onward": "none"}
    assert reason(opened, resigned(said() | {"handling": h3})) == "missing-claim"
    assert reason(opened, resigned(said() | {"handling": h3 | {"text": " "}})) == "invalid-claim"
    assert opened(resigned(said() | {"handling": h3 | {"text": "不得转发"}})).handling.text == "不得转发"


def test_other_handling_codes_may_have_words():
    h0 = {"code": "H0", "onward": "none"}
    assert opened(resigned(said() | {"handling": h0})).handling.text is None
    assert opened(resigned(said() | {"handling": h0 | {"text": "阅后归档"}})).handling.text == "阅后归档"
    assert reason(opened, resigned(said() | {"handling": h0 | {"text": " "}})) == "invalid-claim"


REQUIRED = [
    *["aud", "jti", "iat", "type", "thread", "parents", "lane", "salt", "classification", "handling"],
    *["is_exercise", "purpose", "legal_basis", "author_role", "retain_until", "attachments", "body"],
]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_statement_without_a_required_member_is_refused_by_name(name):
    payload = said()
    del payload[name]
    with pytest.raises(Refused, match=f"missing-claim: {name} is absent"):
        opened(resigned(payload), us=None)


@pytest.mark.parametrize("name", ["deliver_by", "approver", "supersedes", "recalls", "private"])
def test_an_optional_member_may_be_absent_or_null(name):
    payload = said() | {name: None}
    assert opened(resigned(payload))
    del payload[name]
    assert opened(resigned(payload))


WRONG = {
    "aud": [
        "331126000000",
        [],
        [QINGYUAN.code] * 2,
        ["3311260000"],
        ["33112600000０"],
        [331126000000],
        [SHOUNING.code],
    ],
    "jti": ["", "x", 7, "0192F0C0-0000-7000-8000-000000000000", "0192f0c0-0000-4000-8000-000000000000"],
    "iat": ["2026-11-22T10:00:00Z", -1, 1.5, True, 2**53 - 1, 253_402_300_799],
    "deliver_by": [
        *["2026-11-22T10:00:00", "2026-11-22", "2026-11-22 10:00:00+08:00", "20261122T100000Z", "2026-W47-7T10:00:00Z"],
        *["2026-11-22T10:00:00+0800", "2026-11-22T10:00:00,5Z", "2026-02-30T10:00:00Z", "2026-11-22T24:00:00Z"],
        *["2026-11-22T10:00:60Z", "2026-11-22T10:00:00+08:99", "2026-11-22t10:00:00z", "0001-01-01T00:00:00+08:00"],
        *["9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", "２026-11-22T10:00:00Z", 1_763_776_800, ""],
    ],
    "type": [
        "",
        "lead",
        "Lead.requested.v1",
        "lead.requested",
        "lead.requested.v0",
        "lead..v1",
        "a.b.v1\n",
        "a.v1" + "0" * 80,
        "a" * 60 + ".b.v1",
        1,
    ],
    "thread": ["", "x", None],
    "parents": [
        ["x"],
        [sha256_hex(b"")] * 2,
        ["A" * 64],
        ["X" + "0" * 63],
        {},
        [sha256_hex(bytes([n])) for n in range(65)],
        [1],
    ],
    "lane": ["fast", "CASE", "", None, 1, ["case"], {"case": 1}],
    "salt": ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, 0],
    "classification": [1, True, []],
    "handling": [
        "H0",
        {"code": "H0"},
        {"onward": "none"},
        {"code": "H4", "onward": "none"},
        {"code": "H0", "onward": "all"},
        [],
    ],
    "is_exercise": ["false", 0, None],
    "purpose": ["", "  ", "\n", 1, "x" * 501],
    "legal_basis": ["", 1],
    "author_role": ["", "x" * 65],
    "approver": ["林一鸣", []],
    "retain_until": ["", None, 5, "never"],
    "supersedes": ["x", 1],
    "recalls": ["x", 1],
    "attachments": [
        {},
        ["x"],
        [{}],
        [{"digest": "x", "size": 1, "name": "x", "media_type": "x"}],
        [{"digest": sha256_hex(b""), "size": -1, "name": "x", "media_type": "x"}],
        [{"digest": sha256_hex(b""), "size": 1.0, "name": "x", "media_type": "x"}],
        [{"digest": sha256_hex(b""), "size": 1, "name": "", "media_type": "x"}],
        [{"digest": sha256_hex(b""), "size": 1, "name": "x", "media_type": 5}],
        [{"digest": sha256_hex(b""), "size": 1, "name": "x", "media_type": "x" * 128}],
        [{"digest": sha256_hex(b""), "size": 1, "name": "x", "media_type": "x"}] * 51,
    ],
    "body": ["", [], None],
    "private": ["x", 5, "A" * 64],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_member_of_another_type_or_form_is_refused(name, value):
    assert reason(opened, resigned(said() | {name: value}), us=None) in {"invalid-claim", "missing-claim"}


def test_what_would_be_refused_is_never_sealed():
    assert reason(sealed, purpose=" ") == "invalid-claim"
    assert reason(sealed, aud=(SHOUNING.code,)) == "invalid-claim"
    assert reason(sealed, body={"facts": "\0"}) == "bad-json"
    assert reason(sealed, body={"facts": "\ud800"}) == "bad-json"
    assert reason(sealed, body={"area": float("nan")}) == "bad-json"
    assert reason(sealed, body={"count": 2**53}) == "bad-json"
    assert reason(sealed, retain_until=datetime.max.replace(tzinfo=UTC)) == "bad-json"
    assert reason(sealed, private={"name": "\0"}) == "bad-json"
    assert reason(sealed, private={"name": "\ud800"}) == "bad-json"
    assert reason(sealed, body={"facts": "x" * 50_000}) == "too-large"
    assert reason(sealed, private={"facts": "x" * 65_536}) == "too-large"


def test_a_statement_may_be_as_large_as_the_limit():
    written = len(sealed(body={"facts": ""}).token)
    # Three bytes more are four characters more in base64url; one of four lengths of the rest ends at the limit.
    lengths = [3 * (MAX_STATEMENT_BYTES - written) // 4 + more for more in range(-2, 3)]
    tokens = {length: size_of_sealed("x" * length) for length in lengths}
    assert MAX_STATEMENT_BYTES in tokens.values()
    assert "too-large" in tokens.values()


def size_of_sealed(facts):
    """Return how large a statement is, or why it is not sealed."""
    try:
        return len(sealed(body={"facts": facts}).token)
    except Refused as refused:
        return refused.reason


def test_members_nobody_knows_yet_are_no_hindrance():
    newer = said() | {"urgency_hint": {"colour": "red"}, "body": {"facts": "x", "unheard_of": [1]}}
    assert opened(resigned(newer)).body == {"facts": "x", "unheard_of": [1]}


def test_an_unknown_type_is_read_and_its_terms_enforced():
    assert opened(resigned(said() | {"type": "patrol.reported.v7"})).type == "patrol.reported.v7"
    assert (
        reason(opened, resigned(said() | {"type": "patrol.reported.v7", "classification": "机密"})) == "classification"
    )


def test_a_stored_statement_is_read_again_without_keys():
    assert read_statement(WITH_PERSON.token, WITH_PERSON.private) == WITH_PERSON
    assert read_statement(WITH_PERSON.token, None).private_data is None
    assert reason(read_statement, WITH_PERSON.token, b"{}") == "private-mismatch"


def test_a_statement_can_be_kept_in_a_set():
    assert {WITH_PERSON, replace(WITH_PERSON)} == {WITH_PERSON}
    assert isinstance(WITH_PERSON, Statement)


@given(st.integers(0, len(WITH_PERSON.token) - 1), st.integers(1, 255))
def test_a_changed_byte_in_the_statement_is_refused(position, difference):
    changed = bytearray(WITH_PERSON.token)
    changed[position] ^= difference
    with pytest.raises(Refused):
        opened(bytes(changed), WITH_PERSON.private)


@given(st.integers(0, len(WITH_PERSON.private) - 1), st.integers(1, 255))
def test_a_changed_byte_in_the_private_part_is_refused(position, difference):
    changed = bytearray(WITH_PERSON.private)
    changed[position] ^= difference
    assert reason(opened, WITH_PERSON.token, bytes(changed)) == "private-mismatch"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(said())), JSON)
def test_whatever_a_peer_signs_is_read_or_refused_and_nothing_else(name, value):
    try:
        payload = dumps(said() | {name: value})
    except ValueError:
        return
    token = jws.sign_bytes(TYP, payload, SHOUNING.key())
    try:
        statement = opened(token)
    except Refused:
        return
    assert said(statement)[name] == value
