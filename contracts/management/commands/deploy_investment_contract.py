import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from contracts.management.following import follow
from contracts.management.users import current_user
from contracts.models import InvestmentDeployment
from contracts.services.deploying_investments import (
    COUPON,
    RECIPE,
    REVERSE_LOAN,
    NewInvestmentContract,
    deploy_investment,
)
from contracts.services.networks import stellar_network
from contracts.services.registering import NotRegistered, find_wallet
from contracts.services.stepping import steps_done

FAILED, BAD_INPUT = 1, 2


class Command(BaseCommand):
    help = (
        "Puts Paydate's own investment contract on Stellar and registers it: uploads its code unless the network has "
        "it, makes the contract, which its constructor initialises, each in a recorded transaction that the wallet "
        "signs. Asked for again, an unfinished deployment goes on where it stands. Exit 0 registered, or planned with "
        "--no-wait; 1 the deployment failed; 2 bad input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--wallet", required=True, help="the account G... that makes, owns and signs for it"
        )
        parser.add_argument("--token", required=True, help="the token C... that it takes and pays")
        parser.add_argument(
            "--project", required=True, help="the account G... or contract C... that is funded"
        )
        parser.add_argument(
            "--label", required=True, help="what people will call it; one contract for a label"
        )
        parser.add_argument("--goal", type=int, required=True, help="base units, without commission")
        parser.add_argument(
            "--minimum", type=int, required=True, help="the smallest investment, in base units"
        )
        parser.add_argument(
            "--rate", type=int, required=True, help="interest for the whole term, in basis points"
        )
        parser.add_argument("--months", type=int, required=True, help="instalments, 30 days apart")
        parser.add_argument("--block-days", type=int, default=0, help="days before the first instalment")
        parser.add_argument(
            "--coupon", action="store_true", help="interest in instalments, the principal with the last one"
        )
        parser.add_argument(
            "--name", default="", help="name of the investments as tokens (default: the label)"
        )
        parser.add_argument("--symbol", default="INV", help="their symbol")
        parser.add_argument("--uri", default="", help="where they are described")
        parser.add_argument("--no-wait", action="store_true", help="return as soon as it is planned")
        parser.add_argument(
            "--start-over", action="store_true", help="leave a failed deployment behind and begin a new one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            row = deploy_investment(_wanted(options))
        except NotRegistered as error:
            self._leave(BAD_INPUT, str(error))
            return
        self.stdout.write(f"deployment {row.uid}: the contract will be {row.address}")
        if not options["no_wait"]:
            self._follow(row)

    def _follow(self, row: InvestmentDeployment) -> None:
        follow(row, lambda: f"{steps_done(RECIPE, row)} transactions done", self.stdout)
        if row.contract is None:
            self._leave(FAILED, f"{row.status}: {row.error_text}")
        self.stdout.write(
            f"{row.label} {row.address} is registered; manage.py doctor says whether it can be checked"
        )

    def _leave(self, code: int, text: str) -> None:
        self.stderr.write(text)
        sys.exit(code)


def _wanted(options: dict[str, Any]) -> NewInvestmentContract:
    same = (
        "token",
        "project",
        "label",
        "goal",
        "rate",
        "minimum",
        "months",
        "block_days",
        "name",
        "symbol",
        "uri",
    )
    return NewInvestmentContract(
        wallet=find_wallet(options["wallet"], network=stellar_network()),
        by=current_user(),
        return_type=COUPON if options["coupon"] else REVERSE_LOAN,
        starts_over=options["start_over"],
        **{name: options[name] for name in same},
    )
