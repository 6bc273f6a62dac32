"""The custody budget: slots are granted a little ahead, so none stays unused, and never more than the rate."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from contracts import clock
from contracts.models import CustodyBudget
from contracts.services import budget
from tests.factories.contracts import NOW

pytestmark = pytest.mark.django_db


class Hands:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.at = NOW

    def move(self, seconds: float) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Hands:
    settings.CUSTODY_REQUESTS_PER_MINUTE = 900
    hands = Hands()
    monkeypatch.setattr(clock, "now", lambda: hands.at)
    return hands


def take() -> budget.Slot:
    return budget.take("DFNS", requests=3)


def test_without_a_limit_every_slot_is_now(hands: Hands, settings: Settings) -> None:
    settings.CUSTODY_REQUESTS_PER_MINUTE = 0
    assert {take() for _ in range(100)} == {budget.Slot(is_granted=True, at=NOW)}


def test_a_pause_holds_everybody_until_it_ends(hands: Hands, settings: Settings) -> None:
    until = budget.pause("DFNS", 7)
    assert take() == budget.Slot(is_granted=False, at=until)
    settings.CUSTODY_REQUESTS_PER_MINUTE = 0
    assert take() == budget.Slot(is_granted=False, at=until)
    hands.move(7.1)
    assert take().is_granted


def test_slots_are_granted_at_most_two_seconds_ahead(hands: Hands) -> None:
    slots = [take() for _ in range(30)]
    granted = [slot for slot in slots if slot.is_granted]
    assert 10 <= len(granted) <= 11
    assert max(slot.at for slot in granted) <= NOW + timedelta(seconds=2)
    assert all(slot.at > NOW for slot in slots if not slot.is_granted)


def test_a_long_silence_saves_up_a_second_and_no_more(hands: Hands) -> None:
    while take().is_granted:
        pass
    hands.move(3600)
    at_once = [slot for slot in (take() for _ in range(40)) if slot.is_granted and slot.at <= hands.at]
    assert len(at_once) == 5


@hypothesis_settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pauses=st.lists(st.floats(0, 0.5), min_size=50, max_size=150))
def test_no_minute_has_more_than_the_rate_and_what_was_saved_up(hands: Hands, pauses: list[float]) -> None:
    CustodyBudget.objects.all().delete()
    granted = []
    for pause in pauses:
        hands.move(pause)
        while (slot := take()).is_granted:
            granted.append(slot.at)
    for first in granted:
        window = [at for at in granted if first <= at < first + timedelta(minutes=1)]
        assert 3 * len(window) <= 900 + 15 + 3


def test_whoever_always_asks_gets_the_whole_rate(hands: Hands) -> None:
    granted = []
    while hands.at < NOW + timedelta(minutes=2):
        slot = take()
        if slot.is_granted:
            granted.append(slot.at)
        else:
            hands.at = max(hands.at + timedelta(milliseconds=10), slot.at)
    second_minute = [at for at in granted if at >= NOW + timedelta(minutes=1)]
    assert 3 * len(second_minute) >= 890
