"""Dividends and coupons: imported from the asset, paid at their time, moved and cancelled as the chain says."""

from datetime import timedelta

import pytest
from django.core.management.base import CommandError

from chainsync.followed import listener_of
from chainsync.services.following import follow
from contracts import clock
from contracts.models import AuditEvent, ContractTransaction
from payouts.models import ActionImport, CorporateAction, Distribution, Payment
from payouts.services.actions import import_actions, import_due, read_actions, set_import
from payouts.services.creating import BadInput
from payouts.services.scheduling import start_due
from tests.payouts.commands import Ended, run
from tests.running import Status, assert_all_paid_once, moves
from tests.world import Pump, Setting, World

RATE = 500_000  # millionths of the currency a token


def declare(setting: Setting, *, record_in: int = 60, pay_in: int = 120, rate: int = RATE) -> int:
    made = setting.world.control.do_declare(setting.made["asset"]["id"], record_in, pay_in, rate)
    setting.world.control.do_close_block()
    return int(made["number"])


def imported(setting: Setting) -> Distribution:
    """The newest action's distribution, made by the import."""
    switch = set_import(setting.asset, enabled=True, by="tests")
    import_actions(switch.pk)
    return Distribution.objects.filter(asset=setting.asset).latest("pk")


def pass_record_date(setting: Setting, pump: Pump, *, seconds: int = 65) -> None:
    """The chain's time goes on, and what has come to its time is started."""
    setting.world.advance(seconds)
    start_due()
    pump.drain()


def somebody_transfers(setting: Setting) -> None:
    first, second = setting.holders[:2]
    setting.world.control.do_transfer(setting.made["asset"]["id"], first, second, 1)
    setting.world.control.do_close_block()


def until_waiting(pump: Pump, distribution: Distribution, words: str) -> None:
    def reached() -> bool:
        distribution.refresh_from_db()
        return words in distribution.status_reason

    pump.run(reached)


@pytest.mark.parametrize(
    ("kind", "version"),
    [("EQUITY", "7"), ("EQUITY", "8"), ("BOND_FIXED_RATE", "7"), ("BOND_FIXED_RATE", "8")],
)
def test_it_is_planned_from_the_record_date_snapshot_and_paid_when_the_chain_says_so(
    world: World, pump: Pump, kind: str, version: str
) -> None:
    setting = world.asset(holders=5, kind=kind, asset_version=version, fund=10**18)
    number = declare(setting, rate=500)
    distribution = imported(setting)
    start_due()
    assert pump.rings.count(("payouts.start_distribution", distribution.pk)) == 0, (
        "its record date is to come"
    )

    pass_record_date(setting, pump)
    before = dict(setting.world.control.do_balances(setting.made["asset"]["id"], setting.holders))
    until_waiting(pump, distribution, "the record-date snapshot is not taken yet")
    somebody_transfers(setting)  # takes the snapshot first
    until_waiting(pump, distribution, "planned; paid from")
    assert distribution.pool_units is None, "no money is kept from others before it can be paid"

    world.advance(60)
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert dict(distribution.payments.values_list("holder", "balance_units")) == before
    assert distribution.dust_units == 0 and distribution.corporate_action_id == str(number)


