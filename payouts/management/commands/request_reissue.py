from argparse import ArgumentParser
from typing import Any

from contracts.management.users import current_user
from payouts.management.controlling import ControlCommand
from payouts.models import Distribution
from payouts.services.creating import BadInput
from payouts.services.reissuing import request_reissue


class Command(ControlCommand):
    help = (
        "Asks for a failed payment to be paid to the holder's new wallet. A second person has to approve it. "
        "Exit 0 asked for, 2 refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--holder", required=True, metavar="ADDR", help="who was not paid, as 0x…")
        parser.add_argument("--wallet", required=True, help="the holder's new wallet, as 0x… or 0.0.1234")

    def act(self, distribution: Distribution, reason: str, **options: Any) -> str:
        holder = options["holder"].lower()
        payment = distribution.payments.filter(holder=holder).first()
        if payment is None:
            raise BadInput(
                f"{holder} is no holder of this distribution; the payments list has their addresses"
            )
        reissue = request_reissue(payment, wallet=options["wallet"], by=current_user(), reason=reason)
        approval = reissue.approvals.get()
        return (
            f"{approval.words}\nIt waits for a second person, who has to log in: "
            "the admin lists it under Approvals"
        )
