"""What the commands of this app share: what is followed, by address, and times as a person writes them."""

import re
from datetime import UTC, datetime

from django.core.management.base import CommandError

from chainsync.followed import MODELS, Followed
from chainsync.models import EventListener
from contracts import clock
from contracts.models import Asset

BAD_INPUT = 2
CONSENSUS = re.compile(r"\d{1,12}(\.\d{1,9})?")


def followed_at(address: str) -> Followed:
    """A registered contract, asset or payment token, or a contract that reports. Raises CommandError."""
    for model in MODELS.values():
        if found := model._default_manager.filter(address=address).first():
            return found
    if reporter := EventListener.objects.filter(address=address, kind=EventListener.Kind.REPORTS).first():
        return reporter
    raise CommandError(
        f"nothing that could be followed has the address {address}; the registry in the admin has the addresses, "
        "manage.py add_contract and add_asset register new ones, add_listener --interface a contract that reports",
        returncode=BAD_INPUT,
    )


def asset_at(address: str) -> Asset:
    """Raises CommandError."""
    asset = Asset.objects.filter(address=address).first()
    if asset is None:
        raise CommandError(
            f"no asset has the address {address}; manage.py add_asset registers one", returncode=BAD_INPUT
        )
    return asset


def moment_ns(words: str) -> int:
    """Nanoseconds since the epoch of a consensus time or an ISO time, which is UTC unless it says otherwise.

    Raises CommandError.
    """
    if CONSENSUS.fullmatch(words):
        return clock.consensus_ns(words)
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        raise CommandError(
            f"{words} is no time: give a consensus time such as 1795844651.782805971, or 2026-11-28T06:30:00Z",
            returncode=BAD_INPUT,
        ) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = int(aware.replace(microsecond=0).timestamp())
    return whole * clock.NANOSECONDS + aware.microsecond * 1000
