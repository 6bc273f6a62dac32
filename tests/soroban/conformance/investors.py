"""Investors, what is owed to them, and the money of a contract."""

from collections.abc import Iterator

from stellar_sdk import scval

from devnet.soroban import codec
from devnet.soroban.books import investment_key
from tests.soroban.conformance.peers import BEGIN_NS
from tests.soroban.conformance.stage import ADDRESS, DAY, I128, U32, U64, WHOLE, Case, Stage


def investing(stage: Stage) -> Iterator[Case]:
    anna = ADDRESS(stage.anna.public_key)
    refused = [
        (0, "nothing"),
        (-5 * WHOLE, "less than nothing"),
        (99 * WHOLE, "too little"),
        (500 * WHOLE, "without money"),
    ]
    for units, words in refused:
        yield stage.simulate(f"investing {words}", stage.anna, stage.contract, "invest", anna, I128(units))
    stage.mint(stage.anna.public_key, 500_000 * WHOLE)
    yield stage.simulate(
        "investing above the goal", stage.anna, stage.contract, "invest", anna, I128(200_000 * WHOLE)
    )
    yield stage.simulate(
        "investing, and whose word it needs",
        stage.bert,
        stage.contract,
        "invest",
        anna,
        I128(1_000 * WHOLE),
    )
    yield stage.do("investing", stage.anna, stage.contract, "invest", anna, I128(1_000 * WHOLE))
    yield stage.do(
        "investing by another's account",
        stage.bert,
        stage.contract,
        "invest",
        anna,
        I128(250 * WHOLE),
        signers=[stage.anna],
    )
    yield stage.look("the first investment", codec.data_key(stage.contract, investment_key(1)))
    yield stage.look("its owner", codec.data_key(stage.contract, scval.to_enum("Owner", U32(1))))
    yield stage.look("how many there are", codec.data_key(stage.contract, scval.to_enum("Balance", anna)))
    page = BEGIN_NS // 10**9 // DAY // 32
    for number in range(page, page + 4):
        yield stage.look(
            f"what falls due, page {number - page}",
            codec.data_key(stage.contract, scval.to_enum("DuePage", U32(number))),
        )
    yield stage.look("the instance after investments", codec.instance_key(stage.contract))
    yield stage.look(
        "the contract's tokens",
        codec.data_key(stage.token, scval.to_enum("Balance", ADDRESS(stage.contract))),
    )
    small = stage.made(10, goal=1_000 * WHOLE)
    yield stage.do("reaching the goal", stage.anna, small, "invest", anna, I128(950 * WHOLE))
    yield stage.simulate("investing after that", stage.anna, small, "invest", anna, I128(100 * WHOLE))


def checks(stage: Stage) -> Iterator[Case]:
    check = "check_reserve_balance"
    yield stage.simulate("a check", stage.owner, stage.contract, check)
    yield stage.simulate(
        "a check by a stranger records whose word it needs", stage.bert, stage.contract, check
    )
    yield stage.simulate(
        "an enforced check of a stranger", stage.bert, stage.contract, check, authMode="enforce"
    )
    yield stage.simulate(
        "the older form of authorisation", stage.bert, stage.contract, check, useUpgradedAuth=False
    )
    yield stage.do("a signed check tells of the deficit", stage.owner, stage.contract, check)
    for days in (0, 40, 3_660, 3_661):
        seconds = U64(days * DAY)
        yield stage.simulate(f"within {days} days", stage.owner, stage.contract, f"{check}_within", seconds)
        yield stage.simulate(
            f"status within {days} days", stage.anna, stage.contract, "get_reserve_status", seconds
        )
    yield stage.simulate(
        "an argument of another type", stage.owner, stage.contract, "get_reserve_status", U32(5)
    )
    yield stage.simulate("an argument too many", stage.owner, stage.contract, check, U32(5))
    yield stage.simulate("an argument too few", stage.owner, stage.contract, "get_reserve_status")


