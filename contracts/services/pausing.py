"""Pausing and unpausing a payout contract by a recorded call. Its status here follows from the contract's events."""

from django.db import transaction

from contracts import abi
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import mirror
from contracts.ids import new_uid
from contracts.models import AuditEvent, Contract, ContractTransaction
from contracts.reverts import ROLE_NUMBERS
from contracts.services.planning import Call, Waiting, plan_transaction

PURPOSE = "pause"
PAUSER_ROLE = ROLE_NUMBERS["PAUSER"]
GAS = 650_000
PAUSE, UNPAUSE = "pause", "unpause"


class PauseRefused(Exception):
    """Nothing was sent; the message says what stands in the way and what to do."""


def pause_contract(contract: Contract, *, reason: str, by: str) -> ContractTransaction:
    """Plans the call that pauses a payout contract, for everybody who pays by it. Raises PauseRefused."""
    return _ask_for(contract, PAUSE, reason, by)


def unpause_contract(contract: Contract, *, reason: str, by: str) -> ContractTransaction:
    """Plans the call that lets a paused contract go on. Raises PauseRefused."""
    return _ask_for(contract, UNPAUSE, reason, by)


def find_payout_contract(address: str) -> Contract:
    """By its address 0.0.x or EVM address. Raises PauseRefused."""
    rows = Contract.objects.filter(kind=Contract.Kind.LIFECYCLE_CASH_FLOW).select_related("wallet")
    for field in ("address", "evm_address"):
        if found := rows.filter(**{field: address.lower()}).first():
            return found
    raise PauseRefused(
        f"no payout contract {address} is registered; give its address 0.0.x as the list of contracts shows it"
    )


def why_not(row: ContractTransaction) -> str | None:
    """The gate is always open: a hold stops payouts, not the switch that stops them on chain."""
    return None


def tell_nobody(row: ContractTransaction, arrow: str) -> None:
    """Whoever waits for it reads the row; the contract's status follows from its event."""


def _ask_for(contract: Contract, function: str, reason: str, by: str) -> ContractTransaction:
    if not reason.strip():
        raise PauseRefused("say why: it is kept in the audit trail")
    if refusal := _why_not_asked(contract, function):
        raise PauseRefused(refusal)
    try:
        with transaction.atomic():
            return _plan(contract, function, reason, by)
    except Waiting as error:
        raise PauseRefused(str(error)) from error


def _why_not_asked(contract: Contract, function: str) -> str | None:
    if contract.kind != Contract.Kind.LIFECYCLE_CASH_FLOW:
        return f"{contract.label} is an investment contract; its owner pauses it on Stellar"
    if contract.wallet.stopped_reason:
        return f"the wallet is stopped: {contract.wallet.stopped_reason}"
    try:
        return _why_not_on_chain(contract, function)
    except GatewayError as error:
        return f"the chain could not be asked: {error}. Check HEDERA_MIRROR_URL and try again"


def _why_not_on_chain(contract: Contract, function: str) -> str | None:
    if bool(_ask(contract, "isPaused")) == (function == PAUSE):
        return f"the payout contract {contract.address} is {function}d already; nothing was sent"
    if not _ask(contract, "hasRole", PAUSER_ROLE, contract.wallet.evm_address):
        return f"the wallet {contract.wallet.account} lacks the role PAUSER on {contract.address}; grant it"
    return None


def _ask(contract: Contract, view: str, *arguments: str) -> object:
    interface = abi.interface("lccf", contract.interface_version)
    output = mirror().call(contract.evm_address, interface.encode(view, arguments))
    return interface.decode_output(view, output)[0]


def _plan(contract: Contract, function: str, reason: str, by: str) -> ContractTransaction:
    """The lock of the contract's row lets two people who press at once see each other."""
    locked = Contract.objects.select_for_update(of=("self",)).select_related("wallet").get(pk=contract.pk)
    if under_way := ContractTransaction.objects.open().filter(contract=locked, purpose=PURPOSE).first():
        since = f"{under_way.planned_at:%H:%M:%S} UTC"
        raise PauseRefused(
            f"{under_way.function} was asked for at {since} and is under way; wait for its end"
        )
    AuditEvent.write(locked, what=function, target="asked for", reason=reason, by=by)
    return plan_transaction(
        wallet=locked.wallet,
        contract=locked,
        call=Call(locked.address, f"lccf/{locked.interface_version}", function, [], gas_limit=GAS),
        purpose=PURPOSE,
        subject=f"{PURPOSE}:{new_uid()}",
        group_uid=locked.uid,
        has_guard=True,  # a contract that is paused refuses to be paused, and the other way round
    )
