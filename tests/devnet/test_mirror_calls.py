"""contracts/call, token relations and token balances, over views whose answers the test fixes."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import requests
from eth_abi.abi import encode

from devnet.faults import FaultBoard
from devnet.records import NS, Account, Contract, Token, TokenRelation
from tests.devnet.mirror_client import MirrorUnderTest
from tests.devnet.mirror_ledger import CONTRACT_ADDRESS, PAYER, PAYER_ADDRESS, block, sample_ledger
from tests.patience import PATIENCE

CREATED = 1795166752 * NS
TOKEN_ADDRESS = "0x" + "7e" * 20
ERROR_STRING = bytes.fromhex("08c379a0") + encode(["string"], ["not on the list"])
CUSTOM_ERROR = bytes.fromhex("26330138")
REVERTS = {b"\x00": ERROR_STRING, b"\x01": CUSTOM_ERROR, b"\x02": bytes.fromhex("08c379a0ff")}
BALANCES = {PAYER_ADDRESS: 700, CONTRACT_ADDRESS: 300}
TOTAL_SUPPLY, BALANCE_OF = bytes.fromhex("18160ddd"), bytes.fromhex("70a08231")


class FixedViews:
    """Reverts by the first byte of the data; else answers the height, or what a token's views answer."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, str, str | None]] = []

    def call_at(self, height: int, to: str, data: bytes, sender: str | None) -> tuple[bool, bytes]:
        self.calls.append((height, to, sender))
        if data[:1] in REVERTS:
            return False, REVERTS[data[:1]]
        if data == TOTAL_SUPPLY:
            return True, encode(["uint256"], [sum(BALANCES.values())])
        if data[:4] == BALANCE_OF:
            return True, encode(["uint256"], [BALANCES.get(f"0x{data[-20:].hex()}", 0)])
        return True, encode(["uint256"], [height])

    def relations(self, height: int, account: Account, tokens: Sequence[Token]) -> list[TokenRelation]:
        return [
            TokenRelation(token.token_id, account.account, 700, 6, "FROZEN", "GRANTED", CREATED)
            for token in tokens
            if account.account == PAYER
        ]


@pytest.fixture(scope="module")
def views() -> FixedViews:
    return FixedViews()


@pytest.fixture(scope="module")
def mirror(views: FixedViews) -> Iterator[MirrorUnderTest]:
    faults = FaultBoard()
    ledger = sample_ledger(faults)
    for number, address in ((2001, TOKEN_ADDRESS), (2002, "0x" + "7f" * 20)):
        ledger.add_contract(Contract(f"0.0.{number}", address, "PaymentToken", CREATED))
        ledger.add_token(Token(f"0.0.{number}", address, "US dollar", "USD", 6, "PAYMENT", PAYER, CREATED))
    ledger.views = views
    under_test = MirrorUnderTest(ledger, faults)
    under_test.server.start()
    yield under_test
    under_test.server.stop()


def first_message(answer: requests.Response) -> Any:
    return answer.json()["_status"]["messages"][0]


@pytest.mark.parametrize(
    ("named", "height"),
    [("latest", 25), (None, 25), ("pending", 25), ("7", 7), (7, 7), ("0x7", 7), ("earliest", 0)],
)
def test_a_call_runs_on_the_named_block(mirror: MirrorUnderTest, named: Any, height: int) -> None:
    answer = mirror.call(to=CONTRACT_ADDRESS, data="0xaabbccdd", block=named)

    assert answer.json() == {"result": f"0x{height:064x}"}


def test_a_block_may_be_named_by_its_hash(mirror: MirrorUnderTest) -> None:
    answer = mirror.call(to=CONTRACT_ADDRESS, data="0xaabbccdd", block=f"0x{block(7).hash.hex()[:64]}")

    assert answer.json() == {"result": f"0x{7:064x}"}


def test_entities_may_be_named_in_long_zero_form(mirror: MirrorUnderTest, views: FixedViews) -> None:
    mirror.call(to=f"0x{1001:040x}", data="0xaabbccdd", **{"from": f"0x{1002:040x}"})

    assert views.calls[-1] == (25, CONTRACT_ADDRESS, PAYER_ADDRESS)


@pytest.mark.parametrize(
    ("data", "detail"),
    [("0x00", "not on the list"), ("0x01", ""), ("0x02", "")],
    ids=["text", "custom", "bad"],
)
def test_a_revert_carries_its_data(mirror: MirrorUnderTest, data: str, detail: str) -> None:
    answer = mirror.call(to=CONTRACT_ADDRESS, data=data)

    expected = f"0x{REVERTS[bytes.fromhex(data[2:])].hex()}"
    assert answer.status_code == 400
    assert first_message(answer) == {
        "message": "CONTRACT_REVERT_EXECUTED",
        "detail": detail,
        "data": expected,
    }


