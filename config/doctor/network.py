"""Mirror node, chain time, consensus nodes: is it the network that the settings name, and does it answer?"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from django.conf import settings

from config.doctor.findings import Finding, failed, ok, skipped, warning
from config.doctor.registry import check
from config.doctor.wallets import wallets
from config.env import MIRRORS
from contracts import clock
from contracts.gateways import relay
from contracts.gateways.errors import Unavailable
from contracts.gateways.mirror import mirror
from contracts.gateways.nodes import Node, connection, known_nodes
from contracts.services.wallets import WalletMismatch, check_account

GROUP = "Network"
PROBE_SECONDS = 3.0
# Our transactions begin 8 s before our own time, so a clock that is further ahead makes them invalid.
MOST_SECONDS_AHEAD = 8
NOTICED_SECONDS_AHEAD = 2
NOTICED_SECONDS_BEHIND = 20
MOST_SECONDS_BEHIND = 50
SOME_WALLETS = 3
MIRROR_FIX = (
    "check HEDERA_MIRROR_URL and that this machine may reach it; empty takes the network's public one"
)


@check(GROUP, "mirror", fix=MIRROR_FIX)
def reachable() -> Finding:
    block = mirror().newest_block()
    return ok(f"{settings.HEDERA_MIRROR_URL}, newest block {block.number}")


@check(GROUP, "chain time", needs=("mirror",), fix=MIRROR_FIX)
def chain_time() -> Finding:
    """The end of the newest block against our clock: clock differences and a lagging mirror node look alike."""
    return chain_clock(
        mirror().newest_consensus_ns(),
        newest="block",
        keeper="mirror node",
        noticed_ahead=NOTICED_SECONDS_AHEAD,
        most_ahead=MOST_SECONDS_AHEAD,
    )


def chain_clock(chain_ns: int, *, newest: str, keeper: str, noticed_ahead: int, most_ahead: int) -> Finding:
    """The end of the chain, as its keeper has it, against our clock; seconds that it may be ahead of that."""
    behind = (clock.now_ns() - chain_ns) / clock.NANOSECONDS
    if behind < -noticed_ahead:
        say = failed if behind < -most_ahead else warning
        return say(
            f"this machine's clock is {-behind:.0f} s behind the chain's",
            "let NTP set this machine's clock; until then transactions expire early",
        )
    if behind > NOTICED_SECONDS_BEHIND:
        say = failed if behind > MOST_SECONDS_BEHIND else warning
        return say(
            f"the newest {newest} is {behind:.0f} s old: this machine's clock is ahead, or the {keeper} lags",
            f"let NTP set this machine's clock; if it is right, wait or take another {keeper}",
        )
    return ok(f"the newest {newest} is {max(behind, 0):.0f} s old")


@check(GROUP, "network", needs=("mirror", "migrations"), fix=MIRROR_FIX)
def is_the_named_one() -> Finding | list[Finding]:
    """A mirror node does not say which network it serves, so it is asked for things that only one has."""
    fix = f"set HEDERA_MIRROR_URL to a mirror node of {settings.HEDERA_NETWORK}, or correct HEDERA_NETWORK"
    problems = [
        failed(words, fix) for words in (_other_by_name(), *_other_nodes(), _other_accounts()) if words
    ]
    return problems or ok(f"{settings.HEDERA_NETWORK}, as far as can be told")


def _other_by_name() -> str:
    host = urlsplit(settings.HEDERA_MIRROR_URL).hostname
    for network, address in MIRRORS.items():
        if network != settings.HEDERA_NETWORK and host == urlsplit(address).hostname:
            return f"HEDERA_MIRROR_URL is {network}'s, HEDERA_NETWORK says {settings.HEDERA_NETWORK}"
    return ""


def _other_nodes() -> Iterator[str]:
    if settings.HEDERA_NETWORK != "local":
        return
    listed = {entry.account for entry in mirror().address_book()}
    foreign = sorted(set(known_nodes()) - listed)
    if foreign:
        yield f"the mirror node does not list the consensus nodes {', '.join(foreign)} of HEDERA_NODES"


def _other_accounts() -> str:
    """One account may be wrong by itself; when none fits, the network is another one."""
    asked = list(wallets().values())[:SOME_WALLETS]
    for wallet in asked:
        try:
            check_account(wallet, mirror().account(wallet.account))
            return ""
        except WalletMismatch:
            continue
    names = ", ".join(wallet.account for wallet in asked)
    return f"the mirror node has none of the registered accounts with their keys: {names}" if asked else ""


@check(GROUP, "consensus nodes")
def nodes() -> Finding:
    try:
        known = list(known_nodes().values())
    except Unavailable:
        return skipped("needs mirror, which lists them")
    with ThreadPoolExecutor(len(known)) as pool:
        answers = dict(zip(known, pool.map(_why_unreachable, known), strict=True))
    silent = [f"{node.account} at {node.target} ({answer})" for node, answer in answers.items() if answer]
    if not silent:
        kind = "TLS, certificates as in the address book" if known[0].certificate_hash else "without TLS"
        return ok(f"{len(known)} of {len(known)} answer, {kind}")
    words = f"{len(silent)} of {len(known)} do not answer: {', '.join(silent[:3])}"
    fix = "allow outgoing TCP to it; meanwhile the others are used"
    if len(silent) < len(known):
        return warning(words, fix)
    return failed(words, "check HEDERA_NETWORK, HEDERA_NODES and that outgoing TCP to them is allowed")


def _why_unreachable(node: Node) -> str:
    try:
        with connection(node, seconds=PROBE_SECONDS):
            return ""
    except Unavailable as error:
        return error.text.removeprefix(f"node {node.account} ")


@check(
    GROUP, "relay", fix="check HEDERA_RPC_URL; without a relay leave it empty, Paydate does not depend on one"
)
def json_rpc() -> Finding:
    if not settings.HEDERA_RPC_URL:
        return ok("none is set, none is needed")
    told, expected = relay.chain_id(), relay.CHAIN_IDS[settings.HEDERA_NETWORK]
    if told != expected:
        return failed(
            f"HEDERA_RPC_URL is on chain {told}, {settings.HEDERA_NETWORK} is {expected}",
            "correct HEDERA_RPC_URL or HEDERA_NETWORK",
        )
    return ok(f"chain {told}")
