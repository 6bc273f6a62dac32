"""The mirror node's client against answers of the official server, and against bad ones."""

import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from contracts.gateways import web
from contracts.gateways.errors import GatewayError, Refused, Reverted, Throttled, Unavailable
from contracts.gateways.mirror import Mirror, mirror, to_ns, to_text
from tests.contracts.web_server import Say, WebServer

SAMPLES = {
    sample["case"]: sample
    for sample in json.loads((Path(__file__).parent.parent / "devnet" / "mirror_samples.json").read_text())
}
TRANSACTION_ID = "0.0.1002-1795166752-000000007"
EVM = "0xfe675fe7aaee830b6fed09b64e034f84dcbdaeb4"
TOPIC = "0xfb81b961af456e5e748db7e1b1bff9a5e621b62718234c1937738d1adc317a17"
NOT_FOUND = Say({"_status": {"messages": [{"message": "Not found"}]}}, status=404)


def official(case: str) -> Say:
    """The official answer, without the marks that say where its lists were cut."""
    sample = SAMPLES[case]
    body = {
        key: [entry for entry in value if not isinstance(entry, str)] if isinstance(value, list) else value
        for key, value in sample["body"].items()
    }
    return Say(body, status=sample["status"])


def page(rows: list[Any], link: str | None, key: str = "logs") -> Say:
    return Say({key: rows, "links": {"next": link}})


@pytest.fixture
def server(settings: Settings) -> Iterator[WebServer]:
    with WebServer() as found:
        settings.HEDERA_MIRROR_URL = found.url
        # Long enough for a machine that stands still for a moment; who tests the limit itself sets another.
        settings.HEDERA_MIRROR_TIMEOUT_SECONDS = 20
        yield found


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between tries are stamina's, tested there; the number of tries and Retry-After stay."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def test_a_transaction_is_read_to_the_last_digit(server: WebServer) -> None:
    server.script(official("transaction by id"))
    (record,) = mirror().transaction(TRANSACTION_ID)
    assert server.paths == [f"/api/v1/transactions/{TRANSACTION_ID}"]
    assert (record.consensus_at, record.consensus_ns) == ("1795166753.000000007", 1_795_166_753_000_000_007)
    assert (record.valid_start, record.valid_start_ns) == ("1795166752.000000007", 1_795_166_752_000_000_007)
    assert (record.transaction_id, record.payer, record.nonce) == (TRANSACTION_ID, "0.0.1002", 0)
    assert (record.name, record.result, record.node) == ("CONTRACTCALL", "SUCCESS", "0.0.3")
    assert (record.entity_id, record.charged_fee, record.memo) == ("0.0.1001", 1_234_567, b"")
    assert record.hash == base64.b64decode("83D+j0MuDelEDvnB+YuLPm/050jnlnO/VWNh3em/mWBr4EHSRORH1IgWOZafpUHS")


def test_children_and_duplicates_of_an_id_are_all_told(server: WebServer) -> None:
    (row,) = SAMPLES["transaction by id"]["body"]["transactions"]
    duplicate = row | {"result": "DUPLICATE_TRANSACTION", "memo_base64": base64.b64encode(b"pd1:a").decode()}
    server.script(Say({"transactions": [row, row | {"nonce": 1, "node": None}, duplicate]}))
    records = mirror().transaction(TRANSACTION_ID)
    assert [(record.nonce, record.result, record.memo) for record in records] == [
        (0, "SUCCESS", b""),
        (1, "SUCCESS", b""),
        (0, "DUPLICATE_TRANSACTION", b"pd1:a"),
    ]


def test_what_the_mirror_does_not_know_is_nothing(server: WebServer) -> None:
    server.script(NOT_FOUND)
    found = mirror()
    assert found.transaction(TRANSACTION_ID) == ()
    assert found.contract_result(TRANSACTION_ID) is None
    assert found.account("0.0.9") is None
    assert found.contract("0.0.9") is None
    assert found.token("0.0.9") is None
    assert found.account_token("0.0.9", "0.0.8") is None


