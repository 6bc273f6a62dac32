"""Money that comes in starts one run, however often it is told, and only when it is enough and was waited for."""

from typing import Any

import pytest

from chainsync.followed import listener_of
from chainsync.models import Deposit, EventListener
from chainsync.processors import awaited
from chainsync.services.deposits import Paid, store_deposits
from chainsync.services.following import follow, urgent_listeners
from contracts import clock
from contracts.models import AuditEvent
from payouts.models import DepositTrigger, Distribution
from payouts.services.depositing import (
    NewTrigger,
    NotArmed,
    arm,
    create_trigger,
    disarm,
    fire_trigger,
    ring_triggers,
)
from payouts.services.scheduling import start_due
from payouts.services.times import consensus_of
from tests.factories import DepositTriggerFactory
from tests.payouts.commands import run
from tests.payouts.test_bad_input import refused
from tests.running import Status, assert_all_paid_once
from tests.threads import together
from tests.world import Pump, World

FOR_A_REASON = {"by": "olivia", "reason": "the tenants pay"}


def armed(mode: str = "EACH", **columns: Any) -> DepositTrigger:
    """From 10 on, the whole free balance; armed an instant ago."""
    trigger = DepositTriggerFactory.create(mode=mode, threshold_units=10, **columns)
    arm(trigger, **FOR_A_REASON)
    return trigger


def tell(trigger: DepositTrigger, units: int, consensus_at: str = "", *, by: str = "") -> None:
    """A log tells a deposit, or a list with its transaction id; without a time: a new one, of now."""
    contract = trigger.asset.payout_contract
    at = consensus_at or clock.consensus_text(clock.now_ns())
    store_deposits(contract.payment_token, [Paid(contract.pk, at, units, "0.0.5", by)])


def runs(trigger: DepositTrigger) -> list[int]:
    """The units of the deposits that started one, in the order of the runs."""
    made = trigger.distributions.order_by("pk").values_list("deposit__units", flat=True)
    return [int(units) for units in made]


def work(trigger: DepositTrigger) -> list[int]:
    fire_trigger(trigger.pk)
    return runs(trigger)


def test_a_deposit_on_chain_pays_the_holders_at_once(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3, fund=0)
    created = run(
        *("create_deposit_trigger", setting.asset.address, "--percentage=100", "--least=50", "--concept=Rent")
    )
    assert (created.code, "armed, for each deposit: 100.00 % of the free USDC" in created.err) == (0, True)
    trigger = DepositTrigger.objects.get(uid=created.out.strip())
    contract = setting.asset.payout_contract
    assert contract.pk in awaited()
    token = listener_of(contract.payment_token)
    assert token.pk in set(urgent_listeners().values_list("pk", flat=True))

    world.control.do_deposit(contract.address, 90_000_000)
    world.control.do_close_block()
    EventListener.objects.update(read_at=None, rescanned_at=None)
    follow(token.pk)
    pump.drain()

    distribution = Distribution.objects.get()
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert (distribution.execution, distribution.concept) == ("AUTOMATED", "Rent")
    assert distribution.pool_units == 90_000_000
    created_event = AuditEvent.objects.get(object_id=distribution.pk, target="PENDING")
    assert created_event.reason.startswith("90.00 USDC came in at ")

    # What is paid out of the contract is not money that comes in.
    EventListener.objects.update(read_at=None, rescanned_at=None)
    follow(token.pk)
    pump.drain()
    assert runs(trigger) == [90_000_000]


@pytest.mark.django_db
def test_each_deposit_that_is_large_enough_has_a_run_of_its_own() -> None:
    trigger = armed()
    for units in (9, 10, 11, 500):
        tell(trigger, units)
    assert work(trigger) == [10, 11, 500]
    assert work(trigger) == [10, 11, 500]
    trigger.refresh_from_db()
    assert trigger.armed_at is not None


@pytest.mark.django_db
def test_once_fires_once_until_it_is_armed_again() -> None:
    trigger = armed("ONCE")
    tell(trigger, 20)
    tell(trigger, 30)
    assert work(trigger) == [20]
    trigger.refresh_from_db()
    assert (trigger.armed_at, trigger.round) == (None, 1)
    assert "it has fired: 0.00002 USDC came in at" in AuditEvent.objects.get(what="disarmed").reason

    tell(trigger, 40)
    assert work(trigger) == [20]
    arm(trigger, **FOR_A_REASON)
    assert work(trigger) == [20], "what came before does not count"
    tell(trigger, 50)
    assert work(trigger) == [20, 50]
    assert list(trigger.distributions.order_by("pk").values_list("trigger_round", flat=True)) == [1, 2]


