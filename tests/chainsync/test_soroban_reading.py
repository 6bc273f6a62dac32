"""Following investment contracts: nothing is lost or stored twice, and what the RPC has dropped is said and healed."""

import base64
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import Settings
from stellar_sdk import scval, xdr
from stellar_sdk.soroban_rpc import EventInfo, GetEventsResponse

from chainsync import processors
from chainsync.followed import listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.processors import Processor
from chainsync.services import following, soroban_reading
from chainsync.services.following import follow, follow_due
from chainsync.services.soroban_reading import read_soroban
from contracts import clock
from contracts.gateways import soroban_events
from contracts.gateways.errors import Refused, Unavailable
from contracts.gateways.soroban_events import Expired, Page, events_after, events_from, kept_ledgers
from contracts.models import AuditEvent, Contract
from devnet.soroban.codec import contract_event
from devnet.soroban.timeline import LEDGER_SECONDS, RETENTION
from tests.factories.contracts import InvestmentContractFactory
from tests.people import logged_in, superuser
from tests.stellar import model_of
from tests.world import Pump, World


class Recorder:
    """Takes every event of an investment contract, fails on request, and counts how often a state was read."""

    def __init__(self) -> None:
        self.given: list[tuple[str, int]] = []
        self.poison: set[str] = set()
        self.heals = 0
        self.trouble: Exception | None = None

    def processor(self, name: str) -> Processor:
        return Processor(key=self.key, apply=partial(self.apply, name), since=lambda _: "")

    def key(self, args: Any) -> str:
        if args.get("new_state") == 99:
            raise ValueError("there is no state 99")
        return "life"

    def apply(self, name: str, contract: Contract, key: str, ids: list[int]) -> bool:
        self.given.append((name, len(ids)))
        if name in self.poison:
            raise RuntimeError("poisoned")
        return True

    def heal(self, contract: Contract) -> None:
        self.heals += 1
        if self.trouble:
            raise self.trouble


@pytest.fixture(autouse=True)
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(processors, "_processors", {})
    monkeypatch.setattr(processors, "_healers", {})
    for name in ("paused", "unpaused", "STUPDATED", "CBUPDATED"):
        processors.register("investment/1", [name], recorder.processor(name))
    processors.register_healer("investment/1", recorder.heal)
    return recorder


@pytest.fixture
def contract(world: World) -> Contract:
    return investment(world)


def investment(world: World, **columns: Any) -> Contract:
    address = world.control.do_create_investment()["contract"]
    made: Contract = InvestmentContractFactory(address=address, **columns)
    return made


def look(contract: Contract) -> EventListener:
    listener = listener_of(contract)
    follow(listener.pk)
    listener.refresh_from_db()
    return listener


def switch(world: World, contract: Contract, function: str) -> None:
    owner = world.control.do_investment(contract.address)["owner"]
    world.control.do_stellar_call(contract.address, function, [owner])


def emit(world: World, contract: Contract, topics: list[xdr.SCVal], data: xdr.SCVal) -> None:
    """Something that the model of the contract never says."""
    event = contract_event(contract.address, topics, data)
    network = model_of(world)
    network.change(lambda moment: network.write_events([event], moment, 1, "ab" * 32))


def names(contract: Contract) -> list[str]:
    rows = ChainEvent.objects.of(contract.network, contract.address)
    return list(rows.order_by("consensus_at", "log_index").values_list("name", flat=True))


# --- what is read ---------------------------------------------------------------------------------


def test_an_event_is_stored_as_it_was_and_as_it_reads(world: World, contract: Contract) -> None:
    world.advance(60)
    world.control.do_set_investment_books(contract.address, {"reserve": 2**100 + 1, "project": -5})
    status = world.control.do_stellar_status()
    listener = look(contract)

    event = ChainEvent.objects.get(address=contract.address)
    assert (event.network, event.name, event.key) == ("stellar-local", "CBUPDATED", "life")
    assert (event.args["reserve"], event.args["project"]) == (2**100 + 1, -5)
    assert (event.block, event.log_index) == (status["ledger"], 1 << 12)
    assert event.consensus_at == f"{status['closed']}.000000000"
    assert [scval.from_symbol(topic) for topic in event.topics] == ["CBUPDATED"]
    assert scval.to_native(xdr.SCVal.from_xdr_bytes(bytes(event.data)))["reserve"] == 2**100 + 1
    assert len(event.transaction_hash) == 64
    assert event.is_proved and event.processed_at is not None

    assert listener.reached_at == event.consensus_at
    assert listener.read_until >= event.consensus_at
    assert (listener.last_error, listener.failures) == ("", 0)
    assert listener.read_at is not None and listener.lag_seconds in range(-1, 2 * LEDGER_SECONDS)


