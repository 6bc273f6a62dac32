"""What is to be paid, and the arguments by which it is said, for the commands that create something."""

from argparse import ArgumentParser
from typing import Any

from payouts.amounts import format_units
from payouts.models import AmountType, DepositTrigger, Distribution, Missed, Schedule

POLICIES = {"run-late": Missed.RUN_LATE, "ask": Missed.ASK, "skip": Missed.SKIP}


def add_amount(parser: ArgumentParser) -> None:
    amount = parser.add_mutually_exclusive_group(required=True)
    amount.add_argument("--amount", help="whole tokens of the payment token to share, as in 1250.50")
    amount.add_argument("--percentage", help="share of the contract's free balance, as in 12.5")
    parser.add_argument("--concept", default="", help="what this is paid for; shown to operators")


def amount_of(options: dict[str, Any]) -> dict[str, str]:
    """What ``add_amount`` was given, in the words of the services."""
    is_share = options["amount"] is None
    return {
        "amount_type": AmountType.PERCENTAGE if is_share else AmountType.FIXED,
        "amount": options["percentage"] if is_share else options["amount"],
        "concept": options["concept"],
    }


def add_times(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--zone", default="UTC", help="whose wall clock the times are, as in Europe/Madrid; UTC if not given"
    )
    parser.add_argument(
        "--missed",
        choices=sorted(POLICIES),
        default="run-late",
        help="what becomes of it when its time passes while Paydate is down",
    )


def words(row: Distribution | Schedule | DepositTrigger) -> str:
    token = row.asset.payout_contract.payment_token
    if row.amount_units is not None:
        shown = format_units(int(row.amount_units), decimals=token.decimals, symbol=token.symbol)
        return f"{shown} to the holders of {row.asset.symbol}"
    hundredths = row.percentage_bp or 0
    share = f"{hundredths // 100}.{hundredths % 100:02d} %"
    return f"{share} of the free {token.symbol} to the holders of {row.asset.symbol}"
