"""Asset tokens, payment tokens and contracts that report: what their events change in Paydate."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.core.management.base import CommandError

from chainsync.followed import listener_of
from chainsync.models import ChainEvent, Deposit, EventListener
from chainsync.services import deposits, token_reading
from chainsync.services.assets import apply_transfers
from chainsync.services.following import follow, follow_due
from chainsync.services.syncing import outdated_holdings, refresh_asset, sync_asset
from contracts import clock
from contracts.models import Asset, Holding, Token
from reserves.models import PaymentAvailability
from tests.payouts.commands import run
from tests.world import Pump, Setting, World


@pytest.fixture(params=["8", "7"])
def setting(world: World, pump: Pump, request: pytest.FixtureRequest) -> Setting:
    """An asset of either interface version, read from the chain."""
    made = world.asset(holders=4, asset_version=request.param)
    sync_asset(made.asset.pk)
    return made


def close_block(world: World) -> None:
    world.control.do_close_block()


def on_chain(setting: Setting, token: str = "asset") -> dict[str, int]:
    balances: dict[str, int] = setting.world.control.do_balances(setting.made[token]["id"], setting.holders)
    return {holder.lower(): units for holder, units in balances.items()}


def stored(asset: Asset) -> dict[str, int]:
    return {row.holder: row.balance_units for row in asset.holdings.filter(balance_units__gt=0)}


def look(followed: Any) -> EventListener:
    """As the worker's task does it, long after the last one."""
    EventListener.objects.update(read_at=None, rescanned_at=None)
    follow(listener_of(followed).pk)
    return listener_of(followed)


# --- asset tokens ---------------------------------------------------------------------------------


def test_what_is_registered_is_followed_with_its_asset_and_its_token(setting: Setting, pump: Pump) -> None:
    follow_due()
    contract = setting.asset.payout_contract
    listeners = {(row.address, row.kind) for row in EventListener.objects.all()}
    assert listeners == {
        (contract.address, "CONTRACT"),
        (setting.asset.address, "ASSET"),
        (contract.payment_token.address, "TOKEN"),
    }
    rung = {pk for name, pk in pump.rings if name == "chainsync.follow"}
    assert rung == set(EventListener.objects.values_list("pk", flat=True))

    EventListener.objects.all().delete()
    Asset.objects.update(sync_enabled=False)
    follow_due()
    assert not EventListener.objects.filter(kind="ASSET").exists()


def test_a_transfer_between_holders_is_seen_and_read_from_the_chain(setting: Setting, pump: Pump) -> None:
    first, second, *_ = setting.holders
    setting.world.control.do_transfer(setting.made["asset"]["id"], first, second, 3)
    close_block(setting.world)
    assert stored(setting.asset) != on_chain(setting)

    look(setting.asset)
    assert {row.holder for row in outdated_holdings()} == {first.lower(), second.lower()}
    pump.drain()

    assert stored(setting.asset) == on_chain(setting)
    assert not outdated_holdings().exists()
    assert not ChainEvent.objects.exclude(quarantine_reason="").exists()


def test_minting_changes_the_supply_and_a_pause_the_pause(setting: Setting, pump: Pump) -> None:
    asset, token = setting.asset, setting.made["asset"]["id"]
    asset.refresh_from_db()
    before = asset.supply_units
    assert before is not None
    setting.world.control.do_call(token, "mint", [setting.holders[0], 7])
    setting.world.control.do_pause(token)
    close_block(setting.world)

    look(asset)
    pump.drain()

    asset.refresh_from_db()
    assert (asset.supply_units, asset.is_paused) == (before + 7, True)
    assert stored(asset) == on_chain(setting)

    setting.world.control.do_pause(token, False)
    close_block(setting.world)
    look(asset)
    pump.drain()
    asset.refresh_from_db()
    assert asset.is_paused is False


def test_a_stranger_who_receives_becomes_a_holder(setting: Setting, pump: Pump) -> None:
    stranger = "0x" + "5a" * 20
    setting.world.control.do_add_accounts([stranger])
    setting.world.control.do_transfer(setting.made["asset"]["id"], setting.holders[0], stranger, 1)
    close_block(setting.world)
    look(setting.asset)
    pump.drain()
    assert stored(setting.asset)[stranger] == 1


def test_what_the_mirror_node_does_not_know_yet_is_asked_again(setting: Setting, pump: Pump) -> None:
    asset, holder = setting.asset, setting.holders[0].lower()
    later = clock.now().replace(year=clock.now().year + 1)
    Holding.objects.filter(asset=asset, holder=holder).update(moved_at=later)
    refresh_asset(asset.pk)
    assert [row.holder for row in outdated_holdings()] == [holder]
    pump.rings.clear()
    follow_due()
    assert ("chainsync.refresh_asset", asset.pk) in pump.rings


