"""Stellar: does the RPC answer, is it the network that the settings name, and can its wallets pay for checks?"""

from collections.abc import Sequence

from django.conf import settings

from config.doctor.findings import Finding, failed, from_sentence, ok, skipped, warning
from config.doctor.network import chain_clock
from config.doctor.registry import check
from config.doctor.wallets import FEW_CALLS, REGISTER, every_source, registered, sources
from contracts import clock
from contracts.gateways import soroban, soroban_outcomes
from contracts.gateways.errors import Refused
from contracts.gateways.soroban_accounts import STROOPS_PER_XLM, Funds, funds_of
from contracts.gateways.soroban_events import kept_ledgers
from contracts.models import Wallet
from contracts.services.wallets import WalletMismatch, check_stellar_account

GROUP = "Stellar"
RPC = "Soroban RPC"
NETWORK = "Stellar network"
RPC_FIX = "check SOROBAN_RPC_URL and that this machine may reach it"
# A clock behind the ledgers' takes as much from the time in which a signed check is valid.
NOTICED_SECONDS_AHEAD, MOST_SECONDS_AHEAD = 20, 50
DAY_LEDGERS = 17_280
# No transaction has it, so its answer tells the newest ledger's time and nothing else.
NO_TRANSACTION = bytes(32)


@check(GROUP, RPC, fix=RPC_FIX)
def reachable() -> Finding:
    if not settings.SOROBAN_RPC_URL:
        return skipped(
            "SOROBAN_RPC_URL is empty: nothing on Stellar is checked or followed",
            "set it where investment contracts are to be checked",
        )
    kept = kept_ledgers()
    words = f"{settings.SOROBAN_RPC_URL}, newest ledger {kept.latest_ledger}, keeps {kept.window:,} of them"
    if kept.window < DAY_LEDGERS:
        return warning(
            f"{words}, less than a day: what a longer outage misses is lost, and calls may stay unresolved",
            "take an RPC that keeps more, at best seven days",
        )
    return ok(words)


@check(GROUP, NETWORK, needs=(RPC,), fix=RPC_FIX)
def is_the_named_one() -> Finding:
    try:
        soroban.check_network()
    except Refused as error:
        return failed(error.text, "correct SOROBAN_RPC_URL or STELLAR_NETWORK")
    return ok(f"{settings.STELLAR_NETWORK}, by its passphrase")


@check(GROUP, "ledger time", needs=(RPC,), fix=RPC_FIX)
def ledger_time() -> Finding:
    """The close of the newest ledger against our clock: signed checks carry our time as their end."""
    answer = soroban_outcomes.outcome(NO_TRANSACTION)
    closed_at = answer.closed_at if isinstance(answer, soroban_outcomes.Outcome) else answer.latest_closed_at
    return chain_clock(
        closed_at * clock.NANOSECONDS,
        newest="ledger",
        keeper=RPC,
        noticed_ahead=NOTICED_SECONDS_AHEAD,
        most_ahead=MOST_SECONDS_AHEAD,
    )


@check(GROUP, "wallet of the settings", needs=("migrations",))
def promises() -> Finding:
    """DFNS_STELLAR_WALLET_ID is the wallet that is registered, where one is."""
    named = settings.DFNS_STELLAR_WALLET_ID
    if not named:
        return ok("the settings name no wallet on Stellar")
    known = [wallet for wallet in sources().values() if wallet.custodian == Wallet.Custodian.DFNS]
    if not known:
        return ok(f"DFNS_STELLAR_WALLET_ID is not registered yet; {REGISTER} does it")
    if named not in {wallet.custody_wallet_id for wallet in known}:
        others = ", ".join(wallet.custody_wallet_id for wallet in known)
        return failed(
            f"DFNS_STELLAR_WALLET_ID is {named}, registered is {others}",
            f"correct the setting, or register its wallet with {REGISTER}",
        )
    return ok("the wallet of the settings is registered")


@check(GROUP, "source", needs=("migrations",), each=every_source)
def source(wallet: Wallet) -> Finding | Sequence[Finding]:
    return registered(wallet)


@check(GROUP, "source account", needs=(NETWORK, "migrations"), each=sources, fix=RPC_FIX)
def on_chain(wallet: Wallet) -> Finding:
    try:
        check_stellar_account(wallet)
    except WalletMismatch as error:
        found = from_sentence(str(error))
        return found if found.fix else failed(found.words, f"register a wallet for Stellar with {REGISTER}")
    return _fees(funds_of(wallet.account))


def _fees(funds: Funds) -> Finding:
    most = settings.SOROBAN_MAX_FEE_STROOPS
    words = f"{_xlm(funds.free_stroops)} XLM above its reserve are left, one call may cost {_xlm(most)}"
    if funds.free_stroops < most:
        return failed(words, "send it XLM for fees")
    if funds.free_stroops < FEW_CALLS * most:
        return warning(words, "send it XLM for fees before the next signed checks")
    return ok(f"its key is the wallet's, {words}")


def _xlm(stroops: int) -> str:
    whole, rest = divmod(stroops, STROOPS_PER_XLM)
    return f"{whole:,}" + (f".{rest:07d}".rstrip("0") if rest else "")
