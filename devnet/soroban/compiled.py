"""The compiled contracts that the model knows: it runs them by their hash, in words of its own."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from stellar_sdk import scval, xdr

from devnet.soroban.host import Contract, Function, Functions, Trap

FOLDER = Path(__file__).resolve().parents[2] / "contracts" / "interfaces" / "soroban"
_READERS: Mapping[str, Callable[[xdr.SCVal], Any]] = {
    "Address": scval.from_address,
    "String": scval.from_string,
    "bool": scval.from_bool,
    "i128": scval.from_int128,
    "u32": scval.from_uint32,
    "u64": scval.from_uint64,
}
_BYTES = re.compile(r"BytesN<(\d+)>")
_VECTOR = re.compile(r"Vec<(\w+)>")


def code_of(name: str) -> bytes:
    """`investment` or `token`."""
    return (FOLDER / f"{name}.wasm").read_bytes()


def hash_of(name: str) -> bytes:
    return bytes.fromhex(_interface(name)["wasmHash"])


def guarded(name: str, functions: Functions) -> Functions:
    """The functions, which refuse arguments that the contract's interface does not have."""
    return {
        function: _guarded(_interface(name), list(_arguments(name, function)), body)
        for function, body in functions.items()
    }


@lru_cache
def _interface(name: str) -> Mapping[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text()))


def _arguments(name: str, function: str) -> Sequence[str]:
    return tuple(_interface(name)["functions"][function]["arguments"].values())


def _guarded(interface: Mapping[str, Any], kinds: Sequence[str], body: Function) -> Function:
    def checked(me: Contract, given: Sequence[xdr.SCVal]) -> xdr.SCVal:
        if len(given) != len(kinds):
            raise Trap("Error(WasmVm, UnexpectedSize)", "wrong number of arguments")
        if not all(_is_of(interface, kind, value) for kind, value in zip(kinds, given, strict=True)):
            raise Trap("Error(WasmVm, InvalidAction)", "an argument is of another type")
        return body(me, given)

    return checked


def _is_of(interface: Mapping[str, Any], kind: str, value: xdr.SCVal) -> bool:
    fields = interface["types"].get(kind)
    try:
        if fields is not None:
            known = scval.from_struct(value)
            return known.keys() == fields.keys() and all(
                _is_of(interface, fields[name], part) for name, part in known.items()
            )
        if size := _BYTES.fullmatch(kind):
            return len(scval.from_bytes(value)) == int(size[1])
        if inner := _VECTOR.fullmatch(kind):
            return all(_is_of(interface, inner[1], part) for part in scval.from_vec(value))
        _READERS[kind](value)
    except ValueError:
        return False
    return True
