"""Two Paydates on one wallet: on one database, on a copy of it, on an older copy of it. Each holder is paid once."""

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from devnet.services.postgres import Postgres, binaries
from devnet.services.processes import wait_until
from tests.crash.shares import on_chain, owed
from tests.crash.stacks import Network, Site, copy_home, running
from tests.patience import PATIENCE

Runs = dict[str, dict[str, Any]]
INSTANCE = "acme"
SMALL = {
    "BATCH_SIZE": "10",
    "PLAN_PAGE_SIZE": "20",
    "SIGNER_CONCURRENCY": "6",
    "TRANSACTION_VALID_SECONDS": "60",
    "PAYDATE_INSTANCE_ID": INSTANCE,
}
HOLDERS = 200
CUSTODY_MS = 1_200
ENDS_SECONDS = PATIENCE
POLL_SECONDS = 0.5
SWEEPS_SECONDS = 6


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """The chain and custody that all systems of this module have in common."""
    network = Network(settings.TEST_HOME / "network")
    try:
        network.start()
        yield network
    finally:
        network.stop()


@pytest.fixture(scope="module")
def first(network: Network) -> Iterator[Site]:
    home: Path = settings.TEST_HOME / "first"
    with running(home, SMALL | {"PAYDATE_DEVNET_DIR": str(network.folder)}) as site:
        yield site


def made(site: Site, count: int, *, holders: int) -> Runs:
    """New distributions by uid, not started, beside what the devnet prepared for them."""
    return {run["uid"]: run["made"] for run in site.ask_clerk("make", count, holders)}


def assert_all_end_with_each_paid_once(network: Network, site: Site, runs: Runs) -> None:
    has_ended = wait_until(lambda: statuses(site, runs) == {"COMPLETED"}, ENDS_SECONDS, pause=POLL_SECONDS)
    assert has_ended, site.ask_clerk("stand", *runs)
    for uid, run in runs.items():
        assert on_chain(network.devnet, run) == owed(run), uid


def start(site: Site, uid: str) -> None:
    assert site.ask_clerk("start", uid) == [uid]


def until(is_done: Callable[[], bool], words: str) -> None:
    assert wait_until(is_done, ENDS_SECONDS, pause=POLL_SECONDS), words


def paid(network: Network, runs: Runs) -> dict[str, int]:
    """Units on chain by distribution."""
    return {uid: sum(on_chain(network.devnet, run).values()) for uid, run in runs.items()}


def fence(site: Site) -> str:
    """What it says while it is closed."""
    rows = site.ask("SELECT reason FROM contracts_hold WHERE cause = 'FENCE' AND lifted_at IS NULL")
    return "; ".join(sorted({reason for (reason,) in rows}))


@contextmanager
def slow_custody(network: Network) -> Iterator[None]:
    """A run of twenty batches takes a while."""
    network.devnet.latency("custody", CUSTODY_MS)
    try:
        yield
    finally:
        network.devnet.latency("custody", 0)


def statuses(site: Site, runs: Runs) -> set[str]:
    rows = site.ask("SELECT uid, status FROM payouts_distribution")
    return {status for uid, status in rows if uid in runs}


def test_two_stacks_on_one_database_pay_each_holder_of_twenty_distributions_once(
    network: Network, first: Site
) -> None:
    """The second one has a Redis of its own, so that both sweep, ring and sign without seeing each other's rings."""
    second = Site(settings.TEST_HOME / "second", first.given | {"DATABASE_URL": first.postgres.url})
    runs = made(first, 20, holders=12)
    try:
        second.up()
        with ThreadPoolExecutor(2) as pool:
            started = list(pool.map(lambda site: site.ask_clerk("start", *runs), (first, second)))
        assert sorted(started[0] + started[1]) == sorted(runs)
        assert_all_end_with_each_paid_once(network, first, runs)
    finally:
        second.leave()


@dataclass(frozen=True)
class Killed:
    """Three runs, and the home of the database from their middle; whoever had gone on with them is dead."""

    home: Path
    runs: Runs

    @property
    def later(self) -> str:
        """Begun after the copy was taken: to the copy it has never been started."""
        return list(self.runs)[2]


