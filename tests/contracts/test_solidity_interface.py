"""The compiled contracts speak exactly the language of the deployed ones."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from contracts.abi import Interface
from tests.contracts.published import SELECTORS, TOPICS
from tests.contracts.solidity_chain import artifact

ROOT = Path(__file__).parents[2] / "contracts"
NAMES = ("AssetToken", "AssetToken8", "PaymentToken", "HtsStub", "LifeCycleCashFlow", "PayoutReporter")


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
