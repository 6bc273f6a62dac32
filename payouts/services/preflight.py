"""What must be true before a distribution starts. Each answer is a sentence with the fix, or None."""

from collections.abc import Callable, Hashable, Iterable, Iterator

from django.conf import settings

from contracts import abi
from contracts.gateways import hedera
from contracts.gateways.errors import GatewayError, Reverted
from contracts.gateways.mirror import mirror
from contracts.models import Asset, Contract, Wallet
from contracts.services.planning import TINYBARS_PER_HBAR
from contracts.services.wallets import WalletMismatch, check_settings
from payouts.services import chain
from payouts.services.shared_answers import ask_once

PAYOUT_ROLE = "0x88ad01da1e5558735d5b478c04a0f1667377fb68a98cb0278159d0b790f08c10"
CASHOUT_ROLE = "0xe0d6eef1076057afbcdc5a0534cf7ab9071fa4fdd3750e202da3d49c8913a144"
# MATURITY_REDEEMER on the asset token; 8.0 changed the numbers of all roles.
REDEEMER_ROLES = {
    "7": "0xa0d696902e9ed231892dc96649f0c62b808a1cb9dd1269e78e0adc1cc4b8358c",
    "8": "0x433f48f8aca23480f6ab07666cbc9131d32a0b4672033453f65e18f4dd390523",
}


def why_not(asset: Asset) -> str | None:
    """The first thing that stands in the way of paying this asset's holders. Raises GatewayError.

    What the chain says is asked once in five seconds for all runs of a contract.
    """
    return why_not_stored(asset) or _why_not_on_chain_shared(asset)


def why_not_action(asset: Asset) -> str | None:
    """The same for a dividend or coupon, which needs no snapshot of ours. Raises GatewayError."""
    contract = asset.payout_contract
    checks = (lambda: next(_problems_of_contract(contract), None), lambda: _asset_paused(asset))
    return why_not_stored(asset) or _first_shared(asset, "action", checks)


def why_not_cash_out(asset: Asset) -> str | None:
    """The same for a bond's cash-out: who may call it, and whether the contract may redeem. Raises GatewayError."""
    contract = asset.payout_contract
    checks = (
        lambda: _contract_paused(contract),
        lambda: _payment_token(contract),
        lambda: _role(contract, "CASHOUT", CASHOUT_ROLE),
        lambda: _asset_paused(asset),
        lambda: _may_redeem(asset),
    )
    return why_not_stored(asset) or _first_shared(asset, "cash-out", checks)


def _first_shared(asset: Asset, what: str, checks: Iterable[Callable[[], str | None]]) -> str | None:
    contract = asset.payout_contract
    key = (what, asset.network, asset.evm_address, contract.evm_address, contract.wallet.evm_address)
    return ask_once(key, lambda: next((reason for check in checks if (reason := check())), None)) or ask_once(
        ("fees", contract.wallet.network, contract.wallet.account), lambda: why_no_fees(contract.wallet)
    )


def why_unusable(asset: Asset) -> str | None:
    """The same, asked now, without blocks: a distribution may be made while one is open, and is HELD until it is
    lifted."""
    wallet = asset.payout_contract.wallet
    return _why_not_registered(asset) or next(problems_on_chain(asset), None) or why_no_fees(wallet)


def _why_not_on_chain_shared(asset: Asset) -> str | None:
    contract = asset.payout_contract
    wallet = contract.wallet
    own = (asset.network, contract.evm_address, contract.payment_token.evm_address, wallet.evm_address)
    questions: tuple[tuple[Hashable, Callable[[], str | None]], ...] = (
        (("contract", *own), lambda: next(_problems_of_contract(contract), None)),
        (("asset", asset.evm_address, *own), lambda: next(_problems_of_asset(asset), None)),
        (("fees", wallet.network, wallet.account), lambda: why_no_fees(wallet)),
    )
    answers = (ask_once(key, question) for key, question in questions)
    return next((reason for reason in answers if reason), None)


def problems_on_chain(asset: Asset) -> Iterator[str]:
    """Everything that the asset and its payout contract themselves have against a payout."""
    yield from _problems_of_contract(asset.payout_contract)
    yield from _problems_of_asset(asset)