def test_events_of_one_transaction_keep_their_order(world: World, contract: Contract) -> None:
    goal = world.control.do_investment(contract.address)["data"]["goal"]
    assert goal > 0
    world.control.do_invest(contract.address, 1_000_0000000)
    look(contract)

    rows = ChainEvent.objects.filter(address=contract.address).order_by("log_index")
    assert [row.name for row in rows] == ["mint", "CBUPDATED"]
    assert [row.log_index >> 12 for row in rows] == [1, 1]
    assert rows[0].log_index < rows[1].log_index
    assert (rows[0].key, rows[0].processed_at, rows[0].quarantine_reason) == ("", None, "")


def test_only_what_comes_after_the_cursor_is_read(
    world: World, contract: Contract, recorder: Recorder
) -> None:
    switch(world, contract, "pause")
    first = look(contract)
    assert look(contract).cursor >= first.cursor
    switch(world, contract, "unpause")
    look(contract)

    assert names(contract) == ["paused", "unpaused"]
    assert recorder.given == [("paused", 1), ("unpaused", 1)]
    assert recorder.heals == 1


def test_reading_everything_again_stores_and_applies_nothing_twice(
    world: World, contract: Contract, recorder: Recorder
) -> None:
    switch(world, contract, "pause")
    look(contract)
    EventListener.objects.update(cursor="")
    look(contract)

    assert names(contract) == ["paused"]
    assert recorder.given == [("paused", 1)]


def test_page_by_page(world: World, contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soroban_reading, "events_from", partial(events_from, limit=2))
    monkeypatch.setattr(soroban_reading, "events_after", partial(events_after, limit=2))
    for _ in range(3):
        switch(world, contract, "pause")
        switch(world, contract, "unpause")
    monkeypatch.setattr(soroban_reading, "MOST_PAGES", 2)

    before = clock.now()
    unfinished = look(contract)
    assert len(names(contract)) == 4
    assert before <= unfinished.next_read_at <= clock.now()

    look(contract)
    assert names(contract) == ["paused", "unpaused"] * 3


def test_an_event_that_makes_no_sense_is_kept_and_stops_nothing(world: World, contract: Contract) -> None:
    world.control.do_set_investment_state(contract.address, 99)
    emit(world, contract, [scval.to_symbol("odd"), scval.to_bytes(b"\1\2")], scval.to_string("a\0b"))
    emit(world, contract, [], scval.to_void())
    switch(world, contract, "pause")
    look(contract)

    rows = ChainEvent.objects.filter(address=contract.address).order_by("consensus_at", "log_index", "block")
    found = {(row.name, row.trouble, row.processed_at is not None) for row in rows}
    assert found == {
        ("STUPDATED", "makes no sense: there is no state 99", False),
        ("odd", "", False),
        ("", "", False),
        ("paused", "", True),
    }
    assert rows.get(name="odd").args == {"value": b"a\0b".hex()}


