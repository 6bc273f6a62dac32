"""The three commands: what they print, their exit codes, and that of five who start at once one does."""

import threading
from types import SimpleNamespace

import pytest
from django.db import connection

from contracts.models import Hold
from contracts.services.holds import place_hold
from payouts.management import following
from payouts.models import Distribution, Payment
from payouts.services.starting import NotStartable, execute_distribution
from tests.factories import DistributionFactory
from tests.payouts.commands import run
from tests.running import Status, assert_all_paid_once, create, start
from tests.world import Pump, World


@pytest.fixture
def at_work(pump: Pump, monkeypatch: pytest.MonkeyPatch) -> Pump:
    """While a command waits, the workers work."""
    monkeypatch.setattr(following, "time", SimpleNamespace(sleep=lambda seconds: pump.tick()))
    return pump


def test_create_execute_show_from_the_command_line(world: World, at_work: Pump) -> None:
    setting = world.asset(holders=3)
    created = run("create_distribution", setting.asset.address, "--amount", "90.50", "--concept", "Dividend")
    uid = created.out.strip()
    assert created.code == 0
    assert "90.50 USDC to the holders of PDD" in created.err
    assert f"manage.py execute_distribution {uid}" in created.err

    executed = run("execute_distribution", uid)

    assert executed.code == 0
    assert "PLANNING" in executed.out
    assert executed.out.splitlines()[-1].startswith("COMPLETED    3/3 holders paid")
    shown = run("show_distribution", uid[:8], "--chain")
    assert shown.code == 0
    for words in (
        "status:       COMPLETED",
        "concept:      Dividend",
        "lines:        3 PAID",
        "batches:      1 COMPLETED",
    ):
        assert words in shown.out
    assert "takeSnapshot attempt 1" in shown.out and "executeAmountSnapshotByAddresses attempt 1" in shown.out
    assert "the same as in the database, holder by holder" in shown.out
    assert_all_paid_once(setting, Distribution.objects.get(uid=uid))


def test_a_percentage_is_created_and_said(world: World) -> None:
    setting = world.asset(holders=1)
    created = run("create_distribution", "PDD", "--percentage", "12.5")

    assert created.code == 0
    assert "12.50 % of the free USDC to the holders of PDD" in created.err
    assert Distribution.objects.get().percentage_bp == 1250
    assert setting.asset.symbol == "PDD"


def test_executing_ends_with_1_and_the_reasons_when_holders_were_not_paid(
    world: World, at_work: Pump
) -> None:
    setting = world.asset(holders=3)
    setting.ask_money("setFrozen", setting.holders[0], True)

    ended = run("execute_distribution", create(setting.asset.address, amount="90").uid)

    assert ended.code == 1
    assert "1 holders: the holder's account is frozen for the payment token" in ended.err
    assert "PARTIALLY_COMPLETED: 1 holder was not paid; tried again by itself after" in ended.err


def test_executing_ends_with_3_naming_who_and_when(world: World, at_work: Pump) -> None:
    distribution = start(world.asset(holders=1), amount="90")

    ended = run("execute_distribution", distribution.uid)

    assert ended.code == 3
    assert (
        f"{distribution.uid} was started by tests at {distribution.started_at:%Y-%m-%d %H:%M:%S} UTC"
        in ended.err
    )


def test_executing_ends_with_4_and_the_reason_when_held(world: World, at_work: Pump) -> None:
    setting = world.asset(holders=1, fund=0)

    ended = run("execute_distribution", create(setting.asset.address, amount="90").uid)

    assert ended.code == 4
    assert "held: needs 90.00 USDC, free are 0.00 USDC, missing 90.00 USDC; top up" in ended.err


def test_executing_under_an_operators_hold_claims_and_says_held(world: World, at_work: Pump) -> None:
    setting = world.asset(holders=1)
    distribution = create(setting.asset.address, amount="90")
    place_hold(scope=Hold.Scope.GLOBAL, cause=Hold.Cause.OPERATOR, reason="month end", by="ann")

    ended = run("execute_distribution", distribution.uid)

    assert (ended.code, ended.err.strip()) == (4, "held: month end")