def test_a_snapshot_that_nobody_takes_is_taken_by_us_when_it_has_to_be_paid(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    declare(setting)
    distribution = imported(setting)
    pass_record_date(setting, pump, seconds=130)

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    (call,) = ContractTransaction.objects.of(distribution.snapshot_subject)
    assert call.status == "SUCCEEDED" and distribution.snapshot_id is None


def test_one_that_is_cancelled_a_minute_before_is_not_paid(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    number = declare(setting)
    distribution = imported(setting)
    pass_record_date(setting, pump)
    somebody_transfers(setting)
    until_waiting(pump, distribution, "planned; paid from")
    world.control.do_cancel(setting.made["asset"]["id"], number)

    world.advance(60)
    pump.until_status(distribution, Status.CANCELLED)

    assert set(setting.balances().values()) == {0}
    assert (
        f"corporate action {number} of {setting.asset.symbol} was cancelled on chain"
        in distribution.status_reason
    )
    assert CorporateAction.objects.get(asset=setting.asset).is_cancelled
    assert not ContractTransaction.objects.filter(purpose="batch", group_uid=distribution.uid).exists()
    assert not distribution.batches.open().exists(), "what was planned is ended with it"


def test_one_that_is_moved_is_paid_at_the_new_time(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    number = declare(setting)
    distribution = imported(setting)
    pass_record_date(setting, pump)
    somebody_transfers(setting)
    until_waiting(pump, distribution, "planned; paid from")
    first_at = distribution.execute_at
    world.control.do_move(setting.made["asset"]["id"], number, 600)

    world.advance(60)
    action = CorporateAction.objects.filter(asset=setting.asset)
    pump.run(action.filter(execute_at__gt=first_at).exists)
    moved_to = action.get().execute_at
    distribution.refresh_from_db()
    assert distribution.status == Status.PLANNING
    assert distribution.execute_at == moved_to > clock.now() + timedelta(minutes=5)
    assert AuditEvent.objects.filter(
        what="dates", object_id=distribution.pk, reason="moved on chain"
    ).exists()
    assert set(setting.balances().values()) == {0}

    world.advance(550)
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert distribution.executed_at >= clock.consensus_text(int(moved_to.timestamp()) * clock.NANOSECONDS)


def test_short_of_money_it_is_held_and_goes_on_after_a_top_up(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3, fund=0)
    declare(setting)
    distribution = imported(setting)
    pass_record_date(setting, pump, seconds=130)
    pump.until_status(distribution, Status.HELD)
    assert "missing" in distribution.status_reason

    setting.top_up(10**13)
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_holder_who_could_not_be_paid_is_paid_by_a_retry(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    declare(setting)
    distribution = imported(setting)
    setting.ask_money("setFrozen", setting.holders[0], True)
    pass_record_date(setting, pump, seconds=130)
    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)
    (line,) = distribution.payments.failed()
    assert line.failure_cause == Payment.Cause.FROZEN

    setting.ask_money("setFrozen", setting.holders[0], False)
    run("retry_distribution", distribution.uid, "--no-wait")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


# --- the import ------------------------------------------------------------------------------------


def test_each_action_becomes_one_distribution_however_often_it_is_read(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    numbers = [declare(setting), declare(setting)]
    switch = set_import(setting.asset, enabled=True, by="tests")
    for _ in range(3):
        import_actions(switch.pk)

    made = Distribution.objects.filter(asset=setting.asset).order_by("pk")
    assert [row.corporate_action_id for row in made] == [str(number) for number in numbers]
    assert {row.execution for row in made} == {"SCHEDULED"}
    assert moves(made[0]) == ["PENDING"]
    assert CorporateAction.objects.filter(asset=setting.asset).count() == 2


def test_what_a_person_has_cancelled_is_not_made_again(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    declare(setting)
    read_actions(setting.asset, makes_distributions=True)
    Distribution.objects.filter(asset=setting.asset).update(status="CANCELLED")

    read_actions(setting.asset, makes_distributions=True)

    assert Distribution.objects.filter(asset=setting.asset).count() == 1


def test_an_import_that_is_off_only_reads(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    number = declare(setting)
    read_actions(setting.asset, makes_distributions=False)

    assert CorporateAction.objects.get(asset=setting.asset).number == number
    assert not Distribution.objects.filter(asset=setting.asset).exists()


def test_the_tick_rings_for_what_is_due_and_says_when_the_chain_is_away(
    world: World, pump: Pump, quick_retries: None
) -> None:
    setting = world.asset(holders=2)
    switch = set_import(setting.asset, enabled=True, every=timedelta(minutes=5), by="tests")
    import_due()
    assert ("payouts.import_actions", switch.pk) in pump.rings
    world.fault("mirror.error_rate", status=503)
    import_actions(switch.pk)
    switch.refresh_from_db()
    assert (
        switch.error and switch.read_at is None and switch.next_read_at <= clock.now() + timedelta(minutes=1)
    )

    world.clear("mirror.error_rate")
    import_actions(switch.pk)
    switch.refresh_from_db()
    assert switch.error == "" and switch.read_at is not None
    assert switch.next_read_at > clock.now() + timedelta(minutes=4)


def test_how_often_is_bounded(world: World) -> None:
    asset = world.spare_asset().asset
    with pytest.raises(BadInput, match="every 1 to 10080 minutes"):
        set_import(asset, every=timedelta(0), by="tests")
    assert not ActionImport.objects.exists()


def test_the_command_reads_switches_and_names_what_is_wrong(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    declare(setting)
    ended: Ended = run("import_corporate_actions", setting.asset.address)
    assert "dividend 1: record date" in ended.out and "the import of" in ended.out and "is off" in ended.out
    assert "is on" in run("import_corporate_actions", setting.asset.address, "--on").out
    assert Distribution.objects.filter(asset=setting.asset).count() == 1
    with pytest.raises(CommandError, match="there is no asset"):
        run("import_corporate_actions", "0.0.1")


def test_a_new_action_is_read_as_soon_as_its_event_is_seen(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2, asset_version="8")
    switch = set_import(setting.asset, enabled=True, every=timedelta(days=1), by="tests")
    import_actions(switch.pk)
    declare(setting)
    import_due()
    assert ("payouts.import_actions", switch.pk) not in pump.rings

    follow(listener_of(setting.asset).pk)
    import_due()
    assert ("payouts.import_actions", switch.pk) in pump.rings
