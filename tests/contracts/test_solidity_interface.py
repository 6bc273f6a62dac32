"""The compiled contracts speak exactly the language of the deployed ones."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from contracts.abi import Interface
from tests.contracts.solidity_chain import artifact

ROOT = Path(__file__).parents[2] / "contracts"
NAMES = ("AssetToken", "AssetToken8", "PaymentToken", "HtsStub", "LifeCycleCashFlow")

SELECTORS = {
    "LifeCycleCashFlow": {
        "executeDistribution": "09c57f63",
        "executeDistributionByAddresses": "417dc389",
        "executeAmountSnapshot": "c90ab037",
        "executeAmountSnapshotByAddresses": "4e176347",
        "executePercentageSnapshot": "b85622e9",
        "executePercentageSnapshotByAddresses": "507720c0",
        "executeBondCashOut": "c15b868d",
        "executeBondCashOutByAddresses": "919ab357",
        "transferPaymentToken": "609efbe5",
        "updatePaymentToken": "4ccf1b34",
        "getPaymentToken": "d41c3a65",
        "getPaymentTokenDecimals": "1436c06b",
        "pause": "8456cb59",
        "unpause": "3f4ba83a",
        "isPaused": "b187bd26",
    },
    "AssetToken": {
        "takeSnapshot": "b3d3d37e",
        "getTotalTokenHoldersAtSnapshot": "867126e1",
        "getTokenHoldersAtSnapshot": "d22a73df",
        "balanceOfAtSnapshot": "8e00ae2e",
        "balancesOfAtSnapshot": "e956875c",
        "totalSupplyAtSnapshot": "da35f8f6",
        "getDividendsCount": "9e676952",
        "getCouponCount": "468bb240",
    },
}

TOPICS = {
    "DistributionExecuted": "0ed69aaec5713babf4fa2e03360799844fbc06459205d980bc6691ed07464574",
    "DistributionByAddressesExecuted": "aa9e81a5e4fb3778173f6fb4a4637f4f500fdfbbee1d5d988443e7c5142a197c",
    "CashOutExecuted": "753d7c821278f9e7e2995bb038931974271a79cce855ac67e6fae8e0e64af0f7",
    "CashOutByAddressesExecuted": "636825ecd9ea837171a3c30d7ee940df8d025bb18267e38405dd743baef8ae4d",
    "AmountSnapshotExecuted": "a2154995182ddad982e23733aa2714f1188ba008eda9ae93ec5a3e2564cdb712",
    "AmountSnapshotByAddressesExecuted": "50d91f96b75116519a8eb8382688ac6b0887fca263390711160d695c9dc84ef9",
    "PercentageSnapshotExecuted": "659a2cfde48de9f7b1ba77b7adc9433a791a167b7538592bd47de7f6cd5d993b",
    "PercentageSnapshotByAddressesExecuted": (
        "a34f2b4ae38db78b4a0932767adbe8b1f9f1cbcb2feccc6ab2933e83ba2996a6"
    ),
    "PaymentTokenTransferred": "3fc99149285e47b27500309348bb85523c28491ab72690d98f40e5e83af4f844",
    "PaymentTokenChanged": "cf0c407085ca3ba312474d8448768345a1f695deaa14fcbd6d3bfee5f1ebce86",
    "TokenAssociated": "bbbf805ef99ca7d0b7d2cc769719f2a281c9b3331a3642efa75a712e3094a166",
    "LifeCycleCashFlowPaused": "7ae2ed985e1e2d3df52a66e18e985500803a1ed59acc1c7176ca4ce67bc1f1c2",
    "LifeCycleCashFlowUnpaused": "61fb7fd18a785f43b03cf08c791417b5c676cef1c7a9ec876dc397352f2d4de2",
}

ERRORS = {
    "InvalidAsset": "6f79c78a",
    "NotPaymentDate": "094c9a35",
    "AssociateTokenFailed": "f64198d3",
    "TransferERC20TokenFailed": "8210f163",
    "NotEnoughBalance": "74e0caad",
    "InvalidPercentage": "aa318673",
    "InvalidPaymentToken": "4e34486d",
    "LifeCycleCashFlowIsPaused": "26330138",
    "LifeCycleCashFlowIsUnpaused": "d9406f72",
    "AccountHasNoRole": "a1180aad",
    "AccountAssignedToRole": "a6006e94",
    "AccountNotAssignedToRole": "3ad9a7ae",
}


def reference(name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((ROOT / "interfaces" / "hedera" / f"{name}.json").read_text())
    return entries


def shape(parameters: list[dict[str, Any]]) -> list[Any]:
    return [(p["type"], bool(p.get("indexed")), shape(p.get("components", []))) for p in parameters]


def shapes(entries: list[dict[str, Any]]) -> set[str]:
    """Every function, event and error with all its types; names of parameters do not count on chain."""
    return {
        repr((e["type"], e["name"], shape(e["inputs"]), shape(e.get("outputs", []))))
        for e in entries
        if e["type"] != "constructor"
    }


@pytest.mark.parametrize("contract", SELECTORS)
def test_every_function_has_the_selector_of_the_deployed_contract(contract: str) -> None:
    interface = Interface(artifact(contract)["abi"])
    assert {f: interface.selector(f).hex() for f in SELECTORS[contract]} == SELECTORS[contract]


def test_every_event_has_the_topic_of_the_deployed_contract() -> None:
    interface = Interface(artifact("LifeCycleCashFlow")["abi"])
    assert {name: interface.topic0(name)[2:] for name in TOPICS} == TOPICS


def test_every_error_has_the_selector_of_the_deployed_contract() -> None:
    interface = Interface(artifact("LifeCycleCashFlow")["abi"])
    for name, selector in ERRORS.items():
        error = interface.decode_error(bytes.fromhex(selector) + bytes(64))
        assert error is not None
        assert error.name == name


@pytest.mark.parametrize(
    ("known", "ours"), [("lccf-1.1", "LifeCycleCashFlow"), ("ats-7", "AssetToken"), ("ats-8", "AssetToken8")]
)
def test_the_reference_interface_is_covered_type_by_type(known: str, ours: str) -> None:
    assert shapes(reference(known)) - shapes(artifact(ours)["abi"]) == set()


def test_the_payout_contract_has_no_function_or_event_of_its_own() -> None:
    extra = shapes(artifact("LifeCycleCashFlow")["abi"]) - shapes(reference("lccf-1.1"))
    assert extra == {repr(("error", "InvalidInitialization", [], []))}


@pytest.mark.parametrize(
    ("version", "absent"),
    [
        ("AssetToken", {"paused", "version", "getMaturityDate", "getNominalValue"}),
        ("AssetToken8", {"isPaused", "getBondDetails"}),
    ],
)
def test_each_asset_version_lacks_the_names_of_the_other(version: str, absent: set[str]) -> None:
    assert absent.isdisjoint(entry.get("name") for entry in artifact(version)["abi"])


@pytest.mark.parametrize("name", NAMES)
def test_an_artifact_belongs_to_the_sources_beside_it(name: str) -> None:
    digest = hashlib.sha256()
    for source in sorted((ROOT / "sources" / "solidity").glob("*.sol")):
        digest.update(f"{source.name}\n{source.read_text()}\n".encode())
    assert artifact(name)["sourceHash"] == f"sha256:{digest.hexdigest()}", "run `make contracts`"


@pytest.mark.parametrize("name", NAMES)
def test_every_contract_fits_the_size_limit_of_a_chain(name: str) -> None:
    assert len(bytes.fromhex(artifact(name)["deployedBytecode"][2:])) <= 24_576


def test_the_compiler_is_locked_without_naming_a_registry() -> None:
    lock = json.loads((ROOT / "sources" / "solidity" / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/solc"]["version"] == "0.8.22"
    assert not any("resolved" in package for package in lock["packages"].values())
