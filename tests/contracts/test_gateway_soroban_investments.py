"""The investments of a contract read from its entries: all of one moment, or a reason why not."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from stellar_sdk import Keypair, scval, xdr

from contracts.gateways import soroban_investments, soroban_state
from contracts.gateways.errors import Refused, Unavailable
from contracts.gateways.soroban_investments import read_balances, read_investments
from tests.world import World

INVESTED = 1_000_0000000
NOWHERE = "CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD2KM"
Meddle = Callable[[soroban_state.Instance], None]


@pytest.fixture
def address(world: World) -> str:
    made = world.control.do_create_investment(
        goal=5_000_0000000, i_rate=600, return_type=2, claim_block_days=30
    )
    return str(made["contract"])


@pytest.fixture
def meddle(monkeypatch: pytest.MonkeyPatch) -> Callable[[Meddle], None]:
    """Changes what the instance of any contract seems to keep."""

    def start(change: Meddle) -> None:
        read = soroban_state.instance

        def changed(contract: str) -> soroban_state.Instance | None:
            found = read(contract)
            if found is not None:
                change(found)
            return found

        monkeypatch.setattr(soroban_state, "instance", changed)

    return start


def test_terms_balances_and_investments_are_read(world: World, address: str) -> None:
    investor = Keypair.random().public_key
    made = world.control.do_invest(address, INVESTED, investor)

    book = read_investments(address)

    assert (book.rate_basis_points, book.return_months, book.return_type) == (600, 12, 2)
    assert (book.claim_block_days, book.goal_units, book.state) == (30, 5_000_0000000, 2)
    info = world.control.do_investment(address)
    assert book.balances.reserve_units == info["balances"]["reserve"] == 50_0000000
    assert (book.balances.project_units, book.balances.is_paused) == (info["balances"]["project"], False)
    assert book.balances.ledger == world.control.do_stellar_status()["ledger"]
    (one,) = book.investments
    assert (one.token_id, one.holder, one.status) == (1, investor, 1)
    for field in (*soroban_investments.FIELDS, "token_id"):
        assert getattr(one, field) == made[field]


def test_a_contract_nobody_invested_in_has_none(world: World, address: str) -> None:
    assert read_investments(address).investments == ()
    assert read_balances(address).reserve_units == 0


def test_paused_is_read(world: World, address: str) -> None:
    world.control.do_stellar_call(address, "pause", [Keypair.random().public_key])
    assert read_balances(address).is_paused is True


def test_more_entries_than_one_question_may_name(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soroban_state, "MOST_KEYS", 2)
    for _ in range(3):
        world.control.do_invest(address, 100_0000000)

    book = read_investments(address)

    assert [one.token_id for one in book.investments] == [1, 2, 3]
    assert all(one.holder for one in book.investments)


def test_an_address_without_a_contract_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="no contract at") as caught:
        read_investments(NOWHERE)
    assert caught.value.code == "NO_CONTRACT"


def test_a_contract_of_another_kind_is_refused_with_what_is_missing(world: World) -> None:
    token = world.control.do_create_stellar_token()["contract"]
    with pytest.raises(Refused, match="ClaimsMap") as caught:
        read_investments(token)
    assert caught.value.code == "UNKNOWN_LAYOUT"
    with pytest.raises(Refused, match="ContractBalances"):
        read_balances(token)


def test_missing_names_are_listed(world: World, address: str, meddle: Callable[[Meddle], None]) -> None:
    def rename(found: soroban_state.Instance) -> None:
        data = found.storage["ContractData"]
        data["rate"], data["finishes"] = data.pop("interest_rate"), data.pop("return_months")

    meddle(rename)
    with pytest.raises(Refused) as caught:
        read_investments(address)
    assert caught.value.code == "UNKNOWN_LAYOUT"
    assert "ContractData.interest_rate or i_rate, ContractData.return_months. Import" in caught.value.text


def test_both_names_of_the_rate_are_known(
    world: World, address: str, meddle: Callable[[Meddle], None]
) -> None:
    def rename(found: soroban_state.Instance) -> None:
        data = found.storage["ContractData"]
        data["i_rate"] = data.pop("interest_rate")

    meddle(rename)
    assert read_investments(address).rate_basis_points == 600


def test_a_switch_that_is_not_there_is_not_known(
    world: World, address: str, meddle: Callable[[Meddle], None]
) -> None:
    meddle(lambda found: found.storage.pop("Paused"))
    assert read_balances(address).is_paused is None


def test_claims_kept_by_address_are_refused_and_the_reserve_is_read(
    world: World, address: str, meddle: Callable[[Meddle], None]
) -> None:
    world.control.do_invest(address, INVESTED)
    holder = Keypair.random().public_key

    def older(found: soroban_state.Instance) -> None:
        found.storage["ClaimsMap"] = {holder: found.storage["ClaimsMap"][1]}

    meddle(older)
    with pytest.raises(Refused, match="by address") as caught:
        read_investments(address)
    assert caught.value.code == "BY_ADDRESS"
    assert read_balances(address).reserve_units == 50_0000000


def test_an_investment_whose_entry_is_gone_is_named(
    world: World, address: str, meddle: Callable[[Meddle], None]
) -> None:
    world.control.do_invest(address, INVESTED)
    meddle(lambda found: found.storage["ClaimsMap"].update({9: {}}))
    with pytest.raises(Refused, match="entries are not there: 9; restore") as caught:
        read_investments(address)
    assert caught.value.code == "ENTRY_MISSING"


class Interrupted:
    """Something happens on chain between the instance and its entries, so many times."""

    def __init__(self, act: Callable[[], Any], times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._read, self._act, self._left = soroban_state.values, act, times
        self.count = 0
        monkeypatch.setattr(soroban_state, "values", self.values)

    def values(self, contract: str, keys: Sequence[xdr.SCVal]) -> tuple[list[Any], int]:
        self.count += 1
        if self._left:
            self._left -= 1
            self._act()
        return self._read(contract, keys)


def test_an_investment_made_while_it_is_read_is_in_the_book(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.control.do_invest(address, 100_0000000)
    seen = Interrupted(lambda: world.control.do_invest(address, 100_0000000), 1, monkeypatch)

    book = read_investments(address)

    assert [one.token_id for one in book.investments] == [1, 2]
    assert book.balances.reserve_units == world.control.do_investment(address)["balances"]["reserve"]
    assert seen.count == 2


def test_a_ledger_that_closed_without_news_costs_no_second_reading(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.control.do_invest(address, 100_0000000)
    seen = Interrupted(lambda: world.control.do_close_ledger(2), 1, monkeypatch)

    book = read_investments(address)

    assert seen.count == 1
    assert book.balances.ledger == world.control.do_stellar_status()["ledger"]


def test_a_book_that_never_stands_still_is_unavailable(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.control.do_invest(address, 100_0000000)
    seen = Interrupted(lambda: world.control.do_invest(address, 100_0000000), 9, monkeypatch)

    with pytest.raises(Unavailable, match="changed while they were read, 3 times"):
        read_investments(address)
    assert seen.count == 3


def test_entries_newer_than_the_instance_are_read_again(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several nodes behind one address: the one that is asked for the instance is behind."""
    world.control.do_invest(address, 100_0000000)
    read = soroban_state.instance

    def behind(contract: str) -> soroban_state.Instance | None:
        world.fault("soroban.lag", ledgers=1, count=1)
        return read(contract)

    world.control.do_close_ledger(3)
    monkeypatch.setattr(soroban_state, "instance", behind)
    with pytest.raises(Unavailable, match="changed while they were read"):
        read_investments(address)


def test_a_key_is_written_as_the_contract_does() -> None:
    key = soroban_investments._investment_key(7)
    assert scval.to_native(key) == ["Investment", 7]


@pytest.mark.parametrize("fault", ["soroban.down", "soroban.garbage"])
def test_a_node_in_trouble_is_unavailable(world: World, address: str, fault: str) -> None:
    world.fault(fault)
    with pytest.raises(Unavailable):
        read_investments(address)
    world.clear(fault)
    assert read_investments(address).balances.ledger > 0
