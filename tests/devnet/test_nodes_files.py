"""Files and contracts made by transactions: what nodes take and refuse, and what is left on chain and in the mirror."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from hiero_sdk_python import (
    AccountId,
    Client,
    FileAppendTransaction,
    FileCreateTransaction,
    PrivateKey,
    ResponseCode,
)
from hiero_sdk_python.contract.contract_create_transaction import (
    ContractCreateParams,
    ContractCreateTransaction,
)
from hiero_sdk_python.timestamp import Timestamp

from devnet.artifacts import artifact
from devnet.fees import FILE_FEE, TINYBARS_PER_GAS
from devnet.records import NS, Record
from tests.devnet.local_chain import Setting, prepared, running, wait_for
from tests.patience import PATIENCE

CODE = artifact("LifeCycleCashFlow").bytecode
CHUNK = 4_096
GAS = 6_000_000
DAY = 86_400


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with running(tmp_path_factory.mktemp("files")) as devnet, prepared(devnet, holders=1) as ready:
        yield ready


@pytest.fixture(autouse=True)
def _no_faults(setting: Setting) -> Iterator[None]:
    yield
    setting.devnet.faults.clear()


@pytest.fixture
def sdk(setting: Setting) -> Iterator[Client]:
    with client_of(setting) as client:
        yield client


def client_of(setting: Setting) -> Any:
    nodes = {
        f"127.0.0.1:{port}": AccountId.from_string(node) for node, port in setting.devnet.nodes.ports.items()
    }
    client = Client.for_network(nodes, network_name="localhost")
    client.set_operator(AccountId.from_string(setting.payer), setting.key)
    return client


def in_days(setting: Setting, days: int) -> Timestamp:
    return Timestamp(setting.devnet.chain.now_ns() // NS + days * DAY, 0)


def create_file(setting: Setting, sdk: Client, contents: bytes = b"", **more: Any) -> Any:
    given = {"keys": [setting.key.public_key()], "expiration_time": in_days(setting, 90)} | more
    return FileCreateTransaction(contents=contents, **given).execute(sdk)


def append(sdk: Client, file_id: Any, contents: bytes) -> Any:
    return FileAppendTransaction(file_id=file_id, contents=contents).execute(sdk)


def deploy(sdk: Client, **params: Any) -> Any:
    create = ContractCreateTransaction(ContractCreateParams(**{"gas": GAS} | params))
    create.transaction_fee = 20 * 100_000_000
    return create.execute(sdk)


def chunks(text: bytes) -> Sequence[bytes]:
    return [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]


def file_with(setting: Setting, sdk: Client, text: bytes) -> Any:
    first, *rest = chunks(text) or [b""]
    file_id = create_file(setting, sdk, first).file_id
    for part in rest:
        assert append(sdk, file_id, part).status == ResponseCode.SUCCESS
    return file_id


def record_of(setting: Setting, name: str) -> Record:
    return [record for record in setting.devnet.ledger.records() if record.name == name][-1]


def contents(setting: Setting, file_id: Any) -> bytes:
    file = setting.devnet.ledger.file(str(file_id))
    assert file is not None
    return file.contents


def test_a_file_is_made_and_grows_in_order(setting: Setting, sdk: Client) -> None:
    made = create_file(setting, sdk, b"one ")
    assert made.status == ResponseCode.SUCCESS
    assert append(sdk, made.file_id, b"two ").status == ResponseCode.SUCCESS
    assert append(sdk, made.file_id, b"three").status == ResponseCode.SUCCESS
    assert contents(setting, made.file_id) == b"one two three"
    for name in ("FILECREATE", "FILEAPPEND"):
        record = record_of(setting, name)
        assert (record.entity_id, record.charged_fee, record.call) == (str(made.file_id), FILE_FEE, None)


def test_a_contract_comes_from_a_file(setting: Setting, sdk: Client) -> None:
    file_id = file_with(setting, sdk, CODE.hex().encode())

    made = deploy(sdk, bytecode_file_id=file_id)

    assert made.status == ResponseCode.SUCCESS
    contract = setting.devnet.ledger.contract(str(made.contract_id))
    assert contract is not None
    assert contract.name == "LifeCycleCashFlow"
    assert contract.runtime_code == artifact("LifeCycleCashFlow").runtime
    record = record_of(setting, "CONTRACTCREATEINSTANCE")
    assert record.entity_id == contract.contract_id
    assert record.call
    assert record.call.created_contracts == (contract.evm_address,)
    assert record.charged_fee == record.call.gas_used * TINYBARS_PER_GAS
    assert setting.devnet.control.do_view(contract.contract_id, "isPaused")["output"] == [False]


def test_a_small_contract_comes_in_the_transaction(setting: Setting, sdk: Client) -> None:
    made = deploy(sdk, bytecode=artifact("HtsStub").bytecode)
    assert made.status == ResponseCode.SUCCESS
    assert setting.devnet.ledger.contract(str(made.contract_id))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (b"", ResponseCode.CONTRACT_FILE_EMPTY),
        (b"no digits", ResponseCode.ERROR_DECODING_BYTESTRING),
        (b"60006000fd", ResponseCode.CONTRACT_REVERT_EXECUTED),
        (b"fe", ResponseCode.CONTRACT_EXECUTION_EXCEPTION),
    ],
)
def test_a_file_without_good_code_makes_no_contract(
    setting: Setting, sdk: Client, text: bytes, result: ResponseCode
) -> None:
    before = len(setting.devnet.ledger.contracts())
    made = deploy(sdk, bytecode_file_id=file_with(setting, sdk, text))
    assert made.status == result
    assert len(setting.devnet.ledger.contracts()) == before


def test_too_little_gas_makes_no_contract_and_costs_all_of_it(setting: Setting, sdk: Client) -> None:
    file_id = file_with(setting, sdk, CODE.hex().encode())
    made = deploy(sdk, bytecode_file_id=file_id, gas=1_000_000)
    assert made.status == ResponseCode.INSUFFICIENT_GAS
    record = record_of(setting, "CONTRACTCREATEINSTANCE")
    assert (record.entity_id, record.charged_fee) == (None, 1_000_000 * TINYBARS_PER_GAS)


def test_a_file_that_is_not_there_is_refused(setting: Setting, sdk: Client) -> None:
    stranger = create_file(setting, sdk).file_id
    stranger = type(stranger)(0, 0, stranger.file + 1_000)
    assert append(sdk, stranger, b"x").status == ResponseCode.INVALID_FILE_ID
    assert deploy(sdk, bytecode_file_id=stranger).status == ResponseCode.INVALID_FILE_ID


def test_only_who_has_the_keys_changes_a_file(setting: Setting, sdk: Client) -> None:
    other = PrivateKey.generate_ecdsa()
    refused = create_file(setting, sdk, keys=[other.public_key()])
    assert refused.status == ResponseCode.INVALID_SIGNATURE
    nobodys = create_file(setting, sdk, keys=None)
    assert append(sdk, nobodys.file_id, b"x").status == ResponseCode.UNAUTHORIZED
    assert contents(setting, nobodys.file_id) == b""


@pytest.mark.parametrize(
    ("days", "result"),
    [(-1, ResponseCode.INVALID_EXPIRATION_TIME), (94, ResponseCode.AUTORENEW_DURATION_NOT_IN_RANGE)],
)
def test_a_file_has_an_end_and_not_too_far_away(
    setting: Setting, sdk: Client, days: int, result: ResponseCode
) -> None:
    assert create_file(setting, sdk, expiration_time=in_days(setting, days)).status == result


def test_a_creation_that_fails_by_the_board_leaves_nothing(setting: Setting, sdk: Client) -> None:
    setting.devnet.faults.set("consensus.fail", {"result": "CONSENSUS_GAS_EXHAUSTED"}, count=1)
    before = setting.devnet.chain.state.next_entity
    assert create_file(setting, sdk, b"x").status == ResponseCode.CONSENSUS_GAS_EXHAUSTED
    assert setting.devnet.chain.state.next_entity == before


def test_the_mirror_shows_files_and_contracts_by_their_names(setting: Setting, sdk: Client) -> None:
    file_id = file_with(setting, sdk, CODE.hex().encode())
    made = deploy(sdk, bytecode_file_id=file_id)
    setting.devnet.chain.close_block()
    record = record_of(setting, "CONTRACTCREATEINSTANCE")
    shown = wait_for(lambda: mirrored(setting, f"/transactions/{record.transaction_id}"))
    (transaction,) = shown["transactions"]
    assert (transaction["name"], transaction["entity_id"]) == (
        "CONTRACTCREATEINSTANCE",
        str(made.contract_id),
    )
    result = mirrored(setting, f"/contracts/results/{record.transaction_id}")
    assert (result["contract_id"], result["result"]) == (str(made.contract_id), "SUCCESS")
    assert result["created_contract_ids"] == [str(made.contract_id)]
    contract = mirrored(setting, f"/contracts/{made.contract_id}")
    assert contract["runtime_bytecode"] == "0x" + artifact("LifeCycleCashFlow").runtime.hex()
    file = mirrored(
        setting, f"/transactions?account.id={setting.payer}&transactiontype=FILECREATE&order=desc&limit=1"
    )
    assert file["transactions"][0]["entity_id"] == str(file_id)


def test_files_and_contracts_survive_a_restart(tmp_path: Path) -> None:
    key = PrivateKey.generate_ecdsa()
    with running(tmp_path) as devnet, prepared(devnet, key, holders=1) as setting, client_of(setting) as sdk:
        file_id = file_with(setting, sdk, CODE.hex().encode())
        contract_id = str(deploy(sdk, bytecode_file_id=file_id).contract_id)
        ids = setting.ids
    with running(tmp_path) as devnet:
        again = Setting(devnet, key, ids)
        with client_of(again) as sdk:
            assert contents(again, file_id) == CODE.hex().encode()
            assert devnet.control.do_view(contract_id, "isPaused")["output"] == [False]
            second = deploy(sdk, bytecode_file_id=file_id)
            assert second.status == ResponseCode.SUCCESS
            assert str(second.contract_id) != contract_id


def mirrored(setting: Setting, path: str) -> Any:
    """None while the mirror does not have it."""
    answer = requests.get(f"{setting.devnet.env()['HEDERA_MIRROR_URL']}/api/v1{path}", timeout=PATIENCE)
    return answer.json() if answer.status_code == 200 else None
