"""Runs what a ledger includes: contract calls, restorations and extensions of life."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stellar_sdk import ExtendFootprintTTL, InvokeHostFunction, RestoreFootprint, scval, xdr

from devnet.faults import FaultBoard
from devnet.soroban import codec, compiled, creating, exact, investment, results, token
from devnet.soroban.auth import Frame, NotAuthorised, enforce
from devnet.soroban.codec import Entry, given
from devnet.soroban.envelopes import Submitted
from devnet.soroban.host import Functions, Host, Moment, Trap
from devnet.soroban.store import Store

RESTORED_LEDGERS = 2_073_600
_Invoke = xdr.InvokeHostFunctionResultCode
CODES = (token.CODE, investment.CODE)
_MODELS: dict[bytes, Functions] = {
    codec.code_hash(token.CODE): token.FUNCTIONS,
    codec.code_hash(investment.CODE): investment.FUNCTIONS,
    compiled.hash_of("token"): compiled.guarded("token", token.COMPILED_FUNCTIONS),
    compiled.hash_of("investment"): compiled.guarded("investment", exact.FUNCTIONS),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Without success nothing changes but the source account."""

    operation: xdr.OperationResult
    is_success: bool
    value: xdr.SCVal | None = None
    events: Sequence[xdr.ContractEvent] = ()
    diagnostics: Sequence[xdr.DiagnosticEvent] = ()
    changes: dict[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Nonces:
    """Used nonces of authorisations, as temporary entries of the run."""

    host: Host

    def has(self, key: str) -> bool:
        known = self.host.get(key)
        return known is not None and not known.is_archived(self.host.moment.ledger)

    def note(self, key: str, live_until: int) -> None:
        self.host.put(key, codec.data_entry(key, scval.to_void()), live_until)


class Executor:
    def __init__(self, store: Store, faults: FaultBoard) -> None:
        self._store = store
        self._faults = faults

    def host(
        self,
        moment: Moment,
        *,
        phase: str = "",
        subject: str = "",
        is_waived: bool = False,
        allowed: frozenset[str] | None = None,
    ) -> Host:
        """A host on the state after this ledger; with `allowed`, nothing else may be touched."""

        def read(key: str) -> Entry | None:
            if allowed is not None and key not in allowed:
                raise Trap(
                    "Error(Storage, ExceededLimit)",
                    "trying to access contract data key outside of the footprint",
                )
            return self._store.entry(key, moment.ledger)

        return Host(
            read, moment, _MODELS.get, self._store.answer, self._trips(phase, subject), is_waived=is_waived
        )

    def seems_archived(self, subject: str) -> bool:
        return self._faults.hit("soroban.archived", subject) is not None

    def apply(self, submitted: Submitted, moment: Moment) -> Outcome:
        operation = submitted.operation
        if isinstance(operation, RestoreFootprint):
            return Outcome(results.restored(), True, changes=self._restored(submitted, moment.ledger))
        if isinstance(operation, ExtendFootprintTTL):
            until = moment.ledger + operation.extend_to
            return Outcome(results.extended(), True, changes=self._extended(submitted, moment.ledger, until))
        if isinstance(operation, InvokeHostFunction):
            return self._invoke(submitted, operation.auth, moment)
        raise ValueError(f"not an operation of Soroban: {operation}")

    def _invoke(
        self, submitted: Submitted, entries: Sequence[xdr.SorobanAuthorizationEntry], moment: Moment
    ) -> Outcome:
        if submitted.function is None:
            return Outcome(results.not_invoked(_Invoke.INVOKE_HOST_FUNCTION_MALFORMED), False)
        read_only, read_write = keys_of(submitted)
        stale = any(self._is_stale(key, moment.ledger) for key in (*read_only, *read_write))
        if stale or self.seems_archived(submitted.subject):
            return Outcome(results.not_invoked(_Invoke.INVOKE_HOST_FUNCTION_ENTRY_ARCHIVED), False)
        host = self.host(
            moment,
            phase="execute",
            subject=submitted.subject,
            allowed=frozenset((*read_only, *read_write)),
        )
        try:
            value = run(host, submitted)
            grant(host, submitted.source, entries)
            _check_writes(host, read_write)
        except Trap as trap:
            diagnostics = [*host.diagnostics, results.error_event(trap, submitted.frame)]
            code = _Invoke.INVOKE_HOST_FUNCTION_TRAPPED
            return Outcome(results.not_invoked(code), False, diagnostics=diagnostics)
        result = results.invoked(value, host.events)
        return Outcome(result, True, value, host.events, host.diagnostics, host.changes())

    def _is_stale(self, key: str, ledger: int) -> bool:
        entry = self._store.entry(key, ledger)
        return entry is not None and entry.is_archived(ledger) and not _is_temporary(key)

    def _restored(self, submitted: Submitted, ledger: int) -> dict[str, Entry]:
        changes = {}
        for key in keys_of(submitted)[1]:
            entry = self._store.entry(key, ledger)
            if entry and entry.is_archived(ledger):
                changes[key] = Entry(entry.data, ledger, ledger + RESTORED_LEDGERS - 1)
        return changes

    def _extended(self, submitted: Submitted, ledger: int, until: int) -> dict[str, Entry]:
        changes = {}
        for key in keys_of(submitted)[0]:
            entry = self._store.entry(key, ledger)
            if entry and entry.live_until is not None and ledger <= entry.live_until < until:
                changes[key] = Entry(entry.data, ledger, until)
        return changes

    def _trips(self, phase: str, subject: str) -> Callable[[Frame], Trap | None]:
        def trips(frame: Frame) -> Trap | None:
            if not phase:
                return None
            fault = self._faults.hit("soroban.trap", subject, phase=phase)
            if fault is None:
                return None
            code = f"Error(Contract, #{fault['code']})" if "code" in fault else "Error(WasmVm, InvalidAction)"
            return Trap(str(fault.get("error", code)), "a fault was switched on")

        return trips


def run(host: Host, submitted: Submitted) -> xdr.SCVal:
    """Raises Trap."""
    frame = submitted.frame
    if frame is None:
        return creating.run(host, given(submitted.function))
    return host.invoke(frame.contract, frame.function, frame.arguments)


def grant(host: Host, source: str, entries: Sequence[xdr.SorobanAuthorizationEntry]) -> None:
    """Raises Trap where an authorisation is missing."""
    try:
        enforce(host.recorder, entries, source=source, ledger=host.moment.ledger, journal=Nonces(host))
    except NotAuthorised as error:
        raise Trap(f"Error(Auth, {error.kind})", str(error)) from error
    except ValueError as error:
        raise Trap("Error(Auth, InvalidAction)", str(error)) from error


def keys_of(submitted: Submitted) -> tuple[list[str], list[str]]:
    """The footprint: keys read only, keys read and written."""
    data = submitted.data
    if data is None:
        return [], []
    footprint = data.resources.footprint
    return [key.to_xdr() for key in footprint.read_only], [key.to_xdr() for key in footprint.read_write]


def _check_writes(host: Host, read_write: Sequence[str]) -> None:
    if not set(host.written) <= set(read_write):
        raise Trap("Error(Storage, ExceededLimit)", "trying to change a key that the footprint only reads")


def _is_temporary(key: str) -> bool:
    place = xdr.LedgerKey.from_xdr(key).contract_data
    return place is not None and place.durability is codec.TEMPORARY
