"""From SUBMITTED to an end: the chain is asked by id, and only the chain decides.

Found means nonce 0, not a duplicate record, and a transaction hash that is one of ours. Absent needs a proof:
a later transaction of the same payer in the same answer, or, for calls that the chain itself guards, three
looks apart after the chain has passed the validity. All comparisons use chain time.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings

from contracts import abi, clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.gateways.mirror import ContractResult, TransactionRecord, mirror
from contracts.models import ContractTransaction
from contracts.services.sending import NOT_YET, send_again
from contracts.services.steps import advance, fail, postpone, visit
from contracts.services.wallets import stop_wallet

log = structlog.get_logger(__name__)
Status = ContractTransaction.Status

FOUND = fault_point("transaction.found", scenario="payout")
SUCCEEDED = fault_point("transaction.succeeded", scenario="payout")
FAILED = fault_point("transaction.failed", scenario="revert")
EXPIRED = fault_point("transaction.expired", scenario="lost")

LOOKS_FOR_ABSENCE = 3
NEXT_LOOK = timedelta(seconds=1)
SLOW_LOOK = timedelta(seconds=5)
QUICK_LOOKS_FOR = timedelta(seconds=30)
FAILURES_WITH_WORDS = ("CONTRACT_REVERT_EXECUTED", "INSUFFICIENT_GAS", "CONTRACT_EXECUTION_EXCEPTION")
WORDS_WAIT = timedelta(seconds=60)


def resolve_transaction(row_id: int) -> None:
    """One look at the chain. Ends the row, sends its bytes again, counts an absent look, or comes back later."""
    visit(row_id, _look, asked="the mirror node")


def _look(row: ContractTransaction) -> None:
    if row.transaction_id is None:
        return
    record = _record(row)
    if record is not None:
        _found(row, record)
    elif row.wallet.stopped_reason:
        postpone(row, f"the wallet is stopped: {row.wallet.stopped_reason}", until=clock.now() + SLOW_LOOK)
    else:
        _not_found(row)


def _record(row: ContractTransaction) -> TransactionRecord | None:
    """The record of our bytes; the same id with another hash means that somebody else has our key."""
    hashes = set(row.bodies.exclude(hash="").values_list("hash", flat=True))
    for record in mirror().transaction(row.transaction_id or ""):
        if record.nonce or record.result == "DUPLICATE_TRANSACTION":
            continue
        if record.hash.hex() in hashes:
            return record
        stop_wallet(row.wallet, f"{row.transaction_id} is on chain with bytes that are not ours")
    return None


def _found(row: ContractTransaction, record: TransactionRecord) -> None:
    result = _contract_result(row) if record.name == "CONTRACTCALL" else None
    if result is None and _needs_result(row, record):
        _later(row, "the mirror node has it only in part")
        return
    FOUND.reach(row.subject)
    if row.status != Status.SUBMITTED and not _note_sending(row):
        return
    facts = _facts(record, result)
    if record.result == "SUCCESS":
        _succeed(row, result, facts)
    elif fail(row, *_class_and_words(row, record, result), **facts):
        FAILED.reach(row.subject)


def _contract_result(row: ContractTransaction) -> ContractResult | None:
    """The result, once it is final; a partial answer is none."""
    result = mirror().contract_result(row.transaction_id or "")
    return result if result and result.is_final else None


def _needs_result(row: ContractTransaction, record: TransactionRecord) -> bool:
    """A success is nothing without its result. A failure is one without it, too: a call that failed before the
    contract ran never gets a final result, so it is waited for only a while, for its words."""
    if record.name != "CONTRACTCALL":
        return False
    if record.result == "SUCCESS":
        return True
    return record.result in FAILURES_WITH_WORDS and not _is_older(row, WORDS_WAIT)


def _note_sending(row: ContractTransaction) -> bool:
    """Its process ended between sending and saying so, or the database is older than the chain."""
    now = clock.now()
    return advance(
        row,
        Status.SUBMITTED,
        reason="found on chain before its sending was noted",
        submitted_at=now,
        broadcast_started_at=row.broadcast_started_at or now,
    )


def _is_older(row: ContractTransaction, age: timedelta) -> bool:
    since = row.broadcast_started_at or row.planned_at
    return clock.now() - since > age


def _facts(record: TransactionRecord, result: ContractResult | None) -> dict[str, Any]:
    return {
        "consensus_at": record.consensus_at,
        "hash": record.hash.hex(),
        "fee_tinybars": record.charged_fee,
        "gas_used": result.gas_used if result else None,
    }


def _succeed(row: ContractTransaction, result: ContractResult | None, facts: dict[str, Any]) -> None:
    decoded = _decoded(row, result) if result else {}
    if advance(row, Status.SUCCEEDED, result=decoded, resolved_at=clock.now(), **facts):
        SUCCEEDED.reach(row.subject)


def _decoded(row: ContractTransaction, result: ContractResult) -> dict[str, Any]:
    """``{"output": [...], "events": [{"name", "args"}]}``: the called contract's own events, decoded."""
    interface = abi.interface(*row.interface.split("/"))
    own = (entry for entry in result.logs if entry.contract_id in (row.target, None))
    events = (interface.decode_log(entry.topics, entry.data) for entry in own)
    return {
        "output": list(interface.decode_output(row.function, result.call_result))
        if result.call_result
        else [],
        "events": [{"name": event.name, "args": event.args} for event in events if event],
    }


