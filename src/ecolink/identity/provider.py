"""The bureau's own identity provider, by OpenID Connect: where people are sent, and what it then says of them.

Authorization code flow with PKCE (RFC 7636), state and nonce (OpenID Connect Core 1.0, section 3.1). Authlib speaks the
protocol, joserfc verifies signatures; every byte goes through the guarded way out, to the issuer's own origin and
nowhere else. What the provider says is believed only if this client asked for it, a moment ago, in this browser.
"""

import hmac
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson

from ecolink.egress import Reply, Unreachable, WayOut
from ecolink.errors import UnauthenticatedError, UnavailableError
from ecolink.identity.roles import Role
from ecolink.kit.events import structlog
from ecolink.kit.times import to_seconds

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""What an ID token may be signed with: public keys only, so that nobody signs with what is published."""

SIGN_ON_PATH: Final = "/sign-in/bureau/return"
"""Where a person comes back to, under the console's address; the provider has to know it."""

DEADLINE_S: Final = 8.0
MOST_BYTES: Final = 256 * 1024
LEEWAY: Final = timedelta(seconds=60)
"""How far the provider's clock may be off."""

OLDEST: Final = timedelta(minutes=10)
"""An ID token issued longer ago is no answer to what was just asked."""

KEPT: Final = timedelta(hours=1)
"""How long the provider's description and keys are believed without asking again."""

KEYS_ASKED_AGAIN: Final = timedelta(seconds=30)
"""A token with an unknown key makes us ask for the keys anew, but not more often than this."""

_log = structlog.get_logger(__name__)


class ProviderUnavailableError(UnavailableError):
    """The bureau's identity provider does not answer, or not as one."""

    code = "provider-unavailable"


