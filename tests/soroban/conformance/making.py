"""What a network says of itself, and how code and contracts come to be."""

from collections.abc import Iterator

from stellar_sdk import xdr

from devnet.soroban import codec, compiled, creating
from tests.soroban.conformance.stage import ADDRESS, STRING, U32, Case, Stage

NOWHERE = "CA3D5KRYM6CB7OWQ6TWYRR3Z4T7GNZLKERYNZGGA5SOAOPIFY6YQGAXE"
UNKNOWN = "ab" * 32


def network(stage: Stage) -> Iterator[Case]:
    raw = stage.hands.raw
    yield Case("getNetwork", "passphrase and protocol", raw("getNetwork", {}))
    health = raw("getHealth", {})
    yield Case("getHealth", "healthy, with its window", [health["status"], health["ledgerRetentionWindow"]])
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
    key = codec.account_key(stage.poor.public_key)
    yield Case("getLedgerEntries", "too many keys", raw("getLedgerEntries", {"keys": [key] * 201}))
    yield Case("getLedgerEntries", "an absent account", raw("getLedgerEntries", {"keys": [key]})["entries"])
    yield Case("getLedgerEntries", "no key at all", raw("getLedgerEntries", {"keys": ["AAAA!"]}))
    yield Case("getTransaction", "an unknown hash", stage.hands.outcome(UNKNOWN))
    yield Case("getTransaction", "no hash", raw("getTransaction", {"hash": "12"}))
    yield Case("JSON-RPC", "an unknown method", raw("getNothing", {}))
    yield Case("JSON-RPC", "parameters that are no object", raw("getHealth", [1]))
    yield Case("simulateTransaction", "no envelope", raw("simulateTransaction", {"transaction": "AAAA"}))
    yield Case("sendTransaction", "no envelope", raw("sendTransaction", {"transaction": "AAAA"}))


def making(stage: Stage) -> Iterator[Case]:
    hands = stage.hands
    for name in ("token", "investment"):
        code = compiled.code_of(name)
        for time in ("first", "second"):
            envelope = hands.builder(stage.admin).append_upload_contract_wasm_op(code).build()
            yield Case(
                "sendTransaction",
                f"{time} upload of the {name}",
                hands.settled(hands.prepared(stage.admin, envelope)),
            )
        yield stage.look(f"the code of the {name}", codec.code_key(compiled.hash_of(name)))
    broken = hands.builder(stage.admin).append_upload_contract_wasm_op(b"no wasm at all").build()
    yield Case("simulateTransaction", "code that is none", hands.simulated(broken))
    arguments = [ADDRESS(stage.admin.public_key), U32(7), STRING("USD Coin"), STRING("USDC")]
    envelope = stage.create(stage.admin, "token", 1, arguments)
    yield Case("simulateTransaction", "making a token", hands.simulated(envelope))
    stage.token = creating.contract_of(
        envelope.transaction.operations[0].host_function.create_contract_v2.contract_id_preimage
    )
    yield Case("sendTransaction", "making a token", hands.settled(hands.prepared(stage.admin, envelope)))
    again = stage.create(stage.admin, "token", 1, arguments)
    yield Case("simulateTransaction", "making the same again", hands.simulated(again))
    yield stage.look("the token's instance", codec.instance_key(stage.token))
    builder = hands.builder(stage.admin)
    builder.append_create_contract_op(b"\1" * 32, stage.admin.public_key, [], b"\2" * 32)
    yield Case("simulateTransaction", "making one of unknown code", hands.simulated(builder.build()))
    foreign = hands.builder(stage.anna)
    foreign.append_create_contract_op(
        compiled.hash_of("token"), stage.admin.public_key, arguments, b"\3" * 32
    )
    yield Case("simulateTransaction", "making one in another's name", hands.simulated(foreign.build()))
    yield stage.simulate(
        "a constructor called directly", stage.admin, stage.token, "__constructor", *arguments
    )
    stage.contract = stage.made(9)
    yield stage.look("the investment contract's instance", codec.instance_key(stage.contract))


def constructor(stage: Stage) -> Iterator[Case]:
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
        envelope = stage.investment(100 + number, **{name: value})
        yield Case("simulateTransaction", f"made with {name} {value}", stage.hands.simulated(envelope))


def views(stage: Stage) -> Iterator[Case]:
    for function in ("decimals", "name", "symbol"):
        yield stage.simulate(f"{function} of the token", stage.anna, stage.token, function)
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
        yield stage.simulate(function, stage.anna, stage.contract, function)
    yield stage.simulate(
        "a balance of nobody", stage.anna, stage.token, "balance", ADDRESS(stage.poor.public_key)
    )
    yield stage.simulate("an unknown function", stage.anna, stage.contract, "nothing")
    yield stage.simulate("an unknown contract", stage.anna, NOWHERE, "paused")
    for function in ("owner_of", "get_investment", "token_uri"):
        yield stage.simulate(f"{function} of no investment", stage.anna, stage.contract, function, U32(1))
