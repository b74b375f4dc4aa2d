"""A person's commands speak to the local HTTP API, with that person's login and nothing more."""

import json
import mimetypes
import os
import ssl
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer

from ecolink.entrypoints.cli import tokens
from ecolink.entrypoints.cli.context import settings_of
from ecolink.entrypoints.cli.secret import read_secret
from ecolink.errors import EcolinkError, InvalidError, SettingError, UnauthenticatedError, UnavailableError
from ecolink.kit.clock import SystemClock
from ecolink.settings import is_loopback

TOKEN_PATH = "/api/v1/oauth/token"  # noqa: S105 - an address, not a secret
REVOKE_PATH = "/api/v1/oauth/revoke"
PASSWORD_PATH = "/api/v1/me/password"  # noqa: S105 - an address, not a secret
ATTACHMENTS_PATH = "/api/v1/attachments"
TIMEOUT_S = 30.0

ApiAddress = Annotated[
    str | None,
    typer.Option("--api", envvar="ECOLINK_API", help="The local API: https://node:8470 [default: this node's]."),
]
User = Annotated[
    str | None, typer.Option("--user", envvar="ECOLINK_USER", help="Who you are [default: who logged in last].")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        envvar="ECOLINK_PASSWORD_FILE",
        help="Take the password from this file, - for standard input [default: ECOLINK_PASSWORD, else asked for].",
    ),
]


class ApiRefusedError(EcolinkError):
    """The API said no; the text is its problem's (RFC 9457), `said` its error at the token's door (RFC 6749)."""

    code = "api-refused"

    def __init__(self, detail_en: str, detail_zh: str, *, said: str = "") -> None:
        """Keep the word beside the texts."""
        super().__init__(detail_en, detail_zh)
        self.said = said


@dataclass(frozen=True)
class Answer:
    """What the API answered, and the version of what it shows."""

    document: Any
    etag: str | None = None


@dataclass(frozen=True)
class Api:
    """The local API as one person sees it. Every call raises `ApiRefusedError` or `UnavailableError`."""

    client: httpx.Client

    def get(self, path: str, params: Iterable[tuple[str, str | None]] = ()) -> Answer:
        """Read one document; parameters that are None are left out."""
        given = [(name, value) for name, value in params if value is not None]
        return _answer(send(self.client, "GET", path, params=given))

    def fetch(self, path: str, params: Iterable[tuple[str, str | None]] = ()) -> bytes:
        """Read what is no JSON document; parameters that are None are left out."""
        given = [(name, value) for name, value in params if value is not None]
        return send(self.client, "GET", path, params=given).content

    def post(self, path: str, document: object) -> Answer:
        """Post one document, once: a call whose answer was lost is repeated under the same Idempotency-Key."""
        return self._post(path, document, {})

    def step(self, path: str, before: Answer, document: object = None) -> Answer:
        """Take the next step on what `before` showed; refused when somebody changed it since."""
        return self._post(path, document, {"If-Match": before.etag} if before.etag else {})

    def delete(self, path: str) -> None:
        """Delete one thing."""
        send(self.client, "DELETE", path)

    def put(self, path: str, before: Answer, document: object) -> Answer:
        """Put a document in the place of what `before` showed; refused when somebody changed it since."""
        headers = {"If-Match": before.etag} if before.etag else {}
        return _answer(send(self.client, "PUT", path, json=document, headers=headers))

    def upload(self, file: Path) -> str:
        """Upload a file and return its digest, by which a matter names it."""
        try:
            content = file.read_bytes()
        except OSError as fault:
            raise InvalidError(f"{file} cannot be read: {fault}", f"无法读取 {file}：{fault}") from None
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        kept = send(
            self.client,
            "POST",
            ATTACHMENTS_PATH,
            params={"name": file.name},
            content=content,
            headers={"content-type": media_type},
        ).json()
        return str(kept["digest"])

    def _post(self, path: str, document: object, headers: dict[str, str]) -> Answer:
        given: dict[str, Any] = {} if document is None else {"json": document}
        headers = {**headers, "Idempotency-Key": str(uuid4())}
        try:
            return _answer(send(self.client, "POST", path, headers=headers, **given))
        except UnavailableError:
            return _answer(send(self.client, "POST", path, headers=headers, **given))


@contextmanager
def open_api(
    context: typer.Context, api: str | None, user: str | None, password_file: Path | None
) -> Generator[Api, None, None]:
    """Log in, or go on with the login kept by `ecolink login`, for the length of the block.

    Raises:
        UnauthenticatedError: there is no login and no way to ask for one.
        ApiRefusedError: the API refused.
        UnavailableError: the API does not answer.
        SettingError: the address is plain HTTP off this machine.

    """
    base = address(context, api)
    with open_client(context, base) as client:
        kept = tokens.find(base, user, SystemClock().now())
        if kept is None:
            who = user or (typer.prompt("User") if sys.stdin.isatty() else None)
            if who is None:
                raise UnauthenticatedError("Say who you are: --user, or ECOLINK_USER.", "请用 --user 指明用户。")
            kept = ask_token(client, base, who, password_from(password_file))
        client.headers["authorization"] = f"Bearer {kept.token}"
        yield Api(client)


