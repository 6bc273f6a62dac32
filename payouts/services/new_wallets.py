"""A holder's new wallet: whether it can take the payment, and whether it has taken it already. Asks the mirror node."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from contracts import clock
from contracts.addresses import long_zero
from contracts.gateways.mirror import Log, mirror
from contracts.models import Contract, ContractTransaction
from payouts.amounts import format_units
from payouts.models import Payment
from payouts.services import chain

TRANSFERER_ROLE = "0x4a16419d45be80f6de7609caac23eb8c7bfe6336a71da3cefd43ea62183ad211"
TRANSFERRED = "PaymentTokenTransferred"
_ADDRESS = re.compile(r"0x[0-9a-f]{40}|\d{1,10}\.\d{1,10}\.\d{1,19}")
HASH_DIGITS = 64
Cause = Payment.Cause
UNFIT = {
    Cause.NO_ACCOUNT: "has no account on the network; ask the holder for its address again",
    Cause.NOT_ASSOCIATED: "is not associated with the payment token; the holder associates it, then ask again",
    Cause.FROZEN: "is frozen for the payment token; its issuer thaws it, then ask again",
    Cause.NO_KYC: "has no KYC for the payment token; its issuer grants it, then ask again",
}


class UnfitWallet(Exception):
    """It cannot be paid to; the message says what has to be done first."""


@dataclass(frozen=True, slots=True)
class NewWallet:
    account: str
    evm_address: str


def find_wallet(name: str) -> NewWallet:
    """By 0x and 40 hex digits, or by 0.0.x. Raises UnfitWallet or a GatewayError."""
    address = name.strip().lower()
    if not _ADDRESS.fullmatch(address):
        raise UnfitWallet(f"{name!r} is no wallet; give 0x and 40 hex digits, or an account as 0.0.1234")
    account = mirror().account(address)
    if account is None or account.deleted:
        raise UnfitWallet(f"the wallet {address} {UNFIT[Cause.NO_ACCOUNT]}")
    return NewWallet(account.account, (account.evm_address or long_zero(account.account)).lower())


def check_wallet(contract: Contract, wallet: str, payment: Payment) -> None:
    """Raises UnfitWallet, also for the holder's old one, or a GatewayError."""
    if wallet in (contract.evm_address, contract.payment_token.evm_address):
        raise UnfitWallet(f"the wallet {wallet} is a contract of this payout; give the holder's own")
    if _account_of(wallet) == _account_of(payment.holder):
        raise UnfitWallet(
            f"the wallet {wallet} is the one that could not be paid; retry the payment, or give another wallet"
        )
    units = {wallet: int(payment.expected_units)}
    reason = chain.why_unpaid(contract, units, block=None)[wallet]
    if reason.cause in UNFIT:
        raise UnfitWallet(f"the wallet {wallet} {UNFIT[Cause(reason.cause)]}")


def _account_of(address: str) -> str:
    account = mirror().account(address)
    return account.account if account else address


def why_not_transferable(contract: Contract) -> str | None:
    """What the payout contract has against a transfer by our wallet, in words. Raises a GatewayError."""
    if chain.ask_contract(contract, "isPaused"):
        return f"the payout contract {contract.address} is paused; unpause it"
    if chain.ask_contract(contract, "hasRole", TRANSFERER_ROLE, contract.wallet.evm_address):
        return None
    return f"the wallet {contract.wallet.account} lacks the role TRANSFERER on {contract.address}; grant it"


def why_transferred_before(contract: Contract, payment: Payment, wallet: str) -> str | None:
    """Whether this sum went to this wallet by a call that our book does not have as under way or done, in words.

    A database that was put back does not know the re-issues that were asked for since. Raises a GatewayError.
    """
    known = _known_hashes(contract)
    for entry in _transfers(contract, payment):
        event = chain.contract_interface(contract).decode_log(entry.topics, entry.data)
        is_it = event and event.name == TRANSFERRED and event.args["to"] == wallet
        if event and is_it and event.args["amount"] == payment.expected_units:
            if entry.transaction_hash.hex()[:HASH_DIGITS] in known:
                continue
            token = contract.payment_token
            units = format_units(event.args["amount"], decimals=token.decimals, symbol=token.symbol)
            return (
                f"the contract has transferred {units} to {wallet} at {entry.consensus_at}, by a call that this "
                "database does not know to be done; if that was this payment, accept it as unpaid here instead"
            )
    return None


def _transfers(contract: Contract, payment: Payment) -> Iterator[Log]:
    """All logs since the distribution was made: a search by topic goes week by week, and is no faster."""
    created_ns = int(payment.distribution.created_at.timestamp()) * clock.NANOSECONDS
    since = payment.distribution.snapshot_consensus_at or clock.consensus_text(created_ns)
    until = clock.consensus_text(mirror().newest_consensus_ns())
    return mirror().logs(contract.address, since=since, until=until)


def _known_hashes(contract: Contract) -> set[str]:
    """What was called absent and has left its trace after all is not among them."""
    calls = ContractTransaction.objects.filter(contract=contract, subject__startswith="reissue:")
    calls = calls.exclude(status=ContractTransaction.Status.EXPIRED)
    return {digest[:HASH_DIGITS] for digest in calls.exclude(hash="").values_list("hash", flat=True)}
