"""HELD while custody waits for a person: asked once, sent once or never, and again only when an operator says so."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from pytest_django.fixtures import Settings

from contracts.models import Contract, ContractTransaction, Hold
from contracts.services.holds import lift_hold
from contracts.services.signing import sign_transaction
from payouts.models import Distribution
from payouts.services.feeding import feed
from tests.running import Status, assert_all_paid_once, idle, start, until_planned
from tests.world import Pump, Setting, World


def waiting_for_approval(world: World, pump: Pump, setting: Setting) -> Distribution:
    distribution = until_planned(pump, start(setting, amount="60"))
    until_custody_waits(world, pump, distribution)
    return distribution


def until_custody_waits(world: World, pump: Pump, distribution: Distribution) -> None:
    world.net.dfns.forget_requests()
    world.fault("custody.approval", match="/signatures", mode="pending")
    pump.until_status(distribution, Status.HELD)
    world.clear("custody.approval")


def test_an_approval_after_expiry_sends_nothing_and_is_paid_once_after_the_operator_lifts_the_hold(
    world: World, pump: Pump
) -> None:
    setting = world.asset(holders=3)
    distribution = waiting_for_approval(world, pump, setting)
    call = ContractTransaction.objects.get(purpose="batch")
    assert (
        distribution.status_reason == f"custody waits for approval of {call.transaction_id}; approve it there"
    )
    world.advance(140)
    world.control.do_approve()
    pump.run(lambda: ContractTransaction.objects.get(pk=call.pk).status == "EXPIRED")
    idle(pump)

    distribution.refresh_from_db()
    assert distribution.status == Status.HELD
    assert distribution.status_reason == (
        f"custody's approval of {call.transaction_id} came too late or not at all; lift this hold to ask again"
    )
    assert world.signatures_asked() == 1
    assert set(setting.balances().values()) == {0}
    lift_hold(Hold.objects.open().get(), reason="the approver is at his desk", by="ann")
    pump.until_status(distribution, Status.COMPLETED)
    assert world.signatures_asked() == 2
    assert_all_paid_once(setting, distribution)


def test_an_approval_in_time_lifts_its_own_hold(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = waiting_for_approval(world, pump, setting)
    world.control.do_approve()

    pump.until_status(distribution, Status.COMPLETED)

    assert world.signatures_asked() == 1
    assert_all_paid_once(setting, distribution)


def sign_side_by_side(rows: list[ContractTransaction]) -> None:
    """As the threads of a signer do: all of them have looked before any of them waits."""

    def sign(pk: int) -> None:
        try:
            sign_transaction(pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(rows)) as pool:
        list(pool.map(sign, [row.pk for row in rows]))


def test_of_three_calls_waiting_for_approval_each_is_sent_when_it_is_approved(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.BATCH_SIZE = 1
    setting = world.asset(holders=3)
    Contract.objects.update(learned_batch_size=1)
    distribution = until_planned(pump, start(setting, amount="60"))
    feed(setting.asset.payout_contract.wallet_id)
    pump.rings.clear()
    rows = list(ContractTransaction.objects.filter(purpose="batch"))
    world.fault("custody.latency_ms", match="/signatures", ms=300)
    world.fault("custody.approval", match="/signatures", mode="pending")
    sign_side_by_side(rows)
    waiting = ContractTransaction.objects.filter(custody_waiting_since__isnull=False)
    assert waiting.count() == len(rows)
    world.clear("custody.latency_ms")
    world.clear("custody.approval")

    first, *rest = world.control.do_pending()
    world.control.do_approve(first["id"])
    pump.run(ContractTransaction.objects.filter(purpose="batch", status="SUCCEEDED").exists)
    distribution.refresh_from_db()
    assert distribution.status == Status.HELD
    for signature in rest:
        world.control.do_approve(signature["id"])
    pump.until_status(distribution, Status.COMPLETED)

    assert not Hold.objects.open().exists()
    assert_all_paid_once(setting, distribution)


def test_with_a_lead_every_holder_is_paid_once(world: World, pump: Pump, settings: Settings) -> None:
    setting = world.asset(holders=3)
    distribution = until_planned(pump, start(setting, amount="60"))
    settings.CUSTODY_APPROVAL_LEAD = 600
    until_custody_waits(world, pump, distribution)
    world.advance(590)
    world.control.do_approve()

    pump.until_status(distribution, Status.COMPLETED)

    assert world.signatures_asked() == 1
    assert_all_paid_once(setting, distribution)


def test_a_rejected_signature_holds_the_run_until_an_operator_asks_again(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = waiting_for_approval(world, pump, setting)
    world.control.do_reject(reason="not this month")
    pump.run(ContractTransaction.objects.filter(purpose="batch", status="FAILED").exists)
    idle(pump)

    distribution.refresh_from_db()
    assert (distribution.status, distribution.status_reason) == (
        Status.HELD,
        "custody answered REJECTED: not this month; lift this hold to try again",
    )
    assert world.signatures_asked() == 1
    lift_hold(Hold.objects.open().get(), reason="now it is", by="ann")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
