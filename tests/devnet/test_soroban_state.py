"""What the local Stellar network has taken, it keeps: over a restart and over kill -9."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stellar_sdk import SorobanServer, scval

from devnet.clock import Clock
from devnet.faults import FaultBoard
from devnet.soroban import codec
from devnet.soroban.network import Network
from devnet.soroban.operations import SorobanOperations
from devnet.soroban.server import SorobanServer as Server
from tests.devnet.stellar_desk import WHOLE, desk, returned

ROOT = Path(__file__).parents[2]
SERVE = """
import sys, time
from pathlib import Path
from tests.devnet.stellar_desk import Desk

desk = Desk(Path(sys.argv[1]))
envelope = desk.signed()
desk.send(envelope)
print(desk.contract, envelope.hash_hex(), flush=True)
time.sleep(60)
"""


def test_a_restart_keeps_entries_transactions_events_and_answers(tmp_path: Path) -> None:
    with desk(tmp_path) as before:
        before.operations.invest(before.contract, 1_000 * WHOLE)
        before.operations.set_answer(before.contract, 2**64 + 5)
        settled = before.settle(before.signed("pause", [scval.to_address(before.owner.public_key)]))
        waiting = before.signed()
        before.send(waiting)
        info, events = before.operations.info(before.contract), before.events()
        account = before.operations.account(before.owner.public_key)
    with desk(tmp_path) as after:
        again = after.operations.info(before.contract)
        assert {**again, "ledger": 0} == {**info, "ledger": 0}
        assert again["ledger"] >= info["ledger"]
        assert after.events()[: len(events)] == events
        same = after.rpc.get_transaction(settled.transaction_hash)
        assert (same.status, same.result_meta_xdr) == (settled.status, settled.result_meta_xdr)
        after.network.close_ledger()
        assert returned(after.rpc.get_transaction(waiting.hash_hex())) == 2**64 + 5
        assert after.operations.account(after.owner.public_key)["sequence"] == account["sequence"] + 1


def test_kill_9_after_an_answer_loses_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    with process, process.stdout:
        contract, waiting = process.stdout.readline().split()
        os.kill(process.pid, signal.SIGKILL)
    network = Network(tmp_path, FaultBoard(), Clock(tmp_path))
    server = Server(network, FaultBoard())
    server.start()
    network.close_ledger()
    assert returned(SorobanServer(server.url).get_transaction(waiting)) == 0
    assert SorobanOperations(network).info(contract)["paused"] is False
    server.stop()
    network.close()


def test_old_versions_of_entries_are_forgotten(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        for number in range(100):
            made.operations.set_books(made.contract, {"reserve": number})
        latest = made.operations.status()["ledger"]
        key = codec.instance_key(made.contract)
        known = {made.network.store.entry(key, ledger) for ledger in range(1_000, latest + 1)}
        assert len(known - {None}) in (65, 66)
        assert made.call("get_contract_balance").result()["reserve"] == 99


def test_ledgers_went_on_while_nobody_served(tmp_path: Path) -> None:
    with desk(tmp_path) as before:
        then = before.rpc.get_latest_ledger()
    Clock(tmp_path).advance(3_600)
    with desk(tmp_path) as after:
        now = after.rpc.get_latest_ledger()
        assert 720 <= now.sequence - then.sequence <= 724
        # The first ledgers closed at once, a second apart, and were ahead of the clock.
        assert now.close_time - then.close_time >= 3_590


def test_transactions_and_events_are_kept_for_a_week(tmp_path: Path) -> None:
    with desk(tmp_path) as before:
        old = before.settle(before.signed())
        before.operations.invest(before.contract, 1_000 * WHOLE)
    Clock(tmp_path).advance(8 * 86_400)
    with desk(tmp_path) as after:
        health = after.rpc.get_health()
        assert health.latest_ledger - health.oldest_ledger == health.ledger_retention_window - 1
        assert after.rpc.get_transaction(old.transaction_hash).status.value == "NOT_FOUND"
        assert after.events(health.oldest_ledger) == []
        assert after.operations.info(before.contract)["claims"]
