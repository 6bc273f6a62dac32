"""Bodies of the transactions that make a contract: a file of its code, part by part, and the contract made of it."""

from hiero_sdk_python import FileAppendTransaction, FileCreateTransaction, FileId
from hiero_sdk_python.contract.contract_create_transaction import (
    ContractCreateParams,
    ContractCreateTransaction,
)
from hiero_sdk_python.timestamp import Timestamp

from contracts.gateways.hedera import MAX_GAS, NANOSECONDS, Envelope, Scheme, entity, freeze, public_key_of

# The functions of rows that are no contract calls, as the network names their bodies.
FILE_CREATE, FILE_APPEND, CONTRACT_CREATE = "fileCreate", "fileAppend", "contractCreateInstance"
# With ids and signature such a transaction stays well below the network's 6,144 bytes.
MAX_PART_BYTES = 4_096
# The file is of no use once the contract stands. The network lets files live for 92 days at most.
FILE_SECONDS = 90 * 86_400


def build_file(envelope: Envelope, contents: bytes, *, scheme: Scheme, public_key: bytes, node: str) -> bytes:
    """A new file with its first part; only the owner of this key can append to it. ValueError for too large a part."""
    end = Timestamp(envelope.valid_start_ns // NANOSECONDS + FILE_SECONDS, 0)
    keys = [public_key_of(scheme, public_key)]
    return freeze(FileCreateTransaction(keys, _part(contents), expiration_time=end), envelope, node)


def build_append(envelope: Envelope, file: str, contents: bytes, *, node: str) -> bytes:
    """The next part of a file `0.0.x`. ValueError for too large a part."""
    file_id = FileId.from_string(entity(file))
    return freeze(FileAppendTransaction(file_id, _part(contents)), envelope, node)


def build_creation(envelope: Envelope, file: str, *, gas: int, node: str) -> bytes:
    """A contract made of the code that a file holds in hex digits. Nobody can change or delete it afterwards."""
    if not 0 < gas <= MAX_GAS:
        raise ValueError(f"gas has to be between 1 and {MAX_GAS}, not {gas}")
    params = ContractCreateParams(bytecode_file_id=FileId.from_string(entity(file)), gas=gas)
    return freeze(ContractCreateTransaction(params), envelope, node)


def _part(contents: bytes) -> bytes:
    if not 0 < len(contents) <= MAX_PART_BYTES:
        raise ValueError(f"a part of a file has 1 to {MAX_PART_BYTES} bytes, not {len(contents)}")
    return contents
