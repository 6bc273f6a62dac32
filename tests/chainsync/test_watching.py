"""People hear of what is not followed and of what could not be processed: once, why, and when it is over."""

from datetime import timedelta

import pytest
from django.urls import reverse
from pytest_django import Settings

from chainsync import processors
from chainsync.followed import listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.processors import Processor
from chainsync.services.following import follow, switch
from chainsync.services.quarantine import LONGEST, reason_of
from chainsync.services.replaying import replay
from chainsync.services.watching import PATIENCE, overdue, watch
from contracts import clock
from contracts.models import Contract, Notice
from contracts.services.notices import subject_of
from reserves.services.telling import note_finished
from tests.chainsync.test_reading import Calls, visible
from tests.factories import AssetFactory, ContractFactory, TokenFactory
from tests.people import logged_in, viewer
from tests.world import Pump, World

DISTRIBUTION = "AmountSnapshotByAddressesExecuted"
NETWORK = "hedera-local"


@pytest.fixture(autouse=True)
def intervals(settings: Settings) -> None:
    settings.BLOCKCHAIN_POLLING_INTERVAL = 60_000
    settings.BLOCKCHAIN_POLLING_INTERVAL_ACTIVE = 2_000


@pytest.fixture
def contract(db: None) -> Contract:
    made: Contract = ContractFactory(label="Harbour payouts")
    return made


def read_before(row: Contract, seconds: int, **columns: object) -> EventListener:
    listener = listener_of(row)
    read_at = clock.now() - timedelta(seconds=seconds)
    EventListener.objects.filter(pk=listener.pk).update(**{"read_at": read_at} | columns)
    return EventListener.objects.get(pk=listener.pk)


def watch_long_enough() -> None:
    """Notes what is overdue, and looks again when patience is over."""
    watch()
    later = EventListener.objects.exclude(missed_at=None)
    later.update(missed_at=clock.now() - PATIENCE)
    watch()


def open_notices(cause: str = "NOT_FOLLOWED") -> list[Notice]:
    return list(Notice.objects.open().filter(cause=cause).order_by("pk"))


# --- looks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "seconds", "is_late"),
    [("ACTIVE", 115, False), ("ACTIVE", 125, True), ("BLOCKED", 1, False), ("BLOCKED", 10, True)],
)
def test_two_intervals_of_its_own_are_what_a_listener_has(
    contract: Contract, status: str, seconds: int, is_late: bool
) -> None:
    Contract.objects.update(status=status)
    listener = read_before(contract, seconds)
    assert [one.listener for one in overdue(clock.now())] == ([listener] if is_late else [])


