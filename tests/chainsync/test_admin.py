"""The pages of events, listeners and assets: what they show, who may push which button, and what it does."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from chainsync import processors
from chainsync.followed import listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.processors import Processor
from chainsync.services.syncing import SYNC_LOCK
from contracts import clock
from contracts.models import AuditEvent, Contract, Holding
from contracts.services.sweeping import single_flight
from tests.chainsync.test_reading import Calls, visible
from tests.factories import AssetFactory, ContractFactory
from tests.factories.contracts import NOW
from tests.people import FILLED, logged_in, messages_of, operator, person, press, superuser, viewer
from tests.world import Pump, Setting, World

pytestmark = pytest.mark.django_db
DISTRIBUTION = "AmountSnapshotByAddressesExecuted"
EVENTS = reverse("admin:chainsync_chainevent_changelist")
LISTENERS = reverse("admin:chainsync_eventlistener_changelist")
REPLAY, SWITCH, SYNC = "chainsync.replay_event", "chainsync.switch_listener", "contracts.sync_asset"
TRACEBACK = """Traceback (most recent call last):
  File "events.py", line 7, in apply
    stumble()
ValueError: stumbled"""
STATES = {
    "processed": {"key": "snapshot:1", "is_proved": True, "processed_at": NOW},
    "waiting": {"key": "snapshot:1", "is_proved": True},
    "quarantined": {"key": "snapshot:1", "is_proved": True, "quarantine_reason": TRACEBACK},
    "unproved": {"key": "snapshot:1", "quarantine_reason": "only a list shows it"},
    "unknown": {"key": ""},
}


def page_of(row: Any, page: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def event(contract: Contract, number: int = 0, **columns: Any) -> ChainEvent:
    listener_of(contract)
    return ChainEvent.objects.create(
        network=contract.network,
        address=contract.address,
        consensus_at="1795176001.000000001",
        log_index=number,
        seen_at=clock.now(),
        transaction_hash="ab" * 32,
        topics=["0x" + "50" * 32],
        **columns,
    )


@pytest.fixture
def contract(db: None) -> Contract:
    made: Contract = ContractFactory(label="Harbour payouts")
    return made


@pytest.fixture
def events(contract: Contract) -> dict[str, ChainEvent]:
    return {
        state: event(contract, number, **columns) for number, (state, columns) in enumerate(STATES.items())
    }


def listed(client: Client, page: str = EVENTS, /, **asked: str) -> list[int]:
    return sorted(row.pk for row in client.get(page, asked).context["cl"].result_list)


# --- events ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_every_event_is_in_exactly_one_state(events: dict[str, ChainEvent], state: str) -> None:
    client = logged_in(viewer())
    assert listed(client, state=state) == [events[state].pk]


def test_events_are_found_by_name_and_address(contract: Contract) -> None:
    other = ContractFactory()
    mine, its = event(contract, name="Transfer"), event(other, name="Paused")
    client = logged_in(viewer())
    assert listed(client, address=contract.address) == [mine.pk]
    assert listed(client, name__icontains="paus") == [its.pk]


def test_the_list_has_the_line_and_the_page_the_whole_traceback(events: dict[str, ChainEvent]) -> None:
    client = logged_in(viewer())
    shown = client.get(EVENTS).content.decode()
    assert "ValueError: stumbled" in shown
    assert "Traceback" not in shown
    page = client.get(page_of(events["quarantined"])).content.decode()
    assert "Traceback (most recent call last):" in page
    assert "stumble()" in page


class Processing:
    """Takes events, or does not."""

    is_mended = True
    is_ready = True

    def apply(self, followed: object, key: str, ids: object) -> bool:
        if not self.is_mended:
            raise ValueError("stumbled again")
        return self.is_ready


@pytest.fixture
def processing(monkeypatch: pytest.MonkeyPatch) -> Processing:
    processing = Processing()
    monkeypatch.setattr(processors, "_processors", {})
    key = lambda args: f"snapshot:{args['snapshotID']}"  # noqa: E731
    processors.register("lccf/1.1", [DISTRIBUTION], Processor(key=key, apply=processing.apply))
    return processing


@pytest.fixture
def stumbled(world: World, pump: Pump, processing: Processing) -> ChainEvent:
    """A real event of the devnet at which its processor has stumbled."""
    calls = Calls(world.asset(holders=2))
    calls.setting.top_up(10**6)
    processing.is_mended = False
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    visible(calls)
    pump.rings.clear()
    return calls.events()[0]


def test_one_event_is_replayed_and_its_page_says_what_became_of_it(
    stumbled: ChainEvent, processing: Processing
) -> None:
    client = logged_in(operator(REPLAY))
    press(client, page_of(stumbled, "replay"))
    assert messages_of(client, EVENTS) == ["It is quarantined again: ValueError: stumbled again"]

    processing.is_mended, processing.is_ready = True, False
    press(client, page_of(stumbled, "replay"))
    assert messages_of(client, EVENTS) == ["It waits: what it is about is not known here yet."]

    processing.is_ready = True
    press(client, page_of(stumbled, "replay"))
    assert messages_of(client, EVENTS) == ["Its processor has taken it."]
    stumbled.refresh_from_db()
    assert stumbled.processed_at is not None
    assert {row.by for row in AuditEvent.objects.filter(what="events replayed")} == {"olivia"}
    assert page_of(stumbled, "replay") not in client.get(page_of(stumbled)).content.decode()


def test_a_mirror_node_that_is_away_is_said_in_words(
    stumbled: ChainEvent, world: World, quick_retries: None
) -> None:
    ChainEvent.objects.update(is_proved=False)
    world.fault("mirror.error_rate", status=503)
    client = logged_in(operator(REPLAY))
    press(client, page_of(stumbled, "replay"))
    (told,) = messages_of(client, EVENTS)
    assert told.startswith("The mirror node cannot say whether the events are real:")


def chosen(client: Client, *rows: ChainEvent, **given: Any) -> Any:
    return client.post(
        EVENTS, {"action": "replay_selected", "_selected_action": [one.pk for one in rows]} | given
    )


def test_selected_events_are_shown_first_and_then_replayed(
    stumbled: ChainEvent, processing: Processing
) -> None:
    client = logged_in(operator(REPLAY))
    processing.is_mended = True
    page = chosen(client, stumbled).content.decode()
    assert "Quarantined" in page and "1 event" in page
    stumbled.refresh_from_db()
    assert stumbled.processed_at is None

    chosen(client, stumbled, confirmed="yes")
    assert messages_of(client, EVENTS) == ["1 event tried, 1 taken, 0 quarantined."]
    stumbled.refresh_from_db()
    assert stumbled.processed_at is not None


def test_all_quarantined_are_asked_for_and_the_worker_replays_them(
    stumbled: ChainEvent, processing: Processing, pump: Pump
) -> None:
    client = logged_in(operator(REPLAY))
    processing.is_mended = True
    press(client, reverse("admin:chainsync_chainevent_replay_all"))
    (told,) = messages_of(client, EVENTS)
    assert told.startswith(f"Asked for: 1 event of {stumbled.address}.")
    asked = AuditEvent.objects.get(what="replay asked for")
    assert (asked.by, asked.reason) == ("olivia", "1 quarantined event, from the list of events")

    pump.drain()
    stumbled.refresh_from_db()
    assert stumbled.processed_at is not None
    press(client, reverse("admin:chainsync_chainevent_replay_all"))
    assert messages_of(client, EVENTS) == ["Nothing to do: no event is quarantined."]


# --- listeners ------------------------------------------------------------------------------------


def test_a_listener_shows_what_it_follows_and_whether_it_is_overdue(
    contract: Contract, settings: Settings
) -> None:
    settings.BLOCKCHAIN_POLLING_INTERVAL = 60_000
    asset = AssetFactory(payout_contract=contract)
    listeners = [listener_of(row) for row in (contract, asset, contract.payment_token)]
    EventListener.objects.update(read_at=clock.now())
    EventListener.objects.filter(pk=listeners[0].pk).update(
        read_at=clock.now() - timedelta(seconds=125), last_error="the mirror node is away", lag_seconds=7
    )
    client = logged_in(viewer())
    shown = client.get(LISTENERS)
    states = {row.pk: row.is_overdue for row in shown.context["cl"].result_list}
    assert states == {listeners[0].pk: True, listeners[1].pk: False, listeners[2].pk: False}
    text = shown.content.decode()
    assert text.count("OVERDUE") == 1
    for row in (contract, asset, contract.payment_token):
        assert page_of(row) in text
    page = client.get(page_of(listeners[0])).content.decode()
    for words in ("OVERDUE", "the mirror node is away", "7 s", "Payout or investment contract"):
        assert words in page


def test_a_listener_of_nothing_says_so(db: None) -> None:
    EventListener.objects.create(network="hedera-local", address="0.0.7")
    assert "is registered" in logged_in(viewer()).get(LISTENERS).content.decode()


def test_a_listener_is_switched_off_and_on_and_looked_at_now(contract: Contract, pump: Pump) -> None:
    listener = listener_of(contract)
    EventListener.objects.update(next_read_at=clock.now() + timedelta(hours=1))
    client = logged_in(operator(SWITCH))
    press(client, page_of(listener, "look_now"))
    assert list(pump.rings) == [("chainsync.follow", listener.pk)]
    listener.refresh_from_db()
    assert listener.next_read_at <= clock.now()

    press(client, page_of(listener, "switch_off"))
    messages_of(client, LISTENERS)
    press(client, page_of(listener, "look_now"))
    assert messages_of(client, LISTENERS) == [f"{listener} is switched off: switch it on first."]
    press(client, page_of(listener, "switch_on"))
    assert messages_of(client, LISTENERS) == ["It is followed from now on."]
    assert [(row.what, row.by) for row in AuditEvent.objects.order_by("pk")] == [
        ("not followed any more", "olivia"),
        ("followed", "olivia"),
    ]


# --- assets ---------------------------------------------------------------------------------------


@pytest.fixture
def setting(world: World) -> Setting:
    return world.asset(holders=3)


def test_an_asset_is_read_by_button_and_its_page_shows_it(setting: Setting, pump: Pump) -> None:
    client, address = logged_in(operator(SYNC)), page_of(setting.asset)
    pump.rings.clear()
    press(client, page_of(setting.asset, "read_now"))
    assert messages_of(client, address)[0].startswith("Asked for.")
    assert list(pump.rings) == [("chainsync.sync_asset", setting.asset.pk)]
    pump.drain()

    page = client.get(address).content.decode()
    for words in ("SYNCED", "3 holders", f"asset__id__exact={setting.asset.pk}", "Transfers paused"):
        assert words in page
    holdings = reverse("admin:contracts_holding_changelist")
    assert len(listed(client, holdings, asset__id__exact=str(setting.asset.pk))) == 3


def test_an_asset_that_is_being_read_is_not_asked_for_again(setting: Setting, pump: Pump) -> None:
    has_lock, go_on = threading.Event(), threading.Event()

    def other() -> None:
        with single_flight(SYNC_LOCK + setting.asset.pk):
            has_lock.set()
            go_on.wait(10)
        connection.close()

    reader = threading.Thread(target=other)
    reader.start()
    has_lock.wait(10)
    client = logged_in(operator(SYNC))
    pump.rings.clear()
    press(client, page_of(setting.asset, "read_now"))
    go_on.set()
    reader.join()
    assert messages_of(client, page_of(setting.asset)) == [
        "It is being read at this moment: look at this page again."
    ]
    assert not pump.rings


def test_an_asset_of_another_network_is_not_asked_for(db: None) -> None:
    asset = AssetFactory(network="hedera-testnet")
    client = logged_in(operator(SYNC))
    press(client, page_of(asset, "read_now"))
    (told,) = messages_of(client, page_of(asset))
    assert "is on hedera-testnet; this installation reads hedera-local only" in told


def test_one_holders_balance_is_read_on_demand(setting: Setting, quick_retries: None) -> None:
    client, asset, holder = logged_in(operator(SYNC)), setting.asset, setting.holders[0].lower()
    on_chain = setting.world.control.do_balances(setting.made["asset"]["id"], [setting.holders[0]])
    (units,) = on_chain.values()
    press(client, page_of(asset, "read_holder"), holder=setting.holders[0])
    holding = Holding.objects.get(holder=holder)
    assert holding.balance_units == units
    assert messages_of(client, page_of(asset))[0].endswith("read from the chain just now.")

    Holding.objects.update(balance_units=1, as_of=clock.now() - timedelta(days=1))
    press(client, page_of(holding, "refresh"))
    holding.refresh_from_db()
    assert holding.balance_units == units

    messages_of(client, page_of(asset))
    setting.world.fault("mirror.error_rate", status=503)
    press(client, page_of(holding, "refresh"))
    assert messages_of(client, page_of(asset))[0].startswith("The mirror node could not be asked:")


def test_what_is_no_holder_is_refused_by_the_form(setting: Setting) -> None:
    client = logged_in(operator(SYNC))
    answer = press(client, page_of(setting.asset, "read_holder"), holder="0.0.7")
    assert answer.status_code == 200
    assert not Holding.objects.exists()


# --- powers ---------------------------------------------------------------------------------------

BUTTONS = {
    "replay": REPLAY,
    "look_now": SWITCH,
    "switch_off": SWITCH,
    "read_now": SYNC,
    "read_holder": SYNC,
    "refresh": SYNC,
}


@pytest.fixture
def rows(contract: Contract) -> dict[str, Any]:
    """The row on whose page each button stands."""
    asset = AssetFactory(payout_contract=contract)
    holding = Holding.objects.create(asset=asset, holder="0x" + "11" * 20, balance_units=1, as_of=clock.now())
    listener = listener_of(contract)
    return {
        "replay": event(contract, key="snapshot:1"),
        "look_now": listener,
        "switch_off": listener,
        "read_now": asset,
        "read_holder": asset,
        "refresh": holding,
    }


@pytest.mark.parametrize("button", BUTTONS)
def test_who_may_only_look_sees_no_button_and_is_refused(button: str, rows: dict[str, Any]) -> None:
    row, client = rows[button], logged_in(viewer())
    page = client.get(page_of(row))
    assert page.status_code == 200
    assert page_of(row, button) not in page.content.decode()
    assert press(client, page_of(row, button)).status_code == 403
    assert press(client, reverse("admin:chainsync_chainevent_replay_all")).status_code == 403
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("button", BUTTONS)
def test_each_permission_shows_its_own_buttons_and_no_other(button: str, rows: dict[str, Any]) -> None:
    row, others = rows[button], {REPLAY, SWITCH, SYNC} - {BUTTONS[button]}
    unable = logged_in(operator(*sorted(others)))
    assert page_of(row, button) not in unable.get(page_of(row)).content.decode()
    assert press(unable, page_of(row, button)).status_code == 403
    able = logged_in(operator(BUTTONS[button], name="otto"))
    assert page_of(row, button) in able.get(page_of(row)).content.decode()


@pytest.mark.parametrize("button", BUTTONS)
def test_nobodys_get_does_anything(button: str, rows: dict[str, Any], pump: Pump) -> None:
    client = logged_in(superuser())
    assert client.get(page_of(rows[button], button), FILLED).status_code == 200
    assert not pump.rings
    assert not AuditEvent.objects.exists()
    assert EventListener.objects.get().enabled


def test_without_any_permission_nothing_opens(rows: dict[str, Any]) -> None:
    client = logged_in(person("newcomer"))
    for address in (EVENTS, LISTENERS, *(page_of(row, button) for button, row in rows.items())):
        assert client.get(address).status_code == 403


def test_the_list_offers_no_replay_to_who_may_not(events: dict[str, ChainEvent]) -> None:
    client = logged_in(viewer())
    chosen(client, events["quarantined"], confirmed="yes")
    assert not AuditEvent.objects.exists()
    assert "replay_selected" not in client.get(EVENTS).content.decode()
