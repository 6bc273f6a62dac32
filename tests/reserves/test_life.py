"""The life of an investment contract: whatever its chain says, in whatever order, it ends where it belongs."""

from itertools import permutations
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from chainsync.followed import interface_of, listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.services.following import follow
from chainsync.services.storing import NewEvent, store_events, understood
from contracts.models import AuditEvent, Contract
from devnet.soroban.timeline import LEDGER_SECONDS, RETENTION
from reserves.models import PaymentAvailability, SeenState
from reserves.services.blocking import apply_answer
from reserves.services.checking import check
from reserves.services.life import heal_from_state
from tests.factories.contracts import InvestmentContractFactory
from tests.world import Pump, World

pytestmark = pytest.mark.django_db


class Followed:
    """An investment contract on the devnet, followed step by step."""

    def __init__(self, world: World, **columns: Any) -> None:
        self.control = world.control
        made = self.control.do_create_investment()
        self.owner = made["owner"]
        self.contract: Contract = InvestmentContractFactory(address=made["contract"], **columns)

    def call(self, function: str) -> None:
        self.control.do_stellar_call(self.contract.address, function, [self.owner])

    def reach_goal(self) -> None:
        self.control.do_set_investment_state(self.contract.address, 3)

    def look(self) -> tuple[str, str]:
        """Status, and the one to which a block returns, after one look."""
        follow(listener_of(self.contract).pk)
        assert not ChainEvent.objects.exclude(quarantine_reason="").exists()
        self.contract.refresh_from_db()
        return self.contract.status, self.contract.status_before_block

    def tickets(self) -> list[str]:
        rows = PaymentAvailability.objects.filter(contract=self.contract).order_by("pk")
        return list(rows.values_list("requested_by", flat=True))

    def settle_tickets(self) -> None:
        for ticket in PaymentAvailability.objects.open().filter(contract=self.contract):
            check(ticket.pk)
        self.contract.refresh_from_db()


@pytest.fixture
def followed(world: World, pump: Pump) -> Followed:
    return Followed(world)


def reasons(contract: Contract, what: str = "status") -> list[tuple[str, str, str]]:
    rows = AuditEvent.objects.filter(noun="contract", object_id=contract.pk, what=what).order_by("pk")
    return list(rows.values_list("source", "target", "reason"))


# --- on the chain ---------------------------------------------------------------------------------


def test_paused_unpaused_and_its_goal_reached(world: World, followed: Followed) -> None:
    assert followed.look() == ("ACTIVE", "")
    ledgers = []
    for step in (lambda: followed.call("pause"), lambda: followed.call("unpause"), followed.reach_goal):
        step()
        ledgers.append(world.control.do_stellar_status()["ledger"])
        followed.look()

    assert reasons(followed.contract) == [
        ("ACTIVE", "PAUSED", f"paused on chain, ledger {ledgers[0]}"),
        ("PAUSED", "ACTIVE", f"unpaused on chain, ledger {ledgers[1]}"),
        ("ACTIVE", "FUNDS_REACHED", f"the funding goal was reached, ledger {ledgers[2]}"),
    ]
    followed.call("pause")
    assert followed.look() == ("PAUSED", "")
    followed.call("unpause")
    assert followed.look() == ("FUNDS_REACHED", "")


def test_a_goal_reached_by_the_last_investment(world: World, pump: Pump) -> None:
    followed = Followed(world)
    followed.look()
    part = world.control.do_invest(followed.contract.address, 1_000_0000000)["deposited"]
    goal = world.control.do_investment(followed.contract.address)["data"]["goal"]
    world.control.do_set_investment_books(followed.contract.address, {"received_so_far": goal - part})
    assert followed.look() == ("ACTIVE", "")

    world.control.do_invest(followed.contract.address, 1_000_0000000)
    assert followed.look() == ("FUNDS_REACHED", "")


def test_a_paused_contract_whose_goal_is_reached_stays_paused(followed: Followed) -> None:
    followed.look()
    followed.call("pause")
    assert followed.look() == ("PAUSED", "")
    followed.reach_goal()
    assert followed.look() == ("PAUSED", "")
    followed.call("unpause")
    assert followed.look() == ("FUNDS_REACHED", "")


def test_while_it_is_blocked_only_where_it_returns_to_changes(followed: Followed) -> None:
    followed.look()
    apply_answer(followed.contract.pk, units=5, ledger=1)
    assert followed.look() == ("BLOCKED", "ACTIVE")

    followed.call("pause")
    assert followed.look() == ("BLOCKED", "PAUSED")
    followed.reach_goal()
    assert followed.look() == ("BLOCKED", "PAUSED")
    followed.call("unpause")
    assert followed.look() == ("BLOCKED", "FUNDS_REACHED")
    moves = reasons(followed.contract, "status before block")
    assert [move[:2] for move in moves] == [("ACTIVE", "PAUSED"), ("PAUSED", "FUNDS_REACHED")]

    apply_answer(followed.contract.pk, units=0, ledger=2)
    assert followed.look() == ("FUNDS_REACHED", "")


