"""Stored events beside the chain: what no reading has shown is added, what differs is written down, once."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import management
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chainsync.models import ChainEvent, Difference, EventListener
from chainsync.services import comparing, reading
from chainsync.services.comparing import DAY_NS, periods, side_by_side
from chainsync.services.differing import resolve
from chainsync.services.following import follow
from chainsync.services.reconciling import (
    RECONCILE_LOCK,
    Reconciled,
    comparable,
    reconcile,
    reconcile_due,
)
from chainsync.services.storing import NewEvent, store_events
from chainsync.services.syncing import outdated_holdings, sync_asset
from contracts import clock
from contracts.models import AuditEvent, Contract, Notice
from contracts.services.sweeping import single_flight
from payouts.models import Distribution, Payment
from reserves.models import Draw, Reservation
from tests.chain_events import moment, result_event
from tests.chainsync.test_reading import Calls, requests_seen
from tests.factories import BatchFactory, ContractFactory, DistributionFactory, PaymentFactory
from tests.factories.contracts import InvestmentContractFactory
from tests.payouts.commands import Ended, run
from tests.people import FILLED, logged_in, messages_of, operator, press, viewer
from tests.world import Pump, World

__all__ = ["requests_seen"]
POOL = 1_000
MINUTES_11 = 11 * 60
Kind = Difference.Kind


@pytest.fixture
def calls(world: World) -> Calls:
    calls = Calls(world.asset(holders=4))
    calls.setting.top_up(10**6)
    return calls


def listener_of(calls: Calls) -> EventListener:
    return EventListener.objects.get(address=calls.contract.address)


def look(calls: Calls) -> None:
    """As the worker's task does it, long after the last one."""
    assert comparable().filter(address=calls.contract.address).exists()
    EventListener.objects.update(read_at=None)
    follow(listener_of(calls).pk)


def paid(calls: Calls, *places: int) -> list[str]:
    """One call for each of these holders, all of them long enough ago to be compared; their consensus times."""
    for place in places:
        calls.pay(calls.setting.holders[place])
    calls.close_block()
    logs = calls.setting.world.net.ledger.records()
    return [clock.consensus_text(record.consensus_ns) for record in logs][-len(places) :]


def let_close(calls: Calls) -> None:
    """Until what happened so far is older than ten minutes."""
    calls.setting.world.advance(MINUTES_11)
    calls.close_block()


def missed(calls: Calls, *places: int) -> list[str]:
    """Calls for these holders of which the mirror node shows the last one only long after all readings of it."""
    times = paid(calls, *places)
    calls.setting.world.fault("mirror.ghost", mode="missing", at=times[-1])
    look(calls)
    let_close(calls)
    look(calls)
    calls.setting.world.clear("mirror.ghost")
    assert [event.consensus_at for event in calls.events()] == times[:-1]
    return times


def planned(calls: Calls) -> Distribution:
    """A distribution of which the snapshot is the one that the calls name, with a line for each holder."""
    distribution = DistributionFactory(
        asset=calls.setting.asset, planned=True, snapshot_id=1, pool_units=POOL, holder_count=4
    )
    batch = BatchFactory(distribution=distribution, holders=calls.setting.holders, total=4)
    for ordinal, holder in enumerate(calls.setting.holders):
        PaymentFactory(
            distribution=distribution, batch=batch, ordinal=ordinal, holder=holder, expected_units=250
        )
    Reservation.objects.create(contract=calls.contract, distribution_uid=distribution.uid, units=POOL)
    return distribution


def compared(calls: Calls) -> Reconciled:
    return reconcile(listener_of(calls))


def difference() -> Difference:
    return Difference.objects.get()


def totals(result: Reconciled) -> tuple[int, int, int, int]:
    """Events on chain and stored, units paid on chain and as stored; a run may meet midnight."""
    return (
        sum(found.on_chain for found in result.periods),
        sum(found.stored for found in result.periods),
        sum(found.paid_on_chain_units for found in result.periods),
        sum(found.paid_stored_units for found in result.periods),
    )


# --- what was missed ------------------------------------------------------------------------------


