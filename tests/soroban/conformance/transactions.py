"""Transactions themselves: whose word they need, what is wrong with one, lives of entries."""

from collections.abc import Iterator
from typing import Any

from stellar_sdk import Keypair, SorobanDataBuilder, xdr

from devnet.soroban import codec
from devnet.soroban.books import investment_key
from tests.soroban.conformance.stage import ADDRESS, I128, U32, Case, Stage


def authorisation(stage: Stage) -> Iterator[Case]:
    hands, anna = stage.hands, ADDRESS(stage.anna.public_key)
    given = (stage.token, "transfer", anna, ADDRESS(stage.bert.public_key), I128(5))
    unsigned = hands.prepared(stage.bert, hands.call(stage.bert, *given))
    yield Case("sendTransaction", "an entry that nobody signed", hands.settled(unsigned))
    wrong = hands.call(stage.bert, *given)
    wrong = hands.prepared(stage.bert, wrong, [stage.anna])
    operation: Any = wrong.transaction.operations[0]
    credentials = operation.auth[0].credentials
    (credentials.address or credentials.address_v2).nonce = xdr.Int64(12)
    wrong.signatures.clear()
    wrong.sign(stage.bert)
    yield Case("sendTransaction", "an entry changed after it was signed", hands.settled(wrong))
    right = hands.prepared(stage.bert, hands.call(stage.bert, *given), [stage.anna])
    entries: Any = right.transaction.operations[0]
    yield Case("sendTransaction", "an entry of another account", hands.settled(right))
    again = hands.call(stage.bert, *given)
    second: Any = again.transaction.operations[0]
    second.auth = entries.auth
    yield Case("simulateTransaction", "an entry used twice", hands.simulated(again))
    late = hands.call(stage.bert, *given)
    operation = late.transaction.operations[0]
    operation.auth = entries.auth
    stage.wait(0.1)
    yield Case("simulateTransaction", "an entry that has expired", hands.simulated(late))


def signed(envelope: Any, by: Keypair) -> Any:
    """Once more, after something of it has been changed."""
    envelope.signatures.clear()
    envelope.sign(by)
    return envelope


def pausing(stage: Stage, **parts: Any) -> Any:
    """A prepared call of the owner, with these parts of the transaction replaced."""
    owner = ADDRESS(stage.bert.public_key)
    envelope = stage.hands.prepared(stage.bert, stage.hands.call(stage.bert, stage.contract, "pause", owner))
    for name, value in parts.items():
        setattr(envelope.transaction, name, value)
    return signed(envelope, stage.bert)


def refused(stage: Stage) -> Iterator[Case]:
    """Transactions that no ledger takes."""
    hands, known = stage.hands, stage.hands.sequence(stage.bert.public_key)
    now = int(hands.raw("getLatestLedger", {})["closeTime"])
    yield Case("sendTransaction", "a sequence that was used", hands.sent(pausing(stage, sequence=known)))
    yield Case("sendTransaction", "a sequence too far", hands.sent(pausing(stage, sequence=known + 2)))
    for first, last, words in ((0, now - 3_600, "late"), (now + 3_600, now + 7_200, "early")):
        envelope = pausing(stage)
        envelope.transaction.preconditions.time_bounds.min_time = first
        envelope.transaction.preconditions.time_bounds.max_time = last
        yield Case("sendTransaction", f"too {words}", hands.sent(signed(envelope, stage.bert)))
    yield Case("sendTransaction", "too low a fee", hands.sent(pausing(stage, fee=200)))
    poor = pausing(stage)
    poor.transaction.soroban_data.resource_fee = xdr.Int64(1)
    yield Case("sendTransaction", "too low a resource fee", hands.sent(signed(poor, stage.bert)))
    stranger = pausing(stage)
    stranger.signatures.clear()
    yield Case("sendTransaction", "without a signature", hands.sent(stranger))
    stranger.sign(stage.anna)
    yield Case("sendTransaction", "signed by another", hands.sent(stranger))
    stranger.sign(stage.bert)
    yield Case("sendTransaction", "signed by one too many", hands.sent(stranger))


