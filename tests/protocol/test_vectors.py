"""The published test vectors hold, every one, and are what we would write today."""

import json
from copy import deepcopy
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest
from pydantic import model_validator

from ecolink.kit.times import from_text
from ecolink.protocol import base64url, batch, card, heads, manifest, receipt, request, sealing, strict_json
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.kinds import __main__ as kinds
from ecolink.protocol.kinds import emergencies, leads
from ecolink.protocol.refusal import Reason, Refused
from tests.vectors import freeze, regenerate

FOLDER = Path(regenerate.__file__).parent


def load(name):
    return json.loads((FOLDER / name).read_text("ascii"))


def moment(text):
    return None if text is None else from_text(text)


def pinned():
    for entry in load("keys.json")["pinned"]:
        times = {name: moment(entry[name]) for name in ("not_before", "not_after", "revoked_at", "compromised_since")}
        key = VerifyKey.from_jwk(entry["jwk"], issuer=entry["issuer"], use=Use(entry["use"]), **times)
        assert key.kid == entry["kid"]
        yield key


FIND = {key.kid: key for key in pinned()}.get


def told(case):
    """The inputs that most documents have in common."""
    return case["token"].encode(), {
        "find_key": FIND,
        "us": case["us"],
        "sender": case["sender"],
        "received_at": moment(case["received_at"]),
    }


def read_statement(case):
    token, named = told(case)
    private = None if case["private"] is None else base64url.decode(case["private"].encode())
    read = sealing.open_statement(token, private, **named)
    return {"digest": read.digest, "private_data": read.private_data}


def read_batch(case):
    token, named = told(case)
    read = batch.open_batch(token, **named)
    return {"digest": read.digest, "last_seq": read.last_seq, "head": read.head().hex()}


def read_receipt(case):
    token, named = told(case)
    read = receipt.open_receipt(token, **named)
    return {"digest": read.digest, "verdicts": [[each.digest, each.verdict, each.reason] for each in read.verdicts]}


def read_heads(case):
    token, named = told(case)
    read = heads.open_heads(token, **named)
    return {
        side: [[each.lane, each.epoch, each.seq, each.chain.hex()] for each in getattr(read, side)]
        for side in ("received", "sent")
    }


def read_request(case):
    body = base64url.decode(case["body"].encode())
    named = {name: case[name] for name in ("us", "op", "params")}
    read = request.open_request(case["token"].encode(), find_key=FIND, body=body, now=moment(case["now"]), **named)
    return {"iss": read.iss, "jti": read.jti}


def read_manifests(case):
    documents = manifest.from_text(case["manifests"])
    head = manifest.verify(documents, issuer=case["issuer"], pinned_head=None, pinned_chain=case["pinned_chain"])
    return {
        "version": head.version,
        "digest": head.digest,
        "current": {use.value: head.current(use).kid for use in Use},
    }


READERS = {
    "base64url.json": lambda case: {"bytes": base64url.decode(case["text"].encode()).hex()},
    "strict_json.json": lambda case: {
        "value": strict_json.loads(base64url.decode(case["raw"].encode()), max_bytes=100_000)
    },
    "envelopes.json": read_statement,
    "statements.json": read_statement,
    "chain.json": lambda case: {"value": batch.chain(bytes.fromhex(case["prev"]), case["seq"], case["digest"]).hex()},
    "batches.json": read_batch,
    "receipts.json": read_receipt,
    "heads.json": read_heads,
    "requests.json": read_request,
    "manifests.json": read_manifests,
    "cards.json": lambda case: {"fingerprint": card.open_card(case["token"].encode()).fingerprint},
    "fingerprints.json": lambda case: {"fingerprint": card.fingerprint(case["unit_code"], case["digest"])},
}

CASES = [
    pytest.param(READERS[name], case, id=f"{name}: {case['name']}") for name in READERS for case in load(name)["cases"]
]


