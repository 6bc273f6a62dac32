"""Reserve checks on a stack whose Stellar network is the real Soroban host, running Paydate's own contract.

Every check is a transaction that custody signs and the host executes. Processes are killed at its arrows, and the host
itself in the middle of the story.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

# First, because it sets Django up.
from tests.crash.reserves import CALL_POINTS, MOST_WAVES, SIDE_BY_SIDE, WHOLE, Office, Watched

# isort: split
from django.core.management import call_command
from django.db import transaction

from contracts.models import Contract, InvestmentDeployment
from devnet import crash
from devnet.clock import default_directory
from devnet.hosted.process import PID_FILE
from devnet.services.processes import is_alive, wait_until
from reserves.models import PaymentAvailability
from reserves.services.ticketing import open_tickets
from tests.patience import PATIENCE

BLOCK_DAYS = 5
STORY = "story"


class HostOffice(Office):
    is_back = False

    def contract(self, scenario: str, point: str = "", **params: int) -> Watched:
        """Those of the story are put on chain by Paydate itself, signed by custody."""
        if not scenario.startswith(STORY):
            return super().contract(scenario, point, **params)
        owner = self.owners[self.used % len(self.owners)]
        self.used += 1
        call_command(
            "deploy_investment_contract",
            wallet=owner.account,
            token=self.devnet.create_stellar_token(),
            project=owner.account,
            label=scenario,
            goal=100_000 * WHOLE,
            minimum=100 * WHOLE,
            rate=500,
            months=12,
            block_days=params["claim_block_days"],
            stdout=sys.stderr,
        )
        row = Contract.objects.get(label=scenario)
        return Watched(row, scenario, point, row.uid, self.sequence_of(row))

    def invested(self, scenario: str, point: str = "") -> Watched:
        """Nobody can invest in the past here: the block period ends within the week."""
        made = self.contract(scenario, point, claim_block_days=BLOCK_DAYS)
        self.devnet.invest(made.contract.address, 1_000 * WHOLE)
        return made

    def killed(self) -> list[dict[str, Any]]:
        """From the shortfall to the release, each check signed: a process dies at one arrow of the first of them."""
        reports: list[dict[str, Any]] = []
        left = list(CALL_POINTS)
        for _ in range(MOST_WAVES):
            waves = [left[start : start + SIDE_BY_SIDE] for start in range(0, len(left), SIDE_BY_SIDE)]
            done = [report for points in waves for report in self._killed_wave(points)]
            reports += done
            left = [report["point"] for report in done if not report["was_hit"]]
        return reports

    def _killed_wave(self, points: list[str]) -> list[dict[str, Any]]:
        watched = [self.invested("killed", point) for point in points]
        for one in watched:
            assert wait_until(lambda one=one: self._is_armed(one), PATIENCE), self.words(one)
        self.until(watched, lambda one: one.is_now("BLOCKED") and self.is_settled(one) and not one.is_open)
        for one in watched:
            one.facts["missing_while_blocked"] = int(one.contract.required_funds_units)
            one.facts["missing_on_chain"] = self.required(one)
            self.devnet.top_up_reserve(one.contract.address, self.required(one))
        self.until(watched, lambda one: one.is_now("ACTIVE") and self.is_settled(one) and not one.is_open)
        return [self.report(one) for one in watched]

    def _is_armed(self, one: Watched) -> bool:
        """Not while another ticket is open, which each of the contract's events opens as soon as it is read."""
        with transaction.atomic():  # nobody knows of the ticket before its point is armed
            for pk in open_tickets([one.contract.address], by="crash tests"):
                one.armed_for = PaymentAvailability.objects.get(pk=pk).uid
                crash.arm(one.point, one.armed_for)
        return bool(one.armed_for)

    def required(self, one: Watched) -> int:
        return int(self.devnet.investment(one.contract.address)["required"])

    def story(self) -> list[dict[str, Any]]:
        return [{**report, "host_came_back": self.is_back} for report in super().story()]

    def in_the_middle(self) -> None:
        """The host is killed; what it knew, it still knows."""
        pid_file = default_directory() / "soroban-host" / PID_FILE
        before = int(pid_file.read_text())
        os.kill(before, signal.SIGKILL)
        self.is_back = wait_until(lambda: _is_another(pid_file, before), PATIENCE)


def _is_another(pid_file: Path, before: int) -> bool:
    pid = int(pid_file.read_text() or 0)
    return pid != before and is_alive(pid)


def main(phases: list[str]) -> None:
    office = HostOffice()
    runs = [run for phase in phases for run in getattr(office, phase)()]
    deployed = list(InvestmentDeployment.objects.values_list("status", flat=True))
    versions = list(
        Contract.objects.filter(kind=Contract.Kind.INVESTMENT).values_list("interface_version", flat=True)
    )
    print(json.dumps({"runs": runs, "versions": versions, "deployed": deployed}))


if __name__ == "__main__":
    main(sys.argv[1:])
