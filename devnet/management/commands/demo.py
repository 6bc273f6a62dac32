import os
import secrets
import subprocess
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from contracts.models import Asset, ContractTransaction, Wallet
from contracts.services.registering import NewAsset, NotRegistered, add_asset
from devnet.client import DevnetClient, DevnetError
from payouts.amounts import format_units
from payouts.models import Distribution
from payouts.services.creating import BadInput, NewDistribution, create_distribution
from payouts.services.showing import compare_with_chain, failures_of, progress_of, transactions_of
from payouts.services.starting import execute_distribution

Status = Distribution.Status
POLL_SECONDS = 0.25
# What lifts a hold by itself, a clock or a top-up, has been there for this long.
PATIENCE_SECONDS = 60
RUNNING = (Status.PLANNING, Status.AWAITING_APPROVAL, Status.PROCESSING, Status.HELD)
POOL = "125000.50"
FUND_UNITS = 1_000_000 * 10**6
MOST_SHOWN = 10


class Command(BaseCommand):
    help = (
        "Pays the holders of a tokenised equity on the local devnet and proves it from the chain's balances."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--holders", type=int, default=250)
        parser.add_argument("--once", action="store_true", help="do not make an admin user: nothing stays up")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["holders"] < 1:
            raise CommandError("HOLDERS must be 1 or more")
        try:
            self._run(options)
        except (DevnetError, NotRegistered, BadInput) as error:
            raise CommandError(str(error)) from None

    def _run(self, options: dict[str, Any]) -> None:
        client = DevnetClient.of()
        self.say(f"making an asset with {options['holders']} holders on the local chain")
        made = client.prepare(
            holders=options["holders"],
            fund=FUND_UNITS,
            name="Paydate Demo Equity",
            symbol=f"PDE{options['holders']}",
        )
        asset = self._register(made)
        self.say(
            f"asset {asset}, payout contract {asset.payout_contract.address}, payer {made['payer']['id']}"
        )
        distribution = self._pay(asset)
        self._prove(client, made, distribution)
        self._seconds(distribution)
        if not options["once"]:
            self._invite(distribution)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _register(self, made: dict[str, Any]) -> Asset:
        account = made["payer"]["id"]
        if not Wallet.objects.filter(account=account).exists():
            self._register_wallet(account)
        return add_asset(
            NewAsset(
                asset=made["asset"]["id"],
                payout_contract=made["payout_contract"]["id"],
                wallet=Wallet.objects.get(account=account),
                label=f"Payouts of {made['plan']['symbol']}",
                by="demo",
            )
        )

    def _register_wallet(self, account: str) -> None:
        """By the command an operator would use, in a process that may see the custody secrets."""
        wallet_id = DevnetClient.of().wallet()["wallet_id"]
        command = [
            sys.executable,
            "manage.py",
            "add_wallet",
            wallet_id,
            "--account",
            account,
            "--label",
            "Demo payer",
        ]
        done = subprocess.run(  # noqa: S603
            command, cwd=settings.BASE_DIR, env=os.environ | {"PAYDATE_PROCESS": "signer"}, check=False
        )
        if done.returncode:
            raise CommandError("the wallet could not be registered")

    def _pay(self, asset: Asset) -> Distribution:
        distribution = create_distribution(
            NewDistribution(
                asset=asset.address,
                amount_type=Distribution.AmountType.FIXED,
                amount=POOL,
                concept="Demo dividend",
                by="demo",
            )
        )
        token = asset.payout_contract.payment_token
        self.say(f"distribution {distribution.uid}: {POOL} {token.symbol} to the holders of {asset.symbol}")
        execute_distribution(distribution, by="demo")
        self._follow(distribution)
        return distribution

    def _follow(self, distribution: Distribution) -> None:
        begin, moved_at, shown = time.monotonic(), time.monotonic(), ""
        while True:
            distribution.refresh_from_db()
            line = self._line(distribution)
            if line != shown:
                self.say(f"{time.monotonic() - begin:6.1f} s  {line}")
                shown, moved_at = line, time.monotonic()
            if distribution.status not in RUNNING:
                return
            if time.monotonic() - moved_at > PATIENCE_SECONDS:
                self._give_up(distribution)
            time.sleep(POLL_SECONDS)

    def _give_up(self, distribution: Distribution) -> None:
        """The run itself waits on; only whoever looks at a held or stopped one without end is told why."""
        wallet = Wallet.objects.get(pk=distribution.asset.payout_contract.wallet_id)
        reason = distribution.status_reason if distribution.status == Status.HELD else wallet.stopped_reason
        if reason:
            raise CommandError(
                f"nothing has moved for {PATIENCE_SECONDS} s: {reason}; `make doctor` says more"
            )

    def _line(self, distribution: Distribution) -> str:
        token = distribution.asset.payout_contract.payment_token
        progress = progress_of(distribution)
        open_calls = {
            status: progress.transactions.get(status, 0) for status in ("PLANNED", "SIGNED", "SUBMITTED")
        }
        calls = ", ".join(f"{count} {status.lower()}" for status, count in open_calls.items() if count)
        paid = format_units(progress.paid_units, decimals=token.decimals, symbol=token.symbol)
        line = f"{distribution.status:<11} {progress.lines.get('PAID', 0):>5}/{progress.total} paid  {paid}"
        return line + (f"  (calls: {calls})" if calls else "")

    def _prove(self, client: DevnetClient, made: dict[str, Any], distribution: Distribution) -> None:
        """The holders' balances on chain, which began at zero, against the database, holder by holder."""
        if distribution.status != Status.COMPLETED:
            for reason, count in failures_of(distribution):
                self.stderr.write(f"{count} holders: {reason}")
            raise CommandError(f"the distribution ended {distribution.status}: {distribution.status_reason}")
        on_chain = client.balances(made["payment_token"]["id"], made["holders"])
        in_database = dict(distribution.payments.values_list("holder", "paid_units"))
        differing = [holder for holder in on_chain if on_chain[holder] != in_database.get(holder, 0)]
        differing += [holder for holder in in_database if holder not in on_chain]
        differing += compare_with_chain(distribution).differing
        differing = list(dict.fromkeys(differing))
        for holder in differing[:MOST_SHOWN]:
            self.stderr.write(
                f"{holder}: {on_chain.get(holder)} on chain, {in_database.get(holder)} in the database"
            )
        if differing:
            raise CommandError(f"{len(differing)} holders differ between the chain and the database")
        pool, dust = distribution.pool_units or 0, distribution.dust_units or 0
        if sum(on_chain.values()) + dust != pool:
            raise CommandError("the sum of the balances and the dust is not the pool")
        self.say(
            f"proved: {len(on_chain)} of {len(on_chain)} balances on chain equal the database; "
            f"{sum(on_chain.values())} paid + {dust} dust = {pool} base units"
        )

    def _seconds(self, distribution: Distribution) -> None:
        """Wall-clock spans of the phases; signing, submitting and settling overlap."""
        calls = list(transactions_of(distribution).filter(purpose="batch", status="SUCCEEDED"))
        spans = {
            "planning": (distribution.started_at, distribution.plan_closed_at),
            "signing": (_first(calls, "planned_at"), _last(calls, "signed_at")),
            "submitting": (_first(calls, "signed_at"), _last(calls, "submitted_at")),
            "settling": (_first(calls, "submitted_at"), distribution.ended_at),
        }
        parts = [
            f"{name} {(end - begin).total_seconds():.2f} s"
            for name, (begin, end) in spans.items()
            if begin and end
        ]
        self.say(f"seconds: {', '.join(parts)}; batch transactions: {len(calls)}")

    def _invite(self, distribution: Distribution) -> None:
        name, password = f"demo-{secrets.token_hex(3)}", secrets.token_urlsafe(12)
        get_user_model().objects.create_superuser(name, password=password)
        address = f"http://{settings.WEB_ADDRESS}"
        self.say("")
        self.say(f"admin:        {address}/admin/")
        self.say(f"distribution: {address}/admin/payouts/distribution/{distribution.pk}/change/")
        self.say(f"log in as {name} with the password {password} (made for this run)")
        self.say("everything keeps running; stop it with `make down`")


def _first(calls: list[ContractTransaction], column: str) -> Any:
    return min((getattr(call, column) for call in calls if getattr(call, column)), default=None)


def _last(calls: list[ContractTransaction], column: str) -> Any:
    return max((getattr(call, column) for call in calls if getattr(call, column)), default=None)
