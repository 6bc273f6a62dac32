"""The promises, held against whatever people, the network and time do: random histories of runs on one contract.

Every step may fail with a refusal in words; none may break what is checked after each of them, and in the end, with
the troubles over and the money there, everything comes to an end.
"""

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from pytest_django.fixtures import Settings

from contracts.addresses import ZERO_ADDRESS
from contracts.gateways.errors import GatewayError
from contracts.models import Hold
from contracts.services.holds import HoldRefused, lift_hold
from payouts.models import Distribution, Payment
from payouts.services import chain
from payouts.services.cancelling import NotCancelled, cancel_distribution
from payouts.services.choosing import EVERYTHING, NotRetryable
from payouts.services.creating import BadInput
from payouts.services.keys import KEYS, key_of
from payouts.services.retrying import retry_distribution
from payouts.services.stopping import resume_distribution, stop_distribution
from payouts.services.waiving import NotWaived, waive_payments
from reserves.models import Reservation
from tests.running import Status, start
from tests.world import Pump, Setting, World

ENDED = (Status.COMPLETED, Status.PARTIALLY_COMPLETED, Status.FAILED, Status.CANCELLED)
TROUBLES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("custody.drop_reply", {"match": "/signatures"}),
    ("custody.error_rate", {"match": "/signatures", "status": 500}),
    ("consensus.drop_request", {"match": "batch:"}),
    ("consensus.drop_reply", {"match": "batch:"}),
    ("consensus.busy", {}),
    ("consensus.lose", {"match": ":1"}),
    ("mirror.partial", {}),
    ("mirror.not_found", {"match": "/transactions/"}),
    ("mirror.error_rate", {"status": 503}),
    ("mirror.lag_seconds", {"seconds": 3, "replica": 1}),
)
UNIT = 10**6
MOST_RUNS = 3


