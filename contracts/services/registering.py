"""Taking wallets, tokens, contracts and assets into the books, each read from custody and the chain first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from contracts import abi
from contracts.custody.base import WalletFacts, custodian
from contracts.gateways.errors import GatewayError, Reverted
from contracts.gateways.mirror import mirror
from contracts.models import Asset, AuditEvent, Contract, ContractTransaction, Token, Wallet
from contracts.services.networks import hedera_network
from contracts.services.stellar_wallets import NewAccount, is_for_stellar, read_stellar_account
from contracts.services.wallets import WalletMismatch, check_settings

LCCF_VERSION = "1.1"
KINDS = (
    Asset.Kind.BOND_VARIABLE_RATE,
    Asset.Kind.EQUITY,
    Asset.Kind.BOND_FIXED_RATE,
    Asset.Kind.BOND_KPI_LINKED_RATE,
    Asset.Kind.BOND_SPT_RATE,
)


class NotRegistered(ValueError):
    """What was named is not there, or not what it should be; the message names the fix."""


@dataclass(frozen=True, slots=True)
class NewAsset:
    """Addresses are 0.0.x or 0x...; the payout contract pays this asset's holders from ``wallet``."""

    asset: str
    payout_contract: str
    wallet: Wallet
    label: str
    by: str


def add_wallet(*, custodian_name: str, custody_wallet_id: str, account: str, label: str, by: str) -> Wallet:
    """Reads the wallet from custody and its account from the chain, Hedera's or Stellar's. Raises NotRegistered."""
    try:
        facts = custodian(custodian_name).describe(custody_wallet_id)
        is_stellar = is_for_stellar(facts, account)
        read = read_stellar_account if is_stellar else _read_hedera_account
        found = read(facts, account=account, custodian_name=custodian_name)
    except WalletMismatch as error:
        raise NotRegistered(str(error)) from error
    except GatewayError as error:
        raise NotRegistered(f"custody or the mirror node could not be asked: {error}") from error
    with transaction.atomic():
        _refuse_second_account(custodian_name, custody_wallet_id, found)
        wallet, _ = Wallet.objects.update_or_create(
            network=found.network,
            account=found.account,
            defaults={
                "custodian": custodian_name,
                "role": found.role,
                "custody_wallet_id": custody_wallet_id,
                "custody_key_id": facts.custody_key_id,
                "key_scheme": facts.scheme,
                "public_key": facts.public_key,
                "evm_address": found.evm_address,
                "label": label,
            },
        )
        AuditEvent.write(wallet, what="register", target=wallet.account, reason=label, by=by)
    return wallet


def find_wallet(account: str, *, network: str) -> Wallet:
    """The registered wallet of this account. Raises NotRegistered."""
    wallets = {wallet.network: wallet for wallet in Wallet.objects.filter(account=account)}
    if network in wallets:
        return wallets[network]
    if wallets:
        raise NotRegistered(
            f"the wallet {account} is on {', '.join(wallets)}, and one on {network} is needed: give another one"
        )
    raise NotRegistered(f"no wallet {account} on {network}; register it with manage.py add_wallet")


def _read_hedera_account(facts: WalletFacts, *, account: str, custodian_name: str) -> NewAccount:
    account = account or facts.account or ""
    if not account:
        raise NotRegistered("custody knows no Hedera account of this wallet; give it with --account 0.0.x")
    check_settings(facts, account=account)
    on_chain = mirror().account(account)
    if on_chain is None:
        raise NotRegistered(
            f"the account {account} does not exist on {hedera_network()}; check HEDERA_NETWORK"
        )
    return NewAccount(hedera_network(), on_chain.account, Wallet.Role.PAYER, on_chain.evm_address or "")


def _refuse_second_account(custodian_name: str, custody_wallet_id: str, found: NewAccount) -> None:
    """One custody wallet signs for one account here."""
    known = Wallet.objects.filter(custodian=custodian_name, custody_wallet_id=custody_wallet_id)
    other = known.exclude(network=found.network, account=found.account).first()
    if other is not None:
        raise NotRegistered(
            f"{custody_wallet_id} is registered as {other.account} on {other.network}; give another custody wallet"
        )


def add_asset(wanted: NewAsset) -> Asset:
    """Reads asset, payout contract and payment token from the chain. Raises NotRegistered; then nothing is kept."""
    if wanted.wallet.network != hedera_network():
        raise NotRegistered(
            f"the wallet is on {wanted.wallet.network}, HEDERA_NETWORK is {settings.HEDERA_NETWORK}"
        )
    try:
        asset = read_asset(wanted.asset)
        contract = read_payout_contract(wanted.payout_contract)
    except GatewayError as error:
        raise NotRegistered(
            f"the mirror node could not be asked: {error}; check HEDERA_MIRROR_URL"
        ) from error
    with transaction.atomic():
        label = wanted.label or f"Payouts of {asset['symbol']}"
        row = store_payout_contract(contract, wallet=wanted.wallet, label=label)
        registered, _ = Asset.objects.update_or_create(
            network=hedera_network(), address=asset["address"], defaults={**asset, "payout_contract": row}
        )
        AuditEvent.write(
            registered, what="register", target=registered.address, reason=wanted.label, by=wanted.by
        )
    return registered


