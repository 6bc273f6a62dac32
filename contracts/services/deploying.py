"""Putting a payout contract on chain for an asset that has none.

The contract that comes along has no proxy: until it is initialised anybody could do that, so only our own successful
call counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.models import Asset, Contract, ContractTransaction, Deployment, Wallet
from contracts.services import stepping
from contracts.services.deployment_steps import CREATE, INITIALIZE, PURPOSE, call_for, code, entity_of, steps
from contracts.services.importing import check_fit, check_given, check_texts, not_asked
from contracts.services.networks import hedera_network
from contracts.services.registering import (
    NewAsset,
    NotRegistered,
    add_asset,
    read_asset,
    read_payout_contract,
    read_token,
)
from contracts.services.stepping import Hopeless, Recipe
from contracts.transitions import record_move

Status = Deployment.Status


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """Addresses are 0.0.x or 0x...; ``wallet`` pays for it, gets all roles, and pays the holders later."""

    asset: str
    payment_token: str
    wallet: Wallet
    by: str
    label: str = ""
    starts_over: bool = False


# -- asking for it


def deploy(wanted: NewDeployment) -> Deployment:
    """Begins a deployment, or goes on with the one that this asset has. Raises NotRegistered; then nothing changed."""
    check_given(wanted.asset, wanted.payment_token, label=wanted.label)
    try:
        asset, token = read_asset(wanted.asset), read_token(wanted.payment_token)
        check_texts(asset)
        _check(wanted, asset, token)
    except GatewayError as error:
        raise not_asked(error) from error
    with transaction.atomic():
        row = _unfinished(asset["address"])
        if row is not None and wanted.starts_over:
            stepping.abandon(row, wanted.by)
            row = None
        row = _begin(wanted, asset, token) if row is None else _go_on(row, wanted, token)
        RECIPE.ring(row.pk)
    return row


def _check(wanted: NewDeployment, asset: dict[str, Any], token: dict[str, Any]) -> None:
    if wanted.wallet.network != hedera_network():
        raise NotRegistered(
            f"the wallet is on {wanted.wallet.network}, and one on {hedera_network()} is needed"
        )
    if wanted.wallet.stopped_reason:
        raise NotRegistered(f"the wallet is stopped: {wanted.wallet.stopped_reason}")
    known = Asset.objects.filter(network=hedera_network(), address=asset["address"]).first()
    if known is not None:
        raise NotRegistered(
            f"{known} is registered with the payout contract {known.payout_contract.address}; leave it with that one"
        )
    if mirror().token(token["address"]) is None:
        raise NotRegistered(
            f"{token['address']} is no token of the token service, and payout contracts pay in no other; "
            "give one that is"
        )


def _unfinished(asset: str) -> Deployment | None:
    rows = Deployment.objects.filter(network=hedera_network(), asset_address=asset)
    open_ones = rows.filter(status__in=(Status.RUNNING, Status.FAILED))
    return open_ones.select_for_update(of=("self",)).select_related("wallet").first()


def _begin(wanted: NewDeployment, asset: dict[str, Any], token: dict[str, Any]) -> Deployment:
    try:
        with transaction.atomic():
            row = Deployment.objects.create(
                network=hedera_network(),
                asset_address=asset["address"],
                asset_evm_address=asset["evm_address"],
                token_address=token["address"],
                token_evm_address=token["evm_address"],
                wallet=wanted.wallet,
                label=wanted.label or f"Payouts of {asset['symbol']}",
                code_hash=code().hash,
                created_by=wanted.by,
            )
    except IntegrityError as error:
        raise NotRegistered(f"somebody else began a deployment for {asset['address']} just now") from error
    record_move(row, "", row.status, reason=f"paying in {token['symbol']} {token['address']}", by=wanted.by)
    return row


def _go_on(row: Deployment, wanted: NewDeployment, token: dict[str, Any]) -> Deployment:
    if row.wallet_id != wanted.wallet.pk or row.token_address != token["address"]:
        raise NotRegistered(
            f"a deployment for {row.asset_address} was begun with the wallet {row.wallet.account} and the payment "
            f"token {row.token_address}; give the same two, or --start-over once it has FAILED"
        )
    stepping.go_on(row, wanted.by)
    return row


# -- going on


def advance_deployment(pk: int) -> None:
    """Takes a deployment as far as it will go now."""
    stepping.advance(RECIPE, pk)


def ring_due() -> None:
    stepping.ring_due(RECIPE)


def _trouble_before(row: Deployment, step: str) -> str | None:
    """Whether what stands on chain is what was sent, before it is initialised."""
    if step != INITIALIZE:
        return None
    address = entity_of(row, CREATE)
    found = mirror().contract(address)
    if found is None or not found.code:
        return f"the mirror node does not show the code of {address} yet"
    if found.code != code().runtime:
        raise Hopeless(f"the code at {address} is not the one that was sent; use --start-over")
    return None


def _registered(row: Deployment) -> Callable[[], Contract]:
    address = entity_of(row, CREATE)
    read = read_payout_contract(address)
    check_fit(read_asset(row.asset_address), read, row.wallet)
    new = NewAsset(row.asset_address, address, row.wallet, row.label, row.created_by)
    return lambda: add_asset(new).payout_contract


RECIPE = Recipe(
    model=Deployment,
    ring=lambda pk: ring("contracts.advance_deployment", pk),
    purpose=PURPOSE,
    steps=steps,
    code_hash=lambda: code().hash,
    call_for=call_for,
    trouble_before=_trouble_before,
    is_needless=lambda row, step: False,
    registered=_registered,
)


# -- what the book of transactions asks and tells


def why_not(row: ContractTransaction) -> str | None:
    return stepping.why_not(RECIPE, row)


def on_arrow(row: ContractTransaction, arrow: str) -> None:
    stepping.on_arrow(RECIPE, row, arrow)
