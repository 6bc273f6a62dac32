"""Call data, logs and errors of the contracts, against the tables published for them."""

from typing import Any

import pytest
from eth_abi.abi import encode as encode_abi
from hypothesis import given
from hypothesis import strategies as st

from contracts.abi import Interface, interface
from tests.contracts.published import SELECTORS, TOPICS

LCCF = interface("lccf", "1.1")
ALICE, BOB = "0x" + "a1" * 20, "0x" + "b2" * 20
PAYOUT = "0x88ad01da1e5558735d5b478c04a0f1667377fb68a98cb0278159d0b790f08c10"

ERRORS: dict[str, tuple[list[str], list[Any], str]] = {
    "6f79c78a": (["address"], [ALICE], f"{ALICE} is not the asset of this payout contract"),
    "094c9a35": (
        ["uint256", "uint256"],
        [1_800_000_000, 1_799_999_999],
        "the payment date has not come: "
        "payable from 2027-01-15 08:00:00 UTC, asked at 2027-01-15 07:59:59 UTC",
    ),
    "f64198d3": ([], [], "the payout contract could not be associated with the payment token"),
    "8210f163": (["address", "uint256"], [BOB, 7], f"the transfer of 7 base units to {BOB} failed"),
    "74e0caad": (["uint256"], [5], "Contract has insufficient payment token balance for 5 base units"),
    "aa318673": (["uint256"], [10_001], "the percentage 10001 is above 10000 (100.00 %)"),
    "4e34486d": (["address"], [BOB], f"{BOB} cannot be the payment token"),
    "26330138": ([], [], "the payout contract is paused"),
    "d9406f72": ([], [], "the payout contract is not paused"),
    "a1180aad": (
        ["address", "bytes32"],
        [ALICE, bytes.fromhex(PAYOUT[2:])],
        "the wallet lacks the role PAYOUT on the payout contract",
    ),
    "a6006e94": (["bytes32", "address"], [bytes(32), BOB], f"{BOB} has the role DEFAULT_ADMIN already"),
    "3ad9a7ae": (["bytes32", "address"], [b"\7" * 32, BOB], f"{BOB} does not have the role 0x{'07' * 32}"),
}


@pytest.mark.parametrize(("function", "selector"), SELECTORS["LifeCycleCashFlow"].items())
def test_selectors_are_those_of_the_deployed_contract(function: str, selector: str) -> None:
    assert LCCF.selector(function).hex() == selector


@pytest.mark.parametrize(("event", "topic"), TOPICS.items())
def test_topics_are_those_of_the_deployed_contract(event: str, topic: str) -> None:
    assert LCCF.topic0(event) == f"0x{topic}"


@pytest.mark.parametrize("selector", ERRORS)
def test_errors_of_the_deployed_contract_are_told_in_words(selector: str) -> None:
    types, values, text = ERRORS[selector]
    error = LCCF.decode_error(bytes.fromhex(selector) + encode_abi(types, values))
    assert error is not None
    assert error.text == text


@pytest.mark.parametrize(
    ("version", "function", "selector"),
    [
        ("7", "takeSnapshot", "b3d3d37e"),
        ("7", "balancesOfAtSnapshot", "e956875c"),
        ("7", "getTokenHoldersAtSnapshot", "d22a73df"),
        ("8", "totalSupplyAtSnapshot", "da35f8f6"),
        ("8", "getDividendsCount", "9e676952"),
        ("8", "getCouponCount", "468bb240"),
    ],
)
def test_selectors_of_the_asset_token(version: str, function: str, selector: str) -> None:
    assert interface("ats", version).selector(function).hex() == selector


def test_a_payout_call_is_encoded_word_by_word() -> None:
    data = LCCF.encode("executeAmountSnapshotByAddresses", [ALICE, 3, [BOB.upper().replace("0X", "0x")], 5])
    words = [data[4:][start : start + 32].hex().lstrip("0") for start in range(0, len(data) - 4, 32)]
    assert data[:4].hex() == "4e176347"
    assert words == ["a1" * 20, "3", "80", "5", "1", "b2" * 20]


