"""Speaks the language of EVM contracts: arguments to call data, answers, logs and errors back to values.

Going in, an integer is an int, an address `0x` + 40 hex, bytes of any kind a bytes object or 0x hex of
exactly the right length, a struct a sequence or a mapping by field name. Coming out, addresses and bytes are
lower-case 0x hex, arrays and structs are tuples: every value can be stored as JSON without loss.
Nothing is padded, cut or rounded: what does not fit raises ValueError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from eth_abi.abi import decode as decode_abi
from eth_abi.abi import encode as encode_abi
from eth_abi.exceptions import DecodingError, EncodingError
from eth_hash.auto import keccak

from contracts.evm_words import decode_plain
from contracts.reverts import revert_words

INTERFACES = Path(__file__).parent / "interfaces" / "hedera"

_ARRAY = re.compile(r"^(?P<item>.+)\[(?P<size>\d*)\]$")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_SELECTOR_BYTES = 4
_WORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DecodedError:
    """`text` is a sentence for an operator; an error nobody knows is named by its selector."""

    name: str
    args: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    components: tuple[Parameter, ...] = ()
    is_indexed: bool = False

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Parameter:
        components = tuple(cls.read(part) for part in entry.get("components", ()))
        return cls(entry.get("name", ""), entry["type"], components, bool(entry.get("indexed", False)))

    @property
    def canonical(self) -> str:
        if not self.type.startswith("tuple"):
            return self.type
        return f"({','.join(part.canonical for part in self.components)}){self.type.removeprefix('tuple')}"

    @property
    def item(self) -> Parameter | None:
        """The element of an array; None for everything that is not an array."""
        found = _ARRAY.match(self.type) if self.type.endswith("]") else None
        return Parameter(self.name, found["item"], self.components) if found else None

    @property
    def is_hashed_when_indexed(self) -> bool:
        return self.type.endswith("]") or self.type in ("string", "bytes", "tuple")


@dataclass(frozen=True, slots=True)
class Entry:
    """A function, event or error of an interface."""

    kind: str
    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...] = ()

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Entry:
        inputs = tuple(Parameter.read(part) for part in entry.get("inputs", ()))
        outputs = tuple(Parameter.read(part) for part in entry.get("outputs", ()))
        return cls(entry["type"], entry["name"], inputs, outputs)

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(part.canonical for part in self.inputs)})"

    @property
    def digest(self) -> bytes:
        return keccak(self.signature.encode())


_STANDARD_ERRORS = (
    Entry("error", "Error", (Parameter("reason", "string"),)),
    Entry("error", "Panic", (Parameter("code", "uint256"),)),
)


class Interface:
    """The functions, events and errors of one version of a contract, found by name or by full signature."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        known = [Entry.read(entry) for entry in entries if entry["type"] in ("function", "event", "error")]
        self._functions = _by_name([entry for entry in known if entry.kind == "function"])
        self._events = _by_name([entry for entry in known if entry.kind == "event"])
        self._event_of_topic = {entry.digest: entry for entry in known if entry.kind == "event"}
        errors = [*_STANDARD_ERRORS, *(entry for entry in known if entry.kind == "error")]
        self._error_of_selector = {entry.digest[:_SELECTOR_BYTES]: entry for entry in errors}

    def selector(self, function: str) -> bytes:
        """The first four bytes of the call data."""
        return self._functions[function].digest[:_SELECTOR_BYTES]

    def topic0(self, event: str) -> str:
        """The 0x hex by which logs are found."""
        return "0x" + self._events[event].digest.hex()

    def encode(self, function: str, args: Sequence[Any]) -> bytes:
        entry = self._functions[function]
        return entry.digest[:_SELECTOR_BYTES] + _encode(entry.inputs, args)

    def decode_output(self, function: str, data: bytes) -> tuple[Any, ...]:
        return _decode(self._functions[function].outputs, data)

    def decode_log(self, topics: Sequence[str | bytes], data: bytes) -> Event | None:
        """None for an event this interface does not have; ValueError for one of ours that is malformed."""
        words = [_topic(topic) for topic in topics]
        entry = self._event_of_topic.get(words[0]) if words else None
        return Event(entry.name, _event_args(entry, words[1:], data)) if entry else None

    def decode_error(self, data: bytes) -> DecodedError | None:
        """None only when the contract gave no data at all."""
        if not data:
            return None
        entry = self._error_of_selector.get(data[:_SELECTOR_BYTES])
        entry = entry or _errors_passed_through().get(data[:_SELECTOR_BYTES])
        if entry is None:
            return _unknown_error(data)
        try:
            values = _decode(entry.inputs, data[_SELECTOR_BYTES:])
        except ValueError:
            return _unknown_error(data)
        args = dict(zip(_names(entry.inputs), values, strict=True))
        return DecodedError(entry.name, args, revert_words(entry.name, args))


@lru_cache(maxsize=32)
def interface(name: str, version: str) -> Interface:
    """Raises LookupError for an interface that does not exist."""
    path = INTERFACES / f"{name}-{version}.json"
    if not path.is_file():
        raise LookupError(f"no interface {name} {version}")
    return Interface(json.loads(path.read_text()))


def pause_view(version: str) -> str:
    """The view of an asset token that says whether its transfers are paused."""
    return "paused" if version == "8" else "isPaused"


