"""simulateTransaction: runs a call on a ledger's state and says what a transaction would need."""

from collections.abc import Sequence
from typing import Any

from stellar_sdk import ExtendFootprintTTL, InvokeHostFunction, xdr

from devnet.soroban import codec, fees, results
from devnet.soroban.auth import Frame, address_credentials, recorded
from devnet.soroban.envelopes import Submitted
from devnet.soroban.execution import Executor, grant, keys_of, run
from devnet.soroban.host import Host, Moment, Trap

Answer = dict[str, Any]


def simulate(
    executor: Executor, submitted: Submitted, moment: Moment, *, auth_mode: str | None, is_upgraded: bool
) -> Answer:
    """The answer without `latestLedger`. Authorisation is recorded, not enforced, unless entries are given."""
    if not submitted.is_supported:
        return {"error": "Transaction must contain exactly one operation, of a kind that Soroban knows"}
    operation, frame = submitted.operation, submitted.frame
    if not isinstance(operation, InvokeHostFunction):
        return _footprint_only(executor, submitted, moment)
    if submitted.function is None:
        return {
            "error": "HostError: Error(Context, InvalidAction)\n\nthis host function is not modelled here"
        }
    subject = f"simulateTransaction {submitted.subject}"
    host = executor.host(moment, phase="simulate", subject=subject)
    is_enforced = bool(operation.auth) or auth_mode == "enforce"
    try:
        value = run(host, submitted)
        if is_enforced:
            grant(host, submitted.source, operation.auth)
    except Trap as trap:
        return _failed(host, frame, trap)
    entries = (
        list(operation.auth)
        if is_enforced
        else recorded(host.recorder, submitted.source, upgraded=is_upgraded)
    )
    answer = _needs(host, entries) | {
        "results": [{"auth": [entry.to_xdr() for entry in entries], "xdr": value.to_xdr()}],
        "events": [event.to_xdr() for event in host.diagnostics] + _as_diagnostics(host),
    }
    return answer | _restoration(host, frame, moment, executor.seems_archived(subject))


def _needs(host: Host, entries: Sequence[xdr.SorobanAuthorizationEntry]) -> Answer:
    """Footprint and fee; the nonce of every entry that is to be signed will be written too."""
    nonces = [
        codec.nonce_key(given.address, given.nonce.int64)
        for given in map(address_credentials, entries)
        if given
    ]
    read_write = sorted({*host.written, *nonces})
    read_only = sorted(set(host.read) - set(read_write))
    wanted = fees.resources(read_only, read_write, host.read.values(), host.written.values())
    return _offer(wanted)


def _offer(wanted: xdr.SorobanResources) -> Answer:
    data = fees.transaction_data(wanted)
    return {"transactionData": data.to_xdr(), "minResourceFee": str(data.resource_fee.int64)}


def _restoration(host: Host, frame: Frame | None, moment: Moment, is_switched_on: bool) -> Answer:
    stale = [key for key, entry in host.read.items() if entry and entry.is_archived(moment.ledger)]
    if is_switched_on and not stale and frame is not None:
        stale = [codec.instance_key(frame.contract)]
    if not stale:
        return {}
    gone = [entry for key, entry in host.read.items() if key in stale and entry]
    return {"restorePreamble": _offer(fees.resources([], sorted(stale), gone, gone))}


def _footprint_only(executor: Executor, submitted: Submitted, moment: Moment) -> Answer:
    """Only the keys that the operation would change are offered; what it cannot change is refused."""
    operation, host = submitted.operation, executor.host(moment)
    keys = [key for part in keys_of(submitted) for key in part]
    found = {key: host.get(key) for key in keys}
    if isinstance(operation, ExtendFootprintTTL):
        if gone := [key for key, entry in found.items() if entry and entry.is_archived(moment.ledger)]:
            return {"error": f"the entry must be restored before it can be extended: {gone[0]}"}
        until = moment.ledger + operation.extend_to
        short = [key for key, entry in found.items() if entry and (entry.live_until or until) < until]
        wanted = fees.resources(sorted(short), [], [found[key] for key in short], [])
        return _offer(wanted) | {"events": []}
    if missing := [key for key, entry in found.items() if entry is None]:
        return {"error": f"there is no entry to restore: {missing[0]}"}
    gone = [key for key, entry in found.items() if entry and entry.is_archived(moment.ledger)]
    entries = [entry for key in gone if (entry := found[key])]
    return _offer(fees.resources([], sorted(gone), entries, entries)) | {"events": []}


def _failed(host: Host, frame: Frame | None, trap: Trap) -> Answer:
    events = [*host.diagnostics, results.error_event(trap, frame)]
    return {"error": results.error_text(trap, frame), "events": [event.to_xdr() for event in events]}


def _as_diagnostics(host: Host) -> list[str]:
    return [xdr.DiagnosticEvent(True, event).to_xdr() for event in host.events]
