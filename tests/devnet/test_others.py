"""What others do on chain: tokens that move, roles, corporate actions and reports, as records and mirror tell."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from contracts.abi import interface
from devnet.client import DevnetClient, DevnetError
from devnet.genesis import ADMIN
from devnet.others.roles import PAYOUT_ROLES
from devnet.records import Record, timestamp
from devnet.runtime import Devnet
from tests.devnet.local_chain import Setting, prepared, running
from tests.patience import PATIENCE

BATCH = "0x" + "ba" * 32
DISTRIBUTION = "0x" + "d1" * 32
HOLDER = "0x" + "5a" * 20
Sent = dict[str, str]


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running(tmp_path_factory.mktemp("devnet")) as started:
        yield started


@pytest.fixture(scope="module")
def client(devnet: Devnet) -> DevnetClient:
    return DevnetClient.of(devnet.state_dir)


@pytest.fixture(scope="module")
def setting(devnet: Devnet) -> Iterator[Setting]:
    with prepared(devnet, holders=4) as made:
        yield made


def record_of(devnet: Devnet, sent: Sent) -> Record:
    (record,) = devnet.ledger.by_id(sent["transaction_id"])
    assert timestamp(record.consensus_ns) == sent["timestamp"]
    return record


def event(devnet: Devnet, sent: Sent, name: str, version: str) -> Any:
    """The one event of a transaction that this interface knows."""
    call = record_of(devnet, sent).call
    assert call
    known = interface(name, version)
    (found,) = [e for e in (known.decode_log(log.topics, log.data) for log in call.logs) if e]
    return found


def listed(devnet: Devnet, account: str, *more: str) -> list[dict[str, Any]]:
    devnet.chain.close_block()
    path = f"/api/v1/transactions?account.id={account}&limit=100{''.join(more)}"
    rows: list[dict[str, Any]] = requests.get(devnet.mirror.url + path, timeout=PATIENCE).json()[
        "transactions"
    ]
    return rows


def moves(row: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(move["token_id"], move["account"], move["amount"]) for move in row["token_transfers"]]


def test_a_deposit_stands_in_the_list_of_the_payout_contract(
    devnet: Devnet, client: DevnetClient, setting: Setting
) -> None:
    money = setting.ids["payment_token"]["id"]

    sent = client.deposit(setting.payout, 1_500)

    newest = listed(devnet, setting.payout)[0]
    assert newest["consensus_timestamp"] == sent["timestamp"]
    assert moves(newest) == [(money, ADMIN, -1_500), (money, setting.payout, 1_500)]
    assert listed(devnet, setting.payout, "&type=credit")[0] == newest
    assert newest not in listed(devnet, setting.payout, "&type=debit")


def test_a_deposit_of_a_holder_is_the_holders(devnet: Devnet, client: DevnetClient, setting: Setting) -> None:
    holder = devnet.ledger.account(setting.holders[0])
    assert holder

    sent = client.deposit(setting.payout, 7, sender=holder.evm_address)

    record = record_of(devnet, sent)
    assert record.payer == holder.account
    assert {account: units for _, account, units in record.token_transfers} == {
        holder.account: -7,
        setting.payout: 7,
    }


def test_a_payout_stands_in_the_list_net_and_by_account(devnet: Devnet, setting: Setting) -> None:
    before = setting.paid()
    data = setting.payout_data(setting.snapshot(), setting.holders)

    record = setting.settle(setting.submit(data=data))

    received = {holder: units - before[holder] for holder, units in setting.paid().items()}
    by_account = {devnet.operations.resolve(account): units for _, account, units in record.token_transfers}
    payout = setting.ids["payout_contract"]["evm_address"]
    assert by_account == received | {payout: -sum(received.values())}
    rows = listed(devnet, setting.payout, "&type=debit")
    assert [row["transaction_id"] for row in rows] == [record.transaction_id]


def test_a_mint_has_one_side_only(devnet: Devnet, client: DevnetClient, setting: Setting) -> None:
    money = setting.ids["payment_token"]["id"]

    client.mint(money, setting.payout, 5)

    assert moves(listed(devnet, setting.payout)[0]) == [(money, setting.payout, 5)]


def test_what_comes_and_goes_in_one_transaction_is_not_shown(devnet: Devnet, setting: Setting) -> None:
    money = setting.ids["payment_token"]["id"]

    (record,) = devnet.operations.send_many(money, "transfer", [[ADMIN, 0]])

    assert record.call
    assert len(record.call.logs) == 1
    assert record.token_transfers == ()


def test_neither_assets_nor_unlisted_tokens_are_known_to_the_token_service(
    devnet: Devnet, client: DevnetClient, setting: Setting
) -> None:
    plain = client.deploy("PaymentToken", ["Plain", "PLN", 2, ADMIN])["contract_id"]
    minted = devnet.operations.send_many(plain, "mint", [[ADMIN, 9]])
    giver, taker = setting.holders[:2]

    sent = client.transfer(setting.ids["asset"]["id"], giver, taker, 3)

    assert [record.token_transfers for record in (*minted, record_of(devnet, sent))] == [(), ()]


def test_a_failed_call_moves_nothing(devnet: Devnet, setting: Setting) -> None:
    record = setting.settle(setting.submit(data=setting.payout_data(999, setting.holders)))

    assert (record.result, record.token_transfers) == ("CONTRACT_REVERT_EXECUTED", ())


def test_asset_tokens_move_between_holders(devnet: Devnet, client: DevnetClient, setting: Setting) -> None:
    asset, (giver, taker) = setting.ids["asset"]["id"], setting.holders[:2]
    before = client.balances(asset, [giver, taker])

    sent = client.transfer(asset, giver, taker, 10)

    assert client.balances(asset, [giver, taker]) == {giver: before[giver] - 10, taker: before[taker] + 10}
    assert event(devnet, sent, "erc20", "1").args == {"from": giver, "to": taker, "value": 10}


@pytest.mark.parametrize(("version", "names"), [("7", "Token{}"), ("8", "{}")])
def test_each_version_announces_its_pauses(
    devnet: Devnet, client: DevnetClient, version: str, names: str
) -> None:
    asset = client.prepare(holders=1, asset_version=version)["asset"]
    client.pause(asset["id"])
    client.unpause(asset["id"])

    topics = [place.log.topics[0] for place in devnet.ledger.logs(asset["evm_address"])][-2:]

    known = interface("ats", version)
    assert topics == [known.topic0(names.format("Paused")), known.topic0(names.format("Unpaused"))]


def test_roles_of_the_payout_contract_come_and_go(
    devnet: Devnet, client: DevnetClient, setting: Setting
) -> None:
    account = setting.holders[1]

    granted = client.grant(setting.payout, "PAYOUT", account)
    had = client.view(setting.payout, "hasRole", [PAYOUT_ROLES["PAYOUT"], account])
    revoked = client.revoke(setting.payout, "payout", account)

    assert had == [True]
    assert client.view(setting.payout, "hasRole", [PAYOUT_ROLES["PAYOUT"], account]) == [False]
    for sent, name in ((granted, "RoleGranted"), (revoked, "RoleRevoked")):
        found = event(devnet, sent, "lccf", "1.1")
        assert (found.name, found.args["role"]) == (name, PAYOUT_ROLES["PAYOUT"])


def test_an_unknown_role_is_refused_with_the_names_there_are(client: DevnetClient, setting: Setting) -> None:
    with pytest.raises(DevnetError, match="LifeCycleCashFlow has no role 'KYC'; there are: ADMIN, PAUSER"):
        client.grant(setting.payout, "KYC", setting.holders[0])


@pytest.mark.parametrize(("kind", "action"), [("EQUITY", "Dividend"), ("BOND_FIXED_RATE", "Coupon")])
def test_corporate_actions_are_cancelled_also_when_they_are_due(
    devnet: Devnet, client: DevnetClient, kind: str, action: str
) -> None:
    asset = client.prepare(holders=1, kind=kind)["asset"]["id"]
    first, second = client.declare(asset), client.declare(asset)

    cancelled = event(devnet, client.cancel(asset, first), "ats", "7")
    client.advance(7_300)
    with pytest.raises(DevnetError, match="AlreadyExecuted"):
        client.cancel(asset, second)
    forced = event(devnet, client.cancel(asset, second, is_forced=True), "ats", "7")

    assert [(first, cancelled.name), (second, forced.name)] == [
        (1, f"{action}Cancelled"),
        (2, f"{action}ForceCancelled"),
    ]


def test_a_reporter_reports_several_things_in_one_transaction(devnet: Devnet, client: DevnetClient) -> None:
    reporter = client.deploy_reporter()
    reports: list[list[Any]] = [
        ["DistributionExecuted", DISTRIBUTION, 10**24, 100],
        ["PayoutCompleted", BATCH, 98, 2],
        ["HolderBalanceUpdated", HOLDER, 77],
    ]

    (sent,) = client.report(reporter["contract_id"], reports, per_transaction=3)

    call = record_of(devnet, sent).call
    assert call
    seed = interface("reports", "seed")
    found = [seed.decode_log(log.topics, log.data) for log in call.logs]
    assert [(each.name, each.args) for each in found if each] == [
        (
            "DistributionExecuted",
            {"distributionId": DISTRIBUTION, "totalAmount": 10**24, "holdersCount": 100},
        ),
        ("PayoutCompleted", {"batchId": BATCH, "successfulPayments": 98, "failedPayments": 2}),
        ("HolderBalanceUpdated", {"holder": HOLDER, "newBalance": 77}),
    ]


def test_many_reports_share_consensus_times_as_asked(devnet: Devnet, client: DevnetClient) -> None:
    reporter = client.deploy_reporter()
    reports = [["HolderBalanceUpdated", HOLDER, units] for units in range(1_025)]

    sent = client.report(reporter["contract_id"], reports, per_transaction=10)

    places = list(devnet.ledger.logs(reporter["evm_address"]))
    assert len(sent) == 103
    assert [int.from_bytes(place.log.data, "big") for place in places] == list(range(1_025))
    assert [place.log.index for place in places] == [*list(range(10)) * 102, *range(5)]
    assert len({place.record.consensus_ns for place in places}) == 103


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (["Paid", BATCH, 1, 2], "there is no report 'Paid'"),
        (["PayoutCompleted", BATCH, 1], "takes 2 after its subject"),
        (["HolderBalanceUpdated", HOLDER, 1, 2], "takes 1 after its subject"),
        (["PayoutCompleted", "0xba", 1, 2], "32 bytes"),
    ],
)
def test_a_report_that_is_none_is_refused_before_any_is_sent(
    devnet: Devnet, client: DevnetClient, report: list[Any], words: str
) -> None:
    reporter = client.deploy_reporter()
    good = ["PayoutCompleted", BATCH, 1, 2]

    with pytest.raises(DevnetError, match=words):
        client.report(reporter["contract_id"], [good, report])

    assert list(devnet.ledger.logs(reporter["evm_address"])) == []


def test_only_its_owner_has_a_reporter_report(client: DevnetClient, setting: Setting) -> None:
    reporter = client.deploy_reporter(owner=setting.payer)["contract_id"]

    assert len(client.report(reporter, [["PayoutCompleted", BATCH, 1, 2]], sender=setting.payer)) == 1
    with pytest.raises(DevnetError, match="OnlyOwner"):
        client.report(reporter, [["PayoutCompleted", BATCH, 1, 2]])
