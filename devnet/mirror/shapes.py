"""Records, logs, results and blocks in the JSON shapes of the official server, keys in its order."""

from typing import Any

from devnet.ledger import LogPlace
from devnet.mirror.replica import Replica
from devnet.mirror.text import base64_or_none, entity_number, hex_text, time_text, time_text_or_none
from devnet.records import Block, CallOutcome, LogEntry, Record, long_zero

HAPI_VERSION = "0.75.0"
NO_BLOOM = "0x" + "00" * 256
NO_LOG_BLOOM = "0x00"
# What a result leaves out while its sidecar has not arrived.
PARTIAL_RESULT: dict[str, Any] = {
    "call_result": "0x",
    "error_message": None,
    "gas_consumed": None,
    "gas_used": None,
}
_ETHEREUM_HASH_BYTES = 32
_SUCCESSES = frozenset(
    {"SUCCESS", "FEE_SCHEDULE_FILE_PART_UPLOADED", "SUCCESS_BUT_MISSING_EXPECTED_OPERATION"}
)


def is_success(record: Record) -> bool:
    return record.result in _SUCCESSES


def transaction_json(replica: Replica, record: Record) -> dict[str, Any]:
    return {
        "batch_key": None,
        "bytes": None,
        "charged_tx_fee": record.charged_fee,
        "consensus_timestamp": time_text(record.consensus_ns),
        "entity_id": record.entity_id,
        "high_volume": False,
        "high_volume_pricing_multiplier": None,
        "max_fee": str(record.max_fee),
        "max_custom_fees": [],
        "memo_base64": base64_or_none(record.memo),
        "name": record.name,
        "nft_transfers": [],
        "node": record.node or None,
        "nonce": record.nonce,
        "parent_consensus_timestamp": _parent_time(replica, record),
        "result": record.result,
        "scheduled": False,
        "staking_reward_transfers": [],
        "token_transfers": _token_transfers(record),
        "transaction_hash": base64_or_none(record.hash),
        "transaction_id": record.transaction_id,
        "transfers": _transfers(record),
        "valid_duration_seconds": str(record.valid_seconds),
        "valid_start_timestamp": time_text(record.valid_start_ns),
    }


def log_json(replica: Replica, place: LogPlace) -> dict[str, Any]:
    record = place.record
    return _bare_log(replica, place.log) | {
        "block_hash": _block_hash(replica.block(record.block_number)),
        "block_number": record.block_number,
        "root_contract_id": _contract_id(replica, record.call.to) if record.call else None,
        "timestamp": time_text(record.consensus_ns),
        "transaction_hash": ethereum_hash_text(record),
        "transaction_index": record.index_in_block,
    }


def result_json(replica: Replica, record: Record, call: CallOutcome) -> dict[str, Any]:
    """A contract result as lists show it."""
    contract = replica.contract(call.to)
    sender = replica.account(call.from_)
    return {
        "address": contract.evm_address if contract else call.to,
        "amount": 0,
        "bloom": NO_BLOOM,
        "call_result": hex_text(call.output),
        "contract_id": contract.contract_id if contract else None,
        "created_contract_ids": [_contract_id(replica, created) for created in call.created_contracts],
        "error_message": call.error_message,
        "from": long_zero(sender.account) if sender else call.from_,
        "function_parameters": hex_text(call.parameters),
        "gas_consumed": call.gas_used,
        "gas_limit": call.gas_limit,
        "gas_used": call.gas_used,
        "timestamp": time_text(record.consensus_ns),
        "to": long_zero(contract.contract_id) if contract else call.to or None,
        "hash": ethereum_hash_text(record),
    }


def result_details_json(replica: Replica, record: Record, call: CallOutcome) -> dict[str, Any]:
    block = replica.block(record.block_number)
    return result_json(replica, record, call) | {
        "block_hash": _block_hash(block),
        "block_number": record.block_number,
        "logs": [_bare_log(replica, log) for log in call.logs],
        "result": record.result,
        "transaction_index": record.index_in_block,
        "state_changes": [],
        "status": "0x1" if is_success(record) else "0x0",
        "failed_initcode": None,
        "access_list": [],
        "block_gas_used": block.gas_used if block else None,
        "chain_id": hex(replica.network.chain_id),
        "gas_price": None,
        "max_fee_per_gas": None,
        "max_priority_fee_per_gas": None,
        "r": None,
        "s": None,
        "type": 0,
        "v": None,
        "nonce": None,
    }


def block_json(block: Block) -> dict[str, Any]:
    return {
        "count": block.count,
        "hapi_version": HAPI_VERSION,
        "hash": hex_text(block.hash),
        "name": block.name,
        "number": block.number,
        "previous_hash": hex_text(block.previous_hash),
        "size": 100,
        "timestamp": {"from": time_text(block.from_ns), "to": time_text(block.to_ns)},
        "gas_used": block.gas_used,
        "logs_bloom": None,
    }


def ethereum_hash_text(record: Record) -> str:
    return hex_text(record.hash[:_ETHEREUM_HASH_BYTES])


def _bare_log(replica: Replica, log: LogEntry) -> dict[str, Any]:
    return {
        "address": log.address,
        "bloom": NO_LOG_BLOOM,
        "contract_id": _contract_id(replica, log.address),
        "data": hex_text(log.data),
        "index": log.index,
        "topics": list(log.topics),
    }


def _contract_id(replica: Replica, key: str) -> str | None:
    contract = replica.contract(key)
    return contract.contract_id if contract else None


def _block_hash(block: Block | None) -> str:
    return hex_text(block.hash) if block else "0x"


def _parent_time(replica: Replica, record: Record) -> str | None:
    if record.nonce == 0:
        return None
    parents = (other for other in replica.by_id(record.transaction_id) if other.nonce == 0)
    return time_text_or_none(next((parent.consensus_ns for parent in parents), None))


def _transfers(record: Record) -> list[dict[str, Any]]:
    ordered = sorted(record.transfers, key=lambda transfer: (entity_number(transfer[0]), transfer[1]))
    return [{"account": account, "amount": amount, "is_approval": False} for account, amount in ordered]


def _token_transfers(record: Record) -> list[dict[str, Any]]:
    """By number of token and account, as the record has them."""
    return [
        {"token_id": token, "account": account, "amount": units, "is_approval": False}
        for token, account, units in record.token_transfers
    ]
