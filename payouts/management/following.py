"""Showing a distribution's progress in a terminal until it ends."""

import time

from django.core.management.base import BaseCommand

from payouts.amounts import format_units
from payouts.models import Distribution
from payouts.services.showing import progress_of

Status = Distribution.Status
POLL_SECONDS = 0.5
RUNNING = (Status.PLANNING, Status.AWAITING_APPROVAL, Status.PROCESSING)


def follow(command: BaseCommand, distribution: Distribution) -> None:
    """Writes a line whenever something has changed; returns when it does not run any more, held included."""
    shown = ""
    while True:
        distribution.refresh_from_db()
        line = _line(distribution)
        if line != shown:
            command.stdout.write(line)
            command.stdout.flush()
            shown = line
        if distribution.status not in RUNNING:
            return
        time.sleep(POLL_SECONDS)


def _line(distribution: Distribution) -> str:
    token = distribution.asset.payout_contract.payment_token
    progress = progress_of(distribution)
    paid = progress.lines.get("PAID", 0)
    units = format_units(progress.paid_units, decimals=token.decimals, symbol=token.symbol)
    batches = " ".join(f"{status.lower()}={count}" for status, count in sorted(progress.batches.items()))
    why = f" ({distribution.status_reason})" if distribution.status_reason else ""
    head = f"{distribution.status:<12} {paid}/{progress.total} holders paid, {units}"
    return f"{head}; batches {batches or 'none yet'}{why}"