class SignOnRefusedError(UnauthenticatedError):
    """What came back from the identity provider does not prove who the person is."""

    code = "sign-on-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTerms:
    """What the operator set: which provider, and who we are to it."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_uri: str
    home: str
    """Where the provider sends a person after they signed out there."""
    username_claim: str
    groups_claim: str
    group_roles: Mapping[str, Collection[Role]]
    """Which roles a group gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one browser was sent to the provider with; the answer must fit it."""

    state: str
    nonce: str
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """Whom the provider says a person to be."""

    subject: str
    username: str
    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Description:
    """What the provider publishes of itself (OpenID Connect Discovery 1.0)."""

    read_at: datetime
    authorization: str
    token: str
    keys: str
    end_session: str | None


@dataclass(slots=True)
class Provider:
    """The provider as this process knows it; threads may share it."""

    terms: ProviderTerms
    way_out: WayOut
    _description: _Description | None = None
    _keys: Any = None
    _keys_read_at: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def address_for(self, question: Question, now: datetime) -> str:
        """Return where a browser is to be sent.

        Raises:
            ProviderUnavailableError: the provider does not answer.

        """
        url, _ = self._client().create_authorization_url(
            self._describe(now).authorization,
            state=question.state,
            code_verifier=question.verifier,
            nonce=question.nonce,
        )
        return str(url)

    def ask_who(self, question: Question, answer: Mapping[str, str], now: datetime) -> Assertion:
        """Return who came back, by the `answer` that the provider put into the address.

        Raises:
            SignOnRefusedError: it is no answer to `question`, or proves nothing; the log says why.
            ProviderUnavailableError: the provider does not answer.

        """
        if not hmac.compare_digest(answer.get("state", "").encode(), question.state.encode()):
            raise _refusal("the state is another")
        if answer.get("iss", self.terms.issuer) != self.terms.issuer:  # RFC 9207
            raise _refusal("the answer names another issuer")
        if "error" in answer or not answer.get("code"):
            raise _refusal(f"the provider refused: {answer.get('error', 'no code')[:40]}")
        tokens = self._redeem(answer["code"], question, now)
        return self._read(tokens.get("id_token"), question, now)

    def address_to_leave(self, now: datetime) -> str | None:
        """Return where a person signs out at the provider too, if it offers that (OpenID Connect RP-Initiated Logout).

        Raises:
            ProviderUnavailableError: the provider does not answer.

        """
        where = self._describe(now).end_session
        if where is None:
            return None
        asked = urlencode({"client_id": self.terms.client_id, "post_logout_redirect_uri": self.terms.home})
        return f"{where}{'&' if '?' in where else '?'}{asked}"

    def close(self) -> None:
        """Close every connection."""
        self.way_out.close()

    def _redeem(self, code: str, question: Question, now: datetime) -> Mapping[str, Any]:
        from authlib.oauth2.base import OAuth2Error  # noqa: PLC0415 - idle nodes go without

        try:
            return dict(
                self._client().fetch_token(
                    self._describe(now).token, code=code, code_verifier=question.verifier, state=question.state
                )
            )
        except OAuth2Error as fault:
            raise _refusal(f"the code is not taken: {fault.error}") from fault
        except ValueError as fault:
            raise _unavailable(f"the token endpoint: {fault}") from fault

    def _read(self, id_token: object, question: Question, now: datetime) -> Assertion:
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415
        from joserfc import jwt  # noqa: PLC0415
        from joserfc.errors import InvalidKeyIdError, JoseError  # noqa: PLC0415

        if not isinstance(id_token, str):
            raise _refusal("there is no ID token")
        verify: Callable[[], Any] = lambda: jwt.decode(id_token, self._keys, algorithms=ALGORITHMS)  # noqa: E731
        try:
            self._learn_keys(now, after=KEPT)
            try:
                token = verify()
            except InvalidKeyIdError:  # the provider has changed its key
                self._learn_keys(now, after=KEYS_ASKED_AGAIN)
                token = verify()
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self.terms.issuer},
                    "aud": {"essential": True, "value": self.terms.client_id},
                    "sub": {"essential": True},
                },
                params={"nonce": question.nonce, "client_id": self.terms.client_id},
            )
            claims.validate(now=to_seconds(now), leeway=round(LEEWAY.total_seconds()))
        except (JoseError, ValueError, TypeError, KeyError) as fault:
            raise _refusal(f"the ID token: {type(fault).__name__} {fault}"[:200]) from fault
        if to_seconds(now) - claims["iat"] > OLDEST.total_seconds():
            raise _refusal("the ID token is old")
        return self._assertion(claims)

    def _assertion(self, claims: Mapping[str, Any]) -> Assertion:
        subject, username = claims.get("sub"), claims.get(self.terms.username_claim)
        if not isinstance(subject, str) or not subject or not isinstance(username, str):
            raise _refusal(f"the ID token has no {self.terms.username_claim}")
        name, groups = claims.get("name"), claims.get(self.terms.groups_claim, [])
        told: Sequence[object] = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Assertion(
            subject=subject,
            username=username,
            name=name if isinstance(name, str) and name.strip() else username,
            groups=tuple(group for group in told if isinstance(group, str)),
        )

    def _describe(self, now: datetime) -> _Description:
        held = self._description
        if held is not None and now - held.read_at < KEPT:
            return held
        told = self._get(f"{self.terms.issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != self.terms.issuer:
            raise _unavailable("it calls itself another issuer than oidc_issuer")
        end_session = told.get("end_session_endpoint")
        self._description = _Description(
            read_at=now,
            authorization=self._own(told.get("authorization_endpoint")),
            token=self._own(told.get("token_endpoint")),
            keys=self._own(told.get("jwks_uri")),
            end_session=None if end_session is None else self._own(end_session),
        )
        return self._description

    def _learn_keys(self, now: datetime, *, after: timedelta) -> None:
        """Ask for the provider's keys, unless that was done less than `after` ago."""
        from joserfc.jwk import KeySet  # noqa: PLC0415

        with self._lock:
            if self._keys_read_at is None or now - self._keys_read_at >= after:
                published = self._get(self._describe(now).keys).get("keys")
                listed = [key for key in published if isinstance(key, dict)] if isinstance(published, list) else []
                fit = [key for key in listed if key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use") != "enc"]
                self._keys = KeySet.import_key_set({"keys": fit})
                self._keys_read_at = now

    def _own(self, address: object) -> str:
        """Return an address the provider names, if it is the issuer's own: nobody else is ever called or sent to."""
        if isinstance(address, str) and _origin(address) == _origin(self.terms.issuer):
            return address
        raise _unavailable(f"it names an address that is not its own: {str(address)[:100]}")

    def _get(self, address: str) -> Mapping[str, Any]:
        return self._ask("GET", address, {"accept": "application/json"}, b"").document()

    def _client(self) -> Any:  # noqa: ANN401 - Authlib says nothing of its types
        from authlib.oauth2.client import OAuth2Client  # noqa: PLC0415

        return OAuth2Client(
            session=_Calls(self._ask),
            client_id=self.terms.client_id,
            client_secret=self.terms.client_secret,
            scope="openid profile",
            redirect_uri=self.terms.redirect_uri,
            code_challenge_method="S256",
        )

    def _ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> "_Heard":
        try:
            reply = self.way_out.ask(
                method, url, headers=headers, content=content, deadline_s=DEADLINE_S, most=MOST_BYTES
            )
        except Unreachable as fault:
            raise _unavailable(str(fault)) from fault
        if 300 <= reply.status < 400 or reply.status >= 500:  # noqa: PLR2004 - HTTP's own numbers
            raise _unavailable(f"it answers {reply.status}")
        return _Heard(reply)


@dataclass(frozen=True, slots=True)
class _Heard:
    """An answer, as Authlib reads one."""

    reply: Reply

    @property
    def status_code(self) -> int:
        return self.reply.status

    def json(self) -> object:
        return orjson.loads(self.reply.body)

    def raise_for_status(self) -> None:
        if self.reply.status >= 400:  # noqa: PLR2004
            msg = f"it answers {self.reply.status}"
            raise ValueError(msg)

    def document(self) -> Mapping[str, Any]:
        try:
            self.raise_for_status()
            told = self.json()
        except ValueError as fault:
            raise _unavailable(str(fault)) from fault
        if not isinstance(told, dict):
            raise _unavailable("it answers no JSON object")
        return told


@dataclass(frozen=True, slots=True)
class _Calls:
    """The one call Authlib makes by itself, sent through the guarded way out."""

    ask: Callable[[str, str, Mapping[str, str], bytes], _Heard]

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> _Heard:  # noqa: ANN401
        url, sent, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return self.ask("POST", url, sent, body.encode())


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _refusal(why: str) -> SignOnRefusedError:
    _log.warning("sign-on refused", why=why)
    return SignOnRefusedError(
        "The sign-in with the bureau account did not come to an end; begin again.", "统一身份登录未完成，请重新登录。"
    )


def _unavailable(why: str) -> ProviderUnavailableError:
    _log.error("identity provider failed", why=why)
    return ProviderUnavailableError(
        "The bureau's sign-in service does not answer as it should; try again, or use a password of this node.",
        "本局统一身份认证服务暂不可用，请稍后再试，或使用本系统密码登录。",
    )
