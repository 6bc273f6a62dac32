"""What an investment contract has promised to whom, as its chain keeps it or as it was imported."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from contracts import clock
from contracts.fields import UnitsField
from contracts.models import Contract


class InvestmentBook(models.Model):
    """One contract's terms and books as last read; without them ``problem`` says why they are not known."""

    class Source(models.TextChoices):
        CHAIN = "CHAIN", "read from the chain"
        IMPORT = "IMPORT", "imported"

    contract = models.OneToOneField(Contract, on_delete=models.CASCADE, related_name="book")
    source = models.CharField(max_length=6, choices=Source.choices, default=Source.CHAIN)
    rate_basis_points = models.PositiveIntegerField(null=True, blank=True)
    return_months = models.PositiveIntegerField(null=True, blank=True)
    return_type = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="1: reverse loan, 2: coupon."
    )
    claim_block_days = models.PositiveIntegerField(null=True, blank=True)
    is_by_address = models.BooleanField(
        default=False, help_text="The older version, which keeps one claim for each address."
    )
    is_exact = models.BooleanField(
        default=False,
        help_text="Paydate's own contract: it counts all that is due and pays what the division cut off.",
    )
    goal_units = UnitsField(null=True, blank=True)
    reserve_units = UnitsField(null=True, blank=True)
    project_units = UnitsField(null=True, blank=True)
    missing_units = UnitsField(
        null=True, blank=True, help_text="By our own calendar within the horizon, when it was last read."
    )
    state = models.PositiveSmallIntegerField(null=True, blank=True, help_text="2: active, 3: funds reached.")
    is_paused = models.BooleanField(null=True, blank=True)
    as_of_ledger = models.BigIntegerField(null=True, blank=True)
    read_at = models.DateTimeField(default=clock.now)
    problem = models.TextField(blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions: ClassVar = [("import_investments", "Can import the investments of a contract")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(problem="")
                | Q(
                    rate_basis_points__isnull=False,
                    return_months__isnull=False,
                    return_type__isnull=False,
                    claim_block_days__isnull=False,
                    reserve_units__isnull=False,
                ),
                name="book_has_terms_or_a_problem",
            ),
        ]

    def __str__(self) -> str:
        return f"book of {self.contract}"


class InvestmentEntry(models.Model):
    """One investment; fields are named as on chain, amounts are base units, times are unix seconds."""

    book = models.ForeignKey(InvestmentBook, on_delete=models.CASCADE, related_name="entries")
    token_id = models.BigIntegerField()
    holder = models.CharField(max_length=64, blank=True)
    deposited_units = UnitsField()
    accumulated_interests_units = UnitsField()
    total_units = UnitsField()
    regular_payment_units = UnitsField()
    paid_units = UnitsField()
    claimable_ts = models.BigIntegerField()
    last_transfer_ts = models.BigIntegerField()
    payments_transferred = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField()

    class Meta:
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["book", "token_id"], name="investment_once_per_token_id"),
        ]
        verbose_name_plural = "investment entries"

    def __str__(self) -> str:
        return f"investment {self.token_id} of {self.book.contract}"