class History(RuleBasedStateMachine):
    """Runs of one asset. ``world`` and ``pump`` are set by the test, as the machine is made without arguments."""

    world: World
    pump: Pump

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Distribution] = []
        self.frozen: set[str] = set()

    @initialize(holders=st.integers(2, 6), funds=st.integers(0, 200))
    def begin(self, holders: int, funds: int) -> None:
        self.setting: Setting = self.world.asset(holders=holders, fund=funds * UNIT)

    # --- what people do ----------------------------------------------------------------------------

    @rule(amount=st.integers(1, 120))
    def start_a_run(self, amount: int) -> None:
        if len(self.runs) < MOST_RUNS:
            with contextlib.suppress(BadInput):  # the chain could not be asked, and nothing was written
                self.runs.append(start(self.setting, amount=str(amount)))

    @rule(pick=st.integers(0, 9))
    def stop(self, pick: int) -> None:
        self._try(pick, lambda run: stop_distribution(run, by="olga", reason="wait"), HoldRefused)

    @rule(pick=st.integers(0, 9))
    def resume(self, pick: int) -> None:
        self._try(pick, lambda run: resume_distribution(run, by="olga", reason="go on"), HoldRefused)

    @rule(pick=st.integers(0, 9))
    def cancel(self, pick: int) -> None:
        self._try(pick, lambda run: cancel_distribution(run, by="olga", reason="a mistake"), NotCancelled)

    @rule(pick=st.integers(0, 9))
    def retry(self, pick: int) -> None:
        refusals = (NotRetryable, GatewayError)
        self._try(pick, lambda run: retry_distribution(run, EVERYTHING, by="olga"), *refusals)

    @rule(pick=st.integers(0, 9))
    def waive(self, pick: int) -> None:
        refusals = (NotWaived, GatewayError)
        self._try(pick, lambda run: waive_payments(run, EVERYTHING, by="olga", reason="agreed"), *refusals)

    @rule(units=st.integers(1, 100))
    def top_up(self, units: int) -> None:
        self.setting.top_up(units * UNIT)

    # --- what others do ----------------------------------------------------------------------------

    @rule(pick=st.integers(0, 9), is_frozen=st.booleans())
    def freeze(self, pick: int, is_frozen: bool) -> None:
        holder = self.setting.holders[pick % len(self.setting.holders)]
        self.setting.ask_money("setFrozen", holder, is_frozen)
        (self.frozen.add if is_frozen else self.frozen.discard)(holder)

    @rule(pick=st.integers(0, 9), count=st.integers(1, 3))
    def another_tool_pays(self, pick: int, count: int) -> None:
        run = self._run(pick)
        if run is None or run.snapshot_id is None or run.pool_units is None:
            return
        asset, holders = self.setting.made["asset"]["id"], self.setting.holders[:count]
        arguments = [asset, int(run.snapshot_id), holders, int(run.pool_units)]
        contract = self.setting.made["payout_contract"]["id"]
        self.world.control.do_call(contract, "executeAmountSnapshotByAddresses", arguments)
        self.world.control.do_close_block()

    # --- what the network and the workers do -------------------------------------------------------

    @rule(trouble=st.sampled_from(TROUBLES), count=st.integers(1, 3))
    def trouble(self, trouble: tuple[str, dict[str, Any]], count: int) -> None:
        name, params = trouble
        self.world.fault(name, count=count, **params)

    @rule()
    def troubles_end(self) -> None:
        self.world.net.faults.clear()

    @rule()
    def rings_are_lost(self) -> None:
        self.pump.rings.clear()

    @rule(times=st.integers(1, 12))
    def work(self, times: int) -> None:
        for _ in range(times):
            self.pump.tick()

    @rule(seconds=st.integers(1, 300))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)
        self.pump.beat()

    # --- what holds after every step ---------------------------------------------------------------

    @invariant()
    def nobody_is_paid_twice(self) -> None:
        for run in self.runs:
            expected = dict(run.payments.values_list("holder", "expected_units"))
            for holder, amounts in self._paid_on_chain(run).items():
                assert len(amounts) == 1, f"{holder} was paid {len(amounts)} times"
                assert amounts[0] == expected.get(holder, amounts[0])

    @invariant()
    def nothing_is_shown_as_paid_that_the_chain_did_not_pay(self) -> None:
        for run in self.runs:
            on_chain = {holder: sum(amounts) for holder, amounts in self._paid_on_chain(run).items()}
            for line in run.payments.exclude(paid_units=0):
                assert on_chain.get(line.holder) == int(line.paid_units), line
            assert not run.payments.filter(
                status=Payment.Status.PAID, expected_units__gt=0, paid_units=0
            ).exists()

    @invariant()
    def what_waits_or_failed_says_why(self) -> None:
        for run in self.runs:
            run.refresh_from_db()
            assert run.status != Status.HELD or run.status_reason
            assert run.status not in (Status.FAILED, Status.CANCELLED) or run.status_reason
            assert not run.payments.filter(status=Payment.Status.FAILED, failure_reason="").exists()

    @invariant()
    def sums_are_exact_and_no_money_is_promised_twice(self) -> None:
        for run in self.runs:
            if run.plan_closed_at is not None:
                expected = sum(map(int, run.payments.values_list("expected_units", flat=True)))
                assert expected + int(run.dust_units or 0) == int(run.pool_units or 0)
        # Calls under way may reach consensus meanwhile, so the balance is read first.
        promised, balance = 0, self.setting.contract_balance()
        for reservation in Reservation.objects.open().filter(contract=self.setting.asset.payout_contract):
            run = next(run for run in self.runs if run.uid == reservation.distribution_uid)
            paid = sum(map(sum, self._paid_on_chain(run).values()))
            promised += max(0, int(reservation.units) - paid)
        assert promised <= balance

    def teardown(self) -> None:
        """The troubles are over and the money is there: everything comes to an end."""
        self.world.net.faults.clear()
        if not self.runs:
            return
        for holder in sorted(self.frozen):
            self.setting.ask_money("setFrozen", holder, False)
        self.setting.top_up(1_000 * UNIT)
        for hold in Hold.objects.open():
            lift_hold(hold, reason="the end", by="olga")
        self.pump.run(self._have_all_ended)
        for run in self.runs:
            if run.status in (Status.PARTIALLY_COMPLETED, Status.FAILED) and run.payments.failed().exists():
                self.world.control.do_close_block()
                retry_distribution(run, EVERYTHING, by="olga")
        self.pump.run(self._have_all_ended)
        for run in self.runs:
            run.refresh_from_db()
            assert run.status in (Status.COMPLETED, Status.CANCELLED), (
                f"{run} {run.status}: {run.status_reason}"
            )
            assert run.status == Status.COMPLETED or not self._paid_on_chain(run)
        assert not Reservation.objects.open().filter(contract=self.setting.asset.payout_contract).exists()
        self.nobody_is_paid_twice()
        self.nothing_is_shown_as_paid_that_the_chain_did_not_pay()

    def _have_all_ended(self) -> bool:
        for run in self.runs:
            run.refresh_from_db()
        return all(run.status in ENDED for run in self.runs)

    def _run(self, pick: int) -> Distribution | None:
        if not self.runs:
            return None
        run = self.runs[pick % len(self.runs)]
        run.refresh_from_db()
        return run

    def _try(self, pick: int, act: Any, *refusals: type[Exception]) -> None:
        if (run := self._run(pick)) is not None:
            try:
                act(run)
            except refusals as error:
                assert str(error), "a refusal says why"

    def _paid_on_chain(self, run: Distribution) -> dict[str, list[int]]:
        """From the ledger itself, whatever the mirror node shows."""
        run.refresh_from_db()
        address = run.asset.payout_contract.evm_address
        interface, paid = chain.contract_interface(run.asset.payout_contract), dict[str, list[int]]()
        for record in self.world.net.ledger.records():
            if record.result != "SUCCESS" or record.call is None or not key_of(run):
                continue
            for entry in record.call.logs:
                event = interface.decode_log(entry.topics, entry.data) if entry.address == address else None
                if event and event.name in KEYS and KEYS[event.name](event.args) == key_of(run):
                    for holder, units in zip(event.args["succeeded"], event.args["paidAmount"], strict=True):
                        if holder != ZERO_ADDRESS and units:
                            paid.setdefault(holder, []).append(units)
        return paid


@pytest.fixture
def machine(world: World, pump: Pump, settings: Settings, quick_retries: None) -> type[History]:
    settings.BATCH_SIZE = 2
    settings.RESEND_SECONDS = 1
    settings.TRANSACTION_VALID_SECONDS = 30
    History.world, History.pump = world, pump
    return History


def play(machine: type[History], *, histories: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_a_few_histories_break_no_promise(machine: type[History]) -> None:
    play(machine, histories=4, steps=20)


@pytest.mark.long
def test_many_histories_break_no_promise(machine: type[History]) -> None:
    play(machine, histories=100, steps=40)
