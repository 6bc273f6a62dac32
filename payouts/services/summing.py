"""Whether as much is booked as paid as the events of a distribution say."""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import Min

from chainsync.models import ChainEvent
from chainsync.sums import Mismatch, Sums, register_sums
from contracts.addresses import ZERO_ADDRESS
from contracts.amounts import counted, format_units
from contracts.models import Contract
from payouts.models import Distribution
from payouts.services.events import INTERFACE, distribution_of


def paid_units(args: Mapping[str, Any]) -> int:
    """What an event paid, in base units of the payment token; the contract pads its lists with zero addresses."""
    paid = zip(args.get("succeeded", ()), args.get("paidAmount", ()), strict=False)
    return sum(int(units) for holder, units in paid if holder != ZERO_ADDRESS)


# A line that is paid twice, or after it was waived, carries all of it, so only who is in no line stands aside.
_COMPARE = """
WITH success AS (
    SELECT one.holder, sum(one.units::numeric) AS units
      FROM chainsync_chainevent AS event,
           ROWS FROM (
               jsonb_array_elements_text(event.args -> 'succeeded'),
               jsonb_array_elements_text(event.args -> 'paidAmount')
           ) AS one(holder, units)
     WHERE event.network = %(network)s AND event.address = %(address)s AND event.key = %(key)s
       AND event.is_proved AND one.holder <> %(nobody)s
     GROUP BY one.holder
), line AS (
    SELECT holder, paid_units FROM payouts_payment WHERE distribution_id = %(distribution)s
)
SELECT coalesce(sum(success.units) FILTER (WHERE line.holder IS NOT NULL), 0),
       coalesce(sum(line.paid_units), 0),
       count(*) FILTER (WHERE line.paid_units <> coalesce(success.units, 0)),
       coalesce(sum(success.units) FILTER (WHERE line.holder IS NULL), 0)
  FROM success FULL JOIN line ON line.holder = success.holder
"""


def compare_sums(contract: Contract, key: str) -> Mismatch | None:
    """Compares holder by holder, by one statement; None also where nothing is booked: without a distribution of ours,
    or before its plan is closed.
    """
    if not key.startswith(("snapshot:", "distribution:")):
        return None
    distribution = distribution_of(contract, key)
    if distribution is None or distribution.plan_closed_at is None:
        return None
    expected, found, lines, strangers = _summed(contract, key, distribution)
    if not lines:
        return None
    events = ChainEvent.objects.of(contract.network, contract.address).filter(key=key, is_proved=True)
    return Mismatch(
        first_at=events.aggregate(at=Min("consensus_at"))["at"] or distribution.snapshot_consensus_at,
        expected_units=expected,
        found_units=found,
        count=lines,
        words=_words(distribution, expected, found, lines, strangers, events.unprocessed().count()),
    )


def _summed(contract: Contract, key: str, distribution: Distribution) -> tuple[int, int, int, int]:
    values: dict[str, Any] = {
        "network": contract.network,
        "address": contract.address,
        "key": key,
        "nobody": ZERO_ADDRESS,
        "distribution": distribution.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, values)
        expected, found, lines, strangers = map(int, cursor.fetchone())
    return expected, found, lines, strangers


def _words(
    distribution: Distribution, expected: int, found: int, lines: int, strangers: int, waiting: int
) -> str:
    token = distribution.asset.payout_contract.payment_token

    def shown(units: int) -> str:
        return format_units(units, decimals=token.decimals, symbol=token.symbol)

    differ = "differs" if lines == 1 else "differ"
    words = [
        f"{distribution}: the events paid {shown(expected)} to its holders, {shown(found)} is booked; "
        f"{counted(lines, 'line')} {differ}"
    ]
    if waiting:
        words.append(
            f"{counted(waiting, 'event')} could not be applied: Chain events in the admin says why of each, and "
            "manage.py replay_events applies them after the fix"
        )
    if strangers:
        words.append(f"besides, {shown(strangers)} went to who is in no line")
    return "; ".join(words)


def register() -> None:
    register_sums(INTERFACE, Sums(paid_units=paid_units, compare=compare_sums))
