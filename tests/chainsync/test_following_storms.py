"""Thousands of events, ten at one consensus time, from a mirror node that misbehaves: each is stored once and applied
once, and what they add up to is what the chain says, whatever was seen in which order.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection
from pytest_django.fixtures import Settings

from chainsync import processors
from chainsync.followed import listener_of
from chainsync.models import ChainEvent, EventListener
from chainsync.services import reading
from chainsync.services.following import follow
from chainsync.services.replaying import replay
from contracts.models import Contract
from devnet.faults import FaultBoard
from devnet.ledger import Ledger
from devnet.mirror.server import MirrorServer
from devnet.records import NS, Account
from devnet.records import Contract as ChainContract
from tests.chainsync.followed_ledger import Applied, Growing, register
from tests.chainsync.reader import READY
from tests.devnet.mirror_ledger import CONTRACT, CONTRACT_ADDRESS, FIRST_NS, PAYER, PAYER_ADDRESS
from tests.factories import ContractFactory

# What a mirror node does wrong, and how often; a round has any of them.
TROUBLES = (
    ("mirror.error_rate", {"status": 503}, 0.2),
    ("mirror.error_rate", {"status": 429, "retry_after": 0}, 0.2),
    ("mirror.drop_reply", {}, 0.2),
    ("mirror.ghost", {"mode": "missing"}, 0.3),
    ("mirror.ghost", {"mode": "extra"}, 0.3),
    ("mirror.partial", {}, 0.3),
    ("mirror.not_found", {}, 0.1),
)
ROUNDS = 20
ROUND_HALF_SECONDS = 50  # all rounds together are shorter than what is read again
# As many rounds the lists lack one transaction, while later ones are read and the cursor passes it.
HIDDEN_ROUNDS = 5
LONGEST_LIFE = 0.6
ODD_PAGE = 95  # ten logs at one time: most pages end within one
# Until every list is complete and the last minutes were read again.
QUIET_ROUNDS = 40
RESCAN_HALF_SECONDS = 140
EFFECTS = "CREATE TABLE effects (event bigint, key text)"


class Storm:
    def __init__(self, seed: int, growing: Growing, board: FaultBoard, applied: Applied) -> None:
        self.dice = random.Random(seed)
        self.growing, self.board, self.applied = growing, board, applied
        self.contract = Contract.objects.get()
        self.listener = listener_of(self.contract)

    def rage(self, calls: int, *, readers: int) -> None:
        for number in range(ROUNDS):
            self.growing.call(calls // ROUNDS)
            self.growing.let_pass(ROUND_HALF_SECONDS - calls // ROUNDS)
            if number % HIDDEN_ROUNDS == 0:
                hidden = self.growing.newest()
            self.board.clear()
            for name, params, probability in self.dice.sample(TROUBLES, 3):
                self.board.set(name, params, probability=probability)
            if number // HIDDEN_ROUNDS % 2 == 0:
                self.board.set("mirror.ghost", {"mode": "missing", "at": hidden})
            self.look(readers)

    def calm_down(self) -> None:
        """Without troubles until nothing is in doubt; what the broken processor left is replayed after its mending."""
        self.board.clear()
        for _ in range(QUIET_ROUNDS):
            self.growing.let_pass(RESCAN_HALF_SECONDS)
            self.look(1)
            if ChainEvent.objects.filter(is_proved=True).count() == self.growing.events:
                break
        self.applied.is_broken = False
        replay(ChainEvent.objects.exclude(quarantine_reason=""), by="tests")

    def be_killed(self, calls: int, *, kills: int, url: str) -> None:
        """A reader of its own looks all the time, dies at a random moment, and is followed by another."""
        for _ in range(kills):
            with reading_process(url, self.listener.pk) as reader:
                self.board.clear()
                for name, params, probability in self.dice.sample(TROUBLES, 2):
                    self.board.set(name, params, probability=probability)
                self.growing.call(calls // kills)
                self.growing.let_pass(ROUND_HALF_SECONDS)
                time.sleep(self.dice.uniform(0, LONGEST_LIFE))
                reader.kill()

    def look(self, readers: int) -> None:
        if readers == 1:
            follow(self.listener.pk)
            return
        threads = [threading.Thread(target=self._look_in_a_thread) for _ in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _look_in_a_thread(self) -> None:
        try:
            follow(self.listener.pk)
        finally:
            connection.close()


@contextmanager
def reading_process(url: str, listener: int) -> Iterator["subprocess.Popen[str]"]:
    """Begins when it is ready to read, in the database of this test."""
    server = os.environ.get("DATABASE_URL", settings.TEST_POSTGRES.url)
    name = str(connection.settings_dict["NAME"])
    reader = subprocess.Popen(
        [sys.executable, "-m", "tests.chainsync.reader", url, str(listener)],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": urlunsplit(urlsplit(server)._replace(path=f"/{name}"))},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert any(line.strip() == READY for line in reader.stdout or ())
        yield reader
    finally:
        reader.kill()
        reader.communicate()


@pytest.fixture
def applied(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Applied]:
    applied = Applied()
    monkeypatch.setattr(processors, "_processors", {})
    monkeypatch.setattr(processors, "_awaited", [])
    monkeypatch.setattr(reading, "MOST_ROWS", ODD_PAGE)
    register(applied)
    with connection.cursor() as cursor:
        cursor.execute(EFFECTS)
    yield applied
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE effects")


@pytest.fixture
def growing(
    settings: Settings, applied: Applied, request: pytest.FixtureRequest
) -> Iterator[tuple[Growing, FaultBoard]]:
    board = FaultBoard(seed=7)
    ledger = Ledger(board)
    created = FIRST_NS - NS
    ledger.add_account(Account(PAYER, PAYER_ADDRESS, None, "", created))
    ledger.add_contract(ChainContract(CONTRACT, CONTRACT_ADDRESS, "Sample", created, b"\x60\x01"))
    server = MirrorServer(ledger, board)
    server.start()
    settings.HEDERA_MIRROR_URL = server.url
    settings.CLOCK_OFFSET = "tests.chainsync.followed_ledger.offset_ns"
    ContractFactory(
        network="hedera-local",
        address=CONTRACT,
        evm_address=CONTRACT_ADDRESS,
        created_at=datetime.fromtimestamp(FIRST_NS // NS, UTC),
    )
    yield Growing(ledger, random.Random(0)), board
    server.stop()


def assert_all_once(storm: Storm) -> None:
    proved = ChainEvent.objects.filter(is_proved=True)
    places = proved.values_list("consensus_at", "log_index")
    assert len(places) == len(set(places)) == storm.growing.events
    assert not proved.filter(processed_at=None).exists()
    assert not ChainEvent.objects.filter(is_proved=False).exclude(processed_at=None).exists()
    effects = storm.applied.rows()
    assert len(effects) == len({event for event, _ in effects}) == storm.growing.events
    assert sums(event for event, _ in effects) == storm.growing.paid
    listener = EventListener.objects.get()
    assert listener.cursor_at == max(at for at, _ in places)
    assert listener.last_error == ""


def sums(events: Iterator[int]) -> Counter[tuple[int, str]]:
    """What the events that had an effect add up to."""
    found = Counter[tuple[int, str]]()
    for args in ChainEvent.objects.filter(pk__in=list(events)).values_list("args", flat=True):
        found[args["snapshotID"], args["succeeded"][0]] += args["paidAmount"][0]
    return found


@pytest.mark.parametrize(("seed", "readers"), [(1, 1), (3, 2)])
def test_a_thousand_events_from_a_mirror_node_that_misbehaves(
    growing: tuple[Growing, FaultBoard], applied: Applied, quick_retries: None, seed: int, readers: int
) -> None:
    storm = Storm(seed, *growing, applied)
    storm.rage(100, readers=readers)
    storm.calm_down()
    assert_all_once(storm)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(50))
def test_ten_thousand_events_from_a_mirror_node_that_misbehaves(
    growing: tuple[Growing, FaultBoard], applied: Applied, quick_retries: None, seed: int
) -> None:
    storm = Storm(seed, *growing, applied)
    storm.rage(1_000, readers=1 + seed % 2)
    storm.calm_down()
    assert_all_once(storm)


def test_readers_that_are_killed_lose_nothing_and_count_nothing_twice(
    growing: tuple[Growing, FaultBoard], applied: Applied, quick_retries: None, settings: Settings
) -> None:
    storm = Storm(11, *growing, applied)
    storm.be_killed(120, kills=3, url=settings.HEDERA_MIRROR_URL)
    storm.calm_down()
    assert_all_once(storm)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_many_readers_that_are_killed(
    growing: tuple[Growing, FaultBoard], applied: Applied, quick_retries: None, settings: Settings, seed: int
) -> None:
    storm = Storm(seed, *growing, applied)
    storm.be_killed(600, kills=20, url=settings.HEDERA_MIRROR_URL)
    storm.calm_down()
    assert_all_once(storm)
