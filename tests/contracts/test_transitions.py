"""Statuses move along declared arrows only, by compare-and-set, and leave an audit event."""

from itertools import product
from typing import Any

import pytest
from django.apps import apps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import gates
from contracts.models import AuditEvent, Contract, ContractTransaction
from contracts.services.planning import AlreadyOpen, Call, plan_transaction
from contracts.transitions import IllegalMove, move
from payouts.models import Batch, Distribution, Payment, Reissue, Schedule
from tests.factories import BatchFactory, ContractFactory, DistributionFactory, TransactionFactory

MOVING = [model for model in apps.get_models() if hasattr(model, "TRANSITIONS")]
STATUS_COLUMN = {"Asset": "sync_status"}
STARTS = {
    ContractTransaction: "PLANNED",
    Distribution: "DRAFT",
    Batch: "PENDING",
    Contract: "DRAFT",
    Schedule: "ACTIVE",
    Reissue: "REQUESTED",
    Payment: "PENDING SKIPPED",  # a share of nothing is never waited for
}
OPEN_OR_SUCCESSFUL = ("PLANNED", "SIGNED", "SUBMITTED", "SUCCEEDED")


@pytest.mark.parametrize("model", MOVING, ids=lambda model: model.__name__)
def test_arrows_lead_between_statuses_that_exist_each_once_and_with_a_reason(model: Any) -> None:
    column = model._meta.get_field(STATUS_COLUMN.get(model.__name__, "status"))
    statuses = {value for value, _ in column.choices}
    arrows = [(arrow.source, arrow.target) for arrow in model.TRANSITIONS.arrows]

    assert len(arrows) == len(set(arrows))
    assert {status for arrow in arrows for status in arrow} <= statuses
    assert all(arrow.reason for arrow in model.TRANSITIONS.arrows)
    assert all(source != target for source, target in arrows)


@pytest.mark.parametrize("model", MOVING, ids=lambda model: model.__name__)
def test_every_status_can_be_reached(model: Any) -> None:
    column = model._meta.get_field(STATUS_COLUMN.get(model.__name__, "status"))
    statuses = {value for value, _ in column.choices}
    reached, frontier = set(), set(STARTS.get(model, column.default).split())
    while frontier:
        reached |= frontier
        frontier = {
            target for source in frontier for target in model.TRANSITIONS.targets_of(source)
        } - reached

    assert reached == statuses


@pytest.mark.parametrize("model", MOVING, ids=lambda model: model.__name__)
def test_every_other_move_is_a_defect(model: Any) -> None:
    column = model._meta.get_field(STATUS_COLUMN.get(model.__name__, "status"))
    statuses = [value for value, _ in column.choices]
    known = {(arrow.source, arrow.target) for arrow in model.TRANSITIONS.arrows}

    for source, target in product([*statuses, "UNKNOWN"], [*statuses, "UNKNOWN"]):
        if (source, target) in known:
            model.TRANSITIONS.check(source, target)
        else:
            with pytest.raises(IllegalMove):
                model.TRANSITIONS.check(source, target)


def test_what_has_ended_for_good_has_no_way_out() -> None:
    for model, ends in (
        (ContractTransaction, ("SUCCEEDED", "FAILED", "EXPIRED")),
        (Payment, ("PAID", "REISSUED")),
        (Batch, ("COMPLETED", "PARTIALLY_COMPLETED", "FAILED", "SPLIT")),
        (Distribution, ("COMPLETED", "CANCELLED")),
    ):
        assert not any(model.TRANSITIONS.targets_of(status) for status in ends)  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_the_loser_of_a_race_stops_and_leaves_nothing_behind() -> None:
    winner = BatchFactory.create()
    loser = Batch.objects.get(pk=winner.pk)

    assert move(winner, "PROCESSING", by="one")
    assert not move(loser, "FAILED", by="two", error_text="late")

    loser.refresh_from_db()
    assert (loser.status, loser.error_text) == ("PROCESSING", "")
    event = AuditEvent.objects.get(noun="batch")
    assert (event.by, event.source, event.target) == ("one", "PENDING", "PROCESSING")


@pytest.mark.django_db
def test_a_move_whose_condition_does_not_hold_is_lost() -> None:
    row = DistributionFactory.create()

    assert not move(row, "PLANNING", only_if={"snapshot_id": 7})
    assert row.status == "PENDING"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "model", [ContractTransaction, Distribution, Batch], ids=lambda model: model.__name__
)
def test_every_arrow_of_the_money_path_leaves_its_audit_event(model: Any) -> None:
    factories: dict[Any, Any] = {
        ContractTransaction: TransactionFactory,
        Distribution: DistributionFactory,
        Batch: BatchFactory,
    }
    for arrow in model.TRANSITIONS.arrows:
        traits = {"submitted": True} if model is ContractTransaction else {}
        row = factories[model].create(**traits | {"status": arrow.source} | _held(arrow.source))
        columns = _held(arrow.target)
        assert move(row, arrow.target, **columns)
        event = AuditEvent.objects.get(noun=model._meta.model_name, object_id=row.pk)
        assert (event.source, event.target, event.reason) == (arrow.source, arrow.target, arrow.reason)


def _held(status: str) -> dict[str, str]:
    return {"status_before_hold": "PROCESSING"} if status == "HELD" else {}


@pytest.mark.django_db
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    walk=st.lists(st.one_of(st.just("plan"), st.tuples(st.integers(0, 5), st.integers(0, 5))), max_size=30)
)
def test_no_walk_gives_one_subject_two_open_or_successful_attempts(walk: list[Any]) -> None:
    contract = ContractFactory.create()
    subject = f"walk:{contract.pk}"
    gates.register(subject, gate=lambda row: None, handler=lambda row, arrow: None)
    try:
        for step in walk:
            rows = list(ContractTransaction.objects.of(subject))
            if step == "plan":
                _plan(contract, subject)
            elif rows:
                _step(rows[step[0] % len(rows)], step[1])
            alive = ContractTransaction.objects.of(subject).filter(status__in=OPEN_OR_SUCCESSFUL)
            assert alive.count() <= 1
            attempts = list(ContractTransaction.objects.of(subject).values_list("attempt", flat=True))
            assert attempts == list(range(1, len(attempts) + 1))
    finally:
        gates.forget(subject)


def _plan(contract: Contract, subject: str) -> None:
    call = Call(target=contract.address, interface="lccf/1.1", function="pause", arguments=[], gas_limit=1)
    try:
        plan_transaction(
            wallet=contract.wallet,
            contract=contract,
            call=call,
            purpose=subject,
            subject=subject,
            group_uid="walk",
            has_guard=True,
        )
    except AlreadyOpen:
        assert ContractTransaction.objects.of(subject).filter(status__in=OPEN_OR_SUCCESSFUL).exists()


def _step(row: ContractTransaction, pick: int) -> None:
    targets = row.TRANSITIONS.targets_of(row.status)
    if targets:
        columns = {"transaction_id": f"0.0.1-{row.pk}-1", "broadcast_started_at": row.planned_at}
        move(row, targets[pick % len(targets)], **columns if row.transaction_id is None else {})