def test_what_somebody_waits_for_has_the_shorter_interval(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_before(contract, 10)
    monkeypatch.setattr(processors, "_awaited", [])
    assert overdue(clock.now()) == []
    monkeypatch.setattr(processors, "_awaited", [lambda: [contract.pk]])
    (one,) = overdue(clock.now())
    assert one.interval == timedelta(seconds=2)


def test_one_that_was_never_read_has_its_time_from_its_beginning_on(contract: Contract) -> None:
    listener = listener_of(contract)
    assert overdue(clock.now()) == []
    assert len(overdue(listener.created_at + timedelta(seconds=121))) == 1


def test_people_hear_once_since_when_why_and_what_to_do(contract: Contract, pump: Pump) -> None:
    listener = read_before(contract, 300, last_error="Unavailable: https://mirror/key no answer (status=503)")

    watch_long_enough()
    watch()

    (notice,) = open_notices()
    assert subject_of(notice) == contract
    assert notice.title == "Harbour payouts is not followed"
    assert listener.read_at is not None
    assert f"since {listener.read_at:%Y-%m-%d %H:%M:%S} UTC: 2 intervals of 60 s have passed" in notice.text
    assert "Reason: Unavailable: [address] no answer (status=503)" in notice.text
    assert "What to do: mend what the reason names. `manage.py doctor` says" in notice.text
    assert [name for name, _ in pump.rings] == ["contracts.send_notice"]


def test_without_a_reason_the_three_possible_ones_are_named(contract: Contract) -> None:
    read_before(contract, 300)
    watch_long_enough()
    assert "Either no worker takes the looks, or one is still under way" in open_notices()[0].text


def test_nobody_is_called_for_a_look_that_comes_within_seconds(contract: Contract) -> None:
    """After a start, or a switch, every listener is overdue for a moment."""
    read_before(contract, 90_000)
    watch()
    assert EventListener.objects.get().missed_at is not None
    watch()
    assert open_notices() == []

    read_before(contract, 0)
    watch()
    assert EventListener.objects.get().missed_at is None
    assert not Notice.objects.exists()


def test_the_next_success_ends_it_and_nothing_else(contract: Contract) -> None:
    Contract.objects.update(status="BLOCKED")
    read_before(contract, 60)
    watch_long_enough()
    assert len(open_notices()) == 1

    # The longer interval of a contract that is not blocked any more would not be over.
    Contract.objects.update(status="ACTIVE")
    watch()
    assert len(open_notices()) == 1

    read_before(contract, 0)
    watch()
    assert open_notices() == []
    assert "It was read from the chain again at" in Notice.objects.get().resolution
    watch()
    assert Notice.objects.count() == 1


def test_what_is_switched_off_is_nobodys_concern(contract: Contract) -> None:
    read_before(contract, 300)
    watch_long_enough()
    switch(contract, on=False, by="alice")
    watch()
    assert Notice.objects.get().resolution == "It is not followed any more, so nothing has to be read."
    watch_long_enough()
    assert open_notices() == []


def test_one_contract_that_is_read_says_nothing_of_another(contract: Contract) -> None:
    other = ContractFactory(label="Quay payouts")
    read_before(contract, 300)
    read_before(other, 300)
    watch_long_enough()
    assert len(open_notices()) == 2
    read_before(other, 0)
    watch()
    assert [subject_of(notice) for notice in open_notices()] == [contract]


def test_assets_are_named_and_tokens_by_their_listener(contract: Contract) -> None:
    asset = AssetFactory(payout_contract=contract, symbol="HRB")
    read_before(contract, 0)
    for row in (asset, contract.payment_token):
        EventListener.objects.filter(pk=listener_of(row).pk).update(
            created_at=clock.now() - timedelta(seconds=200)
        )
    watch_long_enough()
    of_asset, of_token = open_notices()
    assert (of_asset.title, subject_of(of_asset)) == ("HRB is not followed", asset)
    assert subject_of(of_token) == listener_of(contract.payment_token)
    assert "ever, and it is to be followed since" in of_token.text
    assert "payment token" in of_token.text

    EventListener.objects.update(read_at=clock.now())
    watch()
    assert open_notices() == []


def test_a_token_of_nobody_needs_no_look(db: None) -> None:
    EventListener.objects.filter(pk=listener_of(TokenFactory()).pk).update(
        created_at=clock.now() - timedelta(days=1)
    )
    assert overdue(clock.now()) == []


@pytest.fixture
def calls(world: World) -> Calls:
    calls = Calls(world.asset(holders=4))
    calls.setting.top_up(10**6)
    return calls


def test_a_mirror_node_that_is_away_is_told_and_its_return_too(
    calls: Calls, pump: Pump, quick_retries: None
) -> None:
    listener = listener_of(calls.contract)
    follow(listener.pk)
    calls.setting.world.fault("mirror.error_rate", status=503)
    calls.setting.world.advance(121)
    follow(listener.pk)
    watch()
    calls.setting.world.advance(int(PATIENCE.total_seconds()))
    watch()
    (notice,) = open_notices()
    assert subject_of(notice) == calls.contract
    assert "503" in notice.text

    calls.setting.world.clear("mirror.error_rate")
    calls.close_block()
    follow(listener.pk)
    watch()
    assert open_notices() == []


# --- quarantine -----------------------------------------------------------------------------------


class Poisoned:
    """A processor with a defect, until it is mended."""

    is_mended = False

    def apply(self, followed: object, key: str, ids: object) -> bool:
        if not self.is_mended:
            raise ValueError("poisoned")
        return True


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Poisoned:
    poisoned = Poisoned()
    monkeypatch.setattr(processors, "_processors", {})
    key = lambda args: f"snapshot:{args['snapshotID']}"  # noqa: E731
    processors.register("lccf/1.1", [DISTRIBUTION], Processor(key=key, apply=poisoned.apply))
    return poisoned


def test_quarantined_events_are_told_until_none_is_left(calls: Calls, pump: Pump, poisoned: Poisoned) -> None:
    for holder in calls.setting.holders[:2]:
        calls.pay(holder)
    calls.close_block()
    visible(calls)
    watch()
    watch()

    (notice,) = open_notices("QUARANTINED")
    assert subject_of(notice) == calls.contract
    assert "2 events of payouts could not be processed. All others are." in notice.text
    assert "Reason: ValueError: poisoned" in notice.text

    ChainEvent.objects.filter(pk=calls.events()[0].pk).update(processed_at=clock.now())
    watch()
    assert "1 event of payouts could not be processed" in open_notices("QUARANTINED")[0].text
    poisoned.is_mended = True
    replay(ChainEvent.objects.all(), by="alice")
    watch()
    assert open_notices("QUARANTINED") == []
    assert Notice.objects.get().resolution == "No event of it is quarantined any more."


def test_the_whole_traceback_is_kept_and_its_error_is_the_line_for_lists(
    calls: Calls, poisoned: Poisoned
) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    visible(calls)
    (event,) = calls.events()
    assert event.quarantine_reason.startswith("Traceback (most recent call last):")
    assert 'raise ValueError("poisoned")' in event.quarantine_reason
    assert event.trouble == "ValueError: poisoned"
    page = logged_in(viewer()).get(reverse("admin:chainsync_chainevent_change", args=[event.pk]))
    assert "Traceback (most recent call last):" in page.content.decode()


def test_a_contract_that_is_finished_is_not_told_of_again(contract: Contract) -> None:
    listener_of(contract)
    row = {"network": NETWORK, "address": contract.address, "consensus_at": "1.000000001"}
    ChainEvent.objects.create(**row, log_index=0, quarantine_reason="malformed", seen_at=clock.now())
    watch()
    assert len(open_notices("QUARANTINED")) == 1
    Contract.objects.update(status="FINISHED")
    note_finished(contract)
    watch()
    assert open_notices("QUARANTINED") == []


def test_what_is_not_proved_calls_nobody(contract: Contract) -> None:
    listener_of(contract)
    row = {"network": NETWORK, "address": contract.address, "consensus_at": "1.000000001"}
    ChainEvent.objects.create(
        **row, log_index=0, key="snapshot:1", quarantine_reason="shown by a list alone", seen_at=clock.now()
    )
    watch()
    assert open_notices("QUARANTINED") == []


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_details_after_the_error_are_not_taken_for_it() -> None:
    error = raised(ValueError("duplicate key\nDETAIL:  Key (id)=(7) exists.\n    LINE 1"))
    assert ChainEvent(quarantine_reason=reason_of(error)).trouble == "ValueError: duplicate key"


def test_an_endless_reason_is_cut_and_a_database_can_take_it() -> None:
    reason = reason_of(raised(ValueError("a\x00b" * LONGEST)))
    assert len(reason) <= LONGEST + 3
    assert "\x00" not in reason
    assert ChainEvent(quarantine_reason=reason).trouble.startswith("ValueError: abab")


def test_words_that_are_no_traceback_stay_as_they_are() -> None:
    assert ChainEvent(quarantine_reason="malformed: too short").trouble == "malformed: too short"