@lru_cache(maxsize=1)
def _errors_passed_through() -> dict[bytes, Entry]:
    """A payout contract passes on what the payment token and the asset say, so that is known everywhere."""
    return interface("erc20", "1")._error_of_selector | interface("asset-errors", "1")._error_of_selector


def _by_name(entries: Sequence[Entry]) -> dict[str, Entry]:
    """An overloaded name is found by its signature only: guessing would call the wrong function."""
    names = [entry.name for entry in entries]
    plain = {entry.name: entry for entry in entries if names.count(entry.name) == 1}
    return plain | {entry.signature: entry for entry in entries}


def _names(parameters: Sequence[Parameter]) -> list[str]:
    return [parameter.name or f"arg{index}" for index, parameter in enumerate(parameters)]


def _unknown_error(data: bytes) -> DecodedError:
    selector = "0x" + data[:_SELECTOR_BYTES].hex()
    text = f"the contract failed with the unknown error {selector}"
    return DecodedError(selector, {"data": "0x" + data.hex()}, text)


def _encode(parameters: Sequence[Parameter], args: Sequence[Any]) -> bytes:
    if len(args) != len(parameters):
        raise ValueError(f"{len(parameters)} arguments are needed, not {len(args)}")
    values = [_to_wire(parameter, value) for parameter, value in zip(parameters, args, strict=True)]
    try:
        return encode_abi([parameter.canonical for parameter in parameters], values)
    except EncodingError as error:
        raise ValueError(str(error)) from error


def _decode(parameters: Sequence[Parameter], data: bytes) -> tuple[Any, ...]:
    plain = decode_plain([parameter.type for parameter in parameters], data)
    if plain is not None:
        return plain
    try:
        values = decode_abi([parameter.canonical for parameter in parameters], data, strict=True)
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"the bytes do not fit the interface: {error}") from error
    return tuple(_from_wire(parameter, value) for parameter, value in zip(parameters, values, strict=True))


def _event_args(entry: Entry, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
    indexed = [parameter for parameter in entry.inputs if parameter.is_indexed]
    if len(indexed) != len(topics):
        raise ValueError(f"{entry.name} has {len(indexed)} indexed arguments, the log {len(topics)}")
    from_topics = iter(
        [_from_topic(parameter, topic) for parameter, topic in zip(indexed, topics, strict=True)]
    )
    from_data = iter(_decode([parameter for parameter in entry.inputs if not parameter.is_indexed], data))
    values = [next(from_topics if parameter.is_indexed else from_data) for parameter in entry.inputs]
    return dict(zip(_names(entry.inputs), values, strict=True))


def _topic(topic: str | bytes) -> bytes:
    raw = topic if isinstance(topic, bytes) else bytes.fromhex(topic.removeprefix("0x"))
    if len(raw) != _WORD_BYTES:
        raise ValueError(f"a topic has 32 bytes, not {len(raw)}")
    return raw


def _from_topic(parameter: Parameter, topic: bytes) -> Any:
    """Of a dynamic argument the chain keeps only the hash; that is what is given, never a guess."""
    return "0x" + topic.hex() if parameter.is_hashed_when_indexed else _decode([parameter], topic)[0]


def _to_wire(parameter: Parameter, value: Any) -> Any:
    if item := parameter.item:
        return [_to_wire(item, element) for element in _list(value)]
    if parameter.type == "tuple":
        return _struct_to_wire(parameter, value)
    if parameter.type == "address":
        return _address_to_wire(value)
    if parameter.type.startswith("bytes"):
        return _bytes_to_wire(parameter.type, value)
    return value


def _list(value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise ValueError(f"a list is needed, not {value!r}")


def _struct_to_wire(parameter: Parameter, value: Any) -> tuple[Any, ...]:
    parts = parameter.components
    if isinstance(value, Mapping):
        if set(value) != {part.name for part in parts}:
            raise ValueError(f"{parameter.name or 'struct'} needs exactly {[part.name for part in parts]}")
        value = [value[part.name] for part in parts]
    if len(_list(value)) != len(parts):
        raise ValueError(f"{parameter.name or 'struct'} has {len(parts)} fields, not {len(value)}")
    return tuple(_to_wire(part, element) for part, element in zip(parts, value, strict=True))


def _address_to_wire(value: Any) -> str:
    if isinstance(value, str) and _ADDRESS.fullmatch(value):
        return value.lower()
    raise ValueError(f"an address is 0x and 40 hex digits, not {value!r}")


def _bytes_to_wire(kind: str, value: Any) -> bytes:
    if isinstance(value, str) and value.startswith("0x"):
        value = bytes.fromhex(value[2:])
    size = kind.removeprefix("bytes")
    if not isinstance(value, bytes) or (size and len(value) != int(size)):
        raise ValueError(f"{kind} does not take {value!r}")
    return value


def _from_wire(parameter: Parameter, value: Any) -> Any:
    if item := parameter.item:
        return tuple(_from_wire(item, element) for element in value)
    if parameter.type == "tuple":
        return tuple(
            _from_wire(part, element) for part, element in zip(parameter.components, value, strict=True)
        )
    return "0x" + value.hex() if isinstance(value, bytes) else value