@pytest.mark.parametrize("body", [b"<html>nothing here</html>", b'{"error": "no such route"}', b"[]"])
def test_a_404_of_somebody_else_is_not_absence(server: WebServer, body: bytes) -> None:
    server.script(Say(body, status=404))
    with pytest.raises(Unavailable):
        mirror().transaction(TRANSACTION_ID)


def test_a_contract_result_is_read_with_its_logs(server: WebServer) -> None:
    server.script(official("contract result by transaction id"))
    result = mirror().contract_result(TRANSACTION_ID)
    assert result is not None
    assert (result.result, result.error_message, result.is_final) == ("SUCCESS", None, True)
    assert (result.gas_used, result.gas_limit, result.call_result) == (2_400_000, 3_000_000, b"")
    assert result.hash.hex() == "512f26ada3c3d634ac3c6b12b7b33cb50bb0963c3f6d9924241619c84ec78ff2"
    assert (result.from_, result.to) == (f"0x{1002:040x}", f"0x{1001:040x}")
    first = result.logs[0]
    assert (first.address, first.contract_id, first.index, first.data) == (EVM, "0.0.1001", 0, bytes(32))
    assert (first.consensus_at, first.block_number) == ("1795166753.000000007", 1)
    assert first.transaction_hash == result.hash
    assert first.topics[0] == TOPIC


def test_a_partial_contract_result_is_not_final(server: WebServer) -> None:
    server.script(Say(official("contract result by transaction id").body, status=206))
    result = mirror().contract_result(TRANSACTION_ID)
    assert result is not None
    assert result.is_final is False


def test_logs_are_read_page_by_page_by_the_servers_own_links(server: WebServer) -> None:
    first = official("logs ascending, first page of 3")
    server.script(first, official("logs, next page as given by links.next"), official("logs, nothing newer"))
    logs = list(mirror().logs("0.0.1001", since="1795166753.000000006"))
    assert [(log.consensus_at, log.index) for log in logs] == [
        ("1795166753.000000007", at) for at in range(6)
    ]
    assert server.paths[0] == (
        "/api/v1/contracts/0.0.1001/results/logs?limit=100&order=asc&timestamp=gte:1795166753.000000006"
    )
    assert server.paths[1] == first.body["links"]["next"]
    assert len({(log.consensus_at, log.index) for log in logs}) == len(logs) == 6
    assert (
        logs[0].transaction_hash.hex() == "512f26ada3c3d634ac3c6b12b7b33cb50bb0963c3f6d9924241619c84ec78ff2"
    )
    assert (logs[0].address, logs[0].block_number) == (EVM, 1)


def test_a_page_that_ends_inside_a_consensus_time_loses_nothing(server: WebServer) -> None:
    cut = official("logs, page that cuts inside a timestamp")
    server.script(cut, official("logs, nothing newer"))
    logs = list(mirror().logs("0.0.1001", since="1795166753.000000007", until="1795166802.500000007"))
    assert "index=gt" in server.paths[1]
    assert server.paths[1] == cut.body["links"]["next"]
    assert len(logs) == len(cut.body["logs"])


def test_a_search_by_topic_is_cut_into_windows_of_less_than_seven_days(server: WebServer) -> None:
    server.script(official("logs, nothing newer"))
    since, until = "1795166753.000000007", "1796376353.000000007"  # 14 days
    assert list(mirror().logs("0.0.1001", since=since, until=until, topics0=[TOPIC])) == []
    spans = [[part.split(":")[1] for part in path.split("&") if "timestamp" in part] for path in server.paths]
    assert (spans[0][0], spans[-1][1]) == (since, until)
    assert all(to_ns(upper) - to_ns(lower) < 7 * 86_400 * 10**9 for lower, upper in spans)
    assert all(to_ns(after[0]) - to_ns(before[1]) == 1 for before, after in pairwise(spans))
    assert all(path.endswith(f"topic0={TOPIC}") for path in server.paths)


