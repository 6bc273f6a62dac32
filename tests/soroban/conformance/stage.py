"""What every script for both peers stands on: people, contracts, ways to ask, and cases in the normal form."""

from dataclasses import dataclass
from typing import Any

from stellar_sdk import Keypair, scval, xdr

from devnet.soroban import compiled
from tests.soroban.conformance.hands import Hands, person
from tests.soroban.conformance.peers import Peer

DAY = 86_400
WHOLE = 10**7
DEFAULTS = {
    "claim_block_days": 0,
    "goal": 100_000 * WHOLE,
    "i_rate": 500,
    "min_per_investment": 100 * WHOLE,
    "return_months": 3,
    "return_type": 1,
}
I128, U32, U64, ADDRESS, STRING = (
    scval.to_int128,
    scval.to_uint32,
    scval.to_uint64,
    scval.to_address,
    scval.to_string,
)


@dataclass(frozen=True, slots=True)
class Case:
    method: str
    title: str
    answer: Any


class Stage:
    """Contracts have the same addresses on both peers: keys and salts are fixed."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.hands = Hands(peer)
        self.admin, self.owner, self.anna, self.bert, self.poor = map(
            person, ("admin", "owner", "anna", "bert", "poor")
        )
        self.project = person("project").public_key
        self.token = self.contract = ""

    def fund(self) -> None:
        for key in (self.admin, self.owner, self.anna, self.bert):
            self.peer.fund(key.public_key)

    def simulate(
        self, title: str, by: Keypair, contract: str, function: str, *given: xdr.SCVal, **more: Any
    ) -> Case:
        envelope = self.hands.call(by, contract, function, *given)
        return Case("simulateTransaction", title, self.hands.simulated(envelope, **more))

    def do(
        self, title: str, by: Keypair, contract: str, function: str, *given: xdr.SCVal, **more: Any
    ) -> Case:
        return Case("sendTransaction", title, self.hands.done(by, contract, function, *given, **more))

    def look(self, title: str, key: str) -> Case:
        return Case("getLedgerEntries", title, self.hands.kept(key))

    def mint(self, to: str, units: int) -> None:
        answer = self.hands.done(self.admin, self.token, "mint", ADDRESS(to), I128(units))
        assert answer["status"] == "SUCCESS", answer

    def create(self, by: Keypair, name: str, salt: int, arguments: list[xdr.SCVal]) -> Any:
        builder = self.hands.builder(by)
        builder.append_create_contract_op(
            compiled.hash_of(name), by.public_key, arguments, bytes([salt]) * 32
        )
        return builder.build()

    def terms(self, **changes: int) -> xdr.SCVal:
        given = DEFAULTS | changes
        kinds = {"claim_block_days": U64, "goal": I128, "min_per_investment": I128}
        return scval.to_struct({name: kinds.get(name, U32)(value) for name, value in given.items()})

    def investment(self, salt: int, **changes: int) -> Any:
        words = [STRING("https://example.org"), STRING("Wind"), STRING("WND")]
        places = [ADDRESS(self.owner.public_key), ADDRESS(self.project), ADDRESS(self.token)]
        return self.create(self.owner, "investment", salt, [*places, *words, self.terms(**changes)])

    def upload(self, name: str) -> None:
        builder = self.hands.builder(self.admin)
        envelope = builder.append_upload_contract_wasm_op(compiled.code_of(name)).build()
        self.hands.settled(self.hands.prepared(self.admin, envelope))

    def made_token(self) -> str:
        arguments = [ADDRESS(self.admin.public_key), U32(7), STRING("USD Coin"), STRING("USDC")]
        envelope = self.create(self.admin, "token", 1, arguments)
        answer = self.hands.settled(self.hands.prepared(self.admin, envelope))
        return scval.from_address(xdr.SCVal.from_xdr(answer["value"])).address

    def made(self, salt: int, **changes: int) -> str:
        envelope = self.hands.prepared(self.owner, self.investment(salt, **changes))
        answer = self.hands.settled(envelope)
        assert answer["status"] == "SUCCESS", answer
        return scval.from_address(xdr.SCVal.from_xdr(answer["value"])).address

    def wait(self, days: float) -> None:
        self.peer.clock.advance(int(days * DAY))
