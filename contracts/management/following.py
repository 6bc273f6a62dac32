"""Standing by while a deployment goes on: a line whenever something has changed."""

import time
from collections.abc import Callable

from django.core.management.base import OutputWrapper

from contracts.models.deployments import Deploying

POLL_SECONDS = 0.5


def follow(row: Deploying, words: Callable[[], str], out: OutputWrapper) -> None:
    """Until it is not RUNNING any more; the row is as it is then."""
    shown = ""
    while row.status == Deploying.Status.RUNNING:
        line = f"{words()} {row.waiting_reason}".strip()
        if line != shown:
            out.write(line)
            out.flush()
            shown = line
        time.sleep(POLL_SECONDS)
        row.refresh_from_db()
