"""A devnet in this process, and Paydate driven step by step against it: no worker, no patch of the outside.

Rings are collected instead of sent to Redis, and `Pump.run` answers them as the workers would, in one thread.
The real processes are the business of the crash tests.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from celery import current_app
from pytest_django.fixtures import Settings

from contracts.gateways import hedera
from contracts.models import Asset, ContractTransaction, Wallet
from contracts.services import identity, wallets
from contracts.services.registering import NewAsset, add_asset, add_wallet
from devnet.records import Record
from devnet.runtime import Devnet
from payouts.models import Batch, Distribution
from tests.patience import PATIENCE

BEAT_TASKS = ("contracts.sweep", "contracts.guard_wallets", "payouts.sweep", "reserves.sweep")
# Every sweep rings for it as long as anything is planned.
ASKS_FOR_ROOM = "payouts.feed"
FEES_TINYBARS = 1_000 * 100_000_000
WALLETS = (("paydate", "SECP256K1"), ("edwards", "ED25519"))


class World:
    """One devnet for the whole test run; every test gets assets of its own on it."""

    def __init__(self, folder: Path) -> None:
        self._spare: dict[str, Any] | None = None
        self.net = Devnet(folder, block_seconds=0.2, consensus_seconds=0.02)
        self.net.start()

    def close(self) -> None:
        self.net.stop()

    @property
    def control(self) -> Any:
        return self.net.control

    def point(self, settings: Settings) -> None:
        """Points the settings of this process here, custody secrets included."""
        for name, value in {**self.net.env(), **self.net.dfns.provision()}.items():
            setattr(settings, name, value)
        settings.CLOCK_OFFSET = "devnet.clock.offset_ns"
        settings.CUSTODY_REQUESTS_PER_MINUTE = 0
        settings.EXPIRY_MARGIN_SECONDS = 2
        wallets._verified.clear()
        identity.forget()
        hedera.close()

    def advance(self, seconds: int) -> None:
        """Moves chain and Paydate together."""
        self.control.do_advance(seconds)

    def fault(self, name: str, *, count: int | None = None, match: str = "", **params: Any) -> None:
        self.control.do_fault(name, params, count=count, match=match)

    def clear(self, name: str) -> None:
        self.control.do_clear(name)

    def asset(self, *, holders: int = 5, **plan: Any) -> "Setting":
        """An asset with holders, registered as an operator would; its payer can afford what tests try in vain."""
        made = self.control.do_prepare(holders=holders, **plan)
        self.control.do_send_hbar(made["payer"]["id"], FEES_TINYBARS)
        return self.register(made)

    def spare_asset(self) -> "Setting":
        """The same asset for every test that only wants something to call."""
        if self._spare is None:
            self._spare = self.control.do_prepare(holders=1)
        return self.register(self._spare)

    def register(self, made: dict[str, Any]) -> "Setting":
        wallet = Wallet.objects.filter(account=made["payer"]["id"]).first() or add_wallet(
            custodian_name="DFNS",
            custody_wallet_id=self._custody_wallet(made["payer"]["id"]),
            account=made["payer"]["id"],
            label="payer",
            by="tests",
        )
        asset = add_asset(
            NewAsset(
                asset=made["asset"]["id"],
                payout_contract=made["payout_contract"]["id"],
                wallet=wallet,
                label="payouts",
                by="tests",
            )
        )
        return Setting(self, asset, made)

    def signatures_asked(self) -> int:
        """How often custody was asked to sign since the requests were last forgotten."""
        return sum(
            request["method"] == "POST" and request["path"].endswith("/signatures")
            for request in self.net.dfns.requests()
        )

    def wait_for(self, transaction_id: str) -> None:
        """Until a transaction has reached consensus and mirrors without lag show it."""
        deadline = time.monotonic() + PATIENCE
        while not self.net.ledger.by_id(transaction_id):
            assert time.monotonic() < deadline, f"{transaction_id} did not reach consensus"
            time.sleep(0.01)
        self.control.do_close_block()

    def records(self, subject: str) -> list[Record]:
        """What reached consensus with this subject in its memo."""
        return [record for record in self.net.ledger.records() if subject in record.memo.decode()]

    def _custody_wallet(self, account: str) -> str:
        wallets = (self.control.do_wallet(name, scheme) for name, scheme in WALLETS)
        return next(str(wallet["wallet_id"]) for wallet in wallets if wallet["account"] == account)


@dataclass(frozen=True)
class Setting:
    """An asset on the devnet beside its row; amounts in base units."""

    world: World
    asset: Asset
    made: dict[str, Any]

    @property
    def holders(self) -> list[str]:
        return list(self.made["holders"])

    @property
    def money(self) -> str:
        return str(self.made["payment_token"]["id"])

    def balances(self) -> dict[str, int]:
        return dict(self.world.control.do_balances(self.money, self.holders))

    def contract_balance(self) -> int:
        address = self.made["payout_contract"]["evm_address"]
        return int(self.world.control.do_balances(self.money, [address])[address])

    def top_up(self, units: int) -> None:
        self.world.control.do_call(self.money, "mint", [self.made["payout_contract"]["id"], units])

    def ask_money(self, function: str, *arguments: Any) -> None:
        """Asks the payment token as its administrator; the mirror node shows it afterwards."""
        self.world.control.do_call(self.money, function, list(arguments))
        self.world.control.do_close_block()


class Pump:
    """Collects rings and answers them, sweeping now and then as beat would.

    Where a worker would wait, the clock of Paydate and chain moves on by a second instead.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        _load_tasks()
        self.rings: deque[tuple[str, int | None]] = deque()
        self._deaf: set[str] = set()

    def send(self, name: str, row_id: int, after: float = 0) -> None:
        """A ring for later is left to the sweep: it would be answered before its time here."""
        if not after:
            self.rings.append((name, row_id))

    def drain(self) -> int:
        """How many rings were answered, without those that ask whether there is room for more."""
        answered = 0
        while self.rings:
            name, row_id = self.rings.popleft()
            if name in self._deaf:
                continue
            task = current_app.tasks[name]
            task(row_id) if row_id is not None else task()
            answered += name != ASKS_FOR_ROOM
        return answered

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """Rings for these tasks are lost meanwhile."""
        self._deaf = set(names)
        yield
        self._deaf = set()

    def beat(self) -> None:
        """One sweep of each kind, and what it rings for."""
        for name in BEAT_TASKS:
            current_app.tasks[name]()
        self.drain()

    def tick(self) -> None:
        """Sweeps, and lets a second pass when there is nothing to do."""
        for name in BEAT_TASKS:
            current_app.tasks[name]()
        if not self.drain():
            time.sleep(0.01)
            self.world.advance(1)

    def run(self, until: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """Drains and sweeps until the condition holds; fails when it does not in time."""
        deadline = time.monotonic() + seconds
        while True:
            self.drain()
            if until():
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"not reached in {seconds} s: {_state()}")
            self.tick()

    def until_status(
        self, distribution: Distribution, *statuses: str, seconds: float = PATIENCE
    ) -> Distribution:
        def reached() -> bool:
            distribution.refresh_from_db()
            return distribution.status in statuses

        self.run(reached, seconds=seconds)
        return distribution


@cache
def _load_tasks() -> None:
    """Once: each time all system checks would run, too."""
    current_app.loader.import_default_modules()


def _state() -> list[str]:
    rows = [f"{row} {row.status} {row.waiting_reason}" for row in ContractTransaction.objects.open()]
    runs = [f"{row} {row.status} {row.status_reason}" for row in Distribution.objects.all()]
    return runs + rows + [f"{row} {row.status} {row.waiting_reason}" for row in Batch.objects.open()]
