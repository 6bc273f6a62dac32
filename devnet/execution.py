"""What a transaction does at consensus: result code, fee, transfers and the EVM's outcome."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from devnet.actions import Call, ContractCreate, FileAppend, FileCreate, Refused, Transfer
from devnet.artifacts import name_of
from devnet.evm import Machine, Outcome, Step
from devnet.faults import FaultBoard
from devnet.fees import FILE_FEE, MAX_CHILD_RECORDS, TINYBARS_PER_GAS, TRANSFER_FEE, GasTable, child_records
from devnet.ledger import Ledger
from devnet.moves import Move, token_moves
from devnet.records import NS, Account, CallOutcome, Contract, File
from devnet.transactions import Submission, check_fee

SUCCESS = "SUCCESS"
TOO_LATE = "TRANSACTION_EXPIRED"
LONGEST_LIFE_NS = 8_000_001 * NS
MOST_FILE_BYTES = 1_024 * 1_024


@dataclass(frozen=True, slots=True)
class Moment:
    consensus_ns: int
    block_number: int


@dataclass(frozen=True, slots=True)
class Effect:
    """`transfers` excludes the fee, which the chain books; `made` is stored together with the record."""

    result: str
    fee: int = 0
    entity_id: str | None = None
    call: CallOutcome | None = None
    transfers: tuple[tuple[str, int], ...] = ()
    token_transfers: tuple[Move, ...] = ()
    made: tuple[File | Contract, ...] = ()


class Executor:
    """`next_id` names the entity that is made next."""

    def __init__(
        self, machine: Machine, ledger: Ledger, faults: FaultBoard, next_id: Callable[[], str]
    ) -> None:
        self._machine = machine
        self._ledger = ledger
        self._faults = faults
        self._next_id = next_id

    def execute(self, submission: Submission, moment: Moment) -> Effect:
        """What a node found in order may be otherwise by now: time, id and money are looked at again."""
        if submission.valid_until_ns <= moment.consensus_ns:
            return Effect(TOO_LATE)
        if self._ledger.by_id(submission.transaction_id):
            return Effect("DUPLICATE_TRANSACTION")
        payer = self._ledger.account(submission.payer)
        if payer is None:
            return Effect("PAYER_ACCOUNT_NOT_FOUND")
        try:
            check_fee(submission, self._ledger)
        except Refused as refused:
            return Effect(refused.code)
        if isinstance(submission.action, Transfer):
            return self._transfer(submission, submission.action)
        failure = self._faults.hit("consensus.fail", submission.memo.decode(errors="replace"))
        return self._act(submission, payer, moment, str(failure["result"]) if failure else None)

    def _act(self, submission: Submission, payer: Account, moment: Moment, failure: str | None) -> Effect:
        match submission.action:
            case Call() as call:
                return self._call(call, payer, moment, failure)
            case ContractCreate() as creation:
                return self._create_contract(creation, payer, moment, failure)
            case FileCreate() as creation:
                effect = self._create_file(creation, submission, moment)
            case FileAppend() as append:
                effect = self._append(append, submission, moment)
        return Effect(failure, effect.fee) if failure else effect

    def run(self, sender: str, contract: Contract, data: bytes, gas: int, moment: Moment) -> Effect:
        """An administrator's call: no fee, no gas table, no cap on child records."""
        outcome = self._machine.run(_step(sender, contract.evm_address, data, gas, moment))
        result = SUCCESS if outcome.success else _failure(outcome)
        call = _call_outcome(sender, contract.evm_address, data, gas, result, outcome)
        return self._called(call, Effect(result, entity_id=contract.contract_id))

    def create(self, sender: str, code: bytes, gas: int, moment: Moment) -> Effect:
        """Deploys init code; the new address is `call.to`."""
        outcome = self._machine.run(_step(sender, None, code, gas, moment))
        result = SUCCESS if outcome.success else _failure(outcome)
        call = _call_outcome(sender, outcome.created or "", code, gas, result, outcome)
        return self._called(call, Effect(result))

    def code(self, address: str) -> bytes:
        return self._machine.code(address)

    def view(self, sender: str, to: str, data: bytes, moment: Moment) -> tuple[bool, bytes]:
        return self._machine.view(sender, to, data, moment.block_number, moment.consensus_ns)

    def _call(self, call: Call, payer: Account, moment: Moment, failure: str | None) -> Effect:
        contract = self._ledger.contract(call.contract)
        if contract is None:
            return Effect("INVALID_CONTRACT_ID", fee=TRANSFER_FEE)
        table = GasTable.of(self._faults)
        tokens = {token.evm_address for token in self._ledger.tokens() if token.hts_like}
        verdict: list[str] = []

        def keep(outcome: Outcome) -> bool:
            children = child_records(outcome, tokens)
            verdict.append(failure or _verdict(table.needed(outcome), call.gas, children))
            return verdict[0] == SUCCESS

        step = _step(payer.evm_address, contract.evm_address, call.data, call.gas, moment)
        outcome = self._machine.run(step, keep)
        result = verdict[0] if verdict else _failure(outcome)
        used = call.gas if result == "INSUFFICIENT_GAS" else min(table.needed(outcome), call.gas)
        seen = _call_outcome(
            payer.evm_address, contract.evm_address, call.data, call.gas, result, outcome, used
        )
        return self._called(seen, Effect(result, used * TINYBARS_PER_GAS, contract.contract_id))

    # -- files and contracts

    def _create_file(self, creation: FileCreate, submission: Submission, moment: Moment) -> Effect:
        life_ns = (creation.expires_ns or 0) - moment.consensus_ns
        if life_ns <= 0:
            return Effect("INVALID_EXPIRATION_TIME", FILE_FEE)
        if life_ns > LONGEST_LIFE_NS:
            return Effect("AUTORENEW_DURATION_NOT_IN_RANGE", FILE_FEE)
        if not self._have_signed(creation.keys, submission):
            return Effect("INVALID_SIGNATURE", FILE_FEE)
        name = self._next_id()
        end_ns = moment.consensus_ns + life_ns
        file = File(name, creation.contents, creation.keys, moment.consensus_ns, end_ns)
        return Effect(SUCCESS, FILE_FEE, name, made=(file,))

    def _append(self, append: FileAppend, submission: Submission, moment: Moment) -> Effect:
        file = self._ledger.file(append.file_id)
        if file is None or file.expires_ns <= moment.consensus_ns:
            return Effect("INVALID_FILE_ID", FILE_FEE)
        if not file.keys:
            return Effect("UNAUTHORIZED", FILE_FEE)
        if not self._have_signed(file.keys, submission):
            return Effect("INVALID_SIGNATURE", FILE_FEE)
        contents = file.contents + append.contents
        if len(contents) > MOST_FILE_BYTES:
            return Effect("MAX_FILE_SIZE_EXCEEDED", FILE_FEE)
        return Effect(SUCCESS, FILE_FEE, file.file_id, made=(replace(file, contents=contents),))

    def _have_signed(self, keys: tuple[str, ...], submission: Submission) -> bool:
        accounts = (self._ledger.account(name) for name in submission.signers)
        return set(keys) <= {account.key_hex for account in accounts if account}

    def _create_contract(
        self, creation: ContractCreate, payer: Account, moment: Moment, failure: str | None
    ) -> Effect:
        try:
            code = self._init_code(creation, moment)
        except Refused as refused:
            return Effect(refused.code, fee=TRANSFER_FEE)
        table = GasTable.of(self._faults)
        verdict: list[str] = []

        def keep(outcome: Outcome) -> bool:
            verdict.append(failure or _verdict(table.needed(outcome), creation.gas, 0))
            return verdict[0] == SUCCESS

        outcome = self._machine.run(_step(payer.evm_address, None, code, creation.gas, moment), keep)
        result = verdict[0] if verdict else _failure(outcome)
        used = creation.gas if result == "INSUFFICIENT_GAS" else min(table.needed(outcome), creation.gas)
        created = outcome.created or "" if result == SUCCESS else ""
        seen = _call_outcome(payer.evm_address, created, code, creation.gas, result, outcome, used)
        return self._created(seen, Effect(result, used * TINYBARS_PER_GAS), moment)

    def _init_code(self, creation: ContractCreate, moment: Moment) -> bytes:
        """Files hold it in hex digits. Raises Refused."""
        if not creation.file_id:
            return creation.code + creation.parameters
        file = self._ledger.file(creation.file_id)
        if file is None or file.expires_ns <= moment.consensus_ns:
            raise Refused("INVALID_FILE_ID")
        if not file.contents:
            raise Refused("CONTRACT_FILE_EMPTY")
        try:
            return bytes.fromhex(file.contents.decode("ascii")) + creation.parameters
        except ValueError as error:
            raise Refused("ERROR_DECODING_BYTESTRING") from error

    def _created(self, call: CallOutcome, effect: Effect, moment: Moment) -> Effect:
        if effect.result != SUCCESS:
            return replace(effect, call=call)
        name, runtime = self._next_id(), self._machine.code(call.to)
        contract = Contract(name, call.to, name_of(runtime), moment.consensus_ns, runtime)
        return self._called(call, replace(effect, entity_id=name, made=(contract,)))

    def _called(self, call: CallOutcome, effect: Effect) -> Effect:
        return replace(effect, call=call, token_transfers=token_moves(call.logs, self._ledger))

    def _transfer(self, submission: Submission, transfer: Transfer) -> Effect:
        for name, amount in transfer.amounts:
            account = self._ledger.account(name)
            if account is None:
                return Effect("INVALID_ACCOUNT_ID", fee=TRANSFER_FEE)
            if amount < 0 and account.account not in submission.signers:
                return Effect("INVALID_SIGNATURE", fee=TRANSFER_FEE)
            if not self._can_pay(submission, name, amount):
                return Effect("INSUFFICIENT_ACCOUNT_BALANCE", fee=TRANSFER_FEE)
        moved = tuple((name, amount) for name, amount in transfer.amounts if amount)
        return Effect(SUCCESS, fee=TRANSFER_FEE, transfers=moved)

    def _can_pay(self, submission: Submission, name: str, amount: int) -> bool:
        fee = TRANSFER_FEE if name == submission.payer else 0
        return self._ledger.balance(name) + amount >= fee


