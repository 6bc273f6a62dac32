"""Putting Paydate's own investment contract on Stellar: its code, unless it is there, the contract, its registration.

The constructor initialises it, in the transaction that makes it. The contract's address follows from the wallet and
the deployment's uid, so it can be made once only, whatever is sent again.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from contracts import wasm
from contracts.doorbell import ring
from contracts.gateways import soroban, soroban_lives
from contracts.gateways.errors import GatewayError
from contracts.gateways.soroban_work import CREATE, RESTORE, UPLOAD, address_of, construction
from contracts.gateways.strkeys import is_account, is_contract
from contracts.models import Contract, ContractTransaction, InvestmentDeployment, Wallet
from contracts.services import stepping
from contracts.services.adding_contracts import NewContract, read_contract
from contracts.services.networks import soroban_trouble, stellar_network
from contracts.services.planning import Call, Owner
from contracts.services.reading_investments import NotAnInvestment, read_money
from contracts.services.registering import NotRegistered
from contracts.services.stepping import Recipe
from contracts.transitions import record_move

PURPOSE = InvestmentDeployment.PREFIX
STEPS = RESTORED, UPLOADED, CREATED = "restore", "upload", "create"
LONGEST = {"label": 80, "name": 64, "symbol": 12, "uri": 200}
MOST_RATE, MOST_MONTHS, MOST_BLOCK_DAYS = 90_000, 120, 3_660
REVERSE_LOAN, COUPON = 1, 2
_LARGEST = 2**127 - 1

Status = InvestmentDeployment.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvestmentContract:
    """``wallet`` makes it, owns it and signs for it. Amounts are base units, the rate is in basis points."""

    wallet: Wallet
    token: str
    project: str
    label: str
    by: str
    goal: int
    rate: int
    minimum: int
    months: int
    block_days: int = 0
    return_type: int = REVERSE_LOAN
    name: str = ""
    symbol: str = "INV"
    uri: str = ""
    starts_over: bool = False

    @property
    def terms(self) -> dict[str, Any]:
        """As the constructor takes them; amounts as text, because JSON's numbers are too small."""
        return {
            "claim_block_days": self.block_days,
            "goal": str(self.goal),
            "i_rate": self.rate,
            "min_per_investment": str(self.minimum),
            "return_months": self.months,
            "return_type": self.return_type,
        }


# -- asking for it


def deploy_investment(wanted: NewInvestmentContract) -> InvestmentDeployment:
    """Begins a deployment, or goes on with the one of this label. Raises NotRegistered; then nothing changed."""
    _check(wanted)
    try:
        soroban.check_network()
        read_money(wanted.token)
        soroban.account_at(wanted.wallet.account)
    except NotAnInvestment as error:
        raise NotRegistered(str(error)) from error
    except GatewayError as error:
        raise NotRegistered(soroban_trouble(error)) from error
    with transaction.atomic():
        row = _known(wanted.label)
        if row is not None and wanted.starts_over:
            stepping.abandon(row, wanted.by)
            row = None
        row = _begin(wanted) if row is None else _go_on(row, wanted)
        RECIPE.ring(row.pk)
    return row


def _check(wanted: NewInvestmentContract) -> None:
    _check_terms(wanted)
    _check_words(wanted)
    if not is_contract(wanted.token):
        raise NotRegistered(f"the token {wanted.token} is no address of a Stellar contract; give C...")
    if not (is_account(wanted.project) or is_contract(wanted.project)):
        raise NotRegistered(f"the project {wanted.project} is no address of Stellar; give G... or C...")
    if wanted.wallet.network != stellar_network():
        raise NotRegistered(
            f"the wallet is on {wanted.wallet.network}, and one on {stellar_network()} is needed"
        )
    if wanted.wallet.stopped_reason:
        raise NotRegistered(f"the wallet is stopped: {wanted.wallet.stopped_reason}")


def _check_terms(wanted: NewInvestmentContract) -> None:
    """As the constructor checks them, which would not say what is wrong."""
    bounds = {
        "goal": (1, _LARGEST),
        "minimum": (1, _LARGEST),
        "rate": (1, MOST_RATE),
        "months": (1, MOST_MONTHS),
        "block_days": (0, MOST_BLOCK_DAYS),
        "return_type": (REVERSE_LOAN, COUPON),
    }
    for name, (least, most) in bounds.items():
        value = getattr(wanted, name)
        if not least <= value <= most:
            raise NotRegistered(f"{name.replace('_', ' ')} is {value}: give a number from {least} to {most}")
    if wanted.minimum > wanted.goal:
        raise NotRegistered(
            f"the minimum {wanted.minimum} is above the goal {wanted.goal}: nobody could ever invest"
        )