def test_questions_the_mirror_would_refuse_are_not_asked(server: WebServer) -> None:
    found = mirror()
    with pytest.raises(ValueError, match="needs an end"):
        list(found.logs("0.0.1", since="1.000000000", topics0=[TOPIC]))
    with pytest.raises(ValueError, match="more than 20"):
        list(found.logs("0.0.1", since="1.000000000", until="2.000000000", topics0=[TOPIC] * 21))
    with pytest.raises(ValueError, match="not a consensus time"):
        list(found.logs("0.0.1", since="1795166753"))
    with pytest.raises(ValueError, match="not an id"):
        found.account("0.0.1/../../admin?x=")
    with pytest.raises(ValueError, match="EVM address"):
        found.call("0.0.1001", b"")
    assert server.asked == []


def test_an_empty_span_of_time_has_no_logs(server: WebServer) -> None:
    assert list(mirror().logs("0.0.1", since="2.000000000", until="1.000000000")) == []
    assert server.asked == []


def test_an_accounts_transactions_are_followed_to_the_end(server: WebServer) -> None:
    first = official("transactions of an account since, ascending")
    server.script(first, page([], None, "transactions"))
    since, until = 1_795_166_753_000_000_007, 1_795_166_800_000_000_000
    records = list(
        mirror().account_transactions("0.0.1002", since_ns=since, until_ns=until, result="success")
    )
    assert [record.consensus_at for record in records] == ["1795166753.500000007", "1795166754.000000007"]
    bounds = "timestamp=gte:1795166753.000000007&timestamp=lte:1795166800.000000000"
    asked = f"/api/v1/transactions?account.id=0.0.1002&limit=100&order=asc&{bounds}&result=success"
    assert server.paths == [asked, first.body["links"]["next"]]


def test_a_list_is_never_answered_with_404(server: WebServer) -> None:
    """A list of nothing is an empty list; who says 404 cannot be asked about absence."""
    server.script(NOT_FOUND)
    with pytest.raises(Unavailable, match="404"):
        list(mirror().account_transactions("0.0.1002", since_ns=1))


def test_the_newest_block_tells_how_far_the_mirror_is(server: WebServer) -> None:
    server.script(official("blocks, newest"))
    block = mirror().newest_block()
    assert (block.number, block.from_, block.to) == (25, "1795166801.000000007", "1795166803.000000006")
    assert mirror().newest_consensus_ns() == 1_795_166_803_000_000_006
    assert server.paths[0] == "/api/v1/blocks?limit=1&order=desc"


def test_a_mirror_without_a_block_is_not_at_time_zero(server: WebServer) -> None:
    server.script(page([], None, "blocks"))
    with pytest.raises(Unavailable):
        mirror().newest_consensus_ns()


def test_accounts_and_contracts_are_read(server: WebServer) -> None:
    server.script(official("account"), official("contract"))
    account = mirror().account("0.0.1002")
    contract = mirror().contract(EVM)
    assert account is not None
    assert (account.account, account.evm_address) == (
        "0.0.1002",
        "0xb281bc2c616cb3c3a097215fdc9397ae87e6e06b",
    )
    assert (account.key_type, account.key_hex) == (None, None)
    assert (account.balance_tinybars, account.deleted) == (10_000, False)
    assert contract is not None
    assert (contract.contract_id, contract.evm_address) == ("0.0.1001", EVM)


def test_an_accounts_key_is_read(server: WebServer) -> None:
    body = official("account").body | {"key": {"_type": "ED25519", "key": "ab" * 32}, "balance": None}
    server.script(Say(body))
    account = mirror().account("0.0.1002")
    assert account is not None
    assert (account.key_type, account.key_hex, account.balance_tinybars) == ("ED25519", "ab" * 32, None)


