"""How long the network keeps a contract's state: read with its book, shown, and told before it ends."""

from contracts.models import Notice
from reserves.services.refreshing import refresh_book
from tests.factories.contracts import InvestmentContractFactory
from tests.world import World

DAY_LEDGERS = 17_280


def test_the_end_of_a_contracts_state_is_read_told_once_and_resolved(world: World) -> None:
    contract = InvestmentContractFactory(address=world.control.do_create_investment()["contract"])
    refresh_book(contract.pk)
    contract.refresh_from_db()
    assert contract.live_until_ledger == world.control.do_investment(contract.address)["live_until"]
    assert not Notice.objects.exists()

    ends = world.control.do_archive(contract.address, "instance", 3 * DAY_LEDGERS)["live_until"]
    for _ in range(2):
        refresh_book(contract.pk)
    contract.refresh_from_db()
    assert contract.live_until_ledger == ends
    notice = Notice.objects.get()
    assert (notice.cause, "in about 3 days" in notice.text or "in about 2 days" in notice.text) == (
        "LIFE_ENDS",
        True,
    )

    world.control.do_archive(contract.address, "instance", 30 * DAY_LEDGERS)
    refresh_book(contract.pk)
    notice.refresh_from_db()
    assert notice.resolved_at is not None


def test_a_contract_whose_investments_cannot_be_read_is_watched_all_the_same(world: World) -> None:
    contract = InvestmentContractFactory(address=world.control.do_create_stellar_token()["contract"])
    refresh_book(contract.pk)
    contract.refresh_from_db()
    assert contract.book.problem and contract.live_until_ledger
