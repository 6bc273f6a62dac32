"""Payout contracts on Hedera are followed from their registration on, whoever calls them, and late logs are found."""

from datetime import timedelta

import pytest
from django.core.management.base import CommandError

from chainsync import processors
from chainsync.followed import listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.processors import Processor
from chainsync.services.following import due_listeners, follow, follow_due, listen
from contracts import clock
from contracts.models import AuditEvent, Contract
from tests.chain_events import moment
from tests.chainsync.test_reading import Calls, Recorder, visible
from tests.factories import ContractFactory
from tests.factories.contracts import InvestmentContractFactory
from tests.payouts.commands import Ended, run
from tests.world import Pump, World

DISTRIBUTION = "AmountSnapshotByAddressesExecuted"


@pytest.fixture
def calls(world: World) -> Calls:
    calls = Calls(world.asset(holders=4))
    calls.setting.top_up(10**6)
    return calls


def look(calls: Calls) -> EventListener:
    """As the worker's task does it, long after the last one."""
    EventListener.objects.update(read_at=None)
    follow(listener_of(calls.contract).pk)
    return listener_of(calls.contract)


# --- looks ----------------------------------------------------------------------------------------


def test_calls_of_another_tool_are_seen_without_anybody_asking(calls: Calls, pump: Pump) -> None:
    calls.pay(*calls.setting.holders[:2])
    calls.close_block()
    pump.rings.clear()

    follow_due()
    pk = listener_of(calls.contract).pk
    assert pump.rings.count(("chainsync.follow", pk)) == 1
    follow(pk)

    (event,) = calls.events()
    assert event.name == DISTRIBUTION and event.is_proved
    listener = listener_of(calls.contract)
    assert (listener.last_error, listener.failures) == ("", 0)
    assert listener.reached_at == event.consensus_at


