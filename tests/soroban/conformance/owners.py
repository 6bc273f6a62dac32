"""What only the owner of a contract or of an investment may do, and who that is."""

from collections.abc import Iterator

from stellar_sdk import scval

from devnet.soroban import compiled
from tests.soroban.conformance.stage import ADDRESS, I128, U32, WHOLE, Case, Stage


def control(stage: Stage) -> Iterator[Case]:
    owner, contract = ADDRESS(stage.owner.public_key), stage.contract
    yield stage.simulate("unpausing what is not paused", stage.owner, contract, "unpause", owner)
    yield stage.do("pausing", stage.owner, contract, "pause", owner)
    yield stage.simulate("pausing twice", stage.owner, contract, "pause", owner)
    anna = ADDRESS(stage.anna.public_key)
    for function, given in (
        ("invest", (anna, I128(100 * WHOLE))),
        ("claim", (U32(1),)),
        ("transfer", (anna, owner, U32(1))),
    ):
        yield stage.simulate(f"{function} while paused", stage.anna, contract, function, *given)
    for function, given in (
        ("process_investor_payment", (U32(1),)),
        ("process_investor_payments", (scval.to_vec([U32(1)]),)),
        ("single_withdrawn", (I128(1),)),
        ("withdraw_commission", (owner, I128(1))),
        ("check_reserve_balance", ()),
        ("add_company_transfer", (I128(1),)),
    ):
        yield stage.simulate(f"{function} while paused", stage.owner, contract, function, *given)
    yield stage.do("unpausing", stage.owner, contract, "unpause", owner)
    bert = ADDRESS(stage.bert.public_key)
    yield stage.simulate("accepting what was not offered", stage.bert, contract, "accept_ownership")
    yield stage.simulate("withdrawing no offer", stage.owner, contract, "transfer_ownership", bert, U32(0))
    yield stage.simulate(
        "an offer that has passed", stage.owner, contract, "transfer_ownership", bert, U32(5)
    )
    yield stage.simulate(
        "an offer for ever", stage.owner, contract, "transfer_ownership", bert, U32(2**32 - 1)
    )
    until = stage.hands.raw("getLatestLedger", {})["sequence"] + 500
    answer = stage.hands.done(stage.owner, contract, "transfer_ownership", bert, U32(until))
    yield Case(
        "sendTransaction", "offering the ownership", [answer["status"], answer["code"], answer["value"]]
    )
    yield stage.simulate(
        "accepting by a stranger", stage.anna, contract, "accept_ownership", authMode="enforce"
    )
    yield stage.do("accepting", stage.bert, contract, "accept_ownership")
    yield stage.simulate("the new owner", stage.anna, contract, "get_owner")
    yield stage.simulate(
        "a check by the old owner", stage.owner, contract, "check_reserve_balance", authMode="enforce"
    )
    yield stage.simulate(
        "an upgrade while it works", stage.bert, contract, "upgrade", scval.to_bytes(b"\1" * 32)
    )


def passing_on(stage: Stage) -> Iterator[Case]:
    anna, bert = ADDRESS(stage.anna.public_key), ADDRESS(stage.bert.public_key)
    yield stage.simulate("passing on another's", stage.bert, stage.contract, "transfer", bert, anna, U32(2))
    yield stage.simulate(
        "passing on what is not there", stage.anna, stage.contract, "transfer", anna, bert, U32(99)
    )
    yield stage.do("passing it on", stage.anna, stage.contract, "transfer", anna, bert, U32(2))
    yield stage.simulate("its new owner", stage.anna, stage.contract, "owner_of", U32(2))
    for who in (anna, bert):
        yield stage.simulate("how many one has", stage.anna, stage.contract, "balance", who)


def code(stage: Stage) -> Iterator[Case]:
    bert = ADDRESS(stage.bert.public_key)
    stage.hands.done(stage.bert, stage.contract, "pause", bert)
    yield stage.simulate(
        "an upgrade to unknown code", stage.bert, stage.contract, "upgrade", scval.to_bytes(b"\1" * 32)
    )
    yield stage.do(
        "an upgrade", stage.bert, stage.contract, "upgrade", scval.to_bytes(compiled.hash_of("token"))
    )
    yield stage.simulate("a function of the old code", stage.bert, stage.contract, "version")
