"""The words of `manage.py devnet` for what others do on the local Hedera."""

import argparse
from collections.abc import Mapping
from typing import Any

from devnet.client import DevnetClient
from devnet.words import Word, arguments_of, takes


def _deposit_options(parser: argparse.ArgumentParser) -> None:
    takes("contract", "units")(parser)
    parser.add_argument("--sender", help="0.0.x or EVM address (default: the contracts' owner)")


def _declare_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("asset")
    parser.add_argument("--record-in", type=int, default=3_600, help="seconds until the record date")
    parser.add_argument("--pay-in", type=int, default=7_200, help="seconds until the payment date")
    parser.add_argument(
        "--rate", type=int, default=500, help="millionths of the currency a token, or basis points of a bond"
    )


def _cancel_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("asset")
    parser.add_argument("number", type=int)
    parser.add_argument("--force", action="store_true", help="also when it is due already")


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reporter")
    parser.add_argument("event", help="DistributionExecuted, PayoutCompleted or HolderBalanceUpdated")
    parser.add_argument("subject", help="32 bytes in 0x hex, or the holder's EVM address")
    parser.add_argument("numbers", nargs="+", help="units and holders, paid and failed, or units")
    parser.add_argument("--times", type=int, default=1, help="the same report so often in one transaction")


def _report(client: DevnetClient, options: argparse.Namespace) -> Any:
    report = [options.event, options.subject, *arguments_of(options.numbers)]
    return client.report(options.reporter, [report] * options.times, per_transaction=options.times)


OTHERS_WORDS: Mapping[str, Word] = {
    "transfer": Word(
        "move asset or payment tokens between accounts",
        lambda client, o: client.transfer(o.token, o.sender, o.to, o.units),
        takes("token", "sender", "to", "units"),
    ),
    "deposit": Word(
        "a plain transfer of payment tokens to a payout contract",
        lambda client, o: client.deposit(o.contract, o.units, sender=o.sender),
        _deposit_options,
    ),
    "grant": Word(
        "give a role of a payout contract or an asset",
        lambda client, o: client.grant(o.contract, o.role, o.account),
        takes("contract", "role", "account"),
    ),
    "revoke": Word(
        "take a role away",
        lambda client, o: client.revoke(o.contract, o.role, o.account),
        takes("contract", "role", "account"),
    ),
    "declare": Word(
        "a dividend of an equity, or a coupon of a bond; prints its number",
        lambda client, o: client.declare(o.asset, record_in=o.record_in, pay_in=o.pay_in, rate=o.rate),
        _declare_options,
    ),
    "cancel": Word(
        "cancel a dividend or coupon",
        lambda client, o: client.cancel(o.asset, o.number, is_forced=o.force),
        _cancel_options,
    ),
    "reporter": Word(
        "deploy a contract that reports what a payout tool did elsewhere",
        lambda client, o: client.deploy_reporter(),
    ),
    "report": Word("have a reporter report", _report, _report_options),
}
