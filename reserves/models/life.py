"""What the chain said about a contract's life when it was asked, beside what its events say."""

from django.db import models

from contracts import clock
from contracts.models import Contract


class SeenState(models.Model):
    """An investment contract's own switches as of a ledger: they stand for every event up to there.

    None where the contract's storage does not tell.
    """

    contract = models.OneToOneField(Contract, on_delete=models.CASCADE, related_name="seen_state")
    is_paused = models.BooleanField(null=True, blank=True)
    is_funds_reached = models.BooleanField(null=True, blank=True)
    ledger = models.BigIntegerField()
    read_at = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"state of {self.contract} as of ledger {self.ledger}"
