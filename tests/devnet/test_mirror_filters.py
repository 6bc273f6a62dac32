"""Filters and refusals beyond the recorded answers."""

from collections.abc import Iterator

import pytest

from devnet.faults import FaultBoard
from devnet.records import NS, Account
from tests.devnet.mirror_client import LOGS, RESULT, MirrorUnderTest
from tests.devnet.mirror_ledger import (
    CONTRACT_ADDRESS,
    PAYER_ADDRESS,
    TOPIC,
    call_hash,
    consensus_ns,
    contract_call,
    outcome,
    sample_ledger,
)

TRANSACTIONS = "/api/v1/transactions"
RESULTS = "/api/v1/contracts/0.0.1001/results"
OPEN_TOPIC_RANGE = (
    "Cannot search topics without a valid timestamp range: "
    "Timestamp range must have gt (or gte) and lt (or lte), or eq operator"
)
INDEX_WITHOUT_BLOCK = (
    "Invalid parameter usage: transaction.index - "
    "transaction.index requires block.number or block.hash filter to be specified"
)
KEY_ADDRESS = "0x" + "5a" * 20
KEY = "02" + "7b" * 32


@pytest.fixture(scope="module")
def mirror() -> Iterator[MirrorUnderTest]:
    """The sample ledger, a reverted call with a child and a duplicate, and an account with a key."""
    faults = FaultBoard()
    ledger = sample_ledger(faults)
    parent = consensus_ns(99) + 1
    identity = "0.0.1002-1795166800-000000001"
    common = {"transaction_id": identity, "valid_start_ns": 1795166800 * NS + 1, "memo": b"pd1:demo:batch:1"}
    reverted = contract_call(99, consensus_ns=parent, result="CONTRACT_REVERT_EXECUTED", **common)
    ledger.add_record(reverted)
    ledger.add_record(
        contract_call(99, consensus_ns=parent + 1, nonce=1, name="CRYPTOTRANSFER", call=None, **common)
    )
    ledger.add_record(
        contract_call(99, consensus_ns=parent + 2, result="DUPLICATE_TRANSACTION", call=None, **common)
    )
    ledger.add_account(Account("0.0.1003", KEY_ADDRESS, "ECDSA_SECP256K1", KEY, 1795166752 * NS))
    under_test = MirrorUnderTest(ledger, faults)
    under_test.server.start()
    yield under_test
    under_test.server.stop()


def test_all_records_of_an_id_are_listed(mirror: MirrorUnderTest) -> None:
    rows = mirror.body(f"{TRANSACTIONS}/0.0.1002-1795166800-000000001")["transactions"]

    assert [(row["nonce"], row["result"]) for row in rows] == [
        (0, "CONTRACT_REVERT_EXECUTED"),
        (1, "SUCCESS"),
        (0, "DUPLICATE_TRANSACTION"),
    ]
    assert rows[1]["parent_consensus_timestamp"] == rows[0]["consensus_timestamp"]
    assert rows[0]["memo_base64"] == "cGQxOmRlbW86YmF0Y2g6MQ=="


def test_nonce_and_scheduled_choose_among_the_records_of_an_id(mirror: MirrorUnderTest) -> None:
    path = f"{TRANSACTIONS}/0.0.1002-1795166800-000000001"

    assert len(mirror.body(f"{path}?nonce=1")["transactions"]) == 1
    assert len(mirror.body(f"{path}?scheduled=false")["transactions"]) == 3
    assert mirror.get(f"{path}?scheduled=true").status_code == 404
    assert mirror.words(f"{path}?nonce=many") == ["Invalid parameter: nonce"]


def test_a_result_is_never_that_of_the_duplicate(mirror: MirrorUnderTest) -> None:
    body = mirror.body("/api/v1/contracts/results/0.0.1002-1795166800-000000001")

    assert (body["result"], body["status"]) == ("CONTRACT_REVERT_EXECUTED", "0x0")


@pytest.mark.parametrize("prefix", ["", "0x"])
def test_a_transaction_is_found_by_its_hash(mirror: MirrorUnderTest, prefix: str) -> None:
    digest = call_hash(5).hex()

    assert mirror.body(f"{TRANSACTIONS}/{prefix}{digest}")["transactions"][0]["entity_id"] == "0.0.1001"
    assert mirror.body(f"/api/v1/contracts/results/{prefix}{digest[:64]}")["gas_limit"] == 3_000_000


