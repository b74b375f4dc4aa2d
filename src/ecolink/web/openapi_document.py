"""Finishing the OpenAPI 3.1 document: problems, examples, and how the API is to be used.

The framework derives paths and schemas from the code; this adds what every operation shares.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ecolink import __version__
from ecolink.surface.problems import MEDIA_TYPE, Problem
from ecolink.web.openapi_examples import Lookup, NoExampleError, completed, example_of

Document = dict[str, Any]

MISSING = "x-no-example-for"
"""Where the document says which member kept it from having an example."""

_METHODS = {"get", "put", "post", "delete", "patch"}
_REF = "#/components/schemas/{model}"
_FRAMEWORK_OWN = ("HTTPValidationError", "ValidationError")
_REFUSAL: Document = {"content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}}}
_RATE_LIMITED: Document = {
    "description": "Too many calls (`/problems/rate-limited`) or tries to log in (`/problems/throttled`).",
    "headers": {
        "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1, "example": 2}}
    },
    **_REFUSAL,
}


@dataclass(frozen=True, slots=True)
class Title:
    """What an application says of itself."""

    title: str
    description: str
    security: Document = field(default_factory=dict)
    """Security schemes the framework does not see in the code."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What each group of operations is about."""
    limits_rates: bool = False
    """Whether every operation may answer 429."""


LOCAL = Title(
    "ecolink local API",
    """For a bureau's own people and programs: case leads, bulletins, emergencies and the administration of its node.

* **Login.** `POST /api/v1/oauth/token` gives an access token for 15 minutes; send it as `Authorization: Bearer`.
* **Problems.** Every refusal is an RFC 9457 document with a stable `type`, `detail_zh` and `detail_en`, pointers to
  the members at fault, and the `request_id`. openapi/problems.md lists them all.
* **Repeating safely.** Send an `Idempotency-Key` with any POST; the same key and body give the first answer again for
  24 hours, with `Idempotency-Replayed: true`; another body under the same key is refused (422). Logging in and out
  take the key too, and need none.
* **Changing.** Read the `ETag`, send it as `If-Match`: 428 without it, 412 when somebody else was faster.
* **Pace.** Who calls too often, or guesses passwords, is answered 429 with `Retry-After` in seconds.
* **Lists.** `limit` and the opaque `cursor`; the next page stands in `next` and in the `Link` header.
* **Times** are RFC 3339 with an offset; what the node writes is in UTC.

ecolink does not replace the formal papers (协作函件), the provincial reporting line, or 12119 and 110.
""",
    tags={
        "login": "登录与退出: tokens for people and programs.",
        "profile": "个人: who one is, what one may do.",
        "leads": "线索协查: one bureau asks another to check, collect, certify or provide.",
        "bulletins": "情报通报: intelligence told to others, used, corrected and recalled.",
        "emergencies": "紧急通报: told at once, acknowledged by a person.",
        "tasks": "电话催办: whom to call because nobody acknowledged in time.",
        "alerts": "提醒: what our people are told of until one of them acknowledges it, and how each is told.",
        "duty": "值班: the rota, its gaps, handing over.",
        "obligations": "协作义务: what our agreements oblige us to, how it stands, by which evidence.",
        "notices": "提醒与督办: what somebody of a level is reminded of, or must see to.",
        "alliances": "联盟: which bureaus belong together.",
        "liaison": "月联系: the monthly contact of liaison officers, recorded by one side and confirmed by the others.",
        "exchanges": "季度通报交流: each party's package of a quarter, read, fed back and signed off by all.",
        "agreements": "协作协议: proposed, signed by every party, in force, amended, ended.",
        "consultations": "会商研判: invitations, dates, minutes that all sign, tasks that are followed up.",
        "calendar": "日历订阅: what is due, in an officer's own calendar program.",
        "attachments": "附件: files, by the digest of their bytes.",
        "personal data": "个人信息: erasing it, here and at the other bureaus.",
        "audit": "审计: who looked at, changed, told or erased what.",
        "evidence": "证据: what this node can prove, as a file to check offline.",
        "accounts": "账号: people, programs and their login sessions.",
        "peers": "对端: other bureaus' nodes, and how they come to be trusted.",
        "keys": "密钥: this node's keys, their rotation and revocation.",
        "channels": "提醒渠道: by what our people are told, how it fares, who was told what.",
        "queues": "队列: what waits to be sent, what was set aside, alarms.",
        "health": "运行状态: whether the process lives and can work.",
    },
    limits_rates=True,
)

