"""Taking a transaction back into the book that is on chain and that this database does not know.

It was sent by this Paydate before its database was put back, or by a copy of it. The chain cannot be undone, so
the book follows: the transaction becomes the attempt of its subject that its memo names, with the chain's
identity, and is resolved like any other. From then on nothing can be sent for that subject as if it had not been.
"""

from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Max

from contracts import clock, gates
from contracts.gateways.errors import GatewayError
from contracts.gateways.mirror import TransactionRecord
from contracts.ids import new_uid
from contracts.models import ContractTransaction, Wallet
from contracts.services.book import Memo
from contracts.services.holds import PAYDATE
from contracts.services.planning import Call, Owner, new_row
from contracts.services.resolving import facts_of, found_on_chain
from contracts.services.steps import advance, fail
from contracts.transitions import record_move

log = structlog.get_logger(__name__)
Status = ContractTransaction.Status

STRAY_PURPOSE = "stray"
ID_TAKEN = "ID_TAKEN"
MOST_VALID_SECONDS = 180
NOT_OURS = "not sent by this Paydate; kept as evidence that it was seen"
UNKNOWN_SUBJECT = "this database does not know what it was for; kept as evidence"
SUCCEEDED_BEFORE = "its subject had succeeded by another transaction already; kept as evidence"
GAVE_WAY = "never signed, and another attempt of it is on chain"


def adopt(wallet: Wallet, record: TransactionRecord, memo: Memo) -> bool:
    """Takes a transaction with our memo into the book and resolves it as far as the chain allows.

    False when it has to wait: another attempt of its subject is still open and may be on chain as well.
    """
    if _has_row(record):
        return True
    row = ContractTransaction.objects.filter(subject=memo.subject, attempt=memo.attempt).first()
    if row is None or not _give_identity(row, record):
        _end_unsigned(memo.subject)
        row = _insert(wallet, record, memo)
    if row is None:
        return False
    log.warning("adopted", transaction_id=row.transaction_id, subject=row.subject, attempt=row.attempt)
    _resolve(row, record)
    return True


def keep_stray(wallet: Wallet, record: TransactionRecord, *, reason: str = NOT_OURS) -> None:
    """A row for a transaction that belongs to nothing here, so that the book holds all that the key signed."""
    if _has_row(record):
        return
    row = ContractTransaction(
        wallet=wallet,
        contract=None,
        target=record.entity_id or "",
        purpose=STRAY_PURPOSE,
        subject=f"{STRAY_PURPOSE}:{new_uid()}",
        attempt=1,
        has_guard=False,
        gas_limit=0,
        max_fee_units=record.charged_fee,
        memo=record.memo.decode("ascii", "replace").replace("\0", "")[:100],
    )
    _store_ended(row, record, reason)


def _has_row(record: TransactionRecord) -> bool:
    """True when a row has this id already; then its bytes, which this database did not know, are noted on it."""
    row = _row_with_id(record)
    if row is None:
        return False
    ContractTransaction.objects.filter(pk=row.pk, hash="").update(
        hash=record.hash.hex(), adopted_at=clock.now()
    )
    row.refresh_from_db()
    if record.memo.decode("ascii", "replace") == row.memo:  # signed by our key after the backup was taken
        if row.status == Status.EXPIRED:
            log.critical("expired_yet_on_chain", transaction_id=row.transaction_id, result=record.result)
        _resolve(row, record)
    elif row.is_open:
        fail(row, ID_TAKEN, "bytes that are not ours took its id, so ours can never be on chain")
    return True


def _row_with_id(record: TransactionRecord) -> ContractTransaction | None:
    return ContractTransaction.objects.filter(transaction_id=record.transaction_id).first()


def _resolve(row: ContractTransaction, record: TransactionRecord) -> None:
    if not row.is_open:
        return
    try:
        found_on_chain(row, record)
    except GatewayError as error:  # the row waits for its result like any other
        log.info("resolved_later", transaction_id=row.transaction_id, error=str(error))