def _class_and_words(
    row: ContractTransaction, record: TransactionRecord, result: ContractResult | None
) -> tuple[str, str]:
    """A revert is classed by the contract's own error, everything else by the network's result."""
    message = (result.error_message if result else None) or ""
    if message.startswith("0x") and len(message) > len("0x"):
        error = abi.interface(*row.interface.split("/")).decode_error(bytes.fromhex(message[2:]))
        return (error.name, error.text) if error else (record.result, message)
    return record.result, message or record.result


def read_result_again(row: ContractTransaction) -> bool:
    """Asks for the result of an ended call once more; True when the mirror node has more of it now.

    A mirror node under load has answered with logs missing. Raises a GatewayError.
    """
    result = _contract_result(row)
    decoded = _decoded(row, result) if result else row.result
    if decoded == row.result:
        return False
    row.result = decoded
    return bool(ContractTransaction.objects.filter(pk=row.pk, status=row.status).update(result=decoded))


def _later(row: ContractTransaction, reason: str) -> None:
    """A fresh row is looked at again in a second, by a ring of its own; the sweep comes for what is lost."""
    if _is_older(row, QUICK_LOOKS_FOR):
        postpone(row, reason, until=clock.now() + SLOW_LOOK)
        return
    postpone(row, reason, until=clock.now() + 3 * NEXT_LOOK)
    ring("contracts.resolve_transaction", row.pk, after=NEXT_LOOK.total_seconds())


def _not_found(row: ContractTransaction) -> None:
    chain_ns = mirror().newest_consensus_ns()
    margin_ns = settings.EXPIRY_MARGIN_SECONDS * clock.NANOSECONDS
    if chain_ns <= row.valid_until_ns + margin_ns:
        may_send = row.broadcast_started_at is not None and chain_ns < row.valid_until_ns
        _later(row, send_again(row) if may_send else row.waiting_reason or NOT_YET)
    elif row.broadcast_started_at is None:
        _expire(
            row, "never sent, and the chain has passed its validity", only_if={"broadcast_started_at": None}
        )
    elif (record := _record(row)) is not None:  # a look counts only when it comes after the chain's time
        _found(row, record)
    elif _payer_went_on(row, row.valid_until_ns + margin_ns):
        _expire(row, "a later transaction of the payer is on chain, this one is not")
    else:
        _count_absent_look(row)


def _payer_went_on(row: ContractTransaction, after_ns: int) -> bool:
    """True when one answer of the payer's list holds a transaction after the window, and not ours."""
    page = mirror().account_page(row.wallet.account, since_ns=row.valid_start_ns or 0)
    if any(record.transaction_id == row.transaction_id for record in page):
        return False
    own = (record for record in page if record.payer == row.wallet.account)
    return any(clock.consensus_ns(record.consensus_at) > after_ns for record in own)


def _count_absent_look(row: ContractTransaction) -> None:
    if not row.has_guard:
        postpone(
            row,
            "unresolved: no later transaction of the payer proves its absence",
            until=clock.now() + SLOW_LOOK,
        )
        return
    now = clock.now()
    spacing = timedelta(seconds=settings.LOOK_SPACING_SECONDS)
    if row.last_absent_look_at is None or now - row.last_absent_look_at >= spacing:
        same = ContractTransaction.objects.filter(pk=row.pk, absent_looks=row.absent_looks)
        row.absent_looks += same.update(absent_looks=row.absent_looks + 1, last_absent_look_at=now)
    if row.absent_looks >= LOOKS_FOR_ABSENCE:
        _expire(row, f"absent in {row.absent_looks} looks after the chain had passed its validity")
    else:
        postpone(row, f"absent in {row.absent_looks} of {LOOKS_FOR_ABSENCE} looks", until=now + spacing)


def _expire(row: ContractTransaction, reason: str, *, only_if: dict[str, Any] | None = None) -> None:
    if advance(
        row,
        Status.EXPIRED,
        reason=reason,
        only_if=only_if,
        resolved_at=clock.now(),
        error_class="EXPIRED",
        error_text=reason,
    ):
        EXPIRED.reach(row.subject)
