"""The ledger behind `mirror_samples.json`: one contract, one payer, 100 calls of 10 logs, 4 a block."""

import hashlib

from devnet.faults import FaultBoard
from devnet.ledger import Ledger
from devnet.records import NS, Account, Block, CallOutcome, Contract, LogEntry, Record

CONTRACT = "0.0.1001"
PAYER = "0.0.1002"
CONTRACT_ADDRESS = "0xfe675fe7aaee830b6fed09b64e034f84dcbdaeb4"
PAYER_ADDRESS = "0xb281bc2c616cb3c3a097215fdc9397ae87e6e06b"
TOPIC = "0xfb81b961af456e5e748db7e1b1bff9a5e621b62718234c1937738d1adc317a17"
FIRST_NS = 1795166753 * NS + 7
CALLS = 100
LOGS_PER_CALL = 10
CALLS_PER_BLOCK = 4
BLOCK_NS = 2 * NS
BLOCK_HASHES = {
    1: "83d6574b4607f08005df5931daaf21b487f564c60a76f1519b3858f640ab8db2bb2fecfff76fcd2c0cf224baa0840430",
    24: "115cdc8a4b1ef86ae6c65e30af4d5ee419b87df712a4a59064eacf5e42365e8270f25a22d3db14764cff6d85d7c0d0e7",
    25: "85c23432c915b374d428402792354ce48d75dd373fe96d52f78892a8f8baa35c3e6acaaa50fc67a56b0cc59e0e188b46",
}
RESULT_HASHES = {
    0: "512f26ada3c3d634ac3c6b12b7b33cb50bb0963c3f6d9924241619c84ec78ff2",
    1: "628b49d96dcde97a430dd4f597705899e09a968f793491e4b704cae33a40dc02",
    99: "df86a11e57985d8d5f9dd8faa69802387801ff5a4a93407a109cdff69a74a2c3",
}


def sample_ledger(faults: FaultBoard | None = None) -> Ledger:
    ledger = Ledger(faults or FaultBoard())
    created = 1795166752 * NS
    ledger.add_account(Account(PAYER, PAYER_ADDRESS, None, "", created))
    ledger.add_contract(Contract(CONTRACT, CONTRACT_ADDRESS, "Sample", created, bytes.fromhex("6001")))
    fund(ledger)
    for number in range(CALLS // CALLS_PER_BLOCK + 1):
        ledger.add_block(block(number))
    for number in range(CALLS):
        ledger.add_record(contract_call(number))
    return ledger


def fund(ledger: Ledger) -> None:
    at = 1795166753 * NS
    ledger.add_record(
        Record(
            consensus_ns=at,
            transaction_id="0.0.2-1795166752-000000000",
            payer="0.0.2",
            node="0.0.3",
            name="CRYPTOTRANSFER",
            result="SUCCESS",
            hash=hashlib.sha384(b"fund").digest(),
            memo=b"fund",
            valid_start_ns=at - NS,
            valid_seconds=120,
            max_fee=0,
            charged_fee=0,
            transfers=((PAYER, 10000), ("0.0.2", -10000)),
        )
    )
    ledger.move_tinybars(at, [(PAYER, 10000)])


def consensus_ns(number: int) -> int:
    return FIRST_NS + number * NS // 2


def call_hash(number: int) -> bytes:
    """48 bytes of which the first 32 are the hash that contract results and logs show."""
    made_up = hashlib.sha384(f"call {number}".encode()).digest()
    known = bytes.fromhex(RESULT_HASHES.get(number, ""))
    return known + made_up[len(known) :]


def contract_call(number: int, **changes: object) -> Record:
    at = consensus_ns(number)
    start = at - NS
    fields: dict[str, object] = {
        "consensus_ns": at,
        "transaction_id": f"{PAYER}-{start // NS}-{start % NS:09d}",
        "payer": PAYER,
        "node": "0.0.3",
        "name": "CONTRACTCALL",
        "result": "SUCCESS",
        "hash": call_hash(number),
        "memo": b"",
        "valid_start_ns": start,
        "valid_seconds": 120,
        "max_fee": 100_000_000,
        "charged_fee": 1_234_567,
        "entity_id": CONTRACT,
        "call": outcome(number),
        "block_number": number // CALLS_PER_BLOCK + 1,
        "index_in_block": number % CALLS_PER_BLOCK,
    }
    return Record(**(fields | changes))  # type: ignore[arg-type]


def outcome(number: int) -> CallOutcome:
    return CallOutcome(
        to=CONTRACT_ADDRESS,
        from_=PAYER_ADDRESS,
        gas_limit=3_000_000,
        gas_used=2_400_000,
        parameters=bytes.fromhex("01020304"),
        output=b"",
        error_message=None,
        logs=tuple(log(number, index) for index in range(LOGS_PER_CALL)),
    )


def log(number: int, index: int) -> LogEntry:
    topics = (TOPIC, f"0x{number:064x}", f"0x{index:064x}")
    return LogEntry(CONTRACT_ADDRESS, topics, (number * 100 + index).to_bytes(32, "big"), index)


def block_hash(number: int) -> bytes:
    return bytes.fromhex(BLOCK_HASHES.get(number, "")) or hashlib.sha384(f"block {number}".encode()).digest()


def block(number: int) -> Block:
    start = FIRST_NS + (number - 1) * BLOCK_NS
    return Block(
        number=number,
        from_ns=start,
        to_ns=start + BLOCK_NS - 1,
        hash=block_hash(number),
        previous_hash=block_hash(number - 1),
        count=CALLS_PER_BLOCK,
        gas_used=1000,
        name=f"f{(number - 1) * CALLS_PER_BLOCK}.rcd",
    )
