"""The words of `manage.py devnet` that concern the local Stellar network."""

import argparse
from collections.abc import Mapping
from typing import Any

from devnet.client import DevnetClient
from devnet.soroban.params import InvestmentParams
from devnet.soroban.terms import COUPON, DAY, REVERSE_LOAN
from devnet.words import Word, arguments_of, takes


def _investment_options(parser: argparse.ArgumentParser) -> None:
    params = InvestmentParams()
    parser.add_argument("--owner", default="", help="G... (default: the custody wallet on Stellar)")
    parser.add_argument("--token", default="", help="C... of a token (default: a new one)")
    parser.add_argument("--goal", type=int, default=params.goal, help=f"units, default {params.goal}")
    parser.add_argument("--rate", type=int, default=params.i_rate, help="basis points")
    parser.add_argument("--minimum", type=int, default=params.min_per_investment, help="units")
    parser.add_argument("--block-days", type=int, default=params.claim_block_days)
    parser.add_argument("--months", type=int, default=params.return_months)
    parser.add_argument("--coupon", action="store_true", help="interest monthly, the principal at the end")
    parser.add_argument(
        "--version",
        type=int,
        choices=(1, 2),
        help="1 as deployed in the field, 2 Paydate's own (default: 1 on the model, 2 on the real host)",
    )


def _make_investment(client: DevnetClient, options: argparse.Namespace) -> Any:
    version = {"version": options.version} if options.version else {}
    return client.create_investment(
        **version,
        owner=options.owner,
        token=options.token,
        goal=options.goal,
        i_rate=options.rate,
        min_per_investment=options.minimum,
        claim_block_days=options.block_days,
        return_months=options.months,
        return_type=COUPON if options.coupon else REVERSE_LOAN,
    )


def _invest_options(parser: argparse.ArgumentParser) -> None:
    takes("contract", "units")(parser)
    parser.add_argument("--days-ago", type=int, default=0, help="as if it had been so long ago")


def _answer_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("contract")
    parser.add_argument("units", type=int, nargs="?", help="any i128; left out, the contract speaks again")


def _archive_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("contract")
    parser.add_argument(
        "entry", nargs="?", default="instance", help="instance, code, or an investment's number"
    )
    parser.add_argument("--ledgers", type=int, default=-1, help="how many it still lives (default: none)")


def _ledger_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("count", type=int, nargs="?", default=1)


STELLAR_WORDS: Mapping[str, Word] = {
    "investment": Word(
        "deploy an investment contract on the local Stellar", _make_investment, _investment_options
    ),
    "books": Word(
        "books, claims and shortfall of an investment contract",
        lambda client, o: client.investment(o.contract),
        takes("contract"),
    ),
    "invest": Word(
        "put an investor's money into an investment contract",
        lambda client, o: client.invest(o.contract, o.units, seconds_ago=o.days_ago * DAY),
        _invest_options,
    ),
    "reserve": Word(
        "put money of the owner into the reserve",
        lambda client, o: client.top_up_reserve(o.contract, o.units),
        takes("contract", "units"),
    ),
    "answer": Word(
        "lay down what check_reserve_balance answers",
        lambda client, o: client.set_reserve_answer(o.contract, o.units),
        _answer_options,
    ),
    "archive": Word(
        "end the life of a contract's entry",
        lambda client, o: {"live_until": client.archive(o.contract, o.entry, ledgers=o.ledgers)},
        _archive_options,
    ),
    "stellar": Word(
        "call a contract on the local Stellar, as anybody",
        lambda client, o: client.stellar_call(o.contract, o.function, arguments_of(o.arguments)),
        takes("contract", "function", many="arguments"),
    ),
    "lumens": Word(
        "make or fund a Stellar account",
        lambda client, o: client.fund_stellar(o.account),
        takes("account"),
    ),
    "ledger": Word(
        "close Stellar ledgers now", lambda client, o: client.close_ledger(o.count), _ledger_options
    ),
}