def test_a_list_of_structs_is_taken_as_sequences_or_by_name() -> None:
    by_place = LCCF.encode("initialize", [ALICE, BOB, [(PAYOUT, [ALICE])]])
    by_name = LCCF.encode("initialize", [ALICE, BOB, [{"members": [ALICE], "role": PAYOUT}]])
    types = ["address", "address", "(bytes32,address[])[]"]
    assert by_place == by_name
    assert by_place[4:] == encode_abi(types, [ALICE, BOB, [(bytes.fromhex(PAYOUT[2:]), [ALICE])]])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("transferPaymentToken", [ALICE]),
        ("transferPaymentToken", [ALICE, 1.0]),
        ("transferPaymentToken", [ALICE, True]),
        ("transferPaymentToken", [ALICE, -1]),
        ("transferPaymentToken", [ALICE, 2**256]),
        ("transferPaymentToken", [ALICE, "1"]),
        ("transferPaymentToken", ["0.0.5", 1]),
        ("transferPaymentToken", [ALICE + "\n", 1]),
        ("transferPaymentToken", [ALICE[:-2], 1]),
        ("hasRole", ["0x01", ALICE]),
        ("hasRole", [b"\1" * 31, ALICE]),
        ("hasRole", ["PAYOUT", ALICE]),
        ("executeBondCashOutByAddresses", [ALICE, BOB]),
        ("initialize", [ALICE, BOB, [{"role": PAYOUT}]]),
        ("initialize", [ALICE, BOB, [(PAYOUT,)]]),
    ],
)
def test_what_does_not_fit_is_refused_and_never_padded(function: str, args: list[Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        LCCF.encode(function, args)


def test_nested_structs_come_out_as_tuples() -> None:
    ats = interface("ats", "8")
    data = encode_abi(
        ["((uint256,uint256,uint256,uint8),uint256)", "bool"], [((10, 20, 10**30, 6), 4), False]
    )
    assert ats.decode_output("getDividend", data) == (((10, 20, 10**30, 6), 4), False)


def test_an_answer_cut_short_or_with_dirty_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        LCCF.decode_output("getPaymentToken", b"\0" * 31)
    with pytest.raises(ValueError, match="do not fit"):
        LCCF.decode_output("isPaused", b"\0" * 31 + b"\2")
    with pytest.raises(ValueError, match="do not fit"):
        LCCF.decode_output("getPaymentToken", b"\1" * 32)


def test_a_log_without_indexed_arguments_is_read() -> None:
    values = [9, [ALICE, BOB], 100, [BOB], [ALICE], [50]]
    data = encode_abi(["uint256", "address[]", "uint256", "address[]", "address[]", "uint256[]"], values)
    event = LCCF.decode_log([LCCF.topic0("AmountSnapshotByAddressesExecuted")], data)
    assert event is not None
    assert event.name == "AmountSnapshotByAddressesExecuted"
    assert event.args == {
        "snapshotID": 9,
        "holders": (ALICE, BOB),
        "amount": 100,
        "failed": (BOB,),
        "succeeded": (ALICE,),
        "paidAmount": (50,),
    }


def test_indexed_arguments_come_from_the_topics() -> None:
    topics: list[str | bytes] = [
        LCCF.topic0("RoleGranted"),
        "0x" + "00" * 12 + ALICE[2:],
        bytes(12) + b"\xb2" * 20,
        PAYOUT,
    ]
    event = LCCF.decode_log(topics, b"")
    assert event is not None
    assert event.args == {"operator": ALICE, "account": BOB, "role": PAYOUT}


def test_of_an_indexed_text_only_the_hash_is_known() -> None:
    told = Interface(
        [{"type": "event", "name": "Told", "inputs": [{"name": "word", "type": "string", "indexed": True}]}]
    )
    event = told.decode_log([told.topic0("Told"), "0x" + "5c" * 32], b"")
    assert event is not None
    assert event.args == {"word": "0x" + "5c" * 32}


def test_a_foreign_event_is_nothing_and_a_malformed_one_of_ours_is_an_error() -> None:
    assert LCCF.decode_log(["0x" + "11" * 32], b"") is None
    assert LCCF.decode_log([], b"") is None
    with pytest.raises(ValueError, match="indexed"):
        LCCF.decode_log([LCCF.topic0("PaymentTokenTransferred"), "0x" + "11" * 32], b"")
    with pytest.raises(ValueError, match="do not fit"):
        LCCF.decode_log([LCCF.topic0("PaymentTokenTransferred")], b"\1")


@pytest.mark.parametrize(
    ("data", "name", "text"),
    [
        ("08c379a0" + encode_abi(["string"], ["not today"]).hex(), "Error", "not today"),
        ("08c379a0" + encode_abi(["string"], [""]).hex(), "Error", "the contract refused without a reason"),
        (
            "4e487b71" + encode_abi(["uint256"], [0x12]).hex(),
            "Panic",
            "the contract stopped: a division by zero",
        ),
        (
            "4e487b71" + encode_abi(["uint256"], [0x99]).hex(),
            "Panic",
            "the contract stopped: panic code 0x99",
        ),
        ("deadbeef01", "0xdeadbeef", "the contract failed with the unknown error 0xdeadbeef"),
        ("a1180aad01", "0xa1180aad", "the contract failed with the unknown error 0xa1180aad"),
        ("01", "0x01", "the contract failed with the unknown error 0x01"),
    ],
)
def test_standard_and_unknown_errors(data: str, name: str, text: str) -> None:
    error = LCCF.decode_error(bytes.fromhex(data))
    assert error is not None
    assert (error.name, error.text) == (name, text)


def test_an_error_the_payment_token_passed_through_is_told_too() -> None:
    data = bytes.fromhex("e450d38c") + encode_abi(["address", "uint256", "uint256"], [ALICE, 1, 2])
    error = LCCF.decode_error(data)
    assert error is not None
    assert (error.name, error.text) == ("ERC20InsufficientBalance", f"{ALICE} has 1 base units and needs 2")


def test_no_revert_data_is_no_error() -> None:
    assert LCCF.decode_error(b"") is None


def test_an_overloaded_name_is_called_by_its_signature_only() -> None:
    one, two = (
        {"type": "function", "name": "f", "inputs": [{"type": kind}]} for kind in ("uint256", "address")
    )
    overloaded = Interface([one, two])
    assert overloaded.selector("f(address)") != overloaded.selector("f(uint256)")
    with pytest.raises(KeyError):
        overloaded.selector("f")


def test_an_unknown_interface_is_an_error() -> None:
    with pytest.raises(LookupError):
        interface("lccf", "9")


ECHO = Interface(
    [
        {
            "type": "function",
            "name": "echo",
            "inputs": (
                shape := [
                    {"name": "amount", "type": "uint256"},
                    {"name": "change", "type": "int128"},
                    {"name": "holders", "type": "address[]"},
                    {"name": "key", "type": "bytes32"},
                    {"name": "blob", "type": "bytes"},
                    {"name": "word", "type": "string"},
                    {
                        "name": "rows",
                        "type": "tuple[2][]",
                        "components": [
                            {"name": "ok", "type": "bool"},
                            {"name": "units", "type": "uint256[]"},
                        ],
                    },
                ]
            ),
            "outputs": shape,
        }
    ]
)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
units = st.integers(0, 2**256 - 1)
rows = st.tuples(st.booleans(), st.lists(units, max_size=3).map(tuple))
ECHO_ARGS = st.tuples(
    units,
    st.integers(-(2**127), 2**127 - 1),
    st.lists(addresses, max_size=5).map(tuple),
    st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
    st.binary(max_size=70).map(lambda raw: "0x" + raw.hex()),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(st.tuples(rows, rows), max_size=3).map(tuple),
)


@given(ECHO_ARGS)
def test_what_goes_in_comes_out(args: tuple[Any, ...]) -> None:
    assert ECHO.decode_output("echo", ECHO.encode("echo", args)[4:]) == args
