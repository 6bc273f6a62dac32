"""What the instant mirror knows: answers of a mirror node as bytes, made before the clock starts.

Shapes and the paging of logs are the official server's. Nothing here is on any chain: each contract has as many logs
of one kind as it was asked for, ten to a transaction; each asset as many holders, all with the same balance.
"""

import hashlib
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl

from eth_abi.abi import encode

from contracts import abi

API = "/api/v1"
LOGS_OF_A_TRANSACTION = 10
TRANSACTION_NS = 10_000_000  # from one to the next
NANOSECONDS = 1_000_000_000
MOST_LINES = 100_000  # of one distribution
UNITS = 1_000_000  # that each line is paid
BALANCE = 1_000  # that each holder of an asset has
WORD_BYTES = 32
METADATA = ["((string,string,string,uint8),uint8)"]
METADATA_VALUES = [(("Bench", "BENCH", "DE0001234567", 2), 1)]
USUAL_PAGE, LARGEST_PAGE = 25, 100

# How many holders one event pays, by what a contract's logs are.
HOLDERS_OF: Mapping[str, int] = {"payouts": 100, "small": 1, "transfers": 0, "unknown": 0}
PEOPLE = 10_000  # who transfer
UNKNOWN = hashlib.sha256(b"an event that no interface has").hexdigest()

Place = tuple[str, int]
Pieces = list[bytes]
_CONDITION = re.compile(r"(?:(eq|gte?|lte?):)?(.+)")
_BLOOM = "0x" + "00" * 256


def evm_address(number: int) -> str:
    """Of the contract 0.0.<number>."""
    return f"0x{number:040x}"


def holder(number: int) -> str:
    """Spread over all addresses, as holders are."""
    return "0x" + hashlib.sha256(str(number).encode()).hexdigest()[:40]


def people_of(number: int) -> tuple[int, int]:
    """From whom the ``number``-th transfer goes to whom."""
    return number % PEOPLE, (7 * number + 1) % PEOPLE


def lines_of(mix: str, events: int) -> list[int]:
    """Lines of the distributions that these events pay, in the order of their snapshots, which count from 1."""
    lines = events * HOLDERS_OF[mix]
    return [min(MOST_LINES, lines - start) for start in range(0, lines, MOST_LINES)]


def moment(first_second: int, number: int) -> str:
    """The consensus time of the ``number``-th transaction, from 0."""
    seconds, rest = divmod(number * TRANSACTION_NS, NANOSECONDS)
    return f"{first_second + seconds}.{rest:09d}"


def last_place(first_second: int, events: int) -> Place:
    number, index = divmod(events - 1, LOGS_OF_A_TRANSACTION)
    return moment(first_second, number), index


class NotAnswered(LookupError):
    """A question that nothing was prepared for; the status says whose fault it is."""

    def __init__(self, words: str, *, status: int) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Entry:
    """A log: ``core`` as its transaction's result has it, with ``rest`` as lists do. Events share their long pieces."""

    core: tuple[bytes, ...]
    rest: bytes


