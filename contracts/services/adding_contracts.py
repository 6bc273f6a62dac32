"""Taking a contract into the books by itself: an investment contract of Stellar, or a payout contract of Hedera."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from contracts.gateways.errors import GatewayError
from contracts.models import AuditEvent, Contract, Token, Wallet
from contracts.services.networks import hedera_network, stellar_network
from contracts.services.reading_investments import NotAnInvestment, ReadInvestmentContract, read_investment
from contracts.services.registering import (
    NotRegistered,
    read_payout_contract,
    refuse_change_in_use,
    store_payout_contract,
)

Kind = Contract.Kind
LONGEST_LABEL = 80


@dataclass(frozen=True, slots=True)
class NewContract:
    """``wallet`` signs for it; ``token`` is needed only where an investment contract does not name its own."""

    kind: str
    address: str
    wallet: Wallet
    label: str
    by: str
    token: str = ""


def network_of(kind: str) -> str:
    """Where contracts of this kind are, as Contract.network has it."""
    return stellar_network() if kind == Kind.INVESTMENT else hedera_network()


def add_contract(wanted: NewContract) -> Contract:
    """Reads it from the chain, outside any database transaction. Raises NotRegistered; then nothing is kept.

    Again: label, token and wallet follow, the status stays what it has become here.
    """
    keep = read_contract(wanted)
    with transaction.atomic():
        return keep()


def read_contract(wanted: NewContract) -> Callable[[], Contract]:
    """As ``add_contract``, in two parts: reads the chain now, and gives what is to be called in a transaction."""
    _check(wanted)
    read = _read_investment if wanted.kind == Kind.INVESTMENT else _read_payout_contract
    return read(wanted)


def _check(wanted: NewContract) -> None:
    if not 0 < len(wanted.label.strip()) <= LONGEST_LABEL:
        raise NotRegistered(f"give the contract a label of at most {LONGEST_LABEL} letters")
    network = network_of(wanted.kind)
    if wanted.wallet.network != network:
        raise NotRegistered(
            f"the wallet {wanted.wallet.account} is on {wanted.wallet.network}, this contract needs one on {network}"
        )
    if wanted.kind != Kind.INVESTMENT and wanted.token:
        raise NotRegistered("a payout contract names its token itself; leave the token out")


def _read_investment(wanted: NewContract) -> Callable[[], Contract]:
    try:
        found = read_investment(wanted.address, owner=wanted.wallet.account, token=wanted.token)
    except NotAnInvestment as error:
        raise NotRegistered(str(error)) from error
    return lambda: _recorded(_store_investment(found, wanted), wanted)


def _store_investment(found: ReadInvestmentContract, wanted: NewContract) -> Contract:
    network, token = stellar_network(), found.token["address"]
    refuse_change_in_use(network=network, address=found.address, wallet=wanted.wallet, token=token)
    money, _ = Token.objects.update_or_create(network=network, address=token, defaults=found.token)
    known = {
        "label": wanted.label.strip(),
        "interface_version": found.interface_version,
        "wallet": wanted.wallet,
        "payment_token": money,
        "live_until_ledger": found.live_until_ledger,
    }
    row, _ = Contract.objects.update_or_create(
        network=network,
        address=found.address,
        defaults=known,
        create_defaults={**known, "kind": Kind.INVESTMENT, "status": found.status},
    )
    return row


def _read_payout_contract(wanted: NewContract) -> Callable[[], Contract]:
    try:
        found = read_payout_contract(wanted.address)
    except GatewayError as error:
        raise NotRegistered(
            f"the mirror node could not be asked: {error}; check HEDERA_MIRROR_URL"
        ) from error
    label = wanted.label.strip()
    return lambda: _recorded(store_payout_contract(found, wallet=wanted.wallet, label=label), wanted)


def _recorded(row: Contract, wanted: NewContract) -> Contract:
    AuditEvent.write(row, what="register", target=row.address, reason=row.label, by=wanted.by)
    return row
