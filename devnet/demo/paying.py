"""A payout from its asset to the proof: made, started, followed, and compared with the chain's balances."""

from collections.abc import Callable
from typing import Any

from contracts.amounts import format_units
from contracts.models import Asset, ContractTransaction, Wallet
from devnet.demo.registering import register_asset, wallet_of
from devnet.demo.scene import BY, DemoFailed, Scene
from payouts.models import Distribution
from payouts.services.creating import NewDistribution, create_distribution
from payouts.services.showing import compare_with_chain, failures_of, progress_of, transactions_of
from payouts.services.starting import execute_distribution

Status = Distribution.Status
RUNNING = (Status.PLANNING, Status.AWAITING_APPROVAL, Status.PROCESSING, Status.HELD)
FUND_UNITS = 1_000_000 * 10**6
MOST_SHOWN = 10
Made = dict[str, Any]


def make_asset(scene: Scene, *, holders: int, name: str, symbol: str) -> tuple[Asset, Made]:
    """The asset, registered, and what the local chain says of it and its holders."""
    made = scene.client.prepare(holders=holders, fund=FUND_UNITS, name=name, symbol=symbol)
    payer = wallet_of(
        made["payer"]["id"], custody_wallet_id=scene.client.wallet()["wallet_id"], label="Demo payer"
    )
    return register_asset(made, payer), made


def start(scene: Scene, asset: Asset, *, amount: str, concept: str) -> Distribution:
    distribution = create_distribution(
        NewDistribution(
            asset=asset.address,
            amount_type=Distribution.AmountType.FIXED,
            amount=amount,
            concept=concept,
            by=BY,
        )
    )
    token = asset.payout_contract.payment_token
    scene.say(f"distribution {distribution.uid}: {amount} {token.symbol} to the holders of {asset.symbol}")
    execute_distribution(distribution, by=BY)
    return distribution


def follow(scene: Scene, distribution: Distribution, *, is_over: Callable[[], bool] | None = None) -> None:
    """By default to its end."""
    scene.watch(
        lambda: _line(distribution),
        is_over=is_over or (lambda: distribution.status not in RUNNING),
        why_not=lambda: _why_not(distribution),
    )


def _line(distribution: Distribution) -> str:
    distribution.refresh_from_db()
    token = distribution.asset.payout_contract.payment_token
    progress = progress_of(distribution)
    open_calls = {
        status: progress.transactions.get(status, 0) for status in ("PLANNED", "SIGNED", "SUBMITTED")
    }
    calls = ", ".join(f"{count} {status.lower()}" for status, count in open_calls.items() if count)
    paid = format_units(progress.paid_units, decimals=token.decimals, symbol=token.symbol)
    line = f"{distribution.status:<11} {progress.lines.get('PAID', 0):>5}/{progress.total} paid  {paid}"
    return line + (f"  (calls: {calls})" if calls else "")


def _why_not(distribution: Distribution) -> str:
    """The run itself waits on; only whoever looks at a held or stopped one without end is told why."""
    if distribution.status == Status.HELD:
        return distribution.status_reason
    return Wallet.objects.get(pk=distribution.asset.payout_contract.wallet_id).stopped_reason


def prove(scene: Scene, made: Made, distribution: Distribution) -> None:
    """The holders' balances on chain, which began at zero, against the database, holder by holder."""
    _refuse_unpaid(scene, distribution)
    on_chain = scene.client.balances(made["payment_token"]["id"], made["holders"])
    in_database = dict(distribution.payments.values_list("holder", "paid_units"))
    differing = [holder for holder in on_chain if on_chain[holder] != in_database.get(holder, 0)]
    differing += [holder for holder in in_database if holder not in on_chain]
    differing += compare_with_chain(distribution).differing
    differing = list(dict.fromkeys(differing))
    for holder in differing[:MOST_SHOWN]:
        scene.complain(
            f"{holder}: {on_chain.get(holder)} on chain, {in_database.get(holder)} in the database"
        )
    if differing:
        raise DemoFailed(f"{len(differing)} holders differ between the chain and the database")
    pool, dust = distribution.pool_units or 0, distribution.dust_units or 0
    if sum(on_chain.values()) + dust != pool:
        raise DemoFailed("the sum of the balances and the dust is not the pool")
    scene.say(
        f"proved: {len(on_chain)} of {len(on_chain)} balances on chain equal the database; "
        f"{sum(on_chain.values())} paid + {dust} dust = {pool} base units"
    )


def _refuse_unpaid(scene: Scene, distribution: Distribution) -> None:
    if distribution.status == Status.COMPLETED:
        return
    for reason, count in failures_of(distribution):
        scene.complain(f"{count} holders: {reason}")
    raise DemoFailed(f"the distribution ended {distribution.status}: {distribution.status_reason}")


def say_seconds(scene: Scene, distribution: Distribution) -> None:
    """Wall-clock spans of the phases; signing, submitting and settling overlap."""
    calls = list(transactions_of(distribution).filter(purpose="batch", status="SUCCEEDED"))
    spans = {
        "planning": (distribution.started_at, distribution.plan_closed_at),
        "signing": (_first(calls, "planned_at"), _last(calls, "signed_at")),
        "submitting": (_first(calls, "signed_at"), _last(calls, "submitted_at")),
        "settling": (_first(calls, "submitted_at"), distribution.ended_at),
    }
    parts = [
        f"{name} {(end - begin).total_seconds():.2f} s"
        for name, (begin, end) in spans.items()
        if begin and end
    ]
    scene.say(f"seconds: {', '.join(parts)}; batch transactions: {len(calls)}")


def _first(calls: list[ContractTransaction], column: str) -> Any:
    return min((getattr(call, column) for call in calls if getattr(call, column)), default=None)


def _last(calls: list[ContractTransaction], column: str) -> Any:
    return max((getattr(call, column) for call in calls if getattr(call, column)), default=None)