@pytest.fixture(scope="module")
def killed(network: Network, first: Site) -> Killed:
    """One run is under way when the copy is taken, one has just begun, one begins afterwards.

    Then the holders' shares change, so that a second snapshot would show in what they get.
    """
    killed = Killed(settings.TEST_HOME / "copy", made(first, 3, holders=HOLDERS))
    under_way, just_begun, later = killed.runs
    with slow_custody(network):
        start(first, under_way)
        until(lambda: paid(network, killed.runs)[under_way] > 0, "the first run pays nobody")
        start(first, just_begun)
        with first.database_stopped():
            before = paid(network, killed.runs)
            copy_home(first.home, killed.home)
        assert before[under_way] < sum(owed(killed.runs[under_way]).values())
        start(first, later)
        until(lambda: has_gone_on(network, killed.runs, before), "no progress")
    network.devnet.advance(30)
    first.kill()
    for run in killed.runs.values():
        network.devnet.call(run["asset"]["id"], "mintMany", [run["holders"][:1], [10**12]])
    return killed


def has_gone_on(network: Network, runs: Runs, before: dict[str, int]) -> bool:
    return all(units > before[uid] for uid, units in paid(network, runs).items())


def assert_sends_nothing(network: Network, copy: Site, killed: Killed) -> None:
    """Not what is under way, and nothing new, while it says why."""
    network.devnet.custody_requests(forget=True)
    before = paid(network, killed.runs)
    try:
        copy.begin()
        until(lambda: "claim_wallets" in copy.stack.why_not(), "the copy does not say what is wrong")
        start(copy, killed.later)
        until(lambda: statuses(copy, killed.runs) == {"HELD"}, "the copy is not held")
        time.sleep(SWEEPS_SECONDS)
        words = [row["reason"] for row in copy.ask_clerk("stand", *killed.runs).values()]
        assert all(said.startswith("fence: ") and "claim_wallets" in said for said in words), words
    finally:
        copy.leave()
    assert [one for one in network.devnet.custody_requests() if one["method"] == "POST"] == []
    assert paid(network, killed.runs) == before


def test_a_copy_with_another_instance_id_sends_nothing_and_says_why(
    network: Network, first: Site, killed: Killed
) -> None:
    copy = Site(settings.TEST_HOME / "elsewhere", first.given | {"PAYDATE_INSTANCE_ID": "elsewhere"})
    copy_home(killed.home, copy.home)
    assert_sends_nothing(network, copy, killed)


@pytest.mark.long
def test_a_restored_dump_sends_nothing_and_says_why(network: Network, first: Site, killed: Killed) -> None:
    """With the same settings, in another cluster."""
    copy = Site(settings.TEST_HOME / "restored", first.given)
    with started(Postgres(killed.home)) as source, started(copy.postgres) as target:
        text = subprocess.run([binaries() / "pg_dump", source.url], check=True, stdout=subprocess.PIPE).stdout
        command = [binaries() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", target.url]
        subprocess.run(command, check=True, input=text, stdout=subprocess.DEVNULL)
    assert_sends_nothing(network, copy, killed)


@contextmanager
def started(postgres: Postgres) -> Iterator[Postgres]:
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


def test_a_database_put_back_in_the_middle_pays_nobody_twice_and_uses_the_first_snapshots(
    network: Network, first: Site, killed: Killed
) -> None:
    copy_home(killed.home, first.home)
    first.up()
    until(lambda: bool(fence(first)), "the fence does not close")
    assert "it was put back" in fence(first)
    first.claim_wallets(network.devnet)
    start(first, killed.later)
    assert_all_end_with_each_paid_once(network, first, killed.runs)


def test_a_copy_with_the_same_settings_beside_the_running_one_stops_or_pays_each_holder_once(
    network: Network, first: Site
) -> None:
    if first.stack.pid() is None:
        first.up()
    runs = made(first, 2, holders=HOLDERS)
    twin = Site(settings.TEST_HOME / "twin", first.given)
    try:
        with slow_custody(network):
            for uid in runs:
                start(first, uid)
            until(lambda: all(paid(network, runs).values()), "nobody is paid")
            with first.database_stopped():
                copy_home(first.home, twin.home)
            twin.up()
        for site in (first, twin):
            until(lambda site=site: bool(fence(site)) or statuses(site, runs) == {"COMPLETED"}, "neither")
        for uid, run in runs.items():
            share = owed(run)
            assert all(
                units in (0, share[holder]) for holder, units in on_chain(network.devnet, run).items()
            ), uid
    finally:
        twin.leave()
    first.claim_wallets(network.devnet)
    assert_all_end_with_each_paid_once(network, first, runs)
