"""Every error of the contracts has a sentence and a decision; nothing is shown as a bare selector or a name."""

import json
from typing import Any

import pytest
from eth_abi.abi import encode as encode_abi

from contracts import abi
from contracts.models import Hold
from payouts.services import errors
from payouts.services.errors import DECISIONS, Decision
from payouts.services.sizing import TOO_LARGE

ALICE = "0x" + "a1" * 20
PAYOUT_ROLE = "0x88ad01da1e5558735d5b478c04a0f1667377fb68a98cb0278159d0b790f08c10"
SNAPSHOT_ROLE_8 = "0xf7d999723d2160432933a2aeffaae83e262a5a46fe94f34614a7676d1d1f67c6"
SAMPLES: dict[str, Any] = {
    "address": ALICE,
    "uint256": 1_800_000_000,
    "bytes32": bytes.fromhex(PAYOUT_ROLE[2:]),
}
INTERFACES = ("lccf-1.1", "asset-errors-1", "erc20-1")


def declared() -> list[abi.Entry]:
    entries = [
        entry for name in INTERFACES for entry in json.loads((abi.INTERFACES / f"{name}.json").read_text())
    ]
    return [abi.Entry.read(entry) for entry in entries if entry["type"] == "error"]


def revert(entry: abi.Entry, *values: Any) -> bytes:
    return entry.digest[:4] + encode_abi([part.canonical for part in entry.inputs], values)


def error(name: str, *values: Any) -> abi.DecodedError:
    """As the payout contract passes it on."""
    (entry,) = {one for one in declared() if one.name == name and len(one.inputs) == len(values)}
    decoded = abi.interface("lccf", "1.1").decode_error(revert(entry, *values))
    assert decoded is not None
    return decoded


@pytest.mark.parametrize("entry", declared(), ids=lambda entry: entry.signature)
def test_every_error_of_the_contracts_has_words_and_a_decision(entry: abi.Entry) -> None:
    values = [SAMPLES[part.canonical] for part in entry.inputs]
    told = abi.interface("lccf", "1.1").decode_error(revert(entry, *values))

    assert told is not None
    assert told.name == entry.name
    assert not told.text.startswith(f"{entry.name}("), "a sentence, not the contract's spelling"
    assert entry.name in DECISIONS


def test_the_words_are_those_of_the_field() -> None:
    role = bytes.fromhex(PAYOUT_ROLE[2:])
    assert (
        error("NotEnoughBalance", 7).text
        == "Contract has insufficient payment token balance for 7 base units"
    )
    assert error("LifeCycleCashFlowIsPaused").text == "the payout contract is paused"
    assert (
        error("AccountHasNoRole", ALICE, role).text
        == "the wallet lacks the role PAYOUT on the payout contract"
    )
    assert error("NotPaymentDate", 1_800_000_000, 1_700_000_000).text == (
        "the payment date has not come: payable from 2027-01-15 08:00:00 UTC, asked at 2023-11-14 22:13:20 UTC"
    )


def test_a_role_of_the_asset_is_named_as_such() -> None:
    told = error("AccountHasNoRole", ALICE, bytes.fromhex(SNAPSHOT_ROLE_8[2:]))
    assert told.text == f"{ALICE} lacks the role SNAPSHOT on the asset token"


def test_data_that_deployed_assets_append_to_an_error_does_no_harm() -> None:
    (plain,) = [entry for entry in declared() if entry.signature == "InvalidKycStatus()"]
    told = abi.interface("lccf", "1.1").decode_error(plain.digest[:4] + bytes.fromhex(ALICE[2:]))
    assert told is not None
    assert (told.name, told.text) == ("InvalidKycStatus", "the holder has no valid KYC for the asset token")


@pytest.mark.parametrize(
    ("error_class", "decision"),
    [
        ("LifeCycleCashFlowIsPaused", Decision.HOLD),
        ("AccountHasNoRole", Decision.HOLD),
        ("INSUFFICIENT_PAYER_BALANCE", Decision.HOLD),
        ("CUSTODY_REFUSED", Decision.ASK),
        ("NotPaymentDate", Decision.RETRY),
        ("EXPIRED", Decision.RETRY),
        ("CONTRACT_REVERT_EXECUTED", Decision.FAIL),
        ("0xdeadbeef", Decision.FAIL),
    ],
)
def test_a_refusal_is_tried_again_held_or_final(error_class: str, decision: Decision) -> None:
    assert errors.decide(error_class) == decision
    assert errors.may_come_again(error_class) == (decision != Decision.FAIL)


def test_a_call_that_is_too_large_comes_again() -> None:
    assert all(errors.may_come_again(name) for name in TOO_LARGE)


def test_only_custodys_refusal_is_a_hold_of_custody() -> None:
    assert errors.cause_of_hold("CUSTODY_REFUSED") == Hold.Cause.CUSTODY
    assert errors.cause_of_hold("LifeCycleCashFlowIsPaused") == Hold.Cause.PREFLIGHT
