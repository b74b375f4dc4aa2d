"""`ecolink agreement`: the files that come with it, and what a chief does at the command line."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ecolink.cadence.terms_file import read
from tests.entrypoints.conftest import Run, refusal
from tests.entrypoints.test_person import api, logged_in, script  # noqa: F401 - fixtures
from tests.support.apis import LOCAL

READY = ("shigatse", "six-county", "sn-qy-151")
DIGEST = "ab" * 32


def proposal(**changes: Any) -> dict[str, Any]:
    """Return a proposal as the API shows it."""
    signed = "2026-11-23T01:00:00Z"
    return {
        "digest": DIGEST,
        "kind": "terms",
        "state": "waiting",
        "version": 1,
        "awaits_us": True,
        "first_day": None,
        "last_day": None,
        "parties": [
            {"unit_code": "331126000000", "name_zh": "庆元县公安局", "signed_at": signed, "objected_at": None},
            {"unit_code": "350924000000", "name_zh": "寿宁县公安局", "signed_at": None, "objected_at": None},
        ],
        **changes,
    }


def agreement(*proposals: dict[str, Any], state: str = "proposed") -> dict[str, Any]:
    """Return an agreement as the API shows it."""
    return {
        "code": "sn-qy-151",
        "name_zh": "寿宁—庆元警务协作协议书",
        "state": state,
        "first_day": None,
        "last_day": None,
        "terms": None,
        "proposals": [*proposals],
    }


@pytest.mark.parametrize("name", READY)
def test_every_agreement_that_comes_with_ecolink_can_be_proposed_as_it_is(name: str, run: Run, tmp_path: Path) -> None:
    listed = run("agreement", "ready")
    assert name in listed.stdout
    printed = run("agreement", "ready", name)
    file = tmp_path / "agreement.toml"
    file.write_text(printed.stdout, encoding="utf-8")

    checked = run("agreement", "check", file)
    assert checked.exit_code == 0, checked.stdout
    terms = read(printed.stdout).terms
    assert terms is not None
    assert f"摘要 {terms.digest()}" in checked.stdout
    assert terms.duties
    assert printed.stdout == files("ecolink").joinpath(f"data/agreements/{name}.toml").read_text("utf-8")


def test_a_mistake_is_told_with_its_line_and_the_mend_in_both_languages(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    text = run("agreement", "ready", "sn-qy-151").stdout
    file.write_text(text.replace('kind = "liaison"', 'kind = "联络"'), encoding="utf-8")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if each == 'kind = "liaison"')

    told = run("agreement", "check", file)
    assert told.exit_code == 1
    assert f"{file}:{line}: 错误 error: kind 有误：应为" in told.stdout
    assert 'write "liaison", "exchange", "consultation" or "drill"' in told.stdout
    as_json = json.loads(run("agreement", "check", file, "--json").stdout)
    assert (as_json["ok"], as_json["findings"][0]["line"]) == (False, line)
    assert "there are: shigatse, six-county, sn-qy-151" in refusal(run("agreement", "ready", "none"))


def test_a_chief_signs_the_only_proposal_that_waits_by_its_whole_digest(api, logged_in: None, run: Run) -> None:  # noqa: F811
    signed = agreement(proposal(state="agreed", awaits_us=False), state="agreed")
    asked = script(
        api, (200, agreement(proposal())), (200, {**proposal(), "text": None, "document": {}}), (200, signed)
    )
    told = run("agreement", "accept", "sn-qy-151")
    assert told.exit_code == 0, told.stderr
    assert asked[-1][1] == f"/api/v1/agreements/sn-qy-151/proposals/{DIGEST}/sign"
    assert "已签齐，未生效" in told.stdout
    assert "庆元县公安局已签；寿宁县公安局未签" in told.stdout

    script(api, (200, agreement(proposal(), proposal(digest="cd" * 32))))
    assert "2 proposals wait" in refusal(run("agreement", "accept", "sn-qy-151"))


def test_what_a_peer_wrote_beside_its_terms_cannot_move_the_terminal(api, logged_in: None, run: Run) -> None:  # noqa: F811
    hostile = {**proposal(), "text": "# 协议\x1b[2J\u202e", "text_agrees": False, "document": {"code": "sn-qy-151"}}
    script(api, (200, agreement(proposal())), (200, hostile))
    shown = run("agreement", "show", "sn-qy-151", DIGEST[:8]).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "与条款不一致" in shown


def test_every_call_the_commands_make_is_one_the_api_answers() -> None:
    served = {path for path in LOCAL.openapi()["paths"] if path.startswith("/api/v1/agreements")}
    assert served == {
        "/api/v1/agreements",
        "/api/v1/agreements/check",
        "/api/v1/agreements/{code}",
        "/api/v1/agreements/{code}/endings",
        "/api/v1/agreements/{code}/calendars",
        *(f"/api/v1/agreements/{{code}}/proposals/{{digest}}{step}" for step in ("", "/sign", "/decline", "/withdraw")),
    }
