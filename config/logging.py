"""One shape for every log line, ours and the libraries': JSON for machines or readable for a terminal.

Request, task, distribution, batch and transaction ids are context variables; django-structlog carries them
from a request into the tasks it rings.
"""

import logging
from collections.abc import Iterable
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from config.redaction import Redactor

# At DEBUG these repeat bodies and headers of every exchange.
CHATTY = (
    "httpcore",
    "urllib3",
    "hpack",
    "asyncio",
    "grpc",
    "kombu",
    "amqp",
    "celery.utils.functional",
)
# A line per ring, twice a second, or several per log-in; what tasks do is logged by the services.
ROUTINE = ("axes", "celery.beat", "celery.worker.strategy", "celery.app.trace", "gunicorn.access", "httpx")
# Loggers whose library attaches a console handler of its own unless it finds one.
SELF_HANDLED = ("hiero_sdk_python", "gunicorn.error", "celery", "django.server")


def without_health_checks(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A load balancer asks every few seconds and is told the reason itself."""
    if str(event.get("request", "")).startswith("GET /health/"):
        raise structlog.DropEvent
    return event


def shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            without_health_checks,
            *shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_settings(*, log_format: str, level: str, secrets: Iterable[str], process: str) -> dict[str, Any]:
    """The LOGGING setting: every line passes the redaction, whoever wrote it.

    A command's standard output is what it was asked for, so its log goes to standard error.
    """
    renderer: Processor = structlog.processors.JSONRenderer(default=str)
    if log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
        )
    own = {"handlers": ["out"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared_processors(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    Redactor(secrets),
                    renderer,
                ],
            }
        },
        # The level stands at the handler, too: the Hiero SDK sets its logger's own level to TRACE.
        "handlers": {
            "out": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "level": level,
                "stream": "ext://sys.stderr" if process == "command" else "ext://sys.stdout",
            }
        },
        "root": {"handlers": ["out"], "level": level},
        "loggers": {
            **{name: {"level": max(logging.getLevelName(level), logging.INFO)} for name in CHATTY},
            **{name: own | {"level": level} for name in SELF_HANDLED},
            **{name: {"level": level if level == "DEBUG" else "WARNING"} for name in ROUTINE},
            # django-structlog logs each request with its ids and its exception; this one would repeat it.
            "django.request": {"level": "CRITICAL"},
            "health_check": {"level": "ERROR"},
        },
    }