def test_what_fails_is_quarantined_and_tried_again_at_the_next_look(
    world: World, contract: Contract, recorder: Recorder
) -> None:
    recorder.poison = {"paused"}
    switch(world, contract, "pause")
    world.control.do_set_investment_state(contract.address, 3)
    assert look(contract).last_error == ""
    rows = ChainEvent.objects.filter(address=contract.address)
    found = {(row.name, row.trouble, row.processed_at is not None) for row in rows}
    assert found == {("paused", "RuntimeError: poisoned", False), ("STUPDATED", "", True)}

    recorder.poison = set()
    look(contract)
    assert not ChainEvent.objects.filter(processed_at=None).exists()


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_crash_between_storing_and_the_cursor_leaves_nothing_half_done(
    world: World, contract: Contract, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(contract)
    before = listener_of(contract).cursor
    switch(world, contract, "pause")
    store = soroban_reading.store_events

    def store_and_die(*arguments: Any) -> None:
        store(*arguments)
        raise RuntimeError("killed")

    monkeypatch.setattr(soroban_reading, "store_events", store_and_die)
    with pytest.raises(RuntimeError, match="killed"):
        follow(listener_of(contract).pk)
    assert names(contract) == []
    listener = listener_of(contract)
    assert (listener.cursor, listener.last_error) == (before, "RuntimeError: killed")

    monkeypatch.setattr(soroban_reading, "store_events", store)
    recorder.given.clear()
    assert look(contract).last_error == ""
    assert (names(contract), recorder.given) == (["paused"], [("paused", 1)])


def test_two_readers_at_once_store_once(world: World, contract: Contract, recorder: Recorder) -> None:
    for _ in range(5):
        switch(world, contract, "pause")
        switch(world, contract, "unpause")
    barrier = threading.Barrier(2)
    errors: list[Exception] = []
    listener = listener_of(contract)

    def read() -> None:
        mine = EventListener.objects.get(pk=listener.pk)
        barrier.wait()
        try:
            read_soroban(contract, mine)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert names(contract) == ["paused", "unpaused"] * 5
    assert sorted(recorder.given) == [("paused", 5), ("unpaused", 5)]


def test_the_reader_that_was_overtaken_changes_nothing(world: World, contract: Contract) -> None:
    look(contract)
    late = listener_of(contract)
    switch(world, contract, "pause")
    ahead = look(contract)
    switch(world, contract, "unpause")

    assert read_soroban(contract, late).is_finished
    assert (names(contract), listener_of(contract).cursor) == (["paused"], ahead.cursor)


def test_a_node_in_trouble_delays_the_next_look_more_and_more(world: World, contract: Contract) -> None:
    look(contract)
    switch(world, contract, "pause")
    world.fault("soroban.down")
    for failures, seconds in enumerate([2, 4, 8, 16, 32, 60, 60], start=1):
        before = clock.now()
        listener = look(contract)
        assert listener.failures == failures
        wait = timedelta(seconds=seconds)
        assert before + wait <= listener.next_read_at <= clock.now() + wait
    assert listener.last_error.startswith("the Soroban RPC does not answer")
    assert names(contract) == []

    world.clear("soroban.down")
    listener = look(contract)
    assert (listener.failures, listener.last_error, names(contract)) == (0, "", ["paused"])


def test_one_contract_in_trouble_leaves_the_others_alone(
    world: World, contract: Contract, recorder: Recorder
) -> None:
    look(contract)
    recorder.trouble = Refused("there is no contract here", code="NO_CONTRACT")
    other = investment(world)
    for one in (contract, other):
        switch(world, one, "pause")

    assert look(other).last_error == "there is no contract here (code=NO_CONTRACT)"
    assert look(contract).last_error == ""
    assert (names(contract), names(other), listener_of(other).cursor) == (["paused"], [], "")


def test_a_node_that_is_behind_is_no_reason_to_go_back(world: World, contract: Contract) -> None:
    world.control.do_close_ledger(10)
    listener = look(contract)
    world.fault("soroban.lag", ledgers=5)

    late = look(contract)
    assert "code=BEHIND" in late.last_error
    assert late.cursor == listener.cursor


def test_what_is_no_longer_kept_is_said_healed_and_left_behind(
    world: World, contract: Contract, recorder: Recorder
) -> None:
    look(contract)
    switch(world, contract, "pause")
    world.advance((RETENTION + 10) * LEDGER_SECONDS)
    switch(world, contract, "unpause")
    listener = look(contract)

    words = f"events before ledger {kept_ledgers().oldest_ledger} are no longer kept; "
    assert listener.last_error == f"{words}the contract's state was read instead"
    assert (names(contract), recorder.heals) == (["unpaused"], 2)
    lost = AuditEvent.objects.get(what="events lost")
    assert (lost.noun, lost.object_id, lost.reason) == ("contract", contract.pk, listener.last_error)

    assert look(contract).last_error == ""
    assert recorder.heals == 2


def test_a_gap_is_healed_before_the_cursor_passes_it(
    world: World, contract: Contract, recorder: Recorder
) -> None:
    before = look(contract).cursor
    world.advance((RETENTION + 10) * LEDGER_SECONDS)
    recorder.trouble = Unavailable("not now")
    listener = look(contract)
    assert (listener.cursor, listener.last_error) == (before, "not now")

    recorder.trouble = None
    assert "no longer kept" in look(contract).last_error


def test_an_old_contract_is_read_from_the_oldest_ledger_that_is_kept(
    world: World, contract: Contract
) -> None:
    switch(world, contract, "pause")
    Contract.objects.update(created_at=clock.now() - timedelta(days=400))

    assert look(contract).last_error == ""
    assert names(contract) == ["paused"]


# --- when it is looked at -------------------------------------------------------------------------


@pytest.fixture
def tick(pump: Pump) -> Callable[[], list[int | None]]:
    def tick() -> list[int | None]:
        """Which listeners one tick rings for."""
        pump.rings.clear()
        follow_due()
        assert {name for name, _ in pump.rings} <= {"chainsync.follow"}
        return [pk for _, pk in pump.rings]

    return tick


def test_every_living_contract_of_this_network_is_followed(tick: Callable[[], list[int | None]]) -> None:
    wanted = {
        listener_status: InvestmentContractFactory(status=listener_status)
        for listener_status in ("ACTIVE", "FUNDS_REACHED", "PAUSED", "BLOCKED")
    }
    for status in ("DRAFT", "FINISHED"):
        InvestmentContractFactory(status=status)
    InvestmentContractFactory(network="stellar-testnet")

    rung = tick()
    followed = EventListener.objects.in_bulk(rung)
    assert {one.address for one in followed.values()} == {one.address for one in wanted.values()}
    assert EventListener.objects.count() == len(rung) == 4


def test_without_an_rpc_nothing_is_followed(tick: Callable[[], list[int | None]], settings: Settings) -> None:
    InvestmentContractFactory()
    settings.SOROBAN_RPC_URL = ""
    assert tick() == []


def test_each_is_rung_once_in_its_interval_and_a_blocked_one_more_often(
    tick: Callable[[], list[int | None]], settings: Settings, world: World
) -> None:
    settings.BLOCKCHAIN_POLLING_INTERVAL, settings.BLOCKCHAIN_POLLING_INTERVAL_ACTIVE = 60_000, 2_000
    quiet = listener_of(InvestmentContractFactory()).pk
    blocked = listener_of(InvestmentContractFactory(status="BLOCKED")).pk
    EventListener.objects.update(next_read_at=clock.now())

    assert sorted(tick()) == sorted([quiet, blocked])  # type: ignore[type-var]
    assert tick() == []
    world.advance(3)
    assert tick() == [blocked]
    world.advance(60)
    assert sorted(tick()) == sorted([quiet, blocked])  # type: ignore[type-var]


def test_a_contract_that_was_blocked_just_now_is_looked_at_soon(
    tick: Callable[[], list[int | None]], world: World
) -> None:
    contract = InvestmentContractFactory()
    (pk,) = tick()
    Contract.objects.filter(pk=contract.pk).update(status="BLOCKED")
    assert tick() == []
    world.advance(3)
    assert tick() == [pk]


def test_a_listener_that_was_switched_off_is_left_alone(tick: Callable[[], list[int | None]]) -> None:
    listener_of(InvestmentContractFactory())
    EventListener.objects.update(enabled=False)
    assert tick() == []


def test_a_listener_in_somebody_s_hands_is_left_to_him(
    world: World, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = listener_of(contract)
    looked: list[int] = []
    monkeypatch.setattr(following, "_look", lambda row: looked.append(row.pk))

    def hold(taken: threading.Event, done: threading.Event) -> None:
        with following.single_flight(following.READ_LOCK + listener.pk):
            taken.set()
            done.wait(10)
        connection.close()

    taken, done = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold, args=(taken, done))
    holder.start()
    taken.wait(10)
    follow(listener.pk)
    assert looked == []
    done.set()
    holder.join()
    follow(listener.pk)
    assert looked == [listener.pk]


def test_the_admin_says_how_far_it_was_read_and_when_it_is_looked_at_next(
    world: World, contract: Contract
) -> None:
    world.fault("soroban.down")
    listener = look(contract)
    client = logged_in(superuser())
    page = client.get(f"/admin/chainsync/eventlistener/{listener.pk}/change/").content.decode()
    assert f"{listener.next_read_at:%Y-%m-%d %H:%M:%S} UTC" in page
    assert "the Soroban RPC does not answer" in page

    world.clear("soroban.down")
    listener = look(contract)
    page = client.get(f"/admin/chainsync/eventlistener/{listener.pk}/change/").content.decode()
    assert listener.cursor in page


# --- the gateway ----------------------------------------------------------------------------------


def test_the_ledgers_that_a_question_may_begin_with(world: World, contract: Contract) -> None:
    world.advance((RETENTION + 10) * LEDGER_SECONDS)
    kept = kept_ledgers()

    assert isinstance(events_from(kept.latest_ledger, [contract.address]), Page)
    early = events_from(kept.oldest_ledger - 1, [contract.address])
    assert early == Expired(kept.oldest_ledger, kept.latest_ledger)
    with pytest.raises(Unavailable, match="BEHIND"):
        events_from(kept.latest_ledger + 50, [contract.address])
    with pytest.raises(ValueError, match="1 to 25 contracts"):
        events_from(kept.latest_ledger, [contract.address] * 26)


def test_several_contracts_in_one_question(world: World) -> None:
    several = [investment(world) for _ in range(7)]
    ledger = kept_ledgers().latest_ledger
    for one in several:
        switch(world, one, "pause")

    page = events_from(ledger, [one.address for one in several])
    assert isinstance(page, Page) and page.is_last
    assert [event.contract for event in page.events] == [one.address for one in several]
    assert {(event.name, event.topics) for event in page.events} == {("paused", ("paused",))}


def answered(*infos: dict[str, Any], cursor_ledger: int) -> GetEventsResponse:
    return GetEventsResponse.model_validate(
        {
            "events": list(infos),
            "latestLedger": 50_000,
            "oldestLedger": 1_000,
            "latestLedgerCloseTime": "1795176000",
            "oldestLedgerCloseTime": "1795000000",
            "cursor": f"{(cursor_ledger << 32) | 0xFFFFFFFF:019d}-4294967295",
        }
    )


def info(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "contract",
        "ledger": 2_000,
        "ledgerClosedAt": "2026-11-20T12:00:00Z",
        "contractId": "C" + "A" * 55,
        "id": f"{(2_000 << 32) | (3 << 12):019d}-{number:010d}",
        "operationIndex": 0,
        "transactionIndex": 3,
        "txHash": "ab" * 32,
        "topic": [scval.to_symbol("paused").to_xdr()],
        "value": scval.to_map({}).to_xdr(),
    } | more


def test_a_short_page_is_the_last_only_where_the_chain_ends() -> None:
    """The public service looks through 10,000 ledgers at once."""
    page = soroban_events._page(lambda: answered(cursor_ledger=12_000), 2_000, 500)
    assert isinstance(page, Page) and not page.is_last
    page = soroban_events._page(lambda: answered(cursor_ledger=50_000), 2_000, 500)
    assert isinstance(page, Page) and page.is_last


def test_events_of_failed_calls_are_skipped_and_unreadable_ones_kept_raw() -> None:
    one = EventInfo.model_validate(info(0))
    assert [event.id for event in soroban_events._successful([one])] == [one.id]
    answer = answered(
        info(0, inSuccessfulContractCall=False),
        info(1, inSuccessfulContractCall=True),
        info(2, value=base64.b64encode(b"\xff\xff").decode()),
        cursor_ledger=50_000,
    )
    page = soroban_events._page(lambda: answer, 2_000, 500)
    assert isinstance(page, Page)
    assert [(event.index, event.name) for event in page.events] == [
        (3 * 4096 + 1, "paused"),
        (3 * 4096 + 2, ""),
    ]
    assert page.events[1].raw_data == b"\xff\xff" and page.events[1].trouble
    assert page.events[0].closed_at == 1_795_176_000


def test_the_registry_of_healers_holds_one_for_an_interface(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="healed by somebody already"):
        processors.register_healer("investment/1", recorder.heal)