def test_tokens_and_their_relations_are_whole_numbers(server: WebServer) -> None:
    token = {
        "token_id": "0.0.7",
        "name": "USD Coin",
        "symbol": "USDC",
        "decimals": "6",
        "total_supply": "9" * 30,
    }
    relation = {
        "token_id": "0.0.7",
        "balance": 2**60,
        "freeze_status": "FROZEN",
        "kyc_status": "NOT_APPLICABLE",
    }
    server.script(Say(token | {"pause_status": "PAUSED"}), page([relation], None, "tokens"))
    found, held = mirror().token("0.0.7"), mirror().account_token("0.0.5", "0.0.7")
    assert found is not None
    assert (found.decimals, found.total_supply_units, found.is_paused) == (6, 10**30 - 1, True)
    assert held is not None
    assert (held.balance_units, held.freeze_status, held.kyc_status) == (2**60, "FROZEN", "NOT_APPLICABLE")
    assert server.paths[1] == "/api/v1/accounts/0.0.5/tokens?token.id=0.0.7"


def test_an_unassociated_token_is_no_relation(server: WebServer) -> None:
    server.script(page([], None, "tokens"))
    assert mirror().account_token("0.0.5", "0.0.7") is None


def test_the_address_book_is_read(server: WebServer) -> None:
    endpoint = {"domain_name": "", "ip_address_v4": "10.0.0.3", "port": 50211}
    rows = [
        {"node_account_id": "0.0.3", "node_cert_hash": "0x" + "0a" * 48, "service_endpoints": [endpoint]},
        {"node_account_id": "0.0.4", "node_cert_hash": "0x", "service_endpoints": []},
    ]
    server.script(page(rows, None, "nodes"))
    first, second = mirror().address_book()
    assert (first.account, first.host, first.port) == ("0.0.3", "10.0.0.3", 50211)
    assert first.certificate_hash == b"\x0a" * 48
    assert (second.host, second.certificate_hash) == ("", b"")


def test_a_view_is_called_at_a_block(server: WebServer) -> None:
    server.script(Say({"result": "0x" + "00" * 31 + "07"}))
    answer = mirror().call(EVM, bytes.fromhex("d41c3a65"), block=25, sender="0x" + "11" * 20)
    asked = server.asked[0]
    assert answer == bytes(31) + b"\7"
    assert (asked.method, asked.path) == ("POST", "/api/v1/contracts/call")
    assert asked.body == {
        "to": EVM,
        "data": "0xd41c3a65",
        "block": "0x19",
        "gas": 15_000_000,
        "estimate": False,
        "from": "0x" + "11" * 20,
    }


def test_a_view_that_reverts_gives_its_data(server: WebServer) -> None:
    message = {"message": "CONTRACT_REVERT_EXECUTED", "detail": "", "data": "0x26330138"}
    server.script(Say({"_status": {"messages": [message]}}, status=400))
    with pytest.raises(Reverted) as caught:
        mirror().call(EVM, b"")
    assert (caught.value.data.hex(), caught.value.code) == ("26330138", "CONTRACT_REVERT_EXECUTED")


def test_a_revert_without_data_is_a_revert_and_a_wrong_question_is_refused(server: WebServer) -> None:
    revert = {"message": "CONTRACT_REVERT_EXECUTED", "detail": "no", "data": "0x"}
    wrong = {"message": "gas field must be less than or equal to 15000000"}
    server.script(*(Say({"_status": {"messages": [message]}}, status=400) for message in (revert, wrong)))
    with pytest.raises(Reverted) as caught:
        mirror().call(EVM, b"")
    with pytest.raises(Refused, match="gas field") as refused:
        mirror().call(EVM, b"")
    assert caught.value.data == b""
    assert type(refused.value) is Refused