FEDERATION = Title(
    "ecolink federation API",
    """For other bureaus' nodes: signed documents in, signed receipts out. docs/protocol.md says what they mean.

Every call but the public ones carries a request token of its own (`ecolink-request+jws`), good once and for a minute.
""",
    {
        "requestToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWS",
            "description": "`ecolink-request+jws`, signed by the calling bureau, bound to the operation and its data.",
        }
    },
    {
        "federation": "联通: signed documents between nodes.",
        "health": "运行状态: whether the process lives and can work.",
    },
)


def describe(app: FastAPI, title: Title) -> None:
    """Have `app` serve the finished document."""

    def openapi() -> Document:
        if not app.openapi_schema:
            app.openapi_schema = document_of(app, title)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the framework's own way


def document_of(app: FastAPI, title: Title) -> Document:
    """Return the OpenAPI document of `app`."""
    document = get_openapi(
        title=title.title,
        version=__version__,
        description=title.description,
        openapi_version="3.1.0",
        routes=app.routes,
        tags=[{"name": name, "description": description} for name, description in title.tags.items()],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = document.setdefault("components", {})
    components.setdefault("securitySchemes", {}).update(title.security)
    if title.limits_rates:
        components["responses"] = {"RateLimited": _RATE_LIMITED}
    schemas = components.setdefault("schemas", {})
    for name in _FRAMEWORK_OWN:
        schemas.pop(name, None)
    parts = Problem.model_json_schema(ref_template=_REF)
    schemas.update(parts.pop("$defs"))
    schemas["Problem"] = parts

    lookup: Lookup = schemas.__getitem__
    for _, _, operation in operations(document):
        _tell_problems(operation)
        if title.limits_rates:
            operation["responses"]["429"] = {"$ref": "#/components/responses/RateLimited"}
        for _, _, content in example_contents(operation):
            _give_example(content, lookup)
    for schema in schemas.values():
        _complete_examples(schema, lookup)
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield method, path and operation of everything in the document."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield method.upper(), path, operation


def example_contents(operation: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield where (`request` or a status), media type and content of each body that needs an example."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, content
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            for media_type, content in response.get("content", {}).items():
                if content.get("schema"):
                    yield status, media_type, content


def _give_example(content: Document, lookup: Lookup) -> None:
    schema = content.get("schema", {})
    if "examples" in content:
        return
    try:
        content["example"] = completed(content.get("example") or example_of(schema, lookup), schema, lookup)
    except NoExampleError as without:
        content[MISSING] = str(without)  # a test names it


def _complete_examples(schema: Document, lookup: Lookup) -> None:
    with suppress(NoExampleError):
        if "examples" in schema:
            schema["examples"] = [completed(example, schema, lookup) for example in schema["examples"]]


def _tell_problems(operation: Document) -> None:
    """Replace the framework's own account of refusals by ours."""
    responses = operation["responses"]
    told = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if told.get("$ref", "").endswith("/HTTPValidationError"):
        del responses["422"]
    if "security" in operation:
        responses.setdefault("401", {"description": "No valid access token.", **_REFUSAL})
        responses.setdefault("403", {"description": "The caller's roles do not allow it.", **_REFUSAL})
    responses.setdefault("4XX", {"description": "Refused; see the problem document.", **_REFUSAL})
    responses.setdefault("5XX", {"description": "The node cannot work just now; nothing was kept.", **_REFUSAL})
