import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from ecolink.entrypoints.cli import matters
from ecolink.entrypoints.cli.api import ApiRefusedError
from ecolink.entrypoints.cli.person import ask_token
from tests.entrypoints.conftest import NODES, Run, refusal
from tests.entrypoints.processes import Process, ecolink
from tests.support.apis import LOCAL

SHOUNING, QINGYUAN = NODES
PASSWORD = "walk the ridge at dawn"
LEAD = {
    "to": QINGYUAN,
    "governance": {"purpose": "侦办盗伐林木案"},
    "letter_number": "寿公协〔2026〕18号",
    "kind": "household_registration",
    "case_number": "A3509240000002026110001",
    "case_type": "criminal",
    "charges": ["345(1)"],
    "stage": "立案侦查",
    "facts": "2026年11月20日夜，下党乡上党村林场杉木被盗伐约6.2立方米。",
    "information_requested": "请协查嫌疑人户籍证明。",
    "why_recipient": "嫌疑人户籍地在庆元县龙溪乡。",
    "urgency": "U3",
    "scope": "查询户籍记录。",
    "contact": {"name": "吴建国", "post": "森林公安大队民警", "phone": "0593-0000011"},
}


class Scripted(BaseHTTPRequestHandler):
    """An API that answers as it is told and remembers what it was asked."""

    answers: list[tuple[int, dict[str, Any] | None]]
    asked: list[tuple[str, str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked.append((self.command, self.path, dict(self.headers), body))
        status, document = self.answers.pop(0)
        if document is None:  # the line breaks
            self.close_connection = True
            return
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("ETag", '"7"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815 - http.server's own name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (Scripted,), {"answers": [], "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(api: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{api.server_port}"


def script(api: ThreadingHTTPServer, *answers: tuple[int, dict[str, Any] | None]) -> list:
    handler: Any = api.RequestHandlerClass
    handler.answers[:] = answers
    handler.asked.clear()
    return handler.asked


@pytest.fixture
def logged_in(api: ThreadingHTTPServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_API", address(api))
    monkeypatch.setenv("ECOLINK_PASSWORD", PASSWORD)
    script(api, (200, {"access_token": "a.b.c", "expires_in": 900}))
    assert run("login", "--user", "lin").exit_code == 0
    monkeypatch.delenv("ECOLINK_PASSWORD")


def test_a_login_is_kept_where_only_its_owner_reads_it_and_used_until_logout(
    api, logged_in: None, run: Run, tmp_path: Path
) -> None:
    (kept,) = (tmp_path / "state" / "ecolink").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert PASSWORD not in kept.read_text()

    asked = script(api, (200, {"items": []}))
    assert run("lead", "list").stdout == "None found.\n"
    assert asked[0][2]["authorization"] == "Bearer a.b.c"

    asked = script(api, (200, {}))
    assert run("logout").exit_code == 0
    assert asked[0][1] == "/api/v1/oauth/revoke"
    assert asked[0][3] == b"token=a.b.c"
    assert not kept.exists()
    assert refusal(run("lead", "list")) == "Say who you are: --user, or ECOLINK_USER."


def test_a_new_login_ends_the_one_it_replaces(api, logged_in: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_PASSWORD", PASSWORD)

    asked = script(api, (200, {"access_token": "d.e.f", "expires_in": 900}), (200, {}))
    assert run("login", "--user", "lin").exit_code == 0
    assert (asked[1][1], asked[1][3]) == ("/api/v1/oauth/revoke", b"token=a.b.c")

    asked = script(api, (200, {"items": []}))
    assert run("lead", "list").exit_code == 0
    assert asked[0][2]["authorization"] == "Bearer d.e.f"


def test_a_token_others_could_read_or_that_is_nearly_over_is_not_used(
    api, logged_in: None, run: Run, tmp_path: Path
) -> None:
    (kept,) = (tmp_path / "state" / "ecolink").iterdir()
    held = json.loads(kept.read_text())
    kept.chmod(0o644)
    assert "Say who you are" in refusal(run("lead", "list"))
    kept.chmod(0o600)
    kept.write_text(json.dumps({**held, "expires_at": held["expires_at"] - 880}))
    assert "Say who you are" in refusal(run("lead", "list"))
    kept.write_text("{")
    assert "Say who you are" in refusal(run("lead", "list"))


def test_a_password_comes_from_the_environment_a_file_or_standard_input(
    api, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    ways = ({"input": None}, ("--password-file", "secret"), ("--password-file", "-"))
    for way in ways:
        asked = script(api, (200, {"access_token": "a.b.c", "expires_in": 900}), (200, {"items": []}))
        if way == {"input": None}:
            monkeypatch.setenv("ECOLINK_PASSWORD", PASSWORD)
            result = run("lead", "list", "--api", address(api), "--user", "lin")
            monkeypatch.delenv("ECOLINK_PASSWORD")
        else:
            result = run("lead", "list", "--api", address(api), "--user", "lin", *way, input=PASSWORD + "\n")
        assert result.exit_code == 0, result.output
        assert b"password=walk+the+ridge+at+dawn" in asked[0][3]
    assert "No password: run 'ecolink login'" in refusal(run("lead", "list", "--api", address(api), "--user", "lin"))


def test_a_password_never_goes_over_plain_http_to_another_machine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_PASSWORD", PASSWORD)
    assert "use https://" in refusal(run("login", "--user", "lin", "--api", "http://10.1.2.3:8470"))


def test_a_draft_whose_answer_is_lost_is_sent_again_under_the_same_key(api, logged_in: None, run: Run) -> None:
    asked = script(
        api,
        (0, None),
        (201, {"id": "1", "state": "draft"}),
        (200, {"id": "1", "state": "awaiting_approval"}),
    )
    result = run("lead", "send", "-", input=json.dumps(LEAD))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "lead 1: awaiting approval."
    assert asked[0][2]["Idempotency-Key"] == asked[1][2]["Idempotency-Key"] != asked[2][2]["Idempotency-Key"]
    assert [path for _, path, _, _ in asked] == ["/api/v1/leads", "/api/v1/leads", "/api/v1/leads/1/submit"]
    assert asked[2][2]["If-Match"] == '"7"'


def test_a_file_is_uploaded_and_named_as_each_kind_names_it(api, logged_in: None, run: Run, tmp_path: Path) -> None:
    (tmp_path / "协作函.pdf").write_bytes(b"%PDF-1.7")
    asked = script(
        api, (201, {"digest": "ab" * 32}), (201, {"id": "1", "state": "draft"}), (200, {"id": "1", "state": "x"})
    )
    assert run("lead", "send", "-", "--attach", "协作函.pdf", input=json.dumps(LEAD)).exit_code == 0
    _, path, headers, body = asked[0]
    assert path == "/api/v1/attachments?name=%E5%8D%8F%E4%BD%9C%E5%87%BD.pdf"
    assert (headers["content-type"], body) == ("application/pdf", b"%PDF-1.7")
    assert json.loads(asked[1][3])["documents"] == [{"digest": "ab" * 32, "kind": "other", "title": "协作函.pdf"}]

    asked = script(api, (201, {"digest": "ab" * 32}), (201, {"id": "1", "state": "sent"}))
    assert run("emergency", "send", "-", "--attach", "协作函.pdf", input="{}").exit_code == 0
    assert json.loads(asked[1][3])["attachments"] == [{"digest": "ab" * 32, "name": "协作函.pdf"}]

    assert "carries no files" in refusal(run("bulletin", "send", "-", "--attach", "协作函.pdf", input="{}"))
    assert "cannot be read" in refusal(run("lead", "send", "-", "--attach", "absent.pdf", input="{}"))


def test_a_list_is_narrowed_by_whatever_the_api_can_be_asked(api, logged_in: None, run: Run) -> None:
    wanted = {
        (
            "lead",
            "list",
            "--q",
            "杉木",
            "--state",
            "sent",
            "--exercise",
            "--only",
            "overdue=true",
            "--only",
            "peer=1",
        ): ("/api/v1/leads?q=%E6%9D%89%E6%9C%A8&state=sent&limit=50&exercise=true&overdue=true&peer=1"),
        ("bulletin", "list", "--kind", "warning", "--direction", "in", "--exercise", "--limit", "200"): (
            "/api/v1/bulletins?kind=warning&direction=in&limit=200&exercise=true"
        ),
        ("emergency", "list", "--exercise"): "/api/v1/emergencies?limit=50&status=exercise",
        ("emergency", "list", "--only", "status=test"): "/api/v1/emergencies?limit=50&status=test",
    }
    for command, path in wanted.items():
        asked = script(api, (200, {"items": []}))
        assert run(*command).stdout == "None found.\n"
        assert asked[0][1] == path

    asked = script(api)
    for text in ("overdue", "colour=red", "=x"):
        assert "--only takes NAME=VALUE, where NAME is one of: urgency, " in refusal(
            run("lead", "list", "--only", text)
        )
    assert asked == []


@pytest.mark.parametrize("matter", [matters.LEAD, matters.BULLETIN, matters.EMERGENCY], ids=lambda matter: matter.word)
def test_every_filter_of_the_api_is_offered(matter: matters.Matter) -> None:
    parameters = {parameter["name"] for parameter in LOCAL.openapi()["paths"][matter.path]["get"]["parameters"]}
    offered = {"q", "state", "kind", "direction", "limit", matter.drills[0], *matter.filters.split(", ")}

    assert parameters - {"cursor"} == offered


def test_an_approval_names_the_version_that_was_read(api, logged_in: None, run: Run) -> None:
    lead_id = "019ab5d2-7c00-7000-8000-0123456789ab"
    asked = script(api, (200, {"id": lead_id, "state": "awaiting_approval"}), (200, {"id": lead_id, "state": "sent"}))
    assert run("emergency", "send", lead_id, "--confirm", "火情").stdout == f"emergency {lead_id}: sent.\n"
    assert asked[1][1] == f"/api/v1/emergencies/{lead_id}/approve"
    assert asked[1][2]["If-Match"] == '"7"'
    assert json.loads(asked[1][3]) == {"confirm": "火情"}


def test_a_problem_is_told_in_one_line_with_the_members_it_points_to(api, logged_in: None, run: Run) -> None:
    problem = {
        "status": 422,
        "detail_en": "Some members are wrong.",
        "errors": [{"pointer": "/to", "detail_en": "not 12 digits", "detail_zh": "不是12位数字"}],
        "request_id": "r-1",
    }
    script(api, (422, problem))
    assert refusal(run("lead", "send", "-", input="{}")) == (
        "422: Some members are wrong.; /to: not 12 digits (request r-1)"
    )
    script(api, (502, {}))
    assert refusal(run("lead", "list")) == "502: Bad Gateway"


def test_what_is_no_json_is_not_sent(api, logged_in: None, run: Run) -> None:
    asked = script(api)
    assert "cannot be read as JSON" in refusal(run("lead", "send", "-", input="{"))
    assert "cannot be read as JSON" in refusal(run("lead", "send", "absent.json"))
    assert asked == []


def test_an_api_that_does_not_answer_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOLINK_PASSWORD", PASSWORD)
    assert "does not answer" in refusal(run("login", "--user", "lin", "--api", "http://127.0.0.1:1"))


@pytest.fixture
def served(shouning: Path, qingyuan: Path, run: Run, tmp_path: Path) -> Iterator[Process]:
    """Shouning's node with Qingyuan as an active peer, an officer and an approver."""
    given = run("--config", qingyuan, "peer", "card", "--out", tmp_path / "card")
    run("--config", shouning, "peer", "add", tmp_path / "card")
    fingerprint = given.stderr.splitlines()[-1].strip()
    run("--config", shouning, "peer", "activate", QINGYUAN, "--fingerprint", fingerprint)
    for person in ("officer", "approver"):
        options = ("--name", person, "--role", person, "--password-file", "-", "--no-must-change")
        added = run("--config", shouning, "user", "add", f"lin.{person}", *options, input=PASSWORD)
        assert added.exit_code == 0, added.output
    with ecolink(shouning, "serve") as node:
        node.wait_for_line()
        yield node


@pytest.mark.processes
def test_an_officer_drafts_and_an_approver_sends_and_the_operator_sees_it_wait(
    served: Process, shouning: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOLINK_API", f"http://127.0.0.1:{served.local_port}")
    monkeypatch.setenv("ECOLINK_PASSWORD", PASSWORD)
    assert refusal(run("login", "--user", "lin.nobody")).startswith("400: ")
    assert run("login", "--user", "lin.officer").exit_code == 0
    drafted = run("lead", "send", "-", "--json", input=json.dumps(LEAD))
    assert drafted.exit_code == 0, drafted.output
    lead = json.loads(drafted.stdout)
    assert lead["state"] == "awaiting_approval"
    assert "403" in refusal(run("lead", "send", lead["id"]))

    sent = run("lead", "send", lead["id"], "--user", "lin.approver")
    assert sent.stdout == f"lead {lead['id']}: sent.\n", sent.output
    (shown,) = json.loads(run("lead", "list", "--json").stdout)
    assert (shown["id"], shown["state"], shown["peer"]["unit_code"]) == (lead["id"], "sent", QINGYUAN)
    assert "寿公协〔2026〕18号" in run("lead", "list").stdout
    assert json.loads(run("lead", "show", lead["id"], "--json").stdout)["state"] == "sent"

    (queue,) = json.loads(run("--config", shouning, "queue", "status", "--json").stdout)
    assert (queue["peer"], queue["lane"], queue["waiting"]) == (QINGYUAN, "case", 1)


FIRE = {
    "status": "exercise", "kind": "wildfire", "title": "下党乡森林火情", "description": "上党村后山松林起火。", "colour": "orange",
    "urgency": "Immediate", "severity": "Severe", "certainty": "Observed", "occurred_at": "2026-11-20T08:50:00+08:00",
    "hotline": "0593-0000001", "recipients": [QINGYUAN],
    "location": {
        "text": "上党村", "datum": "CGCS2000", "geometry": {"type": "Point", "coordinates": [119.2355, 27.4275]},
    },
    "fire": {"area_ha": 0.8},
}  # fmt: skip


@pytest.mark.processes
def test_files_go_with_a_lead_and_an_emergency_and_drills_are_listed_apart(
    served: Process, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOLINK_API", f"http://127.0.0.1:{served.local_port}")
    monkeypatch.setenv("ECOLINK_PASSWORD", PASSWORD)
    (tmp_path / "协作函.pdf").write_bytes(b"%PDF-1.7")
    for person in ("officer", "approver"):
        assert run("login", "--user", f"lin.{person}").exit_code == 0

    officer = ("--user", "lin.officer")
    drafted = run("lead", "send", "-", "--attach", "协作函.pdf", "--json", *officer, input=json.dumps(LEAD))
    assert drafted.exit_code == 0, drafted.output
    drill = run("emergency", "send", "-", "--attach", "协作函.pdf", "--json", *officer, input=json.dumps(FIRE))
    assert drill.exit_code == 0, drill.output

    def listed(*command: str) -> list[str]:
        told = run(*command, "--json", *officer)
        assert told.exit_code == 0, told.output
        return [item["id"] for item in json.loads(told.stdout)]

    lead, fire = json.loads(drafted.stdout), json.loads(drill.stdout)
    shown = json.loads(run("lead", "show", lead["id"], "--json", *officer).stdout)
    assert [document["title"] for document in shown["request"]["documents"]] == ["协作函.pdf"]
    assert listed("lead", "list", "--q", "杉木", "--state", "awaiting_approval", "--only", "urgency=U3") == [lead["id"]]
    assert listed("lead", "list", "--exercise") == []
    assert (listed("emergency", "list"), listed("emergency", "list", "--exercise")) == ([], [fire["id"]])
    assert listed("bulletin", "list", "--exercise", "--q", "兰花", "--only", "unread=true") == []


def test_minutes_are_signed_or_objected_to_by_the_digest_that_was_read(api, logged_in: None, run: Run) -> None:
    held = {"id": "1", "state": "concluded"}
    asked = script(api, (200, held), (200, held), (200, held))
    assert run("consultation", "sign", "1", "a" * 64).stdout == "consultation 1: concluded.\n"
    run("consultation", "sign", "1", "a" * 64, "--object", "时间有误")
    run("consultation", "task", "1", "T1", "done", "--note", "已提供")
    assert [(path.removeprefix("/api/v1/consultations/1"), json.loads(body)) for _, path, _, body in asked] == [
        ("/confirm", {"minutes": "a" * 64}),
        ("/object", {"minutes": "a" * 64, "reason": "时间有误"}),
        ("/tasks/T1", {"status": "done", "note": "已提供"}),
    ]


def test_a_contact_is_recorded_from_the_form_that_opened_and_signed_by_its_digest(
    api, logged_in: None, run: Run
) -> None:
    matter = {"partner": QINGYUAN, "topic": "lead", "owing": QINGYUAN, "count": 2, "threads": []}
    due = {
        "obligation": "sn-qy-151/liaison/2026-11",
        "agreement": "sn-qy-151",
        "partners": [QINGYUAN],
        "due_on": "2026-11-30",
        "overdue": False,
        "makes_up": None,
        "open_matters": [{**matter, "zh": "线索协查待办", "en": "leads waiting"}],
        "to_confirm": [],
    }
    told = {"id": "1", "record": "a" * 64, "state": "awaiting"}
    asked = script(api, (200, {"items": [due]}), (200, {"items": [due]}), *[(200, told)] * 4)
    assert "线索协查待办 2" in run("liaison", "due").stdout
    form = json.loads(run("liaison", "form", QINGYUAN).stdout)
    assert (form["partners"], form["agreement"], form["open_matters"]) == ([QINGYUAN], "sn-qy-151", [matter])
    written = {**form, "held_at": "2026-11-22T09:30:00+08:00", "nothing_to_report": True}
    recorded = run("liaison", "record", "-", input=json.dumps(written))
    assert recorded.stdout == f"contact 1, record {'a' * 64}: awaiting.\n"
    run("liaison", "confirm", "1", "a" * 64)
    run("liaison", "object", "1", "a" * 64, "时间有误")
    run("liaison", "withdraw", "1", "a" * 64, "重复记录")
    assert [(path.removeprefix("/api/v1/liaison-contacts"), json.loads(body)) for _, path, _, body in asked[2:]] == [
        ("", written),
        ("/1/confirm", {"record": "a" * 64}),
        ("/1/object", {"record": "a" * 64, "reason": "时间有误"}),
        ("/1/withdraw", {"record": "a" * 64, "reason": "重复记录"}),
    ]


def test_a_package_is_approved_read_rated_signed_off_and_printed(
    api, logged_in: None, run: Run, tmp_path: Path
) -> None:
    held = {"id": "1", "obligation": "sn-qy-151/exchange/2026-Q4", "state": "complete", "may": ["sign_off"]}
    asked = script(api, (200, {}), (200, held), (200, held), (200, held), (200, held), (200, {"some": "page"}))
    said = "exchange 1 (sn-qy-151/exchange/2026-Q4): complete.\nTo do here: sign-off.\n"
    assert run("exchange", "approve", "1").stdout == said
    run("exchange", "read", "1", "a" * 64)
    run("exchange", "feedback", "1", "a" * 64, "--usefulness", "4", "--remarks", "及时")
    run("exchange", "sign-off", "1", "b" * 64)
    assert "must end in .pdf or .html" in refusal(run("exchange", "print", "1", str(tmp_path / "letter.doc")))
    assert run("exchange", "print", "1", str(tmp_path / "letter.html"), "--package", "a" * 64).exit_code == 0
    assert (tmp_path / "letter.html").read_bytes() == b'{"some": "page"}'
    told = [
        (method, path.removeprefix("/api/v1/exchanges/1"), headers.get("If-Match"), json.loads(body or b"null"))
        for method, path, headers, body in asked
    ]
    assert told == [
        ("GET", "/draft", None, None),
        ("POST", "/draft/approve", '"7"', None),
        ("POST", "/read", None, {"package": "a" * 64}),
        (
            "POST",
            "/feedback",
            None,
            {"package": "a" * 64, "usefulness": 4, "remarks": "及时", "correction_wanted": None},
        ),
        ("POST", "/sign-off", None, {"digest": "b" * 64}),
        ("GET", f"/packages/{'a' * 64}/document?format=html", None, None),
    ]


def test_a_code_is_asked_for_where_the_account_wants_one(api: ThreadingHTTPServer, monkeypatch) -> None:
    wanted = (400, {"error": "otp_required", "error_description": "The account asks for a code as well."})
    asked = script(api, wanted, (200, {"access_token": "t", "expires_in": 900}), wanted)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "287082")
    terminal = SimpleNamespace(isatty=lambda: True)

    with httpx.Client(base_url=address(api)) as client:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert ask_token(client, address(api), "lin.xiaoman", "secret").token == "t"
        monkeypatch.setattr(terminal, "isatty", lambda: False)
        with pytest.raises(ApiRefusedError, match="asks for a code"):
            ask_token(client, address(api), "lin.xiaoman", "secret")

    assert [b"otp=287082" in body for *_, body in asked] == [False, True, False]
