"""What was learned about the size of calls, on the page of the payout contract that it was learned for."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from contracts.admin import cells
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.models import Contract
from payouts.models import BatchSizing
from payouts.services.sizing import learn_anew
from reserves.admin.contracts import ContractAdmin

SHOWN = ("bounds", "gas_per_holder", "last_learned")


def _sizing(contract: Contract) -> BatchSizing | None:
    return BatchSizing.objects.filter(contract=contract).first()


def _bounds(contract: Contract) -> object:
    sizing = _sizing(contract)
    if sizing is None or sizing.bracket.is_untried:
        return "nothing was tried yet"
    good = f"{sizing.largest_good} holders go through" if sizing.largest_good else "nothing has gone through"
    bad = f"{sizing.smallest_bad} do not" if sizing.smallest_bad else "nothing was too large"
    return cells.words(f"{good}, {bad}; calls that were too large: {sizing.failures}")


def _gas(contract: Contract) -> object:
    sizing = _sizing(contract)
    if sizing is None or sizing.gas_per_holder is None:
        return "not measured yet"
    return f"{sizing.gas_per_holder:,}"


def _seen(contract: Contract) -> object:
    sizing = _sizing(contract)
    return cells.moment(sizing.updated_at) if sizing else "never"


admin.site.unregister(Contract)


@admin.register(Contract)
class PayoutContractAdmin(ContractAdmin):
    """The page of the app below, and what only this app knows."""

    # The base class's tuples have a length of their own for mypy, and these are longer.
    actions_detail: Any = (*ContractAdmin.actions_detail, "learn_size_anew")
    fieldsets: Any = (
        *ContractAdmin.fieldsets[:2],
        ("Size of a call", {"fields": SHOWN}),
        *ContractAdmin.fieldsets[2:],
    )
    readonly_fields: Any = (*ContractAdmin.readonly_fields, *SHOWN)

    bounds = column("Holders in a call", _bounds)
    gas_per_holder = column("Gas of a holder", _gas)
    last_learned = column("Last learned at", _seen)

    @button(
        "Learn the batch size anew",
        permission="payouts.execute_distribution",
        available=lambda row: row.kind == Contract.Kind.LIFECYCLE_CASH_FLOW and _sizing(row) is not None,
        explained="For a contract or token that takes more holders in a call than before. The next batches are sent "
        "one after the other, from 20 holders on; a call that turns out too large costs a fee and pays nobody.",
        icon="straighten",
    )
    def learn_size_anew(self, request: HttpRequest, row: Contract, reason: str) -> str:
        learn_anew(row, by=who(request), reason=reason)
        return "Forgotten: the next batches find the size of a call again."
