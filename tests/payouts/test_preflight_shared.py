"""Many runs of one asset ask the chain once in five seconds, and a hold is not lifted by an answer older than it."""

from datetime import timedelta

import pytest

from contracts import clock
from contracts.gateways.errors import GatewayError
from payouts.services import preflight, shared_answers
from payouts.services.shared_answers import not_before
from tests.running import Status, assert_all_paid_once, start
from tests.world import Pump, Setting, World

pytestmark = pytest.mark.usefixtures("quick_retries")


def pause(setting: Setting, is_paused: bool = True) -> None:
    setting.world.control.do_pause(setting.made["payout_contract"]["id"], is_paused)
    setting.world.control.do_close_block()


def test_for_five_seconds_nobody_asks_the_chain_again(world: World) -> None:
    asset = world.asset(holders=1).asset
    assert preflight.why_not(asset) is None

    world.fault("mirror.error_rate", status=503)

    assert preflight.why_not(asset) is None, "no request was made, or it would have failed"
    world.advance(6)
    with pytest.raises(GatewayError):
        preflight.why_not(asset)


def test_what_is_in_the_way_is_shared_too_and_found_gone_in_time(world: World) -> None:
    setting = world.asset(holders=1)
    pause(setting)
    assert "is paused; unpause it" in str(preflight.why_not(setting.asset))
    pause(setting, False)
    assert preflight.why_not(setting.asset) is not None
    world.advance(6)
    assert preflight.why_not(setting.asset) is None


def test_a_failure_to_ask_is_not_kept(world: World) -> None:
    asset = world.asset(holders=1).asset
    world.fault("mirror.error_rate", status=503)
    with pytest.raises(GatewayError):
        preflight.why_not(asset)
    world.clear("mirror.error_rate")
    assert preflight.why_not(asset) is None


def test_an_answer_from_before_a_hold_does_not_count(world: World) -> None:
    setting = world.asset(holders=1)
    assert preflight.why_not(setting.asset) is None
    pause(setting)
    assert preflight.why_not(setting.asset) is None
    with not_before(clock.now()):
        assert "is paused" in str(preflight.why_not(setting.asset))
    assert "is paused" in str(preflight.why_not(setting.asset)), "the newer answer is the one that is kept"


def test_two_assets_do_not_answer_for_each_other(world: World) -> None:
    paused, other = world.asset(holders=1), world.asset(holders=1)
    pause(paused)
    assert preflight.why_not(paused.asset) is not None
    assert preflight.why_not(other.asset) is None


def test_who_makes_a_distribution_gets_an_answer_of_this_moment(world: World) -> None:
    setting = world.asset(holders=1)
    assert preflight.why_not(setting.asset) is None
    pause(setting)
    assert "is paused; unpause it" in str(preflight.why_unusable(setting.asset))


def test_a_clock_that_was_set_back_keeps_nothing_longer() -> None:
    later = clock.now() + timedelta(seconds=60)
    shared_answers._answers["key"] = shared_answers._Answer(later, "from the future")
    assert shared_answers.ask_once("key", lambda: "now") == "now"


def test_a_run_that_found_its_contract_paused_goes_on_once_it_is_not(world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    distribution = start(setting, amount="60")
    pause(setting)
    pump.until_status(distribution, Status.HELD)

    pause(setting, False)

    pump.until_status(distribution, Status.COMPLETED)
    assert_all_paid_once(setting, distribution)
