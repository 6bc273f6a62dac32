"""The committed contracts are those of the committed source, and have what readers of the deployed family look for."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "contracts" / "interfaces" / "soroban"
SOURCES = ROOT / "contracts" / "sources" / "soroban"
# Of the network, for one entry of code.
MOST_CODE_BYTES = 128 * 1024

FAMILY_FUNCTIONS = {
    "__constructor",
    "invest",
    "process_investor_payment",
    "claim",
    "get_contract_balance",
    "check_reserve_balance",
    "single_withdrawn",
    "add_company_transfer",
    "move_funds_to_the_reserve",
    "pause",
    "unpause",
    "paused",
    "owner_of",
    "balance",
    "transfer",
}
FAMILY_ERRORS = {1, 2, 5, 6, 7, 8, 9, 10, 15, 16, 17, 24, 28, 29, 30, 31, 32, 200, 1000, 1001, 2100}
FAMILY_EVENTS = {"CBUPDATED", "STUPDATED", "paused", "unpaused", "mint", "transfer"}
BOOKS = {
    "comission": "i128",
    "moved_from_project_to_reserve": "i128",
    "payments": "i128",
    "project": "i128",
    "project_withdrawals": "i128",
    "received_so_far": "i128",
    "reserve": "i128",
    "reserve_contributions": "i128",
}


def page(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text())
    return found


def code(name: str) -> bytes:
    return (ARTIFACTS / f"{name}.wasm").read_bytes()


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program that compiles them, which is not of a package."""
    monkeypatch.syspath_prepend(str(SOURCES))
    import build

    yield build
    for name in ("build", "crates", "spec"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["investment", "token"])
class TestArtifact:
    def test_its_hash_is_that_of_the_code(self, name: str) -> None:
        assert page(name)["wasmHash"] == hashlib.sha256(code(name)).hexdigest()
        assert page(name)["contractName"] == name

    def test_the_code_fits_into_an_entry(self, name: str) -> None:
        assert len(code(name)) < MOST_CODE_BYTES

    def test_it_was_made_from_this_source(self, name: str, build: Any) -> None:
        assert page(name)["sourceHash"] == build.source_hash(), (
            "make contracts-soroban, and commit what it writes"
        )

    def test_it_says_what_the_code_says(self, name: str, build: Any) -> None:
        said = build.interface_of(code(name))
        assert {key: page(name)[key] for key in said} == said

    def test_it_was_made_with_the_pinned_parts(self, name: str) -> None:
        assert page(name)["sdk"] == "soroban-sdk 27.0.6"
        assert page(name)["compiler"].startswith("rustc 1.")


def test_every_function_of_the_deployed_family_is_there() -> None:
    assert page("investment")["functions"].keys() >= FAMILY_FUNCTIONS


def test_refusals_have_the_codes_of_the_deployed_family() -> None:
    assert set(page("investment")["errors"].values()) >= FAMILY_ERRORS


def test_events_have_the_names_and_data_of_the_deployed_family() -> None:
    events = page("investment")["events"]
    assert events.keys() >= FAMILY_EVENTS
    assert events["CBUPDATED"] == {"topics": [], "data": BOOKS}
    assert events["STUPDATED"]["data"] == {"new_state": "u32"}


def test_what_a_check_takes_and_answers() -> None:
    functions = page("investment")["functions"]
    assert functions["check_reserve_balance"] == {"arguments": {}, "result": "Result<i128>"}
    assert functions["get_reserve_status"] == {
        "arguments": {"seconds": "u64"},
        "result": "Result<ReserveStatus>",
    }
    arguments = functions["__constructor"]["arguments"]
    assert list(arguments) == [
        "owner_addr",
        "project_address",
        "token_addr",
        "uri",
        "name",
        "symbol",
        "investment_params",
    ]
    assert arguments["investment_params"] == "InvestmentContractParams"


def test_the_token_has_what_the_investment_calls() -> None:
    functions = page("token")["functions"]
    assert functions.keys() >= {"balance", "transfer", "decimals", "mint", "set_frozen"}
    assert functions["transfer"]["arguments"] == {"from": "Address", "to": "Address", "amount": "i128"}


@pytest.mark.parametrize("folder", ["contracts/sources/soroban", "devnet/soroban-host"])
def test_a_committed_lock_has_versions_and_hashes_and_no_address(folder: str) -> None:
    lock = (ROOT / folder / "crates.lock").read_text()
    assert "://" not in lock
    assert lock.count("checksum = ") > 100
