"""Answers without what two networks cannot share: nonces, ledger numbers, the second, fees, wordings."""

import re
from typing import Any

from stellar_sdk import xdr

MASKED = {b"through_ts", b"live_until_ledger"}
_ERROR = re.compile(r"Error\(\w+, #?\w+\)")
_VOID = xdr.SCVal(xdr.SCValType.SCV_VOID)


def value(found: xdr.SCVal) -> str:
    """XDR in base64; fields that follow from the second or the ledger are empty."""
    return _masked(xdr.SCVal.from_xdr(found.to_xdr())).to_xdr()


def _masked(found: xdr.SCVal) -> xdr.SCVal:
    for entry in found.map.sc_map if found.map else []:
        is_masked = entry.key.sym is not None and entry.key.sym.sc_symbol in MASKED
        entry.val = _VOID if is_masked else _masked(entry.val)
    for number, one in enumerate(found.vec.sc_vec if found.vec else []):
        found.vec.sc_vec[number] = _masked(one)  # type: ignore[union-attr]
    if found.instance is not None and found.instance.storage is not None:
        for entry in found.instance.storage.sc_map:
            entry.val = _masked(entry.val)
    return found


def event(found: xdr.ContractEvent) -> tuple[Any, ...]:
    body = found.body.v0
    assert body is not None
    contract = found.contract_id.to_xdr() if found.contract_id else ""
    return contract, tuple(topic.to_xdr() for topic in body.topics), value(body.data)


def events_of_simulation(texts: list[str]) -> list[tuple[Any, ...]]:
    found = [xdr.DiagnosticEvent.from_xdr(text).event for text in texts]
    return [event(one) for one in found if one.type is xdr.ContractEventType.CONTRACT]


def authorisation(text: str) -> str:
    entry = xdr.SorobanAuthorizationEntry.from_xdr(text)
    given = entry.credentials.address or entry.credentials.address_v2
    if given is not None:
        given.nonce = xdr.Int64(0)
    return entry.to_xdr()


def error(text: str) -> str:
    """The code of the host or the contract."""
    found = _ERROR.search(text)
    return found[0] if found else "refused"


def result(text: str) -> tuple[str, ...]:
    """The codes of a transaction and of its operation."""
    body = xdr.TransactionResult.from_xdr(text).result
    inner = body.results[0].tr if body.results else None
    parts = (
        inner
        and (
            inner.invoke_host_function_result,
            inner.restore_footprint_result,
            inner.extend_footprint_ttl_result,
        )
    ) or ()
    return (body.code.name, *(part.code.name for part in parts if part is not None))


def done(answer: dict[str, Any]) -> dict[str, Any]:
    """What getTransaction says of a transaction that was included."""
    shown: dict[str, Any] = {"status": answer["status"]}
    if answer["status"] == "NOT_FOUND":
        return shown
    shown["codes"] = result(answer["resultXdr"])
    meta = xdr.TransactionMeta.from_xdr(answer["resultMetaXdr"]).v4
    assert meta is not None
    returned = meta.soroban_meta.return_value if meta.soroban_meta else None
    shown["value"] = value(returned) if returned is not None else ""
    texts = [text for group in answer["events"]["contractEventsXdr"] for text in group]
    shown["events"] = [event(xdr.ContractEvent.from_xdr(text)) for text in texts]
    return shown


def entry(text: str) -> str:
    """The entry as XDR; of a contract's instance with masked fields."""
    data = xdr.LedgerEntryData.from_xdr(text)
    if data.contract_data is not None:
        data.contract_data.val = _masked(data.contract_data.val)
    return data.to_xdr()
