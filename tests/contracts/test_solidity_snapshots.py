"""What a snapshot shows is what was there, whatever happens afterwards; taking one costs next to nothing."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.solidity_chain import ADMIN, SETUP_GAS, STRANGER, Chain, Contract, Reverted, account
from tests.contracts.solidity_world import VERSIONS, deploy_asset

SNAPSHOT_GAS_CEILING = 60_000


def holders_at(asset: Contract, snapshot: int, page_length: int = 100) -> list[str]:
    total = asset.view("getTotalTokenHoldersAtSnapshot", snapshot)
    pages = range(-(-total // page_length))
    return [h for page in pages for h in asset.view("getTokenHoldersAtSnapshot", snapshot, page, page_length)]


def asset_with(count: int, version: str = "AssetToken") -> tuple[Contract, list[str]]:
    asset = deploy_asset(Chain(), version)
    holders = [account(number) for number in range(count)]
    asset.send("mintMany", holders, [1000 + number for number in range(count)], gas=SETUP_GAS)
    return asset, holders


@pytest.mark.parametrize("version", VERSIONS)
def test_holders_and_balances_are_kept_when_holders_leave_join_and_trade(version: str) -> None:
    asset, holders = asset_with(5, version)
    (first,) = asset.send("takeSnapshot").output
    asset.send("transfer", holders[3], 1000, sender=holders[0])  # the first of the list leaves
    asset.send("burn", holders[4], 1004)  # so does the last
    asset.send("mint", account(9), 7)
    (second,) = asset.send("takeSnapshot").output
    asset.send("transfer", account(9), 2003, sender=holders[3])

    assert (first, second) == (1, 2)
    assert holders_at(asset, first) == holders
    assert [asset.view("balanceOfAtSnapshot", first, h) for h in holders] == [1000, 1001, 1002, 1003, 1004]
    assert asset.view("balanceOfAtSnapshot", first, account(9)) == 0
    assert asset.view("totalSupplyAtSnapshot", first) == 5010
    assert sorted(holders_at(asset, second)) == sorted([*holders[1:4], account(9)])
    assert asset.view("balanceOfAtSnapshot", second, holders[3]) == 2003
    assert asset.view("totalSupplyAtSnapshot", second) == 4013
    assert asset.view("decimalsAtSnapshot", second) == 2
    assert asset.view("getTotalSecurityHolders") == 3


def test_a_page_is_a_page_number_and_the_last_one_is_cut_at_the_end() -> None:
    asset, holders = asset_with(25)
    (snapshot,) = asset.send("takeSnapshot").output
    pages = [asset.view("getTokenHoldersAtSnapshot", snapshot, page, 10) for page in range(4)]
    assert [list(page) for page in pages] == [holders[:10], holders[10:20], holders[20:], []]
    balances = asset.view("balancesOfAtSnapshot", snapshot, 2, 10)
    assert list(balances) == [(h, 1020 + n) for n, h in enumerate(holders[20:])]
    assert list(asset.view("getSecurityHolders", 2, 10)) == holders[20:]


def test_a_snapshot_costs_the_same_for_ten_and_for_five_thousand_holders() -> None:
    costs = set()
    for count in (10, 5_000):
        asset, _ = asset_with(count)
        costs.add(asset.send("takeSnapshot").gas_used)
    (cost,) = costs
    assert cost < SNAPSHOT_GAS_CEILING


def test_frozen_tokens_are_out_of_the_balance_but_in_the_supply() -> None:
    asset, holders = asset_with(2)
    asset.send("setFrozenTokens", holders[0], 400)
    (snapshot,) = asset.send("takeSnapshot").output
    asset.send("setFrozenTokens", holders[0], 0)

    assert asset.view("balanceOfAtSnapshot", snapshot, holders[0]) == 600
    assert asset.view("frozenBalanceOfAtSnapshot", snapshot, holders[0]) == 400
    assert asset.view("totalSupplyAtSnapshot", snapshot) == 2001
    assert asset.view("balanceOf", holders[0]) == 1000


def test_frozen_tokens_cannot_be_moved() -> None:
    asset, holders = asset_with(1)
    asset.send("setFrozenTokens", holders[0], 400)
    with pytest.raises(Reverted, match="InsufficientBalance"):
        asset.send("transfer", ADMIN, 601, sender=holders[0])
    asset.send("transfer", ADMIN, 600, sender=holders[0])
    assert asset.view("getTotalBalanceFor", holders[0]) == 400


def test_a_snapshot_that_was_never_taken_is_refused() -> None:
    asset, _ = asset_with(1)
    for snapshot, error in ((0, "SnapshotIdNull"), (1, "SnapshotIdDoesNotExists")):
        with pytest.raises(Reverted, match=error):
            asset.view("totalSupplyAtSnapshot", snapshot)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_snapshot_needs_its_role_and_a_token_that_is_not_paused(version: str) -> None:
    asset, _ = asset_with(1, version)
    with pytest.raises(Reverted, match="AccountHasNoRole"):
        asset.send("takeSnapshot", sender=STRANGER)
    assert asset.send("takeSnapshot").event("SnapshotTaken") == {"operator": ADMIN, "snapshotID": 1}
    asset.send("pause")
    with pytest.raises(Reverted, match="TokenIsPaused"):
        asset.send("takeSnapshot")


@dataclass
class Shadow:
    """The same asset, kept by copying everything."""

    balances: dict[str, int] = field(default_factory=dict)
    taken: list[dict[str, int]] = field(default_factory=list)

    def add(self, holder: str, units: int) -> None:
        left = self.balances.get(holder, 0) + units
        self.balances[holder] = left
        if left == 0:
            del self.balances[holder]


PEOPLE = [account(number) for number in range(6)]
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["mint", "burn", "transfer", "snapshot"]),
        st.sampled_from(PEOPLE),
        st.sampled_from(PEOPLE),
        st.integers(0, 3),
    ),
    max_size=40,
)


def play(asset: Contract, shadow: Shadow, kind: str, who: str, to: str, units: int) -> None:
    units = units if kind == "mint" else min(units, shadow.balances.get(who, 0))
    if kind == "snapshot":
        asset.send("takeSnapshot")
        shadow.taken.append(dict(shadow.balances))
    elif kind == "mint":
        asset.send("mint", who, units)
        shadow.add(who, units)
    elif kind == "burn":
        asset.send("burn", who, units)
        shadow.add(who, -units)
    else:
        asset.send("transfer", to, units, sender=who)
        shadow.add(who, -units)
        shadow.add(to, units)


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_every_snapshot_equals_a_full_copy_made_at_its_time(moves: list[tuple[str, str, str, int]]) -> None:
    asset, shadow = deploy_asset(Chain()), Shadow()
    live_lists = []
    for kind, who, to, units in moves:
        if kind == "snapshot":
            live_lists.append(list(asset.view("getSecurityHolders", 0, 10)))
        play(asset, shadow, kind, who, to, units)

    for snapshot, (expected, listed) in enumerate(zip(shadow.taken, live_lists, strict=True), start=1):
        assert holders_at(asset, snapshot, page_length=4) == listed
        assert sorted(listed) == sorted(expected)
        kept = {person: asset.view("balanceOfAtSnapshot", snapshot, person) for person in PEOPLE}
        assert kept == {person: expected.get(person, 0) for person in PEOPLE}
        assert asset.view("totalSupplyAtSnapshot", snapshot) == sum(expected.values())
