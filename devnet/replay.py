"""The chain's state as the sum of its log: one function applies an entry, when it happens and on replay."""

import time
from dataclasses import dataclass, field

from devnet import genesis
from devnet.evm import Machine
from devnet.execution import SUCCESS, Moment, step_of
from devnet.faults import FaultBoard
from devnet.ledger import LONG_AGO, Ledger
from devnet.records import Account, Block, Contract, File, Record, Token
from devnet.replicas import Replicas, StepLog
from devnet.store import Entry, Genesis, Store

CREATION = "CONTRACTCREATEINSTANCE"


@dataclass(slots=True)
class State:
    ledger: Ledger
    machine: Machine
    steps: StepLog = field(default_factory=StepLog)
    views: Replicas = field(init=False)
    is_live: bool = False
    next_entity: int = genesis.FIRST_ENTITY
    next_block: int = 0
    block_from_ns: int = 0
    last_ns: int = 0
    last_hash: bytes = bytes(48)
    open_count: int = 0
    open_gas: int = 0
    open_hashes: list[bytes] = field(default_factory=list)


def restore(store: Store, faults: FaultBoard, first: Genesis) -> State:
    """Replays the log; an empty one gets `first` as its beginning."""
    entries = store.entries()
    begin = next(entries, None)
    if begin is None:
        store.append([first])
        begin = first
    if not isinstance(begin, Genesis):
        raise RuntimeError("the devnet's log does not begin with its genesis; remove the state directory")
    code = begin.token_service_code
    state = State(Ledger(faults), Machine(code))
    _begin(state, begin)
    for entry in entries:
        apply(state, entry)
    state.views = Replicas(state.steps, lambda: Machine(code), lambda height: _block_end(state, height))
    state.ledger.views = state.views
    state.is_live = True
    return state


def apply(state: State, entry: Entry) -> None:
    match entry:
        case Account():
            state.ledger.add_account(entry)
            _count_entity(state, entry.account)
        case Contract():
            state.ledger.add_contract(entry)
            _count_entity(state, entry.contract_id)
        case File():
            state.ledger.add_file(entry)
            _count_entity(state, entry.file_id)
        case Token():
            state.ledger.add_token(entry)
        case Record():
            _apply_record(state, entry)
        case Block():
            _apply_block(state, entry)
        case _:
            raise TypeError(f"{type(entry).__name__} has its place only at the beginning of the log")


def _begin(state: State, begin: Genesis) -> None:
    for account in genesis.accounts(begin.created_ns):
        state.ledger.add_account(account)
    state.ledger.move_tinybars(begin.created_ns, [(genesis.TREASURY, genesis.TREASURY_TINYBARS)])
    state.last_ns = state.block_from_ns = begin.created_ns


def _apply_record(state: State, record: Record) -> None:
    _apply_step(state, record)
    state.ledger.add_record(record)
    state.ledger.move_tinybars(record.consensus_ns, record.transfers)
    state.last_ns = record.consensus_ns
    state.open_count += 1
    state.open_gas += record.call.gas_used if record.call else 0
    state.open_hashes.append(record.hash)


def _apply_step(state: State, record: Record) -> None:
    """The live machine has run the step already; replayed it must succeed again."""
    if record.call is None or record.result != SUCCESS:
        return
    moment = Moment(record.consensus_ns, record.block_number)
    step = step_of(record.call, record.name == CREATION, moment)
    if not state.is_live and not state.machine.run(step).success:
        raise RuntimeError(f"transaction {record.transaction_id} fails on replay; remove the state directory")
    state.steps.append(step)


def _apply_block(state: State, block: Block) -> None:
    state.ledger.add_block(block, closed_at=time.monotonic() if state.is_live else LONG_AGO)
    state.next_block = block.number + 1
    state.block_from_ns = block.to_ns + 1
    state.last_ns = block.to_ns
    state.last_hash = block.hash
    state.open_count = state.open_gas = 0
    state.open_hashes.clear()


def _count_entity(state: State, entity_id: str) -> None:
    number = int(entity_id.rsplit(".", 1)[1])
    state.next_entity = max(state.next_entity, number + 1)


def _block_end(state: State, height: int) -> int:
    block = state.ledger.block(height)
    return block.to_ns if block else 0
