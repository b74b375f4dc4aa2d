"""People at their desks: each speaks to their own bureau's node over HTTP, with their own login."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from ecolink.entrypoints.demo.houses import DemoFailed, House

Json = dict[str, Any]
Found = TypeVar("Found")

PATIENCE_S = 45.0
"""How long somebody waits for the other bureau before the demo counts as failed."""


@dataclass
class Person:
    """Somebody with a login at one node."""

    house: House
    username: str
    password: str
    name: str
    title: str = ""
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        """Open a connection; `log_in` is a step of its own."""
        self._http = httpx.Client(base_url=f"{self.house.address}/api/v1", timeout=30, trust_env=False)

    def log_in(self) -> None:
        """Get an access token."""
        form = {"grant_type": "password", "username": self.username, "password": self.password}
        token = self._told(self._http.post("/oauth/token", data=form))
        self._http.headers["Authorization"] = f"Bearer {token['access_token']}"

    def get(self, path: str, **params: str) -> Json:
        """Read something."""
        return self._object(self._call("GET", path, params=params))

    def listed(self, path: str, **params: str) -> list[Json]:
        """Read the first page of a list."""
        page = self._told(self._call("GET", path, params=params))
        items: list[Json] = page if isinstance(page, list) else page["items"]
        return items

    def post(self, path: str, body: Json | None = None, *, version: int | None = None) -> Json:
        """Do something."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return self._object(self._call("POST", path, json=body, headers=headers))

    def put(self, path: str, body: Json, *, version: int) -> Json:
        """Change something that was read as `version`."""
        return self._object(self._call("PUT", path, json=body, headers={"If-Match": f'"{version}"'}))

    def upload(self, name: str, media_type: str, data: bytes) -> Json:
        """Upload a file; what comes back names it in a matter."""
        headers = {"Content-Type": media_type}
        return self._object(self._call("POST", "/attachments", params={"name": name}, content=data, headers=headers))

    def download(self, path: str, **params: str) -> bytes:
        """Fetch a file's bytes."""
        answer = self._call("GET", path, params=params)
        if not answer.is_success:
            self._told(answer)
        return answer.content

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Call; whose login ran out, because the clock was moved on, logs in once more."""
        answer = self._http.request(method, path, **options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self.log_in()
            answer = self._http.request(method, path, **options)
        return answer

    def _object(self, answer: httpx.Response) -> Json:
        told: Json = self._told(answer)
        return told

    def _told(self, answer: httpx.Response) -> Any:  # noqa: ANN401 - an object, or a list
        if not answer.is_success:
            asked = f"{answer.request.method} {answer.request.url.path}"
            msg = f"{self.name} at {self.house.bureau.short}: {asked}: {answer.text[:600]}"
            raise DemoFailed(msg)
        return answer.json() if answer.content else {}


def wait_for(what: str, look: Callable[[], Found | None]) -> Found:
    """Look again and again until `look` finds something.

    Raises:
        DemoFailed: nobody's patience lasts that long.

    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    msg = f"waited {PATIENCE_S:.0f} seconds in vain: {what}"
    raise DemoFailed(msg)


def wait_for_object(person: Person, path: str) -> Json:
    """Wait until an object the other bureau sent is there."""

    def look() -> Json | None:
        try:
            return person.get(path)
        except DemoFailed as absent:
            if '"status":404' in str(absent):
                return None
            raise

    return wait_for(f"{path} at {person.house.bureau.short}", look)
