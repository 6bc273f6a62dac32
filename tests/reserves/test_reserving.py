"""The reservation rule, against a model of the contract's money: no unit is promised twice, none is withheld."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.models import Contract
from reserves.models import Draw, Reservation
from reserves.services.reserving import (
    BalanceAt,
    InsufficientReserve,
    NewDraw,
    available_units,
    close,
    draw_many,
    keep,
    reserve,
    reserve_again,
    shrink,
)
from tests.factories import ContractFactory


def draw(*, distribution_uid: str, subject: str, units: int, consensus_ns: int) -> None:
    draw_many(distribution_uid=distribution_uid, draws=[NewDraw(subject, units, consensus_ns)])


class Chain:
    """A contract's balance over time: every payment and top-up is a block of its own."""

    def __init__(self, units: int) -> None:
        self.blocks = [BalanceAt(units=units, block=0, as_of_ns=0)]

    def change(self, units: int) -> int:
        """The consensus time of the change."""
        last = self.blocks[-1]
        self.blocks.append(BalanceAt(last.units + units, last.block + 1, last.as_of_ns + 10))
        return last.as_of_ns + 5

    @property
    def now(self) -> BalanceAt:
        return self.blocks[-1]


class History:
    """Runs of one contract: reserved, paid on chain, settled later, closed; the balance may be an old one."""

    def __init__(self, contract: Contract, units: int) -> None:
        self.contract = contract
        self.chain = Chain(units)
        self.unpaid: dict[str, int] = {}
        self.unsettled: list[tuple[str, int, int]] = []
        self.count = 0

    def reserve(self, units: int, age: int) -> None:
        """With a balance ``age`` blocks old; whoever has seen a payment settled has asked later than it."""
        balance = self.chain.blocks[max(0, len(self.chain.blocks) - 1 - age)]
        uid = f"run{self.count}"
        self.count += 1
        try:
            with transaction.atomic():
                reserve(
                    contract=self.contract, distribution_uid=uid, pool_of=lambda _: units, balance=balance
                )
        except InsufficientReserve as error:
            assert units > error.available_units
        else:
            self.unpaid[uid] = units

    def pay(self, pick: int, units: int) -> None:
        """Some of what a run still owes leaves the contract; nobody here knows yet."""
        if open_runs := [uid for uid, left in self.unpaid.items() if left]:
            uid = open_runs[pick % len(open_runs)]
            paid = min(units, self.unpaid[uid])
            self.unpaid[uid] -= paid
            self.unsettled.append((uid, paid, self.chain.change(-paid)))

    def settle(self, pick: int) -> None:
        if self.unsettled:
            uid, units, at = self.unsettled.pop(pick % len(self.unsettled))
            for _ in range(2):  # a settlement that is repeated changes nothing
                draw(distribution_uid=uid, subject=f"{uid}:{at}", units=units, consensus_ns=at)

    def finish(self, pick: int) -> None:
        """A run whose calls are all settled ends, whatever it has not paid."""
        busy = {uid for uid, _, _ in self.unsettled}
        if ended := [uid for uid in self.unpaid if uid not in busy]:
            uid = ended[pick % len(ended)]
            del self.unpaid[uid]
            close(distribution_uid=uid)

    def end_in_part(self, pick: int, units: int) -> None:
        """A run ends with lines of some of its units unpaid, which will be tried again; the rest it gives back."""
        busy = {uid for uid, _, _ in self.unsettled}
        if ended := [uid for uid in self.unpaid if uid not in busy]:
            uid = ended[pick % len(ended)]
            self.unpaid[uid] = min(units, self.unpaid[uid])
            keep(distribution_uid=uid, units=self.unpaid[uid])

    def retry(self, pick: int, units: int, age: int) -> None:
        """An ended run wants ``units`` again, whether it kept some or gave all back."""
        if not self.count:
            return
        uid = f"run{pick % self.count}"
        reservation = Reservation.objects.filter(distribution_uid=uid).first()
        if reservation is None or any(one == uid for one, _, _ in self.unsettled):
            return
        balance = self.chain.blocks[max(0, len(self.chain.blocks) - 1 - age)]
        try:
            with transaction.atomic():
                reserve_again(contract=self.contract, distribution_uid=uid, units=units, balance=balance)
        except InsufficientReserve as error:
            assert units > error.available_units
        else:
            self.unpaid[uid] = units

    def top_up(self, units: int) -> None:
        self.chain.change(units)

    def check(self) -> None:
        owed = sum(self.unpaid.values())
        assert owed <= self.chain.now.units, "more is promised than is there"
        if not self.unsettled:
            for balance in self.chain.blocks[-3:]:
                late_money = self.chain.now.units - balance.units
                paid_later = sum(
                    Draw.objects.filter(consensus_ns__gt=balance.as_of_ns).values_list("units", flat=True)
                )
                assert available_units(self.contract, balance) == (
                    self.chain.now.units - owed - late_money - paid_later
                ), "what is free is not exactly what is there and not owed"


