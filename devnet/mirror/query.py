"""Query parameters: which an address accepts, whether they are well formed, and what they mean."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from devnet.mirror.errors import Refusal
from devnet.mirror.names import TRANSACTION_TYPES
from devnet.mirror.text import TIMESTAMP, block_hash, is_entity_id, to_ns

DEFAULT_LIMIT = 25
MAX_LIMIT = 100
MAX_REPEATS = 100
_OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte")
_MAX_LONG = 2**63 - 1
_TOPIC = re.compile(r"(0x)?[0-9A-Fa-f]{1,64}")
_PUBLIC_KEY = re.compile(r"(0x)?([0-9A-Fa-f]{64}|[0-9A-Fa-f]{66}|[0-9A-Fa-f]{88})")


@dataclass(frozen=True, slots=True)
class Filter:
    key: str
    operator: str
    value: str

    def keeps(self, value: int, *, at: int) -> bool:
        """Whether `value` passes when this filter's own value means `at`."""
        return {
            "eq": value == at,
            "ne": value != at,
            "gt": value > at,
            "gte": value >= at,
            "lt": value < at,
            "lte": value <= at,
        }[self.operator]


def _is_long(text: str, least: int = 0) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= _MAX_LONG


def _is_block_number(operator: str, value: str) -> bool:
    is_hex = re.fullmatch(r"0x[0-9A-Fa-f]{1,15}", value)
    return operator != "ne" and (_is_long(value) or bool(is_hex))


def _is_flag(operator: str, value: str) -> bool:
    return operator == "eq" and value.lower() in ("true", "false")


_CHECKS: Mapping[str, Callable[[str, str], bool]] = {
    "account.balance": lambda _, value: _is_long(value),
    "account.id": lambda _, value: is_entity_id(value),
    "account.publickey": lambda _, value: bool(_PUBLIC_KEY.fullmatch(value)),
    "block.hash": lambda operator, value: operator == "eq" and block_hash(value) is not None,
    "block.number": _is_block_number,
    "file.id": lambda _, value: is_entity_id(value),
    "from": lambda _, value: is_entity_id(value),
    "hbar": _is_flag,
    "index": lambda _, value: _is_long(value),
    "internal": _is_flag,
    "limit": lambda _, value: _is_long(value, 1),
    "node.id": lambda operator, value: operator != "ne" and _is_long(value),
    "nonce": lambda operator, value: operator == "eq" and _is_long(value) and int(value) < 2**31,
    "order": lambda _, value: value.lower() in ("asc", "desc"),
    "result": lambda _, value: value.lower() in ("success", "fail"),
    "scheduled": _is_flag,
    "timestamp": lambda _, value: bool(TIMESTAMP.fullmatch(value)),
    "token.id": lambda _, value: is_entity_id(value),
    "transaction.hash": lambda operator, value: operator == "eq" and block_hash(value) is not None,
    "transaction.index": lambda operator, value: operator == "eq" and _is_long(value),
    "transactions": _is_flag,
    "transactiontype": lambda _, value: value.upper() in TRANSACTION_TYPES,
    "type": lambda _, value: value.lower() in ("credit", "debit"),
} | {
    f"topic{place}": lambda operator, value: operator == "eq" and bool(_TOPIC.fullmatch(value))
    for place in range(4)
}


class Query:
    """The parameters of one request, checked against what the address accepts; raises Refusal.

    `parameters` keeps their order of appearance with repeated ones grouped, which is how the server writes
    them back into `links.next`.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]], accepted: Iterable[str]) -> None:
        self.parameters: dict[str, list[str]] = {}
        for key, value in pairs:
            self.parameters.setdefault(key, []).append(value)
        self._filters = [_filter(key, value) for key, values in self.parameters.items() for value in values]
        self._check(frozenset(accepted))

    def all(self, key: str) -> list[Filter]:
        return [item for item in self._filters if item.key == key]

    def last(self, key: str) -> str | None:
        """The server honours the last one of a parameter that is given more than once."""
        found = self.all(key)
        return found[-1].value if found else None

    def times(self) -> list[tuple[Filter, int]]:
        return [(item, to_ns(item.value)) for item in self.all("timestamp")]

    def limit(self, most: int = MAX_LIMIT) -> int:
        return min(int(self.last("limit") or DEFAULT_LIMIT), most)

    def order(self, default: str = "desc") -> str:
        return (self.last("order") or default).lower()

    def flag(self, key: str, default: bool) -> bool:
        value = self.last(key)
        return default if value is None else value.lower() == "true"

    def _check(self, accepted: frozenset[str]) -> None:
        known = [item for item in self._filters if item.key in accepted]
        problems = [*self._too_many()]
        problems += [f"Invalid parameter: {item.key}" for item in known if not _is_valid(item)]
        problems += [f"Unknown query parameter: {item.key}" for item in self._filters if item not in known]
        if problems:
            raise Refusal(*problems)

    def _too_many(self) -> Iterable[str]:
        for key, values in self.parameters.items():
            if len(values) > MAX_REPEATS:
                yield (
                    "Parameter values count exceeds maximum number allowed: "
                    f"{key} count: {len(values)} max: {MAX_REPEATS}"
                )


def _filter(key: str, value: str) -> Filter:
    operator, colon, rest = value.rpartition(":")
    return Filter(key, operator, rest) if colon else Filter(key, "eq", value)


def _is_valid(item: Filter) -> bool:
    check = _CHECKS.get(item.key)
    return check is not None and item.operator in _OPERATORS and check(item.operator, item.value)
