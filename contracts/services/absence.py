"""The proof that a transaction is not on chain and never will be: a transaction that is wrongly called absent is sent
again under another identity, and the chain would execute both.

Progress and absence must come from one answer, because behind one address several mirror nodes with different lag
answer. The payer's list gives both, page by page: a mirror node imports in order, so the page that ends at a time
has all that came before it. Each page proves its own stretch, a node that is behind ends the list early, and the
walk proves the whole window only when it meets a later transaction of the same payer. That one has to be in our
book, bytes included: one that nobody sent proves nothing.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from contracts import clock
from contracts.gateways import hedera
from contracts.gateways.errors import Unavailable
from contracts.gateways.mirror import TransactionRecord, mirror
from contracts.ids import new_uid
from contracts.models import ContractTransaction, Hold
from contracts.services.book import is_in_book
from contracts.services.planning import AlreadyOpen, Call, Waiting, plan_transaction

Status = ContractTransaction.Status

PROOF_PURPOSE = "proof"
LOOKS_FOR_ABSENCE = 3
WENT_ON = "a later transaction of the payer is on chain, this one is not"
# The known transaction that the list must begin with is looked for at most this far back: an account also lists
# what strangers send to it, and an idle wallet may have much of that.
ANCHOR_WITHIN_NS = 3600 * clock.NANOSECONDS
PROOF_PAUSE = timedelta(seconds=60)


def margin_ns() -> int:
    return int(settings.EXPIRY_MARGIN_SECONDS) * clock.NANOSECONDS


def is_past(row: ContractTransaction, chain_ns: int) -> bool:
    """Whether the chain's time is so late that the transaction would have to be on it."""
    return chain_ns > row.valid_until_ns + margin_ns()


def proof_of(row: ContractTransaction) -> str | None:
    """The words that prove it absent; None when this answer of the mirror node proves nothing.

    For a call without a guard on chain, its traces must be missing as well: no log of the called contract may
    bear its hash, even if the list of transactions has lost it.
    """
    after_ns = row.valid_until_ns + margin_ns()
    for record in _list_from_known(row):
        if record.transaction_id == row.transaction_id:
            return None
        is_later = record.consensus_ns > after_ns and record.payer == row.wallet.account
        if is_later and is_in_book(record):
            return None if not row.has_guard and _leaves_traces(row, after_ns) else WENT_ON
    return None


def is_listed(row: ContractTransaction) -> bool:
    """Whether the payer's list has it after all. Raises Unavailable when that list cannot be trusted."""
    window = _list_from_known(row, until_ns=row.valid_until_ns + margin_ns())
    return any(record.transaction_id == row.transaction_id for record in window)


def ensure_later_transaction(row: ContractTransaction) -> str:
    """An idle payer gives itself one tinybar, recorded like any call, so that its list goes on.

    Returns the words for what the row waits for.
    """
    since = f"unresolved since {row.submitted_at or row.planned_at:%Y-%m-%d %H:%M:%S} UTC"
    under_way = f"{since}: a transfer of the payer to itself is to show that the chain went on without it"
    if _has_proof_under_way(row):
        return under_way
    try:
        with transaction.atomic():
            plan_transaction(
                wallet=row.wallet,
                contract=row.contract,
                call=Call(row.wallet.account, "", hedera.SELF_TRANSFER, [], gas_limit=0),
                purpose=PROOF_PURPOSE,
                subject=f"{PROOF_PURPOSE}:{new_uid()}",
                group_uid=row.group_uid,
                has_guard=True,  # to give itself a tinybar twice harms nobody
            )
    except (Waiting, AlreadyOpen) as error:
        return f"{since}: no later transaction of the payer proves its absence, and none may be sent: {error}"
    return under_way


def why_no_proof(row: ContractTransaction) -> str | None:
    """The gate of these transfers. They pay nobody, and still: under a hold nothing is sent."""
    scopes = [(Hold.Scope.CONTRACT.value, row.contract.uid)] if row.contract else []
    hold = Hold.objects.covering(scopes).first()
    return f"held: {hold.reason}" if hold else None


def tell_nobody(row: ContractTransaction, arrow: str) -> None:
    """Whoever waits for the proof finds it in the payer's list."""


def _has_proof_under_way(row: ContractTransaction) -> bool:
    """One serves all rows of the wallet that it is later than; after one that ended otherwise a pause is made."""
    mine = ContractTransaction.objects.filter(wallet=row.wallet, purpose=PROOF_PURPOSE)
    after = clock.consensus_text(row.valid_until_ns + margin_ns())
    return (
        mine.open().exists()
        or mine.filter(consensus_at__gt=after).exists()
        or mine.filter(planned_at__gt=clock.now() - PROOF_PAUSE).exists()
    )


def _list_from_known(row: ContractTransaction, *, until_ns: int | None = None) -> Iterator[TransactionRecord]:
    """The payer's list from a transaction that we know to be on chain, where there is one not long before the row.

    A mirror node that was reset, or is being filled anew, has newer transactions and lacks older ones; it does not
    begin with the known one, and nothing is concluded from it.
    """
    start_ns = row.valid_start_ns or 0
    anchor = _anchor(row, start_ns)
    since_ns = clock.consensus_ns(anchor.consensus_at) if anchor else start_ns
    records = iter(mirror().account_transactions(row.wallet.account, since_ns=since_ns, until_ns=until_ns))
    if anchor is not None:
        first = next(records, None)
        if first is None or first.transaction_id != anchor.transaction_id:
            raise Unavailable(
                f"its list does not begin with {anchor.transaction_id}, which is on chain: it is behind, or was reset"
            )
    return records


def _anchor(row: ContractTransaction, start_ns: int) -> ContractTransaction | None:
    ended = ContractTransaction.objects.filter(
        wallet=row.wallet, status__in=(Status.SUCCEEDED, Status.FAILED)
    )
    window = (start_ns - ANCHOR_WITHIN_NS, start_ns)
    earlier = ended.filter(valid_start_ns__range=window, consensus_at__lte=clock.consensus_text(start_ns))
    return earlier.exclude(consensus_at="").order_by("-valid_start_ns").first()


def _leaves_traces(row: ContractTransaction, until_ns: int) -> bool:
    """Logs name a transaction by the first 32 bytes of its hash."""
    if not row.interface:
        return False
    ours = {
        bytes.fromhex(digest)[:32] for digest in row.bodies.exclude(hash="").values_list("hash", flat=True)
    }
    since, until = (clock.consensus_text(ns) for ns in (row.valid_start_ns or 0, until_ns))
    logs = mirror().logs(row.target, since=since, until=until)
    return any(entry.transaction_hash[:32] in ours for entry in logs)
