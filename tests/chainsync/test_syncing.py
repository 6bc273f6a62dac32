"""Assets read from the chain: what they are, who holds how much, and what happens when the reader dies."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from chainsync.services import syncing
from chainsync.services.syncing import SYNC_LOCK, refresh_holding, sync_asset, sync_due
from contracts import clock
from contracts.models import Asset, Holding
from contracts.services.sweeping import single_flight
from tests.factories import AssetFactory
from tests.payouts.commands import run
from tests.world import Pump, Setting, World


@pytest.fixture(params=["8", "7"])
def setting(world: World, request: pytest.FixtureRequest) -> Setting:
    """An asset of either interface version."""
    return world.asset(holders=7, asset_version=request.param)


def synced(asset: Asset) -> Asset:
    assert sync_asset(asset.pk)
    asset.refresh_from_db()
    return asset


def on_chain(setting: Setting) -> dict[str, int]:
    balances: dict[str, int] = setting.world.control.do_balances(setting.made["asset"]["id"], setting.holders)
    return {holder.lower(): units for holder, units in balances.items()}


def stored(asset: Asset) -> dict[str, int]:
    return {row.holder: row.balance_units for row in asset.holdings.all()}


def test_an_asset_and_all_of_its_holders(setting: Setting) -> None:
    Asset.objects.update(name="", symbol="OLD", isin="")
    asset = synced(setting.asset)

    assert asset.sync_status == "SYNCED"
    assert asset.sync_error == ""
    assert asset.synced_at is not None
    assert asset.name and asset.symbol != "OLD"
    assert asset.is_paused is False
    assert stored(asset) == on_chain(setting)
    assert asset.supply_units == sum(on_chain(setting).values())
    assert len({row.as_of for row in asset.holdings.all()}) == 1


def test_pages_make_one_list(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 3, 7, 8):
        monkeypatch.setattr(syncing, "PAGE", size)
        Holding.objects.all().delete()
        assert stored(synced(setting.asset)) == on_chain(setting)


def test_a_pause_is_seen(setting: Setting) -> None:
    setting.world.control.do_pause(setting.made["asset"]["id"])
    setting.world.control.do_close_block()
    assert synced(setting.asset).is_paused is True
    setting.world.control.do_pause(setting.made["asset"]["id"], False)
    setting.world.control.do_close_block()
    assert synced(setting.asset).is_paused is False


def test_who_has_left_is_forgotten_and_who_came_is_there(setting: Setting) -> None:
    asset = synced(setting.asset)
    gone = "0x" + "ab" * 20
    Holding.objects.create(asset=asset, holder=gone, balance_units=5, as_of=clock.now() - timedelta(days=2))
    Holding.objects.filter(holder=setting.holders[0].lower()).delete()
    setting.world.control.do_close_block()
    assert stored(synced(asset)) == on_chain(setting)


def test_an_older_reading_changes_nothing_that_is_newer(setting: Setting) -> None:
    asset = synced(setting.asset)
    holder = setting.holders[0].lower()
    later = clock.now() + timedelta(hours=1)
    Holding.objects.filter(holder=holder).update(balance_units=1, as_of=later)

    synced(asset)

    assert stored(asset) == on_chain(setting) | {holder: 1}


def test_one_holder_on_demand(setting: Setting) -> None:
    holder = setting.holders[2].lower()
    holding = refresh_holding(setting.asset, holder)
    assert holding.balance_units == on_chain(setting)[holder]
    assert setting.asset.holdings.count() == 1


def test_a_mirror_node_that_is_away_leaves_what_was_known(setting: Setting, quick_retries: None) -> None:
    asset = synced(setting.asset)
    known, at = stored(asset), asset.synced_at
    setting.world.fault("mirror.error_rate", status=503)
    assert synced(asset).sync_status == "FAILED"
    assert "503" in asset.sync_error
    assert (stored(asset), asset.synced_at) == (known, at)

    setting.world.clear("mirror.error_rate")
    assert (synced(asset).sync_status, asset.sync_error) == ("SYNCED", "")


def test_a_reader_that_died_is_followed_by_another(setting: Setting) -> None:
    Asset.objects.update(sync_status="SYNCING")
    assert synced(setting.asset).sync_status == "SYNCED"


def test_a_defect_is_written_down_and_raised(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> int:
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(syncing, "_read_holders", broken)
    with pytest.raises(ZeroDivisionError):
        sync_asset(setting.asset.pk)
    setting.asset.refresh_from_db()
    assert (setting.asset.sync_status, setting.asset.sync_error) == ("FAILED", "ZeroDivisionError: broken")


def test_one_reads_at_a_time(setting: Setting) -> None:
    has_lock, go_on = threading.Event(), threading.Event()

    def other() -> None:
        with single_flight(SYNC_LOCK + setting.asset.pk):
            has_lock.set()
            go_on.wait(10)
        connection.close()

    reader = threading.Thread(target=other)
    reader.start()
    has_lock.wait(10)
    assert sync_asset(setting.asset.pk) is False
    go_on.set()
    reader.join()
    assert sync_asset(setting.asset.pk) is True


def test_which_assets_are_due(pump: Pump) -> None:
    now = clock.now()
    never = AssetFactory(sync_status="NEVER")
    old = AssetFactory(sync_status="SYNCED", synced_at=now - timedelta(hours=25))
    failed = AssetFactory(sync_status="FAILED", synced_at=now - timedelta(minutes=1))
    AssetFactory(sync_status="SYNCED", synced_at=now - timedelta(hours=23))
    AssetFactory(sync_status="NEVER", sync_enabled=False)
    pump.rings.clear()

    sync_due()

    assert sorted(pump.rings) == sorted(("chainsync.sync_asset", row.pk) for row in (never, old, failed))


# --- the command ----------------------------------------------------------------------------------


def test_reading_an_asset_by_hand(setting: Setting) -> None:
    ended = run("sync_asset", setting.asset.address)
    assert ended.code == 0
    assert "7 holders, supply " in ended.out
    holder = setting.holders[0]
    assert run("sync_asset", setting.asset.address, "--holder", holder).out.startswith(
        f"{holder.lower()} has "
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0.0.7"], r"no asset has the address 0\.0\.7; manage\.py add_asset registers one"),
        (["{asset}", "--holder", "0.0.9"], r"0\.0\.9 is no holder: give the 20 bytes"),
    ],
)
def test_bad_input_names_the_fix(setting: Setting, words: list[str], said: str) -> None:
    with pytest.raises(Exception, match=said):
        run("sync_asset", *(word.format(asset=setting.asset.address) for word in words))


def test_a_chain_that_cannot_be_read_is_said_by_hand(setting: Setting, quick_retries: None) -> None:
    setting.world.fault("mirror.error_rate", status=503)
    with pytest.raises(Exception, match=r"could not be read: .*503"):
        run("sync_asset", setting.asset.address)