def test_a_call_is_sent_once_whatever_happens(server: WebServer) -> None:
    for say in (Say({}, status=503), Say({}, status=429), Say(drop=True)):
        server.asked.clear()
        server.script(say)
        with pytest.raises(Unavailable):
            mirror().call(EVM, b"")
        assert len(server.asked) == 1


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize(
    "trouble", [Say({}, status=429), Say({}, status=502), Say({}, status=504), Say(drop=True)]
)
def test_a_read_is_tried_again_until_it_works(server: WebServer, trouble: Say) -> None:
    server.script(trouble, trouble, official("transaction by id"))
    assert len(mirror().transaction(TRANSACTION_ID)) == 1
    assert len(server.asked) == 3


@pytest.mark.usefixtures("no_pause")
def test_a_read_gives_up_after_three_tries(server: WebServer) -> None:
    server.script(Say({}, status=503))
    with pytest.raises(Unavailable) as caught:
        mirror().transaction(TRANSACTION_ID)
    assert caught.value.status == 503
    assert len(server.asked) == 3


def test_retry_after_is_waited_for_when_short_and_handed_up_when_long(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: naps.append(seconds) if seconds else None)
    server.script(Say({}, status=429, headers={"Retry-After": "2"}), official("transaction by id"))
    assert len(mirror().transaction(TRANSACTION_ID)) == 1
    assert naps == [2.0]
    server.script(Say({}, status=429, headers={"Retry-After": "600"}))
    with pytest.raises(Throttled) as caught:
        mirror().transaction(TRANSACTION_ID)
    assert caught.value.retry_after == 600
    assert naps == [2.0]


@pytest.mark.parametrize(
    "say",
    [
        Say(b"{", status=200),
        Say(b"", status=200),
        Say(b"null"),
        Say([]),
        Say({"transactions": None}),
        Say({"transactions": [{}]}),
        Say({"transactions": [{"consensus_timestamp": 1795166753.5}]}),
        Say(b'{"transactions": NaN}'),
        Say(b"\xff\xfe{}"),
        Say(b"[" * 100_000),
        Say({}, status=500),
        Say({}, status=302, headers={"Location": "http://127.0.0.1:1/"}),
        Say({}, status=204),
        Say({}, status=401),
    ],
)
def test_garbage_is_no_answer(server: WebServer, say: Say) -> None:
    server.script(say)
    with pytest.raises(Unavailable):
        mirror().transaction(TRANSACTION_ID)


@pytest.mark.parametrize(
    "change",
    [
        {"charged_tx_fee": 12.5},
        {"charged_tx_fee": True},
        {"nonce": "x"},
        {"transaction_hash": "not base64!"},
        {"consensus_timestamp": "1795166753"},
        {"consensus_timestamp": None},
        {"memo_base64": 5},
    ],
)
def test_a_record_of_another_shape_is_no_answer(server: WebServer, change: dict[str, Any]) -> None:
    (row,) = SAMPLES["transaction by id"]["body"]["transactions"]
    server.script(Say({"transactions": [row | change]}))
    with pytest.raises(Unavailable):
        mirror().transaction(TRANSACTION_ID)


def test_the_mirrors_no_is_a_refusal_with_its_words(server: WebServer) -> None:
    server.script(official("contract result by malformed id"))
    with pytest.raises(Refused, match="Invalid Transaction id"):
        mirror().contract_result("0.0.1002-17")


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/api/v1/x",
        "//evil.example/api/v1/x",
        "https://evil.example/api/v1/x",
        "/other/path",
        "@evil.example/api/v1/",
        "x",
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(server: WebServer, link: str) -> None:
    server.script(page([], link))
    with pytest.raises(Unavailable, match="elsewhere"):
        list(mirror().logs("0.0.1", since="1.000000000"))
    assert len(server.asked) == 1


def test_a_full_link_to_the_same_server_is_followed(server: WebServer) -> None:
    server.script(page([], f"{server.url}/api/v1/more?x=1"), page([], None))
    assert list(mirror().logs("0.0.1", since="1.000000000")) == []
    assert server.paths[1] == "/api/v1/more?x=1"