@pytest.mark.parametrize("status", ["DRAFT", "FINISHED"])
def test_a_contract_not_in_use_or_finished_stays_what_it_is(followed: Followed, status: str) -> None:
    followed.look()
    Contract.objects.filter(pk=followed.contract.pk).update(status=status)
    followed.call("pause")
    assert followed.look() == (status, "")


def test_a_top_up_of_a_blocked_contract_is_asked_about_at_once(
    world: World, followed: Followed, pump: Pump
) -> None:
    followed.look()
    world.control.do_set_reserve_answer(followed.contract.address, 100)
    followed.settle_tickets()
    assert followed.contract.status == "BLOCKED"
    pump.rings.clear()
    assert followed.look() == ("BLOCKED", "ACTIVE")
    assert list(pump.rings) == []

    world.control.do_set_reserve_answer(followed.contract.address, 0)
    world.control.do_top_up_reserve(followed.contract.address, 100)
    followed.look()

    ticket = PaymentAvailability.objects.open().get(contract=followed.contract)
    assert ticket.requested_by == "paydate: the books changed on chain"
    assert list(pump.rings) == [
        ("reserves.check", ticket.pk),
        ("reserves.refresh_book", followed.contract.pk),
    ]
    followed.settle_tickets()
    assert followed.contract.status == "ACTIVE"


def test_a_top_up_during_a_check_is_asked_about_after_it(world: World, followed: Followed) -> None:
    followed.look()
    ticket = PaymentAvailability.objects.open().get(contract=followed.contract)
    assert not ticket.is_asked_again
    world.control.do_top_up_reserve(followed.contract.address, 100)
    followed.look()
    ticket.refresh_from_db()
    assert ticket.is_asked_again


def test_a_pause_asks_for_no_check(followed: Followed, pump: Pump) -> None:
    followed.look()
    followed.settle_tickets()
    before = followed.tickets()
    pump.rings.clear()
    followed.call("pause")
    followed.look()
    assert (followed.tickets(), list(pump.rings)) == (before, [])


def test_what_happened_before_it_was_followed_is_read_from_its_state(world: World, pump: Pump) -> None:
    followed = Followed(world)
    followed.reach_goal()
    followed.call("pause")
    # As if the RPC kept none of these events.
    world.advance((RETENTION + 10) * LEDGER_SECONDS)

    assert followed.look() == ("PAUSED", "")
    assert not ChainEvent.objects.exists()
    seen = SeenState.objects.get(contract=followed.contract)
    assert (seen.is_paused, seen.is_funds_reached) == (True, True)
    assert reasons(followed.contract) == [("ACTIVE", "PAUSED", f"paused on chain, ledger {seen.ledger}")]
    assert followed.tickets() == ["paydate: the contract's state was read"]
    assert ("reserves.refresh_book", followed.contract.pk) in pump.rings

    followed.call("unpause")
    assert followed.look() == ("FUNDS_REACHED", "")


def test_what_was_lost_in_a_gap_is_read_from_its_state_and_later_events_follow(
    world: World, followed: Followed
) -> None:
    followed.look()
    followed.call("pause")
    world.advance((RETENTION + 10) * LEDGER_SECONDS)

    assert followed.look() == ("PAUSED", "")
    assert "are no longer kept" in EventListener.objects.get().last_error
    followed.reach_goal()
    assert followed.look() == ("PAUSED", "")
    followed.call("unpause")
    assert followed.look() == ("FUNDS_REACHED", "")


def test_a_state_that_is_not_newer_says_nothing(world: World, followed: Followed) -> None:
    world.control.do_close_ledger(10)
    followed.look()
    followed.call("pause")
    assert followed.look() == ("PAUSED", "")
    first = SeenState.objects.get(contract=followed.contract)
    world.fault("soroban.lag", ledgers=8)

    heal_from_state(followed.contract)
    assert SeenState.objects.get(contract=followed.contract) == first
    assert SeenState.objects.get(contract=followed.contract).ledger == first.ledger
    assert followed.look() == ("PAUSED", "")


def test_a_contract_that_is_not_there_is_said(world: World, pump: Pump) -> None:
    contract = InvestmentContractFactory(address=world.control.do_create_stellar_token()["contract"])
    contract.address = "CA3D5KRYM6CB7OWQ6TWYRR3Z4T7GNZLKERYNZGGA5SOAOPIFY6YQGAXE"
    contract.save()
    follow(listener_of(contract).pk)
    assert "code=NO_CONTRACT" in listener_of(contract).last_error


