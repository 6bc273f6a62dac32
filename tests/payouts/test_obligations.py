"""What distributions still have to pay: by status, by line, and by how far the call of a line has come."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from contracts.models import Contract
from payouts.models import Batch, Distribution
from payouts.services.obligations import obligations_of_payouts
from reserves.obligations import Obligation
from tests.factories import (
    AssetFactory,
    BatchFactory,
    DistributionFactory,
    PaymentFactory,
    TransactionFactory,
)
from tests.factories.contracts import NOW

pytestmark = pytest.mark.django_db

SOON = NOW + timedelta(days=7)
UNITS = 100


def owed(distribution: Distribution) -> list[Obligation]:
    return obligations_of_payouts(distribution.asset.payout_contract, SOON)


def units_of(distribution: Distribution) -> int:
    return sum(due.units for due in owed(distribution))


def line(distribution: Distribution, **columns: Any) -> None:
    PaymentFactory(distribution=distribution, expected_units=UNITS, **columns)


def called(distribution: Distribution, *, lines: int = 3, **columns: Any) -> Batch:
    """A batch under way whose call is as far as the columns say."""
    batch: Batch = BatchFactory(distribution=distribution, status="PROCESSING", total=lines)
    for _ in range(lines):
        line(distribution, batch=batch)
    TransactionFactory(subject=batch.subject, contract=distribution.asset.payout_contract, **columns)
    return batch


class TestBeforeThePlan:
    def test_a_fixed_amount_is_due_since_it_was_created(self) -> None:
        distribution = DistributionFactory(amount_units=500, concept="Dividend 2026")

        assert owed(distribution) == [
            Obligation(due_at=NOW, units=500, words="Dividend 2026: not started yet", uid=distribution.uid)
        ]

    def test_one_with_an_execution_time_is_due_then(self) -> None:
        distribution = DistributionFactory(execute_at=NOW + timedelta(days=30))
        assert [due.due_at for due in owed(distribution)] == [NOW + timedelta(days=30)]

    def test_while_it_is_prepared_the_amount_counts_and_then_the_frozen_pool(self) -> None:
        distribution = DistributionFactory(status="PLANNING", amount_units=500)
        line(distribution)
        assert units_of(distribution) == 500
        Distribution.objects.update(pool_units=499)
        assert units_of(distribution) == 499

    def test_a_percentage_needs_nothing_until_its_pool_is_frozen(self) -> None:
        distribution = DistributionFactory(percentage=True, status="PLANNING")
        assert owed(distribution) == []
        Distribution.objects.update(pool_units=77)
        assert units_of(distribution) == 77

    def test_held_for_lack_of_money_it_still_needs_it(self) -> None:
        distribution = DistributionFactory(status="HELD", status_before_hold="PLANNING", amount_units=500)
        assert [(due.units, due.words.partition(": ")[2]) for due in owed(distribution)] == [(500, "held")]


class TestLines:
    @pytest.mark.parametrize("status", ["PROCESSING", "HELD", "AWAITING_APPROVAL"])
    def test_what_waits_counts_and_what_is_settled_does_not(self, status: str) -> None:
        distribution = DistributionFactory(planned=True, status=status, status_before_hold="PROCESSING")
        line(distribution)
        line(distribution)
        line(distribution, paid=True)
        for settled in ("WAIVED", "REISSUED"):
            line(distribution, status=settled)
        PaymentFactory(distribution=distribution, expected_units=0, status="SKIPPED")

        assert units_of(distribution) == 2 * UNITS

    def test_failed_ones_count_while_they_have_a_retry_left(self, settings: Settings) -> None:
        distribution = DistributionFactory(planned=True)
        line(distribution, failed=True, retries=settings.MAX_BATCH_RETRIES - 1)
        line(distribution, failed=True, retries=settings.MAX_BATCH_RETRIES)

        assert units_of(distribution) == UNITS

    @pytest.mark.parametrize("status", ["PARTIALLY_COMPLETED", "FAILED"])
    def test_of_an_ended_run_failed_ones_are_due_when_they_are_retried(self, status: str) -> None:
        at = NOW + timedelta(minutes=30)
        distribution = DistributionFactory(planned=True, status=status, concept="", next_retry_at=at)
        line(distribution, failed=True)
        line(distribution, paid=True)

        words = f"payout {distribution.uid}: failed payments that are tried again"
        assert owed(distribution) == [Obligation(due_at=at, units=UNITS, words=words, uid=distribution.uid)]
        Distribution.objects.update(next_retry_at=None)
        assert owed(distribution) == [], "given up: a person has to retry"

    @pytest.mark.parametrize("status", ["DRAFT", "COMPLETED", "CANCELLED"])
    def test_one_that_is_over_or_not_complete_owes_nothing(self, status: str) -> None:
        assert owed(DistributionFactory(status=status)) == []


class TestInFlight:
    @pytest.mark.parametrize(
        "columns",
        [
            {"signed": True, "broadcast_started_at": NOW},
            {"submitted": True},
            {"succeeded": True},
        ],
        ids=["broadcast begun", "submitted", "succeeded"],
    )
    def test_a_call_that_may_have_paid_counts_as_paid(self, columns: dict[str, Any]) -> None:
        distribution = DistributionFactory(planned=True)
        called(distribution, **columns)
        line(distribution)

        assert [(due.units, due.in_flight_units) for due in owed(distribution)] == [(UNITS, 3 * UNITS)]

    @pytest.mark.parametrize(
        "columns",
        [{}, {"signed": True}, {"failed": True}, {"submitted": True, "status": "EXPIRED"}],
        ids=["planned", "signed", "failed", "expired"],
    )
    def test_a_call_that_has_paid_nobody_leaves_its_lines_due(self, columns: dict[str, Any]) -> None:
        distribution = DistributionFactory(planned=True)
        called(distribution, **columns)

        assert [(due.units, due.in_flight_units) for due in owed(distribution)] == [(3 * UNITS, 0)]

    def test_a_failed_attempt_that_is_made_again_is_in_flight_again(self) -> None:
        distribution = DistributionFactory(planned=True)
        batch = called(distribution, failed=True)
        TransactionFactory(subject=batch.subject, attempt=2, submitted=True)
        assert [(due.units, due.in_flight_units) for due in owed(distribution)] == [(0, 3 * UNITS)]

    def test_what_the_contract_reported_as_failed_is_due_again_though_its_call_succeeded(self) -> None:
        distribution = DistributionFactory(planned=True)
        batch = called(distribution, succeeded=True)
        batch.payments.update(status="FAILED")
        Batch.objects.update(status="FAILED")
        assert [(due.units, due.in_flight_units) for due in owed(distribution)] == [(3 * UNITS, 0)]


class TestOfAContract:
    def test_only_its_own_assets_count(self) -> None:
        distribution = DistributionFactory(amount_units=500)
        DistributionFactory(asset__backing_contract=distribution.asset.payout_contract)
        assert units_of(distribution) == 500

    def test_one_statement_whatever_there_is(self, django_assert_num_queries: Callable[[int], Any]) -> None:
        asset = AssetFactory()
        contract: Contract = asset.payout_contract
        for _ in range(3):
            running = DistributionFactory(planned=True, asset=asset)
            called(running, submitted=True)
            called(running, lines=20)
            DistributionFactory(asset=asset, amount_units=10)

        with django_assert_num_queries(1):
            dues = obligations_of_payouts(contract, SOON)

        assert sum(due.units for due in dues) == 3 * (20 * UNITS + 10)
        assert sum(due.in_flight_units for due in dues) == 3 * 3 * UNITS
