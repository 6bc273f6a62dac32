"""The words of `manage.py devnet ...`: parsing, one call of the client, one printed answer."""

import argparse
from collections.abc import Mapping
from typing import Any

from devnet.client import DevnetClient
from devnet.faults import SWITCHES
from devnet.others.words import OTHERS_WORDS
from devnet.scenario import KINDS, Plan
from devnet.soroban.words import STELLAR_WORDS
from devnet.words import Word, arguments_of, takes, value_of


def build(parser: argparse.ArgumentParser) -> None:
    """Adds every word as a subcommand; the chosen one's function is `options.act`."""
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    serve = words.add_parser("serve", help="serve the local Hedera, Stellar and DFNS until SIGTERM or Ctrl-C")
    add_serve_options(serve)
    for name, word in WORDS.items():
        sub = words.add_parser(name, help=word.help, description=word.help)
        sub.add_argument("--json", action="store_true", help="print the whole answer as JSON")
        word.setup(sub)
        sub.set_defaults(act=word.act)


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        action="append",
        default=[],
        metavar="NAME=PORT",
        help="0.0.3, 0.0.4, 0.0.5, mirror, soroban, dfns, control",
    )
    parser.add_argument(
        "--block-seconds", type=float, default=2.0, help="time between record files (default 2)"
    )
    parser.add_argument("--consensus-ms", type=int, default=200, help="acceptance to consensus (default 200)")


def namespace(options: Mapping[str, Any]) -> argparse.Namespace:
    return argparse.Namespace(**options)


def text_of(answer: Any) -> str:
    """One `name: value` line each; longer lists are counted rather than printed."""
    if answer is None:
        return "done"
    if isinstance(answer, Mapping):
        return "\n".join(f"{name}: {_short(value)}" for name, value in answer.items())
    if isinstance(answer, list):
        return "\n".join(_short(item) for item in answer) or "none"
    return str(answer)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={inner}" for name, inner in value.items()) or "-"
    if isinstance(value, list):
        return f"{len(value)}" if len(value) > 5 else ", ".join(map(_short, value)) or "none"
    return str(value)


def ports_of(pairs: list[str]) -> dict[str, int]:
    """`0.0.3=50211 mirror=5551` as a mapping; raises ValueError."""
    return {name: int(port) for name, _, port in (pair.partition("=") for pair in pairs)}


def _pairs(texts: list[str]) -> dict[str, Any]:
    return {name: value_of(value) for name, _, value in (text.partition("=") for text in texts)}


def _call_options(parser: argparse.ArgumentParser) -> None:
    takes("contract", "function", many="arguments")(parser)
    parser.add_argument("--sender", help="0.0.x or EVM address of the caller (default: the contracts' owner)")


def _deploy_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("contract", help="a name such as PaymentToken, or the path of a compiled JSON file")
    parser.add_argument("arguments", nargs="*", help="constructor arguments, lists and structs as JSON")
    parser.add_argument("--token", choices=("PAYMENT", "ASSET"), help="list the contract as a token too")


def _prepare_options(parser: argparse.ArgumentParser) -> None:
    plan = Plan()
    parser.add_argument("--holders", type=int, default=plan.holders, help=f"default {plan.holders}")
    parser.add_argument("--asset-version", choices=("7", "8"), default=plan.asset_version)
    parser.add_argument("--kind", choices=KINDS, default=plan.kind)
    parser.add_argument(
        "--supply", type=int, default=plan.supply, help="asset base units, all holders together"
    )
    parser.add_argument(
        "--fund", type=int, default=plan.fund, help="payment base units for the payout contract"
    )
    parser.add_argument("--seed", type=int, default=plan.seed, help="same seed, same holders and balances")
    parser.add_argument(
        "--maturity-in", type=int, default=plan.maturity_in, help="seconds until a bond matures"
    )
    parser.add_argument("--hts-like", action="store_true", help="cap payouts at 50 child records")
    parser.add_argument("--wallet", default="paydate", help="name of the custody wallet that pays")
    parser.add_argument("--scheme", choices=("SECP256K1", "ED25519"), default="SECP256K1")
    parser.add_argument("--public-key", help="payer with this key instead of a custody wallet")
    parser.add_argument("--hbar", type=int, default=1_000, help="fee money of a new payer")


def _prepare(client: DevnetClient, options: argparse.Namespace) -> Any:
    names = "holders asset_version kind supply fund seed maturity_in hts_like wallet scheme public_key hbar"
    return client.prepare(**{name: getattr(options, name) for name in names.split()})


