"""What a transaction does at consensus: result code, fee, transfers and the EVM's outcome."""

from dataclasses import dataclass, replace

from devnet.evm import Machine, Outcome, Step
from devnet.faults import FaultBoard
from devnet.fees import MAX_CHILD_RECORDS, TINYBARS_PER_GAS, TRANSFER_FEE, GasTable, child_records
from devnet.ledger import Ledger
from devnet.moves import Move, token_moves
from devnet.records import Account, CallOutcome, Contract
from devnet.transactions import Call, Refused, Submission, Transfer, check_fee

SUCCESS = "SUCCESS"
TOO_LATE = "TRANSACTION_EXPIRED"


@dataclass(frozen=True, slots=True)
class Moment:
    consensus_ns: int
    block_number: int


@dataclass(frozen=True, slots=True)
class Effect:
    """`transfers` excludes the fee, which the chain books."""

    result: str
    fee: int = 0
    entity_id: str | None = None
    call: CallOutcome | None = None
    transfers: tuple[tuple[str, int], ...] = ()
    token_transfers: tuple[Move, ...] = ()


class Executor:
    def __init__(self, machine: Machine, ledger: Ledger, faults: FaultBoard) -> None:
        self._machine = machine
        self._ledger = ledger
        self._faults = faults

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
        return self._call(submission.action, payer, moment, str(failure["result"]) if failure else None)

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
        created_contracts=(outcome.created,) if outcome.created else (),
    )
