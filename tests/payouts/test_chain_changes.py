"""What others do on chain that concerns our runs: pauses, roles, cancelled corporate actions, reports."""

from itertools import permutations
from typing import Any

import pytest

from chainsync.followed import listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.processors import heal
from chainsync.services.following import follow
from contracts.models import AuditEvent, Hold
from payouts.models import Distribution
from payouts.services.roles import apply_changes
from payouts.services.starting import NotStartable, execute_distribution
from tests.factories import BatchFactory, DistributionFactory
from tests.payouts.commands import run
from tests.world import Pump, Setting, World

PAYOUT = "PAYOUT"


@pytest.fixture
def setting(world: World, pump: Pump) -> Setting:
    return world.asset(holders=2)


def look(followed: Any) -> None:
    EventListener.objects.update(read_at=None, rescanned_at=None)
    follow(listener_of(followed).pk)
    assert listener_of(followed).last_error == ""


def close_block(setting: Setting) -> None:
    setting.world.control.do_close_block()


# --- pauses ---------------------------------------------------------------------------------------


def test_a_pause_of_the_payout_contract_is_seen_and_its_end_too(setting: Setting) -> None:
    contract = setting.asset.payout_contract
    for is_paused, status in ((True, "PAUSED"), (False, "ACTIVE")):
        setting.world.control.do_pause(contract.address, is_paused)
        close_block(setting)
        look(contract)
        contract.refresh_from_db()
        assert contract.status == status
    moves = AuditEvent.objects.filter(noun="contract", what="status").order_by("pk")
    assert [move.target for move in moves] == ["PAUSED", "ACTIVE"]
    assert "on chain, block " in moves[0].reason


def test_a_pause_that_no_event_told_is_read_from_the_contract(setting: Setting) -> None:
    contract = setting.asset.payout_contract
    setting.world.control.do_pause(contract.address)
    close_block(setting)
    heal("lccf/1.1", contract)
    contract.refresh_from_db()
    assert contract.status == "PAUSED"
    # What was read stands for all events of earlier blocks; a later one goes on from there.
    look(contract)
    contract.refresh_from_db()
    assert contract.status == "PAUSED"
    setting.world.control.do_pause(contract.address, False)
    close_block(setting)
    look(contract)
    contract.refresh_from_db()
    assert contract.status == "ACTIVE"


# --- roles ----------------------------------------------------------------------------------------


def test_a_wallet_that_loses_its_role_holds_the_runs_until_it_has_it_again(setting: Setting) -> None:
    contract, wallet = setting.asset.payout_contract, setting.asset.payout_contract.wallet
    look(contract)
    assert not Hold.objects.open().exists()
    distribution = DistributionFactory(asset=setting.asset, planned=True, status="PROCESSING")

    setting.world.control.do_set_role(contract.address, PAYOUT, wallet.account, False)
    close_block(setting)
    look(contract)

    (hold,) = Hold.objects.open()
    assert (hold.scope, hold.object_uid, hold.cause) == ("CONTRACT", contract.uid, "PREFLIGHT")
    distribution.refresh_from_db()
    assert distribution.status == "HELD"
    assert "lost the role PAYOUT" in distribution.status_reason

    setting.world.control.do_set_role(contract.address, PAYOUT, wallet.account, True)
    close_block(setting)
    look(contract)

    assert not Hold.objects.open().exists()
    distribution.refresh_from_db()
    assert distribution.status == "PROCESSING"
    targets = AuditEvent.objects.filter(what="role on chain").order_by("pk").values_list("target", flat=True)
    assert list(targets)[-2:] == ["PAYOUT revoked", "PAYOUT granted"]


def test_the_newest_change_of_a_role_decides_in_any_order(setting: Setting) -> None:
    contract, wallet = setting.asset.payout_contract, setting.asset.payout_contract.wallet
    for has_role in (False, True, False):
        setting.world.control.do_set_role(contract.address, PAYOUT, wallet.account, has_role)
    close_block(setting)
    look(contract)
    events = ChainEvent.objects.filter(key=f"roles:{wallet.evm_address}").order_by("consensus_at")
    pks = list(events.values_list("pk", flat=True))[-3:]
    rows = ChainEvent.objects.filter(pk__in=pks)
    for order in permutations(pks):
        Hold.objects.all().delete()
        rows.update(is_proved=False)
        for pk in order:
            rows.filter(pk=pk).update(is_proved=True)
            apply_changes(contract, f"roles:{wallet.evm_address}", [pk])
        assert Hold.objects.open().count() == 1


