"""Consensus nodes: what they accept, what they refuse, and what then happens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hiero_sdk_python import AccountId, Client, Hbar, PrivateKey, ResponseCode
from hiero_sdk_python.contract.contract_execute_transaction import ContractExecuteTransaction
from hiero_sdk_python.contract.contract_id import ContractId
from hiero_sdk_python.query.transaction_record_query import TransactionRecordQuery

from devnet.fees import TINYBARS_PER_GAS, TRANSFER_FEE
from devnet.records import NS, long_zero
from tests.devnet.local_chain import Setting, prepared, running

OTHER_NODE = "0.0.4"


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with running(tmp_path_factory.mktemp("nodes")) as devnet, prepared(devnet) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_faults(setting: Setting) -> Iterator[None]:
    yield
    setting.devnet.faults.clear()


@pytest.fixture
def sdk(setting: Setting) -> Iterator[Client]:
    nodes = {
        f"127.0.0.1:{port}": AccountId.from_string(node) for node, port in setting.devnet.nodes.ports.items()
    }
    client = Client.for_network(nodes, network_name="localhost")
    client.set_operator(AccountId.from_string(setting.payer), setting.key)
    yield client
    client.close()


def test_the_real_sdk_pays_holders(setting: Setting, sdk: Client) -> None:
    holders = setting.holders[:10]
    call = (
        ContractExecuteTransaction()
        .set_contract_id(ContractId.from_string(setting.payout))
        .set_gas(3_000_000)
    )
    call.set_function_parameters(setting.payout_data(setting.snapshot(), holders))
    call.transaction_fee = Hbar(20)
    before = setting.paid()
    receipt = call.execute(sdk)
    after = setting.paid()
    assert receipt.status == ResponseCode.SUCCESS
    assert [holder for holder in after if after[holder] > before[holder]] == holders
    record = TransactionRecordQuery().set_transaction_id(receipt.transaction_id).execute(sdk)
    assert record.transaction_fee > 0
    assert record.call_result.gas_used * TINYBARS_PER_GAS == record.transaction_fee


@pytest.mark.parametrize("make", [PrivateKey.generate_ed25519, PrivateKey.generate_ecdsa])
def test_the_contract_sees_the_payers_evm_address(setting: Setting, make: Callable[[], PrivateKey]) -> None:
    key = make()
    account = setting.devnet.operations.create_account(key.public_key().to_bytes_raw().hex())
    expected = (
        long_zero(account.account)
        if key.is_ed25519()
        else "0x" + key.public_key().to_evm_address().to_string()
    )
    body = setting.body(data=bytes.fromhex("8456cb59"), payer=account.account)
    record = setting.settle(setting.send(setting.sign(body, key)))
    assert account.evm_address == expected
    assert record.result == "CONTRACT_REVERT_EXECUTED"
    assert record.call and record.call.error_message
    assert record.call.error_message.startswith("0xa1180aad" + "0" * 24 + expected[2:])


def test_a_foreign_key_is_refused(setting: Setting) -> None:
    sent = setting.send(setting.sign(setting.body(), PrivateKey.generate_ecdsa()))
    assert sent.code == "INVALID_SIGNATURE"


def test_a_changed_body_is_refused(setting: Setting) -> None:
    message = setting.sign(setting.body(memo="first"))
    message.signedTransactionBytes = message.signedTransactionBytes.replace(b"first", b"other")
    assert setting.send(message).code == "INVALID_SIGNATURE"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"memo": "x" * 101}, "MEMO_TOO_LONG"),
        ({"valid_seconds": 14}, "INVALID_TRANSACTION_DURATION"),
        ({"valid_seconds": 181}, "INVALID_TRANSACTION_DURATION"),
        ({"payer": "0.0.999999"}, "PAYER_ACCOUNT_NOT_FOUND"),
        ({"gas": 15_000_001}, "MAX_GAS_LIMIT_EXCEEDED"),
        ({"gas": 20_000}, "INSUFFICIENT_GAS"),
        ({"max_fee": 1_000}, "INSUFFICIENT_TX_FEE"),
        ({"data": bytes(6_200)}, "TRANSACTION_OVERSIZE"),
        ({"transfers": [("0.0.3", 5)]}, "INVALID_ACCOUNT_AMOUNTS"),
        ({"transfers": [("0.0.3", 1), ("0.0.3", -1)]}, "ACCOUNT_REPEATED_IN_ACCOUNT_AMOUNTS"),
    ],
)
def test_precheck_refuses(setting: Setting, parts: dict[str, object], code: str) -> None:
    assert setting.submit(**parts).code == code


def test_a_body_for_another_node_is_refused(setting: Setting) -> None:
    assert setting.send(setting.sign(setting.body(node=OTHER_NODE))).code == "INVALID_NODE_ACCOUNT"


def test_the_validity_window_has_two_ends(setting: Setting) -> None:
    now = setting.devnet.chain.now_ns()
    assert setting.submit(start_ns=now + 60 * NS).code == "INVALID_TRANSACTION_START"
    assert setting.submit(start_ns=now - 121 * NS).code == "TRANSACTION_EXPIRED"
    assert setting.submit(start_ns=now - 119 * NS).code == "OK"


def test_a_chain_clock_apart_from_ours_moves_the_window(tmp_path: Path) -> None:
    """On a chain of its own: consensus time never goes back, so the others would stay behind it."""
    with running(tmp_path) as devnet, prepared(devnet) as setting:
        start = setting.fresh_start()
        devnet.faults.set("clock.chain_offset", {"seconds": -30})
        assert setting.submit(start_ns=start).code == "INVALID_TRANSACTION_START"
        devnet.faults.set("clock.chain_offset", {"seconds": 200})
        assert setting.submit(start_ns=start).code == "TRANSACTION_EXPIRED"


def test_fees_go_from_the_payer_to_node_and_network(setting: Setting) -> None:
    ledger = setting.devnet.ledger
    record = setting.settle(setting.submit(transfers=[(setting.payer, -5), ("0.0.98", 5)]))
    before = ledger.balance(setting.payer, record.consensus_ns - 1)
    assert record.result == "SUCCESS"
    assert record.charged_fee == TRANSFER_FEE
    assert sum(amount for _, amount in record.transfers) == 0
    assert ledger.balance(setting.payer, record.consensus_ns) == before - TRANSFER_FEE - 5


def test_money_of_others_needs_their_signature(setting: Setting) -> None:
    record = setting.settle(setting.submit(transfers=[("0.0.98", -5), (setting.payer, 5)]))
    assert record.result == "INVALID_SIGNATURE"


def test_a_payer_without_money_is_refused(setting: Setting) -> None:
    key = PrivateKey.generate_ecdsa()
    poor = setting.devnet.operations.create_account(key.public_key().to_bytes_raw().hex(), hbar=0)
    body = setting.body(payer=poor.account)
    assert setting.send(setting.sign(body, key)).code == "INSUFFICIENT_PAYER_BALANCE"


def test_receipts_are_unknown_until_consensus(setting: Setting) -> None:
    setting.devnet.faults.set("consensus.latency_ms", {"ms": 150}, match="slow")
    sent = setting.submit(transfers=[], memo="slow")
    assert setting.receipt(sent).receipt.status == ResponseCode.UNKNOWN
    setting.settle(sent)
    assert setting.receipt(sent, OTHER_NODE).receipt.status == ResponseCode.SUCCESS
    never = setting.sign(setting.body(transfers=[]))
    never_sent = type(sent)("OK", "", never)
    assert setting.receipt(never_sent).header.nodeTransactionPrecheckCode == ResponseCode.RECEIPT_NOT_FOUND