@pytest.mark.parametrize(
    ("question", "detail"),
    [
        ({"to": "0x12"}, "to field invalid hexadecimal string"),
        ({"to": CONTRACT_ADDRESS, "data": "0xzz"}, "data field invalid hexadecimal string"),
        ({"to": CONTRACT_ADDRESS, "from": "me"}, "from field invalid hexadecimal string"),
        ({"to": CONTRACT_ADDRESS, "gas": 20_999}, "gas field must be greater than or equal to 21000"),
        ({"to": CONTRACT_ADDRESS, "value": -1}, "value field must be greater than or equal to 0"),
        ({"to": CONTRACT_ADDRESS, "block": "26"}, "Unknown block number"),
        ({"to": CONTRACT_ADDRESS, "block": "newest"}, "Invalid block value: newest"),
    ],
)
def test_a_wrong_call_is_refused(mirror: MirrorUnderTest, question: dict[str, Any], detail: str) -> None:
    answer = mirror.call(**question)

    assert answer.status_code == 400
    assert first_message(answer) == {"message": "Bad Request", "detail": detail, "data": ""}


def test_a_body_that_is_not_json_is_refused(mirror: MirrorUnderTest) -> None:
    answer = requests.post(f"{mirror.server.url}/api/v1/contracts/call", data="{", timeout=PATIENCE)

    assert answer.status_code == 400
    assert first_message(answer)["message"] == "Bad Request"


def test_estimates_are_not_served(mirror: MirrorUnderTest) -> None:
    assert mirror.call(to=CONTRACT_ADDRESS, estimate=True).status_code == 501


def test_token_relations_tell_balance_freeze_and_kyc(mirror: MirrorUnderTest) -> None:
    body = mirror.body(f"/api/v1/accounts/{PAYER}/tokens?token.id=0.0.2001")

    assert body == {
        "tokens": [
            {
                "automatic_association": False,
                "balance": 700,
                "created_timestamp": "1795166752.000000000",
                "decimals": 6,
                "token_id": "0.0.2001",
                "freeze_status": "FROZEN",
                "kyc_status": "GRANTED",
            }
        ],
        "links": {"next": None},
    }


def test_token_relations_are_paged_by_token(mirror: MirrorUnderTest) -> None:
    path = f"/api/v1/accounts/{PAYER}/tokens?limit=1"

    pages = list(mirror.pages(path))

    assert [row["token_id"] for page in pages for row in page["tokens"]] == ["0.0.2001", "0.0.2002"]
    assert pages[0]["links"]["next"] == f"{path}&token.id=gt:0.0.2001"


def test_an_account_without_associations_has_no_relations(mirror: MirrorUnderTest) -> None:
    assert mirror.body("/api/v1/accounts/0.0.1001/tokens") == {"tokens": [], "links": {"next": None}}
    assert mirror.get("/api/v1/accounts/0.0.999999/tokens").status_code == 404


def test_an_account_shows_its_token_balances(mirror: MirrorUnderTest) -> None:
    tokens = mirror.body(f"/api/v1/accounts/{PAYER}?limit=1")["balance"]["tokens"]

    assert tokens == [{"token_id": "0.0.2001", "balance": 700}, {"token_id": "0.0.2002", "balance": 700}]


def test_a_token_tells_decimals_and_supply(mirror: MirrorUnderTest) -> None:
    body = mirror.body(f"/api/v1/tokens/{TOKEN_ADDRESS}")

    assert (body["token_id"], body["decimals"], body["total_supply"]) == ("0.0.2001", "6", "1000")
    assert mirror.get("/api/v1/tokens/0.0.1001").status_code == 404


@pytest.mark.parametrize(
    ("query", "accounts"),
    [
        ("", ["0.0.1002", "0.0.1001"]),
        ("?order=asc&limit=1", ["0.0.1001"]),
        ("?account.id=0.0.1002", ["0.0.1002"]),
        ("?account.balance=gt:500", ["0.0.1002"]),
        ("?timestamp=1795166760", ["0.0.1002", "0.0.1001"]),
    ],
)
def test_holders_of_a_token_are_listed(mirror: MirrorUnderTest, query: str, accounts: list[str]) -> None:
    body = mirror.body(f"/api/v1/tokens/0.0.2001/balances{query}")

    assert [row["account"] for row in body["balances"]] == accounts
    assert {row["balance"] for row in body["balances"]} == {BALANCES_BY_ID[name] for name in accounts}


BALANCES_BY_ID = {"0.0.1001": 300, "0.0.1002": 700}
