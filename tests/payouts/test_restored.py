"""A database that is put back while the chain goes on: nobody is paid twice, and no second snapshot is used."""

import pytest
from pytest_django.fixtures import Settings

from contracts.models import ContractTransaction, Hold
from contracts.services import fencing
from contracts.services.claiming import claim_wallets
from payouts.models import Distribution
from tests.restoring import Backup
from tests.running import Status, assert_all_paid_once, start, until_planned
from tests.world import Pump, Setting, World

HOLDERS = 24


@pytest.fixture
def setting(world: World, settings: Settings) -> Setting:
    settings.BATCH_SIZE = 6
    setting = world.asset(holders=HOLDERS)
    world.advance(20)
    return setting


def claim(world: World) -> None:
    claim_wallets(reason="the database was put back", by="ann", say=print, pause=lambda _: world.advance(60))


def put_back(world: World, pump: Pump, backup: Backup, distribution: Distribution) -> None:
    """The stack dies, the backup is restored, the stack starts again; the fence finds what is missing."""
    world.advance(5)
    pump.rings.clear()
    backup.restore()
    world.advance(1)
    fencing.guard_wallets()
    assert Hold.objects.open().filter(cause=Hold.Cause.FENCE).exists()


def snapshots_taken(world: World, distribution: Distribution) -> int:
    return len(world.records(distribution.snapshot_subject))


def test_a_backup_from_before_the_snapshot(
    world: World, pump: Pump, setting: Setting, backup: Backup
) -> None:
    distribution = start(setting, amount="90")
    backup.take()
    pump.until_status(distribution, Status.COMPLETED)
    paid, snapshot = setting.balances(), distribution.snapshot_id
    put_back(world, pump, backup, distribution)
    pump.until_status(distribution, Status.HELD)
    assert "older than the chain" in distribution.status_reason
    claim(world)
    pump.until_status(distribution, Status.COMPLETED)

    assert setting.balances() == paid
    assert distribution.snapshot_id == snapshot and snapshots_taken(world, distribution) == 1
    assert_all_paid_once(setting, distribution)


def test_a_backup_from_after_the_plan(world: World, pump: Pump, setting: Setting, backup: Backup) -> None:
    distribution = until_planned(pump, start(setting, amount="90"))
    backup.take()
    pump.until_status(distribution, Status.COMPLETED)
    calls = ContractTransaction.objects.filter(purpose="batch").count()
    signatures = world.signatures_asked()
    put_back(world, pump, backup, distribution)
    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    adopted = ContractTransaction.objects.filter(purpose="batch", adopted_at__isnull=False)
    assert adopted.count() == calls == ContractTransaction.objects.filter(purpose="batch").count()
    assert world.signatures_asked() == signatures, "what is on chain is not signed again"


def test_a_backup_from_the_middle_of_paying(
    world: World, pump: Pump, setting: Setting, backup: Backup, settings: Settings
) -> None:
    distribution = until_planned(pump, start(setting, amount="90"))
    settings.CUSTODY_REQUESTS_PER_MINUTE = 60  # one signature in three seconds

    def some_are_paid() -> bool:
        return any(setting.balances().values())

    pump.run(some_are_paid)
    backup.take()
    assert not all(setting.balances().values())
    settings.CUSTODY_REQUESTS_PER_MINUTE = 0
    pump.until_status(distribution, Status.COMPLETED)
    put_back(world, pump, backup, distribution)
    claim(world)
    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)


def test_the_distribution_says_why_it_is_held_until_a_person_claims(
    world: World, pump: Pump, setting: Setting, backup: Backup
) -> None:
    distribution = start(setting, amount="90")
    backup.take()
    until_planned(pump, distribution)
    signatures = world.signatures_asked()
    put_back(world, pump, backup, distribution)
    for _ in range(10):
        world.advance(60)
        pump.beat()

    distribution.refresh_from_db()
    assert distribution.status == Status.HELD, "nothing resumes by itself"
    assert "claim_wallets" in distribution.status_reason
    assert world.signatures_asked() == signatures
    claim(world)
    pump.until_status(distribution, Status.COMPLETED)
    assert snapshots_taken(world, distribution) == 1
    assert_all_paid_once(setting, distribution)
