"""Taking an asset into the books together with the payout contract it has already, if the two really fit."""

import re
from dataclasses import dataclass
from typing import Any

from contracts import abi
from contracts.gateways.errors import GatewayError, Reverted
from contracts.gateways.mirror import mirror
from contracts.models import Asset, Wallet
from contracts.reverts import ROLE_NUMBERS
from contracts.services.networks import hedera_network
from contracts.services.registering import (
    LCCF_VERSION,
    NewAsset,
    NotRegistered,
    ReadContract,
    add_asset,
    read_asset,
    read_payout_contract,
)

_NAME = re.compile(r"0\.0\.\d+|0x[0-9a-fA-F]{40}")
NO_HOLDERS: list[str] = []
LONGEST_LABEL = 80
# As the columns have it.
LONGEST = {"name": 120, "symbol": 32, "isin": 12}


@dataclass(frozen=True, slots=True)
class NewImport:
    """Addresses are 0.0.x or 0x...; ``payment_token``, where it is given, is the one that must be paid in."""

    asset: str
    payout_contract: str
    wallet: Wallet
    by: str
    label: str = ""
    payment_token: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What an asset says of itself now; the supply in its base units."""

    supply_units: int
    is_paused: bool


def import_asset(wanted: NewImport) -> Asset:
    """Registers the asset with its payout contract. Raises NotRegistered; then nothing is kept."""
    check_given(wanted.asset, wanted.payout_contract, wanted.payment_token, label=wanted.label)
    try:
        asset, contract = read_asset(wanted.asset), read_payout_contract(wanted.payout_contract)
        check_texts(asset)
        _check_payment_token(contract, wanted.payment_token)
        check_fit(asset, contract, wanted.wallet)
    except GatewayError as error:
        raise not_asked(error) from error
    new = NewAsset(wanted.asset, wanted.payout_contract, wanted.wallet, wanted.label, wanted.by)
    _refuse_other(asset, contract)
    return add_asset(new)


def read_state(asset: Asset) -> State:
    """Raises NotRegistered when the mirror node does not answer."""
    interface = abi.interface("ats", asset.interface_version)

    def ask(view: str) -> Any:
        output = mirror().call(asset.evm_address, interface.encode(view, []))
        return interface.decode_output(view, output)[0]

    try:
        return State(int(ask("totalSupply")), bool(ask(abi.pause_view(asset.interface_version))))
    except GatewayError as error:
        raise not_asked(error) from error


def check_given(*names: str, label: str) -> None:
    """Raises NotRegistered for what is neither 0.0.x nor an EVM address, and for too long a label."""
    for name in names:
        if name and not _NAME.fullmatch(name):
            raise NotRegistered(f"{name!r} is no address; give it as 0.0.x, or as 0x and 40 hex digits")
    if len(label) > LONGEST_LABEL:
        raise NotRegistered(f"give the contract a label of at most {LONGEST_LABEL} letters")


def check_texts(asset: dict[str, Any]) -> None:
    """Whether what the asset calls itself can be kept. Raises NotRegistered."""
    for name, most in LONGEST.items():
        if len(asset[name]) > most or "\0" in asset[name]:
            raise NotRegistered(
                f"the {name} of {asset['address']} is no text of at most {most} letters; ask its issuer"
            )


def not_asked(error: GatewayError) -> NotRegistered:
    return NotRegistered(f"the mirror node could not be asked: {error}; check HEDERA_MIRROR_URL")


def check_fit(asset: dict[str, Any], contract: ReadContract, wallet: Wallet) -> None:
    """Whether this contract would pay this asset's holders for this wallet. Raises NotRegistered or a GatewayError."""
    if _ask(contract, "isPaused"):
        raise NotRegistered(
            f"{contract.address} is paused, and a paused contract does not say whose holders it pays; unpause it first"
        )
    if not _ask(contract, "hasRole", ROLE_NUMBERS["PAYOUT"], wallet.evm_address):
        raise NotRegistered(
            f"the wallet {wallet.account} lacks the role PAYOUT on {contract.address}; grant it, then import again"
        )
    if _pays_another(contract, asset["evm_address"], wallet):
        raise NotRegistered(
            f"{contract.address} is not the payout contract of {asset['address']}: it refuses this asset; "
            "give the contract that was made for it"
        )
    _check_association(contract)


def missing_roles(asset: Asset) -> list[str]:
    """What cannot be done yet, each with its fix; payouts themselves can. Raises a GatewayError."""
    contract, wallet = asset.payout_contract, asset.payout_contract.wallet
    read = ReadContract(contract.address, contract.evm_address, {})
    needs = {"PAUSER": "pause it", "TRANSFERER": "pay to a new wallet"}
    if asset.kind != Asset.Kind.EQUITY:
        needs["CASHOUT"] = "cash the bond out"
    return [
        f"the wallet {wallet.account} cannot {what}: it lacks the role {role} on {contract.address}"
        for role, what in needs.items()
        if not _ask(read, "hasRole", ROLE_NUMBERS[role], wallet.evm_address)
    ]


def _check_payment_token(contract: ReadContract, wanted: str) -> None:
    token = contract.token
    if wanted and wanted.lower() not in (token["address"], token["evm_address"]):
        raise NotRegistered(
            f"{contract.address} pays in {token['symbol']} {token['address']}, not in {wanted}; "
            "give its own token, or leave it out"
        )


def _pays_another(contract: ReadContract, asset: str, wallet: Wallet) -> bool:
    """A dry run that pays nobody: of all its refusals only one says that it is another asset's contract."""
    interface = abi.interface("lccf", LCCF_VERSION)
    data = interface.encode("executeAmountSnapshotByAddresses", [asset, 1, NO_HOLDERS, 0])
    try:
        mirror().call(contract.evm_address, data, sender=wallet.evm_address)
    except Reverted as error:
        refused = interface.decode_error(error.data)
        return refused is not None and refused.name == "InvalidAsset"
    return False


def _check_association(contract: ReadContract) -> None:
    """Only tokens of the token service know associations."""
    token = contract.token["address"]
    if mirror().token(token) and mirror().account_token(contract.address, token) is None:
        raise NotRegistered(
            f"{contract.address} is not associated with its payment token {token}, so every payment would fail; "
            "associate it, then import again"
        )


def _refuse_other(asset: dict[str, Any], contract: ReadContract) -> None:
    """Another payout contract has other paid flags: who was paid by the old one could be paid by it once more."""
    known = Asset.objects.filter(network=hedera_network(), address=asset["address"]).first()
    if known is not None and known.payout_contract.address != contract.address:
        raise NotRegistered(
            f"{known.symbol} is registered with the payout contract {known.payout_contract.address}; "
            "leave it with that one"
        )
    owner = Asset.objects.filter(payout_contract__address=contract.address, network=hedera_network()).first()
    if owner is not None and owner.address != asset["address"]:
        raise NotRegistered(f"{contract.address} is registered as the payout contract of {owner}")


def _ask(contract: ReadContract, view: str, *arguments: str) -> Any:
    interface = abi.interface("lccf", LCCF_VERSION)
    output = mirror().call(contract.evm_address, interface.encode(view, arguments))
    return interface.decode_output(view, output)[0]
