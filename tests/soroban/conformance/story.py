"""The second script: every function of the contracts, simulated and then sent, and what it leaves behind."""

from collections.abc import Sequence

from stellar_sdk import InvokeHostFunction, scval, xdr

from devnet.soroban import codec, compiled
from tests.soroban.conformance.hands import Hands, person
from tests.soroban.conformance.operations import (
    ADDRESS,
    I128,
    TEXT,
    U32,
    U64,
    WHOLE,
    call,
    contract_id,
    create,
    create_plain,
    ids,
    investment_arguments,
    key,
    token_arguments,
    upload,
)
from tests.soroban.conformance.peers import BEGIN_NS, Peer
from tests.soroban.conformance.stage import DAY, Case

NAMES = ("owner", "project", "investor", "second", "stranger", "heir")
VIEWS = (
    "get_books",
    "get_contract_balance",
    "get_contract_data",
    "get_owner",
    "name",
    "paused",
    "symbol",
    "version",
)
WRONG_TERMS = (
    ("no interest", {"i_rate": 0}),
    ("no goal", {"goal": 0}),
    ("a negative goal", {"goal": -1}),
    ("unknown return type", {"return_type": 3}),
    ("no months", {"return_months": 0}),
    ("no minimum", {"min_per_investment": 0}),
    ("too much interest", {"i_rate": 90_001}),
    ("too many months", {"return_months": 121}),
    ("blocked too long", {"claim_block_days": 3_661}),
)


