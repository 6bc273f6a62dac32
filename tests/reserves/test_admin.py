"""Contracts, their checks and books in the admin: what is short on top, and nothing said that is not known."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from contracts import clock
from contracts.models import Asset, Contract
from reserves.models import InvestmentBook, InvestmentEntry, PaymentAvailability
from reserves.services.blocking import accept_deficit, apply_answer, block
from tests.factories import AssetFactory, ContractFactory, HoldFactory, TransactionFactory
from tests.factories.contracts import InvestmentContractFactory, TokenFactory
from tests.people import logged_in, superuser, viewer

pytestmark = pytest.mark.django_db
LIST = reverse("admin:contracts_contract_changelist")
LARGEST = 2**127 - 1


@pytest.fixture(autouse=True)
def networks(settings: Settings) -> None:
    settings.STELLAR_NETWORK = "local"
    settings.SOROBAN_RPC_URL = "http://127.0.0.1:1"


def page_of(contract: Contract) -> str:
    return reverse("admin:contracts_contract_change", args=[contract.pk])


def seen(client: Client, address: str, **query: Any) -> str:
    """The text of a page, as a person reads it."""
    answer = client.get(address, query)
    assert answer.status_code == 200
    body = answer.content.decode().partition('id="content"')[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def checked(
    contract: Contract, units: int = 0, *, ledger: int = 100, ago: timedelta = timedelta()
) -> Contract:
    """As a check that was answered leaves it."""
    ticket = check_of(contract, status="PROCESSED", required_funds_units=units, ledger=ledger, ago=ago)
    ticket.outcome = apply_answer(contract.pk, units=units, ledger=ledger)
    ticket.save()
    Contract.objects.filter(pk=contract.pk).update(checked_at=ticket.checked_at)
    contract.refresh_from_db()
    return contract


def check_of(contract: Contract, *, ago: timedelta = timedelta(), **values: Any) -> PaymentAvailability:
    asked = clock.now() - ago
    times = {"requested_at": asked, "requested_by": "Paydate", "attempts": 1}
    if values.get("status", "PENDING") != "PENDING":
        times |= {"started_at": asked + timedelta(milliseconds=250), "ended_at": asked + timedelta(seconds=2)}
    if values.get("status") == "PROCESSED":
        times["checked_at"] = times["ended_at"]
    return PaymentAvailability.objects.create(contract=contract, **{**times, **values})


def failed(contract: Contract, **values: Any) -> PaymentAvailability:
    given = {"error_class": "Unavailable", "error_text": "the RPC does not answer"}
    return check_of(contract, status="FAILED", **{**given, **values})


def test_blocked_contracts_are_on_top_then_short_ones_then_by_name() -> None:
    checked(InvestmentContractFactory(label="Alpha"))
    checked(InvestmentContractFactory(label="Zulu"), 5)
    short = ContractFactory(label="Yankee", required_funds_units=7, checked_at=clock.now())
    InvestmentContractFactory(label="Old", status="FINISHED", required_funds_units=9)
    block(InvestmentContractFactory(label="Mike"), reason="x", by="olivia")

    rows = logged_in(viewer()).get(LIST).context["cl"].result_list
    assert [row.label for row in rows] == ["Mike", "Zulu", "Yankee", "Alpha", "Old"]
    assert short.label == "Yankee"


def test_the_list_shows_what_is_missing_and_how_far_that_can_be_trusted() -> None:
    checked(InvestmentContractFactory(label="Short"), 12_500_000)
    InvestmentContractFactory(label="New")
    checked(InvestmentContractFactory(label="Stale"), ago=timedelta(hours=3))
    failed(checked(InvestmentContractFactory(label="Failing"), ago=timedelta(minutes=5)))
    failed(InvestmentContractFactory(label="Unanswered"))
    InvestmentContractFactory(label="Draft", status="DRAFT")

    cl = logged_in(viewer()).get(LIST)
    shown = {
        row.label: " ".join(
            re.sub(r"<[^>]+>", " ", f"{admin.missing(row)} | {admin.last_check(row)}").split()
        )
        for admin in [cl.context["cl"].model_admin]
        for row in cl.context["cl"].result_list
    }
    assert shown["Short"].startswith("1.25 USDC 12500000 base units | FRESH last answer")
    assert shown["New"] == "never checked | NEVER CHECKED"
    assert shown["Stale"].startswith("nothing stale | STALE last answer 2 h 59 min ago")
    assert shown["Failing"].startswith(
        "nothing before the newest check failed | FAILED last answer 4 min ago"
    )
    assert shown["Unanswered"] == "never checked | FAILED never answered"
    assert shown["Draft"] == "not checked | NOT CHECKED"


def test_the_list_asks_the_database_as_often_for_many_rows_as_for_one() -> None:
    client = logged_in(viewer())
    checked(InvestmentContractFactory(), 5)
    client.get(LIST)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(LIST)
    for contract in InvestmentContractFactory.create_batch(12):
        failed(checked(contract, 5, ago=timedelta(minutes=3)))
        check_of(contract)
    ContractFactory.create_batch(12)
    with CaptureQueriesContext(connection) as many:
        client.get(LIST)
    assert len(many) == len(few)


@pytest.mark.parametrize("decimals", [7, 18])
@pytest.mark.parametrize("units", [1, 2**63, 2**64 + 5, LARGEST])
def test_any_amount_is_shown_exactly_and_none_is_negative(units: int, decimals: int) -> None:
    token = TokenFactory(network="stellar-local", decimals=decimals)
    contract = checked(InvestmentContractFactory(payment_token=token), units)
    client = logged_in(viewer())
    whole, fraction = divmod(units, 10**decimals)
    exact = f"{whole:,}.{str(fraction).rjust(decimals, '0').rstrip('0').ljust(2, '0')} USDC"
    for address in (LIST, page_of(contract)):
        text = seen(client, address)
        assert exact in text
        assert f"{units} base units" in text
        assert not re.search(r"[-\N{MINUS SIGN}]\s?\d[\d,.]* USDC", text)


def test_a_blocked_contracts_page_says_what_to_do() -> None:
    text = seen(logged_in(viewer()), page_of(checked(InvestmentContractFactory(), 12_500_000)))
    assert "Investment requires adding 1.25 USDC to the reserve fund to ensure investor payments" in text
    assert "BLOCKED since" in text
    assert "capacity" not in text


def test_capacity_is_said_only_while_the_last_good_answer_is_fresh() -> None:
    contract, client = checked(InvestmentContractFactory()), logged_in(viewer())
    assert "Investment has capacity to serve payments As of" in seen(client, page_of(contract))

    failed(contract)
    assert "capacity" not in (text := seen(client, page_of(contract)))
    assert "Unavailable: the RPC does not answer" in text
    PaymentAvailability.objects.filter(status="FAILED").delete()

    old = clock.now() - timedelta(minutes=15)
    Contract.objects.filter(pk=contract.pk).update(checked_at=old)
    assert "capacity" not in (text := seen(client, page_of(contract)))
    assert "is stale" in text


def test_a_check_under_way_and_an_accepted_deficit_are_on_the_page() -> None:
    contract = checked(InvestmentContractFactory())
    check_of(contract)
    until = datetime(2999, 1, 2, 3, 4, tzinfo=UTC)
    accept_deficit(contract, units=12_500_000, until=until, reason="known", by="ann")
    text = seen(logged_in(viewer()), page_of(contract))
    assert "A check is under way" in text
    assert "A deficit of up to 1.25 USDC is accepted until 2999-01-02 03:04:00 UTC, by ann: known" in text


def test_a_contract_that_nobody_checks_from_here_says_why(settings: Settings) -> None:
    client = logged_in(viewer())
    elsewhere = InvestmentContractFactory(network="stellar-testnet")
    assert "it is on stellar-testnet, and this installation works on stellar-local" in seen(
        client, page_of(elsewhere)
    )
    settings.SOROBAN_RPC_URL = ""
    assert "set SOROBAN_RPC_URL" in seen(client, page_of(InvestmentContractFactory()))


def test_the_history_shows_every_check_with_its_durations_error_and_call() -> None:
    contract = checked(InvestmentContractFactory(), 12_500_000, ago=timedelta(hours=1))
    call = TransactionFactory(
        wallet=contract.wallet,
        contract=contract,
        transaction_id="ab" * 32,
        fee_units=123_456,
        status="FAILED",
    )
    failed(contract, transaction=call)
    check_of(contract)
    text = seen(logged_in(viewer()), page_of(contract), show="checks")
    assert "waited 0.250 s took 1.750 s" in text
    assert "1.25 USDC 12500000 base units BLOCKED none none was sent 100" in text
    assert "Unavailable: the RPC does not answer" in text
    assert "no answer none Unavailable: the RPC does not answer" in text
    assert "ab" * 32 in text
    assert "unknown yet" in text


def test_calls_link_to_a_public_explorer_where_there_is_one_and_show_lumens() -> None:
    for network, base in (("stellar-testnet", "testnet"), ("stellar-local", "")):
        contract = InvestmentContractFactory(network=network, wallet__network=network)
        row = TransactionFactory(
            wallet=contract.wallet,
            contract=contract,
            transaction_id=f"{len(base):064x}",
            fee_units=123_456,
            ledger=77,
        )
        client = logged_in(viewer() if base else superuser())
        shown = client.get(page_of(contract), {"show": "transactions"}).content.decode()
        assert ("stellar.expert/explorer/testnet/tx/" in shown) == bool(base)
        assert (f"stellar.expert/explorer/testnet/contract/{contract.address}" in shown) == bool(base)
        assert "0.0123456 XLM" in shown
        assert "HBAR" not in shown
        own = seen(client, reverse("admin:contracts_contracttransaction_change", args=[row.pk]))
        assert "123456 stroops" in own
        assert "77" in own
        assert "gas" not in own.lower()


def test_a_hedera_call_links_to_hashscan_and_shows_hbar() -> None:
    contract = ContractFactory(network="hedera-testnet", wallet__network="hedera-testnet")
    row = TransactionFactory(wallet=contract.wallet, contract=contract, succeeded=True)
    shown = logged_in(viewer()).get(page_of(contract), {"show": "transactions"}).content.decode()
    assert f"https://hashscan.io/testnet/transaction/{row.transaction_id}" in shown
    assert "0.87654321 HBAR" in shown


def book_of(contract: Contract, **values: Any) -> InvestmentBook:
    given = {
        "rate_basis_points": 1_000,
        "return_months": 12,
        "return_type": 1,
        "claim_block_days": 0,
        "reserve_units": 0,
        "as_of_ledger": 99,
    }
    return InvestmentBook.objects.create(contract=contract, **{**given, **values})


def test_what_it_owes_is_not_known_without_a_book_and_the_reason_is_said() -> None:
    contract, client = InvestmentContractFactory(), logged_in(viewer())
    assert "not known" in seen(client, page_of(contract), show="obligations")
    unread = dict.fromkeys(
        ("rate_basis_points", "return_months", "return_type", "claim_block_days", "reserve_units")
    )
    book_of(contract, problem="the contract is too old", **unread)
    text = seen(client, page_of(contract), show="obligations")
    assert "not known: the contract is too old (read from the chain, last tried" in text


def test_a_book_that_could_not_be_read_again_is_shown_with_its_age_and_problem() -> None:
    contract = InvestmentContractFactory()
    book_of(contract, problem="the RPC does not answer", read_at=clock.now() - timedelta(hours=5))
    text = seen(logged_in(viewer()), page_of(contract), show="obligations")
    assert "The investments are known as of 5 h 0 min ago" in text
    assert "The last reading failed: the RPC does not answer." in text


def test_both_numbers_stand_side_by_side_with_their_reasons_and_the_forecast() -> None:
    contract = InvestmentContractFactory()
    now = int(clock.now().timestamp())
    book = book_of(contract)
    InvestmentEntry.objects.create(
        book=book,
        token_id=1,
        holder="G" + "A" * 55,
        deposited_units=12_000_000_000,
        accumulated_interests_units=1_200_000_000,
        total_units=13_200_000_000,
        regular_payment_units=1_100_000_000,
        paid_units=0,
        claimable_ts=now + 86_400,
        last_transfer_ts=0,
        payments_transferred=0,
        status=2,
    )
    checked(contract, 0)
    text = seen(logged_in(viewer()), page_of(contract), show="obligations")
    assert "Missing, as the contract answered nothing" in text
    assert "Missing, by the calendar of its investments 110.00 USDC 1100000000 base units" in text
    assert "The contract asks for 110.00 USDC less than is due." in text
    assert "a first payment is not foreseen until 23 days after the investment" in text
    assert "90 days 330.00 USDC" in text
    assert "Blocked in the last 90 days never" in text
    assert "read from the chain" in text


def test_a_deficit_that_the_calendar_does_not_know_of_is_offered_to_be_accepted() -> None:
    contract = InvestmentContractFactory()
    book_of(contract)
    checked(contract, 12_500_000)
    text = seen(logged_in(viewer()), page_of(contract), show="obligations")
    assert (
        "The contract asks for 1.25 USDC more than is due: by the calendar nothing is missing, "
        "so the deficit may be accepted." in text
    )
    assert "Blocked in the last 90 days once" in text
    assert "Both numbers agree" not in text


def test_the_obligations_of_a_payout_contract_are_what_its_runs_still_pay() -> None:
    text = seen(logged_in(viewer()), page_of(ContractFactory()), show="obligations")
    assert "Nothing falls due within 7 days" in text


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("holds", "the auditors are in the house"),
        ("assets", "backs it"),
        ("audit", "ACTIVE"),
        ("about", "Interface version 1"),
        ("nonsense", "It was never checked."),
    ],
)
def test_every_section_opens(section: str, words: str) -> None:
    contract = InvestmentContractFactory()
    HoldFactory(scope="CONTRACT", object_uid=contract.uid)
    asset = AssetFactory()
    Asset.objects.filter(pk=asset.pk).update(backing_contract=contract)
    block(contract, reason="look into it", by="olivia")
    assert words in seen(logged_in(viewer()), page_of(contract), show=section)


def test_tickets_and_books_can_be_looked_up() -> None:
    contract = checked(InvestmentContractFactory(label="Solar 1"), 12_500_000)
    failed(InvestmentContractFactory(label="Wind 2"))
    book = book_of(contract, rate_basis_points=1_005)
    client = logged_in(viewer())
    tickets = reverse("admin:reserves_paymentavailability_changelist")
    assert "Solar 1" not in seen(client, tickets, status="FAILED")
    assert "Wind 2" not in seen(client, tickets, q="Solar")
    row = PaymentAvailability.objects.get(contract=contract)
    text = seen(client, reverse("admin:reserves_paymentavailability_change", args=[row.pk]))
    assert "1.25 USDC 12500000 base units" in text
    assert "asked on Hedera only" in text
    assert "10.05 % a year" in seen(client, reverse("admin:reserves_investmentbook_change", args=[book.pk]))


def test_the_overview_names_what_is_blocked_short_stale_or_failing_and_nothing_else() -> None:
    checked(InvestmentContractFactory(label="Blocked one"), 12_500_000)
    checked(InvestmentContractFactory(label="Stale one"), ago=timedelta(hours=1))
    failed(checked(InvestmentContractFactory(label="Failing one"), ago=timedelta(minutes=2)))
    checked(InvestmentContractFactory(label="Covered one"))
    InvestmentContractFactory(label="Draft one", status="DRAFT")
    old = InvestmentContractFactory(label="Forgotten one")
    Contract.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(hours=1))

    answer = logged_in(viewer()).get(reverse("admin:index"))
    names = [re.sub(r"<[^>]+>", "", str(row[0])) for row in answer.context["reserves"].rows]
    assert names == ["Blocked one", "Failing one", "Forgotten one", "Stale one"]
    (card,) = [card for card in answer.context["cards"] if card["title"] == "Contracts blocked"]
    assert (card["count"], card["is_alarming"]) == (1, True)