@pytest.mark.parametrize(("read", "case"), CASES)
def test_every_vector_holds(read, case):
    expected = case["expect"]
    if "refused" in expected:
        with pytest.raises(Refused) as refused:
            read(case)
        assert refused.value.reason == expected["refused"]
    else:
        learned = read(case)
        assert {name: learned[name] for name in expected} == expected


def test_every_file_of_vectors_is_read():
    assert {path.name for path in FOLDER.glob("*.json")} == {"keys.json", *READERS} == {"keys.json", *regenerate.FILES}


def test_the_vectors_are_what_we_would_write_today():
    for name, text in regenerate.written().items():
        assert (FOLDER / name).read_text("ascii") == text, name


BEYOND_ONE_DOCUMENT = {"expired", "equivocation", "channel-fork", "batch-mismatch"}
"""Refusals of an inbox, which knows what came before."""


def test_every_reason_a_document_can_be_refused_for_has_a_vector():
    shown = {case["expect"].get("refused") for name in READERS for case in load(name)["cases"]}
    others = {
        reason for reason in Reason if reason.startswith(("bad-proof", "bad-checkpoint", "bad-evidence", "bad-bundle"))
    }
    assert set(Reason) - shown - BEYOND_ONE_DOCUMENT - others == set()


@pytest.mark.parametrize("release", sorted(path.stem for path in freeze.FROZEN.glob("*.json")))
def test_what_a_release_was_judged_by_stays_as_it_was(release):
    assert freeze.changed(release) == []


def test_a_changed_vector_is_seen(monkeypatch):
    now = freeze.parts()
    place = next(iter(now))
    monkeypatch.setattr(freeze, "parts", lambda: {**now, place: "0" * 64})
    assert freeze.changed("0.1.0") == [place]


NOW = freeze.forms(kinds.document())
LEAVE = """
A bureau on {release} refuses what we write, or we refuse what it writes. Leave the form as it was: say what is new in a
member that may be left out, or in a new type (.v2) beside the old one. See docs/protocol.md, Compatibility.
"""


@pytest.mark.parametrize("release", sorted(path.stem for path in freeze.FROZEN.glob("*.json")))
def test_a_bureau_on_a_release_and_one_on_this_version_read_each_others_statements(release):
    faults = freeze.broken(release, NOW)
    assert faults == [], LEAVE.format(release=release)


def form_of(now, *path):
    """The form of a member of a request for a lead, to be changed."""
    return reduce(lambda form, name: form["properties"][name], path, now["lead.requested.v1"]["body"])


def a_type_is_gone(now):
    del now["lead.requested.v1"]


def a_member_is_gone(now):
    del form_of(now)["properties"]["urgency"]


def a_member_is_new_and_must_be_there(now):
    form_of(now)["properties"]["weather"] = {"type": "string"}
    form_of(now)["required"].append("weather")


def a_member_need_not_be_there_any_more(now):
    form_of(now)["required"].remove("urgency")


def a_member_may_say_more(now):
    form_of(now, "urgency")["enum"].append("U4")


def a_member_may_say_less(now):
    form_of(now, "facts")["maxLength"] -= 1


def a_type_needs_no_approver_any_more(now):
    now["lead.requested.v1"]["approver_needed"] = False


def a_type_has_another_private_part(now):
    now["lead.accepted.v1"]["private"] = None


@pytest.mark.parametrize(
    "change",
    [
        a_type_is_gone,
        a_member_is_gone,
        a_member_is_new_and_must_be_there,
        a_member_need_not_be_there_any_more,
        a_member_may_say_more,
        a_member_may_say_less,
        a_type_needs_no_approver_any_more,
        a_type_has_another_private_part,
    ],
)
def test_a_change_that_a_bureau_on_a_release_would_not_read_is_seen(change):
    now = deepcopy(NOW)
    change(now)
    (fault,) = freeze.broken("0.1.0", now)
    assert fault.startswith("lead.")


