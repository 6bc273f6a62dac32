"""One call to the chain, sent by the real protocol, that any test may hold up and look at."""

from django.db import transaction

from contracts.ids import new_uid
from contracts.models import ContractTransaction
from contracts.services.planning import Call, Owner, plan_transaction
from contracts.services.resolving import resolve_transaction
from devnet.records import Record
from tests.world import Pump, Setting

PURPOSE = "probe"
Status = ContractTransaction.Status
# What the fault board matches custody's requests for a signature with.
SIGNATURES = "/signatures"


class Probe:
    """``closed`` is the gate's answer; ``arrows`` is what the owner of the purpose was told, in order.

    ``known`` are subjects whose calls the owner could describe, though no row of them is left.
    """

    def __init__(self, setting: Setting, pump: Pump) -> None:
        self.setting = setting
        self.world = setting.world
        self.pump = pump
        self.closed: str | None = None
        self.arrows: list[str] = []
        self.known: set[str] = set()

    def why_not(self, row: ContractTransaction) -> str | None:
        return self.closed

    def on_arrow(self, row: ContractTransaction, arrow: str) -> None:
        self.arrows.append(arrow)

    def origin(self, subject: str) -> tuple[Owner, Call] | None:
        if subject not in self.known:
            return None
        contract = self.setting.asset.payout_contract
        return Owner(contract.wallet, contract, PURPOSE, new_uid(), has_guard=True), self.call()

    def call(self, gas: int = 2_000_000) -> Call:
        asset = self.setting.asset
        return Call(asset.address, f"ats/{asset.interface_version}", "takeSnapshot", [], gas)

    def plan(self, subject: str = "", *, has_guard: bool = True, gas: int = 2_000_000) -> ContractTransaction:
        asset = self.setting.asset
        with transaction.atomic():
            return plan_transaction(
                wallet=asset.payout_contract.wallet,
                contract=asset.payout_contract,
                call=self.call(gas),
                purpose=PURPOSE,
                subject=subject or f"probe:{new_uid()}",
                group_uid=new_uid(),
                has_guard=has_guard,
            )

    def until(self, row: ContractTransaction, *statuses: str) -> ContractTransaction:
        def reached() -> bool:
            row.refresh_from_db()
            return row.status in statuses

        self.pump.run(reached)
        return row

    def submitted(self) -> ContractTransaction:
        """Sent, and nobody has looked for it yet."""
        with self.pump.without("contracts.resolve_transaction", "contracts.resolve_sent"):
            return self.until(self.plan(), Status.SUBMITTED)

    def on_chain(self, *, has_guard: bool = True) -> ContractTransaction:
        """It has reached consensus, and nobody has looked for it yet."""
        with self.pump.without("contracts.resolve_transaction", "contracts.resolve_sent"):
            row = self.until(self.plan(has_guard=has_guard), Status.SUBMITTED)
        self.pump.rings.clear()
        self.world.wait_for(row.transaction_id or "")
        return row

    def until_waiting(self, row: ContractTransaction, words: str) -> ContractTransaction:
        def reached() -> bool:
            row.refresh_from_db()
            return words in row.waiting_reason

        self.pump.run(reached)
        return row

    def executed(self, row: ContractTransaction) -> list[Record]:
        """What the chain has executed of this subject, all attempts."""
        return self.world.records(row.subject)

    def pass_validity(self, row: ContractTransaction) -> None:
        """Moves both clocks past the validity and the margin, and shows it to the mirror."""
        row.refresh_from_db()
        self.world.advance(row.valid_seconds or 0)
        self.world.advance(10)

    def somebody_pays(self) -> None:
        """Another call of the same payer, later than everything before."""
        self.until(self.plan(), Status.SUCCEEDED)


def lost(probe: Probe, *, has_guard: bool = True) -> ContractTransaction:
    """Accepted by nodes, and never seen again."""
    row = probe.plan(has_guard=has_guard)
    probe.world.fault("consensus.lose", match=row.subject)
    return probe.until(row, Status.SUBMITTED)


def looks(probe: Probe, row: ContractTransaction, count: int, *, apart: int) -> None:
    for _ in range(count):
        resolve_transaction(row.pk)
        row.refresh_from_db()
        probe.world.advance(apart)
