"""How the mirror writes and reads single values: times, ids, hashes and bytes."""

import base64
import re

from devnet.mirror.errors import Refusal

NS = 1_000_000_000
TIMESTAMP = re.compile(r"\d{1,10}(\.\d{1,9})?")
EVM_ADDRESS = re.compile(r"(0x)?[0-9A-Fa-f]{40}")
_ENTITY_ID = re.compile(r"(\d{1,4}\.)?\d{1,5}\.\d{1,12}")
_SHARD_ADDRESS = re.compile(r"(\d{1,4}\.)?(\d{1,5}\.)?[0-9A-Fa-f]{40}")
_ENCODED_ID = re.compile(r"-?\d{1,19}")
_TRANSACTION_ID = re.compile(r"(\d+\.\d+\.\d+)-(\d{1,19})-(\d{1,9})")
_ETHEREUM_HASH = re.compile(r"(0x)?([0-9A-Fa-f]{64})")
_HEDERA_HASH = re.compile(r"(0x)?([0-9A-Fa-f]{96})")
_BASE64_HASH = re.compile(r"[0-9A-Za-z+/_-]{64}")
_MALFORMED_TRANSACTION_ID = (
    'Invalid Transaction id. Please use "shard.realm.num-sss-nnn" format '
    "where sss are seconds and nnn are nanoseconds"
)


def time_text(ns: int) -> str:
    return f"{ns // NS}.{ns % NS:09d}"


def time_text_or_none(ns: int | None) -> str | None:
    return None if ns is None else time_text(ns)


def to_ns(text: str) -> int:
    """A fraction is read as a decimal one: `7.5` is seven and a half seconds."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) * NS + int(fraction.ljust(9, "0") or 0)


def hex_text(data: bytes) -> str:
    return f"0x{data.hex()}"


def base64_or_none(data: bytes | None) -> str | None:
    return base64.b64encode(data).decode() if data else None


def is_entity_id(text: str) -> bool:
    return any(form.fullmatch(text) for form in (_ENTITY_ID, _ENCODED_ID, EVM_ADDRESS, _SHARD_ADDRESS))


def entity_key(text: str) -> str:
    """What the ledger looks up: `0.0.x`, or a lower-case 0x address when the text is an EVM address."""
    last = text.split(".")[-1].lower().removeprefix("0x")
    if len(last) != 40:
        return f"0.0.{int(last)}"
    number = int(last, 16)
    return f"0x{last}" if number >> 64 else f"0.0.{number}"


def entity_number(entity_id: str) -> int:
    return int(entity_id.rsplit(".", 1)[-1])


def transaction_id_text(text: str) -> str:
    """The id with nine digits of nanoseconds; raises Refusal in the server's words."""
    match = _TRANSACTION_ID.fullmatch(text)
    if not match:
        raise Refusal(_MALFORMED_TRANSACTION_ID)
    payer, seconds, nanos = match.groups()
    return f"{payer}-{seconds}-{int(nanos):09d}"


def ethereum_hash(text: str) -> bytes | None:
    """The first 32 bytes by which contract results are found, or None when the text is no such hash."""
    match = _ETHEREUM_HASH.fullmatch(text)
    return bytes.fromhex(match.group(2)) if match else None


def hedera_hash(text: str) -> bytes | None:
    """A 48-byte transaction hash in hex or base64 (both alphabets), or None."""
    if match := _HEDERA_HASH.fullmatch(text):
        return bytes.fromhex(match.group(2))
    if _BASE64_HASH.fullmatch(text):
        return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_"))
    return None


def block_hash(text: str) -> str | None:
    """A block hash of 32 or 48 bytes as lower-case hex without prefix, or None."""
    match = _ETHEREUM_HASH.fullmatch(text) or _HEDERA_HASH.fullmatch(text)
    return match.group(2).lower() if match else None
