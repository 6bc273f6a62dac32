"""The transactions that put a payout contract on chain: a file of its code, part by part, the contract, its set-up."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache

from contracts.abi import INTERFACES
from contracts.gateways.hedera_creating import CONTRACT_CREATE, FILE_APPEND, FILE_CREATE, MAX_PART_BYTES
from contracts.models import ContractTransaction, Deployment
from contracts.reverts import ROLES
from contracts.services.planning import Call, Owner
from contracts.services.registering import LCCF_VERSION

PURPOSE = "deploy"
CONTRACT = "LifeCycleCashFlow"
FILE, CREATE, INITIALIZE = "file", "create", "initialize"
# What is not used is not charged.
CREATE_GAS, INITIALIZE_GAS = 8_000_000, 5_000_000

Sent = ContractTransaction.Status


@dataclass(frozen=True, slots=True)
class Code:
    """What is sent in hex digits, part by part, and what is to stand on chain afterwards."""

    parts: tuple[str, ...]
    runtime: bytes
    hash: str


@cache
def code() -> Code:
    compiled = json.loads((INTERFACES.parent / "solidity" / f"{CONTRACT}.json").read_text())
    digits = compiled["bytecode"].removeprefix("0x")
    parts = tuple(digits[at : at + MAX_PART_BYTES] for at in range(0, len(digits), MAX_PART_BYTES))
    runtime = bytes.fromhex(compiled["deployedBytecode"].removeprefix("0x"))
    return Code(parts, runtime, hashlib.sha256(digits.encode()).hexdigest())


def steps() -> tuple[str, ...]:
    """The names of all steps, in their order."""
    appends = (f"append-{number}" for number in range(1, len(code().parts)))
    return (FILE, *appends, CREATE, INITIALIZE)


def call_for(row: Deployment, step: str) -> Call:
    """The transaction of a step; those before it must have succeeded."""
    if step == FILE:
        return Call(row.wallet.account, "", FILE_CREATE, [code().parts[0]], gas_limit=0)
    if step == CREATE:
        return Call(entity_of(row, FILE), "", CONTRACT_CREATE, [], gas_limit=CREATE_GAS)
    if step == INITIALIZE:
        return _initialize(row)
    part = code().parts[int(step.removeprefix("append-"))]
    return Call(entity_of(row, FILE), "", FILE_APPEND, [part], gas_limit=0)


def _initialize(row: Deployment) -> Call:
    """Associates the payment token and gives the wallet every role; it may grant them to others afterwards."""
    grants = [[role, [row.wallet.evm_address]] for role in ROLES]
    arguments = [row.asset_evm_address, row.token_evm_address, grants]
    return Call(
        entity_of(row, CREATE), f"lccf/{LCCF_VERSION}", "initialize", arguments, gas_limit=INITIALIZE_GAS
    )


def entity_of(row: Deployment, step: str) -> str:
    """The file or contract 0.0.x that a successful step has made."""
    done = ContractTransaction.objects.of(row.subject_of(step)).get(status=Sent.SUCCEEDED)
    return str((done.result or {})["entity"])


def origin_of(subject: str) -> tuple[Owner, Call] | None:
    """What a step was, for one that is on chain and not in a database that was put back."""
    _, uid, step = subject.split(":")
    row = Deployment.objects.filter(uid=uid).select_related("wallet").first()
    if row is None or row.code_hash != code().hash:
        return None
    try:
        call = call_for(row, step)
    except (ContractTransaction.DoesNotExist, ValueError, IndexError):
        return None
    return Owner(row.wallet, None, PURPOSE, row.uid, has_guard=False), call