def _check_words(wanted: NewInvestmentContract) -> None:
    for name, most in LONGEST.items():
        text = getattr(wanted, name)
        if len(text) > most or not text.isprintable():
            raise NotRegistered(f"give a {name} of at most {most} letters that can be shown")
    if not wanted.label.strip():
        raise NotRegistered("give the contract a label: what people will call it")


def _known(label: str) -> InvestmentDeployment | None:
    rows = InvestmentDeployment.objects.filter(network=stellar_network(), label=label)
    kept = rows.exclude(status=Status.ABANDONED)
    return kept.select_for_update(of=("self",)).select_related("wallet").first()


def _begin(wanted: NewInvestmentContract) -> InvestmentDeployment:
    row = InvestmentDeployment(
        network=stellar_network(),
        token_address=wanted.token,
        project_address=wanted.project,
        wallet=wanted.wallet,
        label=wanted.label,
        name=wanted.name or wanted.label[: LONGEST["name"]],
        symbol=wanted.symbol,
        uri=wanted.uri,
        terms=wanted.terms,
        code_hash=wasm.hash_of(wasm.INVESTMENT),
        created_by=wanted.by,
    )
    row.address = address_of(wanted.wallet.account, _salt(row), soroban.passphrase())
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise NotRegistered(f"somebody else began a deployment labelled {wanted.label} just now") from error
    record_move(row, "", row.status, reason=f"at {row.address}, paying in {wanted.token}", by=wanted.by)
    return row


def _go_on(row: InvestmentDeployment, wanted: NewInvestmentContract) -> InvestmentDeployment:
    if row.status == Status.COMPLETED:
        raise NotRegistered(
            f"{row.label} was deployed at {row.address}; give another label for another contract"
        )
    given = (wanted.wallet.pk, wanted.token, wanted.project, wanted.terms)
    if given != (row.wallet_id, row.token_address, row.project_address, row.terms):
        raise NotRegistered(
            f"a deployment labelled {row.label} was begun with another wallet, token, project or other terms; give the "
            "same, another label, or --start-over once it has FAILED"
        )
    stepping.go_on(row, wanted.by)
    return row


# -- the steps


def _salt(row: InvestmentDeployment) -> bytes:
    return hashlib.sha256(row.uid.encode()).digest()


def _call_for(row: InvestmentDeployment, step: str) -> Call:
    if step == RESTORED:
        key = soroban_lives.code_key(bytes.fromhex(row.code_hash))
        return Call(row.wallet.account, "", RESTORE, [key.to_xdr()], gas_limit=0)
    if step == UPLOADED:
        return Call(row.wallet.account, "", UPLOAD, [row.code_hash], gas_limit=0)
    arguments = construction(
        places=(row.wallet.account, row.project_address, row.token_address),
        words=(row.uri, row.name, row.symbol),
        terms=row.terms,
    )
    return Call(row.address, "", CREATE, [row.code_hash, _salt(row).hex(), *arguments], gas_limit=0)


def _is_needless(row: InvestmentDeployment, step: str) -> bool:
    """Code is the network's: once it is there, nobody uploads it again, and archived code is restored."""
    if step == CREATED:
        return False
    life = soroban_lives.of_code(bytes.fromhex(row.code_hash))
    is_archived = life is not None and life.is_archived
    return not is_archived if step == RESTORED else life is not None


def _registered(row: InvestmentDeployment) -> Callable[[], Contract]:
    return read_contract(
        NewContract(
            kind=Contract.Kind.INVESTMENT,
            address=row.address,
            wallet=row.wallet,
            label=row.label,
            by=row.created_by,
        )
    )


RECIPE = Recipe(
    model=InvestmentDeployment,
    ring=lambda pk: ring("contracts.advance_investment_deployment", pk),
    purpose=PURPOSE,
    steps=lambda: STEPS,
    code_hash=lambda: wasm.hash_of(wasm.INVESTMENT),
    call_for=_call_for,
    trouble_before=lambda row, step: None,
    is_needless=_is_needless,
    registered=_registered,
)


def advance_investment_deployment(pk: int) -> None:
    """Takes a deployment as far as it will go now."""
    stepping.advance(RECIPE, pk)


def ring_due() -> None:
    stepping.ring_due(RECIPE)


# -- what the book of transactions asks and tells


def why_not(row: ContractTransaction) -> str | None:
    return stepping.why_not(RECIPE, row)


def on_arrow(row: ContractTransaction, arrow: str) -> None:
    stepping.on_arrow(RECIPE, row, arrow)


def origin_of(subject: str) -> tuple[Owner, Call] | None:
    """What a step was, for one that is on chain and not in a database that was put back."""
    _, uid, step = subject.split(":")
    row = InvestmentDeployment.objects.filter(uid=uid).select_related("wallet").first()
    if row is None or step not in STEPS or row.code_hash != wasm.hash_of(wasm.INVESTMENT):
        return None
    return Owner(row.wallet, None, PURPOSE, row.uid, has_guard=False), _call_for(row, step)
