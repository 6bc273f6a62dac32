"""Compiled contracts: where they are found, and their calls in bytes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

INTERFACES = Path(__file__).resolve().parent.parent / "contracts" / "interfaces" / "solidity"
_PANIC, _ERROR = bytes.fromhex("4e487b71"), bytes.fromhex("08c379a0")


class ArtifactError(ValueError):
    """No such contract or function, or arguments that do not fit; the text says which."""


@dataclass(frozen=True, slots=True)
class Artifact:
    name: str
    abi: tuple[Mapping[str, Any], ...]
    bytecode: bytes
    runtime: bytes

    def creation_code(self, arguments: Sequence[Any]) -> bytes:
        constructors = [entry for entry in self.abi if entry["type"] == "constructor"]
        inputs = constructors[0]["inputs"] if constructors else ()
        return self.bytecode + _encode(inputs, arguments, f"{self.name} constructor")

    def call_data(self, function: str, arguments: Sequence[Any]) -> bytes:
        entry = self._function(function)
        return selector(entry) + _encode(entry["inputs"], arguments, function)

    def decode_output(self, function: str, output: bytes) -> list[Any]:
        """JSON-ready values: bytes as 0x hex, addresses in lower case."""
        types = [type_text(entry) for entry in self._function(function)["outputs"]]
        return [plain(value) for value in decode(types, output)] if types and output else []

    def error_text(self, data: bytes) -> str:
        """A revert in words: the contract's own error, Error(string) or Panic(uint256)."""
        for entry in self.abi:
            if entry["type"] == "error" and selector(entry) == data[:4]:
                values = decode([type_text(item) for item in entry["inputs"]], data[4:])
                return f"{entry['name']}({', '.join(str(plain(value)) for value in values)})"
        return standard_error(data)

    def _function(self, name: str) -> Mapping[str, Any]:
        found = [entry for entry in self.abi if entry["type"] == "function" and entry["name"] == name]
        if not found:
            raise ArtifactError(f"{self.name} has no function {name!r}")
        return found[0]


@cache
def artifact(name_or_path: str) -> Artifact:
    """By the name of one of the contracts that come along, or by the path of a compiled JSON file."""
    path = Path(name_or_path) if name_or_path.endswith(".json") else INTERFACES / f"{name_or_path}.json"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in INTERFACES.glob("*.json")))
        raise ArtifactError(
            f"no compiled contract {name_or_path!r}; a path ending in .json, or one of: {known}"
        )
    return parse(json.loads(path.read_text()), path.stem)


def name_of(runtime: bytes) -> str:
    """The contract that comes along and has this code; an unknown one has no name by which to call its functions."""
    known = (artifact(file.stem) for file in sorted(INTERFACES.glob("*.json")))
    return next((one.name for one in known if one.runtime == runtime), "")


def parse(document: Mapping[str, Any], name: str = "Contract") -> Artifact:
    """Our own artifacts, Hardhat's and Foundry's: all have `abi` and `bytecode`."""
    try:
        return Artifact(
            name=document.get("contractName", name),
            abi=tuple(document["abi"]),
            bytecode=_code(document["bytecode"]),
            runtime=_code(document.get("deployedBytecode", "0x")),
        )
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"not a compiled, linked contract: {error}") from error


def selector(entry: Mapping[str, Any]) -> bytes:
    types = ",".join(type_text(item) for item in entry["inputs"])
    return _selector_of(f"{entry['name']}({types})")


@cache
def _selector_of(signature: str) -> bytes:
    return keccak(text=signature)[:4]


def type_text(item: Mapping[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(type_text(part) for part in item["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def standard_error(data: bytes) -> str:
    if data[:4] == _ERROR:
        return str(decode(["string"], data[4:])[0])
    if data[:4] == _PANIC:
        return f"panic {decode(['uint256'], data[4:])[0]:#x}"
    return f"0x{data.hex()}"


def _encode(inputs: Sequence[Mapping[str, Any]], arguments: Sequence[Any], what: str) -> bytes:
    if len(inputs) != len(arguments):
        raise ArtifactError(f"{what} takes {len(inputs)} arguments, not {len(arguments)}")
    try:
        values = [_value(item, argument) for item, argument in zip(inputs, arguments, strict=True)]
        return encode([type_text(item) for item in inputs], values)
    except (ArtifactError, KeyError):
        raise
    except Exception as error:  # eth-abi raises a family of its own for values out of range
        raise ArtifactError(f"{what}: {error}") from error


def _value(item: Mapping[str, Any], argument: Any) -> Any:
    """An argument as it comes from JSON or a command line, in the type the ABI wants."""
    kind: str = item["type"]
    if kind.endswith("]"):
        element = {**item, "type": kind[: kind.rindex("[")]}
        return [_value(element, part) for part in argument]
    if kind == "tuple":
        return _struct(item["components"], argument)
    if kind.startswith("bytes"):
        return argument if isinstance(argument, bytes) else _code(argument)
    if kind.startswith(("uint", "int")):
        return int(argument, 0) if isinstance(argument, str) else argument
    if kind == "bool" and isinstance(argument, str):
        return argument.lower() in ("true", "1", "yes")
    return argument


def _struct(components: Sequence[Mapping[str, Any]], argument: Any) -> tuple[Any, ...]:
    parts = [argument[item["name"]] for item in components] if isinstance(argument, Mapping) else argument
    return tuple(_value(item, part) for item, part in zip(components, parts, strict=True))


def _code(text: Any) -> bytes:
    digits = text["object"] if isinstance(text, Mapping) else text
    return bytes.fromhex(digits.removeprefix("0x"))
