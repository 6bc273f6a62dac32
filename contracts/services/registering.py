"""Taking wallets, tokens, contracts and assets into the books, each read from custody and the chain first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from contracts import abi
from contracts.custody.base import custodian
from contracts.gateways.errors import GatewayError, Reverted
from contracts.gateways.mirror import mirror
from contracts.models import Asset, AuditEvent, Contract, ContractTransaction, Token, Wallet
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


def hedera_network() -> str:
    return f"hedera-{settings.HEDERA_NETWORK}"


def add_wallet(*, custodian_name: str, custody_wallet_id: str, account: str, label: str, by: str) -> Wallet:
    """Reads the wallet from custody and its account from the chain. Raises NotRegistered."""
    try:
        facts = custodian(custodian_name).describe(custody_wallet_id)
        account = account or facts.account or ""
        if not account:
            raise NotRegistered(
                "custody knows no Hedera account of this wallet; give it with --account 0.0.x"
            )
        check_settings(facts, account=account)
        on_chain = mirror().account(account)
    except WalletMismatch as error:
        raise NotRegistered(str(error)) from error
    except GatewayError as error:
        raise NotRegistered(f"custody or the mirror node could not be asked: {error}") from error
    if on_chain is None:
        raise NotRegistered(
            f"the account {account} does not exist on {hedera_network()}; check HEDERA_NETWORK"
        )
    with transaction.atomic():
        wallet, _ = Wallet.objects.update_or_create(
            network=hedera_network(),
            account=on_chain.account,
            defaults={
                "custodian": custodian_name,
                "custody_wallet_id": custody_wallet_id,
                "custody_key_id": facts.custody_key_id,
                "key_scheme": facts.scheme,
                "public_key": facts.public_key,
                "evm_address": on_chain.evm_address or "",
                "label": label,
            },
        )
        AuditEvent.write(wallet, what="register", target=wallet.account, reason=label, by=by)
    return wallet


def add_asset(wanted: NewAsset) -> Asset:
    """Reads asset, payout contract and payment token from the chain. Raises NotRegistered; then nothing is kept."""
    if wanted.wallet.network != hedera_network():
        raise NotRegistered(
            f"the wallet is on {wanted.wallet.network}, HEDERA_NETWORK is {settings.HEDERA_NETWORK}"
        )
    try:
        asset = _read_asset(wanted.asset)
        contract = _read_contract(wanted.payout_contract)
    except GatewayError as error:
        raise NotRegistered(
            f"the mirror node could not be asked: {error}; check HEDERA_MIRROR_URL"
        ) from error
    with transaction.atomic():
        _refuse_change_in_use(wanted, contract)
        token, _ = Token.objects.update_or_create(
            network=hedera_network(), address=contract.token["address"], defaults=contract.token
        )
        row, _ = Contract.objects.update_or_create(
            network=hedera_network(),
            address=contract.address,
            defaults={
                "kind": Contract.Kind.LIFECYCLE_CASH_FLOW,
                "evm_address": contract.evm_address,
                "label": wanted.label or f"Payouts of {asset['symbol']}",
                "interface_version": LCCF_VERSION,
                "wallet": wanted.wallet,
                "payment_token": token,
            },
        )
        registered, _ = Asset.objects.update_or_create(
            network=hedera_network(), address=asset["address"], defaults={**asset, "payout_contract": row}
        )
        AuditEvent.write(
            registered, what="register", target=registered.address, reason=wanted.label, by=wanted.by
        )
    return registered


def _refuse_change_in_use(wanted: NewAsset, contract: "ReadContract") -> None:
    """A contract with calls under way keeps its wallet and its payment token."""
    known = (
        Contract.objects.select_for_update()
        .filter(network=hedera_network(), address=contract.address)
        .first()
    )
    if known is None or not ContractTransaction.objects.open().filter(contract=known).exists():
        return
    if known.wallet_id != wanted.wallet.pk or known.payment_token.address != contract.token["address"]:
        raise NotRegistered(f"{contract.address} has calls under way; wait for their end before changing it")


@dataclass(frozen=True, slots=True)
class ReadContract:
    address: str
    evm_address: str
    token: dict[str, Any]


def _address(name: str, noun: str) -> tuple[str, str]:
    found = mirror().contract(name)
    if found is None:
        raise NotRegistered(
            f"there is no {noun} {name} on {hedera_network()}; check the address and HEDERA_NETWORK"
        )
    return found.contract_id, found.evm_address


def _read_asset(name: str) -> dict[str, Any]:
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


def _read_contract(name: str) -> ReadContract:
    address, evm_address = _address(name, "payout contract")
    interface = abi.interface("lccf", LCCF_VERSION)
    try:
        output = mirror().call(evm_address, interface.encode("getPaymentToken", []))
        (token_evm,) = interface.decode_output("getPaymentToken", output)
        return ReadContract(address, evm_address, _read_token(token_evm))
    except (Reverted, ValueError) as error:
        raise NotRegistered(
            f"{name} does not answer like a payout contract; is it the right address?"
        ) from error


def _read_token(evm_address: str) -> dict[str, Any]:
    interface = abi.interface("erc20", "1")
    address, canonical = _address(evm_address, "payment token")
    values = {}
    for view in ("symbol", "decimals"):
        (values[view],) = interface.decode_output(view, mirror().call(canonical, interface.encode(view, [])))
    return {"address": address, "evm_address": canonical, **values}
