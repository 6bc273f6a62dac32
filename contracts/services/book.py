"""The payer's list on chain beside our book: every transaction that our key signed must have its row here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from contracts import clock
from contracts.gateways.mirror import TransactionRecord, mirror
from contracts.models import ContractTransaction, SignedBody, Wallet

ROWS_AT_ONCE = 100
# Mirror nodes may cut a longer range short without a word, and an empty end looks like an idle wallet.
WINDOW_NS = 6 * 24 * 3600 * clock.NANOSECONDS
# Nodes charge themselves for what no key of the payer has signed; anybody could put such a record on chain.
NOT_OUR_KEY = "INVALID_PAYER_SIGNATURE"
DUPLICATE = "DUPLICATE_TRANSACTION"


@dataclass(frozen=True, slots=True)
class Memo:
    """``pd1:<instance>:<subject>:<attempt>``: which Paydate sent it, and as which attempt at what."""

    instance: str
    subject: str
    attempt: int

    @property
    def purpose(self) -> str:
        return self.subject.partition(":")[0]


def memo_of(record: TransactionRecord) -> Memo | None:
    """None for a memo that no Paydate wrote."""
    match record.memo.decode("ascii", "replace").split(":"):
        case ["pd1", instance, *subject, attempt] if len(subject) > 1 and attempt.isdecimal():
            return Memo(instance, ":".join(subject), int(attempt))
    return None


def is_signed_by(wallet: Wallet, record: TransactionRecord) -> bool:
    """An account's list also holds what others sent to it, children, duplicates and what nobody signed."""
    return (
        record.payer == wallet.account
        and record.nonce == 0
        and record.result not in (DUPLICATE, NOT_OUR_KEY)
        and record.valid_start_ns >= given_ns(wallet)
    )


def given_ns(wallet: Wallet) -> int:
    """What began before the wallet was given to Paydate is not Paydate's business."""
    return int(wallet.created_at.timestamp()) * clock.NANOSECONDS


def listed_since(wallet: Wallet, since_ns: int) -> Iterator[TransactionRecord]:
    """The account's list on chain from a time on, oldest first, asked for in ranges that every mirror node answers."""
    while clock.now_ns() - since_ns > WINDOW_NS:
        until_ns = since_ns + WINDOW_NS - 1
        yield from mirror().account_transactions(wallet.account, since_ns=since_ns, until_ns=until_ns)
        since_ns += WINDOW_NS
    yield from mirror().account_transactions(wallet.account, since_ns=since_ns)


def strangers(wallet: Wallet, records: Iterable[TransactionRecord]) -> Iterator[TransactionRecord]:
    """Those of the wallet's transactions of which this database knows neither id and bytes nor how they came.

    A row and its signed bytes are committed before they are sent, so what is read from the chain first and looked
    for here afterwards is never missing only because it is new.
    """
    signed = (record for record in records if is_signed_by(wallet, record))
    while some := list(islice(signed, ROWS_AT_ONCE)):
        known = _known(record.transaction_id for record in some)
        yield from (one for one in some if (one.transaction_id, one.hash.hex()) not in known)


def is_in_book(record: TransactionRecord) -> bool:
    """Whether exactly these bytes were signed here, or adopted."""
    return (record.transaction_id, record.hash.hex()) in _known([record.transaction_id])


def _known(transaction_ids: Iterable[str]) -> set[tuple[str | None, str]]:
    ids = list(transaction_ids)
    bodies = SignedBody.objects.filter(transaction__transaction_id__in=ids).exclude(hash="")
    rows = ContractTransaction.objects.filter(transaction_id__in=ids).exclude(hash="")
    return {
        *bodies.values_list("transaction__transaction_id", "hash"),
        *rows.values_list("transaction_id", "hash"),
    }
