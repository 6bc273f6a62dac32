"""What became of a transaction on Stellar: in which ledger it is and what it returned, or that it is in none."""

from __future__ import annotations

from dataclasses import dataclass

from stellar_sdk import xdr
from stellar_sdk.soroban_rpc import GetTransactionResponse, GetTransactionStatus

from contracts.gateways.errors import Unavailable
from contracts.gateways.soroban_errors import contract_failure
from contracts.gateways.soroban_rpc import ask, parsed, server


@dataclass(frozen=True, slots=True)
class Outcome:
    """A transaction that is in a ledger. `value` is the function's return value, None when it failed or was none."""

    is_success: bool
    ledger: int
    closed_at: int
    fee_stroops: int
    value: xdr.SCVal | None
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """Not in the ledgers that this node keeps; close times in Unix seconds."""

    latest_ledger: int
    latest_closed_at: int
    oldest_closed_at: int


def outcome(digest: bytes) -> Outcome | NotFound:
    """What became of the transaction with this hash (32 bytes), as far as this node's ledgers go back."""
    answer = ask(lambda: server().get_transaction(digest.hex()))
    if answer.status == GetTransactionStatus.NOT_FOUND:
        return NotFound(
            answer.latest_ledger, answer.latest_ledger_close_time, answer.oldest_ledger_close_time
        )
    return _outcome(answer)


def _outcome(answer: GetTransactionResponse) -> Outcome:
    result = parsed(lambda: xdr.TransactionResult.from_xdr(str(answer.result_xdr)))
    is_success = answer.status == GetTransactionStatus.SUCCESS
    code = "" if is_success else code_of(result)
    text = ""
    if not is_success:
        failure = contract_failure(code, function="", events=answer.diagnostic_events_xdr or [])
        code, text = failure.code or code, "; ".join([code, *failure.diagnostics])
    if answer.ledger is None or answer.create_at is None:
        raise Unavailable("the Soroban RPC does not say which ledger has the transaction, and since when")
    return Outcome(
        is_success=is_success,
        ledger=answer.ledger,
        closed_at=answer.create_at,
        fee_stroops=result.fee_charged.int64,
        value=_return_value(answer) if is_success and _is_function(result) else None,
        code=code,
        text=text,
    )


def _is_function(result: xdr.TransactionResult) -> bool:
    """Lengthening and restoring lives returns nothing."""
    inner = result.result.results[0].tr if result.result.results else None
    return inner is None or inner.invoke_host_function_result is not None


def _return_value(answer: GetTransactionResponse) -> xdr.SCVal:
    meta = parsed(lambda: xdr.TransactionMeta.from_xdr(str(answer.result_meta_xdr)))
    body = meta.v4 or meta.v3
    value = body.soroban_meta.return_value if body is not None and body.soroban_meta is not None else None
    if value is None:
        raise Unavailable("the transaction succeeded, and the Soroban RPC does not say what it returned")
    return value


def result_code(text: str | None) -> str:
    return code_of(parsed(lambda: xdr.TransactionResult.from_xdr(text))) if text else "ERROR"


def code_of(result: xdr.TransactionResult) -> str:
    """As the network writes it, txBAD_SEQ for instance; of a failed call what became of it, as in
    INVOKE_HOST_FUNCTION_TRAPPED.
    """
    if result.result.results and (inner := result.result.results[0].tr) is not None:
        call = inner.invoke_host_function_result
        if call is not None:
            return str(call.code.name)
    return str(result.result.code.name)
