"""The end of an investment contract: nothing is owed any more, so nothing is checked any more."""

from django.db import transaction

from contracts.models import Contract
from contracts.transitions import move
from reserves.models import InvestmentBook
from reserves.services.blocking import CAN_BE_BLOCKED, release_own
from reserves.services.telling import note_finished

FUNDS_REACHED = 3
REASON = "every investment is finished: nothing is owed any more"


def finish_if_over(contract_pk: int) -> bool:
    """FINISHED when the chain shows that everybody was paid and nobody can invest any more; a person's block stays.

    A block that code has placed is lifted first: the contract counts finished investments as due for ever.
    """
    with transaction.atomic():
        if not _is_over(contract_pk):
            return False
        contract = release_own(contract_pk, reason=REASON)
        if contract is None or contract.status not in CAN_BE_BLOCKED:
            return False
        has_moved = move(contract, Contract.Status.FINISHED, reason=REASON)
        note_finished(contract)
        return has_moved


def _is_over(contract_pk: int) -> bool:
    """By a book that was read from the chain and could be read the last time."""
    books = InvestmentBook.objects.filter(source=InvestmentBook.Source.CHAIN, problem="", state=FUNDS_REACHED)
    book = books.filter(contract_id=contract_pk).first()
    if book is None or not book.entries.exists():
        return False
    return not book.entries.filter(payments_transferred__lt=book.return_months or 0).exists()