def test_pages_that_go_round_in_a_circle_end(server: WebServer) -> None:
    one, two = page([], "/api/v1/two"), page([], "/api/v1/one")
    server.script(one, two, one, two)
    with pytest.raises(Unavailable, match="circle"):
        list(mirror().logs("0.0.1", since="1.000000000"))
    assert len(server.asked) == 3


def test_an_answer_without_end_is_cut_off(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_ANSWER_BYTES", 1000)
    server.script(Say(b" " * 2000))
    with pytest.raises(Unavailable, match="longer"):
        mirror().transaction(TRANSACTION_ID)


def test_an_answer_that_does_not_come_or_trickles_is_given_up(server: WebServer, settings: Settings) -> None:
    settings.HEDERA_MIRROR_TIMEOUT_SECONDS = 1
    server.script(Say({}, wait=20))
    with pytest.raises(Unavailable, match="did not answer"):
        mirror().transaction(TRANSACTION_ID)
    # Each drop comes long before the limit, which is for the whole answer.
    settings.HEDERA_MIRROR_TIMEOUT_SECONDS = 4
    server.script(Say(b"x" * 200_000, trickle=0.1))
    with pytest.raises(Unavailable, match="trickles"):
        mirror().transaction(TRANSACTION_ID)


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("missing", [1, 200])
def test_an_answer_that_breaks_off_is_asked_for_again(server: WebServer, missing: int) -> None:
    whole = official("transaction by id")
    short = Say(
        whole.content[:-missing], headers={"Content-Length": str(len(whole.content)), "Connection": "close"}
    )
    server.script(short, whole)
    assert len(mirror().transaction(TRANSACTION_ID)) == 1
    assert len(server.asked) == 2


def test_a_compressed_answer_is_read(server: WebServer) -> None:
    packed = gzip.compress(official("transaction by id").content)
    server.script(Say(packed, headers={"Content-Encoding": "gzip"}))
    assert len(mirror().transaction(TRANSACTION_ID)) == 1


@pytest.mark.usefixtures("no_pause")
def test_a_server_that_is_down_is_unavailable(settings: Settings) -> None:
    settings.HEDERA_MIRROR_URL = "http://127.0.0.1:1"
    with pytest.raises(Unavailable, match="cannot be reached"):
        mirror().newest_block()


def test_one_client_serves_many_threads_with_a_session_each(server: WebServer) -> None:
    server.script(official("transaction by id"))
    found = mirror()
    sessions, barrier = set(), threading.Barrier(8)

    def ask(_: int) -> int:
        barrier.wait()
        sessions.add(id(found._web._line()))
        return len(found.transaction(TRANSACTION_ID))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [1] * 8
    assert len(sessions) == 8


def test_the_address_may_be_given_with_the_version_of_the_interface(server: WebServer) -> None:
    server.script(official("blocks, newest"))
    assert Mirror(f"{server.url}/api/v1/").newest_block().number == 25
    assert mirror() is mirror()


def test_consensus_times_are_exact_both_ways() -> None:
    assert to_ns("1795166753.000000007") == 1_795_166_753_000_000_007
    assert to_text(1_795_166_753_000_000_007) == "1795166753.000000007"
    for wrong in ("1795166753", "1795166753.0000000071", "1.5e9", "-1.000000000", "1.0\n", ""):
        with pytest.raises(ValueError, match="not a consensus time"):
            to_ns(wrong)


def _errors() -> list[tuple[Callable[[], GatewayError], str]]:
    return [
        (lambda: Refused("no", code="BAD", status=400), "no (code=BAD, status=400)"),
        (lambda: Unavailable("away"), "away"),
        (lambda: Throttled("slow", status=429, retry_after=3.0), "slow (status=429)"),
    ]


@pytest.mark.parametrize(("make", "text"), _errors())
def test_an_error_shows_its_words_code_and_status(make: Callable[[], GatewayError], text: str) -> None:
    assert str(make()) == text
