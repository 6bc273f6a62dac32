"""Many at once on one contract: no unit is promised twice, nobody waits for another for ever, and a block is a hold.

Locks are taken in one order, whoever takes them: listener, call, contract, ticket, hold, distribution.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from contracts import clock, doorbell
from contracts.models import AuditEvent, Contract, Hold
from reserves.models import PaymentAvailability, Reservation
from reserves.services import checking, life
from reserves.services.blocking import NotDone, accept_deficit, apply_answer, block, unblock
from reserves.services.reserving import BalanceAt, InsufficientReserve, NewDraw, draw_many, reserve
from reserves.services.ticketing import ask_again, open_tickets
from tests.factories import ContractFactory
from tests.factories.contracts import InvestmentContractFactory
from tests.stellar import investment
from tests.threads import together, until_somebody_waits
from tests.world import Pump, World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "_send", lambda *_: None)


class TestReserving:
    def test_many_runs_that_start_at_once_never_over_commit(self) -> None:
        contract = ContractFactory.create()
        balance = BalanceAt(100, 1, 10)
        short: list[int] = []

        def start(uid: str, units: int) -> None:
            try:
                with transaction.atomic():
                    reserve(contract=contract, distribution_uid=uid, pool_of=lambda _: units, balance=balance)
            except InsufficientReserve as error:
                short.append(error.available_units)

        wanted = [30, 25, 20, 15, 15, 10, 10, 5, 5, 60, 45, 7]
        assert together(*(partial(start, f"run{n}", units) for n, units in enumerate(wanted))) == []

        promised = sum(Reservation.objects.values_list("units", flat=True))
        assert Reservation.objects.count() + len(short) == len(wanted)
        assert promised <= 100
        # Who went without was told of less than the smallest free amount would have covered.
        assert all(units > 100 - promised for units in _refused(wanted))

    def test_the_same_run_started_by_many_is_reserved_once(self) -> None:
        contract = ContractFactory.create()

        def start() -> None:
            with transaction.atomic():
                reserve(
                    contract=contract,
                    distribution_uid="a",
                    pool_of=lambda _: 60,
                    balance=BalanceAt(100, 1, 10),
                )

        assert together(*[start] * 10) == []
        assert Reservation.objects.get().units == 60

    def test_runs_that_start_while_others_are_paid_never_over_commit(self) -> None:
        contract = ContractFactory.create()
        chain = BalanceAt(100, 1, 10)
        with transaction.atomic():
            reserve(contract=contract, distribution_uid="paid", pool_of=lambda _: 60, balance=chain)

        def pay() -> None:
            for n in range(12):
                draws = [NewDraw(f"event{n}", 5, 20 + n)]
                with transaction.atomic():
                    draw_many(distribution_uid="paid", draws=draws)

        def start(uid: str) -> None:
            for n in range(6):
                with suppress(InsufficientReserve), transaction.atomic():
                    reserve(
                        contract=contract,
                        distribution_uid=f"{uid}{n}",
                        pool_of=lambda _: 7,
                        balance=chain,
                    )

        assert together(pay, *(partial(start, name) for name in "abcdefgh")) == []
        others = Reservation.objects.exclude(distribution_uid="paid")
        assert (
            sum(others.values_list("units", flat=True)) == 35
        )  # the fifth seven is the last that fits into 40


def _refused(wanted: list[int]) -> list[int]:
    taken = set(Reservation.objects.values_list("distribution_uid", flat=True))
    return [units for n, units in enumerate(wanted) if f"run{n}" not in taken]


class TestBlocks:
    def test_whatever_many_do_at_once_a_block_is_a_hold_and_code_never_lifts_a_persons(
        self, settings: Settings
    ) -> None:
        settings.STELLAR_NETWORK, settings.SOROBAN_RPC_URL = "local", "http://127.0.0.1:1"
        contract = InvestmentContractFactory.create(status="FUNDS_REACHED")
        ledgers, people = count(100), ("olivia", "ann", "ben")

        def do(seed: int) -> None:
            dice = random.Random(seed)
            for _ in range(25):
                _act(dice, contract, ledgers, dice.choice(people))
                _check_that_a_block_is_a_hold(contract)

        assert together(*(partial(do, seed) for seed in range(8))) == []

        contract.refresh_from_db()
        moves = AuditEvent.objects.filter(noun="contract", object_id=contract.pk).order_by("pk")
        _check_the_story([(one.what, one.source, one.target, one.by) for one in moves])
        assert Hold.objects.open().count() <= 1
        assert PaymentAvailability.objects.open().count() <= 1


def _act(dice: random.Random, contract: Contract, ledgers: Any, who: str) -> None:
    acts: list[Callable[[], object]] = [
        lambda: apply_answer(contract.pk, units=dice.choice([0, 0, 5, 9]), ledger=next(ledgers)),
        lambda: apply_answer(contract.pk, units=dice.choice([0, 5]), ledger=next(ledgers) - 3),
        lambda: block(contract, reason="look into it", by=who),
        lambda: unblock(contract, accepted_units=dice.choice([None, 7]), until=None, reason="looked", by=who),
        lambda: accept_deficit(
            contract, units=5, until=clock.now() + timedelta(hours=1), reason="a day", by=who
        ),
        lambda: ask_again(contract),
        lambda: open_tickets(),
        lambda: _hear(contract),
    ]
    with suppress(NotDone):
        dice.choice(acts)()


@transaction.atomic
def _hear(contract: Contract) -> None:
    life.apply_books(contract, life.BOOKS, [])
    life.apply_life(contract, life.LIFE, [])


@transaction.atomic
def _check_that_a_block_is_a_hold(contract: Contract) -> None:
    locked = Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)
    holds = list(Hold.objects.open().filter(scope="CONTRACT", object_uid=contract.uid, cause="BLOCKED"))
    assert len(holds) == (locked.status == "BLOCKED")
    assert bool(locked.status_before_block) == bool(locked.blocked_by) == (locked.status == "BLOCKED")
    if holds:
        assert (holds[0].placed_by, holds[0].needs_operator) == (
            locked.blocked_by,
            locked.blocked_by != "paydate",
        )
        assert holds[0].reason == locked.blocked_reason


def _check_the_story(moves: list[tuple[str, str, str, str]]) -> None:
    """Who has blocked it, from move to move."""
    owner = ""
    for what, source, target, by in moves:
        if what == "status" and target == "BLOCKED":
            owner = by
        elif what == "block":
            assert (owner, source) == ("paydate", "paydate")
            owner = by
        elif what == "status" and source == "BLOCKED":
            assert by != "paydate" or owner == "paydate", "code has lifted a person's block"
            owner = ""


class TestNobodyWaitsForEver:
    def test_books_and_life_of_one_page_beside_an_answer(self, world: World, pump: Pump) -> None:
        contract = investment(world)
        (pk,) = open_tickets([contract.address])
        world.control.do_set_reserve_answer(contract.address, 5)
        # The answer is still on its way when the page takes its locks.
        world.fault("soroban.latency_ms", ms=1_000)

        def read_a_page() -> None:
            with transaction.atomic():
                life.apply_books(contract, life.BOOKS, [])
                until_somebody_waits()
                life.apply_life(contract, life.LIFE, [])

        assert together(read_a_page, lambda: checking.check(pk)) == []
        ticket = PaymentAvailability.objects.get(pk=pk)
        assert (ticket.status, ticket.attempts, ticket.outcome) == ("PROCESSED", 1, "BLOCKED")
        assert PaymentAvailability.objects.open().count() == 1, "the books changed while it was asked"
