"""The one statement that ends an ordinary check, beside the ORM that ends every other: over the same answers, from the
same beginnings, both leave the same rows.
"""

import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.forms.models import model_to_dict

from contracts import clock
from contracts.models import AuditEvent, Contract, Notice
from reserves.models import InvestmentBook, PaymentAvailability
from reserves.services import checking
from reserves.services.checking import Answer
from tests.factories.contracts import InvestmentContractFactory

LEDGER = 1_000
NOBODY_HAS_INVESTED = {
    "rate_basis_points": 600,
    "return_months": 12,
    "return_type": 2,
    "claim_block_days": 0,
    "goal_units": 10**9,
    "reserve_units": 0,
    "project_units": 0,
    "state": 2,
    "is_paused": False,
    "as_of_ledger": 900,
}
# They name the row or the moment.
ITS_OWN = {
    "id",
    "uid",
    "contract",
    "address",
    "wallet",
    "payment_token",
    "object_id",
    "object_label",
    "label",
    "seq",
}
MOMENTS = {
    "at",
    "checked_at",
    "ended_at",
    "created_at",
    "requested_at",
    "next_attempt_at",
    "sealed_at",
    "lease_until",
}


@dataclass(frozen=True)
class Beginning:
    """What differs from a contract that was checked before, and from a ticket that was just taken up."""

    contract: dict[str, Any] = field(default_factory=dict)
    ticket: dict[str, Any] = field(default_factory=dict)
    has_book: bool = False
    is_failing: bool = False
    ledger: int = LEDGER

    def make(self) -> PaymentAvailability:
        columns: dict[str, Any] = {"status": "ACTIVE", "checked_at_ledger": LEDGER - 1, "good_checks": 3}
        contract = InvestmentContractFactory(**columns | self.contract)
        if self.has_book:
            InvestmentBook.objects.create(contract=contract, missing_units=0, **NOBODY_HAS_INVESTED)
        if self.is_failing:
            Notice.objects.create(
                noun="contract",
                object_uid=contract.uid,
                object_label="it",
                cause=Notice.Cause.CHECKS_FAIL,
                title="t",
                text="t",
            )
        now = clock.now()
        ticket: dict[str, Any] = {"requested_by": "tests", "started_at": now, "attempts": 2}
        leased = {"lease_owner": "me", "lease_until": now + timedelta(minutes=1)}
        return PaymentAvailability.objects.create(contract=contract, **ticket | leased | self.ticket)


STATUSES = ("ACTIVE", "FUNDS_REACHED", "PAUSED", "DRAFT", "FINISHED")
BEGINNINGS = [
    *(Beginning(contract={"status": status}) for status in STATUSES),
    *(Beginning(contract={"checked_at_ledger": ledger}) for ledger in (None, LEDGER - 1, LEDGER, LEDGER + 1)),
    *(Beginning(contract={"good_checks": good}) for good in (0, 31_999, 32_000)),
    Beginning(contract={"required_funds_units": 7}),
    Beginning(ticket={"is_asked_again": True}),
    Beginning(ticket={"error_class": "TRAPPED", "error_text": "before", "note": "before"}),
    Beginning(ticket={"mode": "on_change"}),
    Beginning(
        ticket={
            "status": "PROCESSED",
            "ended_at": clock.now(),
            "checked_at": clock.now(),
            "ledger": 5,
            "required_funds_units": 9,
        }
    ),
    Beginning(has_book=True),
    Beginning(is_failing=True),
]


def left_by(beginning: Beginning) -> dict[str, Any]:
    """What one visit with the answer "nothing is missing" leaves behind."""
    ticket = beginning.make()
    before = AuditEvent.objects.count()
    seen = PaymentAvailability.objects.select_related("contract").get(pk=ticket.pk)
    # Another visit may have ended it since this one has read it.
    seen.status = PaymentAvailability.Status.PENDING
    checking._processed(seen, Answer(0, beginning.ledger))

    ticket.refresh_from_db()
    contract = Contract.objects.get(pk=ticket.contract_id)
    others = PaymentAvailability.objects.filter(contract=contract).exclude(pk=ticket.pk)
    notices = Notice.objects.filter(object_uid=contract.uid)
    return {
        "contract": _plain(contract),
        "ticket": _plain(ticket),
        "lease": (seen.lease_owner, ticket.lease_owner),
        "others": [_plain(row) for row in others],
        "notices": [(row.cause, row.resolved_at is None) for row in notices],
        "audit": [_plain(row) for row in AuditEvent.objects.order_by("pk")[before:]],
    }


def _plain(row: Any) -> dict[str, Any]:
    values = {name: value for name, value in _columns(row).items() if name not in ITS_OWN}
    return {
        name: value is not None if name in MOMENTS | {"started_at"} else value
        for name, value in values.items()
    }


def _columns(row: Any) -> dict[str, Any]:
    """Those that a form would leave out as well."""
    shown = model_to_dict(row)
    return {one.name: shown.get(one.name, getattr(row, one.attname)) for one in row._meta.concrete_fields}


@pytest.mark.django_db
@pytest.mark.parametrize("beginning", BEGINNINGS, ids=itertools.count())
def test_both_ways_leave_the_same_rows(beginning: Beginning, monkeypatch: pytest.MonkeyPatch) -> None:
    by_the_statement = left_by(beginning)
    monkeypatch.setattr(checking, "took_ordinary", lambda *_, **__: False)
    assert left_by(beginning) == by_the_statement


@pytest.mark.django_db
def test_the_statement_takes_what_is_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bool] = []
    took = checking.took_ordinary

    def noted(*args: Any, **more: Any) -> bool:
        taken.append(took(*args, **more))
        return taken[-1]

    monkeypatch.setattr(checking, "took_ordinary", noted)
    for beginning in (Beginning(), Beginning(has_book=True), replace(Beginning(), ledger=LEDGER - 1)):
        left_by(beginning)
    assert taken == [True, True, False]