def test_somebody_elses_role_is_evidence_and_nothing_more(setting: Setting) -> None:
    contract, other = setting.asset.payout_contract, "0x" + "5b" * 20
    setting.world.control.do_add_accounts([other])
    setting.world.control.do_set_role(contract.address, "CASHOUT", other, True)
    close_block(setting)
    look(contract)
    assert AuditEvent.objects.filter(
        what="role on chain", target="CASHOUT granted", reason__contains=other
    ).exists()
    assert not Hold.objects.open().exists()


# --- corporate actions ----------------------------------------------------------------------------


@pytest.mark.parametrize("is_forced", [True, False])
@pytest.mark.parametrize(("kind", "version"), [("EQUITY", "8"), ("EQUITY", "7"), ("BOND_FIXED_RATE", "8")])
def test_what_pays_a_cancelled_action_is_cancelled_or_held(
    world: World, pump: Pump, kind: str, version: str, *, is_forced: bool
) -> None:
    setting = world.asset(holders=1, kind=kind, asset_version=version)
    asset, token = setting.asset, setting.made["asset"]["id"]
    numbers = [world.control.do_declare(token)["number"] for _ in range(4)]

    def paying(number: int, **columns: Any) -> Distribution:
        return DistributionFactory(
            asset=asset, corporate_action=True, corporate_action_id=str(number), **columns
        )

    waiting = paying(numbers[0], status="PENDING")
    running = paying(numbers[1], planned=True, status="PROCESSING")
    other = paying(numbers[2], status="PENDING")
    for number in (*numbers[:2], numbers[3]):
        world.control.do_cancel(token, number, is_forced)
    close_block(setting)

    look(asset)

    for row in (waiting, running, other):
        row.refresh_from_db()
    assert (waiting.status, running.status, other.status) == ("CANCELLED", "HELD", "PENDING")
    assert "was cancelled on chain" in waiting.status_reason
    hold = Hold.objects.open().get(object_uid=running.uid)
    assert hold.needs_operator and "lift the hold to pay all the same" in hold.reason

    late = paying(numbers[3], status="PENDING")
    with pytest.raises(NotStartable, match="was cancelled on chain at"):
        execute_distribution(late, by="tests")


# --- reports --------------------------------------------------------------------------------------


def word(uid: str) -> str:
    return "0x" + uid.encode().hex().ljust(64, "0")


def test_reports_are_kept_with_what_they_are_about_and_move_nothing(setting: Setting) -> None:
    distribution = DistributionFactory(asset=setting.asset, planned=True, status="PROCESSING")
    batch = BatchFactory(distribution=distribution)
    made = setting.world.control.do_deploy_reporter()
    close_block(setting)
    run("add_listener", made["contract_id"], "--interface", "seed", "--asset", setting.asset.address)
    reporter = EventListener.objects.get(address=made["contract_id"])
    setting.world.control.do_report(
        reporter.address,
        [
            ["DistributionExecuted", word(distribution.uid), 5_000, 3],
            ["PayoutCompleted", word(batch.uid), 2, 1],
            ["DistributionExecuted", word("somebody else's payout"), 1, 1],
            ["DistributionExecuted", "0x" + "ff" * 32, 1, 1],
        ],
        per_transaction=4,
    )
    close_block(setting)

    look(reporter)

    said = {event.target: event for event in AuditEvent.objects.filter(what="reported")}
    assert "5000 units to 3 holders; paid by our books so far: 0 units" in said["DistributionExecuted"].reason
    assert said["DistributionExecuted"].object_id == distribution.pk
    assert "2 paid, 1 failed; by our books so far: 0 paid" in said["PayoutCompleted"].reason
    distribution.refresh_from_db()
    assert (distribution.status, distribution.paid_units) == ("PROCESSING", 0)
    events = ChainEvent.objects.filter(address=reporter.address).order_by("log_index")
    assert [event.processed_at is not None for event in events] == [True, True, False, False]
    assert not events.exclude(quarantine_reason="").exists()
