"""Duplicates and every way in which the way to consensus can fail."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from devnet.client import DevnetClient
from devnet.faults import FaultBoard
from devnet.records import NS
from tests.devnet.local_chain import FIRST_NODE, Setting, prepared, running, wait_for

OTHER_NODE = "0.0.4"


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with running(tmp_path_factory.mktemp("faults")) as devnet, prepared(devnet) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_faults(setting: Setting) -> Iterator[None]:
    yield
    setting.devnet.faults.clear()


def test_the_same_bytes_twice_are_a_duplicate(setting: Setting) -> None:
    sent = setting.submit(transfers=[])
    again = setting.send(sent.message)
    assert (sent.code, again.code) == ("OK", "DUPLICATE_TRANSACTION")
    setting.settle(sent)
    assert setting.send(sent.message).code == "DUPLICATE_TRANSACTION"


def test_one_id_through_two_nodes_pays_once(setting: Setting) -> None:
    """Both nodes accept what has not reached consensus; the second to arrive is recorded as a duplicate."""
    start, data = setting.fresh_start(), setting.payout_data(setting.snapshot(), setting.holders[:3])
    setting.devnet.faults.set("consensus.latency_ms", {"ms": 60})
    first = setting.submit(data=data, start_ns=start)
    second = setting.submit(data=data, start_ns=start, node=OTHER_NODE)
    assert (first.code, second.code) == ("OK", "OK")
    records = setting.records(first, 2)
    assert [record.result for record in records] == ["SUCCESS", "DUPLICATE_TRANSACTION"]
    assert [record.node for record in records] == ["0.0.3", OTHER_NODE]
    assert records[0].hash != records[1].hash
    assert records[1].charged_fee == 0


def test_a_settled_id_is_known_to_every_node(setting: Setting) -> None:
    start = setting.fresh_start()
    setting.settle(setting.submit(transfers=[], start_ns=start))
    assert setting.submit(transfers=[], start_ns=start, node=OTHER_NODE).code == "DUPLICATE_TRANSACTION"


def test_busy(setting: Setting) -> None:
    setting.devnet.faults.set("consensus.busy", count=1)
    message = setting.sign(setting.body(transfers=[]))
    assert [setting.send(message).code for _ in range(2)] == ["BUSY", "OK"]


def test_a_lost_reply_was_accepted(setting: Setting) -> None:
    setting.devnet.faults.set("consensus.drop_reply", count=1)
    message = setting.sign(setting.body(transfers=[], memo="lost reply"))
    with pytest.raises(grpc.RpcError) as raised:
        setting.send(message)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    again = setting.send(message)
    assert again.code == "DUPLICATE_TRANSACTION"
    assert setting.records(again)[0].result == "SUCCESS"


def test_a_lost_request_was_not(setting: Setting) -> None:
    setting.devnet.faults.set("consensus.drop_request", match="lost request")
    message = setting.sign(setting.body(transfers=[], memo="a lost request"))
    with pytest.raises(grpc.RpcError):
        setting.send(message)
    setting.devnet.faults.clear()
    assert setting.settle(setting.send(message)).result == "SUCCESS"


def test_an_accepted_transaction_may_never_reach_consensus(setting: Setting) -> None:
    setting.devnet.faults.set("consensus.lose", count=1)
    lost = setting.submit(transfers=[])
    assert lost.code == "OK"
    setting.settle(setting.submit(transfers=[]))
    assert setting.devnet.ledger.by_id(lost.transaction_id) == []
    assert setting.settle(setting.send(lost.message)).result == "SUCCESS"


def test_slow_answers_of_a_node_wait_side_by_side(setting: Setting) -> None:
    """Each answer has taken its transaction before it waits."""
    setting.devnet.faults.set("network.latency_ms", {"ms": 300})
    messages = [setting.sign(setting.body(transfers=[])) for _ in range(60)]
    setting.channel(FIRST_NODE)
    begin = time.monotonic()

    with ThreadPoolExecutor(60) as pool:
        sent = list(pool.map(setting.send, messages))

    assert {one.code for one in sent} == {"OK"}
    assert 0.3 <= time.monotonic() - begin < 60 * 0.3 / 2


def test_too_late_for_its_validity_it_has_no_effect(setting: Setting) -> None:
    setting.devnet.faults.set("consensus.latency_ms", {"ms": 400}, count=1)
    before = setting.devnet.ledger.balance(setting.payer)
    start = setting.devnet.chain.now_ns() - 120 * NS + NS // 5
    record = setting.settle(setting.submit(transfers=[(setting.payer, -5), ("0.0.98", 5)], start_ns=start))
    assert record.result == "TRANSACTION_EXPIRED"
    assert setting.devnet.ledger.balance(setting.payer) == before
    in_time = setting.settle(setting.submit(transfers=[]))
    asked = [record.transaction_id, in_time.transaction_id, f"{setting.payer}-1-000000001"]
    assert DevnetClient.of(setting.devnet.state_dir).executed(asked) == [in_time.transaction_id]


def test_a_node_that_is_down_does_not_listen(setting: Setting) -> None:
    setting.devnet.faults.set("consensus.node_down", {"node": OTHER_NODE})
    with pytest.raises(grpc.RpcError) as raised:
        setting.submit(transfers=[], node=OTHER_NODE)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert setting.submit(transfers=[]).code == "OK"
    setting.devnet.faults.clear("consensus.node_down")
    setting.channels.pop(OTHER_NODE).close()
    wait_for(lambda: _is_reached(setting))


def _is_reached(setting: Setting) -> bool:
    """The channels of a process share what they know about an address, its pause after a failure included."""
    try:
        return setting.submit(transfers=[], node=OTHER_NODE).code == "OK"
    except grpc.RpcError:
        return False


def test_gas_and_the_fee_follow_the_table(setting: Setting) -> None:
    holders = setting.holders[3:8]
    data = setting.payout_data(setting.snapshot(), holders)
    setting.devnet.faults.set("consensus.gas", {"base": 300_000, "per_transfer": 140_000})
    short = setting.settle(setting.submit(data=data, gas=999_999))
    assert short.result == "INSUFFICIENT_GAS"
    assert short.call and (short.call.gas_used, short.call.logs) == (999_999, ())
    enough = setting.settle(setting.submit(data=data, gas=1_000_000))
    assert enough.result == "SUCCESS"
    assert enough.call and enough.call.gas_used == 1_000_000
    assert enough.charged_fee == 71 * 1_000_000


def test_a_call_may_be_made_to_fail(setting: Setting) -> None:
    data = setting.payout_data(setting.snapshot(), setting.holders[3:8])
    setting.devnet.faults.set("consensus.fail", {"result": "CONSENSUS_GAS_EXHAUSTED"}, count=1)
    failed = setting.settle(setting.submit(data=data, gas=5_000_000))
    assert failed.result == "CONSENSUS_GAS_EXHAUSTED"
    assert failed.call and (failed.call.logs, failed.call.error_message) == ((), "CONSENSUS_GAS_EXHAUSTED")
    assert setting.settle(setting.submit(data=data, gas=5_000_000)).result == "SUCCESS"


def test_gas_that_ends_inside_the_evm(setting: Setting) -> None:
    data = setting.payout_data(setting.snapshot(), setting.holders)
    record = setting.settle(setting.submit(data=data, gas=100_000))
    assert record.result == "INSUFFICIENT_GAS"
    assert record.call and record.call.error_message == "INSUFFICIENT_GAS"


def test_hts_like_tokens_cap_the_holders_of_one_call(setting: Setting) -> None:
    token = setting.ids["payment_token"]["id"]
    more = setting.devnet.operations
    strangers = [f"0x{number:040x}" for number in range(0xABC000, 0xABC01E)]
    more.call(token, "associateMany", [strangers])
    more.call(setting.ids["asset"]["id"], "mintMany", [strangers, [10**9] * len(strangers)])
    more.mark_hts_like(token, True)
    snapshot = setting.snapshot()
    too_many = setting.settle(setting.submit(data=setting.payout_data(snapshot, strangers[:26], 10**9)))
    assert too_many.result == "MAX_CHILD_RECORDS_EXCEEDED"
    fitting = setting.settle(setting.submit(data=setting.payout_data(snapshot, strangers[:25], 10**9)))
    assert fitting.result == "SUCCESS"
    more.mark_hts_like(token, False)


def test_an_unknown_contract_is_a_record(setting: Setting) -> None:
    body = setting.body()
    body.contractCall.contractID.contractNum = 999_999
    assert setting.settle(setting.send(setting.sign(body))).result == "INVALID_CONTRACT_ID"


def test_faults_survive_a_restart_of_the_board(setting: Setting) -> None:
    setting.devnet.faults.set("consensus.busy", {"node": "0.0.5"}, count=3, match="abc")
    again = FaultBoard(setting.devnet.state_dir)
    assert [fault.name for fault in again.active()] == ["consensus.busy"]
    assert again.hit("consensus.busy", "xabcx", node="0.0.5") == {"node": "0.0.5"}
    assert again.hit("consensus.busy", "xabcx", node="0.0.4") is None
