"""The longest bulletin that may be told can still be passed on with everything that must come along."""

from datetime import timedelta

import pytest

from ecolink.errors import InvalidError
from ecolink.exchanges.bulletins.rules import safeguards
from ecolink.kit.canonical import dumps
from ecolink.kit.ids import new_id
from ecolink.protocol.kinds.bulletins import (
    BulletinContent,
    BulletinCorrectedV1,
    BulletinPrivate,
    BulletinSharedV1,
    BulletinText,
    SharedPrivate,
)
from ecolink.protocol.kinds.rosters import MAX_MEMBERS, RosterV1
from ecolink.protocol.limits import MAX_PARENTS, MAX_PRIVATE_BYTES, MAX_RECIPIENTS, MAX_STATEMENT_BYTES
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward
from tests.exchanges.bulletins.bureaux import ORCHIDS, SUSPECT
from tests.support.bureaus import NOW, QINGYUAN, SHOUNING, Bureau

MANY = tuple(f"{number:012}" for number in range(1, MAX_RECIPIENTS + 1))
ON_A_PERSON = BulletinText.model_validate(
    {**ORCHIDS, **{name: value for name, value in SUSPECT.items() if name not in ("persons", "items")}}
)
PARENTS = tuple(f"{number:064x}" for number in range(MAX_PARENTS))


def wordy(author: Bureau, type_: str, body, private=None):
    """Seal a statement whose frame is as long as a frame may be."""
    draft = Draft(
        aud=MANY,
        type=type_,
        thread=new_id(NOW),
        parents=PARENTS[:3],
        lane=Lane.BULK,
        classification="work-secret",
        handling=Handling(code=HandlingCode.H3, onward=Onward.ASK, text="限" * 300),
        purpose="提" * 300,
        legal_basis="依" * 300,
        author_role="liaison_officer",
        approver={"id": new_id(NOW), "role": "approver"},
        retain_until=NOW + timedelta(days=1095),
        supersedes=new_id(NOW),
        body=body.to_wire(),
        private=private.to_wire() if private else None,
    )
    return seal(draft, iss=author.code, jti=new_id(NOW), iat=NOW, key=author.key())


