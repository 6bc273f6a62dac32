"""A bare EVM with the token service stub in place, for tests of the contracts alone."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrevm
from eth_abi.abi import encode
from eth_hash.auto import keccak

from contracts.abi import Event, Interface

ARTIFACTS = Path(__file__).parents[2] / "contracts" / "interfaces" / "solidity"
TOKEN_SERVICE = "0x0000000000000000000000000000000000000167"
ADMIN = "0x" + "ad" * 20
STRANGER = "0x" + "57" * 20
GENESIS = 1_760_000_000
CALL_GAS = 15_000_000
SETUP_GAS = 10**12
_REVERT = re.compile(r"Revert \{ gas_used: \d+, output: 0x([0-9a-f]*) \}")


class Reverted(Exception):
    """A call was refused; `name` and `args_` are the contract's error."""

    def __init__(self, name: str, args_: dict[str, Any]) -> None:
        super().__init__(f"{name} {args_}")
        self.name = name
        self.args_ = args_


@dataclass(frozen=True, slots=True)
class Receipt:
    output: tuple[Any, ...]
    events: tuple[Event, ...]
    log_count: int
    gas_used: int

    def event(self, name: str) -> dict[str, Any]:
        (found,) = [event for event in self.events if event.name == name]
        return found.args


def artifact(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text())
    return loaded


def account(number: int) -> str:
    """Above the precompiled contracts and never zero."""
    return "0x" + (0x1000_0000 + number).to_bytes(20, "big").hex()


class Chain:
    def __init__(self) -> None:
        environment = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=298))
        self.evm = pyrevm.EVM(env=environment, spec_id="LONDON", gas_limit=2**62)
        code = bytes.fromhex(artifact("HtsStub")["deployedBytecode"][2:])
        info = pyrevm.AccountInfo(nonce=1, code=code, code_hash=keccak(code))
        self.evm.insert_account_info(TOKEN_SERVICE, info)
        self.now = GENESIS
        self.advance(0)

    def advance(self, seconds: int) -> None:
        self.now += seconds
        self.evm.set_block_env(pyrevm.BlockEnv(number=1, timestamp=self.now, gas_limit=2**62))

    def deploy(self, name: str, types: tuple[str, ...] = (), values: tuple[Any, ...] = ()) -> "Contract":
        built = artifact(name)
        code = bytes.fromhex(built["bytecode"][2:]) + encode(types, values)
        return Contract(self, self.evm.deploy(ADMIN, code, gas=SETUP_GAS), Interface(built["abi"]))


class Contract:
    def __init__(self, chain: Chain, address: str, interface: Interface) -> None:
        self.chain = chain
        self.address = address.lower()
        self.interface = interface

    def send(self, function: str, *args: Any, sender: str = ADMIN, gas: int = CALL_GAS) -> Receipt:
        evm = self.chain.evm
        start = evm.snapshot()
        try:
            output = self._call(function, args, sender, gas, is_static=False)
        except Reverted:
            evm.revert(start)
            raise
        # A commit without its own snapshot would underflow the engine's call depth.
        evm.commit()
        result = evm.result
        assert result is not None
        logs = result.logs
        decoded = [self.interface.decode_log(log.topics, log.data[1]) for log in logs if self._is_own(log)]
        events = tuple(event for event in decoded if event)
        return Receipt(output, events, len(logs), result.gas_used)

    def view(self, function: str, *args: Any) -> Any:
        values = self._call(function, args, STRANGER, SETUP_GAS, is_static=True)
        return values[0] if len(values) == 1 else values

    def _is_own(self, log: pyrevm.Log) -> bool:
        return str(log.address).lower() == self.address

    def _call(self, function: str, args: Any, sender: str, gas: int, *, is_static: bool) -> tuple[Any, ...]:
        data = self.interface.encode(function, args)
        try:
            output = self.chain.evm.message_call(
                sender, self.address, calldata=data, gas=gas, is_static=is_static
            )
        except RuntimeError as error:
            raise self._reverted(str(error)) from error
        return self.interface.decode_output(function, bytes(output))

    def _reverted(self, text: str) -> Reverted:
        found = _REVERT.search(text)
        if found is None:
            return Reverted(text, {})
        error = self.interface.decode_error(bytes.fromhex(found.group(1)))
        return Reverted(error.name, error.args) if error else Reverted("", {})
