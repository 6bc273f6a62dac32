"""A reserve that suffices and one that does not: the check, the block, its evidence, the top-up, the release."""

import time

from django.conf import settings
from django.core.management import call_command

from contracts.amounts import format_units
from contracts.models import Contract, ContractTransaction, Notice, Wallet
from contracts.services.notices import moment
from devnet.demo.registering import register_investment, wallet_of
from devnet.demo.scene import DemoFailed, Scene
from devnet.stellar import HOST
from reserves.models import PaymentAvailability
from reserves.services.life import CHANGED_BY

Check = PaymentAvailability
Call = ContractTransaction
INVESTED_UNITS = 1_000 * 10**7
# An instalment falls due after 30 days, and a contract asks for it from seven days before that.
DAYS_AGO = 24
# Nobody acts in the past on the real host: there the block period ends within those seven days.
BLOCK_DAYS = 5


def make_contracts(scene: Scene) -> tuple[Contract, Contract]:
    """One whose reserve suffices for nearly all that it will ever owe, and one that lacks money now."""
    made = scene.client.stellar_wallet()
    wallet = wallet_of(made["account"], custody_wallet_id=made["wallet_id"], label="Demo reserves")
    contracts = (
        _make(scene, wallet, name="Solar", added_units=INVESTED_UNITS),
        _make(scene, wallet, name="Wind"),
    )
    scene.let_ledgers_be_due()
    return contracts


def _make(scene: Scene, wallet: Wallet, *, name: str, added_units: int = 0) -> Contract:
    """The reserve is topped up before anybody looks at it."""
    address, when = invested(scene, wallet)
    if added_units:
        scene.client.top_up_reserve(address, added_units)
    contract = register_investment(address, wallet, label=f"Demo {name} {address[-4:]}")
    added = f"{_amount(contract, added_units)} added to its reserve" if added_units else "nothing added"
    scene.say(f"{contract}: {_amount(contract, INVESTED_UNITS)} invested {when}, {added}")
    return contract


def invested(scene: Scene, wallet: Wallet) -> tuple[str, str]:
    """A contract whose first instalment is due within a week; since when somebody has invested, in words."""
    if is_real(scene):
        address = scene.client.create_investment(owner=wallet.account, claim_block_days=BLOCK_DAYS)[
            "contract"
        ]
        scene.client.invest(address, INVESTED_UNITS)
        return address, f"now, and payable in {BLOCK_DAYS} days"
    address = scene.client.create_investment(owner=wallet.account)["contract"]
    scene.client.invest(address, INVESTED_UNITS, seconds_ago=DAYS_AGO * 86_400)
    return address, f"{DAYS_AGO} days ago"


def is_real(scene: Scene) -> bool:
    return bool(scene.client.stellar_status()["kind"] == HOST)


def check(scene: Scene, healthy: Contract, short: Contract) -> None:
    """By the command an operator would use; then what each contract itself requires must be what was stored."""
    both = [healthy, short]
    addresses = [word for contract in both for word in ("--contract", contract.address)]
    scene.say(f"manage.py check_payment_availability {' '.join(addresses)}")
    call_command("check_payment_availability", *addresses)
    checks = Check.objects.filter(contract__in=both)
    scene.watch(
        lambda: f"{checks.exclude(status='PENDING').count()} checks ended, {checks.open().count()} open",
        is_over=lambda: not checks.open().exists(),
        why_not=lambda: "; ".join(f"{row}: {row.error_text}" for row in checks.open()),
    )
    for contract in both:
        _compare(scene, contract)
    _expect(healthy, "ACTIVE", units=0)
    scene.say(f"{healthy.label} has capacity to serve payments, as of ledger {healthy.checked_at_ledger}")
    if not short.required_funds_units:
        raise DemoFailed(f"{short} should lack money, and does not")
    _expect(short, "BLOCKED", units=short.required_funds_units)
    scene.say(f"BLOCKED: {short.blocked_reason}, as of ledger {short.checked_at_ledger}")


def _compare(scene: Scene, contract: Contract) -> None:
    """What was stored with what the contract's own books demand, read past Paydate."""
    failed = contract.checks.order_by("-pk").filter(status=Check.Status.FAILED).first()
    contract.refresh_from_db()
    if contract.checked_at_ledger is None:
        raise DemoFailed(f"{contract} was not checked: {failed.error_text if failed else 'no answer'}")
    required = scene.client.investment(contract.address)["required"]
    if required != contract.required_funds_units:
        raise DemoFailed(
            f"{contract} requires {required} on chain, {contract.required_funds_units} in the database"
        )


