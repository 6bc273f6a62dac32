"""The chain: its time, blocks, past states, and what survives a stop or kill -9."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from eth_abi.abi import decode
from hiero_sdk_python import PrivateKey, ResponseCode

from devnet.artifacts import artifact
from devnet.client import DevnetClient, DevnetError, NotRunning
from devnet.ledger import Ledger
from devnet.operations import OperationFailed
from devnet.records import NS, Record
from devnet.runtime import AlreadyRunning, Devnet, settings_for
from tests.devnet.local_chain import Sent, Setting, prepared, running, wait_for

TOTAL_SUPPLY = bytes.fromhex("18160ddd")
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[Devnet]:
    with running(tmp_path) as started:
        yield started


def test_consensus_times_rise_strictly_also_when_the_clock_falls_back(devnet: Devnet) -> None:
    with prepared(devnet) as setting:
        devnet.faults.set("clock.chain_offset", {"seconds": 5})
        ahead = setting.settle(setting.submit(transfers=[]))
        devnet.faults.clear()
        setting.settle(setting.submit(transfers=[], start_ns=devnet.chain.now_ns() - NS))
        times = [record.consensus_ns for record in devnet.ledger.records()]
    assert times == sorted(set(times))
    assert times[-1] > ahead.consensus_ns


def test_an_idle_chain_makes_blocks_that_touch(devnet: Devnet) -> None:
    blocks = wait_for(lambda: (found := devnet.ledger.blocks()) and len(found) > 3 and found)
    assert [block.number for block in blocks] == list(range(len(blocks)))
    for before, block in itertools.pairwise(blocks):
        assert block.from_ns == before.to_ns + 1
        assert block.previous_hash == before.hash
        assert block.to_ns >= block.from_ns


def test_records_are_visible_when_their_block_is_closed(tmp_path: Path) -> None:
    with running(tmp_path, block_seconds=60) as devnet:
        devnet.chain.close_block()
        record = devnet.operations.send_hbar("0.0.98", 1)
        assert devnet.ledger.visible_until() < record.consensus_ns
        devnet.chain.close_block()
        assert devnet.ledger.visible_until() >= record.consensus_ns
        block = devnet.ledger.block_of(record)
        assert block and block.count == 1


def test_advance_moves_chain_time_and_blocks(devnet: Devnet) -> None:
    client = DevnetClient.of(devnet.state_dir)
    before = devnet.ledger.visible_until()
    client.advance(300)
    assert devnet.ledger.visible_until() >= before + 300 * NS
    assert client.status()["offset_seconds"] == 300
    with pytest.raises(DevnetError, match="only moves forward"):
        client.advance(-1)


def test_a_lagging_replica_shows_an_older_state_and_never_goes_back(devnet: Devnet) -> None:
    with prepared(devnet) as setting:
        asset = setting.ids["asset"]
        assert _supply(devnet.ledger, asset["evm_address"]) == setting.ids["plan"]["supply"]
        shown = devnet.ledger.visible_until(1)
        devnet.faults.set("mirror.lag_seconds", {"seconds": 60, "replica": 1})
        devnet.operations.call(asset["id"], "mint", [setting.holders[0], 7])
        devnet.chain.close_block()
        assert _supply(devnet.ledger, asset["evm_address"]) == setting.ids["plan"]["supply"] + 7
        assert _supply(devnet.ledger, asset["evm_address"], replica=1) == setting.ids["plan"]["supply"]
        assert devnet.ledger.visible_until(1) == shown
        devnet.faults.clear()
        assert _supply(devnet.ledger, asset["evm_address"], replica=1) == setting.ids["plan"]["supply"] + 7


def test_a_call_at_a_named_block_sees_that_block(devnet: Devnet) -> None:
    with prepared(devnet) as setting:
        asset = setting.ids["asset"]
        heights = []
        for _ in range(3):
            devnet.operations.call(asset["id"], "mint", [setting.holders[0], 1])
            devnet.chain.close_block()
            heights.append(devnet.ledger.height())
        supplies = {
            height: _supply(devnet.ledger, asset["evm_address"], height) for height in reversed(heights)
        }
    start = setting.ids["plan"]["supply"]
    assert [supplies[height] for height in heights] == [start + 1, start + 2, start + 3]


def test_a_restart_restores_everything_exactly(tmp_path: Path) -> None:
    key = PrivateKey.generate_ed25519()
    with running(tmp_path) as devnet, prepared(devnet, key, holders=30) as setting:
        data = setting.payout_data(setting.snapshot(), setting.holders[:20])
        setting.settle(setting.submit(data=data))
        setting.settle(setting.submit(data=setting.payout_data(99, setting.holders)))
        devnet.operations.mark_hts_like(setting.ids["payment_token"]["id"], True)
        DevnetClient.of(tmp_path).advance(50)
    before, ids = devnet.ledger, setting.ids
    paid, ports = _paid_in(before, setting), devnet.ports
    with running(tmp_path) as again:
        assert list(again.ledger.records()) == list(before.records())
        old = before.blocks()
        assert again.ledger.blocks()[: len(old)] == old
        assert again.ledger.accounts() == before.accounts()
        assert again.ledger.contracts() == before.contracts()
        assert again.ledger.tokens() == before.tokens()
        assert [again.ledger.balance(a.account) for a in again.ledger.accounts()] == [
            before.balance(a.account) for a in before.accounts()
        ]
        assert again.ports == ports
        restored = Setting(again, key, ids)
        assert restored.paid() == paid
        assert again.operations.view(ids["asset"]["id"], "totalSupply") == [ids["plan"]["supply"]]
        rest = restored.settle(restored.submit(data=restored.payout_data(1, restored.holders[20:])))
        assert rest.result == "SUCCESS"
        restored.close()


def test_two_processes_cannot_share_a_state(devnet: Devnet) -> None:
    with pytest.raises(AlreadyRunning, match="runs already"):
        Devnet(devnet.state_dir)


def test_settings_written_before_the_start_are_those_of_the_running_devnet(tmp_path: Path) -> None:
    written = settings_for(tmp_path)
    with running(tmp_path) as devnet:
        assert devnet.env() == written
        assert settings_for(tmp_path) == written
        assert devnet.nodes.addresses() == written["HEDERA_NODES"]
        assert devnet.mirror.url == written["HEDERA_MIRROR_URL"]


def test_the_control_address_asks_for_its_token(devnet: Devnet) -> None:
    access = devnet.state_dir / "control.json"
    assert access.stat().st_mode & 0o777 == 0o600
    stranger = DevnetClient(json.loads(access.read_text())["url"], "guess")
    with pytest.raises(DevnetError, match="token"):
        stranger.status()


def test_without_a_devnet_the_client_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="make up"):
        DevnetClient.of(tmp_path)


def test_operations_through_the_client(devnet: Devnet) -> None:
    client = DevnetClient.of(devnet.state_dir)
    ids = client.prepare(holders=12, asset_version="8", kind="BOND_FIXED_RATE", seed=5)
    token, holder = ids["payment_token"]["id"], ids["holders"][0]
    assert client.account(ids["payer"]["id"])["tinybars"] == 1_000 * 100_000_000
    assert client.wallet()["account"] == ids["payer"]["id"]
    assert sum(client.balances(ids["asset"]["id"], ids["holders"]).values()) == ids["plan"]["supply"]
    client.fund(token, holder, 9)
    assert client.balance(token, holder) == 9
    for act, undo, reason in (
        (client.freeze, client.unfreeze, "AccountFrozenForToken"),
        (client.dissociate, lambda t, a: client.associate(t, [a]), "TokenNotAssociatedToAccount"),
    ):
        act(token, holder)
        with pytest.raises(DevnetError, match=reason):
            client.mint(token, holder, 1)
        undo(token, holder)
    for contract in ("asset", "payment_token", "payout_contract"):
        client.pause(ids[contract]["id"])
        client.unpause(ids[contract]["id"])
    with pytest.raises(DevnetError, match="no fault named"):
        client.fault("consensus.earthquake")


def test_the_same_seed_makes_the_same_holders(devnet: Devnet) -> None:
    first, second = (devnet.control.do_prepare(holders=15, seed=3) for _ in range(2))
    assert first["holders"] == second["holders"]
    balances = [devnet.control.do_balances(made["asset"]["id"], made["holders"]) for made in (first, second)]
    assert balances[0] == balances[1]


def test_account_tokens_show_association_freeze_and_kyc(devnet: Devnet) -> None:
    with prepared(devnet) as setting:
        token, holder = setting.ids["payment_token"]["id"], setting.holders[0]
        devnet.operations.call(token, "setFrozen", [holder, True])
        devnet.operations.call(token, "setKycRequired", [True])
        devnet.operations.call(token, "dissociate", [setting.holders[1]])
        devnet.chain.close_block()
        (relation,) = devnet.ledger.account_tokens(holder)
        assert (relation.token_id, relation.freeze_status, relation.kyc_status) == (
            token,
            "FROZEN",
            "REVOKED",
        )
        assert devnet.ledger.account_tokens(setting.holders[1]) == []


def test_any_compiled_contract_can_be_deployed(devnet: Devnet, tmp_path: Path) -> None:
    # Init code that returns the one-byte program STOP.
    code = {"abi": [], "bytecode": "0x600060005260016000f3", "deployedBytecode": "0x00"}
    path = tmp_path / "Stop.json"
    path.write_text(json.dumps(code))
    made = devnet.control.do_deploy(str(path))
    assert made["name"] == "Stop"
    found = devnet.ledger.contract(made["evm_address"])
    assert found and found.runtime_code == b"\x00"
    with pytest.raises(OperationFailed, match="no contract"):
        devnet.operations.contract("0.0.424242")


def test_only_a_view_of_the_past_costs_a_machine_of_its_own(tmp_path: Path) -> None:
    with running(tmp_path, block_seconds=60) as devnet, prepared(devnet, holders=1) as setting:
        token, holder = setting.ids["payment_token"], setting.holders[0]
        question = artifact("PaymentToken").call_data("balanceOf", [holder])

        def units(block: int | None = None) -> int:
            success, output = devnet.ledger.static_call(token["evm_address"], question, block=block)
            assert success
            return int.from_bytes(output, "big")

        devnet.chain.close_block()
        before, height = units(), devnet.ledger.height()
        assert devnet.chain.state.views.machines == 0
        devnet.operations.call(token["id"], "mint", [holder, 500])
        unseen = units()
        devnet.chain.close_block()
        seen, past = units(), units(height)

        assert (before, unseen, seen, past) == (0, 0, 500, 0)
        assert devnet.chain.state.views.machines == 1


def test_kill_9_during_traffic_leaves_whole_transactions(tmp_path: Path) -> None:
    """A served devnet is killed while payouts arrive; restarted, records, fees and paid money agree."""
    key = PrivateKey.generate_ecdsa()
    process = _serve(tmp_path)
    client = DevnetClient.of(tmp_path)
    ids = client.prepare(public_key=key.public_key().to_bytes_raw().hex(), holders=300)
    snapshot = client.call(ids["asset"]["id"], "takeSnapshot")[0]
    target = _Remote(key, ids, client)
    sender = threading.Thread(target=target.pay_all, args=(snapshot,))
    sender.start()
    wait_for(lambda: target.accepted >= 15, 10)
    os.kill(process.pid, signal.SIGKILL)
    sender.join()
    process.wait()
    with running(tmp_path) as devnet:
        restored = Setting(devnet, key, ids)
        payouts = [record for record in devnet.ledger.records(restored.payer) if record.memo]
        transfers = _transferred(payouts, ids["payment_token"]["evm_address"])
        fees = sum(record.charged_fee for record in payouts)
        assert len(target.announced) >= 10
        assert target.announced <= {record.transaction_id for record in payouts}
        assert {holder: units for holder, units in restored.paid().items() if units} == transfers
        assert devnet.ledger.balance(restored.payer) == 1_000 * 100_000_000 - fees
        assert sum(devnet.ledger.balance(account.account) for account in devnet.ledger.accounts()) == (
            50_000_000_000 * 100_000_000
        )
        restored.devnet.operations.call(ids["payment_token"]["id"], "mint", [ids["payout_contract"]["id"], 1])


class _Remote:
    """Sends payouts of five holders each to a devnet in another process until it is gone."""

    def __init__(self, key: PrivateKey, ids: dict[str, object], client: DevnetClient) -> None:
        self.accepted = 0
        self.announced: set[str] = set()
        self._key, self._ids, self._status = key, ids, client.status()

    def pay_all(self, snapshot: int) -> None:
        setting = Setting(_Stand(self._status["nodes"]), self._key, self._ids)  # type: ignore[arg-type]
        sent: list[Sent] = []
        try:
            for first in range(0, 300, 5):
                data = setting.payout_data(snapshot, setting.holders[first : first + 5], 10**9)
                sent.append(setting.submit(data=data, memo=f"pd1:test:{first}", gas=3_000_000))
                self._note_receipts(setting, sent)
                self.accepted += 1
        except grpc.RpcError:
            return
        finally:
            setting.close()

    def _note_receipts(self, setting: Setting, sent: list[Sent]) -> None:
        for one in sent:
            if one.transaction_id in self.announced:
                continue
            if setting.receipt(one).receipt.status == ResponseCode.SUCCESS:
                self.announced.add(one.transaction_id)


class _Stand:
    """As much of a devnet as a sender needs: addresses and time."""

    def __init__(self, addresses: str) -> None:
        self.nodes = self
        self.ports = {pair.split("=")[0]: int(pair.rsplit(":", 1)[1]) for pair in addresses.split(",")}
        self.chain = self

    def now_ns(self) -> int:
        return time.time_ns()


def _serve(state_dir: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from devnet.serve import serve; "
        "serve(Path(sys.argv[1]), print, ports={}, block_seconds=0.1, consensus_seconds=0.02)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(state_dir)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    wait_for(lambda: (state_dir / "control.json").exists(), 60)
    return process


def _transferred(records: list[Record], token: str) -> dict[str, int]:
    paid: dict[str, int] = {}
    for record in records:
        for log in record.call.logs if record.call else ():
            if log.address == token:
                holder = "0x" + log.topics[2][-40:]
                paid[holder] = paid.get(holder, 0) + int.from_bytes(log.data, "big")
    return {holder: units for holder, units in paid.items() if units}


def _supply(ledger: Ledger, asset: str, block: int | None = None, replica: int = 0) -> int:
    success, output = ledger.static_call(asset, TOTAL_SUPPLY, block=block, replica=replica)
    assert success
    return int(decode(["uint256"], output)[0])


def _paid_in(ledger: Ledger, setting: Setting) -> dict[str, int]:
    paid = dict.fromkeys(setting.holders, 0)
    token = setting.ids["payment_token"]["evm_address"]
    return paid | _transferred([r for r in ledger.records(setting.payer) if r.call], token)
