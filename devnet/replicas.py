"""Past EVM states: trailing machines fed from the same steps as the chain.

The engine cannot look back, so each reader (a mirror replica, or history) has a machine that only moves forward and is
rebuilt from the first step when an older state is asked for.
"""

import bisect
import threading
from collections.abc import Callable, Sequence

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from devnet.evm import Machine, Step
from devnet.records import Account, Token, TokenRelation

DEFAULT_SENDER = "0x" + "0" * 40


class StepLog:
    """The steps that changed the EVM, in order; appended by the chain, read by replicas."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def append(self, step: Step) -> None:
        self._steps.append(step)

    def __getitem__(self, position: int) -> Step:
        return self._steps[position]

    def __len__(self) -> int:
        return len(self._steps)

    def position(self, height: int) -> int:
        """How many steps lie in blocks up to `height`."""
        return bisect.bisect_right(self._steps, height, key=lambda step: step.block_number)


class _Replica:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.position = 0
        self.lock = threading.Lock()

    def advance(self, steps: StepLog, position: int) -> None:
        while self.position < position:
            if not self.machine.run(steps[self.position]).success:
                raise RuntimeError(f"step {self.position} of the devnet's log fails on replay")
            self.position += 1


class Replicas:
    """Answers view calls on any past block; implements `ledger.Views`."""

    def __init__(
        self, steps: StepLog, machine: Callable[[], Machine], block_end: Callable[[int], int]
    ) -> None:
        self._steps = steps
        self._machine = machine
        self._block_end = block_end
        self._lock = threading.Lock()
        self._replicas: dict[str, _Replica] = {}

    def call_at(
        self, height: int, to: str, data: bytes, sender: str | None, reader: str
    ) -> tuple[bool, bytes]:
        at_ns = self._block_end(height)
        position = self._steps.position(height)
        replica = self._take(position, reader)
        try:
            return replica.machine.view(sender or DEFAULT_SENDER, to, data, height, at_ns)
        finally:
            replica.lock.release()

    def relations(self, height: int, account: Account, tokens: Sequence[Token]) -> list[TokenRelation]:
        found = (self._relation(height, account, token) for token in tokens)
        return [relation for relation in found if relation]

    def _relation(self, height: int, account: Account, token: Token) -> TokenRelation | None:
        def flag(name: str) -> int:
            return self._ask(height, token.evm_address, name, account.evm_address)

        needs_kyc = self._ask(height, token.evm_address, "kycRequired")

        if not flag("isAssociated"):
            return None
        return TokenRelation(
            token_id=token.token_id,
            account=account.account,
            balance_units=flag("balanceOf"),
            decimals=token.decimals,
            freeze_status="FROZEN" if flag("isFrozen") else "UNFROZEN",
            kyc_status=_kyc_status(flag("hasKyc")) if needs_kyc else "NOT_APPLICABLE",
            created_ns=max(account.created_ns, token.created_ns),
        )

    def _ask(self, height: int, token: str, name: str, holder: str | None = None) -> int:
        """A view of at most one address with one word as its answer; 0 where the token has no such view."""
        types = ["address"] if holder else []
        data = keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, [holder] if holder else [])
        success, output = self.call_at(height, token, data, None, "replica-0")
        return int(decode(["uint256"], output)[0]) if success and len(output) >= 32 else 0

    def _take(self, position: int, reader: str) -> _Replica:
        """A locked replica at exactly this position; any reader's machine that already stands there will do."""
        with self._lock:
            at_place = [one for one in self._replicas.values() if one.position == position]
            mine = self._replicas.get(reader)
            if not at_place and (mine is None or mine.position > position):
                mine = self._replicas[reader] = _Replica(self._machine())
        for replica in at_place:
            replica.lock.acquire()
            if replica.position == position:
                return replica
            replica.lock.release()
        return self._advance(mine, position, reader)

    def _advance(self, mine: _Replica | None, position: int, reader: str) -> _Replica:
        replica = mine or self._replicas.setdefault(reader, _Replica(self._machine()))
        replica.lock.acquire()
        if replica.position > position:
            replica.lock.release()
            replica = _Replica(self._machine())
            replica.lock.acquire()
        replica.advance(self._steps, position)
        return replica


def _kyc_status(has_kyc: int) -> str:
    return "GRANTED" if has_kyc else "REVOKED"
