"""E-mail by the bureau's mail server: SMTP submission (RFC 6409), with STARTTLS (RFC 3207) or TLS (RFC 8314).

The server took a message when it answered 250 to the end of its data (RFC 5321, section 4.2.5).
"""

import re
from datetime import datetime
from html import escape
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from ecolink.alerts.channels.letter import Letter
from ecolink.alerts.channels.wire import Answer, ChannelSettings, Failed, MailRequest, Outcome, Rate, Sent, told
from ecolink.kit.times import CHINA
from ecolink.settings import is_loopback

_MAILBOX: Final = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*$"
)
_DONE: Final = 250

Mailbox = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=_MAILBOX)]

RATES: Final[tuple[Rate, ...]] = ()
"""None that all servers have: each operator sets their own."""


class Settings(ChannelSettings):
    """A mail server."""

    kind: Literal["email"]
    host: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="none: to this machine only.")
    username: Annotated[str, StringConstraints(max_length=200)] | None = None
    password: SecretStr | None = None
    sender: Mailbox

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError("without TLS mail is handed to this machine only: choose starttls or tls")
        if (self.username is None) != (self.password is None):
            raise ValueError("a user name and its password are set together or not at all")
        return self

    def goes_to(self) -> str:
        """Return the server."""
        return f"smtp:{self.security}://{self.host}:{self.port}"

    def crosses_plainly(self) -> bool:
        """Never: see `security`."""
        return False


def address(text: str) -> str | None:
    """Return an e-mail address as it is kept; None for what is none."""
    return text if re.fullmatch(_MAILBOX, text) else None


def compose(letter: Letter, settings: Settings, to: str, now: datetime) -> MailRequest:
    """Return the mail; its Message-ID is the letter's own, so that a repetition is known as one."""
    from email.message import EmailMessage  # noqa: PLC0415 - with the first mail
    from email.policy import SMTP  # noqa: PLC0415
    from email.utils import format_datetime  # noqa: PLC0415

    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # some server on the way may not know any other
    mail["From"] = settings.sender
    mail["To"] = to
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(now.astimezone(CHINA))
    mail["Message-ID"] = f"<{letter.id}@{settings.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday reply is wanted
    mail["Importance"] = "high" if letter.is_loud else "normal" if letter.status == "actual" else "low"
    mail.set_content(letter.whole() + "\n")
    mail.add_alternative(_html(letter), subtype="html")
    return MailRequest(
        settings.host,
        settings.port,
        settings.security,
        settings.username,
        settings.password.get_secret_value() if settings.password else None,
        settings.sender,
        to,
        mail.as_bytes(),
    )


def understand(answer: Answer, settings: Settings, letter: Letter) -> Outcome:  # noqa: ARG001 - as every codec
    """Return whether the server took the mail."""
    return Sent(told(answer)) if answer.status == _DONE else Failed(told(answer), of_address=answer.to_address)


def _html(letter: Letter) -> str:
    def lines(texts: tuple[str, ...], language: str) -> str:
        return "".join(f'<p lang="{language}">{escape(text)}</p>' for text in texts)

    link = f'<p><a href="{escape(letter.link)}">{escape(letter.link)}</a></p>' if letter.link else ""
    text = lines(letter.text_zh, "zh-CN") + lines(letter.text_en, "en") + link
    return f"<!doctype html><html><body>{text}</body></html>\n"