def payments(stage: Stage) -> Iterator[Case]:
    pay, one = "process_investor_payment", U32(1)
    yield stage.simulate("paying without a reserve", stage.owner, stage.contract, pay, one)
    stage.mint(stage.owner.public_key, 50_000 * WHOLE)
    yield stage.do("a top-up", stage.owner, stage.contract, "add_company_transfer", I128(5_000 * WHOLE))
    yield stage.simulate("a check afterwards", stage.owner, stage.contract, "check_reserve_balance")
    yield stage.do("paying", stage.owner, stage.contract, pay, one)
    yield stage.simulate("paying twice", stage.owner, stage.contract, pay, one)
    yield stage.simulate("paying nobody", stage.owner, stage.contract, pay, U32(99))
    yield stage.look("the paid investment", codec.data_key(stage.contract, investment_key(1)))
    stage.wait(35)
    yield stage.simulate("arrears", stage.anna, stage.contract, "get_reserve_status", U64(0))
    many = scval.to_vec([U32(1), U32(2), U32(7)])
    yield stage.do("paying many", stage.owner, stage.contract, "process_investor_payments", many)
    yield stage.do("and again", stage.owner, stage.contract, "process_investor_payments", many)
    yield stage.look("the instance after a month", codec.instance_key(stage.contract))
    for ids, words in (
        ([], "nobody"),
        ([2, 1], "in the wrong order"),
        ([1, 1], "one twice"),
        (list(range(1, 26)), "too many"),
    ):
        given = scval.to_vec([U32(number) for number in ids])
        yield stage.simulate(
            f"paying {words}", stage.owner, stage.contract, "process_investor_payments", given
        )
    stage.wait(27)
    yield stage.do("claiming all that is due", stage.anna, stage.contract, "claim", one)
    yield stage.simulate("claiming again", stage.anna, stage.contract, "claim", one)
    yield stage.simulate("claiming what is not there", stage.anna, stage.contract, "claim", U32(99))
    yield stage.simulate("paying a finished one", stage.owner, stage.contract, pay, one)
    yield stage.look("the finished investment", codec.data_key(stage.contract, investment_key(1)))
    page = BEGIN_NS // 10**9 // DAY // 32
    yield stage.look(
        "a page that has passed", codec.data_key(stage.contract, scval.to_enum("DuePage", U32(page)))
    )
    yield stage.simulate("all books", stage.anna, stage.contract, "get_contract_balance")


def refused_payments(stage: Stage) -> Iterator[Case]:
    blocked = stage.made(11, claim_block_days=30, return_type=2)
    anna = ADDRESS(stage.anna.public_key)
    stage.hands.done(stage.anna, blocked, "invest", anna, I128(1_000 * WHOLE))
    yield stage.simulate("a blocked investment", stage.anna, blocked, "get_investment", U32(1))
    yield stage.simulate(
        "paying before the block ends", stage.owner, blocked, "process_investor_payment", U32(1)
    )
    yield stage.simulate(
        "a check that foresees the block's end",
        stage.owner,
        blocked,
        "check_reserve_balance_within",
        U64(31 * DAY),
    )
    stage.wait(31)
    yield stage.do("freezing an account", stage.admin, stage.token, "set_frozen", anna, scval.to_bool(True))
    yield stage.simulate(
        "paying one who cannot receive", stage.owner, blocked, "process_investor_payment", U32(1)
    )
    yield stage.do(
        "many of whom one cannot receive",
        stage.owner,
        blocked,
        "process_investor_payments",
        scval.to_vec([U32(1)]),
    )
    yield stage.simulate(
        "a transfer of a frozen one",
        stage.anna,
        stage.token,
        "transfer",
        anna,
        ADDRESS(stage.project),
        I128(1),
    )
    stage.hands.done(stage.admin, stage.token, "set_frozen", anna, scval.to_bool(False))
    yield stage.do("a coupon's first", stage.owner, blocked, "process_investor_payment", U32(1))


def books(stage: Stage) -> Iterator[Case]:
    to, contract = ADDRESS(stage.bert.public_key), stage.contract
    for units in (0, -1, 10**15):
        amount = I128(units)
        yield stage.simulate(f"a top-up of {units}", stage.owner, contract, "add_company_transfer", amount)
        yield stage.simulate(f"moving {units}", stage.owner, contract, "move_funds_to_the_reserve", amount)
        yield stage.simulate(f"withdrawing {units}", stage.owner, contract, "single_withdrawn", amount)
        yield stage.simulate(
            f"withdrawing commission {units}", stage.owner, contract, "withdraw_commission", to, amount
        )
    yield stage.do("moving", stage.owner, contract, "move_funds_to_the_reserve", I128(WHOLE))
    yield stage.do("withdrawing", stage.owner, contract, "single_withdrawn", I128(7 * WHOLE))
    yield stage.do("withdrawing commission", stage.owner, contract, "withdraw_commission", to, I128(1_000))
    yield stage.simulate("no surplus", stage.owner, contract, "book_surplus")
    stage.mint(contract, 3 * WHOLE)
    yield stage.simulate("tokens that came by themselves", stage.anna, contract, "get_books")
    yield stage.do("booking them", stage.owner, contract, "book_surplus")
    for units, words in ((-1, "a negative one"), (10**18, "more than there is")):
        yield stage.simulate(
            f"a transfer of {words}",
            stage.anna,
            stage.token,
            "transfer",
            ADDRESS(stage.anna.public_key),
            to,
            I128(units),
        )
    yield stage.simulate(
        "minting by a stranger", stage.bert, stage.token, "mint", to, I128(1), authMode="enforce"
    )
    yield stage.simulate("minting less than nothing", stage.admin, stage.token, "mint", to, I128(-1))
