"""The way to services: whatever a server does, a try ends in time, in an answer or in none."""

import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from ecolink.alerts.channels.catalogue import CODECS, read_settings
from ecolink.alerts.channels.wire import MOST_ANSWER, Answer, Failed, HttpRequest, MailRequest, Sent
from ecolink.alerts.letters import Reader, write
from ecolink.alerts.postman import NetworkPostman
from ecolink.egress import Unreachable, WayOut
from tests.alerts.office import CONSOLE, MESSAGE, NOON, SETTINGS
from tests.alerts.servers import MailServer, Script, Server, drip, http, say_nothing
from tests.support.certificates import Authority

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
LETTER = write([("dispatch-1", MESSAGE)], Reader(own=False, language="zh", console_url=CONSOLE))

Serve = Callable[[Script], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[Server] = []

    def make(script: Script) -> Server:
        made.append(Server(script))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def postman() -> Iterator[NetworkPostman]:
    opened = NetworkPostman(WayOut(allowed_networks=LOOPBACK), ssl.create_default_context, deadline_s=0.5)
    yield opened
    opened.close()


def answering(status: str, body: bytes, *fields: str) -> Script:
    head = "".join(f"{field}\r\n" for field in (*fields, f"Content-Length: {len(body)}", "Connection: close"))
    return http(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)


def webhook(port: int) -> HttpRequest:
    return HttpRequest("POST", f"http://127.0.0.1:{port}/alerts", {}, b"{}")


def mail(port: int, **changes: str) -> MailRequest:
    settings = read_settings({**SETTINGS["email"], "host": "127.0.0.1", "port": port, "security": "none", **changes})
    request = CODECS["email"].compose(LETTER, settings, "lin@shouning.example", NOON)
    assert isinstance(request, MailRequest)
    return request


def test_an_answer_is_brought_as_it_is(serve: Serve, postman: NetworkPostman):
    port = serve(answering("200 OK", b'{"errcode":0}')).port
    assert postman.carry(webhook(port)) == Answer(200, b'{"errcode":0}')


def test_a_robot_that_takes_a_message_and_one_that_refuses_it_with_a_200(serve: Serve, postman: NetworkPostman):
    codec = CODECS["dingtalk"]
    for body, wanted in ((b'{"errcode":0,"errmsg":"ok"}', Sent), (b'{"errcode":310000,"errmsg":"sign"}', Failed)):
        port = serve(answering("200 OK", body)).port
        address = f"http://127.0.0.1:{port}/robot/send?access_token=x"
        settings = read_settings({**SETTINGS["dingtalk"], "webhook": address})
        answer = postman.carry(codec.compose(LETTER, settings, "", NOON))
        assert isinstance(codec.understand(answer, settings, LETTER), wanted)


def test_a_redirect_is_an_answer_and_is_not_followed(serve: Serve, postman: NetworkPostman):
    elsewhere = serve(answering("200 OK", json.dumps({"id": LETTER.id}).encode()))
    port = serve(answering("307 Temporary Redirect", b"", f"Location: http://127.0.0.1:{elsewhere.port}/")).port

    assert postman.carry(webhook(port)).status == 307
    assert elsewhere.callers == 0


@pytest.mark.parametrize("script", [say_nothing, drip], ids=["never", "by drips"])
def test_a_server_that_does_not_come_to_an_end_is_cut(serve: Serve, postman: NetworkPostman, script: Script):
    began = monotonic()
    with pytest.raises(Unreachable):
        postman.carry(webhook(serve(script).port))
    assert monotonic() - began < 5


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"\x16\x03\x01\x02\x00", b"HTTP/1.1 200"])
def test_what_is_no_http_is_no_answer(serve: Serve, postman: NetworkPostman, answer: bytes):
    with pytest.raises(Unreachable):
        postman.carry(webhook(serve(http(answer)).port))


def test_an_answer_larger_than_any_is_cut(serve: Serve, postman: NetworkPostman):
    port = serve(answering("200 OK", b"x" * (MOST_ANSWER + 1))).port
    with pytest.raises(Unreachable, match="larger than"):
        postman.carry(webhook(port))


def test_nobody_listens(serve: Serve, postman: NetworkPostman):
    gone = serve(say_nothing)
    gone.close()
    with pytest.raises(Unreachable):
        postman.carry(webhook(gone.port))
    with pytest.raises(Unreachable):
        postman.carry(mail(gone.port))