class Logs:
    """The logs of one contract, by place and by transaction."""

    def __init__(self, number: int, mix: str, events: int, first_second: int) -> None:
        self.contract, self.mix, self.first_second = number, mix, first_second
        head = {"address": evm_address(number), "bloom": _BLOOM, "contract_id": f"0.0.{number}"}
        self.before = f'{_json(head)[:-1]},"data":"0x'.encode()
        self.places: list[Place] = []
        self.entries: list[Entry] = []
        self.results: dict[str, Pieces] = {}
        for start in range(0, events, LOGS_OF_A_TRANSACTION):
            self._add(start, min(LOGS_OF_A_TRANSACTION, events - start))

    def page(self, query: str) -> Pieces:
        """As asked by `timestamp`, `index` and `limit`, oldest first, with the link to the next page."""
        wanted = _Wanted.of(query)
        first, end = wanted.span(self.places)
        chosen = self.entries[first : min(end, first + wanted.limit)]
        pieces = [b'{"logs":[']
        for entry in chosen:
            pieces += (*entry.core, entry.rest, b",")
        if chosen:
            pieces.pop()
        is_full = len(chosen) == wanted.limit
        link = self._link(wanted, self.places[first + len(chosen) - 1]) if is_full else None
        return [*pieces, b'],"links":{"next":', json.dumps(link).encode(), b"}}"]

    def _link(self, wanted: "_Wanted", last: Place) -> str:
        kept = "".join(f"&timestamp={bound}" for bound in wanted.upper)
        path = f"{API}/contracts/0.0.{self.contract}/results/logs"
        return f"{path}?limit={wanted.limit}&order=asc{kept}&timestamp=gte:{last[0]}&index=gt:{last[1]}"

    def _add(self, start: int, count: int) -> None:
        """One transaction with so many logs, from the ``start``-th."""
        at = moment(self.first_second, start // LOGS_OF_A_TRANSACTION)
        digest = "0x" + hashlib.sha256(f"{self.contract} {at}".encode()).hexdigest()
        shared = {
            "block_hash": "0x" + "0b" * 48,
            "block_number": start // 1_000,
            "root_contract_id": f"0.0.{self.contract}",
            "timestamp": at,
            "transaction_hash": digest,
            "transaction_index": 0,
        }
        rest = ("," + _json(shared)[1:]).encode()
        cores = [self._core(start + index, index) for index in range(count)]
        self.places += [(at, index) for index in range(count)]
        self.entries += [Entry(core, rest) for core in cores]
        self.results[digest] = _result(self.contract, at, digest, shared, cores)

    def _core(self, number: int, index: int) -> tuple[bytes, ...]:
        topics, data = _event(self.mix, number)
        return self.before, *data, f'","index":{index},"topics":{_json(topics)}'.encode()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The question of a list of logs; ``upper`` are the bounds of time that links keep."""

    limit: int
    lower: tuple[str, str] | None
    upper: tuple[str, ...]
    index: tuple[str, int] | None

    @classmethod
    def of(cls, query: str) -> "_Wanted":
        pairs = parse_qsl(query)
        known = dict(pairs)
        if known.get("order") != "asc" or not known.keys() <= {"limit", "order", "timestamp", "index"}:
            raise NotAnswered(f"the instant mirror has no logs by {query}", status=400)
        times = [_condition(value) for name, value in pairs if name == "timestamp"]
        index = _condition(known["index"]) if "index" in known else None
        return cls(
            min(int(known.get("limit", USUAL_PAGE)), LARGEST_PAGE),
            next((one for one in times if one[0] in ("gt", "gte", "eq")), None),
            tuple(f"{sign}:{value}" for sign, value in times if sign in ("lt", "lte")),
            (index[0], int(index[1])) if index else None,
        )

    def span(self, places: Sequence[Place]) -> tuple[int, int]:
        first, end = 0, len(places)
        if self.lower:
            sign, at = self.lower
            first = bisect_left(places, (at, self._first_index()) if sign != "gt" else (at, LARGEST_PAGE))
            end = bisect_right(places, (at, LARGEST_PAGE)) if sign == "eq" else end
        for bound in self.upper:
            sign, at = _condition(bound)
            end = min(end, bisect_right(places, (at, LARGEST_PAGE if sign == "lte" else -1)))
        return first, max(first, end)

    def _first_index(self) -> int:
        if self.index is None:
            return 0
        return self.index[1] + (self.index[0] == "gt")


class Assets:
    """One asset with its holders, asked by calls of its contract, as of any block."""

    def __init__(self, number: int, holders: int) -> None:
        self.number, self.holders = number, holders
        self.interface = abi.interface("ats", "8")
        self.fixed = {
            self.interface.selector("paused"): _word(0),
            self.interface.selector("totalSupply"): _word(BALANCE * holders),
            self.interface.selector("balanceOf"): _word(BALANCE),
            self.interface.selector("getTotalSecurityHolders"): _word(holders),
            self.interface.selector("getERC20Metadata"): encode(METADATA, METADATA_VALUES).hex().encode(),
        }
        self.list = self.interface.selector("getSecurityHolders")

    def call(self, question: Mapping[str, Any]) -> Pieces:
        data = bytes.fromhex(question["data"][2:])
        if data[:4] == self.list:
            return _holders(self.holders, int.from_bytes(data[4:36]), int.from_bytes(data[36:68]))
        if data[:4] not in self.fixed:
            raise NotAnswered(f"the instant mirror's asset has no view {data[:4].hex()}", status=400)
        return [b'{"result":"0x', self.fixed[data[:4]], b'"}']


class Chain:
    """All of it: ``answer`` is what the mirror node says to one question."""

    def __init__(self, until_second: int, logs: Sequence[Logs] = (), asset: Assets | None = None) -> None:
        self.logs = {f"0.0.{one.contract}": one for one in logs}
        self.asset = asset
        self.results = {digest: pieces for one in logs for digest, pieces in one.results.items()}
        self.block = [_json(_blocks(until_second)).encode()]

    def answer(self, path: str, query: str, body: bytes) -> Pieces:
        """Raises NotAnswered."""
        if path == f"{API}/contracts/call" and self.asset:
            return self.asset.call(json.loads(body))
        match path.removeprefix(f"{API}/").split("/"):
            case ["contracts", "results", digest] if digest in self.results:
                return self.results[digest]
            case ["contracts", contract, "results", "logs"]:
                return self.logs[contract].page(query) if contract in self.logs else _nothing("logs")
            case ["blocks"]:
                return self.block
            case ["contracts", contract]:
                return [_json(_contract(contract)).encode()]
            case ["transactions"]:
                return _nothing("transactions")
        raise NotAnswered("Not found", status=404)


def _event(mix: str, number: int) -> tuple[list[str], tuple[bytes, ...]]:
    """Topics, and the data in pieces of hex digits."""
    if mix == "transfers":
        sides = [f"0x{holder(one)[2:]:0>64}" for one in people_of(number)]
        return [_topic("ats", "8", "Transfer"), *sides], (_word(1),)
    if mix == "unknown":
        return ["0x" + UNKNOWN, "0x" + _word(number).decode()], (_word(number), _word(number + 1))
    snapshot, place = divmod(number * HOLDERS_OF[mix], MOST_LINES)
    return [_topic("lccf", "1.1", "AmountSnapshotByAddressesExecuted")], (
        _word(snapshot + 1),
        _paid(place, HOLDERS_OF[mix]),
    )


@lru_cache
def _topic(interface: str, version: str, event: str) -> str:
    return abi.interface(interface, version).topic0(event)


@cache
def _paid(first: int, count: int) -> bytes:
    """All of a result's data behind the snapshot: the holders from ``first`` on, every one of them paid."""
    people = _words([holder(number) for number in range(first, first + count)])
    nobody, units = (_word(count) + _word(value) * count for value in (0, UNITS))
    size = WORD_BYTES * (1 + count)
    starts = [_word(WORD_BYTES * 6 + size * number) for number in range(4)]
    return b"".join([starts[0], _word(UNITS * count), *starts[1:], people, nobody, people, units])


def _words(addresses: Sequence[str]) -> bytes:
    """An array of addresses, in hex digits."""
    return _word(len(addresses)) + b"".join(one[2:].rjust(64, "0").encode() for one in addresses)


def _result(
    contract: int, at: str, digest: str, shared: Mapping[str, Any], cores: Sequence[tuple[bytes, ...]]
) -> Pieces:
    address = evm_address(contract)
    head = {
        "address": address,
        "amount": 0,
        "bloom": _BLOOM,
        "call_result": "0x",
        "contract_id": f"0.0.{contract}",
        "created_contract_ids": [],
        "error_message": None,
        "from": evm_address(1_002),
        "function_parameters": "0x01020304",
        "gas_consumed": 2_100_000,
        "gas_limit": 3_000_000,
        "gas_used": 2_400_000,
        "timestamp": at,
        "to": address,
        "hash": digest,
        "block_hash": shared["block_hash"],
        "block_number": shared["block_number"],
    }
    tail = {"result": "SUCCESS", "transaction_index": 0, "state_changes": [], "status": "0x1", "nonce": None}
    logs = [piece for core in cores for piece in (*core, b"},")]
    logs[-1] = b"}"
    return [f'{_json(head)[:-1]},"logs":['.encode(), *logs, f"],{_json(tail)[1:]}".encode()]


@cache
def _holders(total: int, page: int, size: int) -> Pieces:
    start = page * size
    addresses = [holder(number) for number in range(start, min(start + size, total))]
    return [b'{"result":"0x', _word(WORD_BYTES), _words(addresses), b'"}']


def _blocks(until_second: int) -> dict[str, Any]:
    span = {"from": f"{until_second - 2}.000000000", "to": f"{until_second}.000000000"}
    block = {
        "count": 4,
        "hapi_version": "0.75.0",
        "hash": "0x" + "0b" * 48,
        "name": "bench.rcd",
        "number": 100_000,
        "previous_hash": "0x" + "0a" * 48,
        "size": 100,
        "timestamp": span,
        "gas_used": 1_000,
        "logs_bloom": None,
    }
    return {"blocks": [block], "links": {"next": None}}


def _contract(name: str) -> dict[str, Any]:
    number = int(name.rpartition(".")[2]) if "." in name else int(name, 16)
    return {"contract_id": f"0.0.{number}", "evm_address": evm_address(number), "deleted": False}


def _nothing(key: str) -> Pieces:
    return [f'{{"{key}":[],"links":{{"next":null}}}}'.encode()]


def _condition(text: str) -> tuple[str, str]:
    found = _CONDITION.fullmatch(text)
    assert found
    return found[1] or "eq", found[2]


def _word(number: int) -> bytes:
    return b"%064x" % number


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def failure(error: NotAnswered) -> Pieces:
    return [_json({"_status": {"messages": [{"message": str(error)}]}}).encode()]