def test_nothing_differs_where_all_was_read(calls: Calls) -> None:
    paid(calls, 0, 1)
    let_close(calls)
    look(calls)

    result = compared(calls)

    assert result.trouble == ""
    on_chain, stored, paid_on_chain, paid_stored = totals(result)
    assert on_chain == stored >= 2
    assert paid_on_chain == paid_stored > 0
    assert not Difference.objects.exists()
    assert listener_of(calls).reconciled_until != ""


def test_an_event_that_no_reading_has_shown_is_added_and_pays_its_line(calls: Calls) -> None:
    distribution = planned(calls)
    times = missed(calls, 0, 1)
    first, second = distribution.payments.order_by("ordinal")[:2]
    assert (first.status, second.status) == ("PAID", "PENDING")

    result = compared(calls)

    assert [event.consensus_at for event in calls.events()] == times
    assert calls.events()[-1].processed_at is not None
    second.refresh_from_db()
    assert second.status == "PAID" and second.paid_units > 0
    assert Draw.objects.count() == 2
    found = difference()
    assert (found.kind, found.count, found.day) == (Kind.MISSED, 1, _day(times[-1]))
    assert found.healed_at is not None and times[-1] in found.words
    assert AuditEvent.objects.filter(what="events missed").count() == 1
    on_chain, stored, paid_on_chain, paid_stored = totals(result)
    assert (on_chain - stored, paid_on_chain) == (1, paid_stored)


def _day(consensus_at: str) -> object:
    return clock.from_ns(clock.consensus_ns(consensus_at)).date()


def test_a_second_comparison_adds_nothing_and_doubles_no_row(calls: Calls) -> None:
    planned(calls)
    missed(calls, 0, 1)
    compared(calls)
    events, lines = calls.events(), list(Payment.objects.values_list("pk", "paid_units").order_by("pk"))

    result = compared(calls)

    assert totals(result)[0] == totals(result)[1]
    assert len(calls.events()) == len(events)
    assert list(Payment.objects.values_list("pk", "paid_units").order_by("pk")) == lines
    assert difference().count == 1
    assert AuditEvent.objects.filter(what="events missed").count() == 1


def test_more_events_missed_on_the_same_day_are_counted_on_one_row(calls: Calls) -> None:
    missed(calls, 0)
    compared(calls)
    missed_again(calls)
    days = {_day(event.consensus_at) for event in calls.events()}
    rows = Difference.objects.filter(kind=Kind.MISSED)
    assert rows.count() == len(days)  # one, unless the run meets midnight
    assert sum(row.count for row in rows) == 2


def missed_again(calls: Calls) -> None:
    (at,) = paid(calls, 1)
    calls.setting.world.fault("mirror.ghost", mode="missing", at=at)
    let_close(calls)
    look(calls)
    calls.setting.world.clear("mirror.ghost")
    compared(calls)


def test_what_is_younger_than_ten_minutes_is_left_to_the_readings(calls: Calls) -> None:
    times = paid(calls, 0)
    calls.setting.world.fault("mirror.ghost", mode="missing", at=times[0])
    look(calls)
    calls.setting.world.clear("mirror.ghost")

    compared(calls)

    assert calls.events() == []
    assert not Difference.objects.exists()


def test_what_was_not_read_yet_is_not_missed(calls: Calls) -> None:
    paid(calls, 0)
    look(calls)
    paid(calls, 1)
    let_close(calls)

    compared(calls)

    assert not Difference.objects.exists()
    assert len(calls.events()) == 1


def test_a_contract_that_was_never_read_says_how_to_read_it(calls: Calls) -> None:
    assert comparable().exists()
    assert "was not read yet; its first reading starts by itself" in compared(calls).trouble