def test_a_member_that_may_be_left_out_and_a_new_type_break_nothing():
    now = deepcopy(NOW)
    form_of(now)["properties"]["weather"] = {"type": "string"}
    now["lead.requested.v2"] = now["lead.requested.v1"]
    assert freeze.broken("0.1.0", now) == []


RELEASES = sorted(path.stem for path in freeze.SAID.glob("*.json"))


def said(release):
    return json.loads((freeze.SAID / f"{release}.json").read_text("utf-8"))


@pytest.mark.parametrize("release", RELEASES)
def test_a_bureau_on_a_release_and_one_on_this_version_read_and_refuse_the_same_bodies(release):
    faults = [fault for then in said(release) if (fault := freeze.unlike(then))]
    assert faults == [], LEAVE.format(release=release)


@pytest.mark.parametrize("release", RELEASES)
def test_of_every_type_a_release_knew_it_wrote_down_a_body_that_it_read(release):
    forms = json.loads((freeze.BODIES / f"{release}.json").read_text("utf-8"))
    assert {then["type"] for then in said(release) if then["written"]} == set(forms)


def test_what_the_bodies_of_this_version_come_to_is_in_their_names():
    """A name of its own says what is wrong with a body; those of the others are their type and a number."""
    for told in freeze.said():
        assert (told["written"] is not None) is told["name"].startswith(f"{told['type']} "), told["name"]


def told_and_left_out(place, form, values):
    """Of each member of a form, whether some of the values say it and whether some leave it out."""
    for one in form.get("anyOf", ()):
        yield from told_and_left_out(place, one, values)
    if "items" in form:
        lists = [value for value in values if isinstance(value, list)]
        yield from told_and_left_out(place, form["items"], [each for value in lists for each in value])
    objects = [value for value in values if isinstance(value, dict)]
    for name, member in form.get("properties", {}).items():
        said = [value[name] for value in objects if name in value]
        yield f"{place}/{name}", bool(said), len(said) < len(objects) or name in form.get("required", ())
        yield from told_and_left_out(f"{place}/{name}", member, said)


def test_of_every_type_that_came_since_the_first_release_some_body_says_each_member_and_some_leaves_it_out():
    then = json.loads((freeze.BODIES / "0.1.0.json").read_text("utf-8"))
    read = [told for told in freeze.said() if told["written"] is not None and told["type"] not in then]
    faults = [
        place
        for type_ in NOW.keys() - then.keys()
        for part in ("body", "private")
        if NOW[type_][part] is not None
        for place, said, left_out in told_and_left_out(
            f"{type_} {part}", NOW[type_][part], [told[part] for told in read if told["type"] == type_]
        )
        if not (said and left_out)
    ]
    assert faults == []


class Stricter(leads.LeadMessageV1):
    """What no bureau on a release knows of."""

    @model_validator(mode="after")
    def _be_brief(self):
        if "\n" in self.text:
            raise ValueError("a message is one line")
        return self


class Looser(leads.LeadRequestedV1):
    """A request that need not say why it is urgent."""

    @model_validator(mode="after")
    def _give_reasons(self):
        return self


class Silent(emergencies.EmergencyNoteV1):
    """A note that is written in another way."""

    def model_dump(self, **how):
        return {**super().model_dump(**how), "text": "……"}


@pytest.mark.parametrize(
    ("type_", "model", "seen"),
    [
        ("lead.message.v1", Stricter, ["lead.message.v1 1: refused now"]),
        (
            "lead.requested.v1",
            Looser,
            ["an urgent request without its reason: read now", "a remote area without its reason: read now"],
        ),
        ("emergency.note.v1", Silent, ['emergency.note.v1 1/body/text: "已到。", now "……"']),
    ],
)
def test_a_rule_that_a_bureau_on_a_release_does_not_keep_is_seen(monkeypatch, type_, model, seen):
    kinds_now = {**freeze.KINDS, type_: replace(freeze.KINDS[type_], body=model)}
    monkeypatch.setattr(freeze, "KINDS", kinds_now)
    assert [fault for then in said("0.1.0") if (fault := freeze.unlike(then))] == seen
