"""The model of the Stellar network and the real Soroban host, asked the same: every answer compared must be equal."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from devnet.hosted.process import PROGRAM
from tests.soroban.conformance.archived import Archived
from tests.soroban.conformance.histories import History
from tests.soroban.conformance.peers import Host, Model, running
from tests.soroban.conformance.script import Script
from tests.soroban.conformance.stage import Case
from tests.soroban.conformance.story import Story

LEAST_CASES = 400
SEEDS = range(6)
needs_host = pytest.mark.skipif(
    not PROGRAM.exists(), reason="the real Soroban host is not built: make soroban-host (needs cargo)"
)


def cases_of(kind: type[Model] | type[Host], directory: Path) -> list[Case]:
    """Of all scripts, each on a network of its own."""
    told: list[Case] = []
    for script in (Script, Story, Archived):
        with running(kind, directory / script.__name__) as peer:
            told += script(peer).cases()
    return told


def histories_of(kind: type[Model] | type[Host], directory: Path, seed: int) -> list[Case]:
    with running(kind, directory) as peer:
        return list(History(peer, seed).cases())


@pytest.fixture(scope="module")
def of_model(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return cases_of(Model, tmp_path_factory.mktemp("model"))


def test_the_scripts_reach_every_refusal_of_the_contract(of_model: list[Case]) -> None:
    answers = " ".join(str(case.answer) for case in of_model)
    codes = (1, 2, 5, 15, 16, 17, 24, 28, 29, 30, 31, 32, 33, 37, 38, 200, 202, 1000, 1001, 2200, 2201)
    assert [code for code in codes if f"#{code})" not in answers] == []


@needs_host
def test_model_and_host_agree(
    of_model: list[Case], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_host = cases_of(Host, tmp_path)
    assert [(one.method, one.title) for one in of_model] == [(one.method, one.title) for one in of_host]
    pairs = list(zip(of_model, of_host, strict=True))
    with capsys.disabled():
        print(table([(one.method, one.answer == other.answer) for one, other in pairs]))
    apart = [
        f"{one.title}: the model says {one.answer}, the host {other.answer}"
        for one, other in pairs
        if one != other
    ]
    assert not apart, "\n".join(apart)
    assert len(pairs) >= LEAST_CASES


@needs_host
@pytest.mark.parametrize("seed", SEEDS)
def test_random_histories_agree(seed: int, tmp_path: Path) -> None:
    assert_same(*(histories_of(kind, tmp_path / kind.name, seed) for kind in (Model, Host)))


@needs_host
@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_random_histories_agree(seed: int, tmp_path: Path) -> None:
    assert_same(*(histories_of(kind, tmp_path / kind.name, seed) for kind in (Model, Host)))


def assert_same(of_model: list[Case], of_host: list[Case]) -> None:
    for one, other in zip(of_model, of_host, strict=True):
        assert one == other


def table(results: list[tuple[str, bool]]) -> str:
    asked, agreed = (
        Counter(method for method, _ in results),
        Counter(method for method, same in results if same),
    )
    line: Callable[[str, object, object], str] = "{:<30}{:>6}{:>8}".format
    rows = [line(method, asked[method], agreed[method]) for method in asked]
    total = line("all", sum(asked.values()), sum(agreed.values()))
    return "\n".join(["", line("method", "cases", "agreed"), *rows, total])
