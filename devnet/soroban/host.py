"""What a contract's function may do: read and write its storage, call others, ask for authorisation, emit."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from stellar_sdk import scval, xdr

from devnet.soroban import codec
from devnet.soroban.auth import Creation, Frame, Recorder
from devnet.soroban.codec import Entry

DAY_LEDGERS = 17_280
MAX_TTL = 3_110_400
# How long a new entry lives at least, its first ledger included.
MIN_PERSISTENT_TTL = 2_073_600
INSTANCE_TTL = (15 * DAY_LEDGERS, 30 * DAY_LEDGERS)
PERSISTENT_TTL = (90 * DAY_LEDGERS, 180 * DAY_LEDGERS)
_I128 = range(-(2**127), 2**127)
_CONTRACT_ERROR = re.compile(r"Error\(Contract, #(\d+)\)")


class Trap(Exception):
    """The contract stops and nothing of the call remains; `reason` is in the host's own words."""

    def __init__(self, reason: str, why: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.why = why

    @property
    def code(self) -> int | None:
        """The number of a contract's own error; None for the host's."""
        found = _CONTRACT_ERROR.fullmatch(self.reason)
        return int(found[1]) if found else None


def failure(code: int) -> Trap:
    """What a contract's own error looks like."""
    return Trap(f"Error(Contract, #{code})", "escalating Ok(ScErrorType::Contract) frame-exit to Err")


Function = Callable[["Contract", Sequence[xdr.SCVal]], xdr.SCVal]
Functions = Mapping[str, Function]


@dataclass(frozen=True, slots=True)
class Moment:
    """The ledger a call runs in, and its close time in unix seconds."""

    ledger: int
    seconds: int


@dataclass(slots=True)
class Host:
    """One run of calls. Writes stay in `written` until the caller takes them."""

    read_entry: Callable[[str], Entry | None]
    moment: Moment
    functions_of: Callable[[bytes], Functions | None]
    answers: Callable[[str, str], int | None] = lambda contract, function: None
    trips: Callable[[Frame], Trap | None] = lambda frame: None
    recorder: Recorder = field(default_factory=Recorder)
    is_waived: bool = False
    read: dict[str, Entry | None] = field(default_factory=dict)
    written: dict[str, Entry] = field(default_factory=dict)
    extended: dict[str, int] = field(default_factory=dict)
    events: list[xdr.ContractEvent] = field(default_factory=list)
    diagnostics: list[xdr.DiagnosticEvent] = field(default_factory=list)
    stack: list[Frame | Creation] = field(default_factory=list)

    def invoke(self, contract: str, function: str, arguments: Sequence[xdr.SCVal]) -> xdr.SCVal:
        """Raises Trap."""
        frame = Frame(contract, function, tuple(arguments))
        self._note("fn_call", frame, scval.to_vec(list(arguments)))
        with self.entered(frame):
            result = self._run(frame)
        self._note("fn_return", frame, result)
        return result

    def has_constructor(self, contract: str) -> bool:
        entry = codec.given(self.get(codec.instance_key(contract)))
        code_hash, _ = codec.instance_parts(codec.data_value(entry.data))
        return "__constructor" in (self.functions_of(code_hash) or {})

    def _run(self, frame: Frame) -> xdr.SCVal:
        trap = self.trips(frame) if len(self.stack) == 1 else None
        if trap:
            raise trap
        if frame.function.startswith("__") and not isinstance(self.caller(), Creation):
            raise Trap("Error(Context, InvalidAction)", "can't invoke a reserved function directly")
        instance = self.get(codec.instance_key(frame.contract))
        if instance is None:
            raise Trap(
                "Error(Storage, MissingValue)", "trying to get non-existing value for contract instance"
            )
        code_hash, storage = codec.instance_parts(codec.data_value(instance.data))
        self.get(codec.code_key(code_hash))
        function = (self.functions_of(code_hash) or {}).get(frame.function)
        if function is None:
            raise Trap("Error(WasmVm, MissingValue)", "trying to invoke non-existent contract function")
        contract = Contract(self, frame.contract, code_hash, storage)
        try:
            result = function(contract, frame.arguments)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Trap("Error(WasmVm, InvalidAction)", str(error)) from error
        contract.save()
        return result

    def caller(self) -> Frame | Creation | None:
        """Who called what runs now; None when a transaction did."""
        return self.stack[-2] if len(self.stack) > 1 else None

    def get(self, key: str) -> Entry | None:
        if key in self.written:
            return None if self.written[key].is_removed else self.written[key]
        if key not in self.read:
            self.read[key] = self.read_entry(key)
        return self.read[key]

    def put(self, key: str, data: str, live_until: int | None) -> None:
        self.get(key)
        self.written[key] = Entry(data, self.moment.ledger, live_until)

    def remove(self, key: str) -> None:
        self.get(key)
        self.written[key] = Entry("", self.moment.ledger, None)

    def extend(self, key: str, threshold: int, wanted: int) -> None:
        """Moves the end of life to `wanted` ledgers from now once fewer than `threshold` are left."""
        entry = self.get(key)
        if entry is None or entry.live_until is None:
            return
        until = self.extended.get(key, entry.live_until)
        if until - self.moment.ledger < threshold:
            self.extended[key] = max(until, self.moment.ledger + min(wanted, MAX_TTL - 1))

    def require_auth(self, address: str) -> None:
        """A contract authorises what it calls itself; everybody else is asked."""
        caller = self.caller()
        is_own_call = isinstance(caller, Frame) and caller.contract == address
        if not is_own_call and not self.is_waived:
            self.recorder.ask(address, self.stack)

    def emit(self, contract: str, topics: Sequence[xdr.SCVal], data: xdr.SCVal) -> None:
        self.events.append(codec.contract_event(contract, topics, data))

    def changes(self) -> dict[str, Entry]:
        """New versions of entries, those with a longer life only included."""
        touched = dict(self.written)
        for key, until in self.extended.items():
            entry = touched.get(key) or self.read.get(key)
            if entry and not entry.is_removed:
                touched[key] = Entry(entry.data, self.moment.ledger, until)
        return touched

    @contextmanager
    def entered(self, frame: Frame | Creation) -> Iterator[None]:
        self.stack.append(frame)
        try:
            yield
        finally:
            self.stack.pop()

    def _note(self, name: str, frame: Frame, data: xdr.SCVal) -> None:
        topics = [scval.to_symbol(name), scval.to_symbol(frame.function)]
        self.diagnostics.append(codec.diagnostic_event(frame.contract, topics, data))


@dataclass(slots=True)
class Contract:
    """A contract's own view: its address, the clock, its storage, and the host."""

    host: Host
    address: str
    code_hash: bytes
    _storage: dict[str, xdr.SCVal]
    _is_changed: bool = False

    @property
    def now(self) -> int:
        return self.host.moment.seconds

    def get(self, name: str) -> Any:
        """A value of the instance storage as Python, None when it is not set."""
        value = self._storage.get(name)
        return None if value is None else scval.to_native(value)

    def raw(self, name: str) -> xdr.SCVal | None:
        return self._storage.get(name)

    def set(self, name: str, value: xdr.SCVal) -> None:
        self._storage[name] = value
        self._is_changed = True

    def remove(self, name: str) -> None:
        if self._storage.pop(name, None) is not None:
            self._is_changed = True

    def replace_code(self, code_hash: bytes) -> None:
        """From the next call on."""
        if self.host.get(codec.code_key(code_hash)) is None:
            raise Trap("Error(Storage, MissingValue)", "Wasm does not exist")
        topics = [scval.to_symbol("executable_update"), _executable(self.code_hash), _executable(code_hash)]
        self.host.events.append(codec.system_event(self.address, topics, scval.to_vec([])))
        self.code_hash = code_hash
        self._is_changed = True

    def save(self) -> None:
        if self._is_changed:
            key = codec.instance_key(self.address)
            entry = codec.given(self.host.get(key))
            data = codec.data_entry(key, codec.instance_value(self.code_hash, self._storage))
            self.host.put(key, data, entry.live_until)

    def stay_alive(self) -> None:
        for key in (codec.instance_key(self.address), codec.code_key(self.code_hash)):
            self.host.extend(key, *INSTANCE_TTL)

    def get_persistent(self, key: xdr.SCVal) -> xdr.SCVal | None:
        entry = self.host.get(codec.data_key(self.address, key))
        return codec.data_value(entry.data) if entry else None

    def set_persistent(self, key: xdr.SCVal, value: xdr.SCVal) -> None:
        name = codec.data_key(self.address, key)
        known = self.host.get(name)
        until = known.live_until if known else self.host.moment.ledger + MIN_PERSISTENT_TTL - 1
        self.host.put(name, codec.data_entry(name, value), until)
        self.host.extend(name, *PERSISTENT_TTL)

    def remove_persistent(self, key: xdr.SCVal) -> None:
        self.host.remove(codec.data_key(self.address, key))

    def emit(self, *topics: xdr.SCVal, data: xdr.SCVal) -> None:
        self.host.emit(self.address, topics, data)


def _executable(code_hash: bytes) -> xdr.SCVal:
    return scval.to_vec([scval.to_symbol("Wasm"), scval.to_bytes(code_hash)])


def i128(value: int) -> xdr.SCVal:
    """Raises Trap on overflow, as checked arithmetic does."""
    if value not in _I128:
        raise Trap("Error(WasmVm, InvalidAction)", "arithmetic overflow")
    return scval.to_int128(value)
