"""The events of other payout tools, and that they are never taken for the payout contract's own."""

import json

import pytest
from eth_abi.abi import encode

from contracts.abi import INTERFACES, interface
from tests.contracts.published import TOPICS
from tests.contracts.solidity_chain import ADMIN, STRANGER, Chain, Reverted, artifact

SUBJECT = b"\x2a" * 32
REPORT_TOPICS = {
    "DistributionExecuted": "5d768c5430c925fa81c7ac5d1dfb0f625da4bf5ddc19d26c646dcae6ee1dc766",
    "PayoutCompleted": "d3a77c4ec1cb258ed5f8f7fb0e530c2f12e622c35849409f4fdf43bb771fa09d",
    "HolderBalanceUpdated": "ef420a2c74ca251f56e0243cba5a463cdc8b6ae32c6d2bd64e9eb4a479c6a53e",
}


def test_the_topics_of_reports_are_those_and_none_is_an_event_of_the_payout_contract() -> None:
    seed = interface("reports", "seed")

    assert {name: seed.topic0(name)[2:] for name in REPORT_TOPICS} == REPORT_TOPICS
    assert set(REPORT_TOPICS.values()).isdisjoint(TOPICS.values())
    assert REPORT_TOPICS["DistributionExecuted"] != TOPICS["DistributionExecuted"]


def test_the_compiled_reporter_emits_exactly_these() -> None:
    published = json.loads((INTERFACES / "reports-seed.json").read_text())

    assert [entry for entry in artifact("PayoutReporter")["abi"] if entry["type"] == "event"] == sorted(
        published, key=lambda entry: str(entry["name"])
    )
    assert {entry["name"] for entry in published} == REPORT_TOPICS.keys()


def test_a_report_is_no_event_of_the_payout_contract_and_the_other_way_round() -> None:
    seed, deployed = interface("reports", "seed"), interface("lccf", "1.1")
    report = [bytes.fromhex(REPORT_TOPICS["DistributionExecuted"]), SUBJECT], encode(["uint256"] * 2, [9, 2])
    types = ["uint256", "uint256", "uint256", "address[]", "address[]", "uint256[]"]
    payout = [bytes.fromhex(TOPICS["DistributionExecuted"])], encode(types, [1, 0, 1, [], [STRANGER], [9]])

    assert (seed.decode_log(*payout), deployed.decode_log(*report)) == (None, None)
    reported, paid = seed.decode_log(*report), deployed.decode_log(*payout)
    assert reported
    assert paid
    assert reported.name == paid.name == "DistributionExecuted"
    assert reported.args == {"distributionId": "0x" + SUBJECT.hex(), "totalAmount": 9, "holdersCount": 2}
    assert paid.args["succeeded"] == (STRANGER,)


@pytest.mark.parametrize("name", REPORT_TOPICS)
def test_a_report_with_the_arguments_of_another_event_is_malformed(name: str) -> None:
    with pytest.raises(ValueError, match="indexed"):
        interface("reports", "seed").decode_log([bytes.fromhex(REPORT_TOPICS[name])], b"")


def test_each_function_of_the_reporter_is_for_its_owner_and_emits_its_own_event() -> None:
    reporter = Chain().deploy("PayoutReporter", ("address",), (ADMIN,))
    sent = [
        reporter.send("reportDistribution", SUBJECT, 9, 2),
        reporter.send("reportPayout", SUBJECT, 8, 1),
        reporter.send("reportBalance", STRANGER, 7),
        reporter.send("reportMany", [(2, bytes.fromhex(STRANGER[2:].rjust(64, "0")), 7, 0)]),
    ]

    subject = "0x" + SUBJECT.hex()
    assert [(receipt.log_count, receipt.events[0].name, receipt.events[0].args) for receipt in sent] == [
        (1, "DistributionExecuted", {"distributionId": subject, "totalAmount": 9, "holdersCount": 2}),
        (1, "PayoutCompleted", {"batchId": subject, "successfulPayments": 8, "failedPayments": 1}),
        (1, "HolderBalanceUpdated", {"holder": STRANGER, "newBalance": 7}),
        (1, "HolderBalanceUpdated", {"holder": STRANGER, "newBalance": 7}),
    ]
    for function, arguments in (
        ("reportDistribution", (SUBJECT, 9, 2)),
        ("reportPayout", (SUBJECT, 8, 1)),
        ("reportBalance", (STRANGER, 7)),
        ("reportMany", ([],)),
    ):
        with pytest.raises(Reverted, match="OnlyOwner"):
            reporter.send(function, *arguments, sender=STRANGER)
