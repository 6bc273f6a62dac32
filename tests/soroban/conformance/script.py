"""One script for both peers. Every case is a question, or a short exchange, and its answer in the normal form."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stellar_sdk import Keypair, SorobanDataBuilder, scval, xdr

from devnet.soroban import codec, compiled, creating
from devnet.soroban.books import investment_key
from tests.soroban.conformance.hands import Hands, person
from tests.soroban.conformance.peers import Peer

DAY = 86_400
WHOLE = 10**7
# 2031-05-14 06:00 UTC: far from midnight, and ahead of the real time.
BEGIN_NS = 1_936_591_200 * 10**9
NOWHERE = "CA3D5KRYM6CB7OWQ6TWYRR3Z4T7GNZLKERYNZGGA5SOAOPIFY6YQGAXE"
UNKNOWN = "ab" * 32
DEFAULTS = {
    "claim_block_days": 0,
    "goal": 100_000 * WHOLE,
    "i_rate": 500,
    "min_per_investment": 100 * WHOLE,
    "return_months": 3,
    "return_type": 1,
}
_I128, _U32, _U64, _ADDRESS, _STRING = (
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


def begin(peer: Peer, real_ns: int) -> None:
    """Both networks begin at the same time of the same day."""
    peer.clock.advance((BEGIN_NS - real_ns) // 10**9)


class Script:
    """`cases` runs it once. Contracts have the same addresses on both peers: keys and salts are fixed."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.hands = Hands(peer)
        self.admin, self.owner, self.anna, self.bert, self.poor = map(
            person, ("admin", "owner", "anna", "bert", "poor")
        )
        self.project = person("project").public_key
        self.token = self.contract = ""

    def cases(self) -> Iterator[Case]:
        for key in (self.admin, self.owner, self.anna, self.bert):
            self.peer.fund(key.public_key)
        yield from self._network()
        yield from self._making()
        yield from self._constructor()
        yield from self._views()
        yield from self._investing()
        yield from self._checks()
        yield from self._payments()
        yield from self._refused_payments()
        yield from self._books()
        yield from self._control()
        yield from self._passing_on()
        yield from self._authorisation()
        yield from self._sending()
        yield from self._lives()
        yield from self._events()
        yield from self._code()

    # -- helpers

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
        answer = self.hands.done(self.admin, self.token, "mint", _ADDRESS(to), _I128(units))
        assert answer["status"] == "SUCCESS", answer

    def create(self, by: Keypair, name: str, salt: int, arguments: list[xdr.SCVal]) -> Any:
        builder = self.hands.builder(by)
        builder.append_create_contract_op(
            compiled.hash_of(name), by.public_key, arguments, bytes([salt]) * 32
        )
        return builder.build()

    def terms(self, **changes: int) -> xdr.SCVal:
        given = DEFAULTS | changes
        kinds = {"claim_block_days": _U64, "goal": _I128, "min_per_investment": _I128}
        return scval.to_struct({name: kinds.get(name, _U32)(value) for name, value in given.items()})

    def investment(self, salt: int, **changes: int) -> Any:
        words = [_STRING("https://example.org"), _STRING("Wind"), _STRING("WND")]
        places = [_ADDRESS(self.owner.public_key), _ADDRESS(self.project), _ADDRESS(self.token)]
        return self.create(self.owner, "investment", salt, [*places, *words, self.terms(**changes)])

    def upload(self, name: str) -> None:
        builder = self.hands.builder(self.admin)
        envelope = builder.append_upload_contract_wasm_op(compiled.code_of(name)).build()
        self.hands.settled(self.hands.prepared(self.admin, envelope))

    def made_token(self) -> str:
        arguments = [_ADDRESS(self.admin.public_key), _U32(7), _STRING("USD Coin"), _STRING("USDC")]
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

    # -- the network

    def _network(self) -> Iterator[Case]:
        raw = self.hands.raw
        yield Case("getNetwork", "passphrase and protocol", raw("getNetwork", {}))
        health = raw("getHealth", {})
        yield Case(
            "getHealth", "healthy, with its window", [health["status"], health["ledgerRetentionWindow"]]
        )
        latest = raw("getLatestLedger", {})
        header = xdr.LedgerHeader.from_xdr(latest["headerXdr"])
        yield Case(
            "getLatestLedger",
            "the header is of the ledger",
            [
                latest["protocolVersion"],
                header.ledger_seq.uint32 == latest["sequence"],
                header.scp_value.close_time.time_point.uint64 == int(latest["closeTime"]),
            ],
        )
        fees = raw("getFeeStats", {})
        yield Case("getFeeStats", "the least inclusion fee", fees["sorobanInclusionFee"]["p90"])
        yield Case("getLedgerEntries", "no keys", raw("getLedgerEntries", {"keys": []}))
        key = codec.account_key(self.poor.public_key)
        yield Case("getLedgerEntries", "too many keys", raw("getLedgerEntries", {"keys": [key] * 201}))
        yield Case(
            "getLedgerEntries", "an absent account", raw("getLedgerEntries", {"keys": [key]})["entries"]
        )
        yield Case("getLedgerEntries", "no key at all", raw("getLedgerEntries", {"keys": ["AAAA!"]}))
        yield Case("getTransaction", "an unknown hash", self.hands.outcome(UNKNOWN))
        yield Case("getTransaction", "no hash", raw("getTransaction", {"hash": "12"}))
        yield Case("JSON-RPC", "an unknown method", raw("getNothing", {}))
        yield Case("JSON-RPC", "parameters that are no object", raw("getHealth", [1]))
        yield Case("simulateTransaction", "no envelope", raw("simulateTransaction", {"transaction": "AAAA"}))
        yield Case("sendTransaction", "no envelope", raw("sendTransaction", {"transaction": "AAAA"}))

    # -- code and contracts

    def _making(self) -> Iterator[Case]:
        hands = self.hands
        for name in ("token", "investment"):
            code = compiled.code_of(name)
            for time in ("first", "second"):
                envelope = hands.builder(self.admin).append_upload_contract_wasm_op(code).build()
                yield Case(
                    "sendTransaction",
                    f"{time} upload of the {name}",
                    hands.settled(hands.prepared(self.admin, envelope)),
                )
            yield self.look(f"the code of the {name}", codec.code_key(compiled.hash_of(name)))
        broken = hands.builder(self.admin).append_upload_contract_wasm_op(b"no wasm at all").build()
        yield Case("simulateTransaction", "code that is none", hands.simulated(broken))
        arguments = [_ADDRESS(self.admin.public_key), _U32(7), _STRING("USD Coin"), _STRING("USDC")]
        envelope = self.create(self.admin, "token", 1, arguments)
        yield Case("simulateTransaction", "making a token", hands.simulated(envelope))
        self.token = creating.contract_of(
            envelope.transaction.operations[0].host_function.create_contract_v2.contract_id_preimage
        )
        yield Case("sendTransaction", "making a token", hands.settled(hands.prepared(self.admin, envelope)))
        again = self.create(self.admin, "token", 1, arguments)
        yield Case("simulateTransaction", "making the same again", hands.simulated(again))
        yield self.look("the token's instance", codec.instance_key(self.token))
        builder = hands.builder(self.admin)
        builder.append_create_contract_op(b"\1" * 32, self.admin.public_key, [], b"\2" * 32)
        yield Case("simulateTransaction", "making one of unknown code", hands.simulated(builder.build()))
        foreign = hands.builder(self.anna)
        foreign.append_create_contract_op(
            compiled.hash_of("token"), self.admin.public_key, arguments, b"\3" * 32
        )
        yield Case("simulateTransaction", "making one in another's name", hands.simulated(foreign.build()))
        yield self.simulate(
            "a constructor called directly", self.admin, self.token, "__constructor", *arguments
        )
        self.contract = self.made(9)
        yield self.look("the investment contract's instance", codec.instance_key(self.contract))

    def _constructor(self) -> Iterator[Case]:
        for number, (name, value) in enumerate(
            [
                ("i_rate", 0),
                ("i_rate", 90_001),
                ("goal", 0),
                ("return_type", 3),
                ("return_months", 0),
                ("return_months", 121),
                ("min_per_investment", 0),
                ("claim_block_days", 3_661),
            ]
        ):
            envelope = self.investment(100 + number, **{name: value})
            yield Case("simulateTransaction", f"made with {name} {value}", self.hands.simulated(envelope))

    def _views(self) -> Iterator[Case]:
        for function in ("decimals", "name", "symbol"):
            yield self.simulate(f"{function} of the token", self.anna, self.token, function)
        for function in (
            "get_contract_data",
            "get_contract_balance",
            "get_books",
            "get_owner",
            "paused",
            "version",
            "name",
            "symbol",
        ):
            yield self.simulate(function, self.anna, self.contract, function)
        yield self.simulate(
            "a balance of nobody", self.anna, self.token, "balance", _ADDRESS(self.poor.public_key)
        )
        yield self.simulate("an unknown function", self.anna, self.contract, "nothing")
        yield self.simulate("an unknown contract", self.anna, NOWHERE, "paused")
        for function in ("owner_of", "get_investment", "token_uri"):
            yield self.simulate(f"{function} of no investment", self.anna, self.contract, function, _U32(1))

    # -- investors

    def _investing(self) -> Iterator[Case]:
        anna = _ADDRESS(self.anna.public_key)
        refused = [
            (0, "nothing"),
            (-5 * WHOLE, "less than nothing"),
            (99 * WHOLE, "too little"),
            (500 * WHOLE, "without money"),
        ]
        for units, words in refused:
            yield self.simulate(f"investing {words}", self.anna, self.contract, "invest", anna, _I128(units))
        self.mint(self.anna.public_key, 500_000 * WHOLE)
        yield self.simulate(
            "investing above the goal", self.anna, self.contract, "invest", anna, _I128(200_000 * WHOLE)
        )
        yield self.simulate(
            "investing, and whose word it needs",
            self.bert,
            self.contract,
            "invest",
            anna,
            _I128(1_000 * WHOLE),
        )
        yield self.do("investing", self.anna, self.contract, "invest", anna, _I128(1_000 * WHOLE))
        yield self.do(
            "investing by another's account",
            self.bert,
            self.contract,
            "invest",
            anna,
            _I128(250 * WHOLE),
            signers=[self.anna],
        )
        yield self.look("the first investment", codec.data_key(self.contract, investment_key(1)))
        yield self.look("its owner", codec.data_key(self.contract, scval.to_enum("Owner", _U32(1))))
        yield self.look("how many there are", codec.data_key(self.contract, scval.to_enum("Balance", anna)))
        page = BEGIN_NS // 10**9 // DAY // 32
        for number in range(page, page + 4):
            yield self.look(
                f"what falls due, page {number - page}",
                codec.data_key(self.contract, scval.to_enum("DuePage", _U32(number))),
            )
        yield self.look("the instance after investments", codec.instance_key(self.contract))
        yield self.look(
            "the contract's tokens",
            codec.data_key(self.token, scval.to_enum("Balance", _ADDRESS(self.contract))),
        )
        small = self.made(10, goal=1_000 * WHOLE)
        yield self.do("reaching the goal", self.anna, small, "invest", anna, _I128(950 * WHOLE))
        yield self.simulate("investing after that", self.anna, small, "invest", anna, _I128(100 * WHOLE))

    def _checks(self) -> Iterator[Case]:
        check = "check_reserve_balance"
        yield self.simulate("a check", self.owner, self.contract, check)
        yield self.simulate(
            "a check by a stranger records whose word it needs", self.bert, self.contract, check
        )
        yield self.simulate(
            "an enforced check of a stranger", self.bert, self.contract, check, authMode="enforce"
        )
        yield self.simulate(
            "the older form of authorisation", self.bert, self.contract, check, useUpgradedAuth=False
        )
        yield self.do("a signed check tells of the deficit", self.owner, self.contract, check)
        for days in (0, 40, 3_660, 3_661):
            seconds = _U64(days * DAY)
            yield self.simulate(f"within {days} days", self.owner, self.contract, f"{check}_within", seconds)
            yield self.simulate(
                f"status within {days} days", self.anna, self.contract, "get_reserve_status", seconds
            )
        yield self.simulate(
            "an argument of another type", self.owner, self.contract, "get_reserve_status", _U32(5)
        )
        yield self.simulate("an argument too many", self.owner, self.contract, check, _U32(5))
        yield self.simulate("an argument too few", self.owner, self.contract, "get_reserve_status")

    def _payments(self) -> Iterator[Case]:
        pay, one = "process_investor_payment", _U32(1)
        yield self.simulate("paying without a reserve", self.owner, self.contract, pay, one)
        self.mint(self.owner.public_key, 50_000 * WHOLE)
        yield self.do("a top-up", self.owner, self.contract, "add_company_transfer", _I128(5_000 * WHOLE))
        yield self.simulate("a check afterwards", self.owner, self.contract, "check_reserve_balance")
        yield self.do("paying", self.owner, self.contract, pay, one)
        yield self.simulate("paying twice", self.owner, self.contract, pay, one)
        yield self.simulate("paying nobody", self.owner, self.contract, pay, _U32(99))
        yield self.look("the paid investment", codec.data_key(self.contract, investment_key(1)))
        self.wait(35)
        yield self.simulate("arrears", self.anna, self.contract, "get_reserve_status", _U64(0))
        many = scval.to_vec([_U32(1), _U32(2), _U32(7)])
        yield self.do("paying many", self.owner, self.contract, "process_investor_payments", many)
        yield self.do("and again", self.owner, self.contract, "process_investor_payments", many)
        yield self.look("the instance after a month", codec.instance_key(self.contract))
        for ids, words in (
            ([], "nobody"),
            ([2, 1], "in the wrong order"),
            ([1, 1], "one twice"),
            (list(range(1, 26)), "too many"),
        ):
            given = scval.to_vec([_U32(number) for number in ids])
            yield self.simulate(
                f"paying {words}", self.owner, self.contract, "process_investor_payments", given
            )
        self.wait(27)
        yield self.do("claiming all that is due", self.anna, self.contract, "claim", one)
        yield self.simulate("claiming again", self.anna, self.contract, "claim", one)
        yield self.simulate("claiming what is not there", self.anna, self.contract, "claim", _U32(99))
        yield self.simulate("paying a finished one", self.owner, self.contract, pay, one)
        yield self.look("the finished investment", codec.data_key(self.contract, investment_key(1)))
        page = BEGIN_NS // 10**9 // DAY // 32
        yield self.look(
            "a page that has passed", codec.data_key(self.contract, scval.to_enum("DuePage", _U32(page)))
        )
        yield self.simulate("all books", self.anna, self.contract, "get_contract_balance")

    def _refused_payments(self) -> Iterator[Case]:
        blocked = self.made(11, claim_block_days=30, return_type=2)
        anna = _ADDRESS(self.anna.public_key)
        self.hands.done(self.anna, blocked, "invest", anna, _I128(1_000 * WHOLE))
        yield self.simulate("a blocked investment", self.anna, blocked, "get_investment", _U32(1))
        yield self.simulate(
            "paying before the block ends", self.owner, blocked, "process_investor_payment", _U32(1)
        )
        yield self.simulate(
            "a check that foresees the block's end",
            self.owner,
            blocked,
            "check_reserve_balance_within",
            _U64(31 * DAY),
        )
        self.wait(31)
        yield self.do("freezing an account", self.admin, self.token, "set_frozen", anna, scval.to_bool(True))
        yield self.simulate(
            "paying one who cannot receive", self.owner, blocked, "process_investor_payment", _U32(1)
        )
        yield self.do(
            "many of whom one cannot receive",
            self.owner,
            blocked,
            "process_investor_payments",
            scval.to_vec([_U32(1)]),
        )
        yield self.simulate(
            "a transfer of a frozen one",
            self.anna,
            self.token,
            "transfer",
            anna,
            _ADDRESS(self.project),
            _I128(1),
        )
        self.hands.done(self.admin, self.token, "set_frozen", anna, scval.to_bool(False))
        yield self.do("a coupon's first", self.owner, blocked, "process_investor_payment", _U32(1))

    # -- the owner

    def _books(self) -> Iterator[Case]:
        to, contract = _ADDRESS(self.bert.public_key), self.contract
        for units in (0, -1, 10**15):
            amount = _I128(units)
            yield self.simulate(f"a top-up of {units}", self.owner, contract, "add_company_transfer", amount)
            yield self.simulate(f"moving {units}", self.owner, contract, "move_funds_to_the_reserve", amount)
            yield self.simulate(f"withdrawing {units}", self.owner, contract, "single_withdrawn", amount)
            yield self.simulate(
                f"withdrawing commission {units}", self.owner, contract, "withdraw_commission", to, amount
            )
        yield self.do("moving", self.owner, contract, "move_funds_to_the_reserve", _I128(WHOLE))
        yield self.do("withdrawing", self.owner, contract, "single_withdrawn", _I128(7 * WHOLE))
        yield self.do("withdrawing commission", self.owner, contract, "withdraw_commission", to, _I128(1_000))
        yield self.simulate("no surplus", self.owner, contract, "book_surplus")
        self.mint(contract, 3 * WHOLE)
        yield self.simulate("tokens that came by themselves", self.anna, contract, "get_books")
        yield self.do("booking them", self.owner, contract, "book_surplus")
        for units, words in ((-1, "a negative one"), (10**18, "more than there is")):
            yield self.simulate(
                f"a transfer of {words}",
                self.anna,
                self.token,
                "transfer",
                _ADDRESS(self.anna.public_key),
                to,
                _I128(units),
            )
        yield self.simulate(
            "minting by a stranger", self.bert, self.token, "mint", to, _I128(1), authMode="enforce"
        )
        yield self.simulate("minting less than nothing", self.admin, self.token, "mint", to, _I128(-1))

    def _control(self) -> Iterator[Case]:
        owner, contract = _ADDRESS(self.owner.public_key), self.contract
        yield self.simulate("unpausing what is not paused", self.owner, contract, "unpause", owner)
        yield self.do("pausing", self.owner, contract, "pause", owner)
        yield self.simulate("pausing twice", self.owner, contract, "pause", owner)
        anna = _ADDRESS(self.anna.public_key)
        for function, given in (
            ("invest", (anna, _I128(100 * WHOLE))),
            ("claim", (_U32(1),)),
            ("transfer", (anna, owner, _U32(1))),
        ):
            yield self.simulate(f"{function} while paused", self.anna, contract, function, *given)
        for function, given in (
            ("process_investor_payment", (_U32(1),)),
            ("process_investor_payments", (scval.to_vec([_U32(1)]),)),
            ("single_withdrawn", (_I128(1),)),
            ("withdraw_commission", (owner, _I128(1))),
            ("check_reserve_balance", ()),
            ("add_company_transfer", (_I128(1),)),
        ):
            yield self.simulate(f"{function} while paused", self.owner, contract, function, *given)
        yield self.do("unpausing", self.owner, contract, "unpause", owner)
        bert = _ADDRESS(self.bert.public_key)
        yield self.simulate("accepting what was not offered", self.bert, contract, "accept_ownership")
        yield self.simulate("withdrawing no offer", self.owner, contract, "transfer_ownership", bert, _U32(0))
        yield self.simulate(
            "an offer that has passed", self.owner, contract, "transfer_ownership", bert, _U32(5)
        )
        yield self.simulate(
            "an offer for ever", self.owner, contract, "transfer_ownership", bert, _U32(2**32 - 1)
        )
        until = self.hands.raw("getLatestLedger", {})["sequence"] + 500
        answer = self.hands.done(self.owner, contract, "transfer_ownership", bert, _U32(until))
        yield Case(
            "sendTransaction", "offering the ownership", [answer["status"], answer["code"], answer["value"]]
        )
        yield self.simulate(
            "accepting by a stranger", self.anna, contract, "accept_ownership", authMode="enforce"
        )
        yield self.do("accepting", self.bert, contract, "accept_ownership")
        yield self.simulate("the new owner", self.anna, contract, "get_owner")
        yield self.simulate(
            "a check by the old owner", self.owner, contract, "check_reserve_balance", authMode="enforce"
        )
        yield self.simulate(
            "an upgrade while it works", self.bert, contract, "upgrade", scval.to_bytes(b"\1" * 32)
        )

    def _passing_on(self) -> Iterator[Case]:
        anna, bert = _ADDRESS(self.anna.public_key), _ADDRESS(self.bert.public_key)
        yield self.simulate("passing on another's", self.bert, self.contract, "transfer", bert, anna, _U32(2))
        yield self.simulate(
            "passing on what is not there", self.anna, self.contract, "transfer", anna, bert, _U32(99)
        )
        yield self.do("passing it on", self.anna, self.contract, "transfer", anna, bert, _U32(2))
        yield self.simulate("its new owner", self.anna, self.contract, "owner_of", _U32(2))
        for who in (anna, bert):
            yield self.simulate("how many one has", self.anna, self.contract, "balance", who)

    # -- transactions

    def _authorisation(self) -> Iterator[Case]:
        hands, anna = self.hands, _ADDRESS(self.anna.public_key)
        given = (self.token, "transfer", anna, _ADDRESS(self.bert.public_key), _I128(5))
        unsigned = hands.prepared(self.bert, hands.call(self.bert, *given))
        yield Case("sendTransaction", "an entry that nobody signed", hands.settled(unsigned))
        wrong = hands.call(self.bert, *given)
        wrong = hands.prepared(self.bert, wrong, [self.anna])
        operation: Any = wrong.transaction.operations[0]
        credentials = operation.auth[0].credentials
        (credentials.address or credentials.address_v2).nonce = xdr.Int64(12)
        wrong.signatures.clear()
        wrong.sign(self.bert)
        yield Case("sendTransaction", "an entry changed after it was signed", hands.settled(wrong))
        right = hands.prepared(self.bert, hands.call(self.bert, *given), [self.anna])
        entries: Any = right.transaction.operations[0]
        yield Case("sendTransaction", "an entry of another account", hands.settled(right))
        again = hands.call(self.bert, *given)
        second: Any = again.transaction.operations[0]
        second.auth = entries.auth
        yield Case("simulateTransaction", "an entry used twice", hands.simulated(again))
        late = hands.call(self.bert, *given)
        operation = late.transaction.operations[0]
        operation.auth = entries.auth
        self.wait(0.1)
        yield Case("simulateTransaction", "an entry that has expired", hands.simulated(late))

    def _sending(self) -> Iterator[Case]:
        hands, owner = self.hands, _ADDRESS(self.bert.public_key)
        plain = (self.bert, self.contract, "pause", owner)

        def changed(**parts: Any) -> Any:
            envelope = hands.prepared(self.bert, hands.call(*plain))
            for name, value in parts.items():
                setattr(envelope.transaction, name, value)
            envelope.signatures.clear()
            envelope.sign(self.bert)
            return envelope

        now = int(hands.raw("getLatestLedger", {})["closeTime"])
        known = hands.sequence(self.bert.public_key)
        yield Case("sendTransaction", "a sequence that was used", hands.sent(changed(sequence=known)))
        yield Case("sendTransaction", "a sequence too far", hands.sent(changed(sequence=known + 2)))
        for first, last, words in ((0, now - 3_600, "late"), (now + 3_600, now + 7_200, "early")):
            envelope = changed()
            envelope.transaction.preconditions.time_bounds.min_time = first
            envelope.transaction.preconditions.time_bounds.max_time = last
            envelope.signatures.clear()
            envelope.sign(self.bert)
            yield Case("sendTransaction", f"too {words}", hands.sent(envelope))
        yield Case("sendTransaction", "too low a fee", hands.sent(changed(fee=200)))
        poor = changed()
        poor.transaction.soroban_data.resource_fee = xdr.Int64(1)
        poor.signatures.clear()
        poor.sign(self.bert)
        yield Case("sendTransaction", "too low a resource fee", hands.sent(poor))
        stranger = changed()
        stranger.signatures.clear()
        yield Case("sendTransaction", "without a signature", hands.sent(stranger))
        stranger.sign(self.anna)
        yield Case("sendTransaction", "signed by another", hands.sent(stranger))
        stranger.sign(self.bert)
        yield Case("sendTransaction", "signed by one too many", hands.sent(stranger))
        bare = hands.call(*plain)
        bare.sign(self.bert)
        yield Case("sendTransaction", "without resources", hands.sent(bare))
        payment = hands.builder(self.bert).append_bump_sequence_op(5).build()
        payment.sign(self.bert)
        yield Case("sendTransaction", "a classic operation", hands.sent(payment))
        yield Case("simulateTransaction", "a classic operation", "error" in hands.simulated(payment))
        narrow = changed()
        narrow.transaction.soroban_data.resources.footprint.read_only = []
        narrow.signatures.clear()
        narrow.sign(self.bert)
        yield Case("sendTransaction", "too small a footprint", hands.settled(narrow))
        first, second = changed(), changed(sequence=hands.sequence(self.bert.public_key) + 2)
        yield Case("sendTransaction", "a good one", hands.sent(first))
        yield Case("sendTransaction", "the same again", hands.sent(first))
        yield Case("sendTransaction", "another of its source", hands.sent(second))
        yield Case("getTransaction", "before its ledger", hands.outcome(first.hash_hex()))
        self.peer.close_ledger()
        yield Case("getTransaction", "in its ledger", hands.outcome(first.hash_hex()))
        yield Case("sendTransaction", "once more afterwards", hands.sent(first))
        # Prepared while it was paused, sent when it is not any more.
        stale = hands.prepared(self.bert, hands.call(self.bert, self.contract, "unpause", owner))
        number = stale.transaction.sequence
        yield self.do("unpausing", self.bert, self.contract, "unpause", owner)
        stale.transaction.sequence = number + 1
        stale.signatures.clear()
        stale.sign(self.bert)
        yield Case("sendTransaction", "a call that fails in its ledger", hands.settled(stale))
        absent = hands.call(self.bert, *plain[1:])
        absent.transaction.source = type(absent.transaction.source)(self.poor.public_key)
        absent.sign(self.poor)
        answer = hands.raw("simulateTransaction", {"transaction": hands.call(*plain).to_xdr()})
        hands.assemble(absent, answer)
        absent.signatures.clear()
        absent.sign(self.poor)
        yield Case("sendTransaction", "of an account that is not there", hands.sent(absent))

    # -- lives

    def _lives(self) -> Iterator[Case]:
        hands = self.hands
        key = codec.data_key(self.contract, investment_key(2))
        ledger = hands.raw("getLatestLedger", {})["sequence"]
        self.peer.set_life(key, ledger + 1_000)
        yield Case(
            "sendTransaction", "extending a life", hands.settled(self._footprint(self.bert, [key], 20_000))
        )
        found = hands.entry(key)
        assert found is not None
        yield Case(
            "getLedgerEntries", "its new end", found["liveUntilLedgerSeq"] - found["lastModifiedLedgerSeq"]
        )
        less = hands.prepared(self.bert, self._footprint(self.bert, [key], 10))
        yield Case("sendTransaction", "extending it by less", hands.settled(less))
        self.peer.set_life(key, hands.raw("getLatestLedger", {})["sequence"] - 1)
        late = self._footprint(self.bert, [key], 20_000)
        yield Case("simulateTransaction", "extending what is archived", hands.simulated(late))
        yield Case("getLedgerEntries", "what is archived is still shown", hands.entry(key) is not None)
        back = hands.prepared(self.bert, self._footprint(self.bert, [key], None))
        yield Case("sendTransaction", "restoring it", hands.settled(back))
        nothing = codec.data_key(self.contract, investment_key(77))
        absent = self._footprint(self.bert, [nothing], None)
        yield Case("simulateTransaction", "restoring what never was", hands.simulated(absent))
        yield self.look("the restored investment", key)
        yield self.simulate("reading it afterwards", self.anna, self.contract, "get_investment", _U32(2))

    def _footprint(self, by: Keypair, keys: list[str], extend_to: int | None) -> Any:
        """An extension, or without a number a restoration, as it is simulated."""
        names = [xdr.LedgerKey.from_xdr(key) for key in keys]
        data, builder = SorobanDataBuilder(), self.hands.builder(by)
        if extend_to is None:
            data.set_read_write(names)
            builder.append_restore_footprint_op()
        else:
            data.set_read_only(names)
            builder.append_extend_footprint_ttl_op(extend_to)
        return builder.set_soroban_data(data.build()).build()

    # -- events

    def _events(self) -> Iterator[Case]:
        raw, oldest = self.hands.raw, self.hands.raw("getHealth", {})["oldestLedger"]

        def listed(title: str, **asked: Any) -> Case:
            answer = raw("getEvents", {"startLedger": oldest} | asked)
            if "error" in answer:
                return Case("getEvents", title, answer)
            shown = [
                [one["type"], one["contractId"], one["topic"], len(one["id"]), one["transactionIndex"]]
                for one in answer["events"]
            ]
            return Case("getEvents", title, shown)

        mine = {"type": "contract", "contractIds": [self.contract]}
        symbol = scval.to_symbol("PAYMENT").to_xdr()
        yield listed("of one contract", filters=[mine], pagination={"limit": 1_000})
        yield listed(
            "of another",
            filters=[{"type": "contract", "contractIds": [self.token]}],
            pagination={"limit": 1_000},
        )
        yield listed("by topic", filters=[mine | {"topics": [[symbol, "*", "*"]]}])
        yield listed("by the beginning of topics", filters=[mine | {"topics": [[symbol, "**"]]}])
        yield listed("of a topic too short", filters=[mine | {"topics": [[symbol]]}])
        yield listed("the first three", filters=[mine], pagination={"limit": 3})
        page = raw("getEvents", {"startLedger": oldest, "filters": [mine], "pagination": {"limit": 3}})
        rest = raw("getEvents", {"filters": [mine], "pagination": {"cursor": page["cursor"], "limit": 1_000}})
        yield Case("getEvents", "after a cursor", [one["topic"] for one in rest["events"]])
        yield listed("too many filters", filters=[mine] * 6)
        yield listed("too many contracts", filters=[{"contractIds": [self.contract] * 6}])
        yield listed("no contract's address", filters=[{"contractIds": ["C123"]}])
        yield listed("a limit too high", pagination={"limit": 10_001})
        yield listed("before what is kept", startLedger=1)
        yield listed("an end before the start", endLedger=oldest)
        yield listed("cursor and range", pagination={"cursor": page["cursor"]})
        yield Case("getEvents", "a cursor that is none", raw("getEvents", {"pagination": {"cursor": "abc"}}))

    def _code(self) -> Iterator[Case]:
        bert = _ADDRESS(self.bert.public_key)
        self.hands.done(self.bert, self.contract, "pause", bert)
        yield self.simulate(
            "an upgrade to unknown code", self.bert, self.contract, "upgrade", scval.to_bytes(b"\1" * 32)
        )
        yield self.do(
            "an upgrade", self.bert, self.contract, "upgrade", scval.to_bytes(compiled.hash_of("token"))
        )
        yield self.simulate("a function of the old code", self.bert, self.contract, "version")