def test_a_contract_result_is_found_by_its_timestamp(mirror: MirrorUnderTest) -> None:
    assert mirror.body(f"{RESULTS}/1795166753.000000007") == mirror.body(RESULT)
    assert mirror.get(f"{RESULTS}/1795166753.000000008").status_code == 404
    assert mirror.words("/api/v1/contracts/abc/results/now") == [
        "Invalid parameter: contractid",
        "Invalid parameter: timestamp",
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("result=fail", 2),
        ("result=success&timestamp=gt:1795166802", 3),
        ("transactiontype=cryptotransfer", 2),
        ("transactiontype=cryptotransfer&transactiontype=contractcall&timestamp=lt:1795166754", 3),
        ("account.id=0.0.2", 1),
        ("account.id=0.0.2&type=credit", 0),
        ("account.id=0.0.2&type=debit", 1),
        ("account.id=0.0.1002&type=credit", 1),
        ("account.id=0.0.1001", 0),
        ("account.id=lt:0.0.1000", 1),
        (f"account.id={PAYER_ADDRESS}&timestamp=gte:1795166802.500000007", 4),
        ("timestamp=gte:1795166802.500000007&timestamp=lt:1795166753", 0),
        ("timestamp=1795166753.000000007", 1),
    ],
)
def test_transactions_are_filtered(mirror: MirrorUnderTest, query: str, count: int) -> None:
    assert len(mirror.body(f"{TRANSACTIONS}?{query}")["transactions"]) == count


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{TRANSACTIONS}?transactiontype=payout", ["Invalid parameter: transactiontype"]),
        (f"{TRANSACTIONS}?result=maybe", ["Invalid parameter: result"]),
        (
            f"{TRANSACTIONS}?order=up&colour=red",
            ["Invalid parameter: order", "Unknown query parameter: colour"],
        ),
        (
            f"{TRANSACTIONS}?timestamp=gt:1&timestamp=gte:2",
            ["Multiple gt or gte operators not permitted for timestamp param"],
        ),
        (
            f"{TRANSACTIONS}?timestamp=1&timestamp=gte:2",
            ["Cannot combine eq with ne, gt, gte, lt, or lte for timestamp param"],
        ),
        (f"{LOGS}?index=3&timestamp=gte:1795166753", ["timestamp must have eq operator"]),
        (f"{LOGS}?index=lt:3&timestamp=lt:1795166753", ["timestamp must have lte or eq operator"]),
        (
            f"{LOGS}?timestamp=1795166753&timestamp=lt:1795166754",
            ["Can't support both range and equal for timestamp"],
        ),
        (
            f"{LOGS}?topic0=0x01&timestamp=gte:1795166753",
            [OPEN_TOPIC_RANGE],
        ),
        (
            f"{LOGS}?{'&'.join(['topic0=0x01'] * 101)}",
            ["Parameter values count exceeds maximum number allowed: topic0 count: 101 max: 100"],
        ),
        (
            f"{RESULTS}?transaction.index=1",
            [INDEX_WITHOUT_BLOCK],
        ),
        ("/api/v1/blocks/latest", ["Invalid parameter: hashOrNumber"]),
        ("/api/v1/accounts/somebody", ["Invalid parameter: idOrAliasOrEvmAddress"]),
        ("/api/v1/tokens/gold", ["Invalid parameter: tokenId"]),
    ],
)
def test_a_wrong_question_is_refused_in_words(mirror: MirrorUnderTest, path: str, words: list[str]) -> None:
    assert mirror.words(path) == words


def test_topics_are_alternatives_within_a_place_and_all_places_count(mirror: MirrorUnderTest) -> None:
    span = "timestamp=gte:1795166753&timestamp=lt:1795166803&limit=100"

    rows = mirror.body(f"{LOGS}?{span}&topic1=0x2&topic1=0x03&topic2=0x5")["logs"]

    assert [int(row["data"], 16) for row in rows] == [305, 205]


@pytest.mark.parametrize(
    ("place", "value", "count"),
    [("topic0", TOPIC, 25), ("topic1", "0x63", 10), ("topic2", "0x09", 25), ("topic3", "0x00", 0)],
)
def test_every_place_of_a_topic_is_searched(
    mirror: MirrorUnderTest, place: str, value: str, count: int
) -> None:
    span = "timestamp=gte:1795166753&timestamp=lt:1795166802.500000008"

    rows = mirror.body(f"{LOGS}?{span}&{place}={value}")["logs"]

    assert len(rows) == count
    assert rows == sorted(rows, key=lambda row: (row["timestamp"], row["index"]), reverse=True)


@pytest.mark.parametrize(
    ("until", "status"),
    [
        ("lt:1795771553.000000001", 200),
        ("lt:1795771553.000000002", 400),
        ("lte:1795771553", 200),
        ("lte:1795771553.000000001", 400),
        ("lt:1795166753.000000001", 400),
    ],
)
def test_topics_are_searched_in_at_most_seven_days(mirror: MirrorUnderTest, until: str, status: int) -> None:
    """The bounds count as the server counts them: the range holds its ends, and what is empty is no range."""
    span = f"timestamp=gt:1795166753&timestamp={until}"

    assert mirror.get(f"{LOGS}?{span}&topic0={TOPIC}").status_code == status
    assert mirror.get(f"{LOGS}?{span}").status_code == 200


def test_topics_are_searched_at_one_timestamp(mirror: MirrorUnderTest) -> None:
    path = f"{LOGS}?timestamp=1795166753.000000007&topic2=0x4"

    assert [row["index"] for row in mirror.body(path)["logs"]] == [4]


