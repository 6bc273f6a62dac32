"""`manage.py devnet ...`: words, arguments and what is printed."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devnet import cli
from devnet.client import DevnetClient
from devnet.faults import SWITCHES
from tests.devnet.local_chain import running

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    parser = argparse.ArgumentParser()
    cli.build(parser)
    with running(tmp_path_factory.mktemp("cli")) as devnet:
        client = DevnetClient.of(devnet.state_dir)

        def run_words(*words: str) -> Any:
            options = parser.parse_args(words)
            return options.act(client, options)

        yield run_words


def test_a_scenario_from_the_command_line(run: Run) -> None:
    ids = run("prepare", "--holders", "8", "--asset-version", "8", "--fund", "500")
    token, payout, holder = ids["payment_token"]["id"], ids["payout_contract"]["id"], ids["holders"][0]
    assert run("balance", token, payout) == 500
    run("fund", token, holder, "12")
    run("mint", token, holder, "30")
    assert run("balances", token, holder, payout) == {holder: 42, payout: 500}
    for word in ("freeze", "unfreeze", "dissociate", "associate"):
        run(word, token, holder)
    run("pause", payout)
    assert run("view", payout, "isPaused") == [True]
    run("unpause", payout)
    assert run("view", ids["asset"]["id"], "balanceOf", holder)[0] > 0
    assert run("call", ids["asset"]["id"], "takeSnapshot") == [1]
    made = run("deploy", "PaymentToken", "Euro", "EUR", "2", "0.0.1000", "--token", "PAYMENT")
    assert run("view", made["contract_id"], "decimals") == [2]


def test_what_others_do_from_the_command_line(run: Run) -> None:
    ids = run("prepare", "--holders", "2", "--fund", "0")
    asset, payout, (giver, taker) = ids["asset"]["id"], ids["payout_contract"]["id"], ids["holders"]
    before = run("balance", asset, taker)
    run("transfer", asset, giver, taker, "3")
    assert run("balance", asset, taker) == before + 3
    run("deposit", payout, "40")
    run("deposit", payout, "2", "--sender", giver)
    assert run("balance", ids["payment_token"]["id"], payout) == 42
    assert run("grant", payout, "PAUSER", taker).keys() == {"transaction_id", "timestamp"}
    run("revoke", payout, "PAUSER", taker)
    assert run("declare", asset, "--record-in", "60", "--pay-in", "90", "--rate", "7") == 1
    run("cancel", asset, "1", "--force")
    reporter = run("reporter")["contract_id"]
    sent = run("report", reporter, "PayoutCompleted", "0x" + "ab" * 32, "98", "2", "--times", "10")
    assert len(sent) == 1


def test_faults_from_the_command_line(run: Run) -> None:
    run("fault", "consensus.busy", "node=0.0.4", "--count", "2", "--match", "pd1")
    run("latency", "mirror", "250")
    assert {fault["name"]: fault["params"] for fault in run("faults")} == {
        "consensus.busy": {"node": "0.0.4"},
        "mirror.latency_ms": {"ms": 250},
    }
    run("latency", "mirror", "0")
    assert run("fault", "consensus.busy", "--off") == "1 turned off"
    assert run("faults") == []
    assert run("faults", "--all").keys() == SWITCHES.keys()


def test_time_and_approvals_from_the_command_line(run: Run) -> None:
    before = run("status")["offset_seconds"]
    assert run("advance", "90")["offset_seconds"] == before + 90
    assert run("pending") == run("approve") == run("reject") == []


def test_stellar_from_the_command_line(run: Run) -> None:
    terms = ("--goal", "90000000000", "--rate", "800", "--minimum", "5", "--block-days", "3", "--months", "6")
    contract = run("investment", *terms, "--coupon")["contract"]
    assert run("invest", contract, "10000000000")["token_id"] == 1
    assert run("reserve", contract, "7")["reserve_contributions"] == 7
    assert run("stellar", contract, "check_reserve_balance") == 0
    run("answer", contract, "-18446744073709551621")
    assert run("stellar", contract, "check_reserve_balance") == -18446744073709551621
    run("answer", contract)
    books = run("books", contract)
    assert (books["data"]["return_type"], books["data"]["claim_block_days"], books["answer"]) == (2, 3, None)
    assert run("archive", contract, "1", "--ledgers", "100")["live_until"] > books["ledger"]
    assert run("lumens", books["owner"])["stroops"] == 20_000 * 10_000_000
    assert run("ledger", "2")["ledger"] >= books["ledger"] + 2
    run("latency", "soroban", "50")
    assert [fault["name"] for fault in run("faults")] == ["soroban.latency_ms"]
    run("faults", "--clear")


def test_answers_as_text() -> None:
    assert cli.text_of(None) == "done"
    assert cli.text_of([]) == "none"
    assert cli.text_of({"id": "0.0.1", "holders": list(range(9)), "faults": []}) == (
        "id: 0.0.1\nholders: 9\nfaults: none"
    )


def test_ports_by_name() -> None:
    assert cli.ports_of(["0.0.3=50211", "mirror=5551"]) == {"0.0.3": 50211, "mirror": 5551}
