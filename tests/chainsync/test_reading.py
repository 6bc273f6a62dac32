"""Reading a contract's logs: nothing is lost, nothing applied twice, and what a list shows is not yet proved."""

import re
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chainsync import processors
from chainsync.followed import listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.processors import Processor
from chainsync.services import reading
from chainsync.services.reading import NOT_PROVED, read_events, read_visible
from chainsync.services.storing import process_waiting, store_events
from contracts import clock
from contracts.gateways.errors import Unavailable
from contracts.models import Contract
from tests.chain_events import moment, result_event
from tests.factories import ContractFactory, DistributionFactory
from tests.world import Setting, World


class Calls:
    """Somebody else's calls of a payout contract on the devnet, each of which leaves one result event."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.contract: Contract = setting.asset.payout_contract
        self.control = setting.world.control
        self.control.do_call(setting.made["asset"]["id"], "takeSnapshot", [])

    def pay(self, *holders: str) -> None:
        self.control.do_call(
            self.setting.made["payout_contract"]["id"],
            "executeAmountSnapshotByAddresses",
            [self.setting.asset.evm_address, 1, list(holders), 1_000],
        )

    def close_block(self) -> None:
        self.control.do_close_block()

    def events(self) -> list[ChainEvent]:
        rows = ChainEvent.objects.filter(address=self.contract.address).exclude(name="")
        return list(rows.filter(name__startswith="AmountSnapshot").order_by("consensus_at", "log_index"))


@pytest.fixture
def calls(world: World) -> Calls:
    calls = Calls(world.asset(holders=4))
    calls.setting.top_up(10**6)
    return calls


@pytest.fixture
def requests_seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths asked for, of whatever server."""
    from contracts.gateways.web import Web

    seen: list[str] = []
    exchange = Web._exchange

    def note(self: Web, method: str, path: str, **more: object) -> object:
        seen.append(path)
        return exchange(self, method, path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Web, "_exchange", note)
    return seen


def visible(calls: Calls) -> None:
    """As if the last reading were long ago."""
    EventListener.objects.update(read_at=None, asked_at=None)
    read_visible(calls.contract)


def test_what_others_have_called_is_stored_as_it_was_and_as_it_reads(calls: Calls) -> None:
    first, second = calls.setting.holders[:2]
    calls.pay(first, second)
    calls.close_block()
    read_visible(calls.contract)

    (event,) = calls.events()
    assert event.key == "snapshot:1"
    assert event.args["succeeded"] == [first, second]
    assert event.is_proved
    assert event.processed_at is None  # no distribution of ours has this snapshot
    assert re.fullmatch(r"0x50d91f96[0-9a-f]{56}", event.topics[0])
    assert len(bytes(event.data)) % 32 == 0
    assert event.block is not None and event.transaction_hash


def test_reading_again_stores_and_asks_for_nothing_twice(calls: Calls, requests_seen: list[str]) -> None:
    for holder in calls.setting.holders:
        calls.pay(holder)
    calls.close_block()
    visible(calls)
    assert len(calls.events()) == 4
    proofs = [path for path in requests_seen if "/contracts/results/0x" in path]
    # The roles that were granted when the contract was made have one, too.
    assert len(proofs) == len(set(proofs)) == 5
    requests_seen.clear()

    visible(calls)

    assert len(calls.events()) == 4
    assert not [path for path in requests_seen if "/contracts/results/0x" in path]


def test_what_is_older_than_where_a_reading_begins_need_not_be_shown_again(calls: Calls) -> None:
    calls.close_block()
    visible(calls)
    assert ChainEvent.objects.filter(key__startswith="roles:", is_proved=True).exists()
    assert listener_of(calls.contract).cursor_at == ""

    # From here on only what came after the snapshot of what is to be paid is read, and nothing came.
    calls.setting.world.advance(5)
    since = clock.consensus_text(clock.now_ns())
    DistributionFactory(
        asset=calls.setting.asset, planned=True, status="PROCESSING", snapshot_consensus_at=since
    )
    calls.close_block()
    visible(calls)
    assert listener_of(calls.contract).last_error == ""


def test_the_cursor_stays_a_minute_behind_the_chain_and_then_follows(calls: Calls) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    visible(calls)
    assert listener_of(calls.contract).cursor_at == ""
    assert listener_of(calls.contract).reached_at == calls.events()[0].consensus_at

    calls.setting.world.advance(61)
    calls.pay(calls.setting.holders[1])
    calls.close_block()
    visible(calls)

    first, second = calls.events()
    listener = listener_of(calls.contract)
    assert (listener.cursor_at, listener.cursor_index) == (first.consensus_at, first.log_index)
    assert listener.reached_at == second.consensus_at
    assert listener.last_error == ""