def test_a_contract_whose_events_are_awaited_is_looked_at_every_two_seconds(
    calls: Calls, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    awaited: list[int] = []
    monkeypatch.setattr(processors, "_awaited", [lambda: awaited])

    def next_look() -> timedelta:
        follow_due()
        return listener_of(calls.contract).next_read_at - clock.now()

    assert timedelta(seconds=55) < next_look() <= timedelta(seconds=60)
    # It need not wait until the quiet interval is over.
    awaited.append(calls.contract.pk)
    assert next_look() <= timedelta(seconds=2)


def test_a_listener_has_an_interval_of_its_own_until_its_events_are_awaited(
    calls: Calls, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = calls.contract.address
    awaited: list[int] = []
    monkeypatch.setattr(processors, "_awaited", [lambda: awaited])

    def next_look() -> float:
        follow_due()
        return (listener_of(calls.contract).next_read_at - clock.now()).total_seconds()

    run("add_listener", address, "--every", "300")
    assert 290 < next_look() <= 300
    awaited.append(calls.contract.pk)
    assert next_look() <= 2
    awaited.clear()
    run("add_listener", address, "--every", "default")
    assert 55 < next_look() <= 60
    changes = AuditEvent.objects.filter(what="interval").order_by("pk").values_list("source", "target")
    assert list(changes) == [("as the settings say", "300 s"), ("300 s", "as the settings say")]
    for wrong in ("1", "86401"):
        with pytest.raises(CommandError, match=r"an interval is from 2 to 86,400 seconds, not \d+"):
            run("add_listener", address, "--every", wrong)


def test_a_look_of_the_last_seconds_counts_for_this_one(calls: Calls) -> None:
    look(calls)
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    follow(listener_of(calls.contract).pk)
    assert calls.events() == []
    assert len(look_events(calls)) == 1


def look_events(calls: Calls) -> list[ChainEvent]:
    look(calls)
    return calls.events()


def test_a_look_that_nobody_asked_for_keeps_nobody_from_asking(calls: Calls) -> None:
    look(calls)
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    visible(calls)
    assert len(calls.events()) == 1


def test_a_mirror_node_that_is_away_is_written_down_and_asked_again_later(
    calls: Calls, quick_retries: None
) -> None:
    calls.setting.world.fault("mirror.error_rate", status=503)
    listener = look(calls)
    assert "503" in listener.last_error
    assert listener.failures == 1
    assert listener.next_read_at > clock.now()

    calls.setting.world.clear("mirror.error_rate")
    listener = look(calls)
    assert (listener.last_error, listener.failures) == ("", 0)


@pytest.mark.parametrize("seconds", [90, 480])
def test_a_log_that_is_listed_late_is_found_behind_the_cursor(calls: Calls, seconds: int) -> None:
    """The mirror node lacks it while later ones are read and the cursor passes it, and has it again so late."""
    world, holders = calls.setting.world, calls.setting.holders
    calls.pay(holders[0])
    calls.close_block()
    visible(calls)
    late = calls.events()[0].consensus_at
    forget_everything()
    world.fault("mirror.ghost", mode="missing", at=late)
    world.advance(1)
    calls.pay(holders[1])
    calls.close_block()
    world.advance(65)
    calls.pay(holders[2])
    calls.close_block()
    listener = look(calls)
    assert listener.cursor_at > late
    assert len(calls.events()) == 2

    world.advance(seconds - 66)
    world.clear("mirror.ghost")
    world.advance(60)  # the last minutes are read again once a minute
    calls.close_block()
    after = look(calls)

    assert [event.consensus_at == late for event in calls.events()] == [True, False, False]
    assert after.cursor_at >= listener.cursor_at


def forget_everything() -> None:
    """As if nothing had ever been read; the database itself refuses to delete an event."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE chainsync_chainevent, chainsync_eventlistener CASCADE")


def test_the_last_minutes_are_read_again_once_a_minute(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    from chainsync.services import reading

    calls.pay(calls.setting.holders[0])
    calls.close_block()
    calls.setting.world.advance(70)
    calls.pay(calls.setting.holders[1])
    calls.close_block()
    look(calls)
    starts: list[str] = []
    read = reading._read_pages

    def noted(contract: Contract, listener: EventListener, *, since: str, until: str) -> str:
        starts.append(since)
        return read(contract, listener, since=since, until=until)

    monkeypatch.setattr(reading, "_read_pages", noted)
    cursor = look(calls).cursor_at
    calls.setting.world.advance(60)
    calls.close_block()
    look(calls)

    back = clock.consensus_text(clock.consensus_ns(cursor) - 600 * clock.NANOSECONDS)
    assert starts == [cursor, back]


# --- commands -------------------------------------------------------------------------------------


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(processors, "_processors", {})
    processors.register("lccf/1.1", [DISTRIBUTION], _processor(recorder))
    return recorder


def _processor(recorder: Recorder) -> Processor:
    return Processor(
        key=lambda args: f"snapshot:{args['snapshotID']}", apply=recorder.apply, since=lambda _: ""
    )


class Everything(set[int]):
    """Of all events, whatever their numbers will be."""

    def __and__(self, others: object) -> set[int]:
        return set(others)  # type: ignore[call-overload, no-any-return]


def test_what_was_quarantined_is_replayed_after_the_fix(calls: Calls, recorder: Recorder) -> None:
    recorder.is_ready = True
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    recorder.poison = Everything()
    visible(calls)
    (event,) = calls.events()
    assert "poisoned" in event.quarantine_reason

    assert run("replay_events") == Ended(
        1,
        "1 event tried, 0 taken, 1 quarantined\nChain events in the admin, state Quarantined, says why of each\n",
        "",
    )
    recorder.poison = set()
    assert run("replay_events", "--event", str(event.pk)).out == "1 event tried, 1 taken, 0 quarantined\n"
    event.refresh_from_db()
    assert event.processed_at is not None and event.quarantine_reason == ""
    assert AuditEvent.objects.filter(what="events replayed").count() == 2
    assert run("replay_events").out == "0 events tried, 0 taken, 0 quarantined\n"


def test_an_event_that_nobody_knew_is_taken_once_somebody_does(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(processors, "_processors", {})
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    visible(calls)
    (event,) = calls.events()
    assert (event.key, event.processed_at, event.is_proved) == ("", None, False)

    processors.register("lccf/1.1", [DISTRIBUTION], _processor(recorder))
    assert run("replay_events").out.startswith("0 events tried")
    assert run("replay_events", "--all", "--contract", calls.contract.address).code == 0
    event.refresh_from_db()
    assert (event.key, event.is_proved) == ("snapshot:1", True)
    assert event.processed_at is not None
    assert recorder.given == [("snapshot:1", 1)]


def test_there_is_no_such_event_to_replay(db: None) -> None:
    with pytest.raises(Exception, match="there is no event 7 that waits for a processor"):
        run("replay_events", "--event", "7")


def test_a_cursor_is_put_back_and_nothing_counts_twice(calls: Calls, recorder: Recorder) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    calls.setting.world.advance(61)
    calls.pay(calls.setting.holders[1])
    calls.close_block()
    cursor = look(calls).cursor_at
    assert cursor
    taken = list(recorder.given)
    back = clock.consensus_text(clock.consensus_ns(cursor) - 3_600 * clock.NANOSECONDS)

    ended = run("rewind_cursor", calls.contract.address, "--to", back)

    assert ended.out == f"{calls.contract.address} is read again from {back} on, at the next look\n"
    assert listener_of(calls.contract).cursor_at == back
    audit = AuditEvent.objects.get(what="cursor put back")
    assert (audit.source, audit.target) == (cursor, back)
    assert look(calls).cursor_at == cursor
    assert recorder.given == taken
    assert len(calls.events()) == 2


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("9999999999.000000001", "is in the future"),
        ("2026-01-01T00:00:00+00:00", "was not read yet"),
        ("yesterday", "yesterday is no time: give a consensus time such as"),
    ],
)
def test_a_cursor_is_not_put_just_anywhere(db: None, to: str, words: str) -> None:
    contract = ContractFactory()
    with pytest.raises(Exception, match=words):
        run("rewind_cursor", contract.address, "--to", to)


def test_a_cursor_is_never_put_forward(db: None) -> None:
    contract = ContractFactory()
    EventListener.objects.filter(pk=listener_of(contract).pk).update(cursor_at=moment(1))
    with pytest.raises(Exception, match="putting it forward would leave a gap"):
        run("rewind_cursor", contract.address, "--to", moment(2))
    assert listener_of(contract).cursor_at == moment(1)


def test_on_stellar_the_rpc_says_how_far_back(db: None) -> None:
    contract = InvestmentContractFactory()
    with pytest.raises(Exception, match="retention says how far back"):
        run("rewind_cursor", contract.address, "--to", moment(1))


def test_an_unknown_address_is_named_with_the_fix(db: None) -> None:
    for command in (["rewind_cursor", "0.0.7", "--to", moment(1)], ["add_listener", "0.0.7"]):
        with pytest.raises(Exception, match=r"has the address 0\.0\.7; the registry in the admin"):
            run(*command)


def test_one_look_at_each_by_hand(calls: Calls) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    ended = run("sync_events", "--once")
    assert ended.code == 0
    assert f"{calls.contract.address}: " in ended.out and "new events" in ended.out
    assert len(calls.events()) == 1


def test_a_look_by_hand_that_fails_keeps_no_other_from_its_look(calls: Calls, quick_retries: None) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    asset = calls.setting.asset.address
    calls.setting.world.fault("mirror.error_rate", status=503, match=f"contracts/{asset}/results/logs")
    ended = run("sync_events", "--once")
    assert ended.code == 1
    assert f"asset token {asset}: the mirror node answered 503" in ended.out
    assert len(calls.events()) == 1


def test_a_look_by_hand_that_fails_says_why(calls: Calls, quick_retries: None) -> None:
    calls.setting.world.fault("mirror.error_rate", status=503)
    ended = run("sync_events", "--once", "--contract", calls.contract.address)
    assert ended.code == 1
    assert "503" in ended.out


def test_a_contract_that_is_switched_off_is_not_looked_at(calls: Calls) -> None:
    address = calls.contract.address
    listen()
    pk = listener_of(calls.contract).pk
    assert pk in due_listeners()
    assert run("add_listener", address, "--off").out == f"{address} is not followed from now on\n"
    assert pk not in due_listeners()
    assert run("add_listener", address, "--off").out == f"{address} is not followed already\n"
    assert "switched off" in run("sync_status").out
    assert run("add_listener", address).out == f"{address} is followed from now on\n"
    assert pk in due_listeners()
    assert AuditEvent.objects.filter(what__in=["followed", "not followed any more"]).count() == 2


def test_the_state_of_what_is_followed(calls: Calls, quick_retries: None) -> None:
    assert "no contract is followed yet" in run("sync_status").out
    listen()
    assert "not read yet, 0 events" in run("sync_status").out
    look(calls)
    ended = run("sync_status")
    assert ended.code == 0
    assert "behind the chain" in ended.out

    calls.setting.world.fault("mirror.error_rate", status=503)
    look(calls)
    ended = run("sync_status")
    assert ended.code == 1
    assert "503" in ended.out
