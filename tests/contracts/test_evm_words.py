"""The quick reader of plain logs beside the library that reads everything."""

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm_words import WORD, decode_plain

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "uint256": st.integers(0, 2**256 - 1),
    "uint8": st.integers(0, 255),
    "uint64": st.integers(0, 2**64 - 1),
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    "bool": st.booleans(),
    "bytes32": st.binary(min_size=32, max_size=32),
}
VALUES["address[]"] = st.lists(VALUES["address"], max_size=5)
VALUES["uint256[]"] = st.lists(VALUES["uint256"], max_size=5)
PLAIN = st.lists(st.sampled_from(sorted(VALUES)), max_size=6)


def shown(value: Any) -> Any:
    """As contracts.abi shows it."""
    if isinstance(value, tuple | list):
        return tuple(shown(one) for one in value)
    return "0x" + value.hex() if isinstance(value, bytes) else value


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[str], list[Any]]:
    types = draw(PLAIN)
    return types, [draw(VALUES[kind]) for kind in types]


@given(logs())
def test_what_is_written_plainly_is_read_as_the_library_reads_it(log: tuple[list[str], list[Any]]) -> None:
    types, values = log
    data = encode(types, values)
    read = decode_plain(types, data)
    assert read == shown(values)
    assert read == shown(decode(types, data))
    assert [type(one) for one in read or ()] == [type(one) for one in shown(values)]


@given(logs(), st.data())
def test_whatever_else_the_bytes_are_it_says_the_same_or_nothing(
    log: tuple[list[str], list[Any]], data: st.DataObject
) -> None:
    types, values = log
    raw = bytearray(encode(types, values))
    for _ in range(data.draw(st.integers(0, 3))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(max(0, len(raw) - WORD), len(raw)))]
    read = decode_plain(types, bytes(raw))
    if read is None:
        return
    assert read == shown(decode(types, bytes(raw), strict=True))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("address", b"\x01" + bytes(31)),
        ("bool", b"\x02".rjust(32, b"\0")),
        ("uint8", b"\x01\x00".rjust(32, b"\0")),
    ],
)
def test_words_that_are_too_large_are_left_to_the_library(kind: str, word: bytes) -> None:
    assert decode_plain([kind], word) is None
    with pytest.raises(DecodingError):
        decode([kind], word, strict=True)


@pytest.mark.parametrize(
    "kind", ["string", "bytes", "int256", "bytes4", "uint8[]", "address[2]", "(uint256)"]
)
def test_what_is_not_plain_is_left_to_the_library(kind: str) -> None:
    assert decode_plain([kind], bytes(WORD * 4)) is None


def test_a_list_that_claims_more_than_there_is_is_left_to_the_library() -> None:
    data = encode(["uint256[]"], [[1, 2, 3]])
    assert decode_plain(["uint256[]"], data[:-1]) is None
    assert decode_plain(["uint256[]"], data + bytes(WORD)) is None
    huge = data[:WORD] + (2**255).to_bytes(32, "big") + data[2 * WORD :]
    assert decode_plain(["uint256[]"], huge) is None
