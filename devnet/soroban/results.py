"""Results and metadata of transactions in XDR."""

import hashlib
import re
from collections.abc import Sequence

from stellar_sdk import scval, xdr

from devnet.soroban import codec
from devnet.soroban.auth import Frame
from devnet.soroban.host import Trap

_V0 = xdr.ExtensionPoint(0)
_Code = xdr.TransactionResultCode
_Invoke = xdr.InvokeHostFunctionResultCode
_ERROR = re.compile(r"Error\((?P<kind>\w+), (?:#(?P<number>\d+)|(?P<code>\w+))\)")


def transaction_result(
    code: xdr.TransactionResultCode, fee: int, operation: xdr.OperationResult | None = None
) -> str:
    results = [operation] if operation else None
    body = xdr.TransactionResultResult(code, results=results)
    return xdr.TransactionResult(xdr.Int64(fee), body, xdr.TransactionResultExt(0)).to_xdr()


def _operation(kind: xdr.OperationType, **result: object) -> xdr.OperationResult:
    inner = xdr.OperationResultTr(kind, **result)  # type: ignore[arg-type]
    return xdr.OperationResult(xdr.OperationResultCode.opINNER, inner)


def invoked(value: xdr.SCVal, events: Sequence[xdr.ContractEvent]) -> xdr.OperationResult:
    image = xdr.InvokeHostFunctionSuccessPreImage(value, list(events)).to_xdr_bytes()
    result = xdr.InvokeHostFunctionResult(
        _Invoke.INVOKE_HOST_FUNCTION_SUCCESS, success=xdr.Hash(hashlib.sha256(image).digest())
    )
    return _operation(xdr.OperationType.INVOKE_HOST_FUNCTION, invoke_host_function_result=result)


def not_invoked(code: xdr.InvokeHostFunctionResultCode) -> xdr.OperationResult:
    result = xdr.InvokeHostFunctionResult(code)
    return _operation(xdr.OperationType.INVOKE_HOST_FUNCTION, invoke_host_function_result=result)


def restored() -> xdr.OperationResult:
    result = xdr.RestoreFootprintResult(xdr.RestoreFootprintResultCode.RESTORE_FOOTPRINT_SUCCESS)
    return _operation(xdr.OperationType.RESTORE_FOOTPRINT, restore_footprint_result=result)


def extended() -> xdr.OperationResult:
    result = xdr.ExtendFootprintTTLResult(xdr.ExtendFootprintTTLResultCode.EXTEND_FOOTPRINT_TTL_SUCCESS)
    return _operation(xdr.OperationType.EXTEND_FOOTPRINT_TTL, extend_footprint_ttl_result=result)


def meta(
    value: xdr.SCVal | None,
    events: Sequence[xdr.ContractEvent],
    diagnostics: Sequence[xdr.DiagnosticEvent],
) -> str:
    """Without the changes of entries: nobody reads them from here, getLedgerEntries has their state."""
    soroban = xdr.SorobanTransactionMetaV2(xdr.SorobanTransactionMetaExt(0), value)
    operation = xdr.OperationMetaV2(_V0, xdr.LedgerEntryChanges([]), list(events))
    body = xdr.TransactionMetaV4(
        ext=_V0,
        tx_changes_before=xdr.LedgerEntryChanges([]),
        operations=[operation],
        tx_changes_after=xdr.LedgerEntryChanges([]),
        soroban_meta=soroban,
        events=[],
        diagnostic_events=list(diagnostics),
    )
    return xdr.TransactionMeta(4, v4=body).to_xdr()


def error_event(trap: Trap, frame: Frame | None) -> xdr.DiagnosticEvent:
    topics = [scval.to_symbol("error"), _error(trap.reason)]
    return codec.diagnostic_event(
        frame.contract if frame else "", topics, scval.to_string(trap.why or trap.reason)
    )


def error_text(trap: Trap, frame: Frame | None) -> str:
    """As simulateTransaction tells it."""
    place = f"contract:{frame.contract}, " if frame else ""
    line = f'{place}topics:[error, {trap.reason}], data:"{trap.why or trap.reason}"'
    return f"HostError: {trap.reason}\n\nEvent log (newest first):\n   0: [Diagnostic Event] {line}\n"


def _error(reason: str) -> xdr.SCVal:
    found = _ERROR.search(reason)
    kind, number, code = found.group("kind", "number", "code") if found else ("Context", None, None)
    name = xdr.SCErrorType[f"SCE_{_upper(kind)}"]
    if name is xdr.SCErrorType.SCE_CONTRACT:
        error = xdr.SCError(name, contract_code=xdr.Uint32(int(number or 0)))
    else:
        error = xdr.SCError(name, code=xdr.SCErrorCode[f"SCEC_{_upper(code or 'InternalError')}"])
    return xdr.SCVal(xdr.SCValType.SCV_ERROR, error=error)


def _upper(camel: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", camel).upper()