def _problems_of_contract(contract: Contract) -> Iterator[str]:
    checks = (_contract_paused, _role, _payment_token)
    return (reason for check in checks if (reason := check(contract)))


def _problems_of_asset(asset: Asset) -> Iterator[str]:
    checks = (_asset_paused, _snapshot_allowed)
    return (reason for check in checks if (reason := check(asset)))


def why_not_stored(asset: Asset) -> str | None:
    """The checks that need no network."""
    return _why_not_registered(asset) or why_blocked(asset)


def _why_not_registered(asset: Asset) -> str | None:
    contract = asset.payout_contract
    if asset.network != f"hedera-{settings.HEDERA_NETWORK}":
        return f"the asset is on {asset.network}, HEDERA_NETWORK is {settings.HEDERA_NETWORK}; start the other one"
    if contract.wallet.network != asset.network:
        return f"the wallet {contract.wallet} is on another network than the asset; give the contract a wallet on it"
    if contract.wallet.stopped_reason:
        return f"the wallet is stopped: {contract.wallet.stopped_reason}"
    try:
        check_settings(contract.wallet, account=contract.wallet.account)
    except WalletMismatch as error:
        return str(error)
    return None


def why_blocked(asset: Asset) -> str | None:
    for one in (asset.payout_contract, asset.backing_contract):
        if one and one.status == Contract.Status.BLOCKED:
            return f"the contract {one.label} is BLOCKED; top up its reserve or accept the deficit"
    return None


def why_no_node() -> str | None:
    """Asked by whoever is about to have something sent, because only few processes can reach the nodes."""
    try:
        hedera.check_connection()
    except GatewayError as error:
        return (
            f"no consensus node can be reached: {error}; check HEDERA_NETWORK, HEDERA_NODES and the firewall"
        )
    return None


def _contract_paused(contract: Contract) -> str | None:
    if chain.ask_contract(contract, "isPaused"):
        return f"the payout contract {contract.address} is paused; unpause it"
    return None


def _asset_paused(asset: Asset) -> str | None:
    if chain.is_asset_paused(asset):
        return f"the asset token {asset.address} is paused; unpause it"
    return None


def _role(contract: Contract, name: str = "PAYOUT", number: str = PAYOUT_ROLE) -> str | None:
    if chain.ask_contract(contract, "hasRole", number, contract.wallet.evm_address):
        return None
    return f"the wallet {contract.wallet.account} lacks the role {name} on {contract.address}; grant it"


def _may_redeem(asset: Asset) -> str | None:
    contract = asset.payout_contract
    if chain.has_role(asset, REDEEMER_ROLES[asset.interface_version], contract.evm_address):
        return None
    lacks = f"the payout contract {contract.address} lacks the role MATURITY_REDEEMER"
    return f"{lacks} on the bond {asset.address}; grant it"


def _snapshot_allowed(asset: Asset) -> str | None:
    """A dry run: the chain executes takeSnapshot for us and throws the result away."""
    interface = chain.asset_interface(asset)
    sender = asset.payout_contract.wallet.evm_address
    try:
        mirror().call(asset.evm_address, interface.encode("takeSnapshot", []), sender=sender)
    except Reverted as error:
        words = _words(interface, error.data)
        return f"the asset token would refuse the snapshot: {words}; grant the wallet the snapshot role"
    return None


def _words(interface: abi.Interface, data: bytes) -> str:
    error = interface.decode_error(data)
    return error.text if error else "no reason given"


def _payment_token(contract: Contract) -> str | None:
    on_chain = chain.ask_contract(contract, "getPaymentToken")
    if on_chain == contract.payment_token.evm_address:
        return None
    return f"the contract pays in {on_chain}, not in {contract.payment_token}; register the contract again"


def why_no_fees(wallet: Wallet) -> str | None:
    account = mirror().account(wallet.account)
    if account is None:
        return f"the account {wallet.account} does not exist on {wallet.network}; check the network"
    needed = settings.HEDERA_MAX_FEE_HBAR * TINYBARS_PER_HBAR
    balance = account.balance_tinybars or 0
    if balance >= needed:
        return None
    return (
        f"the account {wallet.account} has {balance // TINYBARS_PER_HBAR} HBAR, "
        f"one call may cost {settings.HEDERA_MAX_FEE_HBAR}; send it HBAR for fees"
    )