def test_a_log_that_no_transaction_made_is_a_ghost_and_pays_nobody(calls: Calls) -> None:
    distribution = planned(calls)
    paid(calls, 0)
    let_close(calls)
    look(calls)
    before = list(distribution.payments.values_list("holder", "paid_units"))
    calls.setting.world.fault("mirror.ghost", mode="extra")

    result = compared(calls)

    assert sum(found.ghosts for found in result.periods) >= 1
    assert not Difference.objects.exists()
    assert list(distribution.payments.values_list("holder", "paid_units")) == before
    ghost = ChainEvent.objects.filter(address=calls.contract.address, is_proved=False).exclude(key="").get()
    assert ghost.processed_at is None
    calls.setting.world.clear("mirror.ghost")
    assert sum(found.ghosts for found in compared(calls).periods) == 1
    assert not Difference.objects.exists()


def test_a_missed_transfer_of_an_asset_outdates_what_is_known_of_its_holders(
    calls: Calls, pump: Pump
) -> None:
    world, asset = calls.setting.world, calls.setting.asset
    sync_asset(asset.pk)
    first, second = calls.setting.holders[:2]
    world.control.do_transfer(asset.address, first, second, 3)
    calls.close_block()
    world.fault("mirror.ghost", mode="missing", at=newest(calls))
    listener = comparable().get(address=asset.address)
    for _ in range(2):
        EventListener.objects.update(read_at=None)
        follow(listener.pk)
        let_close(calls)
    world.clear("mirror.ghost")
    listener.refresh_from_db()
    assert not outdated_holdings().exists()

    result = reconcile(listener)

    assert result.trouble == ""
    assert (difference().kind, difference().address) == (Kind.MISSED, asset.address)
    assert {row.holder for row in outdated_holdings()} == {first.lower(), second.lower()}
    assert run("reconcile_events", "--contract", asset.address).code == 0


def newest(calls: Calls) -> str:
    return clock.consensus_text(list(calls.setting.world.net.ledger.records())[-1].consensus_ns)


# --- what the chain does not show -----------------------------------------------------------------


def test_a_list_that_lacks_what_was_proved_takes_nothing_back(calls: Calls) -> None:
    planned(calls)
    times = paid(calls, 0, 1)
    let_close(calls)
    look(calls)
    calls.setting.world.fault("mirror.ghost", mode="missing", at=times[0])
    before = list(Payment.objects.values_list("pk", "paid_units").order_by("pk"))

    for _ in range(2):
        compared(calls)

    found = difference()
    assert (found.kind, found.count, found.healed_at) == (Kind.NOT_ON_CHAIN, 1, None)
    assert f"{times[0]} log" in found.words
    assert "show 1 of the 1 looked up" in found.words
    assert list(Payment.objects.values_list("pk", "paid_units").order_by("pk")) == before
    assert AuditEvent.objects.filter(what="difference found").count() == 1

    calls.setting.world.clear("mirror.ghost")
    compared(calls)
    found.refresh_from_db()
    assert found.healed_at is not None and found.resolution.startswith("found equal at ")
    assert len(calls.events()) == 2


def invented(calls: Calls, holder: int = 0) -> NewEvent:
    """A proved event that no transaction of this chain made: as if the mirror node had been another one."""
    at = clock.consensus_text(clock.now_ns())
    event = result_event({calls.setting.holders[holder]: 7}, at=at)
    with transaction.atomic():
        store_events(calls.contract, [event])
    return event


def test_what_neither_list_nor_result_shows_is_written_down(calls: Calls) -> None:
    look(calls)
    event = invented(calls)
    let_close(calls)
    look(calls)

    compared(calls)

    found = difference()
    assert (found.kind, found.count) == (Kind.NOT_ON_CHAIN, 1)
    assert event.consensus_at in found.words
    assert "show 0 of the 1 looked up" in found.words
    assert ChainEvent.objects.filter(consensus_at=event.consensus_at).exists()


def test_a_difference_that_vanished_and_is_back_is_open_again(calls: Calls) -> None:
    times = paid(calls, 0)
    planned(calls)
    let_close(calls)
    look(calls)
    for name in ("fault", "clear", "fault"):
        if name == "fault":
            calls.setting.world.fault("mirror.ghost", mode="missing", at=times[0])
        else:
            calls.setting.world.clear("mirror.ghost")
        compared(calls)
    assert difference().healed_at is None and difference().resolution == ""
    assert AuditEvent.objects.filter(what="difference found again").count() == 1