def test_without_waiting_the_command_returns_after_the_claim(world: World, pump: Pump) -> None:
    distribution = create(world.asset(holders=1).asset.address, amount="90")

    ended = run("execute_distribution", distribution.uid, "--no-wait")

    assert (ended.code, ended.out) == (0, f"{distribution.uid} started\n")
    distribution.refresh_from_db()
    assert distribution.status == Status.PLANNING
    pump.until_status(distribution, Status.COMPLETED)


def test_of_five_who_start_at_once_one_does_and_four_are_told_who_and_when(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = create(setting.asset.address, amount="90")
    barrier, ended = threading.Barrier(5), []

    def execute() -> None:
        barrier.wait()
        ended.append(run("execute_distribution", distribution.uid, "--no-wait"))
        connection.close()

    threads = [threading.Thread(target=execute) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(one.code for one in ended) == [0, 3, 3, 3, 3]
    distribution.refresh_from_db()
    when = f"was started by {distribution.started_by} at {distribution.started_at:%Y-%m-%d %H:%M:%S} UTC"
    assert all(when in one.err for one in ended if one.code)
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["execute_distribution", "show_distribution"])
def test_a_distribution_that_is_not_there_is_bad_input(command: str) -> None:
    ended = run(command, "nosuchuid")

    assert (ended.code, ended.out) == (2, "")
    assert "'nosuchuid' is no distribution; give the uid that create_distribution printed" in ended.err


@pytest.mark.django_db
def test_a_beginning_that_fits_two_is_bad_input() -> None:
    for end in "12":
        DistributionFactory.create(uid=f"abcdefghijklmnopqrstu{end}")

    assert "fits more than one distribution" in run("show_distribution", "abcdef").err
    assert run("show_distribution", "abcdefghijklmnopqrstu1").code == 0


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["DRAFT", "CANCELLED"])
def test_only_a_pending_distribution_can_be_started(status: str) -> None:
    distribution = DistributionFactory.create(status=status)

    with pytest.raises(NotStartable, match=f"is {status}; only a PENDING"):
        execute_distribution(distribution, by="tests")
    assert run("execute_distribution", distribution.uid).code == 2


def test_showing_with_the_chain_names_holders_that_differ(world: World, pump: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = pump.until_status(start(setting, amount="90"), Status.COMPLETED)
    line = distribution.payments.first()
    assert line is not None
    Payment.objects.filter(pk=line.pk).update(paid_units=line.paid_units + 1)

    ended = run("show_distribution", distribution.uid, "--chain")

    assert ended.code == 1
    assert f"differs: {line.holder}" in ended.out
    assert "1 holders differ between the contract and the database" in ended.err


def test_showing_says_what_is_unknown_yet_and_why_it_waits(world: World, pump: Pump) -> None:
    distribution = create(world.asset(holders=1, fund=0).asset.address, amount="90")
    before = run("show_distribution", distribution.uid)
    assert "snapshot:     not taken yet" in before.out and "pool:         unknown yet" in before.out
    execute_distribution(distribution, by="tests")
    pump.until_status(distribution, Status.HELD)

    after = run("show_distribution", distribution.uid)

    assert "waits: RESERVE: needs 90.00 USDC" in after.out
    assert "pool:         unknown yet" in after.out


def test_showing_the_chain_while_the_mirror_is_down_claims_nothing(
    world: World, pump: Pump, quick_retries: None
) -> None:
    distribution = pump.until_status(start(world.asset(holders=1), amount="90"), Status.COMPLETED)
    world.fault("mirror.down")

    ended = run("show_distribution", distribution.uid, "--chain")

    assert ended.code == 1
    assert "the chain could not be asked" in ended.err
    assert "the same as" not in ended.out
