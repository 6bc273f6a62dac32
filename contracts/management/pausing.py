"""What the commands that pause and unpause have in common: asking, waiting for the chain, and the exit code."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.users import current_user
from contracts.models import Contract, ContractTransaction
from contracts.services.pausing import PauseRefused, find_payout_contract

FAILED, BAD_INPUT = 1, 2
POLL_SECONDS = 0.5


class PauseCommand(BaseCommand):
    service: Callable[..., ContractTransaction]
    done: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contract", help="the payout contract's address, 0.0.x or 0x...")
        parser.add_argument("--reason", required=True, help="kept in the audit trail, with your name")
        parser.add_argument("--no-wait", action="store_true", help="return as soon as the call is planned")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            contract = find_payout_contract(options["contract"])
            row = type(self).service(contract, reason=options["reason"], by=current_user())
        except PauseRefused as error:
            self._leave(BAD_INPUT, str(error))
        self.stdout.write(
            f"{row.function} of {contract.label} {contract.address} is planned as {row.subject}"
        )
        if not options["no_wait"]:
            self._wait(contract, row)

    def _wait(self, contract: Contract, row: ContractTransaction) -> None:
        """Writes a line whenever something has changed."""
        shown = ""
        while row.is_open:
            line = f"{row.status} {row.waiting_reason}".strip()
            if line != shown:
                self.stdout.write(line)
                self.stdout.flush()
                shown = line
            time.sleep(POLL_SECONDS)
            row.refresh_from_db()
        if row.status != ContractTransaction.Status.SUCCEEDED:
            self._leave(FAILED, f"{row.status}: {row.error_text}; ask again when that is mended")
        self.stdout.write(f"{contract.label} is {self.done} on chain since {row.consensus_at}")

    def _leave(self, code: int, text: str) -> Any:
        self.stderr.write(text)
        sys.exit(code)