def longest_text() -> BulletinText:
    text = BulletinText.model_validate({**ORCHIDS, "body": "兰" * 5000})
    spare = safeguards.MAX_BYTES - len(dumps(text.to_wire()))
    actions = ["查" * 190] * (spare // 580)
    full = BulletinText.model_validate({**ORCHIDS, "body": "兰" * 5000, "suggested_actions": actions})
    assert safeguards.MAX_BYTES - len(dumps(full.to_wire())) < 1000
    return full


def longest_correction():
    text = longest_text()
    safeguards.check(text, BulletinPrivate(), NOW.date())
    roster = RosterV1.freeze(
        alliance_id=new_id(NOW), name_zh="盟" * 100, name_en="A" * 100, version=9, members=(*MANY, "9" * 12)
    )
    assert len(roster.members) == MAX_MEMBERS
    content = BulletinContent(**dict(text), alliance=roster).to_wire()
    body = BulletinCorrectedV1.model_validate({**content, "version": "0" * 64, "reason": "误" * 1000})
    return wordy(SHOUNING, "bulletin.corrected.v1", body).token.decode()


def test_the_longest_correction_follows_onward_under_the_longest_terms():
    shared = BulletinSharedV1(author=SHOUNING.code, original=longest_correction())
    assert len(wordy(QINGYUAN, "bulletin.shared.v1", shared).token) <= MAX_STATEMENT_BYTES


def test_the_longest_private_part_can_be_passed_on():
    person = {**SUSPECT["persons"][0], "note": "备" * 1000, "address": '"' * 300}
    persons = [{**person, "ref": f"P{number}"} for number in range(1, 12)]
    private = BulletinPrivate.model_validate({"persons": persons})
    assert safeguards.MAX_PRIVATE - len(dumps(private.to_wire())) < 3_800
    original = wordy(SHOUNING, "bulletin.corrected.v1", BulletinText.model_validate(ORCHIDS), private)
    outer = SharedPrivate(original=original.private.decode())
    sealed = wordy(QINGYUAN, "bulletin.shared.v1", BulletinText.model_validate(ORCHIDS), outer)
    assert len(sealed.private) <= MAX_PRIVATE_BYTES


def test_anything_longer_is_refused():
    text = BulletinText.model_validate({**ORCHIDS, "body": "兰" * 5000, "suggested_actions": ["查" * 300] * 9})
    with pytest.raises(InvalidError):
        safeguards.check(text, BulletinPrivate(), NOW.date())
    person = {**SUSPECT["persons"][0], "note": "备" * 1000, "address": "地" * 300}
    private = BulletinPrivate.model_validate({"persons": [{**person, "ref": f"P{n}"} for n in range(1, 30)]})
    with pytest.raises(InvalidError) as refused:
        safeguards.check(ON_A_PERSON, private, NOW.date())
    assert refused.value.pointer == "/persons"


def test_the_day_somebody_turns_eighteen_counts():
    def born(day: str) -> BulletinPrivate:
        person = {"ref": "P1", "category": "suspect", "basis": "fact", "birth_date": day}
        return BulletinPrivate.model_validate({"persons": [person]})

    today = NOW.date()
    safeguards.check(ON_A_PERSON, born(today.replace(year=today.year - 18).isoformat()), today)
    tomorrow = (today + timedelta(days=1)).replace(year=today.year - 18)
    with pytest.raises(InvalidError):
        safeguards.check(ON_A_PERSON, born(tomorrow.isoformat()), today)


@pytest.mark.parametrize(
    ("number", "is_minor"),
    [
        ("331126201001010018", True),
        ("331126199001010018", False),
        ("331126201099990018", False),
        ("331126100101001", False),
    ],
)
def test_a_minor_is_known_by_the_identity_number_too(number, is_minor):
    person = {"ref": "P2", "category": "other", "basis": "fact", "identity_number": number}
    private = BulletinPrivate.model_validate({"persons": [SUSPECT["persons"][0], person]})
    if not is_minor:
        safeguards.check(ON_A_PERSON, private, NOW.date())
        return
    with pytest.raises(InvalidError) as refused:
        safeguards.check(ON_A_PERSON, private, NOW.date())
    assert refused.value.pointer == "/persons/1"


def test_a_date_of_birth_counts_more_than_an_identity_number():
    person = {**SUSPECT["persons"][0], "birth_date": "2012-01-01"}
    with pytest.raises(InvalidError):
        safeguards.check(ON_A_PERSON, BulletinPrivate.model_validate({"persons": [person]}), NOW.date())


@pytest.mark.parametrize(
    ("text", "told", "pointer"),
    [
        (ORCHIDS, ("persons",), "/persons"),
        (ORCHIDS, ("items",), "/items"),
        ({**SUSPECT, "sanitised": True}, ("persons",), "/sanitised"),
        ({**SUSPECT, "case_number": None}, ("items",), "/case_number"),
        ({**SUSPECT, "body": "林大山驾驶货车。"}, ("persons",), "/body"),
        ({**SUSPECT, "body": "请查找331126199001010018。"}, ("persons",), "/body"),
    ],
)
def test_what_does_not_belong_into_a_bulletin_is_pointed_at(text, told, pointer):
    said = BulletinText.model_validate(
        {**ORCHIDS, **{name: value for name, value in text.items() if name not in ("persons", "items")}}
    )
    private = BulletinPrivate.model_validate({name: SUSPECT[name] for name in told})
    with pytest.raises(InvalidError) as refused:
        safeguards.check(said, private, NOW.date())
    assert refused.value.pointer == pointer
    assert refused.value.detail_en
    assert refused.value.detail_zh


@pytest.mark.parametrize("name", ["persons", "items"])
def test_nobody_and_nothing_stands_in_a_bulletin_twice(name):
    private = BulletinPrivate.model_validate({name: [*SUSPECT[name], *SUSPECT[name]]})
    with pytest.raises(InvalidError) as refused:
        safeguards.check(ON_A_PERSON, private, NOW.date())
    assert refused.value.pointer == f"/{name}/1/ref"


def test_a_bulletin_may_be_exactly_as_long_as_the_limit(monkeypatch):
    text = BulletinText.model_validate(ORCHIDS)
    size = len(dumps(text.to_wire()))
    monkeypatch.setattr(safeguards, "MAX_BYTES", size)
    safeguards.check(text, BulletinPrivate(), NOW.date())
    monkeypatch.setattr(safeguards, "MAX_BYTES", size - 1)
    with pytest.raises(InvalidError) as refused:
        safeguards.check(text, BulletinPrivate(), NOW.date())
    assert refused.value.pointer == "/body"
