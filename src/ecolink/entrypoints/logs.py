"""What the node writes to standard error: one event a line, as text for people or JSON for collectors."""

import logging
import re
import sys
from typing import Final, Literal

from ecolink.entrypoints.redaction import redact
from ecolink.kit.events import structlog

_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def set_up_logs(level: str, form: Literal["text", "json"]) -> None:
    """Send every event from `level` on to standard error; the libraries' own records go the same way.

    Tracebacks show code and never the values of variables: those may be personal data, passwords or keys. What the
    texts themselves quote is blotted out by `redaction`, last of all.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    bare = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.ExceptionRenderer(bare), redact, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [
            structlog.processors.format_exc_info,
            redact,
            _on_one_line,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These tell every request and every connection at "info": the node's own events say what matters.
    for chatty in ("httpx", "httpcore", "uvicorn.access", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    # And this one every caller that is no proper one, at "warning": the lobby counts them.
    logging.getLogger("uvicorn.error").setLevel(max(logging.ERROR, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _on_one_line(
    _: structlog.typing.WrappedLogger, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Show line ends and the like in an event's words as escapes; the renderer does so in its members."""
    event["event"] = _UNSEEN.sub(lambda sign: repr(sign[0])[1:-1], str(event["event"]))
    return event