def test_an_unknown_contract_has_no_logs_but_its_question_is_checked(mirror: MirrorUnderTest) -> None:
    path = LOGS.replace("0.0.1001", "0.0.999999")

    assert mirror.body(f"{path}?timestamp=gt:1795166753") == {"logs": [], "links": {"next": None}}
    assert mirror.words(f"{path}?topic0=0x01&timestamp=gte:1795166753") == [OPEN_TOPIC_RANGE]
    assert mirror.words(f"{path}?limit=0") == ["Invalid parameter: limit"]


def test_logs_of_all_contracts_know_the_transaction_hash(mirror: MirrorUnderTest) -> None:
    path = "/api/v1/contracts/results/logs"

    assert len(mirror.body(f"{path}?limit=100")["logs"]) == 100
    found = mirror.body(f"{path}?transaction.hash=0x{call_hash(3).hex()[:64]}")["logs"]
    assert {row["timestamp"] for row in found} == {"1795166754.500000007"}
    assert mirror.words(f"{LOGS}?transaction.hash=0x{'00' * 32}") == [
        "Unknown query parameter: transaction.hash"
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("block.number=2", 4),
        ("block.number=0x2&transaction.index=1", 1),
        ("block.number=999", 0),
        ("from=0.0.1002&limit=5", 5),
        ("from=0.0.1003", 0),
        ("timestamp=lt:1795166754", 2),
    ],
)
def test_contract_results_are_filtered(mirror: MirrorUnderTest, query: str, count: int) -> None:
    assert len(mirror.body(f"{RESULTS}?{query}")["results"]) == count


@pytest.mark.parametrize("name", [CONTRACT_ADDRESS, CONTRACT_ADDRESS[2:], f"0x{1001:040x}", "0.1001", "1001"])
def test_a_contract_has_many_names(mirror: MirrorUnderTest, name: str) -> None:
    assert mirror.body(f"/api/v1/contracts/{name}")["contract_id"] == "0.0.1001"


@pytest.mark.parametrize("name", ["0.0.1003", KEY_ADDRESS, "LJNFUWS2LJNFUWS2LJNFUWS2LJNFUWS2"])
def test_an_account_is_found_by_id_address_and_alias(mirror: MirrorUnderTest, name: str) -> None:
    body = mirror.body(f"/api/v1/accounts/{name}")

    assert body["account"] == "0.0.1003"
    assert body["alias"] == "LJNFUWS2LJNFUWS2LJNFUWS2LJNFUWS2"
    assert body["key"] == {"_type": "ECDSA_SECP256K1", "key": KEY}


def test_an_account_may_come_without_its_transactions(mirror: MirrorUnderTest) -> None:
    body = mirror.body("/api/v1/accounts/0.0.1002?transactions=false")

    assert (body["transactions"], body["links"]) == ([], {"next": None})


def test_a_contract_is_an_account_too(mirror: MirrorUnderTest) -> None:
    assert mirror.body("/api/v1/accounts/0.0.1001")["evm_address"] == CONTRACT_ADDRESS


def test_a_block_is_found_by_number_and_hash(mirror: MirrorUnderTest) -> None:
    block = mirror.body("/api/v1/blocks/25")

    assert mirror.body(f"/api/v1/blocks/{block['hash']}") == block
    assert mirror.body(f"/api/v1/blocks/{block['hash'][:66]}") == block
    assert mirror.get("/api/v1/blocks/26").status_code == 404


def test_blocks_are_filtered_by_their_end(mirror: MirrorUnderTest) -> None:
    page = mirror.body("/api/v1/blocks?timestamp=gte:1795166753.000000007&order=asc&limit=1")

    assert page["blocks"][0]["number"] == 1


def test_the_network_is_described(mirror: MirrorUnderTest) -> None:
    nodes = mirror.body("/api/v1/network/nodes")["nodes"]

    assert [node["node_account_id"] for node in nodes] == ["0.0.3", "0.0.4", "0.0.5"]
    assert nodes[0]["service_endpoints"][0]["ip_address_v4"] == "127.0.0.1"
    assert mirror.body("/api/v1/network/exchangerate")["current_rate"]["hbar_equivalent"] == 30_000
    assert mirror.body("/api/v1/network/fees")["fees"][0]["transaction_type"] == "ContractCall"


def test_what_is_not_served_is_not_found(mirror: MirrorUnderTest) -> None:
    answer = mirror.get("/api/v1/schedules")

    assert answer.status_code == 404
    assert answer.json() == {"_status": {"messages": [{"message": "Not found"}]}}


def test_the_figures_of_a_result_are_those_of_the_call(mirror: MirrorUnderTest) -> None:
    body = mirror.body(RESULT)

    assert (body["gas_used"], body["gas_limit"]) == (outcome(0).gas_used, outcome(0).gas_limit)
    assert body["chain_id"] == "0x12a"
