"""The mirror node of the benches tells the reader what a real one would: else its figures would say nothing."""

from collections.abc import Iterator

import pytest
import requests

from bench.events import instant_mirror
from bench.instant_chain import BALANCE, UNITS, evm_address, holder, last_place
from contracts import abi
from contracts.gateways.errors import Refused
from contracts.gateways.mirror import Mirror
from tests.patience import PATIENCE

FIRST, UNTIL = 1_795_000_000, 1_795_000_500
PAYOUTS, SMALL, UNKNOWN, TRANSFERS, ASSET = 5_001, 5_002, 5_003, 5_004, 6_001
START = f"{FIRST}.000000000"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    logs = [
        [PAYOUTS, "payouts", 1_005, FIRST],
        [SMALL, "small", 200, FIRST],
        [UNKNOWN, "unknown", 7, FIRST],
        [TRANSFERS, "transfers", 7, FIRST],
    ]
    wanted = {"until": UNTIL, "logs": logs, "asset": [ASSET, 12]}
    with instant_mirror(wanted, tmp_path_factory.mktemp("mirror") / "mirror.pid") as address:
        yield address


@pytest.fixture
def mirror(url: str) -> Mirror:
    return Mirror(url)


def test_every_log_is_listed_once_in_order(mirror: Mirror) -> None:
    for contract, count in ((PAYOUTS, 1_005), (SMALL, 200), (UNKNOWN, 7)):
        places = [(log.consensus_at, log.index) for log in mirror.logs(f"0.0.{contract}", since=START)]
        assert len(places) == count
        assert places == sorted(set(places))
        assert places[-1] == last_place(FIRST, count)


def test_a_page_may_end_within_a_transaction(url: str) -> None:
    path, seen = f"/api/v1/contracts/0.0.{SMALL}/results/logs?limit=95&order=asc&timestamp=gte:{START}", []
    sizes = []
    while path:
        answer = requests.get(url + path, timeout=PATIENCE).json()
        sizes.append(len(answer["logs"]))
        seen += [(log["timestamp"], log["index"]) for log in answer["logs"]]
        path = answer["links"]["next"]
    assert sizes == [95, 95, 10]
    assert len(set(seen)) == 200


def test_bounds_of_time(mirror: Mirror, url: str) -> None:
    until = f"{FIRST}.020000000"
    assert len(list(mirror.logs(f"0.0.{SMALL}", since=f"{FIRST}.010000000", until=until))) == 20
    path = f"{url}/api/v1/contracts/0.0.{SMALL}/results/logs?order=asc&timestamp={until}&index=gte:8"
    assert [log["index"] for log in requests.get(path, timeout=PATIENCE).json()["logs"]] == [8, 9]


def test_a_log_stands_in_the_result_of_its_transaction(mirror: Mirror) -> None:
    for contract in (PAYOUTS, SMALL):
        log = list(mirror.logs(f"0.0.{contract}", since=START))[-1]
        result = mirror.contract_result("0x" + log.transaction_hash.hex())
        assert result and result.is_final and result.result == "SUCCESS"
        assert log in result.logs


def test_results_pay_every_holder_of_each_distribution_once(mirror: Mirror) -> None:
    interface = abi.interface("lccf", "1.1")
    logs = list(mirror.logs(f"0.0.{PAYOUTS}", since=START))
    events = [interface.decode_log(log.topics, log.data) for log in logs]
    paid = {
        (event.args["snapshotID"], person): units
        for event in events
        if event
        for person, units in zip(event.args["succeeded"], event.args["paidAmount"], strict=True)
    }
    assert {event.name for event in events if event} == {"AmountSnapshotByAddressesExecuted"}
    assert len(paid) == 100_500
    assert set(paid.values()) == {UNITS}
    assert paid[1, holder(99_999)] == paid[2, holder(0)] == UNITS


def test_transfers_go_from_one_holder_to_another(mirror: Mirror) -> None:
    logs = list(mirror.logs(f"0.0.{TRANSFERS}", since=START))
    event = abi.interface("ats", "8").decode_log(logs[3].topics, logs[3].data)
    assert event is not None
    assert event.args == {"from": holder(3), "to": holder(22), "value": 1}


def test_unknown_events_are_no_events_of_the_interface(mirror: Mirror) -> None:
    log = next(mirror.logs(f"0.0.{UNKNOWN}", since=START))
    assert abi.interface("lccf", "1.1").decode_log(log.topics, log.data) is None


def test_a_contract_without_logs_has_an_empty_list(mirror: Mirror) -> None:
    assert list(mirror.logs("0.0.99", since=START)) == []


def test_the_end_of_the_chain(mirror: Mirror) -> None:
    assert mirror.newest_consensus_ns() == UNTIL * 1_000_000_000


def test_an_asset_and_its_holders(mirror: Mirror) -> None:
    interface, at = abi.interface("ats", "8"), evm_address(ASSET)

    def ask(function: str, *arguments: object) -> object:
        return interface.decode_output(
            function, mirror.call(at, interface.encode(function, list(arguments)))
        )[0]

    assert ask("getSecurityHolders", 0, 8) == tuple(holder(number) for number in range(8))
    assert ask("getSecurityHolders", 1, 8) == tuple(holder(number) for number in range(8, 12))
    assert ask("balanceOf", holder(3)) == BALANCE
    assert ask("totalSupply") == 12 * BALANCE
    assert ask("paused") == 0
    assert ask("getERC20Metadata") == (("Bench", "BENCH", "DE0001234567", 2), 1)


def test_a_question_that_nothing_lies_ready_for_is_refused(mirror: Mirror) -> None:
    with pytest.raises(Refused, match="the instant mirror has no logs by"):
        list(mirror.logs(f"0.0.{SMALL}", since=START, until=START, topics0=["0x" + "11" * 32]))