def test_other_bytes_are_told_and_not_changed(calls: Calls) -> None:
    paid(calls, 0)
    let_close(calls)
    look(calls)
    (event,) = calls.events()
    past_the_triggers("UPDATE chainsync_chainevent SET data = '\\x00' WHERE id = %s", event.pk)

    compared(calls)

    found = difference()
    assert (found.kind, found.count) == (Kind.OTHER_BYTES, 1)
    assert event.consensus_at in found.words
    assert bytes(calls.events()[0].data) == b"\x00"


def past_the_triggers(statement: str, *values: object) -> None:
    """As nobody but the owner of a database can."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET session_replication_role = DEFAULT")


def book(line: Payment, more_units: int) -> None:
    """Books so much more, or less, on a line than its events have paid."""
    past_the_triggers(
        "UPDATE payouts_payment SET paid_units = paid_units + %s WHERE id = %s", more_units, line.pk
    )


# --- sums -----------------------------------------------------------------------------------------


def test_lines_that_lack_what_was_paid_are_a_difference_with_both_sums(calls: Calls) -> None:
    distribution = planned(calls)
    times = paid(calls, 0, 1)
    let_close(calls)
    look(calls)
    line = distribution.payments.get(ordinal=1)
    on_chain = sum(distribution.payments.values_list("paid_units", flat=True))
    book(line, -1)

    compared(calls)

    found = difference()
    assert (found.kind, found.subject, found.count) == (Kind.PAID_SUM, "snapshot:1", 1)
    assert (found.expected_units, found.found_units) == (on_chain, on_chain - 1)
    assert found.day == _day(times[0])
    assert str(distribution) in found.words and "1 line differs" in found.words
    token = calls.contract.payment_token
    assert token.symbol in found.words

    book(line, 1)
    compared(calls)
    found.refresh_from_db()
    assert found.healed_at is not None


def test_errors_that_cancel_out_in_the_sum_are_found(calls: Calls) -> None:
    distribution = planned(calls)
    paid(calls, 0, 1)
    let_close(calls)
    look(calls)
    for ordinal, units in ((0, 1), (1, -1)):
        book(distribution.payments.get(ordinal=ordinal), units)

    compared(calls)

    found = difference()
    assert found.expected_units == found.found_units
    assert "2 lines differ" in found.words


def test_paid_twice_and_paid_to_a_stranger_are_known_explanations(calls: Calls) -> None:
    distribution = planned(calls)
    paid(calls, 0, 1)
    distribution.payments.filter(ordinal=1).update(
        holder="0x" + "99" * 20
    )  # the chain pays who is in no line
    let_close(calls)
    look(calls)
    twice = result_event({calls.setting.holders[0]: 9}, at=clock.consensus_text(clock.now_ns()))
    with transaction.atomic():
        store_events(calls.contract, [twice])
    assert distribution.payments.get(ordinal=0).difference == "PAID_TWICE"

    compared(calls)

    assert not Difference.objects.filter(kind=Kind.PAID_SUM).exists()
    book(distribution.payments.get(ordinal=0), 1)
    compared(calls)
    assert "went to who is in no line" in Difference.objects.get(kind=Kind.PAID_SUM).words


def test_an_event_that_could_not_be_applied_is_named_with_the_fix(calls: Calls) -> None:
    distribution = planned(calls)
    rows = Distribution.objects.filter(pk=distribution.pk)
    rows.update(plan_closed_at=None)
    paid(calls, 0)
    let_close(calls)
    look(calls)
    compared(calls)
    assert not Difference.objects.exists()  # nothing is booked before the plan is closed
    rows.update(plan_closed_at=distribution.plan_closed_at)

    compared(calls)

    found = difference()
    assert found.kind == Kind.PAID_SUM and found.found_units == 0
    assert "1 event could not be applied: Chain events in the admin says why" in found.words


def test_a_difference_in_a_sum_is_one_row_however_many_days_it_is_found_on(calls: Calls) -> None:
    distribution = planned(calls)
    paid(calls, 0)
    calls.setting.world.advance(DAY_NS // clock.NANOSECONDS)
    calls.close_block()
    paid(calls, 1)
    let_close(calls)
    look(calls)
    book(distribution.payments.get(ordinal=1), 3)

    compared(calls)
    reconcile(listener_of(calls), since_ns=clock.now_ns() - DAY_NS // 2)

    assert difference().kind == Kind.PAID_SUM


# --- a person -------------------------------------------------------------------------------------


@pytest.fixture
def unlisted(calls: Calls) -> Difference:
    look(calls)
    invented(calls)
    let_close(calls)
    look(calls)
    compared(calls)
    return difference()


def page_of(row: Difference) -> str:
    return reverse("admin:chainsync_difference_change", args=[row.pk])


def button_of(row: Difference) -> str:
    return reverse("admin:chainsync_difference_resolve_this", args=[row.pk])


def test_a_person_resolves_it_with_a_reason_that_is_kept(unlisted: Difference, calls: Calls) -> None:
    client = logged_in(operator("chainsync.resolve_difference"))
    assert "Resolve the difference" in client.get(page_of(unlisted)).content.decode()
    press(client, button_of(unlisted))

    unlisted.refresh_from_db()
    assert (unlisted.resolved_by, unlisted.resolution) == ("olivia", FILLED["reason"])
    audit = AuditEvent.objects.get(what="difference resolved")
    assert (audit.by, audit.reason) == ("olivia", FILLED["reason"])
    assert messages_of(client, page_of(unlisted)) == ["The difference is resolved."]
    assert "Resolve the difference" not in client.get(page_of(unlisted)).content.decode()

    compared(calls)
    unlisted.refresh_from_db()
    assert unlisted.resolved_at is not None  # the same as before: a person has said what it is
    assert run("reconcile_events", "--contract", calls.contract.address).code == 0


def test_people_are_told_once_and_when_it_is_over(unlisted: Difference, calls: Calls) -> None:
    compared(calls)
    notice = Notice.objects.get(cause=Notice.Cause.DIFFERS)
    assert (notice.object_uid, notice.resolved_at) == (calls.contract.uid, None)
    assert unlisted.words in notice.text and "What to do: " in notice.text

    assert resolve(unlisted, reason="from the mirror node of last week", by="olivia")

    notice.refresh_from_db()
    assert notice.resolution == "No difference is open any more."


def test_other_figures_open_what_was_resolved(unlisted: Difference, calls: Calls) -> None:
    assert resolve(unlisted, reason="from the mirror node of last week", by="olivia")
    assert not resolve(unlisted, reason="once more", by="olivia")
    invented(calls, holder=1)
    let_close(calls)
    look(calls)

    compared(calls)

    rows = Difference.objects.open()
    assert sum(row.count for row in rows) in (1, 2)  # on two days when the run meets midnight
    assert all(row.resolved_by == "" for row in rows)


def test_who_may_not_resolve_has_no_button(unlisted: Difference) -> None:
    client = logged_in(viewer())
    answer = client.get(page_of(unlisted))
    assert answer.status_code == 200
    assert "Resolve the difference" not in answer.content.decode()
    assert press(client, button_of(unlisted)).status_code == 403
    unlisted.refresh_from_db()
    assert unlisted.resolved_at is None


def test_the_list_shows_open_healed_and_resolved_ones(unlisted: Difference) -> None:
    client = logged_in(viewer())
    page = reverse("admin:chainsync_difference_changelist")
    for state, shown in (("open", True), ("healed", False), ("resolved", False)):
        text = client.get(page, {"state": state}).content.decode()
        assert (page_of(unlisted) in text) is shown


# --- which days, and one at a time ----------------------------------------------------------------


def test_days_are_cut_at_midnight_and_at_both_ends() -> None:
    start = 20_000 * DAY_NS
    found = list(periods(start + 5, start + 2 * DAY_NS + 7))
    assert [one.since for one in found] == [
        clock.consensus_text(start + 5),
        clock.consensus_text(start + DAY_NS),
        clock.consensus_text(start + 2 * DAY_NS),
    ]
    assert [one.until for one in found] == [
        clock.consensus_text(start + DAY_NS - 1),
        clock.consensus_text(start + 2 * DAY_NS - 1),
        clock.consensus_text(start + 2 * DAY_NS + 6),
    ]
    assert [(one.day - found[0].day).days for one in found] == [0, 1, 2]
    assert list(periods(start, start)) == []


def at_place(number: int) -> tuple[NewEvent, ChainEvent]:
    event = result_event({}, at=f"17951760{number:02d}.000000001", log_index=number % 3)
    return event, ChainEvent(consensus_at=event.consensus_at, log_index=event.log_index)


@pytest.mark.parametrize(
    ("listed", "stored"),
    [([], [1]), ([1], []), ([1, 2, 5], [2, 3, 5, 6]), ([3, 4], [1, 2]), ([1, 2], [1, 2])],
)
def test_every_place_comes_once_and_in_order(listed: list[int], stored: list[int]) -> None:
    pairs = list(
        side_by_side(iter(at_place(one)[0] for one in listed), iter(at_place(one)[1] for one in stored))
    )
    places = [(event or row).consensus_at[8:10] for event, row in pairs]  # type: ignore[union-attr]
    assert places == [f"{one:02d}" for one in sorted({*listed, *stored})]
    assert sum(event is not None for event, _ in pairs) == len(listed)
    assert sum(row is not None for _, row in pairs) == len(stored)


def test_stored_events_are_read_page_by_page_also_inside_of_one_moment(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = ContractFactory()
    places = [(moment(1), index) for index in range(5)] + [(moment(2), 0), (moment(3), 0)]
    with transaction.atomic():
        store_events(contract, [result_event({}, at=at, log_index=index) for at, index in places])
    monkeypatch.setattr(comparing, "PAGE", 2)
    day = comparing.Period(clock.now().date(), moment(1), moment(2))

    with CaptureQueriesContext(connection) as captured:
        rows = list(comparing._stored(contract, day))

    assert [(row.consensus_at, row.log_index) for row in rows] == places[:-1]
    assert len(captured) == 4


def test_pages_that_come_twice_or_short_count_once(calls: Calls) -> None:
    for _ in range(105):
        calls.pay(calls.setting.holders[0])
    calls.close_block()
    let_close(calls)
    look(calls)
    calls.setting.world.fault("mirror.page_limit", rows=10)
    calls.setting.world.fault("mirror.duplicate_page", count=3)
    result = compared(calls)
    assert result.trouble == ""
    assert totals(result)[0] == totals(result)[1] >= 105
    assert not Difference.objects.exists()


def test_the_tick_compares_two_days_and_what_was_left_since_the_last(
    calls: Calls, requests_seen: list[str]
) -> None:
    Contract.objects.update(created_at=clock.now() - timedelta(days=30))
    look(calls)

    def days_asked() -> int:
        requests_seen.clear()
        reconcile_due()
        mine = f"/contracts/{calls.contract.address}/results/logs"
        return sum(mine in path for path in requests_seen)

    assert days_asked() == 3  # two days and the day that is under way
    calls.setting.world.advance(5 * 86_400)
    calls.close_block()
    look(calls)
    assert days_asked() == 6
    assert days_asked() == 3


def test_one_that_fails_stops_no_other(calls: Calls, world: World, quick_retries: None) -> None:
    other = Calls(world.asset(holders=1))
    look(calls)
    look(other)
    let_close(calls)
    look(calls)
    look(other)
    world.fault("mirror.error_rate", status=503, match=f"contracts/{calls.contract.address}/results/logs")

    ended = run("reconcile_events")

    assert ended.code == 1
    assert re.search(rf"{calls.contract.address} on hedera-local: not compared to the end: .*503", ended.out)
    assert listener_of(calls).reconciled_until == ""
    assert listener_of(other).reconciled_until != ""


def test_a_contract_is_compared_by_one_at_a_time(calls: Calls) -> None:
    look(calls)
    result: list[Reconciled] = []
    from_other_session(calls, lambda: result.append(compared(calls)))
    assert "it is being compared at this moment" in result[0].trouble


def from_other_session(calls: Calls, act: Callable[[], None]) -> None:
    """Runs ``act`` in a thread, with a connection of its own, while the lock is held here."""
    import threading

    def work() -> None:
        try:
            act()
        finally:
            connection.close()

    with single_flight(RECONCILE_LOCK + listener_of(calls).pk):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()


def test_no_network_is_asked_in_a_transaction(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    from contracts.gateways.web import Web

    missed(calls, 0, 1)
    inside: list[bool] = []
    exchange = Web._exchange

    def noted(self: Web, *args: object, **more: object) -> object:
        inside.append(connection.in_atomic_block)
        return exchange(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Web, "_exchange", noted)
    compared(calls)
    assert inside and not any(inside)


# --- the command ----------------------------------------------------------------------------------


def test_the_command_says_for_each_day_what_was_compared(calls: Calls) -> None:
    planned(calls)
    paid(calls, 0)
    let_close(calls)
    look(calls)
    units = sum(Payment.objects.values_list("paid_units", flat=True))
    assert units

    ended = run("reconcile_events", "--contract", calls.contract.address)

    assert ended.code == 0
    assert "on chain, " in ended.out and " stored, " in ended.out
    assert f"{calls.contract.address} on hedera-local, " in ended.out
    assert "paid on chain" in ended.out
    assert ended.out.splitlines()[-1] == "1 contract or asset compared, 0 open differences"


def test_the_command_ends_with_1_while_a_difference_is_open(unlisted: Difference, calls: Calls) -> None:
    ended = run("reconcile_events", "--contract", calls.contract.address, "--days", "1")
    assert ended.code == 1
    assert unlisted.words in ended.out
    assert "1 open difference" in ended.out
    assert "1 not on chain" in ended.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--contract", "0.0.7"], r"nothing that is followed has the address 0\.0\.7"),
        (["--from", "yesterday"], "yesterday is no time"),
        (["--from", "9999999999"], "is in the future"),
        (["--from", "2026-11-20T00:00:00Z", "--until", "2026-11-10T00:00:00Z"], "--until is before"),
        (["--days", "-1"], "--days -1 makes no sense"),
        (["--days", "1", "--from", "2026-11-20T00:00:00Z"], "not allowed with"),
    ],
)
def test_bad_input_is_named_with_the_fix(db: None, words: list[str], why: str) -> None:
    with pytest.raises(management.CommandError, match=why) as refused:
        run("reconcile_events", *words)
    assert refused.value.returncode == (1 if "not allowed" in why else 2)


def test_what_is_not_compared_says_why(db: None, settings: object) -> None:
    investment, contract = InvestmentContractFactory(), ContractFactory()
    EventListener.objects.create(network=investment.network, address=investment.address)
    assert comparable().filter(address=contract.address).exists()
    token = contract.payment_token
    EventListener.objects.filter(address=contract.address).update(enabled=False)
    for address, why in (
        (investment.address, "is on stellar-local, and only hedera-local is compared"),
        (token.address, "is a payment token: only what goes to payout contracts"),
        (contract.address, "is not followed at present; manage.py add_listener"),
    ):
        with pytest.raises(management.CommandError, match=why):
            run("reconcile_events", "--contract", address)


def test_nothing_to_compare_is_no_difference(db: None) -> None:
    assert run("reconcile_events") == Ended(0, "0 contracts and assets compared, 0 open differences\n", "")


def test_a_pause_of_which_no_list_shows_the_event_is_read_from_the_state(calls: Calls) -> None:
    calls.setting.world.control.do_pause(calls.contract.address)
    calls.close_block()
    calls.setting.world.fault("mirror.ghost", mode="missing", at=newest(calls))
    look(calls)
    let_close(calls)
    look(calls)
    calls.contract.refresh_from_db()
    assert calls.contract.status == Contract.Status.ACTIVE

    compared(calls)

    calls.contract.refresh_from_db()
    assert calls.contract.status == Contract.Status.PAUSED


def test_reading_uses_the_time_that_is_left_out_here() -> None:
    """What the reader reads again and what is compared leave no gap between them."""
    from chainsync.services.reconciling import CLOSED_NS

    assert CLOSED_NS <= reading.RESCAN_NS
