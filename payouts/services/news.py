"""Reading the contract's events once more, before anybody is called unpaid or is paid again."""

from django.db import transaction

from chainsync.services.reading import read_visible
from payouts.models import Distribution
from payouts.services.events import apply_news


def read_news(distribution: Distribution) -> None:
    """Lines that an event of the chain has paid meanwhile become PAID. Raises a GatewayError."""
    read_visible(distribution.asset.payout_contract)
    with transaction.atomic():
        apply_news(distribution)
