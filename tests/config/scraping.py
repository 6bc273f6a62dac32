"""Rows for the figures to be about, and the figures as Prometheus would get them."""

from datetime import timedelta
from typing import Any

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from config.metrics import collector, views
from contracts import clock
from contracts.models import Contract
from reserves.models import PaymentAvailability
from tests.factories.contracts import InvestmentContractFactory

Figures = dict[tuple[str, tuple[str, ...]], float]


def figures(client: Client) -> Figures:
    """Every sample of an answer read now, by name and label values in the order of their names."""
    views.COLLECTOR = collector.PaydateCollector()
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def ago(seconds: float) -> object:
    return clock.now() - timedelta(seconds=seconds)


def investment(**columns: Any) -> Contract:
    contract: Contract = InvestmentContractFactory(**columns)
    return contract


def ticket(contract: Contract, **columns: Any) -> PaymentAvailability:
    """PROCESSED, a minute ago, two seconds after it was asked for."""
    answered = {
        "status": "PROCESSED",
        "requested_at": ago(62),
        "ended_at": ago(60),
        "checked_at": ago(60),
        "ledger": 7,
        "required_funds_units": 0,
    }
    row: PaymentAvailability = PaymentAvailability.objects.create(
        contract=contract, requested_by="tests", **answered | columns
    )
    return row


def failed(contract: Contract, **columns: Any) -> PaymentAvailability:
    return ticket(
        contract, status="FAILED", error_class="NOT_I128", error_text="the answer is no i128", **columns
    )