def test_transfers_mean_the_same_in_any_order_and_any_number(setting: Setting, pump: Pump) -> None:
    asset, (first, second, third, *_) = setting.asset, setting.holders
    for sender, to in ((first, second), (second, third), (third, first)):
        setting.world.control.do_transfer(setting.made["asset"]["id"], sender, to, 1)
    close_block(setting.world)
    look(asset)
    pks = list(ChainEvent.objects.filter(name="Transfer", address=asset.address).values_list("pk", flat=True))
    expected = set(Holding.objects.values_list("holder", "moved_at"))
    for order in permutations(pks[-3:]):
        Holding.objects.update(moved_at=None)
        for pk in (*order, order[0]):
            assert apply_transfers(asset, "holders", [pk])
        moved = set(Holding.objects.exclude(moved_at=None).values_list("holder", "moved_at"))
        assert moved <= expected and len(moved) == 3


def test_a_reading_of_an_older_block_leaves_what_moved_since(setting: Setting) -> None:
    asset, holder = setting.asset, "0x" + "ab" * 20
    Holding.objects.create(
        asset=asset,
        holder=holder,
        balance_units=0,
        as_of=clock.from_ns(0),
        moved_at=clock.now().replace(year=clock.now().year + 1),
    )
    close_block(setting.world)
    assert sync_asset(asset.pk)
    assert Holding.objects.filter(holder=holder).exists()


# --- payment tokens -------------------------------------------------------------------------------


def deposits_of(setting: Setting) -> list[Deposit]:
    return list(setting.asset.payout_contract.deposits.order_by("consensus_at"))


def test_a_deposit_is_seen_once_whoever_tells_it(setting: Setting, pump: Pump) -> None:
    contract = setting.asset.payout_contract
    look(contract.payment_token)
    Deposit.objects.all().delete()
    PaymentAvailability.objects.all().delete()
    sent = setting.world.control.do_deposit(contract.address, 12_345)
    close_block(setting.world)

    look(contract.payment_token)
    look(contract.payment_token)

    newest = deposits_of(setting)[-1]
    assert (newest.units, newest.consensus_at) == (12_345, sent["timestamp"])
    assert newest.transaction_id == sent["transaction_id"]
    assert newest.token == contract.payment_token
    assert len(deposits_of(setting)) == len({row.consensus_at for row in deposits_of(setting)})
    # What the contract lacks is asked at once.
    (asked,) = PaymentAvailability.objects.filter(contract=contract)
    assert asked.requested_by == "paydate: money came"


@pytest.mark.parametrize("is_list_first", [True, False])
def test_logs_and_lists_tell_one_deposit(
    setting: Setting, pump: Pump, monkeypatch: pytest.MonkeyPatch, *, is_list_first: bool
) -> None:
    contract = setting.asset.payout_contract
    sent = setting.world.control.do_deposit(contract.address, 500)
    close_block(setting.world)
    listed, logs = token_reading._listed, token_reading._logs
    nothing: Any = lambda *args: []  # noqa: E731
    # As if one of the two did not know it yet.
    monkeypatch.setattr(token_reading, *(("_logs", nothing) if is_list_first else ("_listed", nothing)))
    look(contract.payment_token)
    assert [row.units for row in deposits_of(setting) if row.consensus_at == sent["timestamp"]] == [500]
    monkeypatch.setattr(token_reading, "_logs", logs)
    monkeypatch.setattr(token_reading, "_listed", listed)
    look(contract.payment_token)
    (row,) = [row for row in deposits_of(setting) if row.consensus_at == sent["timestamp"]]
    assert (row.units, row.transaction_id) == (500, sent["transaction_id"])


def test_transfers_of_one_transaction_add_up_in_any_order(setting: Setting) -> None:
    contract = setting.asset.payout_contract
    token = Token.objects.get(pk=contract.payment_token_id)
    values = {"network": token.network, "address": token.address, "consensus_at": "1795844651.000000001"}
    other = "0x" + "12" * 20
    moves = [
        (other, contract.evm_address, 30),
        (contract.evm_address, other, 10),
        (other, contract.evm_address, 5),
    ]
    rows = [
        ChainEvent.objects.create(
            **values,
            log_index=index,
            name="Transfer",
            key=deposits.KEY,
            args={"from": sender, "to": to, "value": units},
            is_proved=True,
            seen_at=clock.now(),
        )
        for index, (sender, to, units) in enumerate(moves)
    ]
    for order in permutations(rows):
        Deposit.objects.all().delete()
        for row in order:
            deposits.apply_transfers(token, deposits.KEY, [row.pk])
        (deposit,) = deposits_of(setting)
        assert deposit.units == 25


