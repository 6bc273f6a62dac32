"""The button that lets the network keep what an investment contract has stored for longer."""

from django.http import HttpRequest

from contracts.admin.buttons import PlainForm, button, who
from contracts.models import Contract
from contracts.services.extending import USUAL_DAYS, NotExtended, extend, lives_of


class ExtendButton:
    """For the admin of contracts."""

    @button(
        "Extend life",
        permission="contracts.extend_life",
        available=lambda row: row.kind == Contract.Kind.INVESTMENT and row.status != Contract.Status.FINISHED,
        explained=f"What the network would archive within {USUAL_DAYS} days lives on for that long, and what it has "
        "archived is restored. The contract's wallet signs and pays.",
        refusals=(NotExtended,),
        icon="update",
        form=PlainForm,
    )
    def extend_life(self, request: HttpRequest, row: Contract) -> str:
        lives = lives_of(row, days=USUAL_DAYS)
        if lives.is_enough:
            raise NotExtended(f"All of its entries live {USUAL_DAYS} days or longer; nothing was done.")
        rows = extend(row, lives, days=USUAL_DAYS, by=who(request))
        counts = f"{len(lives.short)} entries to extend, {len(lives.archived)} to restore"
        return f"{len(rows)} transactions are planned: {counts}."
