"""Bond cash-out at maturity: small groups, a holder whose bond cannot be burnt stands alone, nobody is paid twice."""

import pytest
from pytest_django.fixtures import Settings

from contracts.models import ContractTransaction
from payouts.models import Batch, Distribution, Payment
from payouts.services.cashing_out import create_cash_out
from payouts.services.creating import BadInput
from payouts.services.scheduling import start_due
from tests.payouts.commands import run
from tests.running import Status, assert_all_paid_once, until_planned
from tests.world import Pump, Setting, World

MATURES_IN = 300


def bond(world: World, *, holders: int, version: str = "7", **plan: object) -> Setting:
    """At a nominal value of 1 a token, so that a thousand million of them cost as much."""
    return world.asset(
        holders=holders, kind="BOND_FIXED_RATE", asset_version=version, maturity_in=MATURES_IN, **plan
    )


def ask_bond(setting: Setting, function: str, *arguments: object) -> None:
    setting.world.control.do_call(setting.made["asset"]["id"], function, list(arguments))
    setting.world.control.do_close_block()


def mature(setting: Setting, pump: Pump) -> Distribution:
    distribution = create_cash_out(setting.asset.address, by="tests")
    start_due()
    assert not pump.rings, "it has not matured"
    setting.world.advance(MATURES_IN + 5)
    start_due()
    return distribution


def bonds_left(setting: Setting) -> dict[str, int]:
    return dict(setting.world.control.do_balances(setting.made["asset"]["id"], setting.holders))


@pytest.mark.parametrize("version", ["7", "8"])
def test_each_holder_gets_the_principal_and_the_bond_is_burnt(world: World, pump: Pump, version: str) -> None:
    setting = bond(world, holders=12, version=version)
    before = bonds_left(setting)
    distribution = mature(setting, pump)

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert setting.balances() == before, "a token has a nominal value of 1"
    assert set(bonds_left(setting).values()) == {0}
    assert dict(distribution.payments.values_list("holder", "balance_units")) == before
    assert sorted(distribution.batches.values_list("total", flat=True)) == [2, 10]
    contract = distribution.asset.payout_contract
    assert contract.learned_batch_size is None, "other calls are not like these"


def test_of_120_holders_two_revert_118_are_paid_and_a_retry_pays_them_after_the_cause_is_gone(
    world: World, pump: Pump
) -> None:
    setting = bond(world, holders=120)
    reverting = [setting.holders[17], setting.holders[94]]
    for holder in reverting:
        ask_bond(setting, "setKyc", holder, False)
    distribution = mature(setting, pump)

    pump.until_status(distribution, Status.PARTIALLY_COMPLETED)

    failed = distribution.payments.failed().order_by("holder")
    assert [line.holder for line in failed] == sorted(reverting)
    assert {line.failure_cause for line in failed} == {Payment.Cause.CALL_FAILED}
    assert all("KYC" in line.failure_reason for line in failed)
    assert distribution.payments.filter(status="PAID").count() == 118
    left = bonds_left(setting)
    assert [holder for holder in setting.holders if left[holder]] == sorted(
        reverting, key=setting.holders.index
    )
    assert setting.balances()[reverting[0]] == 0

    for holder in reverting:
        ask_bond(setting, "setKyc", holder, True)
    run("retry_distribution", distribution.uid, "--no-wait")
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
    assert set(bonds_left(setting).values()) == {0}


def test_what_another_tool_has_cashed_out_is_not_paid_again(world: World, pump: Pump) -> None:
    setting = bond(world, holders=4)
    distribution = until_planned(pump, mature(setting, pump))
    arguments = [setting.made["asset"]["id"], setting.holders[:2]]
    world.control.do_call(setting.made["payout_contract"]["id"], "executeBondCashOutByAddresses", arguments)
    world.control.do_close_block()

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    assert not distribution.payments.exclude(difference="").exists()


def test_a_call_whose_reply_is_lost_is_looked_for_and_not_sent_anew(world: World, pump: Pump) -> None:
    setting = bond(world, holders=4)
    distribution = mature(setting, pump)
    world.fault("consensus.drop_reply", match="batch:")

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    calls = ContractTransaction.objects.filter(purpose="batch", group_uid=distribution.uid)
    assert [call.attempt for call in calls] == [1] and not calls.get().has_guard


def test_a_call_that_was_lost_needs_a_proof_of_absence_before_another_one(
    world: World, pump: Pump, settings: Settings
) -> None:
    settings.TRANSACTION_VALID_SECONDS = 30
    setting = bond(world, holders=3)
    distribution = until_planned(pump, mature(setting, pump))
    world.fault("consensus.lose", match=f"{distribution.batches.get().subject}:1")

    pump.until_status(distribution, Status.COMPLETED)

    assert_all_paid_once(setting, distribution)
    calls = ContractTransaction.objects.filter(purpose="batch", group_uid=distribution.uid)
    assert list(calls.order_by("attempt").values_list("status", flat=True)) == ["EXPIRED", "SUCCEEDED"]
    assert calls.first().error_text == "a later transaction of the payer is on chain, this one is not"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("contract", "role", "of", "words"),
    [
        ("payout_contract", "CASHOUT", "payer", "lacks the role CASHOUT"),
        ("asset", "MATURITY_REDEEMER", "payout_contract", "lacks the role MATURITY_REDEEMER on the bond"),
    ],
)
def test_a_missing_role_holds_it_before_anything_is_sent_and_it_goes_on_by_itself(
    world: World, pump: Pump, contract: str, role: str, of: str, words: str
) -> None:
    setting = bond(world, holders=3)
    where, whose = setting.made[contract]["id"], setting.made[of]["id"]
    world.control.do_set_role(where, role, whose, False)
    world.control.do_close_block()
    distribution = mature(setting, pump)
    pump.until_status(distribution, Status.HELD)
    assert words in distribution.status_reason
    assert not Batch.objects.filter(distribution=distribution).exists()

    world.control.do_set_role(where, role, whose, True)
    world.control.do_close_block()
    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)


def test_a_holder_without_principal_is_dropped(world: World, pump: Pump) -> None:
    """Listed with a balance that is worth less than the smallest unit of the money."""
    setting = bond(world, holders=3, payment_decimals=2, asset_decimals=6)
    poor, rich = setting.holders[:2]
    share = bonds_left(setting)[poor]
    world.control.do_transfer(setting.made["asset"]["id"], poor, rich, share - 9)
    world.control.do_close_block()
    distribution = mature(setting, pump)

    pump.until_status(distribution, Status.COMPLETED)

    line = distribution.payments.get(holder=poor)
    assert (line.status, int(line.expected_units), int(line.balance_units)) == ("SKIPPED", 0, 9)
    assert set(distribution.payments.exclude(holder=poor).values_list("status", flat=True)) == {"PAID"}


def test_a_bond_has_one_cash_out(world: World, pump: Pump) -> None:
    setting = bond(world, holders=2)
    first = create_cash_out(setting.asset.symbol, by="tests")
    with pytest.raises(BadInput, match=f"has its cash-out already: {first.uid}, PENDING"):
        create_cash_out(setting.asset.address, by="tests")

    Distribution.objects.filter(pk=first.pk).update(status="CANCELLED")
    assert create_cash_out(setting.asset.address, by="tests").pk != first.pk


def test_an_equity_never_matures(world: World) -> None:
    with pytest.raises(BadInput, match="is an equity: it never matures"):
        create_cash_out(world.spare_asset().asset.address, by="tests")