def test_windows_make_one_history_and_a_look_ends_somewhere(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = setting.asset.payout_contract
    sent = []
    for units in (1, 2, 3):
        sent.append(setting.world.control.do_deposit(contract.address, units)["timestamp"])
        setting.world.advance(100)
    close_block(setting.world)
    monkeypatch.setattr(token_reading, "MOST_WINDOWS", 2)
    pk = listener_of(contract.payment_token).pk
    looks = 0
    while looks < 40:
        later = clock.now() + timedelta(days=1)
        EventListener.objects.filter(pk=pk).update(window_seconds=60, next_read_at=later)
        follow(pk)
        looks += 1
        if EventListener.objects.get(pk=pk).next_read_at == later:
            break  # what is not finished is due at once
    assert 2 < looks < 40
    found = {row.consensus_at: row.units for row in deposits_of(setting)}
    assert [found.get(at) for at in sent] == [1, 2, 3]


# --- contracts that report ------------------------------------------------------------------------


def reporter_of(setting: Setting) -> EventListener:
    made = setting.world.control.do_deploy_reporter()
    close_block(setting.world)
    ended = run("add_listener", made["contract_id"], "--interface", "seed", "--asset", setting.asset.address)
    assert ended.out == f"{made['contract_id']} is followed from now on\n"
    return EventListener.objects.get(address=made["contract_id"])


def test_a_balance_that_is_reported_is_checked_with_the_asset(setting: Setting, pump: Pump) -> None:
    reporter, holder = reporter_of(setting), setting.holders[0]
    Holding.objects.filter(holder=holder.lower()).update(balance_units=1)
    setting.world.control.do_report(reporter.address, [["HolderBalanceUpdated", holder, 999]])
    close_block(setting.world)
    look(reporter)
    pump.drain()
    assert stored(setting.asset) == on_chain(setting)
    (event,) = ChainEvent.objects.filter(address=reporter.address)
    assert (event.name, event.args["newBalance"]) == ("HolderBalanceUpdated", 999)


def test_what_is_no_contract_is_not_followed(setting: Setting) -> None:
    asset = setting.asset.address
    nowhere, seed = "0.0.999999", ("--interface", "seed")
    for words, why in (
        (
            (nowhere, *seed, "--asset", asset),
            "there is no contract 0.0.999999 on hedera-local; check the address",
        ),
        ((asset, *seed, "--asset", asset), "is registered as asset and followed as that"),
        ((nowhere, *seed, "--asset", nowhere), "no asset has the address 0.0.999999"),
        ((nowhere, *seed), "needs --asset"),
        ((nowhere,), "nothing that could be followed has the address 0.0.999999"),
    ):
        with pytest.raises(CommandError, match=why) as refused:
            run("add_listener", *words)
        assert refused.value.returncode == 2
    assert not EventListener.objects.filter(kind="REPORTS").exists()


# --- the wrong mirror node ------------------------------------------------------------------------


def test_another_networks_mirror_node_is_told_from_ours(setting: Setting) -> None:
    asset = setting.asset
    look(asset)
    assert listener_of(asset).last_error == ""
    Asset.objects.update(evm_address="0x" + "77" * 20)
    assert "has another contract at" in look(asset).last_error
    Asset.objects.update(address="0.0.9999999")
    asset.refresh_from_db()
    error = look(asset).last_error
    assert (
        "the mirror node has no contract at 0.0.9999999: HEDERA_MIRROR_URL is not that of hedera-local"
        in error
    )


def test_a_cursor_after_the_end_of_the_chain_is_explained(setting: Setting) -> None:
    for followed in (setting.asset.payout_contract, setting.asset.payout_contract.payment_token):
        look(followed)
        EventListener.objects.update(cursor_at="9999999999.000000000")
        error = look(followed).last_error
        assert "another network's" in error and "rewind_cursor" in error
        EventListener.objects.update(cursor_at="")


def test_a_mirror_node_that_is_not_there_is_named(
    setting: Setting, quick_retries: None, settings: Any
) -> None:
    settings.HEDERA_MIRROR_URL = "http://127.0.0.1:1"
    assert "the mirror node cannot be reached" in look(setting.asset).last_error
    assert "the mirror node cannot be reached" in look(setting.asset.payout_contract.payment_token).last_error