def _give_identity(row: ContractTransaction, record: TransactionRecord) -> bool:
    """A row that was planned before the backup and never signed here: it can only ever be this transaction now."""
    columns = {**_identity(record), "identified_at": clock.now()}
    unfixed = ContractTransaction.objects.filter(pk=row.pk, status=Status.PLANNED, valid_start_ns=None)
    given = unfixed.update(**columns)
    row.refresh_from_db()
    return bool(given)


def _end_unsigned(subject: str) -> None:
    """An attempt that was never signed here gives way to the one on chain; the loser of the race is signed."""
    for row in ContractTransaction.objects.of(subject).filter(status=Status.PLANNED, valid_start_ns=None):
        advance(
            row,
            Status.EXPIRED,
            reason=GAVE_WAY,
            only_if={"valid_start_ns": None},
            resolved_at=clock.now(),
            error_class="EXPIRED",
            error_text=GAVE_WAY,
        )


def _insert(wallet: Wallet, record: TransactionRecord, memo: Memo) -> ContractTransaction | None:
    """The attempt its memo names, or the next one where that is taken. None while the subject has an open one."""
    attempts = ContractTransaction.objects.of(memo.subject)
    origin = _origin(attempts.last(), memo)
    if origin is not None and attempts.open().exists():
        return None
    has_succeeded = attempts.filter(status=Status.SUCCEEDED).exists()
    if origin is None or has_succeeded:
        keep_stray(wallet, record, reason=SUCCEEDED_BEFORE if has_succeeded else UNKNOWN_SUBJECT)
        return _row_with_id(record)
    owner, call = origin
    row = new_row(owner, call, memo.subject, _free_attempt(memo))
    row.wallet, row.memo = wallet, record.memo.decode("ascii")
    return _store_submitted(row, record)


def _origin(sibling: ContractTransaction | None, memo: Memo) -> tuple[Owner, Call] | None:
    """What the call was and whose: as its sibling says, or the app that owns the purpose."""
    if sibling is None:
        return gates.origin_of(memo.purpose, memo.subject)
    owner = Owner(
        sibling.wallet, sibling.contract, sibling.purpose, sibling.group_uid, has_guard=sibling.has_guard
    )
    call = Call(
        sibling.target, sibling.interface, sibling.function, sibling.arguments, gas_limit=sibling.gas_limit
    )
    return owner, call


def _free_attempt(memo: Memo) -> int:
    taken = ContractTransaction.objects.of(memo.subject)
    if not taken.filter(attempt=memo.attempt).exists():
        return memo.attempt
    return int(taken.aggregate(last=Max("attempt"))["last"]) + 1


def _store_submitted(row: ContractTransaction, record: TransactionRecord) -> ContractTransaction | None:
    """Inserted as sent, with the news for its owner. None when somebody else was faster."""
    _set(row, _identity(record))
    row.status = Status.SUBMITTED
    row.submitted_at = row.broadcast_started_at = clock.from_ns(record.valid_start_ns)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            record_move(
                row, "", row.status, reason="found on chain; this database did not know it", by=PAYDATE
            )
            gates.tell(row, row.status)
    except IntegrityError:
        return None
    return row


def _store_ended(row: ContractTransaction, record: TransactionRecord, reason: str) -> None:
    is_success = record.result == "SUCCESS"
    _set(row, {**_identity(record), **facts_of(record, None), "resolved_at": clock.now()})
    row.status = Status.SUCCEEDED if is_success else Status.FAILED
    row.error_class = "" if is_success else record.result[:64]
    row.error_text = "" if is_success else reason
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            record_move(row, "", row.status, reason=reason, by=PAYDATE)
    except IntegrityError:  # whoever else reads the list has kept it
        log.info("kept_already", transaction_id=record.transaction_id)


def _identity(record: TransactionRecord) -> dict[str, Any]:
    return {
        "transaction_id": record.transaction_id,
        "valid_start_ns": record.valid_start_ns,
        "valid_seconds": record.valid_seconds or MOST_VALID_SECONDS,
        "hash": record.hash.hex(),
        "adopted_at": clock.now(),
    }


def _set(row: ContractTransaction, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        setattr(row, name, value)
