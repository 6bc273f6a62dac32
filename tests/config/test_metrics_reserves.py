"""The figures about contracts, reserve checks, events on Stellar and news for people."""

import math

import pytest
from django.test import Client

from chainsync.models import EventListener
from contracts import clock
from contracts.models import Notice
from reserves.models import InvestmentBook
from tests.config.scraping import ago, failed, figures, investment, ticket
from tests.factories import ContractFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scraped")]


def test_reserve_checks_are_counted_open_and_of_the_last_hour(client: Client) -> None:
    contract = investment()
    ticket(contract)
    ticket(contract, outcome="BLOCKED", required_funds_units=5)
    failed(contract)
    ticket(contract, requested_at=ago(3700), ended_at=ago(3601))
    ticket(contract, status="PENDING", requested_at=ago(30), next_attempt_at=ago(20), ended_at=None)
    found = figures(client)
    counts = {labels: value for (name, labels), value in found.items() if name == "paydate_reserve_checks"}
    assert {labels: count for labels, count in counts.items() if count} == {
        ("", "PENDING"): 1,
        ("", "FAILED"): 1,
        ("NOTHING", "PROCESSED"): 1,
        ("BLOCKED", "PROCESSED"): 1,
    }
    assert counts["RELEASED", "PROCESSED"] == 0
    assert found["paydate_reserve_check_seconds_gcount", ()] == 3
    assert found["paydate_reserve_check_seconds_gsum", ()] == pytest.approx(6, abs=0.1)
    assert found["paydate_oldest_waiting_seconds", ("check",)] == pytest.approx(30, abs=5)
    assert found["paydate_overdue_seconds", ("check",)] == pytest.approx(20, abs=5)


def test_the_oldest_answer_of_each_kind_of_contract(client: Client) -> None:
    investment(checked_at=ago(100))
    investment(checked_at=ago(900), status="BLOCKED")
    investment(checked_at=ago(90_000), status="FINISHED")
    investment(network="stellar-testnet")
    ContractFactory()
    ages = {
        labels[0]: value
        for (name, labels), value in figures(client).items()
        if name == "paydate_reserve_check_age_seconds"
    }
    assert ages == {"INVESTMENT": pytest.approx(900, abs=5), "LIFECYCLE_CASH_FLOW": math.inf}


def test_one_contract_that_was_never_answered_is_not_hidden_by_the_others(client: Client) -> None:
    investment(checked_at=ago(10))
    investment()
    assert math.isinf(figures(client)["paydate_reserve_check_age_seconds", ("INVESTMENT",)])


def test_without_contracts_there_is_no_age(client: Client) -> None:
    names = {name for name, _ in figures(client)}
    assert names.isdisjoint({"paydate_reserve_check_age_seconds", "paydate_listener_age_seconds"})


def test_contracts_are_failing_while_their_newest_check_is(client: Client) -> None:
    mended, broken = investment(), investment()
    failed(mended, requested_at=ago(500))
    ticket(mended)
    ticket(broken, requested_at=ago(500))
    failed(broken)
    failed(ContractFactory(), requested_at=ago(90_000), ended_at=ago(89_000))
    ticket(broken, status="PENDING", requested_at=ago(1), ended_at=None)
    found = figures(client)
    assert found["paydate_reserve_checks_failing", ("INVESTMENT",)] == 1
    assert found["paydate_reserve_checks_failing", ("LIFECYCLE_CASH_FLOW",)] == 1


def test_contracts_that_lack_money(client: Client) -> None:
    investment(status="BLOCKED", required_funds_units=10**30)
    investment(required_funds_units=1)
    investment(required_funds_units=1, status="FINISHED")
    found = figures(client)
    assert found["paydate_contracts_short", ("INVESTMENT",)] == 2
    assert found["paydate_contracts_short", ("LIFECYCLE_CASH_FLOW",)] == 0
    assert found["paydate_contracts", ("INVESTMENT", "FINISHED")] == 1


def test_books_that_could_not_be_read(client: Client) -> None:
    InvestmentBook.objects.create(contract=investment(), problem="the contract's storage has another layout")
    InvestmentBook.objects.create(contract=investment(status="FINISHED"), problem="another layout")
    assert figures(client)["paydate_books_with_problems", ()] == 1


def test_how_the_events_on_stellar_are_followed(client: Client) -> None:
    first, second = investment(), investment()
    for contract, seconds, lag in ((first, 30, 9), (second, 400, 4)):
        EventListener.objects.create(
            network=contract.network, address=contract.address, read_at=ago(seconds), lag_seconds=lag
        )
    EventListener.objects.create(network="stellar-local", address="CGONE", read_at=ago(9_000), lag_seconds=99)
    found = figures(client)
    assert found["paydate_listener_lag_seconds", ()] == 9
    assert found["paydate_listener_age_seconds", ()] == pytest.approx(400, abs=5)
    investment()
    assert math.isinf(figures(client)["paydate_listener_age_seconds", ()])


def test_news_of_which_no_mail_has_left(client: Client) -> None:
    about = {"noun": "contract", "object_label": "Solar", "title": "t", "text": "t", "cause": "BLOCKED"}
    Notice.objects.create(**about, object_uid="a", next_attempt_at=ago(-600), attempts=3)
    Notice.objects.create(**about, object_uid="b", sent_at=clock.now())
    Notice.objects.create(**about, object_uid="c", sent_at=ago(60), resolved_at=ago(9))
    assert figures(client)["paydate_notices_unsent", ()] == 2
