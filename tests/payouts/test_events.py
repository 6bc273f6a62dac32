"""What result events mean for the lines: the same whatever the order, and each exactly once."""

import logging
import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainsync.models import ChainEvent
from chainsync.services.storing import NewEvent, store_events
from contracts.models import AuditEvent
from payouts.models import Distribution, Payment
from payouts.services.events import apply_news, not_applied
from reserves.models import Draw, Reservation
from tests.chain_events import moment, result_event
from tests.factories import BatchFactory, DistributionFactory, PaymentFactory

ANN, BEN, CAT, DAN, EVE = (f"0x{digit * 40}" for digit in "abcde")
EXPECTED = 100
STATUSES = {ANN: "PENDING", BEN: "FAILED", CAT: "WAIVED", DAN: "SKIPPED", EVE: "REISSUED"}


@pytest.fixture
def run(db: None) -> Distribution:
    return planned()


def planned() -> Distribution:
    """One line in each state that an event may find it in."""
    distribution = DistributionFactory(planned=True, snapshot_id=1)
    batch = BatchFactory(distribution=distribution, holders=list(STATUSES), total=len(STATUSES))
    for ordinal, (holder, status) in enumerate(STATUSES.items()):
        expected = 0 if status == "SKIPPED" else EXPECTED
        PaymentFactory(
            distribution=distribution,
            batch=batch,
            ordinal=ordinal,
            holder=holder,
            expected_units=expected,
            status=status,
        )
    Reservation.objects.create(
        contract=distribution.asset.payout_contract, distribution_uid=distribution.uid, units=1_000
    )
    return distribution


def store(distribution: Distribution, *events: NewEvent) -> None:
    with transaction.atomic():
        store_events(distribution.asset.payout_contract, events)


def lines(distribution: Distribution) -> dict[str, tuple[str, int, str, str]]:
    rows = distribution.payments.values_list("holder", "status", "paid_units", "difference", "paid_at")
    return {holder: rest for holder, *rest in map(tuple, rows)}  # type: ignore[misc]


def line(distribution: Distribution, holder: str) -> Payment:
    return distribution.payments.get(holder=holder)


@pytest.mark.parametrize(
    ("holder", "units", "status", "difference"),
    [
        (ANN, EXPECTED, "PAID", ""),
        (ANN, EXPECTED - 1, "PAID", "UNDERPAID"),
        (ANN, EXPECTED + 1, "PAID", "OVERPAID"),
        (ANN, 0, "PAID", "UNDERPAID"),
        (BEN, EXPECTED, "PAID", ""),
        (CAT, EXPECTED, "PAID", "PAID_AFTER_WAIVER"),
        (DAN, 3, "PAID", "NOT_EXPECTED"),
        (EVE, EXPECTED, "REISSUED", "PAID_AFTER_REISSUE"),
    ],
)
def test_a_success_of_whomever_moves_the_line_and_types_what_is_odd(
    run: Distribution, holder: str, units: int, status: str, difference: str
) -> None:
    store(run, result_event({holder: units}))

    found = line(run, holder)
    assert (found.status, found.paid_units, found.difference) == (status, units, difference)
    assert found.paid_at == moment(1)
    assert (found.failure_reason, found.failure_cause) == ("", "")
    others = run.payments.exclude(holder=holder)
    assert dict(others.values_list("holder", "status")) == {
        other: status for other, status in STATUSES.items() if other != holder
    }


@pytest.mark.parametrize("holder", [DAN, EVE])
def test_a_success_with_nothing_leaves_who_is_owed_nothing_alone(run: Distribution, holder: str) -> None:
    store(run, result_event({holder: 0}))
    found = line(run, holder)
    assert (found.status, found.paid_units, found.paid_at) == (STATUSES[holder], 0, "")


def test_a_failure_reported_to_somebody_else_moves_nothing(run: Distribution) -> None:
    before = lines(run)
    store(run, result_event({}, failed=[ANN, BEN]))
    assert lines(run) == before


def test_a_second_success_is_added_critical_and_kept_as_evidence(
    run: Distribution, caplog: pytest.LogCaptureFixture
) -> None:
    store(run, result_event({ANN: EXPECTED}))
    with caplog.at_level(logging.CRITICAL):
        store(run, result_event({ANN: 7}, at=moment(2)))

    found = line(run, ANN)
    assert (found.status, found.paid_units, found.difference) == ("PAID", EXPECTED + 7, "PAID_TWICE")
    assert found.paid_at == moment(1)
    assert sum("paid_twice" in record.getMessage() for record in caplog.records) == 1
    (event,) = AuditEvent.objects.filter(noun="payment", object_id=found.pk)
    assert (event.what, event.target) == ("difference", "PAID_TWICE")
    assert event.reason == f"expected {EXPECTED}, the chain has paid {EXPECTED + 7}"