@pytest.mark.django_db
def test_a_deposit_that_is_told_twice_or_late_is_one() -> None:
    trigger = armed()
    early = clock.consensus_text(clock.now_ns())
    late = clock.consensus_text(clock.now_ns() + 1)
    tell(trigger, 40, late)
    assert work(trigger) == [40]
    tell(trigger, 40, late, by="0.0.5-1-1")
    tell(trigger, 30, early)
    tell(trigger, 30, early)
    assert work(trigger) == [40, 30]
    assert Deposit.objects.count() == 2


@pytest.mark.django_db
def test_one_that_a_list_shows_to_be_larger_counts_then() -> None:
    trigger = armed()
    at = clock.consensus_text(clock.now_ns())
    tell(trigger, 4, at)
    assert work(trigger) == []
    tell(trigger, 12, at, by="0.0.5-1-1")
    assert work(trigger) == [12]


@pytest.mark.django_db
def test_what_came_before_or_while_it_was_not_armed_starts_nothing() -> None:
    trigger = DepositTriggerFactory.create(mode="EACH", threshold_units=10)
    tell(trigger, 20)
    assert work(trigger) == []
    arm(trigger, **FOR_A_REASON)
    assert trigger.armed_at is not None
    before = clock.consensus_ns(consensus_of(trigger.armed_at)) - 1
    tell(trigger, 30, clock.consensus_text(before))
    assert work(trigger) == []
    tell(trigger, 40)
    disarm(trigger, **FOR_A_REASON)
    assert work(trigger) == []
    assert trigger.asset.payout_contract_id not in awaited()


@pytest.mark.django_db
def test_deposits_of_other_contracts_are_no_concern() -> None:
    trigger, other = armed(), armed()
    tell(other, 20)
    assert (work(trigger), work(other)) == ([], [20])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["EACH", "ONCE"])
def test_two_listeners_and_many_workers_at_the_same_moment_start_one_run(mode: str) -> None:
    trigger = armed(mode)
    at = clock.consensus_text(clock.now_ns())

    def listener() -> None:
        tell(trigger, 20, at)
        fire_trigger(trigger.pk)

    assert together(*[listener] * 3, *[lambda: fire_trigger(trigger.pk)] * 3) == []
    fire_trigger(trigger.pk)
    assert runs(trigger) == [20]


def test_a_ring_that_is_lost_is_made_up_for_by_the_tick(world: World, pump: Pump) -> None:
    trigger = armed()
    with pump.without("payouts.fire_trigger"):
        tell(trigger, 20)
        pump.drain()
    assert runs(trigger) == []
    ring_triggers()
    with pump.without("payouts.start_distribution"):
        pump.drain()
    assert runs(trigger) == [20]
    with pump.without("payouts.advance_distribution"):
        start_due()
        pump.drain()
    assert trigger.distributions.get().status == Status.PLANNING
    ring_triggers()
    assert not [one for one in pump.rings if one[0] == "payouts.fire_trigger"]


@pytest.mark.django_db
def test_arming_twice_is_refused_in_words() -> None:
    trigger = armed()
    with pytest.raises(NotArmed, match="is armed already, since"):
        arm(trigger, **FOR_A_REASON)
    again = run("arm_deposit_trigger", trigger.uid)
    assert (again.code, "is armed already" in again.err) == (2, True)
    assert run("arm_deposit_trigger", trigger.uid, "--disarm").out.strip().endswith("is not armed")
    with pytest.raises(NotArmed, match="is not armed"):
        disarm(trigger, **FOR_A_REASON)
    assert run("arm_deposit_trigger", trigger.uid[:8]).code == 0
    trigger.refresh_from_db()
    assert trigger.round == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--least=0", "--amount=5"), "the least deposit: the amount is 0; give one above 0"),
        (("--least=1", "--amount=0"), "the amount is 0; give one above 0"),
        (("--least=1.00000001", "--amount=5"), "the least deposit: 1.00000001 has too many decimals"),
    ],
)
def test_a_trigger_that_cannot_be(world: World, given: tuple[str, ...], words: str) -> None:
    setting = world.spare_asset()
    assert words in refused("create_deposit_trigger", setting.asset.address, *given)


def test_a_mode_that_does_not_exist(world: World) -> None:
    asset = world.spare_asset().asset
    wanted = NewTrigger(asset.address, "SOMETIMES", "1", "FIXED", "5", "x", "olivia")
    with pytest.raises(ValueError, match="'SOMETIMES' is no mode; write one of EACH, ONCE"):
        create_trigger(wanted)
