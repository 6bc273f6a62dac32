"""Lengthening the lives of what a contract on Stellar has stored, and restoring what was archived.

Anybody may do that for any contract; the wallet only pays. Each transaction is recorded like a call.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from contracts.gateways import soroban_lives
from contracts.gateways.errors import GatewayError
from contracts.gateways.soroban_lives import EntryLife
from contracts.gateways.soroban_work import EXTEND, RESTORE
from contracts.models import AuditEvent, Contract, ContractTransaction, Hold
from contracts.services.networks import soroban_trouble, stellar_network
from contracts.services.planning import AlreadyOpen, Call, Waiting, plan_transaction

PURPOSE = "extend"
DAY_LEDGERS = 17_280
LEAST_DAYS, MOST_DAYS, USUAL_DAYS = 1, 179, 90
# Keys of one transaction; a network takes 400 to read and 200 to write.
MOST_KEYS = 100
CODE = "code"


class NotExtended(ValueError):
    """Nothing was planned; the message says why, and the fix."""


@dataclass(frozen=True, slots=True)
class Lives:
    """Entries of a contract: those that live on as wanted, those that end before, those that are archived."""

    enough: tuple[EntryLife, ...]
    short: tuple[EntryLife, ...]
    archived: tuple[EntryLife, ...]

    @property
    def is_enough(self) -> bool:
        return not self.short and not self.archived


def lives_of(contract: Contract, *, days: int) -> Lives:
    """Read from the network. Raises NotExtended."""
    _check(contract, days)
    try:
        found = soroban_lives.of_contract(contract.address)
    except GatewayError as error:
        raise NotExtended(soroban_trouble(error)) from error
    if not found:
        raise NotExtended(f"there is no contract {contract.address} on {stellar_network()}")
    alive = [one for one in found if not one.life.is_archived]
    until = days * DAY_LEDGERS
    return Lives(
        enough=tuple(one for one in alive if one.life.live_until - one.life.ledger >= until),
        short=tuple(one for one in alive if one.life.live_until - one.life.ledger < until),
        archived=tuple(one for one in found if one.life.is_archived),
    )


def extend(contract: Contract, lives: Lives, *, days: int, by: str) -> list[ContractTransaction]:
    """Plans what makes all of it live so many days. Raises NotExtended; then nothing was planned."""
    _check(contract, days)
    if contract.wallet.stopped_reason:
        raise NotExtended(f"the wallet is stopped: {contract.wallet.stopped_reason}")
    ledgers = str(days * DAY_LEDGERS)
    work = [(RESTORE, _keys(part)) for part in _parts(lives.archived)]
    work += [(EXTEND, [ledgers, *_keys(part)]) for part in _parts(lives.short)]
    ledger = max(one.life.ledger for one in (*lives.short, *lives.archived, *lives.enough))
    try:
        with transaction.atomic():
            _refuse_a_second(contract)
            rows = [
                plan_transaction(
                    wallet=contract.wallet,
                    contract=contract,
                    call=Call(contract.address, "", function, arguments, gas_limit=0),
                    purpose=PURPOSE,
                    subject=f"{PURPOSE}:{contract.uid}:{ledger}:{number}",
                    group_uid=contract.uid,
                    has_guard=True,  # doing it twice changes nothing
                )
                for number, (function, arguments) in enumerate(work, start=1)
            ]
            words = f"{len(lives.short)} entries to {days} days, {len(lives.archived)} restored"
            AuditEvent.write(contract, what="extend", target=contract.address, reason=words, by=by)
    except (Waiting, AlreadyOpen) as error:
        raise NotExtended(str(error)) from error
    return rows


def _check(contract: Contract, days: int) -> None:
    if contract.kind != Contract.Kind.INVESTMENT or contract.network != stellar_network():
        raise NotExtended(f"{contract} is no contract on {stellar_network()}; only there lives end")
    if not LEAST_DAYS <= days <= MOST_DAYS:
        raise NotExtended(f"{days} days cannot be had: give a number from {LEAST_DAYS} to {MOST_DAYS}")


def _refuse_a_second(contract: Contract) -> None:
    Contract.objects.select_for_update().get(pk=contract.pk)
    under_way = ContractTransaction.objects.open().filter(purpose=PURPOSE, contract=contract).count()
    if under_way:
        raise NotExtended(f"{under_way} transactions that do this are under way; wait for their end")


def _parts(entries: Sequence[EntryLife]) -> list[Sequence[EntryLife]]:
    """Code alone, because of its size."""
    code = [[one] for one in entries if one.name == CODE]
    rest = [one for one in entries if one.name != CODE]
    return [*code, *(rest[start : start + MOST_KEYS] for start in range(0, len(rest), MOST_KEYS))]


def _keys(entries: Sequence[EntryLife]) -> list[str]:
    return [one.key.to_xdr() for one in entries]


# -- what the book of transactions asks and tells


def why_not(row: ContractTransaction) -> str | None:
    """A contract that is BLOCKED or held lives on all the same; only a hold on everything stops this."""
    hold = Hold.objects.covering([]).first()
    return f"held: {hold.reason}" if hold is not None else None


def tell_nobody(row: ContractTransaction, arrow: str) -> None:
    """The next look at the contract's life sees what has changed."""