def address(context: typer.Context, api: str | None) -> str:
    """Return the API's address: the one given, else that of the node whose settings are here.

    Raises:
        SettingError: it is plain HTTP off this machine, or there are no settings to learn it from.

    """
    if api is None:
        settings = settings_of(context)
        api = f"{'https' if settings.local_tls else 'http'}://{settings.local_host}:{settings.local_port}"
    url = httpx.URL(api)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host)):
        raise SettingError(
            f"--api (ECOLINK_API) {api} would carry the password in the open: use https://.", f"{api} 须使用 https://。"
        )
    return api.rstrip("/")


def send(client: httpx.Client, method: str, path: str, **given: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
    """Make one call.

    Raises:
        ApiRefusedError: the API refused; the text says why.
        UnavailableError: it does not answer.

    """
    try:
        answer = client.request(method, path, **given)
    except httpx.HTTPError as fault:
        raise UnavailableError(
            f"{client.base_url} does not answer: {fault}", f"{client.base_url} 无应答：{fault}"
        ) from None
    if answer.is_error:
        raise _refusal(answer)
    return answer


def _answer(answer: httpx.Response) -> Answer:
    return Answer(answer.json() if answer.content else None, answer.headers.get("etag"))


def _refusal(answer: httpx.Response) -> ApiRefusedError:
    try:
        problem: Mapping[str, Any] = answer.json()
        said = ("detail_en", "detail", "error_description", "title")
        detail = str(next(filter(None, map(problem.get, said)), answer.reason_phrase))
        errors = [f"{error.get('pointer')}: {error.get('detail_en')}" for error in problem.get("errors") or []]
        request = f" (request {problem['request_id']})" if problem.get("request_id") else ""
        zh, word = str(problem.get("detail_zh") or detail), str(problem.get("error", ""))
    except (ValueError, AttributeError):
        detail, errors, request, zh, word = answer.reason_phrase, [], "", answer.reason_phrase, ""
    return ApiRefusedError(f"{answer.status_code}: {'; '.join([detail, *errors])}{request}", zh, said=word)


def ask_token(client: httpx.Client, base: str, user: str, password: str) -> tokens.Login:
    """Log in and return what `ecolink login` keeps; a code of the second factor is asked for where one is wanted.

    Raises:
        ApiRefusedError: the name, the password or the code is not right, or there were too many tries.
        UnavailableError: the API does not answer.

    """
    form = {"grant_type": "password", "username": user, "password": password}
    now = SystemClock().now()
    try:
        answer = send(client, "POST", TOKEN_PATH, data=form)
    except ApiRefusedError as refused:
        if refused.said != "otp_required" or not sys.stdin.isatty():
            raise
        answer = send(client, "POST", TOKEN_PATH, data={**form, "otp": typer.prompt("Code")})
    issued = answer.json()
    return tokens.Login(
        base,
        user,
        str(issued["access_token"]),
        now + timedelta(seconds=int(issued["expires_in"])),
        must_change_password=bool(issued.get("must_change_password")),
    )


def password_from(file: Path | None) -> str:
    """Return the password: from `file`, else ECOLINK_PASSWORD, else asked for.

    Raises:
        UnauthenticatedError: there is none, and nobody to ask.
        InvalidError: the file cannot be read.

    """
    if file is not None:
        return read_secret(file)
    if (given := os.environ.get("ECOLINK_PASSWORD")) is not None:
        return given
    if not sys.stdin.isatty():
        raise UnauthenticatedError(
            "No password: run 'ecolink login', or set ECOLINK_PASSWORD or --password-file.",
            "没有口令：请先运行 ecolink login，或设置 ECOLINK_PASSWORD。",
        )
    return str(typer.prompt("Password", hide_input=True))


def open_client(context: typer.Context, base: str) -> httpx.Client:
    """Return an HTTP client that believes the bureau's private CA where the settings name one."""
    try:
        ca = settings_of(context).tls_ca
    except SettingError:
        ca = None  # a person's own machine has no node and no settings
    trust = ssl.create_default_context(cafile=str(ca)) if ca else True
    return httpx.Client(base_url=base, timeout=TIMEOUT_S, verify=trust, headers={"accept-language": "en"})


def read_document(file: Path) -> Any:  # noqa: ANN401 - JSON
    """Read a JSON document to be sent; `-` is standard input.

    Raises:
        SettingError: it cannot be read, or is no JSON.

    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        return json.loads(text)
    except (OSError, ValueError) as fault:
        raise SettingError(f"{file} cannot be read as JSON: {fault}", f"无法读取 {file}：{fault}") from None
