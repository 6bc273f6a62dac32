"""What the commands of this app share: contracts by address, and times as a person writes them."""

import re
from datetime import UTC, datetime

from django.core.management.base import CommandError

from contracts import clock
from contracts.models import Contract

BAD_INPUT = 2
CONSENSUS = re.compile(r"\d{1,12}(\.\d{1,9})?")


def contract_at(address: str) -> Contract:
    """Raises CommandError that names the fix."""
    contract = Contract.objects.filter(address=address).first()
    if contract is None:
        raise CommandError(
            f"no contract has the address {address}; the contracts list in the admin has their addresses, "
            "manage.py add_contract and add_asset register new ones",
            returncode=BAD_INPUT,
        )
    return contract


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
