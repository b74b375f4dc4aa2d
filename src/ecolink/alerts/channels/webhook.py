"""A signed JSON document to a program of the bureau's own choice.

The body is signed as many services do it: `Ecolink-Signature: v1=` and the HMAC-SHA256, in hexadecimal, over the time
in `Ecolink-Timestamp` (seconds since 1970), a full stop and the body. `Ecolink-Id` is the same at every try. The
program took it when it answered 2xx with a JSON object whose member `id` is that id: a portal that answers 200 to
everything did not.
"""

import json
import re
from datetime import datetime
from hashlib import sha256
from hmac import new
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, SecretStr

from ecolink.alerts.channels.letter import Letter
from ecolink.alerts.channels.wire import (
    Answer,
    ChannelSettings,
    Failed,
    HttpAddress,
    HttpRequest,
    Outcome,
    Rate,
    Secret,
    Sent,
    read_json,
    told,
)
from ecolink.kit.times import to_seconds, to_text

_LEAST_SECRET = 16


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < _LEAST_SECRET:
        msg = f"a secret to sign with has at least {_LEAST_SECRET} characters"
        raise ValueError(msg)
    return secret


RATES: Final[tuple[Rate, ...]] = ()
"""None: it is the bureau's own program."""


class Settings(ChannelSettings):
    """An address and the secret that is shared with it."""

    kind: Literal["webhook"]
    url: HttpAddress
    sign_secret: Annotated[Secret, AfterValidator(_long_enough)]

    def goes_to(self) -> str:
        """Return the address."""
        return self.url


def address(text: str) -> str | None:
    """Return what names the person to the program; empty where it needs no name."""
    return text if re.fullmatch(r"[^\x00-\x1f\x7f]{0,200}", text) else None


def compose(letter: Letter, settings: Settings, to: str, now: datetime) -> HttpRequest:
    """Return the call, signed at `now`."""
    document: dict[str, Any] = {
        "id": letter.id,
        "to": to,
        "kind": letter.kind,
        "status": letter.status,
        "urgent": letter.urgent,
        "numbers": list(letter.numbers),
        "subject": letter.subject,
        "text_zh": "\n".join(letter.text_zh),
        "text_en": "\n".join(letter.text_en),
        "link": letter.link,
        "matters": [
            {
                "number": matter.number,
                "title_zh": matter.title_zh,
                "title_en": matter.title_en,
                "occurred_at": to_text(matter.occurred_at),
            }
            for matter in letter.matters
        ],
    }
    body = json.dumps(document, ensure_ascii=False).encode()
    moment = str(to_seconds(now))
    mac = new(settings.sign_secret.get_secret_value().encode(), f"{moment}.".encode() + body, sha256)
    headers = {
        "content-type": "application/json; charset=utf-8",
        "ecolink-id": letter.id,
        "ecolink-timestamp": moment,
        "ecolink-signature": f"v1={mac.hexdigest()}",
    }
    return HttpRequest("POST", settings.url, headers, body)


def understand(answer: Answer, settings: Settings, letter: Letter) -> Outcome:  # noqa: ARG001 - as every codec
    """Return whether the program took it: it says the id back."""
    document = read_json(answer)
    took = 200 <= answer.status < 300 and isinstance(document, dict) and document.get("id") == letter.id  # noqa: PLR2004
    return Sent(told(answer)) if took else Failed(told(answer))
