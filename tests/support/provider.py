"""A bureau's identity provider (OpenID Connect), as a process on loopback; it tells the truth, or lies as it is told.

    python -m tests.support.provider    # prints the address it listens at

`POST /set` says who sits at the browser, which time it is, and how to lie.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx2
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT_ID, CLIENT_SECRET = "ecolink", "a secret between two programs"
LIN = {"sub": "7f3a", "preferred_username": "Lin.Xiaoman", "name": "林小满", "groups": ["协作联络员", "食堂"]}
TOLD: dict[str, Any] = {"user": LIN, "lie": "", "now": None}


def build(issuer: str) -> FastAPI:  # noqa: C901 - one endpoint after the other
    """Return the provider that calls itself `issuer`."""
    app = FastAPI()
    state: dict[str, Any] = {**TOLD, "codes": {}, "asked": [], "key": _key()}

    @app.post("/set")
    async def listen(request: Request) -> dict[str, str]:
        state.update(TOLD | await request.json())
        state["asked"].clear()
        if state["lie"] == "new key":
            state["key"] = _key()
        return {}

    @app.get("/asked")
    def tell() -> list[str]:
        return list(state["asked"])

    @app.get("/.well-known/openid-configuration")
    def describe() -> Response:
        state["asked"].append("description")
        match state["lie"]:
            case "no json":
                return Response("<html>Maintenance</html>")
            case "huge":
                return Response(b" " * 400_000)
            case "down":
                return Response(status_code=503)
            case "description elsewhere":
                return RedirectResponse("http://169.254.169.254/latest/meta-data", 302)
        elsewhere = "http://127.0.0.1:9" if state["lie"] == "keys elsewhere" else issuer
        return JSONResponse(
            {
                "issuer": "https://elsewhere.example" if state["lie"] == "calls itself another" else issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{elsewhere}/keys",
                "end_session_endpoint": f"{issuer}/leave",
            }
        )

    @app.get("/keys")
    def publish() -> Response:
        state["asked"].append("keys")
        published = [state["key"].as_dict(private=False)]
        return JSONResponse({"keys": "none" if state["lie"] == "keys are no keys" else published})

    @app.get("/authorize")
    def authorize(request: Request) -> Response:
        asked = dict(request.query_params)
        if state["lie"] == "refuses":
            return RedirectResponse(f"{asked['redirect_uri']}?error=access_denied&state={asked['state']}")
        code = secrets.token_urlsafe(16)
        state["codes"][code] = asked
        given = "guessed" if state["lie"] == "another state" else asked["state"]
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': given, 'iss': issuer})}")

    @app.post("/token")
    async def redeem(request: Request) -> Response:
        state["asked"].append("token")
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = state["codes"].pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != basic:
            return JSONResponse({"error": "invalid_client"}, 401)
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        match state["lie"]:
            case "slow":
                await asyncio.sleep(5)
            case "token elsewhere":
                return RedirectResponse("http://169.254.169.254/token", 307)
            case "no token":
                return JSONResponse({"access_token": "opaque", "token_type": "Bearer"})
        claims = _claims(issuer, asked["nonce"], state)
        token = _sign(claims, state["key"], state["lie"])
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": token})

    @app.get("/leave")
    def leave(post_logout_redirect_uri: str) -> Response:
        return RedirectResponse(post_logout_redirect_uri)

    return app


def _key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig", "alg": "ES256"})


def _claims(issuer: str, nonce: str, state: dict[str, Any]) -> dict[str, Any]:
    now = state["now"] or int(time.time())
    claims = {"iss": issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": nonce, **state["user"]}
    changes: dict[str, dict[str, Any]] = {
        "another nonce": {"nonce": "another"},
        "another issuer": {"iss": "https://elsewhere.example"},
        "another audience": {"aud": "payroll"},
        "two audiences": {"aud": [CLIENT_ID, "payroll"]},
        "meant for another": {"aud": [CLIENT_ID], "azp": "payroll"},
        "expired": {"iat": now - 300, "exp": now - 61},
        "long ago": {"iat": now - 3600},
        "from the future": {"iat": now + 3600, "exp": now + 7200},
        "without end": {"exp": None},
        "without subject": {"sub": None},
        "without nonce": {"nonce": None},
        "without name": {"preferred_username": None},
        "groups are no groups": {"groups": {"a": 1}},
    }
    changed = claims | changes.get(state["lie"], {})
    return {name: value for name, value in changed.items() if value is not None}


def _sign(claims: dict[str, Any], key: ECKey, lie: str) -> str:
    header = {"alg": "ES256", "kid": str(key.kid)}
    match lie:
        case "signed by nobody":
            return _by_hand({"alg": "none"}, claims, None)
        case "signed by another":
            return jwt.encode(header, claims, _key())
        case "signed with an unknown key":
            other = _key()
            return jwt.encode({"alg": "ES256", "kid": str(other.kid)}, claims, other)
        case "signed with what is published":
            return _by_hand({"alg": "HS256", "kid": str(key.kid)}, claims, key.as_pem(private=False))
        case "one byte changed":
            head, body, signature = jwt.encode(header, claims, key).split(".")
            return f"{head}.{body[:-2]}{'A' if body[-2] != 'A' else 'B'}{body[-1]}.{signature}"
    return jwt.encode(header, claims, key)


def _by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    """Return a token no library makes: unsigned, or signed with a public key as if it were a shared secret."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signed = b".".join(parts)
    signature = hmac.digest(secret, signed, "sha256") if secret else b""
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


class Provider:
    """The process, as a test holds it."""

    def __init__(self, issuer: str) -> None:
        """Take its address."""
        self.issuer = issuer

    def tell(self, **what: Any) -> None:
        """Say who sits at the browser (`user`), which second it is (`now`) and how to lie (`lie`)."""
        httpx2.post(f"{self.issuer}/set", json=what).raise_for_status()

    def asked(self) -> list[str]:
        """Return what it was asked since it was last told something."""
        return list(httpx2.get(f"{self.issuer}/asked").json())

    def visit(self, address: str) -> dict[str, str]:
        """Go where a node sends a browser; return what the provider puts into the address of the way back."""
        answer = httpx2.get(address, follow_redirects=False)
        assert answer.status_code == 307, answer.text
        asked = parse_qs(answer.headers["location"].partition("?")[2])
        return {name: values[0] for name, values in asked.items()}


@contextmanager
def running() -> Iterator[Provider]:
    """Run the provider in a process of its own until the block ends."""
    command = [sys.executable, "-m", "tests.support.provider"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Provider(process.stdout.readline().strip())
        finally:
            process.terminate()


def main() -> None:
    """Listen on loopback and print where."""
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(build(issuer), log_level="warning"))
    print(issuer, flush=True)  # noqa: T201 - how the test hears of it
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
