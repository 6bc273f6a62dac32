"""manage.py retry_distribution: what it says before it acts, its exit codes, and that it follows to the end."""

from types import SimpleNamespace

import pytest

from contracts.models import AuditEvent, Hold
from contracts.services.holds import place_hold
from payouts.management import following
from payouts.models import Distribution
from tests.factories import BatchFactory
from tests.payouts.commands import run
from tests.payouts.test_retrying import called, run_of, shown, thaw, unpaid
from tests.running import Status, assert_all_paid_once
from tests.world import Pump, World

FROZEN = "the holder's account is frozen for the payment token"


@pytest.fixture
def at_work(pump: Pump, monkeypatch: pytest.MonkeyPatch) -> Pump:
    """While the command waits, the workers work."""
    monkeypatch.setattr(following, "time", SimpleNamespace(sleep=lambda seconds: pump.tick()))
    return pump


def test_everything_that_failed_is_announced_retried_and_followed(world: World, at_work: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, at_work, setting.holders[0])
    thaw(setting, setting.holders[0])
    units = shown(distribution.payments.get(status="FAILED").expected_units)

    ended = run("retry_distribution", distribution.uid[:8], "--failed", "--reason", "he is thawed")

    assert ended.code == 0
    announced, cause, created, *followed = ended.out.splitlines()
    assert announced == f"1 holder, {units}, in 1 call of the contract"
    assert cause == f"  1 holder: {FROZEN}"
    assert created == "retry of 1 holder created in 1 batch"
    assert followed[0].startswith("PROCESSING   2/3 holders paid")
    assert followed[-1].startswith("COMPLETED    3/3 holders paid")
    assert_all_paid_once(setting, distribution)
    told = AuditEvent.objects.get(noun="distribution", source="PARTIALLY_COMPLETED", target="PROCESSING")
    assert told.by.endswith("(command)")
    assert told.reason.endswith(": he is thawed")


def test_a_dry_run_says_what_it_would_do_and_does_nothing(world: World, at_work: Pump) -> None:
    setting = world.asset(holders=3)
    distribution = unpaid(setting, at_work, *setting.holders[:2])

    ended = run("retry_distribution", distribution.uid, "--dry-run")

    assert ended.code == 0
    assert "2 holders, " in ended.out and "nothing was done" in ended.out
    assert called(distribution) == []
    distribution.refresh_from_db()
    assert distribution.status == Status.PARTIALLY_COMPLETED


def test_named_holders_are_judged_by_themselves(world: World, at_work: Pump) -> None:
    setting = world.asset(holders=3)
    thawed, frozen = setting.holders[:2]
    distribution = unpaid(setting, at_work, thawed, frozen)
    thaw(setting, thawed)

    paid = run("retry_distribution", distribution.uid, "--holder", thawed.upper().replace("0X", "0x"))
    assert paid.code == 0
    assert paid.out.splitlines()[-1].startswith("PARTIALLY_COMPLETED 2/3 holders paid")
    world.advance(10)

    unlucky = run("retry_distribution", distribution.uid, "--holder", frozen)
    assert unlucky.code == 1
    assert f"{frozen}: {FROZEN}" in unlucky.err
    assert "1 of 1 could not be paid this time either" in unlucky.err
    assert called(distribution) == [[thawed], [frozen]]


def test_one_batch_and_no_waiting(world: World, at_work: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, at_work, setting.holders[0])
    number = distribution.batches.get().number

    ended = run("retry_distribution", distribution.uid, "--batch", str(number), "--no-wait")

    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "retry of 1 holder created in 1 batch"
    distribution.refresh_from_db()
    assert distribution.status == Status.PROCESSING


def test_a_hold_that_comes_meanwhile_ends_with_4(world: World, at_work: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, at_work, setting.holders[0])

    def hold(seconds: float) -> None:
        place_hold(
            scope=Hold.Scope.DISTRIBUTION,
            object_uid=distribution.uid,
            cause=Hold.Cause.OPERATOR,
            reason="wait for the auditors",
            by="olivia",
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "time", SimpleNamespace(sleep=hold))
        ended = run("retry_distribution", distribution.uid)

    assert (ended.code, ended.err.strip()) == (4, "held: wait for the auditors")


def test_while_the_chain_cannot_be_asked_nothing_is_sent(
    world: World, at_work: Pump, quick_retries: None
) -> None:
    setting = world.asset(holders=2)
    distribution = unpaid(setting, at_work, setting.holders[0])
    world.fault("mirror.down")

    ended = run("retry_distribution", distribution.uid)

    assert ended.code == 2
    assert "the chain could not be asked: " in ended.err
    assert ended.err.strip().endswith("Nothing was sent; try again")
    assert called(distribution) == []


@pytest.mark.django_db
class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--batch", "99"], "there is no batch 99 in this distribution"),
            (
                ["--holder", "0x12"],
                "0x12 is no holder of this distribution; the payments list has their addresses",
            ),
        ],
    )
    def test_what_is_not_there(self, words: list[str], said: str) -> None:
        ended = run("retry_distribution", run_of(1).uid, *words)
        assert (ended.code, ended.out, ended.err.strip()) == (2, "", said)

    def test_an_open_batch(self) -> None:
        distribution = run_of(1)
        BatchFactory(distribution=distribution, number=70_077, status="PROCESSING")
        ended = run("retry_distribution", distribution.uid, "--batch", "70077")
        assert ended.code == 2
        assert "batch 70077 is PROCESSING; what fails in it can be retried when it has ended" in ended.err

    def test_a_run_that_is_under_way_or_all_paid(self) -> None:
        for status, said in (("PROCESSING", "when the run has ended"), ("COMPLETED", "nothing failed")):
            distribution = run_of(1)
            Distribution.objects.filter(pk=distribution.pk).update(status=status)
            ended = run("retry_distribution", distribution.uid)
            assert ended.code == 2 and said in ended.err

    def test_a_distribution_nobody_knows(self) -> None:
        assert run("retry_distribution", "nobody").code == 2

    def test_of_batch_holder_and_all_only_one_can_be_named(self) -> None:
        with pytest.raises(Exception, match="not allowed with argument"):
            run("retry_distribution", run_of(1).uid, "--failed", "--batch", "1")
