"""What was learned about the size of a call to one payout contract."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from contracts.models import Contract
from payouts.probing import Bracket


class BatchSizing(models.Model):
    """The largest size that went through, the smallest that did not, and what a holder costs in gas.

    The learned size itself stands on the contract once the search is over; until then one call is in flight.
    """

    contract = models.OneToOneField(Contract, on_delete=models.CASCADE, related_name="sizing")
    largest_good = models.PositiveSmallIntegerField(default=0)
    smallest_bad = models.PositiveSmallIntegerField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="Calls that were too large.")
    gas_per_holder = models.PositiveIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(smallest_bad=None) | Q(smallest_bad__gt=F("largest_good")),
                name="sizing_good_below_bad",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.largest_good} to {self.smallest_bad or 'open'} for {self.contract_id}"

    @property
    def bracket(self) -> Bracket:
        return Bracket(self.largest_good, self.smallest_bad, self.failures, self.gas_per_holder)

    @bracket.setter
    def bracket(self, bracket: Bracket) -> None:
        self.largest_good, self.smallest_bad = bracket.good, bracket.bad
        self.failures, self.gas_per_holder = bracket.failures, bracket.gas_per_holder
