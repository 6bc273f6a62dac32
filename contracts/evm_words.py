"""Reading plain answers and logs of EVM contracts: 32-byte words, and lists of addresses and of whole numbers.

What nearly every log of a payout is made of. eth_abi, which reads everything, takes ten times as long for it.
Only what could not be laid out in any other way is read here; for all else the answer is None, and eth_abi decides.
"""

from collections.abc import Callable, Sequence
from typing import Any

WORD = 32
_PAD = bytes(12)  # before the 20 bytes of an address
_NO, _YES = bytes(WORD), bytes(WORD - 1) + b"\x01"


class _NotPlain(Exception):
    pass


def decode_plain(types: Sequence[str], data: bytes) -> tuple[Any, ...] | None:
    """Values as ``contracts.abi`` gives them: addresses and bytes as lower-case 0x hex, lists as tuples.

    Lists must follow the words in their order without a gap, and nothing may follow the last: as compilers write them.
    """
    try:
        values, end = _values(types, data)
    except _NotPlain:
        return None
    return values if end == len(data) else None


def _values(types: Sequence[str], data: bytes) -> tuple[tuple[Any, ...], int]:
    end = WORD * len(types)
    if len(data) < end:
        raise _NotPlain
    values = []
    for start, kind in zip(range(0, end, WORD), types, strict=True):
        if read := _WORDS.get(kind):
            values.append(read(data[start : start + WORD]))
        elif kind in _LISTS:
            if int.from_bytes(data[start : start + WORD], "big") != end:
                raise _NotPlain
            items, end = _LISTS[kind](data, end)
            values.append(items)
        else:
            raise _NotPlain
    return tuple(values), end


def _body(data: bytes, start: int) -> tuple[int, int]:
    """Where a list's items begin and end."""
    begin = start + WORD
    if len(data) < begin:
        raise _NotPlain
    end = begin + WORD * int.from_bytes(data[start:begin], "big")
    if len(data) < end:
        raise _NotPlain
    return begin, end


def _addresses(data: bytes, start: int) -> tuple[tuple[str, ...], int]:
    begin, end = _body(data, start)
    return tuple([_address(data[at : at + WORD]) for at in range(begin, end, WORD)]), end


def _numbers(data: bytes, start: int) -> tuple[tuple[int, ...], int]:
    begin, end = _body(data, start)
    return tuple([int.from_bytes(data[at : at + WORD], "big") for at in range(begin, end, WORD)]), end


def _address(word: bytes) -> str:
    if word[:12] != _PAD:
        raise _NotPlain
    return "0x" + word[12:].hex()


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _small(bits: int) -> Callable[[bytes], int]:
    def read(word: bytes) -> int:
        value = int.from_bytes(word, "big")
        if value >> bits:
            raise _NotPlain
        return value

    return read


def _bool(word: bytes) -> bool:
    if word not in (_NO, _YES):
        raise _NotPlain
    return word == _YES


def _bytes32(word: bytes) -> str:
    return "0x" + word.hex()


_WORDS: dict[str, Callable[[bytes], Any]] = {
    "uint256": _number,
    "address": _address,
    "bool": _bool,
    "bytes32": _bytes32,
    **{f"uint{bits}": _small(bits) for bits in range(8, 256, 8)},
}
_LISTS: dict[str, Callable[[bytes, int], tuple[tuple[Any, ...], int]]] = {
    "address[]": _addresses,
    "uint256[]": _numbers,
}
