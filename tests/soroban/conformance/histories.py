"""Random lives of a contract, the same on both peers: after every step its status, books and checks."""

import random
from collections.abc import Iterator
from typing import Any

from stellar_sdk import Keypair, scval, xdr

from tests.soroban.conformance.hands import person
from tests.soroban.conformance.peers import Peer
from tests.soroban.conformance.stage import DAY, WHOLE, Case, Stage

STEPS = 18
INVESTORS = ("anna", "bert", "cleo")


class History(Stage):
    """`seed` decides terms and steps."""

    def __init__(self, peer: Peer, seed: int) -> None:
        super().__init__(peer)
        self.random = random.Random(seed)
        self.people = [person(name) for name in INVESTORS]
        self.count = 0

    def cases(self) -> Iterator[Case]:
        for key in (self.admin, self.owner, *self.people):
            self.peer.fund(key.public_key)
        for name in ("token", "investment"):
            self.upload(name)
        self.token = self.made_token()
        dice = self.random
        self.contract = self.made(
            1,
            claim_block_days=dice.choice((0, 3, 20)),
            i_rate=dice.randrange(1, 3_000),
            return_months=dice.randrange(1, 4),
            return_type=dice.choice((1, 2)),
        )
        for key in (self.owner, *self.people):
            self.mint(key.public_key, 40_000 * WHOLE)
        for number in range(STEPS):
            name, answer = self.step()
            yield Case("sendTransaction", f"{number} {name}", answer)
            yield Case("simulateTransaction", f"{number} after {name}", self.state())

    def step(self) -> tuple[str, Any]:
        dice = self.random
        steps = (self.invest, self.pay, self.pay_many, self.claim, self.top_up, self.withdraw, self.pass_time)
        act = dice.choices(steps, weights=(4, 4, 3, 2, 3, 1, 5))[0]
        return act.__name__, act()

    def state(self) -> list[Any]:
        ask = [("get_reserve_status", scval.to_uint64(days * DAY)) for days in (0, 8, 45)]
        asked = [*ask, ("get_contract_balance",), ("check_reserve_balance",)]
        return [self.tried(self.owner, name, *given) for name, *given in asked]

    def tried(self, by: Keypair, function: str, *given: xdr.SCVal) -> Any:
        return self.hands.simulated(self.hands.call(by, self.contract, function, *given))

    def sent(self, by: Keypair, function: str, *given: xdr.SCVal) -> Any:
        """For good, unless the simulation says that it would fail."""
        answer = self.tried(by, function, *given)
        return answer if "error" in answer else self.hands.done(by, self.contract, function, *given)

    # -- steps

    def invest(self) -> Any:
        who = self.random.choice(self.people)
        units = self.random.randrange(50 * WHOLE, 3_000 * WHOLE)
        answer = self.sent(who, "invest", scval.to_address(who.public_key), scval.to_int128(units))
        self.count += "error" not in answer
        return answer

    def number(self) -> int:
        return self.random.randrange(1, self.count + 2)

    def pay(self) -> Any:
        return self.sent(self.owner, "process_investor_payment", scval.to_uint32(self.number()))

    def pay_many(self) -> Any:
        ids = sorted({self.number() for _ in range(4)})
        given = scval.to_vec([scval.to_uint32(number) for number in ids])
        return self.sent(self.owner, "process_investor_payments", given)

    def claim(self) -> Any:
        return self.sent(self.random.choice(self.people), "claim", scval.to_uint32(self.number()))

    def top_up(self) -> Any:
        units = self.random.randrange(1, 2_000 * WHOLE)
        return self.sent(self.owner, "add_company_transfer", scval.to_int128(units))

    def withdraw(self) -> Any:
        units = self.random.randrange(1, 2_000 * WHOLE)
        return self.sent(self.owner, "single_withdrawn", scval.to_int128(units))

    def pass_time(self) -> str:
        self.wait(self.random.choice((0.5, 1, 7, 13)))
        return "passed"
