"""From SUBMITTED to an end: the chain is asked by id, and only the chain decides.

Found means nonce 0, not a duplicate record, and a transaction hash that is one of ours. Absent needs a proof:
a later transaction of the same payer in the same answer, or, for calls that the chain itself guards, three
looks apart after the chain has passed the validity. All comparisons use chain time.
"""

import json
from collections.abc import Callable, Container, Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings

from contracts import abi, clock
from contracts.doorbell import ring
from contracts.faults import fault_point
from contracts.gateways.errors import GatewayError, Throttled
from contracts.gateways.mirror import ContractResult, Log, TransactionRecord, mirror
from contracts.models import ContractTransaction
from contracts.services import absence
from contracts.services.identity import identity_problem
from contracts.services.sending import NOT_YET, send_again
from contracts.services.steps import advance, fail, postpone, visit
from contracts.services.wallets import stop_wallet

log = structlog.get_logger(__name__)
Status = ContractTransaction.Status

FOUND = fault_point("transaction.found", scenario="payout")
SUCCEEDED = fault_point("transaction.succeeded", scenario="payout")
FAILED = fault_point("transaction.failed", scenario="revert")
EXPIRED = fault_point("transaction.expired", scenario="lost")

MAKING = ("FILECREATE", "FILEAPPEND", "CONTRACTCREATEINSTANCE")
IN_PART = "the mirror node has it only in part"
NEVER_SENT = "never sent, and the chain has passed its validity"
NEXT_LOOK = timedelta(seconds=1)
SLOW_LOOK = timedelta(seconds=5)
QUICK_LOOKS_FOR = timedelta(seconds=30)
FAILURES_WITH_WORDS = ("CONTRACT_REVERT_EXECUTED", "INSUFFICIENT_GAS", "CONTRACT_EXECUTION_EXCEPTION")
WORDS_WAIT = timedelta(seconds=60)


def resolve_transaction(row_id: int) -> None:
    """One look at the chain. Ends the row, sends its bytes again, counts an absent look, or comes back later."""
    visit(row_id, _look, asked="the mirror node")


def resolve_for_claim(row_id: int) -> None:
    """The same for a row of a stopped wallet that is being claimed: its end must be known before it signs again."""
    visit(row_id, _look_for_claim, asked="the mirror node")


def _look(row: ContractTransaction) -> None:
    _look_at_chain(row, if_absent=_not_found_unless_stopped)


def _look_for_claim(row: ContractTransaction) -> None:
    _look_at_chain(row, if_absent=_not_found)


def _look_at_chain(row: ContractTransaction, *, if_absent: Callable[[ContractTransaction], None]) -> None:
    if row.transaction_id is None:
        return
    if row.is_on_stellar:
        from contracts.services import resolving_stellar  # it uses what this module has for both networks

        resolving_stellar.look(row)
        return
    try:
        record = _record(row)
    except Throttled:
        raise
    except GatewayError:
        if not _is_known_by_its_result(row):
            raise
        return
    if record is not None:
        found_on_chain(row, record)
    else:
        if_absent(row)


def _is_known_by_its_result(row: ContractTransaction) -> bool:
    """Whether the mirror node has the call's result, where its record is not to be had; a success ends the row.

    A mirror node serves results apart from transactions. A final result of our bytes says as much of a success as the
    record does, but for the fee; a failure waits for its record, which has the last word on it. Raises a GatewayError.
    What is no call of a contract has no result that says enough.
    """
    if not row.interface:
        return False
    result = mirror().contract_result(row.transaction_id or "")
    ours = [digest for digest in own_hashes(row) if result and digest.startswith(result.hash.hex() or "none")]
    if result is None or not ours:
        return False
    if not result.is_final or result.result != "SUCCESS":
        later(row, IN_PART)
        return True
    FOUND.reach(row.subject)
    if row.status == Status.SUBMITTED or note_sending(row):
        facts = {"consensus_at": result.consensus_at, "hash": ours[0], "gas_used": result.gas_used}
        _succeed(row, _decoded(row, result), facts)
    return True


def _not_found_unless_stopped(row: ContractTransaction) -> None:
    """While a wallet is stopped nothing is called absent or sent again: its list on chain is in doubt."""
    if row.wallet.stopped_reason:
        postpone(row, f"the wallet is stopped: {row.wallet.stopped_reason}", until=clock.now() + SLOW_LOOK)
    else:
        _not_found(row)


def _record(row: ContractTransaction) -> TransactionRecord | None:
    return own_record(row, mirror().transaction(row.transaction_id or ""), own_hashes(row))


def own_hashes(row: ContractTransaction) -> set[str]:
    """Of every body that was built for the row."""
    return {row.hash, *row.bodies.values_list("hash", flat=True)} - {""}


def own_record(
    row: ContractTransaction, records: Iterable[TransactionRecord], hashes: Container[str]
) -> TransactionRecord | None:
    """Of the records of the row's id the one of our bytes; another hash means that somebody else has our key."""
    for record in records:
        if record.nonce or record.result == "DUPLICATE_TRANSACTION":
            continue
        if record.hash.hex() in hashes:
            return record
        stop_wallet(row.wallet, f"{row.transaction_id} is on chain with bytes that are not ours")
    return None


def found_on_chain(row: ContractTransaction, record: TransactionRecord) -> None:
    """Like ``found``, and asks for the contract's result itself. Raises a GatewayError."""
    found(row, record, _contract_result(row) if record.name == "CONTRACTCALL" else None)