class Story:
    """Contracts `loan` (blocked for 10 days, 3 months) and `coupon` (at once, 2 months) of one token.

    The method of a case is the function that was called.
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.hands = Hands(peer)
        self.keys = {name: person(name) for name in NAMES}
        self.told: list[Case] = []
        owner = self.address("owner")
        self.token, self.loan, self.coupon = (
            contract_id(owner, salt) for salt in ("token", "loan", "coupon")
        )

    def cases(self) -> list[Case]:
        for name in NAMES[:-1]:
            self.peer.fund(self.address(name))
        self.uploads()
        self.makes_token()
        self.makes_investments()
        self.refuses_terms()
        self.uses_token()
        self.views("of a new contract")
        self.invests()
        self.moves_money()
        self.pays()
        self.pauses()
        self.hands_over()
        self.changes_owner()
        self.upgrades()
        return self.told

    def address(self, name: str) -> str:
        return self.keys[name].public_key

    def run(self, contract: str, who: str, title: str, function: str, *arguments: xdr.SCVal) -> None:
        """Whoever is asked for a signature gives it, unless the owner is asked by somebody else."""
        signers = [name for name in NAMES if name != "owner" or contract == self.token]
        self.send(function, title, who, call(contract, function, *arguments), signers)

    def send(
        self, method: str, title: str, who: str, operation: InvokeHostFunction, signers: Sequence[str] = ()
    ) -> None:
        """Simulated, and sent if that went well."""
        by = self.keys[who]
        envelope = self.hands.builder(by).append_operation(operation).build()
        found = self.hands.simulated(envelope)
        answers = [found]
        if "error" not in found:
            keys = [self.keys[name] for name in signers if self.asks(found, name)]
            answers.append(self.hands.settled(self.hands.prepared(by, envelope, keys)))
        self.told.append(Case(method, title, answers))

    def asks(self, found: dict[str, list[str]], name: str) -> bool:
        return any(self.address(name) in entry for entry in found["auth"])

    def read(
        self, contract: str, title: str, function: str, *arguments: xdr.SCVal, who: str = "stranger"
    ) -> None:
        """Simulated only."""
        envelope = self.hands.call(self.keys[who], contract, function, *arguments)
        self.told.append(Case(function, title, self.hands.simulated(envelope)))

    def look(self, method: str, title: str, keys: Sequence[str]) -> None:
        """The entries as they stand, and how long they live."""
        self.told.append(Case(method, title, [self.hands.kept(key) for key in keys]))

    def wait(self, days: float) -> None:
        self.peer.clock.advance(int(days * DAY))

    # -- code and contracts

    def uploads(self) -> None:
        for name in ("token", "investment"):
            self.send("upload", name, "owner", upload(compiled.code_of(name)))
            self.look("upload", f"{name}: its entry", [codec.code_key(compiled.hash_of(name))])
        self.send("upload", "the same again", "stranger", upload(compiled.code_of("token")))
        self.send("upload", "no code", "owner", upload(b"nothing"))

    def makes_token(self) -> None:
        owner = self.address("owner")
        code = compiled.hash_of("token")
        operation = create(owner, "token", code, token_arguments(owner))
        self.send("create", "a token", "owner", operation)
        self.look("create", "a token: its instance", [key(self.token, "instance")])
        self.send("create", "a token again", "owner", operation)
        self.send("create", "unknown code", "owner", create(owner, "x", bytes(32), []))
        self.send(
            "create", "too few arguments", "owner", create(owner, "x", code, token_arguments(owner)[:3])
        )
        self.send("create", "without arguments", "owner", create_plain(owner, "x", code))
        self.send("create", "arguments of wrong types", "owner", create(owner, "x", code, [U32(1)] * 4))
        mine = (self.address("stranger"), "t", code, token_arguments(owner))
        self.send("create", "for somebody who does not sign", "owner", create(*mine))
        self.send("create", "for somebody who signs", "owner", create(*mine), ["stranger"])

    def makes_investments(self) -> None:
        owner = self.address("owner")
        code = compiled.hash_of("investment")
        for salt, changed in (
            ("loan", {}),
            ("coupon", {"return_type": 2, "claim_block_days": 0, "return_months": 2}),
        ):
            arguments = investment_arguments(owner, self.address("project"), self.token, **changed)
            self.send("create", f"a {salt}", "owner", create(owner, salt, code, arguments))
            instance = key(contract_id(owner, salt), "instance")
            self.look("create", f"a {salt}: its instance", [instance])

    def refuses_terms(self) -> None:
        owner = self.address("owner")
        code = compiled.hash_of("investment")
        for name, changed in WRONG_TERMS:
            arguments = investment_arguments(owner, self.address("project"), self.token, **changed)
            self.send("create", name, "owner", create(owner, "wrong", code, arguments))

    # -- the token

    def uses_token(self) -> None:
        token = self.token
        investor, second = ADDRESS(self.address("investor")), ADDRESS(self.address("second"))
        self.run(token, "owner", "to an investor", "mint", investor, I128(5_000 * WHOLE))
        balance = key(token, "Balance", investor)
        self.look("mint", "the balance's entry", [balance])
        self.run(
            token, "owner", "to the owner", "mint", ADDRESS(self.address("owner")), I128(100_000 * WHOLE)
        )
        self.run(token, "owner", "a negative amount", "mint", investor, I128(-1))
        self.run(token, "stranger", "by a stranger: the admin signs", "mint", second, I128(20_000 * WHOLE))
        self.run(token, "investor", "token", "transfer", investor, second, I128(7))
        self.run(token, "investor", "token: too much", "transfer", investor, second, I128(10**18))
        self.run(token, "investor", "token: negative", "transfer", investor, second, I128(-7))
        self.run(
            token, "owner", "a stranger", "set_frozen", ADDRESS(self.address("stranger")), scval.to_bool(True)
        )
        self.run(
            token,
            "investor",
            "token: to a frozen one",
            "transfer",
            investor,
            ADDRESS(self.address("stranger")),
            I128(1),
        )
        for function in ("name", "symbol", "decimals"):
            self.run(token, "stranger", "of the token", function)
        self.run(token, "stranger", "of the token", "balance", investor)
        self.run(token, "stranger", "of nobody", "balance", ADDRESS(self.address("heir")))

    # -- reading

    def views(self, when: str) -> None:
        for contract, kind in ((self.loan, "loan"), (self.coupon, "coupon")):
            for function in VIEWS:
                self.read(contract, f"{kind} {when}", function)
            for seconds in (0, 7 * DAY, 3_660 * DAY, 3_660 * DAY + 1):
                self.read(contract, f"{kind} {when}, {seconds} s", "get_reserve_status", U64(seconds))

    # -- investing

    def invest(self, contract: str, name: str, units: int, who: str = "investor", by: str = "") -> None:
        self.run(contract, by or who, name, "invest", ADDRESS(self.address(who)), I128(units))

    def invests(self) -> None:
        self.invest(self.loan, "the first", 1_000 * WHOLE + 3)
        keys = self.keys_of(self.loan, 1, "investor")
        self.look("invest", "the first: entries", keys)
        self.invest(self.loan, "by another account: the investor signs", 500 * WHOLE, by="stranger")
        self.invest(self.loan, "nothing", 0)
        self.invest(self.loan, "a negative amount", -1)
        self.invest(self.loan, "below the minimum", 99 * WHOLE)
        self.invest(self.loan, "more than one has", 4_000 * WHOLE)
        self.invest(self.loan, "more than the goal", 12_000 * WHOLE, "second")
        self.invest(self.coupon, "a coupon", 1_234 * WHOLE + 567)
        self.invest(self.coupon, "a coupon, the goal is reached", 8_850 * WHOLE, "second")
        self.invest(self.coupon, "after the goal is reached", 100 * WHOLE, "second")
        self.look("invest", "a coupon: entries", self.keys_of(self.coupon, 1, "investor"))
        self.look("invest", "a coupon: the second", self.keys_of(self.coupon, 2, "second"))
        self.run(self.loan, "owner", "wrong argument types", "invest", U32(1), U32(2))
        self.run(self.loan, "owner", "wrong number of arguments", "invest", U32(1))
        self.read(self.loan, "an investment", "get_investment", U32(1))
        self.read(self.loan, "unknown", "get_investment", U32(99))
        self.read(self.loan, "unknown", "owner_of", U32(99))
        self.read(self.loan, "an investment", "owner_of", U32(1))
        self.read(self.loan, "an investment", "token_uri", U32(1))
        self.read(self.loan, "unknown", "token_uri", U32(99))
        self.read(self.loan, "investments held", "balance", ADDRESS(self.address("investor")))
        self.views("with investments")

    def keys_of(self, contract: str, number: int, who: str) -> list[str]:
        first = BEGIN_NS // 10**9 // DAY // 32
        pages = [key(contract, "DuePage", U32(page)) for page in range(first, first + 5)]
        mine = [key(contract, "Investment", U32(number)), key(contract, "Owner", U32(number))]
        return [
            key(contract, "instance"),
            *mine,
            key(contract, "Balance", ADDRESS(self.address(who))),
            *pages,
        ]

    # -- the owner's money

    def moves_money(self) -> None:
        loan, owner = self.loan, "owner"
        self.run(loan, owner, "a top-up", "add_company_transfer", I128(10 * WHOLE))
        self.run(loan, owner, "nothing", "add_company_transfer", I128(0))
        self.run(loan, owner, "more than one has", "add_company_transfer", I128(10**18))
        self.run(loan, "stranger", "not by the owner", "add_company_transfer", I128(1))
        self.run(loan, owner, "from the project", "move_funds_to_the_reserve", I128(25 * WHOLE))
        self.run(loan, owner, "negative", "move_funds_to_the_reserve", I128(-1))
        self.run(loan, owner, "more than there is", "move_funds_to_the_reserve", I128(10**18))
        self.run(loan, owner, "to the project", "single_withdrawn", I128(100 * WHOLE))
        self.run(loan, owner, "nothing", "single_withdrawn", I128(0))
        self.run(loan, owner, "more than there is", "single_withdrawn", I128(10**18))
        heir = ADDRESS(self.address("heir"))
        self.run(loan, owner, "to somebody", "withdraw_commission", heir, I128(1))
        self.run(loan, owner, "nothing", "withdraw_commission", heir, I128(0))
        self.run(loan, owner, "more than there is", "withdraw_commission", heir, I128(10**18))
        self.run(loan, owner, "there is none", "book_surplus")
        mine, to = ADDRESS(self.address(owner)), ADDRESS(loan)
        self.run(self.token, owner, "token: to the contract", "transfer", mine, to, I128(77))
        self.run(loan, owner, "what came in", "book_surplus")

    # -- checking and paying

    def check(self, when: str, contract: str) -> None:
        self.run(contract, "owner", when, "check_reserve_balance")
        for days in (0, 30, 400):
            self.run(
                contract, "owner", f"{when}, {days} days", "check_reserve_balance_within", U64(days * DAY)
            )

    def pays(self) -> None:
        loan = self.loan
        self.check("at first", loan)
        self.run(loan, "owner", "too far", "check_reserve_balance_within", U64(3_660 * DAY + 1))
        self.run(loan, "stranger", "not by the owner", "check_reserve_balance")
        self.run(loan, "owner", "too early", "process_investor_payment", U32(1))
        self.run(loan, "owner", "unknown", "process_investor_payment", U32(99))
        self.run(loan, "investor", "too early", "claim", U32(1))
        self.run(self.coupon, "owner", "at once", "process_investor_payment", U32(1))
        self.wait(10)
        self.check("on the due date", loan)
        self.run(loan, "owner", "reserve too small", "process_investor_payment", U32(1))
        self.run(loan, "owner", "a top-up to pay from", "add_company_transfer", I128(1_500 * WHOLE))
        self.run(loan, "owner", "the first", "process_investor_payment", U32(1))
        self.run(loan, "owner", "the second too early", "process_investor_payment", U32(1))
        self.look("process_investor_payment", "entries", self.keys_of(loan, 1, "investor"))
        for name, given in (
            ("none", ()),
            ("not rising", (2, 1)),
            ("twice the same", (1, 1)),
            ("too many", range(1, 26)),
        ):
            self.run(loan, "owner", name, "process_investor_payments", ids(*given))
        self.run(loan, "owner", "one is paid, two are refused", "process_investor_payments", ids(1, 2, 9))
        self.run(loan, "stranger", "not by the owner", "process_investor_payments", ids(1))
        self.freeze("investor", True)
        self.wait(30)
        self.check("a month later", loan)
        self.run(loan, "owner", "to one who is frozen", "process_investor_payment", U32(1))
        self.run(loan, "owner", "to those who are frozen", "process_investor_payments", ids(1, 2))
        self.freeze("investor", False)
        self.views("a month later")
        self.wait(30)
        self.run(loan, "investor", "two months at once", "claim", U32(1))
        self.run(loan, "stranger", "by another account: the investor signs", "claim", U32(2))
        self.run(loan, "investor", "finished", "claim", U32(1))
        self.run(loan, "owner", "finished", "process_investor_payment", U32(1))
        self.run(loan, "investor", "unknown", "claim", U32(99))
        self.run(self.coupon, "owner", "the principal is missing", "process_investor_payments", ids(1, 2))
        self.check("at the end", loan)
        self.check("at the end of the coupon", self.coupon)
        self.look("claim", "entries", self.keys_of(loan, 1, "investor"))
        self.look("claim", "entries of the coupon", self.keys_of(self.coupon, 2, "second"))

    def freeze(self, name: str, is_frozen: bool) -> None:
        given = ADDRESS(self.address(name)), scval.to_bool(is_frozen)
        self.run(self.token, "owner", f"{name} {is_frozen}", "set_frozen", *given)

    # -- pausing, passing on, owners, code

    def pauses(self) -> None:
        loan, caller = self.loan, ADDRESS(self.address("owner"))
        self.run(loan, "owner", "not paused", "unpause", caller)
        self.run(loan, "stranger", "not by the owner", "pause", caller)
        self.run(loan, "owner", "by the owner", "pause", caller)
        self.run(loan, "owner", "again", "pause", caller)
        self.invest(loan, "while paused", 100 * WHOLE)
        self.run(loan, "owner", "while paused", "process_investor_payment", U32(1))
        self.run(loan, "owner", "while paused", "process_investor_payments", ids(1))
        self.run(loan, "investor", "while paused", "claim", U32(1))
        self.run(loan, "owner", "while paused", "single_withdrawn", I128(1))
        self.run(loan, "owner", "while paused", "withdraw_commission", caller, I128(1))
        self.run(loan, "investor", "while paused", "transfer", *self.passing(1))
        self.run(loan, "owner", "while paused", "add_company_transfer", I128(1))
        self.run(loan, "owner", "while paused", "move_funds_to_the_reserve", I128(1))
        self.check("while paused", loan)
        self.run(loan, "owner", "by the owner", "unpause", caller)

    def passing(self, number: int, giver: str = "investor", taker: str = "second") -> list[xdr.SCVal]:
        return [ADDRESS(self.address(giver)), ADDRESS(self.address(taker)), U32(number)]

    def hands_over(self) -> None:
        loan = self.loan
        self.run(loan, "investor", "an investment", "transfer", *self.passing(1))
        self.run(loan, "investor", "one that is not theirs", "transfer", *self.passing(1))
        self.run(loan, "investor", "unknown", "transfer", *self.passing(99))
        self.run(loan, "second", "to oneself", "transfer", *self.passing(1, "second", "second"))
        self.look("transfer", "entries of the giver", self.keys_of(loan, 1, "investor"))
        self.look("transfer", "entries of the taker", self.keys_of(loan, 1, "second"))

    def changes_owner(self) -> None:
        loan = self.loan
        new = ADDRESS(self.address("second"))
        now = self.hands.raw("getLatestLedger", {})["sequence"]
        self.run(loan, "second", "nothing pending", "accept_ownership")
        self.read(loan, "nothing to cancel", "transfer_ownership", new, U32(0), who="owner")
        self.read(loan, "in the past", "transfer_ownership", new, U32(now - 10), who="owner")
        self.read(loan, "too far", "transfer_ownership", new, U32(now + 4_000_000), who="owner")
        for name, until in (("offered", now + 20_000), ("cancelled", 0), ("offered again", now + 20_000)):
            self.settle_offer(name, new, until)
        self.run(loan, "stranger", "the new owner signs", "accept_ownership")
        self.read(loan, "changed", "get_owner")
        self.run(loan, "owner", "not by the old owner", "check_reserve_balance")
        self.run(loan, "second", "by the new owner", "check_reserve_balance")
        self.look("accept_ownership", "the instance", [key(loan, "instance")])

    def settle_offer(self, title: str, new: xdr.SCVal, until: int) -> None:
        """The arguments name a ledger, so only the topics of what was told are compared."""
        done = self.hands.done(self.keys["owner"], self.loan, "transfer_ownership", new, U32(until))
        self.told.append(
            Case("transfer_ownership", title, [done["code"], [event[1] for event in done["events"]]])
        )

    def upgrades(self) -> None:
        coupon, caller = self.coupon, ADDRESS(self.address("owner"))
        code = scval.to_bytes(compiled.hash_of("investment"))
        self.run(coupon, "owner", "not paused", "upgrade", code)
        self.run(coupon, "owner", "before the upgrade", "pause", caller)
        self.run(coupon, "owner", "unknown code", "upgrade", scval.to_bytes(bytes(32)))
        self.run(coupon, "owner", "a short hash", "upgrade", scval.to_bytes(b"1"))
        self.run(coupon, "stranger", "not by the owner", "upgrade", code)
        self.run(coupon, "owner", "the same code", "upgrade", code)
        self.run(coupon, "owner", "to the token", "upgrade", scval.to_bytes(compiled.hash_of("token")))
        self.run(coupon, "owner", "gone with the code", "version")
        self.run(coupon, "owner", "unknown function", "no_such_function")
        self.run(contract_id(self.address("owner"), "none"), "owner", "unknown contract", "version")
        self.run(self.loan, "owner", "called directly", "__constructor", TEXT("x"))