# --- in any order ---------------------------------------------------------------------------------

Said = tuple[int, str, dict[str, Any]]
STORY: list[Said] = [
    (101, "paused", {}),
    (102, "unpaused", {}),
    (103, "STUPDATED", {"new_state": 3}),
    (104, "paused", {}),
]


def event(contract: Contract, said: Said) -> NewEvent:
    ledger, name, args = said
    raw = NewEvent(
        consensus_at=f"{1_795_000_000 + 5 * ledger}.000000000",
        log_index=4096,
        topics=(),
        data=b"",
        transaction_hash=f"{ledger:064x}",
        block=ledger,
        is_proved=True,
    )
    return understood(contract, raw, name, args)


def hear(contract: Contract, *story: Said) -> tuple[str, str]:
    with transaction.atomic():
        store_events(contract, [event(contract, said) for said in story])
    contract.refresh_from_db()
    return contract.status, contract.status_before_block


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ({"status": "ACTIVE"}, ("PAUSED", "")),
        ({"status": "BLOCKED", "status_before_block": "ACTIVE"}, ("BLOCKED", "PAUSED")),
        ({"status": "BLOCKED"}, ("BLOCKED", "PAUSED")),
    ],
)
def test_every_order_of_the_same_events_ends_in_the_same_state(
    start: dict[str, str], end: tuple[str, str]
) -> None:
    for order in permutations(STORY):
        contract = InvestmentContractFactory(**start)
        for said in order:
            hear(contract, said)
        assert hear(contract, *order) == end
        assert hear(contract, (105, "unpaused", {}))[-1 if end[1] else 0] == "FUNDS_REACHED"


@settings(deadline=None, max_examples=40)
@given(
    story=st.lists(st.sampled_from(["paused", "unpaused", "STUPDATED"]), max_size=6),
    seen=st.none() | st.tuples(st.integers(100, 107), st.booleans(), st.booleans()),
    data=st.data(),
)
def test_events_and_a_state_in_any_order_and_any_parts(
    story: list[str], seen: tuple[int, bool, bool] | None, data: st.DataObject
) -> None:
    said: list[Said] = [
        (101 + number, name, {"value": 3} if name == "STUPDATED" else {}) for number, name in enumerate(story)
    ]
    contract = InvestmentContractFactory(interface_version="0")
    if seen:
        ledger, is_paused, is_reached = seen
        SeenState.objects.create(
            contract=contract, ledger=ledger, is_paused=is_paused, is_funds_reached=is_reached
        )
    shuffled = data.draw(st.permutations(said + said[: data.draw(st.integers(0, len(said)))]))
    cut = data.draw(st.integers(0, len(shuffled)))
    hear(contract, *shuffled[:cut])
    status, _ = hear(contract, *shuffled[cut:])

    pauses = [(ledger, name == "paused") for ledger, name, _ in said if name != "STUPDATED"]
    if seen:
        pauses = [(seen[0], seen[1]), *(pause for pause in pauses if pause[0] > seen[0])]
    is_reached = "STUPDATED" in story or bool(seen and seen[2] and story)
    open_status = "FUNDS_REACHED" if is_reached else "ACTIVE"
    is_paused = bool(story) and bool(pauses) and pauses[-1][1]
    assert status == ("PAUSED" if is_paused else open_status)


def test_an_older_contract_sends_the_bare_state() -> None:
    contract = InvestmentContractFactory(interface_version="0")
    assert interface_of(contract) == "investment/0"
    assert hear(contract, (101, "STUPDATED", {"value": 2})) == ("ACTIVE", "")
    assert hear(contract, (102, "STUPDATED", {"value": 3})) == ("FUNDS_REACHED", "")


@pytest.mark.parametrize("args", [{}, {"new_state": "3"}, {"new_state": True}, {"value": None}])
def test_a_state_that_is_no_number_is_kept_and_means_nothing(args: dict[str, Any]) -> None:
    contract = InvestmentContractFactory()
    assert hear(contract, (101, "STUPDATED", args), (102, "paused", {})) == ("PAUSED", "")
    odd = ChainEvent.objects.get(name="STUPDATED")
    assert (odd.key, odd.processed_at) == ("", None)
    assert odd.quarantine_reason.startswith("makes no sense: the new state is")


def test_a_contract_registered_when_its_goal_was_reached_returns_there() -> None:
    contract = InvestmentContractFactory(status="FUNDS_REACHED")
    assert hear(contract, (101, "STUPDATED", {"new_state": 2})) == ("FUNDS_REACHED", "")
    contract = InvestmentContractFactory(status="PAUSED")
    assert hear(contract, (101, "STUPDATED", {"new_state": 3})) == ("PAUSED", "")
