"""The investment contracts: could their reserves be checked now, and when was that done last?"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet

from config.doctor.findings import Finding, failed, from_sentence, ok, warning
from config.doctor.registry import check
from config.doctor.stellar import GROUP, NETWORK, RPC_FIX
from contracts import clock
from contracts.gateways import soroban, soroban_lives
from contracts.models import Contract
from contracts.services.networks import stellar_network
from contracts.services.reading_investments import NotAnInvestment, read_investment
from reserves.admin.standings import limits, reread, standing_of
from reserves.admin.words import Freshness, banner, freshness
from reserves.services.showing import failures_in_a_row
from reserves.services.ticketing import CHECKED, contracts_here

SECONDS = 30.0
REGISTER = "register it again with manage.py add_contract"
EXTEND = "manage.py extend_ttl {address}"
FIXES = {
    Freshness.FAILED: "correct what the error names, as docs/troubleshooting.md says; manage.py "
    "check_payment_availability asks again",
    Freshness.STALE: "see that beat and a worker for the queue checks run",
    Freshness.NEVER: "see that beat and a worker for the queue checks run",
    Freshness.FRESH: "top up its reserve, or accept the deficit on its page in the admin; see docs/reserves.md",
}


def _at_work() -> QuerySet[Contract]:
    return Contract.objects.filter(kind=Contract.Kind.INVESTMENT, status__in=CHECKED)


def investments() -> Mapping[str, Contract]:
    rows = contracts_here().filter(kind=Contract.Kind.INVESTMENT, status__in=CHECKED)
    found = rows.select_related("wallet", "payment_token").order_by("label", "pk")
    return {f"{contract.label} {contract.address}": contract for contract in found}


@check(GROUP, "reserve checks", needs=("migrations",))
def are_checked() -> Finding:
    """Contracts that nobody asks about are named, because nothing else would ever say so."""
    elsewhere = _at_work().exclude(network=stellar_network())
    if count := elsewhere.count():
        names = ", ".join(sorted(set(elsewhere.values_list("network", flat=True))))
        return failed(
            f"{count} investment contracts are on {names}, and nobody checks them from here: STELLAR_NETWORK is "
            f"{settings.STELLAR_NETWORK}",
            "correct STELLAR_NETWORK, or run the Paydate of that network",
        )
    count = _at_work().count()
    if count and not settings.SOROBAN_RPC_URL:
        return failed(
            f"{count} investment contracts are registered, and nobody checks them: SOROBAN_RPC_URL is empty",
            "set SOROBAN_RPC_URL",
        )
    return ok(f"of {count} investment contracts, mode {settings.RESERVE_CHECK_MODE}")


@check(
    GROUP,
    "investment",
    needs=(NETWORK, "migrations"),
    each=investments,
    fix=RPC_FIX,
    seconds=SECONDS,
)
def could_be_checked(contract: Contract) -> Finding | list[Finding]:
    life = soroban_lives.soonest_end(contract.address)
    if life is None:
        return failed(
            f"there is no contract {contract.address} on {contract.network}",
            "check STELLAR_NETWORK; if it is right, its state is gone",
        )
    problems = [*_short_life(contract, life), *_not_ours(contract)]
    return problems or ok(f"its owner is its wallet, and its state is kept for another {life.days_left} days")


def _short_life(contract: Contract, life: soroban.Life) -> Iterator[Finding]:
    if life.is_archived:
        words = f"its state is archived since ledger {life.live_until}: no call can be made"
        yield failed(words, EXTEND.format(address=contract.address))
    elif life.days_left < settings.SOROBAN_LEAST_LIFE_DAYS:
        words = f"the network archives its state in {life.days_left} days"
        yield warning(words, EXTEND.format(address=contract.address))


def _not_ours(contract: Contract) -> Iterator[Finding]:
    """Whose word a check needs is asked of the contract itself, by a simulated one."""
    try:
        token = contract.payment_token.address
        read_investment(contract.address, owner=contract.wallet.account, token=token)
    except NotAnInvestment as error:
        found = from_sentence(str(error))
        yield failed(found.words, f"{found.fix}: {REGISTER}" if found.fix else REGISTER)


@check(GROUP, "reserve", needs=(NETWORK, "migrations"), each=investments)
def was_checked(contract: Contract) -> Finding:
    row, now = reread(contract), clock.now()
    standing = standing_of(row, failures=failures_in_a_row(contract))
    state = freshness(standing, now=now, limits=limits())
    if state == Freshness.NEVER and now - contract.created_at < _patience():
        return ok("added just now, and not checked yet")
    shown = banner(standing, now=now, limits=limits())
    words = " ".join((shown.headline, *shown.lines))
    if shown.tone == "success":
        return ok(words)
    return (warning if state == Freshness.FRESH else failed)(words, FIXES[state])


def _patience() -> timedelta:
    return timedelta(minutes=settings.RESERVE_STALE_MINUTES)
