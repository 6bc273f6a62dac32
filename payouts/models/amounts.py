"""What a payout pays, in the columns that a distribution, a series and a deposit trigger have in common."""

from django.db import models
from django.db.models import Q

from contracts.fields import UnitsField


class AmountType(models.TextChoices):
    FIXED = "FIXED"
    PERCENTAGE = "PERCENTAGE"
    ON_CHAIN = "ON_CHAIN", "as the asset says"


class Payable(models.Model):
    """A fixed sum, a share of the free balance, or whatever the asset contract says that its holders are owed."""

    amount_type = models.CharField(max_length=10, choices=AmountType.choices)
    amount_units = UnitsField(
        null=True, blank=True, help_text="FIXED: the pool in base units of the payment token."
    )
    percentage_bp = models.PositiveIntegerField(
        null=True, blank=True, help_text="PERCENTAGE: hundredths of a percent."
    )
    concept = models.CharField(max_length=140, blank=True, help_text="What this is paid for.")

    class Meta:
        abstract = True


# In a check, unknown passes: that nothing is missing has to be said.
A_SUM_OR_A_SHARE = Q(
    amount_type="FIXED", amount_units__isnull=False, amount_units__gt=0, percentage_bp=None
) | Q(
    amount_type="PERCENTAGE",
    amount_units=None,
    percentage_bp__isnull=False,
    percentage_bp__gt=0,
    percentage_bp__lte=10_000,
)
AS_THE_ASSET_SAYS = Q(amount_type="ON_CHAIN", amount_units=None, percentage_bp=None)