def test_a_private_address_is_called_only_where_the_operator_named_its_network(serve: Serve):
    closed = NetworkPostman(WayOut(allowed_networks=(), setting="ECOLINK_ALERT_NETWORKS"), ssl.create_default_context)
    server = serve(MailServer())
    for request in (webhook(server.port), mail(server.port)):
        with pytest.raises(Unreachable, match="not in ECOLINK_ALERT_NETWORKS"):
            closed.carry(request)
    assert server.callers == 0


def test_a_mail_is_handed_over(serve: Serve, postman: NetworkPostman):
    server = MailServer()
    assert postman.carry(mail(serve(server).port)) == Answer(250, b"2.0.0 Ok: queued")
    assert [word.split(" ")[0].upper() for word in server.said[:5]] == ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
    assert server.said[3].endswith(":<lin@shouning.example>")
    assert f"Message-ID: <{LETTER.id}@shouning.example>".encode() in server.mails[0]


@pytest.mark.parametrize(
    ("answers", "status", "of_address"),
    [
        ({"AUTH": b"535 wrong\r\n"}, 535, False),
        ({"MAIL": b"550 who are you\r\n"}, 550, False),
        ({"RCPT": b"550 no such user\r\n"}, 550, True),
        ({"DATA": b"451 later\r\n"}, 451, False),
        ({"END": b"554 refused\r\n"}, 554, False),
    ],
)
def test_a_mail_server_that_refuses_is_quoted(
    serve: Serve, postman: NetworkPostman, answers: dict[str, bytes], status: int, of_address: bool
):
    answer = postman.carry(mail(serve(MailServer(answers)).port))
    assert (answer.status, answer.to_address) == (status, of_address)
    outcome = CODECS["email"].understand(answer, read_settings(SETTINGS["email"]), LETTER)
    assert outcome == Failed(f"{status} {answer.body.decode()}", of_address=of_address)


def test_a_mail_server_that_cannot_speak_tls_gets_no_mail_and_no_password(serve: Serve, postman: NetworkPostman):
    server = MailServer()
    request = mail(serve(server).port, security="starttls")
    with pytest.raises(Unreachable, match="STARTTLS"):
        postman.carry(request)
    assert not [word for word in server.said if word.startswith(("AUTH", "MAIL"))]


@pytest.mark.parametrize("greeting", [b"", b"421 busy\r\n", b"garbage\r\n", b"220 " + b"x" * 10_000 + b"\r\n"])
def test_what_greets_wrongly_gets_no_mail(serve: Serve, postman: NetworkPostman, greeting: bytes):
    server = MailServer(greeting=greeting)
    try:
        answer = postman.carry(mail(serve(server).port))
    except Unreachable:
        pass
    else:
        assert answer.status in {421, 500}
    assert not server.mails


def test_a_mail_server_that_talks_without_end_is_cut(serve: Serve, postman: NetworkPostman):
    server = MailServer({"EHLO": b"250-" + b"x" * 500 + b"\r\n"})
    server.answers["EHLO"] *= 1_000
    with pytest.raises(Unreachable):
        postman.carry(mail(serve(server).port))


def test_a_mail_server_that_drips_is_cut_at_the_total_deadline(serve: Serve, postman: NetworkPostman):
    def dripping(caller: socket.socket) -> None:
        over = threading.Event()
        while not over.wait(0.02):
            caller.sendall(b"2")

    began = monotonic()
    with pytest.raises(Unreachable, match="total deadline"):
        postman.carry(mail(serve(dripping).port))
    assert monotonic() - began < 5


def speaking_tls(server: MailServer, security: str, files: tuple[Path, Path]) -> Script:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    def from_the_start(caller: socket.socket) -> None:
        with context.wrap_socket(caller, server_side=True) as secured:
            server(secured)

    if security == "tls":
        return from_the_start
    server.context = context
    return server


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_to_a_server_that_a_known_authority_vouches_for(serve: Serve, tmp_path: Path, security: str):
    authority = Authority(tmp_path / "ca")
    trusting = NetworkPostman(
        WayOut(allowed_networks=LOOPBACK), lambda: ssl.create_default_context(cafile=str(authority.certificate_file))
    )
    server = MailServer()
    port = serve(speaking_tls(server, security, authority.issue("mail"))).port

    assert trusting.carry(mail(port, security=security)).status == 250
    assert len(server.mails) == 1
    assert [word for word in server.said if word.startswith("AUTH")]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_nobody_vouches_for_gets_no_mail_and_no_password(
    serve: Serve, postman: NetworkPostman, tmp_path: Path, security: str
):
    server = MailServer()
    port = serve(speaking_tls(server, security, Authority(tmp_path / "ca").issue("mail"))).port

    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        postman.carry(mail(port, security=security))
    assert not server.mails
    assert not [word for word in server.said if word.startswith(("AUTH", "MAIL"))]
