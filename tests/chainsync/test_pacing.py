"""How much is asked for at once, by how it went before."""

import pytest

from chainsync.followed import listener_of
from chainsync.models import EventListener
from chainsync.services import pacing
from chainsync.services.following import follow
from chainsync.services.pacing import Pace
from tests.chainsync.test_reading import Calls
from tests.world import World


@pytest.fixture
def calls(world: World) -> Calls:
    return Calls(world.asset(holders=1))


def learned(monkeypatch: pytest.MonkeyPatch, amount: int, *seconds: float) -> int:
    pace = Pace(amount, least=10, most=100)
    for taken in seconds:
        times = iter((0.0, taken))
        monkeypatch.setattr(pacing.time, "monotonic", lambda times=times: next(times))
        with pace.measured():
            pass
    return pace.learned


def test_by_the_slowest_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert learned(monkeypatch, 40, 0.1, 0.2) == 80
    assert learned(monkeypatch, 80, 0.1) == 100
    assert learned(monkeypatch, 40, 0.1, 3) == 40
    assert learned(monkeypatch, 40, 0.1, 6, 0.1) == 20
    assert learned(monkeypatch, 15, 6) == 10


def test_half_after_a_failure() -> None:
    pace = Pace(40, least=10, most=100)
    with pytest.raises(RuntimeError), pace.measured():
        raise RuntimeError
    assert pace.learned == 20


def test_a_listener_remembers_it(calls: Calls, quick_retries: None) -> None:
    calls.pay(calls.setting.holders[0])
    calls.close_block()
    pk = listener_of(calls.contract).pk

    def rows() -> int:
        EventListener.objects.update(read_at=None)
        follow(pk)
        return EventListener.objects.get(pk=pk).page_rows

    calls.setting.world.fault("mirror.error_rate", status=503, match="results/logs")
    assert [rows(), rows()] == [50, 25]
    calls.setting.world.control.do_clear()
    assert [rows(), rows(), rows()] == [50, 100, 100]
