"""POST contracts/call: a read-only call on the newest block this replica has, or on a named one."""

import json
import re
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from devnet.http import Answer, Request
from devnet.mirror.errors import CallRefusal, Refusal
from devnet.mirror.replica import Replica
from devnet.mirror.text import block_hash, hex_text

REVERTED = "CONTRACT_REVERT_EXECUTED"
_ERROR_SELECTOR = bytes.fromhex("08c379a0")
_LEAST_GAS = 21_000
_MAX_DATA_DIGITS = 300_000
_HEX = re.compile(r"(0x)?([0-9a-fA-F]*)")
_DECIMAL = re.compile(r"\d{1,20}")
_HEX_NUMBER = re.compile(r"(0x)?[0-9a-fA-F]{1,63}")
_NEWEST = ("latest", "pending", "safe", "finalized", "")


@dataclass(frozen=True, slots=True)
class CallRequest:
    to: str
    data: bytes
    sender: str | None
    block: str


def call(replica: Replica, request: Request) -> Answer:
    asked = _parse(request)
    block = _block(replica, asked.block)
    success, output = replica.view(
        _resolved(replica, asked.to) or asked.to,
        asked.data,
        sender=_resolved(replica, asked.sender) if asked.sender else None,
        block=block,
    )
    if not success:
        raise CallRefusal(REVERTED, detail=_reason(output), data=hex_text(output))
    return Answer(200, {"result": hex_text(output)})


def _parse(request: Request) -> CallRequest:
    body = _body(request)
    _check(body)
    if body.get("estimate") or not body.get("to"):
        raise CallRefusal("Not Implemented", status=501)
    sender = body.get("from")
    return CallRequest(
        to=f"0x{_digits(body['to']).lower()}",
        data=bytes.fromhex(_digits(body.get("data") or "")),
        sender=f"0x{_digits(sender).lower()}" if sender else None,
        block=str(body.get("block") or "latest").lower(),
    )


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise CallRefusal("Bad Request", detail=f"JSON parse error: {error}") from error
    if not isinstance(body, dict):
        raise CallRefusal("Bad Request", detail="JSON parse error: the body is not an object")
    return body


def _check(body: dict[str, Any]) -> None:
    problems = []
    if not _is_hex(body.get("data"), up_to=_MAX_DATA_DIGITS):
        problems.append("data field invalid hexadecimal string")
    if not _is_hex(body.get("from"), exactly=40):
        problems.append("from field invalid hexadecimal string")
    if body.get("to") and not _is_hex(body["to"], exactly=40):
        problems.append("to field invalid hexadecimal string")
    if not _is_at_least(body.get("gas"), _LEAST_GAS):
        problems.append(f"gas field must be greater than or equal to {_LEAST_GAS}")
    problems += [
        f"{name} field must be greater than or equal to 0"
        for name in ("gasPrice", "value")
        if not _is_at_least(body.get(name), 0)
    ]
    if problems:
        refusal = Refusal(*problems)
        refusal.messages = tuple(
            {"message": "Bad Request", "detail": problem, "data": ""} for problem in problems
        )
        raise refusal


def _block(replica: Replica, text: str) -> int | None:
    """None for the newest block; refuses a block this replica does not have (yet)."""
    if text in _NEWEST:
        return None
    found = replica.block(_block_number(replica, text))
    if found is None:
        raise CallRefusal("Bad Request", detail="Unknown block number")
    return found.number


def _block_number(replica: Replica, text: str) -> int:
    if text == "earliest":
        return min((block.number for block in replica.blocks()), default=-1)
    if _DECIMAL.fullmatch(text):
        return int(text)
    if digits := block_hash(text):
        by_hash = replica.block_by_hash(digits)
        return by_hash.number if by_hash else -1
    if _HEX_NUMBER.fullmatch(text):
        return int(text, 16)
    raise CallRefusal("Bad Request", detail=f"Invalid block value: {text}")


def _resolved(replica: Replica, address: str) -> str | None:
    """The EVM address by which the ledger knows the entity, also when it is named in long-zero form."""
    entity = replica.contract(address) or replica.account(address)
    return entity.evm_address if entity else None


def _reason(output: bytes) -> str:
    """The text of Error(string); custom errors have none."""
    if output[:4] != _ERROR_SELECTOR:
        return ""
    try:
        return str(decode(["string"], output[4:])[0])
    except (DecodingError, UnicodeDecodeError):
        return ""


def _digits(text: str) -> str:
    return text.lower().removeprefix("0x")


def _is_hex(value: Any, *, exactly: int | None = None, up_to: int | None = None) -> bool:
    if value is None:
        return True
    match = _HEX.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return False
    length = len(match.group(2))
    return length % 2 == 0 and (exactly is None or length == exactly) and (up_to is None or length <= up_to)


def _is_at_least(value: Any, least: int) -> bool:
    return value is None or (str(value).lstrip("-").isdigit() and int(value) >= least)
