"""The local HTTP API, as a command calls it."""

import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from ecolink.errors import EcolinkError, InvalidError, UnavailableError

ATTACHMENTS_PATH = "/api/v1/attachments"


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
