import sys
from typing import Any

from django.core.management.base import BaseCommand

from contracts.services.auditing import verify_audit


class Command(BaseCommand):
    help = "Recomputes the hash chain of the audit trail. Exit 0 when it holds, 1 when something was changed."

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = verify_audit()
        if verdict.broken_at is not None:
            self.stderr.write(
                f"event {verdict.broken_at} of {verdict.sealed} was changed, removed or added after it was sealed; "
                "compare with a backup"
            )
            sys.exit(1)
        self.stdout.write(f"{verdict.sealed} events hold, {verdict.unsealed} are not sealed yet")
        self.stdout.write(f"last seal: {verdict.last_seal or 'none'}")