def without_resources(stage: Stage) -> Iterator[Case]:
    hands = stage.hands
    bare = hands.call(stage.bert, stage.contract, "pause", ADDRESS(stage.bert.public_key))
    bare.sign(stage.bert)
    yield Case("sendTransaction", "without resources", hands.sent(bare))
    payment = hands.builder(stage.bert).append_bump_sequence_op(5).build()
    payment.sign(stage.bert)
    yield Case("sendTransaction", "a classic operation", hands.sent(payment))
    yield Case("simulateTransaction", "a classic operation", "error" in hands.simulated(payment))
    narrow = pausing(stage)
    narrow.transaction.soroban_data.resources.footprint.read_only = []
    narrow = signed(narrow, stage.bert)
    yield Case("sendTransaction", "too small a footprint", hands.settled(narrow))


def sending(stage: Stage) -> Iterator[Case]:
    hands, owner = stage.hands, ADDRESS(stage.bert.public_key)
    first = pausing(stage)
    second = pausing(stage, sequence=hands.sequence(stage.bert.public_key) + 2)
    yield Case("sendTransaction", "a good one", hands.sent(first))
    yield Case("sendTransaction", "the same again", hands.sent(first))
    yield Case("sendTransaction", "another of its source", hands.sent(second))
    yield Case("getTransaction", "before its ledger", hands.outcome(first.hash_hex()))
    stage.peer.close_ledger()
    yield Case("getTransaction", "in its ledger", hands.outcome(first.hash_hex()))
    yield Case("sendTransaction", "once more afterwards", hands.sent(first))
    # Prepared while it was paused, sent when it is not any more.
    stale = hands.prepared(stage.bert, hands.call(stage.bert, stage.contract, "unpause", owner))
    number = stale.transaction.sequence
    yield stage.do("unpausing", stage.bert, stage.contract, "unpause", owner)
    stale.transaction.sequence = number + 1
    stale = signed(stale, stage.bert)
    yield Case("sendTransaction", "a call that fails in its ledger", hands.settled(stale))
    call = (stage.contract, "pause", owner)
    absent = hands.call(stage.bert, *call)
    absent.transaction.source = type(absent.transaction.source)(stage.poor.public_key)
    absent.sign(stage.poor)
    asked = hands.call(stage.bert, *call).to_xdr()
    hands.assemble(absent, hands.raw("simulateTransaction", {"transaction": asked}))
    absent = signed(absent, stage.poor)
    yield Case("sendTransaction", "of an account that is not there", hands.sent(absent))


def lives(stage: Stage) -> Iterator[Case]:
    hands = stage.hands
    key = codec.data_key(stage.contract, investment_key(2))
    ledger = hands.raw("getLatestLedger", {})["sequence"]
    stage.peer.set_life(key, ledger + 1_000)
    yield Case(
        "sendTransaction", "extending a life", hands.settled(footprint(stage, stage.bert, [key], 20_000))
    )
    found = hands.entry(key)
    assert found is not None
    yield Case(
        "getLedgerEntries", "its new end", found["liveUntilLedgerSeq"] - found["lastModifiedLedgerSeq"]
    )
    less = hands.prepared(stage.bert, footprint(stage, stage.bert, [key], 10))
    yield Case("sendTransaction", "extending it by less", hands.settled(less))
    stage.peer.set_life(key, hands.raw("getLatestLedger", {})["sequence"] - 1)
    late = footprint(stage, stage.bert, [key], 20_000)
    yield Case("simulateTransaction", "extending what is archived", hands.simulated(late))
    yield Case("getLedgerEntries", "what is archived is still shown", hands.entry(key) is not None)
    back = hands.prepared(stage.bert, footprint(stage, stage.bert, [key], None))
    yield Case("sendTransaction", "restoring it", hands.settled(back))
    nothing = codec.data_key(stage.contract, investment_key(77))
    absent = footprint(stage, stage.bert, [nothing], None)
    yield Case("simulateTransaction", "restoring what never was", hands.simulated(absent))
    yield stage.look("the restored investment", key)
    yield stage.simulate("reading it afterwards", stage.anna, stage.contract, "get_investment", U32(2))


def footprint(stage: Stage, by: Keypair, keys: list[str], extend_to: int | None) -> Any:
    """An extension, or without a number a restoration, as it is simulated."""
    names = [xdr.LedgerKey.from_xdr(key) for key in keys]
    data, builder = SorobanDataBuilder(), stage.hands.builder(by)
    if extend_to is None:
        data.set_read_write(names)
        builder.append_restore_footprint_op()
    else:
        data.set_read_only(names)
        builder.append_extend_footprint_ttl_op(extend_to)
    return builder.set_soroban_data(data.build()).build()
