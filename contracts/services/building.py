"""Identities and the bodies made of them: what custody is to sign, exactly, for either network.

On Hedera the identity is ours alone: payer and time. On Stellar it is the hash of an envelope, whose sequence number
and resources the network tells; so the network is asked first, and the identity is stored with the bytes it names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings

from contracts import abi, clock, wasm
from contracts.gateways import hedera, hedera_creating, soroban, soroban_work
from contracts.models import ContractTransaction

Status = ContractTransaction.Status

VALID_START_LEAD_NS = 8 * clock.NANOSECONDS
# There is one way into Stellar: its RPC.
SOROBAN = "soroban-rpc"


class NotNow(Exception):
    """No identity can be had at this moment; the text says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The columns that fix a transaction once and for ever, and its first body, for the node that is to have it."""

    columns: dict[str, Any]
    node: str
    raw: bytes


def new_identity(row: ContractTransaction) -> Identity:
    """Nothing is stored yet. Raises NotNow; on Stellar also a GatewayError, which is final if it is Refused."""
    return _on_stellar(row) if row.is_on_stellar else _on_hedera(row)


def body_for(row: ContractTransaction, node: str) -> bytes:
    """The bytes for another node, of the identity that the row has. Raises ValueError without one."""
    if row.valid_start_ns is None or row.valid_seconds is None:
        raise ValueError(f"{row} has no identity yet")
    if row.is_on_stellar:
        raise ValueError(f"{row} has one body only: its identity is the hash of it")
    return _hedera_body(row, row.valid_start_ns, row.valid_seconds, node)


def first_node(row: ContractTransaction) -> str:
    if row.valid_start_ns is not None and (body := row.bodies.order_by("pk").first()):
        return body.node
    nodes = hedera.nodes()
    return nodes[row.pk % len(nodes)]


def other_nodes(row: ContractTransaction, node: str) -> list[str]:
    return [] if row.is_on_stellar else [other for other in hedera.nodes() if other != node]


def assembled(row: ContractTransaction, raw: bytes, signature: bytes) -> tuple[bytes, bytes]:
    """The body with its signature, as it is sent, and the hash by which the network knows it."""
    if row.is_on_stellar:
        return soroban.assemble(raw, account=row.wallet.account, signature=signature), soroban.hash_of(raw)
    signed = hedera.assemble(
        raw,
        scheme=cast(hedera.Scheme, row.wallet.key_scheme),
        public_key=bytes.fromhex(row.wallet.public_key),
        signature=signature,
    )
    return signed.raw, signed.hash


def broadcast(row: ContractTransaction, raw: bytes, node: str) -> None:
    """Sends signed bytes once. Raises Unavailable, Refused or OutcomeUnknown as the gateways do."""
    if row.is_on_stellar:
        soroban.broadcast(raw)
    else:
        hedera.broadcast(raw, node=node)


def _on_hedera(row: ContractTransaction) -> Identity:
    now_ns = clock.now_ns()
    start = now_ns - VALID_START_LEAD_NS + settings.CUSTODY_APPROVAL_LEAD * clock.NANOSECONDS
    columns = {
        "valid_start_ns": start,
        "valid_seconds": settings.TRANSACTION_VALID_SECONDS,
        "transaction_id": hedera.transaction_id_text(row.wallet.account, start),
        "identified_at": clock.from_ns(now_ns),
    }
    node = first_node(row)
    return Identity(columns, node, _hedera_body(row, start, settings.TRANSACTION_VALID_SECONDS, node))


def _hedera_body(row: ContractTransaction, start_ns: int, seconds: int, node: str) -> bytes:
    if not row.interface:
        envelope = hedera.Envelope(row.wallet.account, row.max_fee_units, row.memo, start_ns, seconds)
        return _BUILDERS[row.function](row, envelope, node)
    spec = hedera.CallSpec(
        payer=row.wallet.account,
        contract=row.target,
        call_data=abi.interface(*row.interface.split("/")).encode(row.function, row.arguments),
        gas=row.gas_limit,
        max_fee_tinybars=row.max_fee_units,
        memo=row.memo,
        valid_start_ns=start_ns,
        valid_seconds=seconds,
    )
    return hedera.build_call(spec, node=node)


def _file(row: ContractTransaction, envelope: hedera.Envelope, node: str) -> bytes:
    return hedera_creating.build_file(
        envelope,
        row.arguments[0].encode("ascii"),
        scheme=cast(hedera.Scheme, row.wallet.key_scheme),
        public_key=bytes.fromhex(row.wallet.public_key),
        node=node,
    )


def _append(row: ContractTransaction, envelope: hedera.Envelope, node: str) -> bytes:
    return hedera_creating.build_append(envelope, row.target, row.arguments[0].encode("ascii"), node=node)


# By function, for what is no call of a contract.
_BUILDERS: dict[str, Callable[[ContractTransaction, hedera.Envelope, str], bytes]] = {
    hedera.SELF_TRANSFER: lambda row, envelope, node: hedera.build_transfer(envelope, node=node),
    hedera_creating.FILE_CREATE: _file,
    hedera_creating.FILE_APPEND: _append,
    hedera_creating.CONTRACT_CREATE: lambda row, envelope, node: hedera_creating.build_creation(
        envelope, row.target, gas=row.gas_limit, node=node
    ),
}


def _on_stellar(row: ContractTransaction) -> Identity:
    """The sequence is read after what used the last one has ended, so that no two calls are made with the same."""
    if other := _open_of_source(row):
        raise NotNow(f"{other} of the same source account comes first")
    now_ns = clock.now_ns()
    begins_at = now_ns // clock.NANOSECONDS + settings.CUSTODY_APPROVAL_LEAD
    seconds = settings.TRANSACTION_VALID_SECONDS
    sequence = soroban.sequence_of(row.wallet.account)
    prepared = soroban.prepare(
        _work_of(row),
        source=row.wallet.account,
        sequence=sequence,
        ends_at=begins_at + seconds,
    )
    columns = {
        "valid_start_ns": begins_at * clock.NANOSECONDS,
        "valid_seconds": seconds,
        "transaction_id": prepared.hash.hex(),
        "sequence": sequence + 1,
        "identified_at": clock.from_ns(now_ns),
    }
    return Identity(columns, SOROBAN, prepared.raw)


def _work_of(row: ContractTransaction) -> soroban.Work:
    """What an envelope of this row does. Raises ValueError for arguments that are none."""
    if row.interface:
        return soroban.Call(row.target, row.function, soroban.arguments_of(row.arguments))
    return _WORK[row.function](row)


def _creation(row: ContractTransaction) -> soroban_work.Creation:
    code_hash, salt, *arguments = row.arguments
    return soroban_work.Creation(
        bytes.fromhex(code_hash), row.wallet.account, bytes.fromhex(salt), soroban.arguments_of(arguments)
    )


# By function, for what is no call of a contract. The code itself is not kept in the row: its hash names it.
_WORK: dict[str, Callable[[ContractTransaction], soroban.Work]] = {
    soroban_work.UPLOAD: lambda row: soroban_work.Upload(wasm.code_of(row.arguments[0])),
    soroban_work.CREATE: _creation,
    soroban_work.EXTEND: lambda row: soroban_work.Extension(
        row.target, soroban_work.keys_of(row.arguments[1:]), int(row.arguments[0])
    ),
    soroban_work.RESTORE: lambda row: soroban_work.Restoration(
        row.target, soroban_work.keys_of(row.arguments)
    ),
}


def _open_of_source(row: ContractTransaction) -> ContractTransaction | None:
    same = ContractTransaction.objects.open().filter(wallet=row.wallet, sequence__isnull=False)
    return same.exclude(pk=row.pk).only("subject", "attempt").first()
