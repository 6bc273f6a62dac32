"""The modelled investment contract: its sums, its errors, its events, and the flaws of its seven-day rule."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from stellar_sdk import Keypair, scval, xdr
from stellar_sdk.contract.exceptions import SimulationFailedError
from stellar_sdk.soroban_rpc import EventFilter, EventFilterType

from devnet.operations import OperationFailed
from devnet.soroban import codec, terms
from tests.devnet.stellar_desk import WHOLE, Desk, desk, returned

INSTALMENT = 871_354_166  # of 1,000 whole tokens over 12 months at 5 %


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as opened:
        yield opened


def required(made: Desk) -> int:
    return int(made.call().result())


# -- sums


@pytest.mark.parametrize(
    ("tokens", "divisor"), [(100, 10), (499, 10), (500, 11), (24_100, 70), (24_499, 70), (24_500, 60)]
)
def test_the_divisor_of_the_commission_climbs_and_then_falls(tokens: int, divisor: int) -> None:
    assert terms.divisor(tokens * WHOLE, 7) == divisor


def test_the_three_parts_of_an_investment_may_leave_units_unbooked() -> None:
    parts = terms.split(1_000 * WHOLE, 500, 7)
    assert (parts.commission, parts.reserve, parts.project) == (41_666_666, 500_000_000, 9_458_333_333)
    assert 1_000 * WHOLE - parts.commission - parts.deposited == 1


def test_an_instalment_drops_the_remainder() -> None:
    assert terms.instalment(9_958_333_333, 500, 12, terms.REVERSE_LOAN) == INSTALMENT
    assert terms.instalment(9_958_333_333, 500, 12, terms.COUPON) == 41_493_055


# -- investing


def test_an_investment_fills_the_books_and_the_claims(made: Desk) -> None:
    value = made.operations.invest(made.contract, 1_000 * WHOLE)
    assert (value["token_id"], value["regular_payment"], value["status"]) == (1, INSTALMENT, 2)
    info = made.operations.info(made.contract)
    assert info["balances"]["received_so_far"] == 9_958_333_333
    assert info["claims"]["1"]["amount_to_pay"] == INSTALMENT
    token = made.made["token"]
    assert made.operations.call(token, "balance", [made.contract]) == 1_000 * WHOLE


def test_the_investor_signs_for_the_investment_and_for_the_transfer_in_it(made: Desk) -> None:
    investor = Keypair.random()
    made.operations.fund(investor.public_key)
    made.operations.mint(made.made["token"], investor.public_key, 200 * WHOLE)
    arguments = [scval.to_address(investor.public_key), scval.to_int128(200 * WHOLE)]
    call = made.call("invest", arguments, source=investor.public_key)
    assert call.simulation is not None
    assert call.simulation.results is not None
    entry = xdr.SorobanAuthorizationEntry.from_xdr(call.simulation.results[0].auth[0])  # type: ignore[index]
    below = entry.root_invocation.sub_invocations[0].function.contract_fn
    assert below is not None
    assert below.function_name.sc_symbol == b"transfer"
    call.sign(transaction_signer=investor)
    assert call.built_transaction is not None
    assert returned(made.settle(call.built_transaction))["token_id"] == 1
    assert made.operations.call(made.contract, "owner_of", [1]) == investor.public_key


@pytest.mark.parametrize(("units", "code"), [(0, 32), (-5, 32), (99 * WHOLE, 5), (100 * WHOLE, 1)])
def test_investments_that_cannot_be_are_refused(made: Desk, units: int, code: int) -> None:
    arguments = [scval.to_address(made.owner.public_key), scval.to_int128(units)]
    with pytest.raises(SimulationFailedError, match=rf"Error\(Contract, #{code}\)"):
        made.call("invest", arguments)


def test_funds_are_reached_by_exact_equality_only(tmp_path: Path) -> None:
    goal = terms.split(1_000 * WHOLE, 500, 7).deposited
    with desk(tmp_path, goal=goal) as made:
        made.operations.invest(made.contract, 1_000 * WHOLE)
        assert made.operations.info(made.contract)["data"]["state"] == 3
        with pytest.raises(OperationFailed, match="#31"):
            made.operations.invest(made.contract, 1_000 * WHOLE)
        with pytest.raises(OperationFailed, match="#30"):
            other = made.operations.create_investment(owner=made.owner.public_key, goal=goal)
            made.operations.invest(other["contract"], 2_000 * WHOLE)
        assert any(scval.to_native(event.topic[0]) == "STUPDATED" for event in made.events())


# -- the reserve


def test_a_claim_is_next_from_seven_days_before_it_is_due(made: Desk) -> None:
    made.operations.invest(made.contract, 1_000 * WHOLE)
    made.operations.set_books(made.contract, {"reserve": 5})
    made.advance(22.9)
    assert required(made) == 0
    made.advance(0.2)
    assert required(made) == INSTALMENT - 5


def test_money_of_the_owner_covers_the_deficit(made: Desk) -> None:
    made.operations.invest(made.contract, 1_000 * WHOLE)
    made.advance(24)
    missing = required(made)
    assert missing == INSTALMENT - 500_000_000
    made.operations.mint(made.made["token"], made.owner.public_key, missing)
    answer = made.settle(made.signed("add_company_transfer", [scval.to_int128(missing)]))
    assert returned(answer) is True
    assert (required(made), made.books()["reserve_contributions"]) == (0, missing)


def test_a_contribution_needs_the_owners_money(made: Desk) -> None:
    with pytest.raises(SimulationFailedError, match=r"Error\(Contract, #1\)"):
        made.call("add_company_transfer", [scval.to_int128(1)])


def test_moving_funds_needs_strictly_more_and_takes_negative_amounts(made: Desk) -> None:
    made.operations.set_books(made.contract, {"project": 100, "reserve": 50})
    with pytest.raises(SimulationFailedError, match=r"Error\(Contract, #24\)"):
        made.call("move_funds_to_the_reserve", [scval.to_int128(100)])
    made.settle(made.signed("move_funds_to_the_reserve", [scval.to_int128(99)]))
    assert (made.books()["project"], made.books()["reserve"]) == (1, 149)
    made.settle(made.signed("move_funds_to_the_reserve", [scval.to_int128(-40)]))
    assert (made.books()["project"], made.books()["reserve"]) == (41, 109)


def test_a_withdrawal_goes_to_the_project(made: Desk) -> None:
    made.operations.invest(made.contract, 1_000 * WHOLE)
    made.settle(made.signed("single_withdrawn", [scval.to_int128(7)]))
    assert made.operations.call(made.made["token"], "balance", [made.made["project"]]) == 7
    assert made.books()["project_withdrawals"] == 7
    with pytest.raises(SimulationFailedError, match=r"Error\(Contract, #24\)"):
        made.call("single_withdrawn", [scval.to_int128(10**12)])


# -- payments


def pay(made: Desk) -> dict[str, int]:
    value = made.operations.call(made.contract, "process_investor_payment", [1])
    assert isinstance(value, dict)
    return value


def test_a_second_payment_within_thirty_days_is_refused(made: Desk) -> None:
    investor = made.operations.invest(made.contract, 1_000 * WHOLE)["investor"]
    made.operations.top_up(made.contract, 10**10)
    assert pay(made)["payments_transferred"] == 1
    assert made.operations.call(made.made["token"], "balance", [investor]) == INSTALMENT
    made.advance(29.9)
    with pytest.raises(OperationFailed, match="#17"):
        pay(made)
    made.advance(0.2)
    assert (pay(made)["status"], made.books()["payments"]) == (4, 2 * INSTALMENT)


def test_payments_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with desk(tmp_path, claim_block_days=180) as made:
        made.operations.invest(made.contract, 1_000 * WHOLE)
        with pytest.raises(OperationFailed, match="#15"):
            pay(made)
        with pytest.raises(OperationFailed, match="#200"):
            made.operations.call(made.contract, "process_investor_payment", [9])
        made.advance(181)
        with pytest.raises(OperationFailed, match="#2"):
            pay(made)


def test_the_block_period_is_not_known_to_the_check(tmp_path: Path) -> None:
    with desk(tmp_path, claim_block_days=180) as made:
        made.operations.invest(made.contract, 1_000 * WHOLE)
        made.advance(24)
        assert required(made) == INSTALMENT - 500_000_000


def test_a_finished_investment_is_due_for_ever(tmp_path: Path) -> None:
    with desk(tmp_path, return_months=1) as made:
        made.operations.invest(made.contract, 1_000 * WHOLE)
        made.operations.top_up(made.contract, 2 * 10**10)
        assert pay(made)["status"] == 5
        made.operations.set_books(made.contract, {"reserve": 0})
        assert required(made) == 0
        made.advance(24)
        assert required(made) == 10_456_249_999
        with pytest.raises(OperationFailed, match="#16"):
            pay(made)


def test_the_principal_of_a_coupon_is_invisible_to_the_check(tmp_path: Path) -> None:
    with desk(tmp_path, return_months=2, return_type=terms.COUPON) as made:
        value = made.operations.invest(made.contract, 1_000 * WHOLE)
        made.operations.top_up(made.contract, 2 * 10**10)
        pay(made)
        made.operations.set_books(made.contract, {"reserve": 0})
        made.advance(31)
        assert required(made) == value["regular_payment"]
        made.operations.top_up(made.contract, 2 * 10**10)
        assert pay(made)["paid"] == 2 * value["regular_payment"] + value["deposited"]


# -- pause, events


def test_a_pause_stops_money_and_not_the_check(made: Desk) -> None:
    caller = [scval.to_address(made.owner.public_key)]
    made.operations.invest(made.contract, 1_000 * WHOLE)
    made.settle(made.signed("pause", caller))
    assert made.call("paused").result() is True
    assert required(made) == 0
    with pytest.raises(SimulationFailedError, match=r"Error\(Contract, #1000\)"):
        made.call("process_investor_payment", [scval.to_uint32(1)])
    made.settle(made.signed("unpause", caller))
    with pytest.raises(SimulationFailedError, match=r"Error\(Contract, #1001\)"):
        made.call("unpause", caller)
    names = [scval.to_native(event.topic[0]) for event in made.events()]
    assert names[-2:] == ["paused", "unpaused"]


def test_events_are_filtered_and_continued_from_a_cursor(made: Desk) -> None:
    for _ in range(3):
        made.operations.invest(made.contract, 1_000 * WHOLE)
    topic = scval.to_symbol("CBUPDATED").to_xdr()
    wanted = [EventFilter(type=EventFilterType.CONTRACT, contractIds=[made.contract], topics=[[topic]])]
    first = made.rpc.get_events(1_000, filters=wanted, limit=2)
    assert [scval.to_native(event.topic[0]) for event in first.events] == ["CBUPDATED"] * 2
    rest = made.rpc.get_events(filters=wanted, cursor=first.cursor, limit=2)
    assert len(rest.events) == 1
    books = scval.to_native(rest.events[0].value)
    assert books == made.books()
    made.operations.top_up(made.contract, 5)
    more = made.rpc.get_events(filters=wanted, cursor=rest.cursor)
    assert [scval.to_native(event.value)["reserve_contributions"] for event in more.events] == [5]  # type: ignore[index,call-overload]
    assert made.rpc.get_events(filters=wanted, cursor=more.cursor).events == []


def test_an_event_of_a_transaction_names_it(made: Desk) -> None:
    caller = [scval.to_address(made.owner.public_key)]
    answer = made.settle(made.signed("pause", caller))
    event = made.events()[-1]
    assert (event.transaction_hash, event.ledger) == (answer.transaction_hash, answer.ledger)


def test_the_storage_is_readable_as_ledger_entries(made: Desk) -> None:
    made.operations.invest(made.contract, 1_000 * WHOLE)
    keys = [
        xdr.LedgerKey.from_xdr(key)
        for key in (
            codec.instance_key(made.contract),
            codec.data_key(made.contract, scval.to_enum("Investment", scval.to_uint32(1))),
        )
    ]
    answer = made.rpc.get_ledger_entries(keys)
    instance, investment = answer.entries or []
    assert instance.live_until_ledger == answer.latest_ledger + 30 * 17_280 - 2
    assert investment.live_until_ledger is not None
    _, storage = codec.instance_parts(codec.data_value(instance.xdr))
    assert sorted(storage) == ["ClaimsMap", "ContractBalances", "ContractData", "Owner", "Paused"]
    assert scval.to_native(codec.data_value(investment.xdr))["token_id"] == 1  # type: ignore[index,call-overload]


def test_a_token_moves_between_accounts(made: Desk) -> None:
    token, other = made.made["token"], Keypair.random().public_key
    made.operations.mint(token, made.owner.public_key, 10)
    arguments = [scval.to_address(made.owner.public_key), scval.to_address(other), scval.to_int128(4)]
    call = made.call("transfer", arguments, contract=token).sign()
    assert call.built_transaction is not None
    assert made.settle(call.built_transaction).status.value == "SUCCESS"
    assert made.call("balance", [scval.to_address(other)], contract=token).result() == 4
    assert made.call("symbol", contract=token).result() == "USDC"
    event = made.events()[-1]
    assert [scval.to_native(event.topic[0]), scval.to_native(event.value)] == ["transfer", 4]
    with pytest.raises(SimulationFailedError, match=r"Error\(Contract, #10\)"):
        made.call("transfer", [*arguments[:2], scval.to_int128(7)], contract=token)