def _fault_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=SWITCHES, metavar="NAME", help="see `devnet faults --all`")
    parser.add_argument("params", nargs="*", metavar="KEY=VALUE", help="for instance ms=500 or node=0.0.4")
    parser.add_argument("--count", type=int, help="strike this often, then stop")
    parser.add_argument("--probability", type=float, default=1.0)
    parser.add_argument("--match", default="", help="only where the memo or address contains this")
    parser.add_argument("--off", action="store_true", help="turn the switch off")


def _fault(client: DevnetClient, options: argparse.Namespace) -> Any:
    if options.off:
        return f"{client.clear(options.name)} turned off"
    return client.fault(
        options.name,
        _pairs(options.params),
        count=options.count,
        probability=options.probability,
        match=options.match,
    )


def _faults_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="list every switch there is")
    parser.add_argument("--clear", action="store_true", help="turn everything off")


def _faults(client: DevnetClient, options: argparse.Namespace) -> Any:
    if options.clear:
        return f"{client.clear()} turned off"
    return client.switches() if options.all else client.faults()


def _latency_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("part", choices=("custody", "consensus", "mirror", "soroban", "network"))
    parser.add_argument("milliseconds", type=int, help="0 turns it off")


def _optional_signature(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("signature", nargs="?", default="all", help="sig-... (default: all that wait)")


def _hts_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("token")
    parser.add_argument("--off", action="store_true")


WORDS: Mapping[str, Word] = {
    "status": Word("addresses, chain time, faults", lambda client, options: client.status()),
    "prepare": Word(
        "payer, asset with holders, payment token, funded payout contract", _prepare, _prepare_options
    ),
    "deploy": Word(
        "deploy a compiled contract",
        lambda client, o: client.deploy(o.contract, arguments_of(o.arguments), token=o.token),
        _deploy_options,
    ),
    "call": Word(
        "send a contract call as its owner or another account",
        lambda client, o: client.call(o.contract, o.function, arguments_of(o.arguments), sender=o.sender),
        _call_options,
    ),
    "view": Word(
        "read from a contract",
        lambda client, o: client.view(o.contract, o.function, arguments_of(o.arguments), sender=o.sender),
        _call_options,
    ),
    "mint": Word(
        "create token units",
        lambda client, o: client.mint(o.token, o.to, o.units),
        takes("token", "to", "units"),
    ),
    "fund": Word(
        "give payment tokens, associating the receiver first",
        lambda client, o: client.fund(o.token, o.to, o.units),
        takes("token", "to", "units"),
    ),
    "freeze": Word(
        "freeze an account for a payment token",
        lambda client, o: client.freeze(o.token, o.account),
        takes("token", "account"),
    ),
    "unfreeze": Word(
        "end a freeze", lambda client, o: client.unfreeze(o.token, o.account), takes("token", "account")
    ),
    "associate": Word(
        "associate accounts with a payment token",
        lambda client, o: client.associate(o.token, o.accounts),
        takes("token", many="accounts"),
    ),
    "dissociate": Word(
        "end an association",
        lambda client, o: client.dissociate(o.token, o.account),
        takes("token", "account"),
    ),
    "balance": Word(
        "token units of one account",
        lambda client, o: client.balance(o.token, o.account),
        takes("token", "account"),
    ),
    "balances": Word(
        "token units of several accounts",
        lambda client, o: client.balances(o.token, o.accounts),
        takes("token", many="accounts"),
    ),
    "pause": Word(
        "pause a token or payout contract", lambda client, o: client.pause(o.contract), takes("contract")
    ),
    "unpause": Word("end a pause", lambda client, o: client.unpause(o.contract), takes("contract")),
    "hts": Word(
        "cap payouts in this token at 50 child records",
        lambda client, o: client.mark_hts_like(o.token, not o.off),
        _hts_options,
    ),
    **OTHERS_WORDS,
    **STELLAR_WORDS,
    "fault": Word("turn a fault on or off", _fault, _fault_options),
    "faults": Word("list the faults that are on", _faults, _faults_options),
    "latency": Word(
        "delay custody, consensus, mirror or soroban",
        lambda client, o: client.latency(o.part, o.milliseconds),
        _latency_options,
    ),
    "advance": Word(
        "move chain and Paydate forward together",
        lambda client, o: client.advance(o.seconds),
        takes("seconds"),
    ),
    "pending": Word("custody signatures that wait for approval", lambda client, o: client.pending()),
    "approve": Word(
        "approve waiting custody signatures",
        lambda client, o: client.approve(o.signature),
        _optional_signature,
    ),
    "reject": Word(
        "reject waiting custody signatures", lambda client, o: client.reject(o.signature), _optional_signature
    ),
}