@dataclass(frozen=True, slots=True)
class ReadContract:
    address: str
    evm_address: str
    token: dict[str, Any]


def store_payout_contract(read: ReadContract, *, wallet: Wallet, label: str) -> Contract:
    """In the caller's transaction. Raises NotRegistered when calls are under way and something would change."""
    refuse_change_in_use(
        network=hedera_network(), address=read.address, wallet=wallet, token=read.token["address"]
    )
    token, _ = Token.objects.update_or_create(
        network=hedera_network(), address=read.token["address"], defaults=read.token
    )
    row, _ = Contract.objects.update_or_create(
        network=hedera_network(),
        address=read.address,
        defaults={
            "kind": Contract.Kind.LIFECYCLE_CASH_FLOW,
            "evm_address": read.evm_address,
            "label": label,
            "interface_version": LCCF_VERSION,
            "wallet": wallet,
            "payment_token": token,
        },
    )
    return row


def refuse_change_in_use(*, network: str, address: str, wallet: Wallet, token: str) -> None:
    """A contract with calls under way keeps its wallet and its payment token, given by its address.

    Raises NotRegistered. The row, if there is one, stays locked until the caller's transaction ends.
    """
    known = Contract.objects.select_for_update().filter(network=network, address=address).first()
    if known is None or not ContractTransaction.objects.open().filter(contract=known).exists():
        return
    if known.wallet_id != wallet.pk or known.payment_token.address != token:
        raise NotRegistered(f"{address} has calls under way; wait for their end before changing it")


def _address(name: str, noun: str) -> tuple[str, str]:
    try:
        found = mirror().contract(name)
    except ValueError as error:
        words = f"the {noun} cannot be at {name!r}; write its address as 0.0.x, or as 0x and 40 hex digits"
        raise NotRegistered(words) from error
    if found is None:
        raise NotRegistered(
            f"there is no {noun} {name} on {hedera_network()}; check the address and HEDERA_NETWORK"
        )
    return found.contract_id, found.evm_address


def read_asset(name: str) -> dict[str, Any]:
    """What an asset token says of itself, as columns of Asset. Raises NotRegistered or a GatewayError."""
    address, evm_address = _address(name, "asset token")
    version = _version_of(evm_address, name)
    interface = abi.interface("ats", version)
    try:
        (((title, symbol, isin, decimals), kind),) = interface.decode_output(
            "getERC20Metadata", mirror().call(evm_address, interface.encode("getERC20Metadata", []))
        )
    except (Reverted, ValueError) as error:
        raise NotRegistered(
            f"{name} does not answer like an asset token; is it the asset's address?"
        ) from error
    return {
        "address": address,
        "evm_address": evm_address,
        "interface_version": version,
        "name": title,
        "symbol": symbol,
        "isin": isin,
        "kind": KINDS[kind],
        "decimals": decimals,
        "maturity_at": _maturity(interface, version, evm_address)
        if KINDS[kind] != Asset.Kind.EQUITY
        else None,
    }


def _version_of(evm_address: str, name: str) -> str:
    """8.0 answers to ``paused``, 7.x to ``isPaused``: the token is asked which it has."""
    for version, view in (("8", "paused"), ("7", "isPaused")):
        interface = abi.interface("ats", version)
        try:
            interface.decode_output(view, mirror().call(evm_address, interface.encode(view, [])))
        except (Reverted, ValueError):
            continue
        return version
    raise NotRegistered(
        f"{name} answers neither to paused() nor to isPaused(); it is not an asset token we know"
    )


def _maturity(interface: abi.Interface, version: str, evm_address: str) -> datetime | None:
    view = "getMaturityDate" if version == "8" else "getBondDetails"
    try:
        (answer,) = interface.decode_output(view, mirror().call(evm_address, interface.encode(view, [])))
    except (Reverted, ValueError):
        return None
    seconds = answer if version == "8" else answer[4]
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def read_payout_contract(name: str) -> ReadContract:
    """From the chain, with its payment token. Raises NotRegistered or a GatewayError."""
    address, evm_address = _address(name, "payout contract")
    interface = abi.interface("lccf", LCCF_VERSION)
    try:
        output = mirror().call(evm_address, interface.encode("getPaymentToken", []))
        (token_evm,) = interface.decode_output("getPaymentToken", output)
        return ReadContract(address, evm_address, read_token(token_evm))
    except (Reverted, ValueError) as error:
        raise NotRegistered(
            f"{name} does not answer like a payout contract; is it the right address?"
        ) from error


def read_token(evm_address: str) -> dict[str, Any]:
    interface = abi.interface("erc20", "1")
    address, canonical = _address(evm_address, "payment token")
    values = {}
    for view in ("symbol", "decimals"):
        (values[view],) = interface.decode_output(view, mirror().call(canonical, interface.encode(view, [])))
    return {"address": address, "evm_address": canonical, **values}