def _expect(contract: Contract, status: str, *, units: int) -> None:
    found = (contract.status, contract.required_funds_units)
    if found != (status, units):
        raise DemoFailed(
            f"{contract} should be {status} and lack {units} units: it is {found[0]}, {found[1]}"
        )


def show_evidence(scene: Scene, contract: Contract, *, outcome: str) -> None:
    """The signed call that the check which blocked or released it has left on chain."""
    ticket = contract.checks.filter(outcome=outcome).latest("pk")
    if ticket.transaction is None:
        scene.say(f"no signed evidence: {ticket.note or f'RESERVE_CHECK_MODE is {ticket.mode}'}")
        return
    call = ticket.transaction
    scene.watch(
        lambda: _progress(call),
        is_over=lambda: not call.is_open,
        why_not=lambda: (
            call.waiting_reason or call.wallet.stopped_reason or f"its signed check is {call.status}"
        ),
    )
    ticket.refresh_from_db()
    if call.status != Call.Status.SUCCEEDED:
        raise DemoFailed(f"the signed check ended {call.status}: {call.error_text or call.error_class}")
    if ticket.signed_units != ticket.required_funds_units:
        raise DemoFailed(
            f"the signed check says that {ticket.signed_units} units are missing, the simulated one said "
            f"{ticket.required_funds_units}"
        )
    missing = _amount(contract, int(ticket.signed_units)) if ticket.signed_units else "nothing"
    scene.say(f"evidence: signed and sent, the contract answered in ledger {call.ledger}: {missing} missing")
    scene.say(f"          transaction {call.hash}")


def _progress(call: Call) -> str:
    """A wallet has one call under way at a time, so that those before it are progress, too."""
    call.refresh_from_db()
    before = Call.objects.open().filter(wallet=call.wallet, pk__lt=call.pk).count()
    return f"signed check {call.status}" + (f", {before} before it" if before else "")


def top_up(scene: Scene, contract: Contract) -> None:
    """Exactly what is missing; the block then lifts by itself."""
    missing = contract.required_funds_units
    scene.say(f"adding exactly {_amount(contract, missing)} to the reserve of {contract.label}")
    begin = time.monotonic()
    scene.client.top_up_reserve(contract.address, missing)
    scene.let_ledgers_be_due()
    scene.watch(
        lambda: _status(contract),
        is_over=lambda: contract.status != Contract.Status.BLOCKED,
        why_not=lambda: f"{contract.label} is BLOCKED still: {contract.blocked_reason}",
    )
    seconds = time.monotonic() - begin
    _compare(scene, contract)
    _expect(contract, "ACTIVE", units=0)
    check = contract.checks.filter(outcome=Check.Outcome.RELEASED).latest("pk")
    scene.say(f"the block has lifted by itself after {seconds:.1f} s: {_asked_by(check)}")


def _status(contract: Contract) -> str:
    contract.refresh_from_db()
    return f"{contract.label} is {contract.status}"


def _asked_by(check: PaymentAvailability) -> str:
    """Blocked contracts are checked by the clock as well, and once in a while that is first."""
    if check.requested_by == CHANGED_BY:
        return "the contract's event CBUPDATED asked for the check"
    return f"a check by {check.requested_by} came before that of the contract's event"


def show_mails(scene: Scene, contract: Contract) -> None:
    """Of its block and of the end of it, as they were given to the mail server. One that is away stops no payment,
    and no demo.
    """
    notice = Notice.objects.filter(object_uid=contract.uid, cause=Notice.Cause.BLOCKED).latest("pk")
    scene.watch(
        lambda: f"{_sent(notice)} of 2 mails sent",
        is_over=lambda: _sent(notice) == 2 or bool(notice.last_error),
        why_not=lambda: notice.last_error or "the worker has not sent its mails",
    )
    if not settings.EMAIL_URL.get_secret_value():
        scene.say("EMAIL_URL names no mail server, so mails are printed to the worker's log")
    if notice.last_error:
        scene.say(f"the mail server was not reached, the mails are sent later: {notice.last_error}")
    for at, words in ((notice.sent_at, notice.title), (notice.resolution_sent_at, notice.resolution)):
        scene.say(f"mail of {moment(at)}: {words}" if at else f"mail not sent yet: {words}")


def _sent(notice: Notice) -> int:
    notice.refresh_from_db()
    return sum(at is not None for at in (notice.sent_at, notice.resolution_sent_at))


def _amount(contract: Contract, units: int) -> str:
    token = contract.payment_token
    return format_units(units, decimals=token.decimals, symbol=token.symbol)