def test_more_logs_than_a_page_are_read_page_by_page(
    calls: Calls, requests_seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    store = reading.store_events
    monkeypatch.setattr(
        reading, "store_events", lambda contract, events: sizes.append(len(events)) or store(contract, events)
    )
    for _ in range(120):
        calls.pay(calls.setting.holders[0])
    calls.close_block()
    visible(calls)

    assert len(calls.events()) == 120
    assert max(sizes) <= 100 < sum(sizes)


def test_a_replica_that_lags_is_no_proof_that_nothing_happened(calls: Calls, world: World) -> None:
    """A call of ours was settled by its own result; the list of logs comes from a replica that does not have it."""
    world.fault("mirror.lag_seconds", seconds=30)
    calls.pay(calls.setting.holders[0])
    with transaction.atomic():
        store_events(calls.contract, [result_event({}, at=clock.consensus_text(clock.now_ns()))])
    calls.pay(calls.setting.holders[1])
    calls.close_block()

    with pytest.raises(Unavailable, match="that are known already"):
        visible(calls)

    world.clear("mirror.lag_seconds")
    visible(calls)
    assert len(calls.events()) == 3


def test_a_reading_that_does_not_show_the_log_it_was_asked_for_does_not_count(calls: Calls) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    with pytest.raises(Unavailable, match=r"does not show the logs of .* up to 9999999999"):
        read_events(calls.contract, through="9999999999.000000000")
    assert len(calls.events()) == 1  # what was visible is stored all the same


def test_without_a_log_at_that_time_the_end_of_the_chain_decides(calls: Calls) -> None:
    calls.close_block()
    now = clock.consensus_text(clock.now_ns())
    calls.setting.world.advance(5)
    calls.close_block()
    read_events(calls.contract, through=now, has_log=False)
    with pytest.raises(Unavailable):
        read_events(calls.contract, through="9999999999.000000000", has_log=False)


def test_many_who_wait_share_one_reading(calls: Calls, requests_seen: list[str]) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    read_visible(calls.contract)
    at = calls.events()[0].consensus_at
    requests_seen.clear()

    for _ in range(50):
        read_events(calls.contract, through=at)
        read_visible(calls.contract)
    assert requests_seen == []

    with pytest.raises(Unavailable, match="were read a moment ago"):
        read_events(calls.contract, through="9999999999.000000000")
    assert requests_seen == []


def test_one_reads_and_the_others_are_told_so(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    reads, is_reading, go_on = [], threading.Event(), threading.Event()
    read = reading._read

    def slowly(contract: Contract, listener: EventListener) -> None:
        reads.append(contract)
        is_reading.set()
        go_on.wait(10)
        read(contract, listener)

    monkeypatch.setattr(reading, "_read", slowly)

    def work() -> None:
        read_visible(calls.contract)
        connection.close()

    other = threading.Thread(target=work)
    other.start()
    is_reading.wait(10)
    with pytest.raises(Unavailable, match="are being read"):
        read_visible(calls.contract)
    go_on.set()
    other.join()
    read_visible(calls.contract)
    assert len(reads) == 1


def test_a_ghost_is_stored_and_never_applied(calls: Calls, world: World) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    world.fault("mirror.ghost", mode="extra")
    visible(calls)
    world.clear("mirror.ghost")
    visible(calls)

    real, ghost = sorted(calls.events(), key=lambda event: not event.is_proved)
    assert real.is_proved and not real.quarantine_reason
    assert (ghost.is_proved, ghost.processed_at, ghost.quarantine_reason) == (False, None, NOT_PROVED)
    assert listener_of(calls.contract).reached_at == real.consensus_at


def test_what_a_partial_result_could_not_prove_is_proved_by_the_next_reading(
    calls: Calls, world: World
) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    world.fault("mirror.partial")
    visible(calls)
    assert [event.is_proved for event in calls.events()] == [False]

    world.clear("mirror.partial")
    visible(calls)
    (event,) = calls.events()
    assert (event.is_proved, event.quarantine_reason) == (True, "")


def test_an_error_of_the_mirror_node_is_written_down(calls: Calls, world: World, quick_retries: None) -> None:
    world.fault("mirror.error_rate", status=503)
    with pytest.raises(Unavailable):
        read_visible(calls.contract)
    assert "503" in listener_of(calls.contract).last_error


# --- storing --------------------------------------------------------------------------------------

INTERFACE = "lccf/9.9"


class Recorder:
    """A processor that notes what it is given, and fails or refuses on request."""

    def __init__(self) -> None:
        self.given: list[tuple[str, int]] = []
        self.poison: set[int] = set()
        self.is_ready = True

    def apply(self, contract: Contract, key: str, ids: list[int]) -> bool:
        self.given.append((key, len(ids)))
        if self.poison & set(ids):
            raise RuntimeError("poisoned")
        return self.is_ready


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(processors, "_processors", {})
    processor = Processor(
        key=lambda args: f"snapshot:{args['snapshotID']}", apply=recorder.apply, since=lambda _: ""
    )
    processors.register("lccf/1.1", ["AmountSnapshotByAddressesExecuted"], processor)
    return recorder


@pytest.fixture
def contract(db: None) -> Contract:
    return ContractFactory()


def store(contract: Contract, *numbers: int) -> None:
    with transaction.atomic():
        store_events(contract, [result_event({"0x" + "11" * 20: 1}, at=moment(number)) for number in numbers])


def test_a_failing_event_is_quarantined_and_the_rest_goes_on(contract: Contract, recorder: Recorder) -> None:
    store(contract, 1)
    recorder.poison = {ChainEvent.objects.get().pk + 2}
    store(contract, 2, 3, 4)

    rows = ChainEvent.objects.order_by("consensus_at")
    assert [(row.processed_at is not None, row.trouble) for row in rows] == [
        (True, ""),
        (True, ""),
        (False, "RuntimeError: poisoned"),
        (True, ""),
    ]

    recorder.poison = set()
    with transaction.atomic():
        process_waiting(contract, "snapshot:1")
    assert not ChainEvent.objects.filter(processed_at=None).exists()
    assert not ChainEvent.objects.exclude(quarantine_reason="").exists()


def test_what_is_not_ready_waits_and_is_taken_once(contract: Contract, recorder: Recorder) -> None:
    recorder.is_ready = False
    store(contract, 1, 2)
    assert ChainEvent.objects.filter(processed_at=None, quarantine_reason="").count() == 2

    recorder.is_ready = True
    recorder.given.clear()
    for _ in range(2):
        with transaction.atomic():
            process_waiting(contract, "snapshot:1")
    assert recorder.given == [("snapshot:1", 2)]


def test_events_nobody_has_a_processor_for_are_only_kept(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "_processors", {})
    with transaction.atomic():
        store_events(contract, [replace(result_event({}), key="")])
    event = ChainEvent.objects.get()
    assert (event.processed_at, event.quarantine_reason) == (None, "")


def test_an_event_has_one_processor(recorder: Recorder) -> None:
    processor = Processor(key=str, apply=recorder.apply, since=lambda _: "")
    with pytest.raises(ValueError, match="registered twice"):
        processors.register("lccf/1.1", ["AmountSnapshotByAddressesExecuted"], processor)


def test_the_first_reading_starts_where_the_oldest_thing_of_ours_does(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "_processors", {})
    Contract.objects.update(created_at=timezone.now() - timedelta(days=1))
    contract.refresh_from_db()
    listener = listener_of(contract)
    start = clock.consensus_ns(reading._start(contract, listener, back_ns=0))
    registered = int(contract.created_at.timestamp()) * clock.NANOSECONDS
    assert registered - start == 600 * clock.NANOSECONDS

    for number, at in enumerate(["1795176009.000000000", "", "1795176003.000000000"]):
        processor = Processor(key=str, apply=lambda *_: True, since=lambda _, at=at: at)
        processors.register("lccf/1.1", [f"Event{number}"], processor)
    assert reading._start(contract, listener, back_ns=0) == "1795176003.000000000"


def test_the_database_deletes_and_rewrites_no_event(contract: Contract, recorder: Recorder) -> None:
    store(contract, 1)
    rows = ChainEvent.objects.all()
    for change in ({"args": {}}, {"data": b""}, {"name": "Other"}, {"key": "snapshot:2"}):
        with pytest.raises(Exception, match="never rewritten"), transaction.atomic():
            rows.update(**change)
    with pytest.raises(Exception, match="never deleted"), transaction.atomic():
        rows.delete()


def test_what_an_event_means_may_be_learned_until_it_is_processed(
    contract: Contract, recorder: Recorder
) -> None:
    recorder.is_ready = False
    store(contract, 1)
    rows = ChainEvent.objects.all()
    rows.update(name="Other", key="snapshot:2", args={"snapshotID": 2})
    for change in ({"data": b""}, {"topics": []}, {"log_index": 7}):
        with pytest.raises(Exception, match="never rewritten"), transaction.atomic():
            rows.update(**change)
