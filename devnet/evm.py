"""The EVM of the local Hedera: pyrevm behind two operations, run (kept or undone) and view (always undone).

pyrevm never finalises its journal: storage slots stay warm between transactions, so a repeated payout costs
about half of what a chain would charge. `gas_used` is indicative; fees.py puts a table under it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from sys import intern
from typing import cast

import pyrevm
from eth_utils.crypto import keccak

from devnet.records import NS, LogEntry

CHAIN_ID = 298
HTS_ADDRESS = "0x0000000000000000000000000000000000000167"
UNLIMITED_GAS = 2**62
_CODE_PADDING = 33
_REVERT = re.compile(r"Revert \{ gas_used: (?P<gas>\d+), output: 0x(?P<output>[0-9a-f]*) \}")


@dataclass(frozen=True, slots=True)
class Step:
    """What the EVM does for one transaction; the ordered steps rebuild any earlier state.

    `to` None deploys `data`, the created address then depends on the order of all deployments of `sender`.
    """

    sender: str
    to: str | None
    data: bytes
    gas: int
    block_number: int
    consensus_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """`halt` names the engine's reason (out of gas, ...) when it stopped without a revert."""

    success: bool
    output: bytes
    gas_used: int
    logs: tuple[LogEntry, ...] = ()
    created: str | None = None
    halt: str | None = None

    @property
    def is_out_of_gas(self) -> bool:
        return self.halt is not None and ("OutOfGas" in self.halt or "GasCost" in self.halt)


class Machine:
    """One EVM state. Not thread-safe: the block environment is shared by all calls."""

    def __init__(self, token_service_code: bytes) -> None:
        environment = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID))
        self._evm = pyrevm.EVM(env=environment, spec_id="CANCUN", gas_limit=UNLIMITED_GAS)
        if token_service_code:
            info = pyrevm.AccountInfo(nonce=1, code=token_service_code, code_hash=keccak(token_service_code))
            self._evm.insert_account_info(HTS_ADDRESS, info)

    def run(self, step: Step, keep: Callable[[Outcome], bool] = lambda outcome: True) -> Outcome:
        """Runs the step; a success that `keep` accepts stays, everything else is undone."""
        self._at(step.block_number, step.consensus_ns)
        start = self._evm.snapshot()
        outcome = self._attempt(step)
        # commit closes exactly the snapshot above; without one it would underflow the call depth.
        if outcome.success and keep(outcome):
            self._evm.commit()
        else:
            self._evm.revert(start)
        return outcome

    def view(
        self, sender: str, to: str, data: bytes, block_number: int, at_ns: int, gas: int = UNLIMITED_GAS
    ) -> tuple[bool, bytes]:
        """(True, output) or (False, revert data). All the call writes is undone, the warmth of slots too."""
        self._at(block_number, at_ns)
        start = self._evm.snapshot()
        try:
            output = self._evm.message_call(sender, to, calldata=data, gas=gas)
        except RuntimeError as error:
            return False, _revert_data(str(error))
        finally:
            self._evm.revert(start)
        return True, bytes(output)

    def code(self, address: str) -> bytes:
        """Runtime code; the engine pads what it returns so that a PUSH at the end reads zeros."""
        return bytes(self._evm.get_code(address) or b"")[:-_CODE_PADDING]

    def _at(self, block_number: int, at_ns: int) -> None:
        self._evm.set_block_env(pyrevm.BlockEnv(number=max(block_number, 0), timestamp=at_ns // NS))

    def _attempt(self, step: Step) -> Outcome:
        try:
            if step.to is None:
                created = self._evm.deploy(step.sender, step.data, gas=step.gas)
                return self._done(b"", created.lower())
            return self._done(
                bytes(self._evm.message_call(step.sender, step.to, calldata=step.data, gas=step.gas))
            )
        except RuntimeError as error:
            return self._failed(str(error), step.gas)

    def _done(self, output: bytes, created: str | None = None) -> Outcome:
        result = cast(pyrevm.ExecutionResult, self._evm.result)
        return Outcome(True, output, result.gas_used, tuple(_logs(result.logs)), created)

    def _failed(self, text: str, gas: int) -> Outcome:
        if (found := _REVERT.search(text)) is not None:
            return Outcome(False, bytes.fromhex(found["output"]), int(found["gas"]))
        return Outcome(False, b"", gas, halt=text)


def _revert_data(text: str) -> bytes:
    found = _REVERT.search(text)
    return bytes.fromhex(found["output"]) if found else b""


def _logs(logs: list[pyrevm.Log]) -> list[LogEntry]:
    """Holders and contracts come again in thousands of logs; their names are kept once."""
    return [
        LogEntry(
            intern(log.address.lower()),
            tuple(intern(topic.lower()) for topic in log.topics),
            bytes(log.data[1]),
            index,
        )
        for index, log in enumerate(logs)
    ]
