"""Past EVM states: trailing machines fed from the same steps as the chain.

The engine cannot look back. So a few machines only move forward, each from the state it was last asked for; a
state older than all of them is rebuilt from the first step. While nothing has happened since the block that is
asked for, the chain's own machine answers: a replay of a hundred thousand holders would take seconds.
"""

import bisect
import threading
from collections.abc import Callable, Sequence
from functools import cache

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from devnet.evm import Machine, Step
from devnet.records import Account, Token, TokenRelation

DEFAULT_SENDER = "0x" + "0" * 40
POOL_SIZE = 4


# A view (sender, to, data, block, time) on the chain's own state, or None once that has left this position.
LiveView = Callable[[int, str, str, bytes, int, int], tuple[bool, bytes] | None]


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

    def advance(self, steps: StepLog, position: int) -> None:
        while self.position < position:
            if not self.machine.run(steps[self.position]).success:
                raise RuntimeError(f"step {self.position} of the devnet's log fails on replay")
            self.position += 1


class Replicas:
    """Answers view calls on any past block; implements `ledger.Views`. One call at a time."""

    def __init__(
        self, steps: StepLog, machine: Callable[[], Machine], block_end: Callable[[int], int]
    ) -> None:
        self._steps = steps
        self._machine = machine
        self._block_end = block_end
        self._lock = threading.RLock()
        self._pool: list[_Replica] = []
        self.live: LiveView | None = None

    @property
    def machines(self) -> int:
        """How many trailing machines there are; each costs a replay of what it has seen."""
        return len(self._pool)

    def call_at(self, height: int, to: str, data: bytes, sender: str | None) -> tuple[bool, bytes]:
        position, sender, end = (
            self._steps.position(height),
            sender or DEFAULT_SENDER,
            self._block_end(height),
        )
        if self.live is not None and position == len(self._steps):
            answer = self.live(position, sender, to, data, height, end)
            if answer is not None:
                return answer
        with self._lock:
            return self._at(position).machine.view(sender, to, data, height, end)

    def relations(self, height: int, account: Account, tokens: Sequence[Token]) -> list[TokenRelation]:
        found = (self._relation(height, account, token) for token in tokens)
        return [relation for relation in found if relation]

    def _relation(self, height: int, account: Account, token: Token) -> TokenRelation | None:
        def flag(name: str) -> int:
            return self._ask(height, token.evm_address, name, account.evm_address)

        if not flag("isAssociated"):
            return None
        needs_kyc = self._ask(height, token.evm_address, "kycRequired")
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
        data = _selector(name, has_holder=holder is not None)
        if holder is not None:
            data += encode(["address"], [holder])
        success, output = self.call_at(height, token, data, None)
        return int(decode(["uint256"], output)[0]) if success and len(output) >= 32 else 0

    def _at(self, position: int) -> _Replica:
        """A machine at this position; the pool is kept in the order of last use."""
        behind = [replica for replica in self._pool if replica.position <= position]
        replica = max(behind, key=lambda one: one.position) if behind else self._fresh()
        replica.advance(self._steps, position)
        self._pool = [one for one in self._pool if one is not replica] + [replica]
        return replica

    def _fresh(self) -> _Replica:
        if len(self._pool) == POOL_SIZE:
            del self._pool[0]
        return _Replica(self._machine())


@cache
def _selector(name: str, *, has_holder: bool) -> bytes:
    return bytes(keccak(text=f"{name}({'address' if has_holder else ''})")[:4])


def _kyc_status(has_kyc: int) -> str:
    return "GRANTED" if has_kyc else "REVOKED"