amounts = st.integers(1, 60)
picks = st.integers(0, 9)
steps = st.one_of(
    st.tuples(st.just("reserve"), amounts, st.integers(0, 4)),
    st.tuples(st.just("pay"), picks, amounts),
    st.tuples(st.just("settle"), picks),
    st.tuples(st.just("finish"), picks),
    st.tuples(st.just("end_in_part"), picks, st.integers(0, 60)),
    st.tuples(st.just("retry"), picks, amounts, st.integers(0, 4)),
    st.tuples(st.just("top_up"), amounts),
)


@pytest.mark.django_db
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(units=st.integers(0, 200), history=st.lists(steps, min_size=8, max_size=30))
def test_no_history_promises_more_than_there_is_or_withholds_what_is_free(
    units: int, history: list[tuple[Any, ...]]
) -> None:
    with transaction.atomic():
        model = History(ContractFactory.create(), units)
        for name, *arguments in history:
            step: Callable[..., None] = getattr(model, name)
            step(*arguments)
            model.check()
        transaction.set_rollback(True)


@pytest.mark.django_db
class TestRules:
    def test_a_run_that_takes_exactly_what_is_free_never_meets_a_shortfall(self) -> None:
        contract = ContractFactory.create()
        reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10))
        reserve(
            contract=contract, distribution_uid="b", pool_of=lambda free: free, balance=BalanceAt(100, 1, 10)
        )

        assert Reservation.objects.get(distribution_uid="b").units == 40

    def test_the_shortfall_is_named(self) -> None:
        contract = ContractFactory.create()
        reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10))

        with pytest.raises(InsufficientReserve) as caught:
            reserve(
                contract=contract, distribution_uid="b", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10)
            )

        assert (caught.value.needed_units, caught.value.available_units, caught.value.shortfall_units) == (
            60,
            40,
            20,
        )
        assert not Reservation.objects.filter(distribution_uid="b").exists()

    def test_reserving_again_gives_the_same_reservation(self) -> None:
        contract = ContractFactory.create()
        balance = BalanceAt(100, 1, 10)
        first = reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=balance)
        again = reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 70, balance=balance)

        assert (again.pk, again.units) == (first.pk, 60)

    def test_a_draw_after_the_balance_counts_even_when_its_run_has_closed(self) -> None:
        contract = ContractFactory.create()
        reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10))
        draw(distribution_uid="a", subject="batch:1", units=60, consensus_ns=15)
        close(distribution_uid="a")

        assert available_units(contract, BalanceAt(100, 1, 10)) == 40
        assert available_units(contract, BalanceAt(40, 2, 20)) == 40

    def test_a_reservation_shrinks_and_never_grows(self) -> None:
        contract = ContractFactory.create()
        reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10))
        shrink(distribution_uid="a", units=70)
        assert Reservation.objects.get().units == 60
        shrink(distribution_uid="a", units=58)

        assert available_units(contract, BalanceAt(100, 1, 10)) == 42

    def test_more_paid_than_planned_leaves_nothing_counted_on(self) -> None:
        contract = ContractFactory.create()
        row = reserve(
            contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10)
        )
        draw(distribution_uid="a", subject="batch:1", units=61, consensus_ns=15)
        row.refresh_from_db()

        assert row.remaining_units == 0
        assert available_units(contract, BalanceAt(39, 2, 20)) == 39

    def test_what_failed_lines_need_stays_counted_on_and_the_rest_is_free(self) -> None:
        contract = ContractFactory.create()
        reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10))
        draw(distribution_uid="a", subject="batch:1", units=40, consensus_ns=15)
        keep(distribution_uid="a", units=15)

        assert available_units(contract, BalanceAt(60, 2, 20)) == 45
        keep(distribution_uid="a", units=50)
        assert available_units(contract, BalanceAt(60, 2, 20)) == 45, "it never grows"

    def test_reserving_again_grows_shrinks_and_opens(self) -> None:
        contract = ContractFactory.create()
        reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10))
        draw(distribution_uid="a", subject="batch:1", units=40, consensus_ns=15)
        balance = BalanceAt(60, 2, 20)
        for units in (5, 60):
            reserve_again(contract=contract, distribution_uid="a", units=units, balance=balance)
            assert available_units(contract, balance) == 60 - units
        close(distribution_uid="a")
        reserve_again(contract=contract, distribution_uid="a", units=20, balance=balance)

        row = Reservation.objects.get()
        assert (row.remaining_units, row.closed_at) == (20, None)

    def test_reserving_again_names_what_is_missing_and_changes_nothing(self) -> None:
        contract = ContractFactory.create()
        reserve(contract=contract, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10))
        close(distribution_uid="a")
        reserve(contract=contract, distribution_uid="b", pool_of=lambda _: 70, balance=BalanceAt(100, 1, 10))

        with pytest.raises(InsufficientReserve) as caught:
            reserve_again(contract=contract, distribution_uid="a", units=60, balance=BalanceAt(100, 1, 10))

        assert (caught.value.available_units, caught.value.shortfall_units) == (30, 30)
        assert Reservation.objects.get(distribution_uid="a").closed_at is not None

    def test_another_contracts_runs_do_not_count(self) -> None:
        one, other = ContractFactory.create(), ContractFactory.create()
        reserve(contract=one, distribution_uid="a", pool_of=lambda _: 60, balance=BalanceAt(100, 1, 10))

        assert available_units(other, BalanceAt(100, 1, 10)) == 100
