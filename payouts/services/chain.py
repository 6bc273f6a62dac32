"""What the payout code asks the chain, in its own words. Every function may raise a GatewayError."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Min

from contracts import abi, clock
from contracts.addresses import ZERO_ADDRESS
from contracts.gateways.errors import Refused
from contracts.gateways.mirror import Log, TransactionRecord, mirror
from contracts.gateways.parallel import ask_all
from contracts.models import Asset, Contract, ContractTransaction
from payouts.models import Distribution, Payment
from payouts.services.keys import KEYS, key_of

Cause = Payment.Cause


def asset_interface(asset: Asset) -> abi.Interface:
    return abi.interface("ats", asset.interface_version)


def contract_interface(contract: Contract) -> abi.Interface:
    return abi.interface("lccf", contract.interface_version)


def ask_asset(asset: Asset, function: str, *arguments: Any, block: int | None = None) -> Any:
    """The single value that a view of the asset token returns."""
    return _ask(asset_interface(asset), asset.evm_address, function, arguments, block)


def ask_contract(contract: Contract, function: str, *arguments: Any) -> Any:
    return _ask(contract_interface(contract), contract.evm_address, function, arguments, None)


def _ask(
    interface: abi.Interface, to: str, function: str, arguments: tuple[Any, ...], block: int | None
) -> Any:
    output = mirror().call(to, interface.encode(function, list(arguments)), block=block)
    if not output:  # what an address without code answers to anything
        raise Refused(f"at {to} is no contract that answers {function}; check the address")
    return interface.decode_output(function, output)[0]


def has_role(asset: Asset, role: str, account: str) -> bool:
    """On the asset token; the view has the same shape on both contracts, in every version."""
    interface = contract_interface(asset.payout_contract)
    return bool(_ask(interface, asset.evm_address, "hasRole", (role, account), None))


def is_asset_paused(asset: Asset) -> bool:
    return bool(ask_asset(asset, abi.pause_view(asset.interface_version)))


def snapshot_records(distribution: Distribution) -> Iterator[TransactionRecord]:
    """Successful calls of the payer since the distribution exists whose memo carries its snapshot subject.

    Our clock may have been ahead when it was created, so the first attempt's own time counts as well.
    """
    payer = distribution.asset.payout_contract.wallet.account
    attempts = ContractTransaction.objects.of(distribution.snapshot_subject)
    created_ns = int(distribution.created_at.timestamp()) * clock.NANOSECONDS
    first_ns = attempts.aggregate(first=Min("valid_start_ns"))["first"] or created_ns
    since_ns = min(created_ns, first_ns) - 60 * clock.NANOSECONDS
    for record in mirror().account_transactions(payer, since_ns=since_ns, result="success"):
        words = record.memo.decode("ascii", "replace").split(":")
        if (
            record.payer == payer
            and words[:1] == ["pd1"]
            and ":".join(words[2:4]) == distribution.snapshot_subject
        ):
            yield record


def snapshot_id_of(distribution: Distribution, record: TransactionRecord) -> int | None:
    """The id that this takeSnapshot returned, or None while the mirror node has it only in part."""
    result = mirror().contract_result(record.transaction_id)
    if result is None or not result.is_final:
        return None
    (snapshot_id,) = asset_interface(distribution.asset).decode_output("takeSnapshot", result.call_result)
    return int(snapshot_id)


def paid_by_logs(distribution: Distribution) -> dict[str, int]:
    """Units by holder as all logs of the contract tell them now, read from the record date on: a proof that depends
    on nothing that was stored."""
    until = clock.consensus_text(mirror().newest_consensus_ns())
    contract = distribution.asset.payout_contract
    paid: dict[str, int] = {}
    for entry in mirror().logs(contract.address, since=distribution.snapshot_consensus_at, until=until):
        for holder, units in _successes(distribution, entry):
            paid[holder] = paid.get(holder, 0) + units
    return paid


def _successes(distribution: Distribution, entry: Log) -> Iterator[tuple[str, int]]:
    """Holder and units of a result event of this distribution; nothing for any other log."""
    event = contract_interface(distribution.asset.payout_contract).decode_log(entry.topics, entry.data)
    if event and event.name in KEYS and KEYS[event.name](event.args) == key_of(distribution):
        pairs = zip(event.args["succeeded"], event.args["paidAmount"], strict=True)
        yield from ((holder, units) for holder, units in pairs if holder != ZERO_ADDRESS)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a holder was not paid: what was proved, and the same in words."""

    cause: str
    words: str


REASON_WORDS: dict[str, str] = {
    Cause.NO_ACCOUNT: "the holder has no account on the network",
    Cause.NOT_ASSOCIATED: "the holder's account is not associated with the payment token",
    Cause.FROZEN: "the holder's account is frozen for the payment token",
    Cause.NO_KYC: "the holder's account has no KYC for the payment token",
    Cause.INSUFFICIENT_BALANCE: "Contract has insufficient payment token balance",
    Cause.UNKNOWN: "cause unknown",
}


def why_unpaid(contract: Contract, expected: Mapping[str, int], *, block: int | None) -> dict[str, Reason]:
    """The proven cause why a transfer to each of these holders failed, or that it is unknown. Never a guess.

    ``expected`` maps holders to base units; ``block`` is that of the call which reported them, whose balance
    counts. A few are asked about at once. Raises a GatewayError.
    """
    if not expected:
        return {}
    balance = balance_units(contract, block=block)
    token = contract.payment_token.address
    causes = ask_all(lambda holder: _cause(holder, token, expected[holder], balance), expected)
    return {
        holder: Reason(cause, REASON_WORDS[cause]) for holder, cause in zip(expected, causes, strict=True)
    }


def balance_units(contract: Contract, *, block: int | None) -> int:
    """What the payout contract has of its payment token, at the end of a block or now."""
    token = abi.interface("erc20", "1")
    return int(_ask(token, contract.payment_token.evm_address, "balanceOf", (contract.evm_address,), block))


def _cause(holder: str, token: str, expected_units: int, balance: int) -> str:
    account = mirror().account(holder)
    if account is None:
        return Cause.NO_ACCOUNT
    relation = mirror().account_token(account.account, token)
    if relation is None:
        return Cause.NOT_ASSOCIATED
    if relation.freeze_status == "FROZEN":
        return Cause.FROZEN
    if relation.kyc_status == "REVOKED":
        return Cause.NO_KYC
    return Cause.INSUFFICIENT_BALANCE if balance < expected_units else Cause.UNKNOWN
