"""A clock that differs: two refusals of a call's time in a row hold the payer, and agreement lifts the hold."""

import pytest

from contracts.models import ContractTransaction, Hold
from contracts.services import clocks, fencing
from contracts.services.holds import place_hold
from tests.contracts.probe import Probe, Status
from tests.factories import TransactionFactory
from tests.factories.contracts import NOW_NS


def holds() -> list[Hold]:
    return list(Hold.objects.open().filter(cause=Hold.Cause.CLOCK))


def refused(probe: Probe) -> ContractTransaction:
    return probe.until(probe.plan(), Status.FAILED)


def test_two_refusals_in_a_row_hold_the_payers_contracts_and_name_the_difference(probe: Probe) -> None:
    probe.world.fault("clock.chain_offset", seconds=-30)
    probe.world.advance(60)
    refused(probe)
    assert not holds()
    refused(probe)

    (hold,) = holds()
    assert (hold.scope, hold.needs_operator) == ("CONTRACT", False)
    assert hold.object_uid == probe.setting.asset.payout_contract.uid
    assert hold.reason.startswith("clock differs by about 3")
    assert "ours is ahead" in hold.reason and "INVALID_TRANSACTION_START" in hold.reason


def test_a_clock_that_is_behind_is_named_so(probe: Probe) -> None:
    probe.world.fault("clock.chain_offset", seconds=200)
    for _ in range(2):
        refused(probe)

    (hold,) = holds()
    assert "ours is behind" in hold.reason and "TRANSACTION_EXPIRED" in hold.reason
    probe.world.clear("clock.chain_offset")
    probe.world.advance(200)


def test_one_refusal_between_successes_holds_nobody(probe: Probe) -> None:
    probe.world.fault("clock.chain_offset", seconds=-30)
    refused(probe)
    probe.world.clear("clock.chain_offset")
    probe.until(probe.plan(), Status.SUCCEEDED)
    probe.world.fault("clock.chain_offset", seconds=-30)
    refused(probe)

    assert not holds()


def test_code_lifts_the_hold_when_the_clocks_agree_again_and_not_before(probe: Probe) -> None:
    probe.world.fault("clock.chain_offset", seconds=-30)
    probe.world.advance(60)
    for _ in range(2):
        refused(probe)
    probe.world.advance(31)
    fencing.guard_wallets()
    assert holds(), "the clocks still differ"

    probe.world.clear("clock.chain_offset")
    probe.world.advance(1)
    fencing.guard_wallets()

    assert not holds()
    assert "only" in Hold.objects.latest("pk").lift_reason


def test_a_hold_that_is_seconds_old_is_not_lifted_so_that_it_does_not_flap(probe: Probe) -> None:
    probe.world.fault("clock.chain_offset", seconds=-30)
    for _ in range(2):
        refused(probe)
    probe.world.clear("clock.chain_offset")
    fencing.guard_wallets()

    assert holds()


def test_code_leaves_a_persons_hold_alone(probe: Probe) -> None:
    uid = probe.setting.asset.payout_contract.uid
    place_hold(scope="CONTRACT", object_uid=uid, cause="CLOCK", reason="I look into it", by="ann")
    probe.world.advance(60)
    fencing.guard_wallets()

    assert holds()


def test_a_mirror_node_that_is_away_leaves_the_hold_and_says_the_difference_is_unknown(
    probe: Probe, quick_retries: None
) -> None:
    probe.world.fault("clock.chain_offset", seconds=-30)
    refused(probe)
    probe.world.fault("mirror.error_rate", match="/blocks", status=503)
    refused(probe)
    probe.world.clear("clock.chain_offset")
    probe.world.advance(60)
    fencing.guard_wallets()

    (hold,) = holds()
    assert hold.reason.startswith("clock differs by an unknown time (the mirror node does not answer")


@pytest.mark.django_db
@pytest.mark.parametrize("error_class", ["INSUFFICIENT_GAS", "CUSTODY_REFUSED"])
def test_other_failures_are_not_about_the_clock(error_class: str) -> None:
    first = TransactionFactory(failed=True, error_class="INVALID_TRANSACTION_START")
    second = TransactionFactory(
        failed=True, wallet=first.wallet, error_class=error_class, valid_start_ns=NOW_NS + 10**9
    )
    clocks.note_refusal(second)

    assert not Hold.objects.exists()
