"""Reading the investments of contracts again, outside of database transactions, one reading per contract at a time."""

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from contracts import clock
from contracts.doorbell import ring, ring_soon
from contracts.gateways import soroban_lives
from contracts.gateways.errors import GatewayError
from contracts.gateways.soroban_investments import read_balances, read_investments
from contracts.models import Contract
from contracts.services.sweeping import single_flight
from reserves.models import InvestmentBook
from reserves.services.bookkeeping import BadBook, keep_balances, keep_problem, keep_read
from reserves.services.books import forecast_of, own_missing_units
from reserves.services.finishing import finish_if_over
from reserves.services.telling import note_forecast, note_life
from reserves.services.ticketing import CHECKED, contracts_here

log = structlog.get_logger(__name__)
MOST_RINGS = 1_000
REFRESH_LOCK = 0x5041_5944_0008
# One lock for each contract: its id is added.
BOOK_LOCKS = 0x5041_5947 << 32
RESERVE_ONLY = "the reserve of this imported book could not be read"


def refresh_books() -> None:
    """Rings for contracts that are checked, those read longest ago first; of very many, some at each tick."""
    with single_flight(REFRESH_LOCK) as is_mine:
        if not is_mine:
            return
        contracts = _investment_contracts().filter(status__in=CHECKED)
        oldest_first = contracts.order_by(F("book__read_at").asc(nulls_first=True), "pk")
        for pk in oldest_first.values_list("pk", flat=True)[:MOST_RINGS]:
            ring("reserves.refresh_book", pk)


def refresh_book(contract_pk: int) -> None:
    """Reads the investments and keeps them; a failure is kept as the book's problem. An imported book keeps its
    investments, and only the reserve is read.
    """
    contract = _investment_contracts().select_related("payment_token").filter(pk=contract_pk).first()
    if contract is None:
        return
    with single_flight(BOOK_LOCKS + contract_pk) as is_mine:
        if not is_mine:
            # That reading may be older than what this ring is about: one more for all who wait.
            ring_soon("reserves.refresh_book", contract_pk)
            return
        if _read(contract):
            _tell(contract)
            finish_if_over(contract_pk)
        _watch_life(contract)


def _investment_contracts() -> QuerySet[Contract]:
    return contracts_here().filter(kind=Contract.Kind.INVESTMENT)


def _read(contract: Contract) -> bool:
    is_imported = InvestmentBook.objects.filter(
        contract=contract, source=InvestmentBook.Source.IMPORT
    ).exists()
    try:
        if is_imported:
            return keep_balances(contract, read_balances(contract.address))
        return keep_read(contract, read_investments(contract.address))
    except (GatewayError, BadBook) as error:
        log.warning("book_not_read", contract=contract.address, error=str(error))
        keep_problem(contract, f"{RESERVE_ONLY}: {error}" if is_imported else str(error))
        return False


def _watch_life(contract: Contract) -> None:
    """Simulated checks do not extend the life of a contract's state, so somebody has to look at it."""
    try:
        life = soroban_lives.soonest_end(contract.address)
    except GatewayError as error:
        log.info("life_not_read", contract=contract.address, error=str(error))
        return
    if life is None:
        return
    with transaction.atomic():
        Contract.objects.filter(pk=contract.pk).update(live_until_ledger=life.live_until)
        note_life(contract, days_left=life.days_left)


def _tell(contract: Contract) -> None:
    missing = own_missing_units(contract, now=clock.now())
    InvestmentBook.objects.filter(contract=contract).update(missing_units=missing)
    days = settings.RESERVE_WARN_DAYS
    for forecast in forecast_of(contract, now=clock.now(), days=(days,)):
        note_forecast(
            contract, missing_units=forecast.missing_units, due_at=forecast.first_short_at, days=days
        )
