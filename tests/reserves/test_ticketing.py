"""Opening tickets: one for each contract that is at work or blocked, however often and by whomever it is asked for."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from contracts import clock, doorbell
from contracts.models import Contract
from reserves.models import PaymentAvailability
from reserves.services import life, ticketing
from reserves.services.blocking import apply_answer
from reserves.services.ticketing import ask_again, forget_old, open_tickets, sweep
from tests.factories.contracts import ContractFactory, InvestmentContractFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[int]:
    settings.STELLAR_NETWORK = "local"
    settings.SOROBAN_RPC_URL = "http://127.0.0.1:1"
    rung: list[int] = []
    monkeypatch.setattr(ticketing, "backlog", lambda queue: 0)
    monkeypatch.setattr(
        doorbell, "_send", lambda name, pk, after: rung.append(pk) if name == "reserves.check" else None
    )
    return rung


def test_contracts_at_work_and_blocked_ones_get_a_ticket_each(rings: list[int]) -> None:
    wanted = [
        factory(status=status).pk
        for status in ("ACTIVE", "FUNDS_REACHED", "PAUSED", "BLOCKED")
        for factory in (InvestmentContractFactory, ContractFactory)
    ]
    for status in ("DRAFT", "FINISHED"):
        InvestmentContractFactory(status=status)
    InvestmentContractFactory(network="stellar-testnet")
    ContractFactory(network="hedera-testnet")

    made = open_tickets(by="olivia")

    tickets = PaymentAvailability.objects.order_by("contract_id")
    assert [ticket.contract_id for ticket in tickets] == sorted(wanted)
    assert {ticket.requested_by for ticket in tickets} == {"olivia"}
    assert sorted(made) == sorted(rings) == sorted(ticket.pk for ticket in tickets)


def test_only_the_named_ones() -> None:
    first, _ = InvestmentContractFactory(), InvestmentContractFactory()
    assert len(open_tickets([first.address, "C-unknown"])) == 1


def test_without_a_soroban_rpc_only_payout_contracts_are_looked_at(settings: Settings) -> None:
    settings.SOROBAN_RPC_URL = ""
    investment, payout = InvestmentContractFactory(), ContractFactory()
    made = open_tickets([investment.address, payout.address])
    assert PaymentAvailability.objects.get(pk__in=made).contract == payout


def test_five_runs_at_once_open_one_ticket_for_each_contract(rings: list[int]) -> None:
    InvestmentContractFactory.create_batch(40)

    def run() -> None:
        open_tickets()
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert PaymentAvailability.objects.count() == Contract.objects.count() == 40
    assert sorted(rings) == sorted(PaymentAvailability.objects.values_list("pk", flat=True))


def test_a_tick_does_not_wait_for_contracts_that_are_being_moved(rings: list[int]) -> None:
    short, told = InvestmentContractFactory(), InvestmentContractFactory()
    done = threading.Event()

    def tick() -> None:
        open_tickets()
        done.set()
        connection.close()

    thread = threading.Thread(target=tick)
    with transaction.atomic():
        apply_answer(short.pk, units=5, ledger=7)
        life.apply_life(told, life.LIFE, [])
        thread.start()
        is_done = done.wait(20)
        ask_again(told)
    thread.join()

    assert is_done
    assert PaymentAvailability.objects.get(contract=told).is_asked_again


def test_ten_thousand_take_as_many_statements_as_two_hundred_and_are_fed_to_workers_by_the_sweep(
    django_assert_max_num_queries: object, rings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = InvestmentContractFactory()
    Contract.objects.bulk_create(
        Contract(
            network=contract.network,
            kind=contract.kind,
            address=f"C-many-{n}",
            label="many",
            interface_version="1",
            wallet=contract.wallet,
            payment_token=contract.payment_token,
        )
        for n in range(10_000)
    )
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        made = open_tickets()
    assert len(made) == 10_001
    assert rings == made[:500]

    sweep()
    assert rings == made[:1_000]
    monkeypatch.setattr(ticketing, "backlog", lambda queue: 490)
    sweep()
    assert rings == made[:1_010]
    monkeypatch.setattr(ticketing, "backlog", lambda queue: 500)
    sweep()
    assert rings == made[:1_010], "five hundred wait for a worker already"


def test_a_lost_ring_is_found_by_the_sweep(rings: list[int]) -> None:
    InvestmentContractFactory()
    (pk,) = open_tickets()
    rings.clear()

    sweep()
    assert rings == []
    PaymentAvailability.objects.update(next_attempt_at=clock.now())
    sweep()
    assert rings == [pk]
    sweep()
    assert rings == [pk], "what was rung for is left alone for a few seconds"


def test_old_tickets_go_and_those_that_moved_a_contract_stay(settings: Settings) -> None:
    long_ago = clock.now() - timedelta(days=settings.RESERVE_KEEP_DAYS + 1)
    contract = InvestmentContractFactory()

    def ended(outcome: str, requested_at: object) -> None:
        PaymentAvailability.objects.create(
            contract=contract,
            status="PROCESSED",
            requested_by="paydate",
            requested_at=requested_at,
            checked_at=requested_at,
            required_funds_units=0,
            ledger=1,
            outcome=outcome,
        )

    for outcome in ("", "BLOCKED", "RELEASED", "STILL_BLOCKED"):
        ended(outcome, long_ago)
    ended("", clock.now())
    PaymentAvailability.objects.create(contract=contract, requested_by="paydate", requested_at=long_ago)

    assert forget_old() == 2
    left = PaymentAvailability.objects.order_by("pk").values_list("status", "outcome")
    assert list(left) == [
        ("PROCESSED", "BLOCKED"),
        ("PROCESSED", "RELEASED"),
        ("PROCESSED", ""),
        ("PENDING", ""),
    ]
