"""The Soroban gateway against the local RPC: exact numbers, one envelope sent once, and every way in which it fails."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from stellar_sdk import Keypair

from contracts import clock
from contracts.gateways import soroban, soroban_lives, soroban_outcomes
from contracts.gateways.errors import Busy, GatewayError, OutcomeUnknown, Refused, Throttled, Unavailable
from contracts.gateways.soroban_errors import ContractFailed
from tests.world import World

Contract = dict[str, str]


@pytest.fixture
def contract(world: World) -> Contract:
    made: Contract = world.control.do_create_investment()
    return made


class Owner:
    """An account of our own that owns a contract, so that a test signs as custody would."""

    def __init__(self, world: World) -> None:
        self.key = Keypair.random()
        self.account = self.key.public_key
        world.control.do_fund_stellar(self.account)
        self.contract = world.control.do_create_investment(owner=self.account)["contract"]

    def prepared(self, function: str = "check_reserve_balance", **more: Any) -> soroban.Prepared:
        now = clock.now_ns() // clock.NANOSECONDS
        wanted = {"begins_at": now - 8, "ends_at": now + 120, "sequence": soroban.sequence_of(self.account)}
        call = soroban.Call(self.contract, function)
        return soroban.prepare(call, source=self.account, **wanted | more)

    def signed(self, prepared: soroban.Prepared) -> bytes:
        signature = self.key.sign(prepared.hash)
        return soroban.assemble(prepared.raw, account=self.account, signature=signature)


@pytest.fixture
def owner(world: World) -> Owner:
    return Owner(world)


@pytest.mark.parametrize("units", [0, 1, 2**63, 2**64 + 5, 2**127 - 1])
def test_what_is_missing_is_read_exactly(world: World, contract: Contract, units: int) -> None:
    world.control.do_set_reserve_answer(contract["contract"], units)

    answer = soroban.reserve_shortfall(contract["contract"])

    assert (answer.units, answer.needs_restore) == (units, False)
    assert answer.ledger == world.control.do_stellar_status()["ledger"]


@pytest.mark.parametrize("units", [-1, -(2**64), -(2**127)])
def test_a_negative_answer_is_an_error(world: World, contract: Contract, units: int) -> None:
    world.control.do_set_reserve_answer(contract["contract"], units)

    with pytest.raises(Refused, match=f"says that {units} are missing") as caught:
        soroban.reserve_shortfall(contract["contract"])
    assert caught.value.code == "NEGATIVE"


def test_archived_state_is_reported_and_does_not_hide_the_answer(world: World, contract: Contract) -> None:
    world.fault("soroban.archived")
    assert soroban.reserve_shortfall(contract["contract"]).needs_restore


def test_the_life_of_a_contract(world: World, contract: Contract) -> None:
    life = soroban_lives.soonest_end(contract["contract"])
    assert life is not None and life.days_left >= 14 and not life.is_archived

    world.control.do_archive(contract["contract"], "code", 17_280 * 3)
    shorter = soroban_lives.soonest_end(contract["contract"])
    world.control.do_archive(contract["contract"], "code", 17_280 * 90)  # other contracts run the same code
    assert shorter is not None and shorter.days_left in {2, 3}

    world.control.do_archive(contract["contract"])
    ended = soroban_lives.soonest_end(contract["contract"])
    assert ended is not None and (ended.days_left, ended.is_archived) == (0, True)
    assert soroban_lives.soonest_end("CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD2KM") is None


def test_a_signed_call_is_sent_once_and_found_by_its_hash(world: World, owner: Owner) -> None:
    prepared = owner.prepared()
    soroban.broadcast(owner.signed(prepared))
    assert isinstance(soroban_outcomes.outcome(prepared.hash), soroban_outcomes.NotFound)
    world.control.do_close_ledger()

    found = soroban_outcomes.outcome(prepared.hash)

    assert isinstance(found, soroban_outcomes.Outcome)
    assert found.is_success and found.value is not None and soroban.int128(found.value) == 0
    assert found.ledger == world.control.do_stellar_status()["ledger"]
    assert 0 < found.fee_stroops <= prepared.fee_stroops
    assert soroban.sequence_of(owner.account) == world.control.do_stellar_account(owner.account)["sequence"]


def test_the_same_bytes_sent_twice_are_one_transaction(world: World, owner: Owner) -> None:
    raw = owner.signed(owner.prepared())
    before = soroban.sequence_of(owner.account)

    soroban.broadcast(raw)
    soroban.broadcast(raw)
    world.control.do_close_ledger(2)

    assert soroban.sequence_of(owner.account) == before + 1


def test_a_signature_of_somebody_else_is_not_assembled(owner: Owner) -> None:
    prepared = owner.prepared()
    with pytest.raises(ValueError, match="this signature is not"):
        soroban.assemble(prepared.raw, account=owner.account, signature=Keypair.random().sign(prepared.hash))


def test_a_call_that_needs_another_accounts_word_is_not_prepared(world: World, owner: Owner) -> None:
    stranger = Keypair.random().public_key
    world.control.do_fund_stellar(stranger)
    now = clock.now_ns() // clock.NANOSECONDS
    with pytest.raises(Refused, match="wants the signature of another account") as caught:
        soroban.prepare(
            soroban.Call(owner.contract, "check_reserve_balance"),
            source=stranger,
            sequence=soroban.sequence_of(stranger),
            begins_at=now - 8,
            ends_at=now + 60,
        )
    assert caught.value.code == "FOREIGN_AUTH"


def test_a_fee_above_the_ceiling_is_not_prepared(owner: Owner, settings: Settings) -> None:
    settings.SOROBAN_MAX_FEE_STROOPS = 100
    with pytest.raises(Refused, match="SOROBAN_MAX_FEE_STROOPS allows 100") as caught:
        owner.prepared()
    assert caught.value.code == "FEE_TOO_HIGH"


def test_archived_state_is_restored_before_a_call(world: World, owner: Owner) -> None:
    world.fault("soroban.archived")
    with pytest.raises(Refused, match="restore its footprint"):
        owner.prepared()


def test_a_sequence_that_is_taken_is_named_as_the_network_names_it(world: World, owner: Owner) -> None:
    prepared = owner.prepared(sequence=soroban.sequence_of(owner.account) + 5)
    with pytest.raises(Refused) as caught:
        soroban.broadcast(owner.signed(prepared))
    assert caught.value.code == "txBAD_SEQ"


def test_a_contracts_refusal_has_its_name(world: World, owner: Owner) -> None:
    with pytest.raises(ContractFailed) as caught:
        owner.prepared("unpause_nothing")
    assert caught.value.code and caught.value.text
    world.fault("soroban.trap", phase="simulate", code=2)
    with pytest.raises(ContractFailed) as caught:
        soroban.reserve_shortfall(owner.contract)
    assert caught.value.code == "ContractInsufficientBalance"


def test_a_call_that_traps_on_chain_has_its_name_too(world: World, owner: Owner) -> None:
    prepared = owner.prepared()
    world.fault("soroban.trap", phase="execute", code=2)
    soroban.broadcast(owner.signed(prepared))
    world.control.do_close_ledger()

    found = soroban_outcomes.outcome(prepared.hash)
    assert isinstance(found, soroban_outcomes.Outcome)
    assert (found.is_success, found.value) == (False, None)
    assert found.code == "ContractInsufficientBalance"


@pytest.mark.parametrize(
    ("fault", "params", "error"),
    [
        ("soroban.error_rate", {"status": 503}, Unavailable),
        ("soroban.error_rate", {"status": 429, "retry_after": 7}, Throttled),
        ("soroban.garbage", {"mode": "html"}, Unavailable),
        ("soroban.garbage", {"mode": "cut"}, Unavailable),
        ("soroban.garbage", {"mode": "empty"}, Unavailable),
        ("soroban.garbage", {"mode": "null"}, Unavailable),
        ("soroban.down", {}, Unavailable),
    ],
)
def test_a_node_in_trouble_is_one_to_ask_again(
    world: World, contract: Contract, fault: str, params: dict[str, Any], error: type[GatewayError]
) -> None:
    world.fault(fault, **params)
    with pytest.raises(error) as caught:
        soroban.reserve_shortfall(contract["contract"])
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 7


def test_a_slow_node_is_given_up_after_the_timeout(
    world: World, contract: Contract, settings: Settings
) -> None:
    settings.SOROBAN_TIMEOUT_SECONDS = 1
    world.fault("soroban.latency_ms", ms=10_000)
    begin = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer"):
        soroban.reserve_shortfall(contract["contract"])
    assert time.monotonic() - begin < 8


class TestSending:
    def once(self, world: World, owner: Owner, fault: str, **params: Any) -> tuple[Callable[[], None], bytes]:
        prepared = owner.prepared()
        raw = owner.signed(prepared)
        world.fault(fault, count=1, **params)
        return lambda: soroban.broadcast(raw), prepared.hash

    def test_no_room_now(self, world: World, owner: Owner) -> None:
        send, _ = self.once(world, owner, "soroban.try_again_later")
        with pytest.raises(Busy) as caught:
            send()
        assert caught.value.code == "TRY_AGAIN_LATER"

    def test_known_already_is_as_good_as_taken(self, world: World, owner: Owner) -> None:
        send, digest = self.once(world, owner, "soroban.duplicate")
        send()
        world.control.do_close_ledger()
        assert isinstance(soroban_outcomes.outcome(digest), soroban_outcomes.Outcome)

    def test_a_lost_reply_may_have_been_accepted(self, world: World, owner: Owner) -> None:
        send, digest = self.once(world, owner, "soroban.drop_reply")
        with pytest.raises(OutcomeUnknown):
            send()
        world.control.do_close_ledger()
        assert isinstance(soroban_outcomes.outcome(digest), soroban_outcomes.Outcome)

    def test_what_is_refused_by_number_was_not_taken(self, world: World, owner: Owner) -> None:
        send, digest = self.once(world, owner, "soroban.error_rate", status=429)
        with pytest.raises(Throttled):
            send()
        world.control.do_close_ledger()
        assert isinstance(soroban_outcomes.outcome(digest), soroban_outcomes.NotFound)

    def test_one_that_no_ledger_takes_is_not_found_after_its_time(self, world: World, owner: Owner) -> None:
        send, digest = self.once(world, owner, "soroban.lose")
        send()
        world.advance(300)
        world.control.do_close_ledger()
        found = soroban_outcomes.outcome(digest)
        assert isinstance(found, soroban_outcomes.NotFound)
        assert found.latest_closed_at > clock.now_ns() // clock.NANOSECONDS - 30
        assert found.oldest_closed_at < found.latest_closed_at


class TestSettings:
    def test_the_wrong_network_is_named(self, world: World, settings: Settings) -> None:
        soroban.check_network()
        settings.STELLAR_NETWORK = "testnet"
        with pytest.raises(Refused, match="SOROBAN_RPC_URL serves local, STELLAR_NETWORK is testnet"):
            soroban.check_network()

    def test_no_address_is_named(self, world: World, settings: Settings) -> None:
        settings.SOROBAN_RPC_URL = ""
        with pytest.raises(Refused, match="SOROBAN_RPC_URL is empty"):
            soroban.check_network()

    def test_an_account_that_is_not_there(self, world: World) -> None:
        with pytest.raises(Refused, match="there is no account") as caught:
            soroban.sequence_of(Keypair.random().public_key)
        assert caught.value.code == "NO_ACCOUNT"
