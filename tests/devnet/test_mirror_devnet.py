"""The mirror over the running devnet: what the chain does is what the mirror tells, replica by replica."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from devnet.artifacts import artifact
from devnet.genesis import ADMIN
from devnet.mirror.server import REPLICA_HEADER
from devnet.runtime import Devnet
from tests.patience import PATIENCE

HOLDER = "0x" + "ab" * 20
BALANCE_OF_HOLDER = "0x70a08231" + "00" * 12 + HOLDER[2:]


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    running = Devnet(tmp_path_factory.mktemp("devnet"), block_seconds=0.05, consensus_seconds=0.01)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def token(devnet: Devnet) -> str:
    """A payment token of which the holder has 500 units."""
    devnet.operations.add_accounts([HOLDER])
    contract = devnet.operations.deploy(artifact("PaymentToken"), ["US dollar", "USD", 6, ADMIN])
    devnet.operations.register_token(contract.contract_id, "PAYMENT")
    devnet.operations.call(contract.contract_id, "associateMany", [[HOLDER]])
    devnet.operations.call(contract.contract_id, "mint", [HOLDER, 500])
    until(lambda: get(devnet, f"tokens/{contract.contract_id}/balances").json().get("balances"))
    return contract.contract_id


def get(devnet: Devnet, path: str) -> requests.Response:
    return requests.get(f"{devnet.mirror.url}/api/v1/{path}", timeout=PATIENCE)


def units(devnet: Devnet, token: str, block: str = "latest") -> tuple[str, int]:
    """The replica that answered and the holder's balance in its state."""
    question = {"to": devnet.operations.token(token).evm_address, "data": BALANCE_OF_HOLDER, "block": block}
    answer = requests.post(f"{devnet.mirror.url}/api/v1/contracts/call", json=question, timeout=PATIENCE)
    return answer.headers[REPLICA_HEADER], int(answer.json()["result"], 16)


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "not seen on the mirror in time"
        time.sleep(0.02)


def test_consensus_time_moves_while_nothing_happens(devnet: Devnet) -> None:
    first = get(devnet, "blocks?limit=1").json()["blocks"][0]["number"]

    until(lambda: get(devnet, "blocks?limit=1").json()["blocks"][0]["number"] > first + 2)


def test_a_frozen_holder_is_shown_as_frozen(devnet: Devnet, token: str) -> None:
    def relation() -> dict[str, Any]:
        found: dict[str, Any] = get(devnet, f"accounts/{HOLDER}/tokens?token.id={token}").json()["tokens"][0]
        return found

    before = relation()

    devnet.operations.call(token, "setFrozen", [HOLDER, True])

    assert (before["freeze_status"], before["balance"]) == ("UNFROZEN", 500)
    until(lambda: relation()["freeze_status"] == "FROZEN")
    devnet.operations.call(token, "setFrozen", [HOLDER, False])
    until(lambda: relation()["freeze_status"] == "UNFROZEN")


def test_a_call_names_the_block_it_reads(devnet: Devnet, token: str) -> None:
    before = get(devnet, "blocks?limit=1").json()["blocks"][0]["number"]
    devnet.operations.call(token, "mint", [HOLDER, 100])

    until(lambda: units(devnet, token)[1] == 600)

    assert units(devnet, token, str(before))[1] == 500


def test_a_lagging_replica_calls_on_its_own_older_state(devnet: Devnet, token: str) -> None:
    known = max(units(devnet, token)[1] for _ in range(10))
    until(lambda: {units(devnet, token) for _ in range(10)} == {("0", known), ("1", known)})
    devnet.faults.set("mirror.lag_seconds", {"replica": 1, "seconds": 30})
    devnet.operations.call(token, "mint", [HOLDER, 1])
    until(lambda: units(devnet, token) == ("0", known + 1))

    seen = {units(devnet, token) for _ in range(20)}

    devnet.faults.clear()
    assert seen == {("0", known + 1), ("1", known)}


def test_the_payer_of_a_call_finds_it_in_its_list(devnet: Devnet, token: str) -> None:
    rows = get(devnet, f"transactions?account.id={ADMIN}&transactiontype=contractcall&order=asc").json()

    assert rows["transactions"][0]["entity_id"] == token
    assert rows["transactions"][0]["result"] == "SUCCESS"