def test_a_payment_to_somebody_in_no_line_is_critical(
    run: Distribution, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = "0x" + "99" * 20
    with caplog.at_level(logging.CRITICAL):
        store(run, result_event({stranger: 5, ANN: EXPECTED}))

    assert any("paid_a_stranger" in record.getMessage() for record in caplog.records)
    (event,) = AuditEvent.objects.filter(noun="distribution", object_id=run.pk, what="difference")
    assert stranger in event.reason
    assert line(run, ANN).status == "PAID"


def test_the_reservation_is_drawn_once_for_each_event(run: Distribution) -> None:
    first, second = result_event({ANN: 40}), result_event({BEN: 60}, at=moment(2))
    store(run, first, second)
    store(run, second, first)
    assert sorted(Draw.objects.values_list("units", "consensus_ns")) == [
        (40, 1_795_176_001_000_000_001),
        (60, 1_795_176_002_000_000_001),
    ]
    assert Reservation.objects.get().drawn_units == 100


def test_an_event_that_comes_before_the_plan_is_closed_is_applied_afterwards(run: Distribution) -> None:
    closed_at = run.plan_closed_at
    Distribution.objects.filter(pk=run.pk).update(plan_closed_at=None)
    store(run, result_event({ANN: EXPECTED}))
    assert line(run, ANN).status == "PENDING"
    assert list(not_applied(run).values()) == [""]

    Distribution.objects.filter(pk=run.pk).update(plan_closed_at=closed_at)
    for _ in range(2):
        with transaction.atomic():
            apply_news(run)
        assert (line(run, ANN).status, line(run, ANN).paid_units) == ("PAID", EXPECTED)
    assert not_applied(run) == {}
    assert ChainEvent.objects.get().processed_at is not None


def test_a_line_settled_before_events_were_stored_is_not_paid_again_by_its_own_event(
    run: Distribution,
) -> None:
    paid = {"status": "PAID", "paid_units": EXPECTED, "paid_at": moment(1)}
    run.payments.filter(holder=ANN).update(**paid)
    store(run, result_event({ANN: EXPECTED, BEN: EXPECTED}))
    assert (line(run, ANN).paid_units, line(run, ANN).difference) == (EXPECTED, "")
    assert Draw.objects.get().units == EXPECTED


def test_what_no_result_has_proved_moves_nothing(run: Distribution) -> None:
    before = lines(run)
    store(run, result_event({ANN: EXPECTED}, is_proved=False))
    with transaction.atomic():
        apply_news(run)
    assert lines(run) == before


HOLDERS = st.sampled_from(list(STATUSES))
EVENTS = st.lists(
    st.dictionaries(HOLDERS, st.sampled_from([0, 1, EXPECTED, EXPECTED + 1]), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


@pytest.mark.django_db
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(paid=EVENTS, data=st.data())
def test_any_order_and_any_repetition_of_events_ends_in_the_same_lines(
    paid: list[dict[str, int]], data: st.DataObject
) -> None:
    """Also whether they come one by one or many at once, before the plan was closed or after."""
    events = [result_event(one, at=moment(number)) for number, one in enumerate(paid)]
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    arrivals = data.draw(st.permutations([*events, *again]))
    early = data.draw(st.integers(0, len(arrivals)))
    with transaction.atomic():
        in_order, in_any = planned(), planned()
        for event in events:
            store(in_order, event)
        before_the_plan_is_closed(in_any, lambda: store(in_any, *arrivals[:early]))
        for event in arrivals[early:]:
            store(in_any, event)

        found = lines(in_any)
        assert found == lines(in_order)
        for holder, (status, units, _, _) in found.items():
            assert units == sum(one.get(holder, 0) for one in paid)
            assert status in (STATUSES[holder], "PAID")
            assert (status == "PAID") is not_left_alone(holder, paid)
        assert len(set(Reservation.objects.values_list("drawn_units", flat=True))) == 1
        transaction.set_rollback(True)


def before_the_plan_is_closed(distribution: Distribution, act: Callable[[], None]) -> None:
    rows = Distribution.objects.filter(pk=distribution.pk)
    rows.update(plan_closed_at=None)
    act()
    rows.update(plan_closed_at=distribution.plan_closed_at)
    apply_news(distribution)


def not_left_alone(holder: str, paid: list[dict[str, int]]) -> bool:
    successes = [one[holder] for one in paid if holder in one]
    if STATUSES[holder] == "REISSUED":
        return False
    return any(successes) if STATUSES[holder] == "SKIPPED" else bool(successes)


def test_two_threads_with_the_same_events_apply_each_once(transactional_db: None) -> None:
    distribution = planned()
    events = [result_event({ANN: 10, BEN: 1}, at=moment(number)) for number in range(8)]
    together = threading.Barrier(2)

    def work(mine: list[NewEvent]) -> None:
        together.wait()
        for event in mine:
            store(distribution, event)
        connection.close()

    threads = [threading.Thread(target=work, args=[mine]) for mine in (events, events[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ChainEvent.objects.count() == Draw.objects.count() == 8
    assert (line(distribution, ANN).paid_units, line(distribution, BEN).paid_units) == (80, 8)
    assert Reservation.objects.get().drawn_units == 88


def test_the_number_of_statements_depends_neither_on_events_nor_on_holders(run: Distribution) -> None:
    def count(events: list[NewEvent]) -> int:
        with CaptureQueriesContext(connection) as captured:
            store(run, *events)
        return len(captured)

    store(run, result_event({ANN: 0}, at=moment(0)))  # the listener's row is made once
    one = count([result_event({BEN: EXPECTED})])
    owed_nothing = {f"0x{number:040x}": 0 for number in range(1, 50)}
    many = [result_event({BEN: 0, **owed_nothing}, at=moment(number)) for number in range(2, 30)]
    assert count(many) == one - 1  # nothing to draw
