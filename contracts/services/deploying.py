"""Putting a payout contract on chain for an asset that has none: transaction after transaction, each recorded.

Where it stands is told by the transactions alone: a step whose subject has a successful attempt is done, for ever. So
it goes on after any crash, and no step is done twice. The contract that comes along has no proxy: until it is
initialised anybody could do that, so only our own successful call counts.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction

from contracts import clock
from contracts.doorbell import ring
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.leases import lease
from contracts.models import Asset, AuditEvent, ContractTransaction, Deployment, Hold, Wallet
from contracts.refusals import DECISIONS, Decision
from contracts.services.deployment_steps import CREATE, INITIALIZE, PURPOSE, call_for, code, entity_of, steps
from contracts.services.importing import check_fit, check_given, check_texts, not_asked
from contracts.services.networks import hedera_network
from contracts.services.planning import AlreadyOpen, Waiting, plan_transaction
from contracts.services.registering import (
    NewAsset,
    NotRegistered,
    add_asset,
    read_asset,
    read_payout_contract,
    read_token,
)
from contracts.transitions import move, record_move

log = structlog.get_logger(__name__)
MOST_ATTEMPTS = 10
SHORT_PAUSE = timedelta(seconds=2)
PAUSE = timedelta(seconds=5)
PAUSE_UNEXPECTED = timedelta(minutes=1)

Status = Deployment.Status
Sent = ContractTransaction.Status


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
            _abandon(row, wanted.by)
            row = None
        row = _begin(wanted, asset, token) if row is None else _go_on(row, wanted, token)
        ring("contracts.advance_deployment", row.pk)
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
    if row.status == Status.FAILED:
        move(row, Status.RUNNING, by=wanted.by, error_text="", ended_at=None, next_attempt_at=clock.now())
    return row


def _abandon(row: Deployment, by: str) -> None:
    if row.status != Status.FAILED:
        raise NotRegistered(
            f"the deployment for {row.asset_address} is RUNNING: {row.waiting_reason or 'wait for its end'}"
        )
    move(row, Status.ABANDONED, by=by)


# -- going on


def advance_deployment(pk: int) -> None:
    """Takes a deployment as far as it will go now."""
    with lease(Deployment, pk) as row:
        if row is None or row.status != Status.RUNNING:
            return
        try:
            _advance(row)
        except GatewayError as error:
            _wait(row, f"the chain could not be asked: {error}", PAUSE)
        except Exception as error:
            log.exception("unexpected_error", deployment=row.uid)
            words = f"unexpected error, see the log of deployment {row.uid}: {type(error).__name__}: {error}"
            _wait(row, words, PAUSE_UNEXPECTED)


def ring_due() -> None:
    """For deployments whose ring was lost; the lease keeps them from being taken up twice."""
    due = Deployment.objects.filter(status=Status.RUNNING, next_attempt_at__lte=clock.now())
    for pk in due.order_by("pk").values_list("pk", flat=True):
        ring("contracts.advance_deployment", pk)


def _advance(row: Deployment) -> None:
    if row.code_hash != code().hash:
        _fail(
            row, "this version of Paydate has another contract than the one it began with; use --start-over"
        )
        return
    for step in steps():
        latest = ContractTransaction.objects.of(row.subject_of(step)).last()
        if latest is None or latest.status != Sent.SUCCEEDED:
            _take(row, step, latest)
            return
    _register(row)


def _take(row: Deployment, step: str, latest: ContractTransaction | None) -> None:
    if latest is not None and latest.is_open:
        _wait(row, f"{step} is under way{_why(latest.waiting_reason)}", PAUSE)
    elif latest is not None and (reason := _why_final(row, latest)):
        _fail(row, f"{step} failed: {reason}; mend that and ask for the same deployment again")
    elif step == INITIALIZE and (trouble := _trouble_with_code(row)):
        _wait(row, trouble, SHORT_PAUSE)
    elif row.status == Status.RUNNING:
        _plan(row, step)


def _why(words: str) -> str:
    return f": {words}" if words else ""


def _why_final(row: Deployment, latest: ContractTransaction) -> str | None:
    """Why no other attempt follows by itself. What failed before somebody asked again does not count."""
    again = AuditEvent.objects.filter(
        noun="deployment", object_id=row.pk, what="status", source=Status.FAILED
    )
    if again.filter(target=Status.RUNNING, at__gt=latest.resolved_at).exists():
        return None
    if latest.custody_waiting_since is not None and latest.broadcast_started_at is None:
        return f"custody's approval of {latest.transaction_id} came too late or not at all"
    if DECISIONS.get(latest.error_class) == Decision.RETRY and latest.attempt % MOST_ATTEMPTS:
        return None
    return latest.error_text or latest.error_class


def _trouble_with_code(row: Deployment) -> str | None:
    """Whether what stands on chain is what was sent; else the deployment is FAILED, or waits for the mirror node."""
    address = entity_of(row, CREATE)
    found = mirror().contract(address)
    if found is None or not found.code:
        return f"the mirror node does not show the code of {address} yet"
    if found.code == code().runtime:
        return None
    words = f"the code at {address} is not the one that was sent; use --start-over"
    _fail(row, words)
    return words


def _plan(row: Deployment, step: str) -> None:
    try:
        with transaction.atomic():
            if not Deployment.objects.filter(pk=row.pk, status=Status.RUNNING).update(waiting_reason=""):
                return
            plan_transaction(
                wallet=row.wallet,
                contract=None,
                call=call_for(row, step),
                purpose=PURPOSE,
                subject=row.subject_of(step),
                group_uid=row.uid,
                has_guard=False,
            )
    except (Waiting, AlreadyOpen) as error:
        _wait(row, str(error), PAUSE)


def _register(row: Deployment) -> None:
    """The mirror node may be a moment behind, so what does not fit yet is waited for, with the reason."""
    address = entity_of(row, CREATE)
    try:
        read = read_payout_contract(address)
        check_fit(read_asset(row.asset_address), read, row.wallet)
        with transaction.atomic():
            asset = add_asset(NewAsset(row.asset_address, address, row.wallet, row.label, row.created_by))
            move(
                row,
                Status.COMPLETED,
                contract=asset.payout_contract,
                waiting_reason="",
                ended_at=clock.now(),
            )
    except NotRegistered as error:
        _wait(row, str(error), SHORT_PAUSE)


def _fail(row: Deployment, words: str) -> None:
    move(row, Status.FAILED, reason=words, error_text=words, waiting_reason="", ended_at=clock.now())


def _wait(row: Deployment, reason: str, pause: timedelta) -> None:
    Deployment.objects.filter(pk=row.pk, status=Status.RUNNING).update(
        waiting_reason=reason, next_attempt_at=clock.now() + pause
    )


# -- what the book of transactions asks and tells


def why_not(row: ContractTransaction) -> str | None:
    """The gate: steps are taken while the deployment runs and not everything is held."""
    hold = Hold.objects.covering([]).first()
    if hold is not None:
        return f"held: {hold.reason}"
    deployment = Deployment.objects.get(uid=row.group_uid)
    if deployment.status != Status.RUNNING:
        return f"the deployment is {deployment.status}: {deployment.error_text}"
    return None


def on_arrow(row: ContractTransaction, arrow: str) -> None:
    if arrow not in (Sent.SUCCEEDED, Sent.FAILED, Sent.EXPIRED):
        return
    pk = Deployment.objects.filter(uid=row.group_uid).values_list("pk", flat=True).get()
    ring("contracts.advance_deployment", pk)
