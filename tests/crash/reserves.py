"""Reserve checks on a running stack: processes killed at every arrow of a ticket and of its signed call, and the
whole story of a contract that is short, blocks a payout, is topped up, and lets it go on.

Each contract is owned by a custody wallet of its own, so that none waits for another's sequence number.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

# First, because it sets Django up.
from tests.crash.desk import Desk, Run, offset_seconds

# isort: split
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

import contracts.tasks  # noqa: F401
import reserves.tasks  # noqa: F401 - registers every fault point
from chainsync.models import EventListener
from contracts import faults
from contracts.models import Asset, Contract, ContractTransaction, Hold, Notice, Token, Wallet
from devnet import crash
from payouts.services.starting import execute_distribution
from reserves.models import PaymentAvailability
from reserves.services.ticketing import open_tickets
from tests.patience import PATIENCE

WAIT_SECONDS = PATIENCE
MOST_WAVES = 3
SIDE_BY_SIDE = 5
DAY = 86_400
WHOLE = 10**7
HOLDERS = 60
# What the arrows of a signed call are called in the registry; an ordinary payout reaches them as well.
CALL_POINTS = (
    "transaction.planned",
    "transaction.identified",
    "transaction.body_stored",
    "transaction.custody_answered",
    "transaction.signed",
    "transaction.broadcast_marked",
    "transaction.sent",
    "transaction.submitted",
    "transaction.found",
    "transaction.succeeded",
)


@dataclass
class Watched:
    """One investment contract, the point at which a process dies for its sake, and what the chain had used before."""

    contract: Contract
    scenario: str
    point: str = ""
    armed_for: str = ""
    sequence: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def was_hit(self) -> bool:
        return not self.point or crash.hit_at(self.point, self.armed_for) is not None

    @property
    def tickets(self) -> list[PaymentAvailability]:
        return list(PaymentAvailability.objects.filter(contract=self.contract).order_by("pk"))

    @property
    def is_open(self) -> bool:
        return any(row.status == "PENDING" for row in self.tickets)

    def is_now(self, status: str) -> bool:
        self.contract.refresh_from_db()
        return self.contract.status == status


class Office(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.owners = list(Wallet.objects.filter(role=Wallet.Role.SOURCE).order_by("pk"))
        self.used = 0

    # --- what is made ------------------------------------------------------------------------

    def contract(self, scenario: str, point: str = "", **params: int) -> Watched:
        owner = self.owners[self.used % len(self.owners)]
        self.used += 1
        made = self.devnet.create_investment(owner=owner.account, **params)
        label = f"{scenario} {point}".strip()
        call_command("add_contract", made["contract"], wallet=owner.account, label=label, stdout=sys.stderr)
        row = Contract.objects.get(address=made["contract"])
        return Watched(row, scenario, point, row.uid, self.sequence_of(row))

    def invested(self, scenario: str, point: str = "") -> Watched:
        """A contract whose first instalment falls due within a week, and is more than the reserve."""
        made = self.contract(scenario, point)
        self.devnet.invest(made.contract.address, 1_000 * WHOLE, seconds_ago=24 * DAY)
        return made

    def sequence_of(self, contract: Contract) -> int:
        return int(self.devnet.stellar_account(contract.wallet.account)["sequence"])

    def until(self, what: list[Watched], reached: Callable[[Watched], bool]) -> bool:
        deadline = time.monotonic() + WAIT_SECONDS
        while not all(reached(one) for one in what):
            if time.monotonic() > deadline:
                left = [one for one in what if not reached(one)]
                self.say("not reached: " + "; ".join(self.words(one) for one in left))
                return False
            time.sleep(0.2)
        return True

    def words(self, one: Watched) -> str:
        calls = [f"{row} {row.status} {row.waiting_reason}" for row in self.calls(one)]
        tickets = [f"{row.status} {row.outcome} {row.error_class} {row.error_text}" for row in one.tickets]
        return f"{one.scenario} {one.point} {one.contract.status} hit={one.was_hit} {tickets} {calls}"

    def calls(self, one: Watched) -> list[ContractTransaction]:
        return list(ContractTransaction.objects.filter(contract=one.contract).order_by("pk"))

    def is_settled(self, one: Watched) -> bool:
        return not any(row.is_open for row in self.calls(one))

    def report(self, one: Watched) -> dict[str, Any]:
        one.contract.refresh_from_db()
        tickets, calls = one.tickets, self.calls(one)
        on_chain = [row for row in calls if row.ledger is not None]
        return {
            "scenario": one.scenario,
            "point": one.point,
            "was_hit": one.was_hit,
            "status": one.contract.status,
            "required": int(one.contract.required_funds_units),
            "tickets": [f"{row.status}:{row.outcome or '-'}:{row.error_class}" for row in tickets],
            "open_tickets": sum(row.status == "PENDING" for row in tickets),
            "tickets_side_by_side": _side_by_side(tickets),
            "calls": [f"{row.status}:{row.error_class}" for row in calls],
            "executed_on_chain": self.sequence_of(one.contract) - one.sequence,
            "calls_on_chain": len(on_chain),
            **one.facts,
        }

    # --- the phases --------------------------------------------------------------------------

    def checks(self) -> list[dict[str, Any]]:
        """Short, blocked, topped up, released: a process dies at one arrow of each contract's tickets."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "reserve"]
        watched = [self.contract("reserve", point) for point in ["", *points]]
        for one in watched:
            self.devnet.set_reserve_answer(one.contract.address, 2**64 + 5)
            if one.point:
                crash.arm(one.point, one.armed_for)
        open_tickets([one.contract.address for one in watched], by="crash tests")
        self.until(watched, lambda one: one.is_now("BLOCKED"))
        for one in watched:
            one.facts["missing_while_blocked"] = int(one.contract.required_funds_units)
            self.devnet.set_reserve_answer(one.contract.address, 0)
        self.until(
            watched,
            lambda one: one.is_now("ACTIVE") and self.is_settled(one) and one.was_hit and not one.is_open,
        )
        return [self.report(one) for one in watched]

    def failing(self) -> list[dict[str, Any]]:
        """The contract refuses: a process dies when that is written down."""
        points = [name for name, point in faults.REGISTRY.items() if point.scenario == "reserve_failed"]
        watched = [self.contract("reserve_failed", point) for point in points]
        for one in watched:
            crash.arm(one.point, one.armed_for)
        for one in watched:
            self.devnet.fault("soroban.trap", {"code": 2100}, match=one.contract.address)
            open_tickets([one.contract.address], by="crash tests")
            self.until([one], lambda it: it.was_hit and any(t.status == "FAILED" for t in it.tickets))
            self.devnet.clear("soroban.trap")
            open_tickets([one.contract.address], by="crash tests")
        self.until(watched, lambda one: not one.is_open and one.tickets[-1].status == "PROCESSED")
        return [self.report(one) for one in watched]

    def signed(self) -> list[dict[str, Any]]:
        """Every check is a signed call: a process dies at one arrow of each, a few of them side by side.

        A call can miss its point when the process dies for another one's sake; the point gets another call.
        """
        settings.RESERVE_CHECK_MODE = "submit"
        reports: list[dict[str, Any]] = []
        left = list(CALL_POINTS)
        for _ in range(MOST_WAVES):
            waves = [left[start : start + SIDE_BY_SIDE] for start in range(0, len(left), SIDE_BY_SIDE)]
            done = [report for points in waves for report in self._signed_wave(points)]
            reports += done
            left = [report["point"] for report in done if not report["was_hit"]]
        settings.RESERVE_CHECK_MODE = "on_change"
        return reports

    def _signed_wave(self, points: list[str]) -> list[dict[str, Any]]:
        watched = [self.contract("signed", point) for point in points]
        for one in watched:
            self.devnet.set_reserve_answer(one.contract.address, 7)
            self.until([one], lambda it: not it.is_open)
            with transaction.atomic():  # nobody knows of the ticket before its point is armed
                (pk,) = open_tickets([one.contract.address], by="crash tests")
                one.armed_for = PaymentAvailability.objects.get(pk=pk).uid
                crash.arm(one.point, one.armed_for)
        self.until(watched, lambda one: one.is_now("BLOCKED") and self.is_settled(one) and not one.is_open)
        return [self.report(one) for one in watched]

    def overlapping(self) -> list[dict[str, Any]]:
        """Five runs at once over the same contracts."""
        watched = [self.contract("overlapping") for _ in range(4)]
        addresses = [one.contract.address for one in watched]
        self.until(watched, lambda one: _is_followed(one) and not one.is_open)
        # The answers take their time, so that no ticket has ended before the last run asks.
        with self.fault("soroban.latency_ms", {"ms": 3_000}):
            made = [open_tickets(addresses, by=f"run {number}") for number in range(5)]
        self.until(watched, lambda one: not one.is_open)
        for one in watched:
            one.facts["by_a_run"] = sum(row.requested_by.startswith("run ") for row in one.tickets)
        reports = [self.report(one) for one in watched]
        return [one | {"made_by_run": [len(run) for run in made]} for one in reports]

    def story(self) -> list[dict[str, Any]]:
        """By the contract's own arithmetic: an instalment comes due, the reserve does not cover it, a run of the asset
        behind it is held, the owner tops up, and everything goes on by itself.
        """
        short, healthy = self.invested("story short"), self.invested("story healthy")
        self.devnet.top_up_reserve(healthy.contract.address, 1_000 * WHOLE)
        missing = int(self.devnet.investment(short.contract.address)["required"])
        call_command(
            "check_payment_availability", contract=[short.contract.address, healthy.contract.address]
        )
        self.until([short], lambda one: one.is_now("BLOCKED"))
        self.in_the_middle()
        self.until([healthy], lambda one: one.contract.checked_at is not None or one.is_now("?"))
        short.facts["missing"] = missing

        run = self.new_run("story", holders=HOLDERS)
        Asset.objects.filter(pk=run.distribution.asset_id).update(backing_contract=short.contract)
        run.distribution.refresh_from_db()
        execute_distribution(run.distribution, by="crash tests")
        self.wait([run], lambda it: self.is_held(it))
        time.sleep(3)
        run.distribution.refresh_from_db()
        short.facts["held_words"] = run.distribution.status_reason
        short.facts["signed_while_held"] = ContractTransaction.objects.filter(
            group_uid=run.distribution.uid, signed_at__isnull=False
        ).count()

        topped_up_at = time.time()
        self.devnet.top_up_reserve(short.contract.address, missing)
        self.until([short], lambda one: one.is_now("ACTIVE"))
        short.facts["seconds_from_top_up_to_release"] = round(time.time() - topped_up_at, 1)
        self.wait([run], self.has_ended)
        self.until(
            [short, healthy], lambda one: self.is_settled(one) and self.are_told(one) and not one.is_open
        )
        short.facts["payout"] = self.facts(run)
        short.facts["notices"] = self.notices(short)
        healthy.facts["notices"] = self.notices(healthy)
        return [self.report(short), self.report(healthy)]

    def in_the_middle(self) -> None:
        """What happens while the contract is blocked."""

    def is_held(self, run: Run) -> bool:
        run.distribution.refresh_from_db()
        covered = Hold.objects.covering(run.distribution.hold_scopes)
        return run.distribution.status == "HELD" and covered.filter(cause="BLOCKED").exists()

    def are_told(self, one: Watched) -> bool:
        rows = Notice.objects.filter(object_uid=one.contract.uid, cause="BLOCKED")
        return all(row.sent_at and (row.resolved_at is None or row.resolution_sent_at) for row in rows)

    def notices(self, one: Watched) -> list[str]:
        rows = Notice.objects.filter(object_uid=one.contract.uid, cause="BLOCKED")
        return [
            f"{row.cause} sent={bool(row.sent_at)} resolved={bool(row.resolution_sent_at)}" for row in rows
        ]


def _is_followed(one: Watched) -> bool:
    """The first look at a contract asks for a check of its own."""
    looks = EventListener.objects.filter(address=one.contract.address, read_at__isnull=False)
    return looks.exists()


def _side_by_side(tickets: list[PaymentAvailability]) -> int:
    """How many were taken up before the one before had ended; the constraint allows none."""
    return sum(
        one.ended_at is None or (later.started_at is not None and later.started_at < one.ended_at)
        for one, later in pairwise(tickets)
    )


def main(phases: list[str]) -> None:
    office = Office()
    runs: list[dict[str, Any]] = []
    for phase in phases:
        begin = time.monotonic()
        office.say(f"phase {phase}")
        runs += getattr(office, phase)()
        office.say(f"phase {phase} took {time.monotonic() - begin:.1f} s")
    json.dump({"runs": runs, "offset": offset_seconds(), "tokens": Token.objects.count()}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