def found(row: ContractTransaction, record: TransactionRecord, result: ContractResult | None) -> None:
    """Moves the row to what the chain says; without a result that is needed and final it is looked at again later.

    ``record`` is one that ``own_record`` chose, ``result`` the contract's, None when the mirror node has none.
    """
    result = result if result and result.is_final else None
    if result is None and _needs_result(row, record):
        later(row, IN_PART)
        return
    FOUND.reach(row.subject)
    if row.status != Status.SUBMITTED and not note_sending(row):
        return
    facts = facts_of(record, result)
    if record.result == "SUCCESS":
        _succeed(row, _decoded(row, result) if result else _made(record), facts)
    else:
        note_failure(row, *_class_and_words(row, record, result), facts)


def note_failure(row: ContractTransaction, error_class: str, text: str, facts: dict[str, Any]) -> None:
    """FAILED as the chain says; ``facts`` are the columns that it decides."""
    if fail(row, error_class, text, **facts):
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


def note_sending(row: ContractTransaction) -> bool:
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


def facts_of(record: TransactionRecord, result: ContractResult | None) -> dict[str, Any]:
    """The columns that the chain decides."""
    return {
        "consensus_at": record.consensus_at,
        "hash": record.hash.hex(),
        "fee_units": record.charged_fee,
        "gas_used": result.gas_used if result else None,
    }


def _made(record: TransactionRecord) -> dict[str, Any]:
    """``{"entity": "0.0.x"}`` for what makes or changes a file or a contract; a transfer leaves nothing."""
    return {"entity": record.entity_id} if record.name in MAKING else {}


def _succeed(row: ContractTransaction, decoded: dict[str, Any], facts: dict[str, Any]) -> None:
    if advance(row, Status.SUCCEEDED, result=decoded, resolved_at=clock.now(), **facts):
        SUCCEEDED.reach(row.subject)


def _decoded(row: ContractTransaction, result: ContractResult) -> dict[str, Any]:
    """``{"output": [...], "events": [...]}``: the answer, and the called contract's own events."""
    events = decoded_events(row, result.logs)
    # What a call returned is kept where it left no event: a payout's event says the same again.
    has_output = result.call_result and not events
    interface = abi.interface(*row.interface.split("/"))
    return {
        "output": list(interface.decode_output(row.function, result.call_result)) if has_output else [],
        "events": events,
    }


def decoded_events(row: ContractTransaction, logs: Iterable[Log]) -> list[dict[str, Any]]:
    """The called contract's own events, as they are stored with the row."""
    interface = abi.interface(*row.interface.split("/"))
    own = (entry for entry in logs if entry.contract_id in (row.target, None))
    events = ((entry, interface.decode_log(entry.topics, entry.data)) for entry in own)
    return [_event(entry, event) for entry, event in events if event]


def _event(entry: Log, event: abi.Event) -> dict[str, Any]:
    """Decoded, and as it was: it is stored as evidence beside what others have caused."""
    return {
        "name": event.name,
        "args": event.args,
        "index": entry.index,
        "block": entry.block_number,
        "topics": list(entry.topics),
        "data": entry.data.hex(),
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
    # As the column gives it back: lists instead of tuples.
    decoded = json.loads(json.dumps(_decoded(row, result))) if result else row.result
    if decoded == row.result:
        return False
    row.result = decoded
    return bool(ContractTransaction.objects.filter(pk=row.pk, status=row.status).update(result=decoded))


def later(row: ContractTransaction, reason: str) -> None:
    """A fresh row is looked at again in a second, by a ring of its own; the sweep comes for what is lost."""
    if _is_older(row, QUICK_LOOKS_FOR):
        postpone(row, reason, until=clock.now() + SLOW_LOOK)
        return
    postpone(row, reason, until=clock.now() + 3 * NEXT_LOOK)
    ring("contracts.resolve_transaction", row.pk, after=NEXT_LOOK.total_seconds())


def _not_found(row: ContractTransaction) -> None:
    chain_ns = mirror().newest_consensus_ns()
    if not absence.is_past(row, chain_ns):
        may_send = row.broadcast_started_at is not None and chain_ns < row.valid_until_ns
        later(row, send_own_again(row) if may_send else row.waiting_reason or NOT_YET)
    elif row.broadcast_started_at is None:
        expire(row, NEVER_SENT, only_if={"broadcast_started_at": None})
    elif (record := _record(row)) is not None:  # a look counts only when it comes after the chain's time
        found_on_chain(row, record)
    elif _is_known_by_its_result(row):
        return
    elif words := absence.proof_of(row):
        expire(row, words)
    elif row.has_guard:
        _count_absent_look(row)
    else:
        postpone(row, absence.ensure_later_transaction(row), until=clock.now() + SLOW_LOOK)


def send_own_again(row: ContractTransaction) -> str:
    """A copy of the database sends nothing, not even what the original has signed."""
    return identity_problem() or send_again(row)


def _count_absent_look(row: ContractTransaction) -> None:
    """Three looks apart are enough for a call that the chain itself refuses to do twice."""
    if absence.is_listed(row):
        postpone(row, "the mirror node lists it and does not show it yet", until=clock.now() + SLOW_LOOK)
        return
    now = clock.now()
    spacing = timedelta(seconds=settings.LOOK_SPACING_SECONDS)
    if row.last_absent_look_at is None or now - row.last_absent_look_at >= spacing:
        same = ContractTransaction.objects.filter(pk=row.pk, absent_looks=row.absent_looks)
        row.absent_looks += same.update(absent_looks=row.absent_looks + 1, last_absent_look_at=now)
    looks = absence.LOOKS_FOR_ABSENCE
    if row.absent_looks >= looks:
        expire(row, f"absent in {row.absent_looks} looks after the chain had passed its validity")
    else:
        postpone(row, f"absent in {row.absent_looks} of {looks} looks", until=now + spacing)


def expire(row: ContractTransaction, reason: str, *, only_if: dict[str, Any] | None = None) -> None:
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
