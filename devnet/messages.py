"""Records as the protobuf messages of receipt and record queries."""

from typing import Any

from hiero_sdk_python.hapi.services import (
    basic_types_pb2,
    contract_types_pb2,
    response_header_pb2,
    transaction_receipt_pb2,
    transaction_record_pb2,
)
from hiero_sdk_python.hapi.services.response_code_pb2 import ResponseCodeEnum

from devnet.actions import FileAppend, FileCreate
from devnet.ledger import Ledger
from devnet.records import NS, CallOutcome, Record

FILES = (FileCreate.name, FileAppend.name)


def response_header(code: str, kind: Any = 0, cost: int = 0) -> response_header_pb2.ResponseHeader:
    return response_header_pb2.ResponseHeader(
        nodeTransactionPrecheckCode=ResponseCodeEnum.Value(code), responseType=kind, cost=cost
    )


def receipt_message(record: Record) -> transaction_receipt_pb2.TransactionReceipt:
    receipt = transaction_receipt_pb2.TransactionReceipt(status=ResponseCodeEnum.Value(record.result))
    if record.call and record.entity_id:
        receipt.contractID.contractNum = number(record.entity_id)
    elif record.name in FILES and record.entity_id:
        receipt.fileID.fileNum = number(record.entity_id)
    return receipt


def record_message(record: Record, ledger: Ledger) -> transaction_record_pb2.TransactionRecord:
    message = transaction_record_pb2.TransactionRecord(
        receipt=receipt_message(record),
        transactionHash=record.hash,
        memo=record.memo.decode(),
        transactionFee=record.charged_fee,
    )
    message.consensusTimestamp.seconds, message.consensusTimestamp.nanos = divmod(record.consensus_ns, NS)
    _fill_id(message.transactionID, record)
    for account, amount in record.transfers:
        message.transferList.accountAmounts.add(accountID=account_id(account), amount=amount)
    if record.call:
        message.contractCallResult.CopyFrom(_call_message(record, record.call, ledger))
    return message


def account_id(account: str) -> basic_types_pb2.AccountID:
    return basic_types_pb2.AccountID(accountNum=number(account))


def number(entity_id: str) -> int:
    return int(entity_id.rsplit(".", 1)[1])


def _fill_id(identity: Any, record: Record) -> None:
    identity.accountID.CopyFrom(account_id(record.payer))
    start = identity.transactionValidStart
    start.seconds, start.nanos = divmod(record.valid_start_ns, NS)


def _call_message(
    record: Record, call: CallOutcome, ledger: Ledger
) -> contract_types_pb2.ContractFunctionResult:
    message = contract_types_pb2.ContractFunctionResult(
        contractID=basic_types_pb2.ContractID(contractNum=number(record.entity_id or "0.0.0")),
        contractCallResult=call.output,
        errorMessage=call.error_message or "",
        gasUsed=call.gas_used,
        gas=call.gas_limit,
        functionParameters=call.parameters,
        sender_id=account_id(record.payer),
    )
    for log in call.logs:
        contract = ledger.contract(log.address)
        line = message.logInfo.add(data=log.data, topic=[bytes.fromhex(topic[2:]) for topic in log.topics])
        if contract:
            line.contractID.contractNum = number(contract.contract_id)
    return message
