"""What a compiled contract says of itself: its functions, types, errors and events, and what it was made with."""

from collections.abc import Iterator
from typing import Any, cast

from stellar_sdk import xdr
from xdrlib3 import Unpacker

SPEC, META = "contractspecv0", "contractmetav0"
_NAMED = {
    xdr.SCSpecType.SC_SPEC_TYPE_OPTION: lambda kind: f"Option<{type_of(kind.option.value_type)}>",
    xdr.SCSpecType.SC_SPEC_TYPE_RESULT: lambda kind: f"Result<{type_of(kind.result.ok_type)}>",
    xdr.SCSpecType.SC_SPEC_TYPE_VEC: lambda kind: f"Vec<{type_of(kind.vec.element_type)}>",
    xdr.SCSpecType.SC_SPEC_TYPE_MAP: lambda kind: (
        f"Map<{type_of(kind.map.key_type)}, {type_of(kind.map.value_type)}>"
    ),
    xdr.SCSpecType.SC_SPEC_TYPE_TUPLE: lambda kind: f"({', '.join(map(type_of, kind.tuple.value_types))})",
    xdr.SCSpecType.SC_SPEC_TYPE_BYTES_N: lambda kind: f"BytesN<{kind.bytes_n.n.uint32}>",
    xdr.SCSpecType.SC_SPEC_TYPE_UDT: lambda kind: kind.udt.name.decode(),
}


def interface_of(code: bytes) -> dict[str, Any]:
    """``functions``, ``types``, ``errors`` and ``events`` by name, and ``sdk`` and ``compiler``."""
    sections = dict(custom_sections(code))
    entries = list(unpacked(sections[SPEC], xdr.SCSpecEntry))
    events = [entry.event_v0 for entry in entries if entry.event_v0]
    structs = [entry.udt_struct_v0 for entry in entries if entry.udt_struct_v0]
    metas = [entry.v0 for entry in unpacked(sections[META], xdr.SCMetaEntry) if entry.v0]
    made_with = {entry.key.decode(): entry.val.decode() for entry in metas}
    errors = [case for entry in entries if entry.udt_error_enum_v0 for case in entry.udt_error_enum_v0.cases]
    return {
        "functions": {
            function.name.sc_symbol.decode(): {
                "arguments": {one.name.decode(): type_of(one.type) for one in function.inputs},
                "result": type_of(function.outputs[0]) if function.outputs else "()",
            }
            for function in (entry.function_v0 for entry in entries if entry.function_v0)
        },
        "types": {
            struct.name.decode(): {one.name.decode(): type_of(one.type) for one in struct.fields}
            for struct in structs
        },
        "errors": {case.name.decode(): case.value.uint32 for case in errors},
        "events": {
            event.prefix_topics[0].sc_symbol.decode(): {
                "topics": [one.name.decode() for one in event.params if one.location.value == 1],
                "data": {
                    one.name.decode(): type_of(one.type) for one in event.params if one.location.value == 0
                },
            }
            for event in events
        },
        "sdk": f"soroban-sdk {made_with['rssdkver'].partition('#')[0]}",
        "compiler": f"rustc {made_with['rsver']}",
    }


def type_of(kind: xdr.SCSpecTypeDef) -> str:
    """As Rust writes it."""
    if named := _NAMED.get(kind.type):
        return cast(str, named(kind))
    name = kind.type.name.removeprefix("SC_SPEC_TYPE_")
    is_number = name[0] in "UI" and name[1:].isdigit()
    return "()" if name == "VOID" else name.lower() if is_number or name == "BOOL" else name.title()


def unpacked(data: bytes, kind: Any) -> Iterator[Any]:
    unpacker = Unpacker(data)
    while unpacker.get_position() < len(data):
        yield kind.unpack(unpacker)


def custom_sections(code: bytes) -> Iterator[tuple[str, bytes]]:
    place = 8
    while place < len(code):
        kind, place = code[place], place + 1
        size, place = leb128(code, place)
        if kind == 0:
            length, start = leb128(code, place)
            yield code[start : start + length].decode(), code[start + length : place + size]
        place += size


def leb128(code: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = shift = 0
    while True:
        byte = code[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