def step_of(call: CallOutcome, is_creation: bool, moment: Moment) -> Step:
    """The step of a recorded success, for replay."""
    return _step(call.from_, None if is_creation else call.to, call.parameters, call.gas_limit, moment)


def _step(sender: str, to: str | None, data: bytes, gas: int, moment: Moment) -> Step:
    return Step(sender, to, data, gas, moment.block_number, moment.consensus_ns)


def _verdict(needed: int, limit: int, children: int) -> str:
    if needed > limit:
        return "INSUFFICIENT_GAS"
    return "MAX_CHILD_RECORDS_EXCEEDED" if children > MAX_CHILD_RECORDS else SUCCESS


def _failure(outcome: Outcome) -> str:
    if outcome.halt is None:
        return "CONTRACT_REVERT_EXECUTED"
    return "INSUFFICIENT_GAS" if outcome.is_out_of_gas else "CONTRACT_EXECUTION_EXCEPTION"


def _call_outcome(
    sender: str, to: str, data: bytes, gas: int, result: str, outcome: Outcome, used: int | None = None
) -> CallOutcome:
    """As records show it: a revert's data becomes the error message in hex, other failures are named."""
    error = None
    if result != SUCCESS:
        error = "0x" + outcome.output.hex() if result == "CONTRACT_REVERT_EXECUTED" else result
    return CallOutcome(
        to=to,
        from_=sender,
        gas_limit=gas,
        gas_used=outcome.gas_used if used is None else used,
        parameters=data,
        output=outcome.output if error is None else b"",
        error_message=error,
        logs=outcome.logs if error is None else (),
        created_contracts=(outcome.created,) if outcome.created and error is None else (),
    )
