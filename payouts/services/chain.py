"""What the payout code asks the chain, in its own words. Every function may raise a GatewayError."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Min

from contracts import abi, clock
from contracts.gateways.errors import Unavailable
from contracts.gateways.mirror import Log, TransactionRecord, mirror
from contracts.models import Asset, Contract, ContractTransaction
from payouts.models import Distribution

LCCF_PAYOUT_EVENT = "AmountSnapshotByAddressesExecuted"
# Paid flags are shared by every call that names a snapshot, so all of their events tell who was paid.
SNAPSHOT_EVENTS = (
    "AmountSnapshotExecuted",
    "AmountSnapshotByAddressesExecuted",
    "PercentageSnapshotExecuted",
    "PercentageSnapshotByAddressesExecuted",
)
ZERO_ADDRESS = "0x" + "0" * 40


@dataclass(frozen=True, slots=True)
class Paid:
    units: int
    consensus_at: str


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
    return interface.decode_output(function, output)[0]


def is_asset_paused(asset: Asset) -> bool:
    return bool(ask_asset(asset, "paused" if asset.interface_version == "8" else "isPaused"))


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


def paid_by_events(
    distribution: Distribution, *, among: Collection[str] | None = None, seen_at: str = ""
) -> dict[str, Paid]:
    """Who was paid for this snapshot, by whomever, as all successful result events of the contract say.

    ``among`` keeps only these holders. ``seen_at`` is the consensus time of a call whose own event must be in
    the answer: a replica that lags would silently leave out what came before it, so Unavailable is raised.
    """
    contract = distribution.asset.payout_contract
    until = seen_at or clock.consensus_text(mirror().newest_consensus_ns())
    paid: dict[str, Paid] = {}
    newest = ""
    for entry in mirror().logs(contract.address, since=distribution.snapshot_consensus_at, until=until):
        newest = entry.consensus_at
        for holder, units in _successes(distribution, entry):
            if among is None or holder in among:
                before = paid.get(holder)
                paid[holder] = Paid(units + (before.units if before else 0), entry.consensus_at)
    if seen_at and newest != seen_at:
        raise Unavailable(f"the mirror node's logs do not reach {seen_at} yet")
    return paid


def _successes(distribution: Distribution, entry: Log) -> Iterator[tuple[str, int]]:
    """Holder and units of a result event of this distribution's snapshot; nothing for any other log."""
    event = contract_interface(distribution.asset.payout_contract).decode_log(entry.topics, entry.data)
    if event and event.name in SNAPSHOT_EVENTS and event.args["snapshotID"] == distribution.snapshot_id:
        pairs = zip(event.args["succeeded"], event.args["paidAmount"], strict=True)
        yield from ((holder, units) for holder, units in pairs if holder != ZERO_ADDRESS)


def why_unpaid(contract: Contract, holder: str, expected_units: int, contract_balance_units: int) -> str:
    """The proven cause why a transfer to ``holder`` failed, or that it is unknown. Never a guess."""
    account = mirror().account(holder)
    if account is None:
        return "the holder has no account on the network"
    relation = mirror().account_token(account.account, contract.payment_token.address)
    if relation is None:
        return "the holder's account is not associated with the payment token"
    if relation.freeze_status == "FROZEN":
        return "the holder's account is frozen for the payment token"
    if relation.kyc_status == "REVOKED":
        return "the holder's account has no KYC for the payment token"
    if contract_balance_units < expected_units:
        return "Contract has insufficient payment token balance"
    return "cause unknown"
