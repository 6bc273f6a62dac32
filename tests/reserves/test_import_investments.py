"""manage.py import_investments: all rows or none, and each bad one with its line and the fix."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from contracts import clock
from contracts.models import AuditEvent, Contract
from reserves.models import InvestmentBook, InvestmentEntry
from reserves.services.books import comparison_of, investments_of
from reserves.services.refreshing import refresh_book
from tests.factories.contracts import InvestmentContractFactory
from tests.world import World

TERMS = ("--rate", "600", "--months", "12", "--type", "coupon", "--block-days", "0")
DEPOSITED = 995_0000000
INTEREST = 4_9750000
START = 1_760_000_000


@pytest.fixture
def contract(world: World) -> Contract:
    """One whose storage is not that of an investment contract."""
    token = world.control.do_create_stellar_token()["contract"]
    made: Contract = InvestmentContractFactory(address=token, label="Solar")
    return made


def row(token_id: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "token_id": token_id,
        "deposited": DEPOSITED,
        "claimable_ts": START,
        "last_transfer_ts": 0,
        "payments_transferred": 0,
    } | more


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, [row()])


def written(folder: Path, rows: Any) -> Path:
    path = folder / "investments.json"
    path.write_text(json.dumps(rows, indent=1))
    return path


def run(contract: Contract | str, *words: object, terms: tuple[str, ...] = TERMS) -> str:
    out = StringIO()
    address = contract if isinstance(contract, str) else contract.address
    call_command("import_investments", address, *map(str, words), *terms, stdout=out)
    return out.getvalue()


def refused(contract: Contract | str, *words: object, terms: tuple[str, ...] = TERMS) -> list[str]:
    """What the command says; it has changed nothing."""
    before = list(InvestmentBook.objects.values()), list(InvestmentEntry.objects.values())
    with pytest.raises(CommandError) as caught:
        run(contract, *words, terms=terms)
    assert caught.value.returncode == 2
    assert (list(InvestmentBook.objects.values()), list(InvestmentEntry.objects.values())) == before
    return str(caught.value).splitlines()


def test_rows_are_kept_with_what_follows_from_the_terms(contract: Contract, tmp_path: Path) -> None:
    rows = [
        row(1, holder="GANNA"),
        row(2, last_transfer_ts=START + 5, payments_transferred=1, paid=str(INTEREST)),
        row(3, last_transfer_ts=START + 5, payments_transferred=12, status=5),
    ]

    out = run(contract, written(tmp_path, rows), "--reserve", 5_0000000, "--reason", "layout not known")

    assert out == f"Solar {contract.address}: 3 investments imported, the reserve has 5.00 USDC\n"
    book = InvestmentBook.objects.get(contract=contract)
    assert (book.source, book.problem, book.reserve_units, book.as_of_ledger) == (
        "IMPORT",
        "",
        5_0000000,
        None,
    )
    assert (book.rate_basis_points, book.return_months, book.return_type, book.claim_block_days) == (
        600,
        12,
        2,
        0,
    )
    first, second, third = investments_of(contract)
    assert (first.holder, first.regular_payment, first.total) == ("GANNA", INTEREST, DEPOSITED * 106 // 100)
    assert [one.status for one in (first, second, third)] == [2, 4, 5]
    assert [one.paid for one in (first, second, third)] == [0, INTEREST, 12 * INTEREST + DEPOSITED]
    (event,) = AuditEvent.objects.filter(what="import investments")
    assert (event.target, event.reason) == ("3 investments, reserve 50000000 units", "layout not known")
    assert event.by.endswith("(command)")
    comparison = comparison_of(contract, now=clock.now())
    assert comparison is not None and comparison.own_units > 0


def test_a_csv_file_is_the_same(contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "investments.csv"
    path.write_text(
        "token_id,holder,deposited,claimable_ts,last_transfer_ts,payments_transferred,paid\n"
        f"1,GANNA,{DEPOSITED},{START},0,0,\n"
        f"2,,{DEPOSITED},{START},{START},1,{INTEREST}\n"
    )

    run(contract, path, "--reserve", 0)

    assert [(one.token_id, one.holder, one.paid) for one in investments_of(contract)] == [
        (1, "GANNA", 0),
        (2, "", INTEREST),
    ]


def test_a_second_import_replaces_the_first(contract: Contract, tmp_path: Path) -> None:
    run(contract, written(tmp_path, [row(1), row(2)]), "--reserve", 1)
    run(contract, written(tmp_path, [row(2), row(3)]), "--reserve", 2)
    assert [one.token_id for one in investments_of(contract)] == [2, 3]
    assert InvestmentBook.objects.get().reserve_units == 2


def test_every_bad_row_is_named_with_its_line(contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "investments.json"
    rows = [
        row(1),
        row(1),
        row(2, deposited=1.5),
        row(3, paid=9),
        row(4, commission=7),
        {"token_id": 5},
        row(6, payments_transferred=13, last_transfer_ts=START),
    ]
    path.write_text("[\n" + ",\n".join(json.dumps(one) for one in rows) + "\n]\n")

    assert refused(contract, path, "--reserve", 0) == [
        "line 3: token_id 1 is in line 2 already: give it once",
        "line 4: deposited is '1.5': give a whole number, amounts in base units, times in Unix seconds",
        "line 5: paid is 9: 0 payments make 0; read all fields in one answer of the chain",
        "line 6: unknown: commission; there are token_id, deposited, claimable_ts, last_transfer_ts, "
        "payments_transferred, accumulated_interests, total, regular_payment, paid, status, holder",
        "line 7: missing: deposited, claimable_ts, last_transfer_ts, payments_transferred",
        "line 8: payments_transferred is 13: the terms allow 12; read the terms again",
    ]
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "", "line 1: [ is missing"),
        ("a.json", "{}", "line 1: [ is missing"),
        ("a.json", "[\n{} {}]", "line 2: , is missing"),
        ("a.json", "[\n\n{'a': 1}]", "line 3: no JSON: Expecting property name"),
        ("a.json", "[1]", "line 1: give an object"),
        ("a.json", "[]", "the file has no investment"),
        ("a.json", "[] []", "line 1: there is more after the list"),
        ("a.csv", "", "the file has no investment"),
        ("a.csv", "token_id\n1,2\n", "line 2: unknown: more columns than the header"),
        ("a.csv", 'token_id\n"1\n', "line 2: no CSV"),
        ("a.txt", "", "a.txt is neither .json nor .csv"),
    ],
)
def test_a_file_that_is_none_says_where(
    contract: Contract, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    (fault,) = refused(contract, tmp_path / name, "--reserve", 0)
    assert words in fault


def test_a_file_that_is_not_there_is_named(contract: Contract, tmp_path: Path) -> None:
    (fault,) = refused(contract, tmp_path / "none.json", "--reserve", 0)
    assert "none.json cannot be read" in fault
    (tmp_path / "latin.csv").write_bytes(b"token_id\n\xe4\n")
    assert "cannot be read as UTF-8" in refused(contract, tmp_path / "latin.csv", "--reserve", 0)[0]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (("--rate", "0", *TERMS[2:]), "rate_basis_points is 0"),
        ((*TERMS[:2], "--months", "-1", *TERMS[4:]), "return_months is -1"),
        ((*TERMS[:6], "--block-days", str(2**40)), "claim_block_days is"),
        (TERMS[:4], "missing: --type, --block-days"),
    ],
)
def test_bad_terms_are_refused(contract: Contract, file: Path, terms: tuple[str, ...], words: str) -> None:
    (fault,) = refused(contract, file, "--reserve", 0, terms=terms)
    assert words in fault


def test_a_reserve_no_contract_can_hold_is_refused(contract: Contract, file: Path) -> None:
    assert "reserve is" in refused(contract, file, "--reserve", 2**127)[0]


def test_an_unknown_contract_and_a_missing_file_are_refused(contract: Contract, file: Path) -> None:
    assert "no investment contract on stellar-local has the address CNOT" in refused("CNOT", file)[0]
    assert refused(contract) == ["missing: a file"]


def test_without_a_reserve_the_chain_is_asked(world: World, contract: Contract, file: Path) -> None:
    assert refused(contract, file) == [
        "the reserve could not be read, give it with --reserve UNITS: the contract's storage has another layout; "
        "missing, or no whole numbers: ContractBalances. Import its investments instead (code=UNKNOWN_LAYOUT)"
    ]
    address = world.control.do_create_investment()["contract"]
    world.control.do_set_investment_books(address, {"reserve": 77})
    readable: Contract = InvestmentContractFactory(address=address)

    run(readable, file)

    book = InvestmentBook.objects.get(contract=readable)
    assert (book.reserve_units, book.as_of_ledger) == (77, world.control.do_stellar_status()["ledger"])


def test_the_older_version_needs_holders_and_is_compared_by_address(
    contract: Contract, tmp_path: Path
) -> None:
    path = written(tmp_path, [row(1, holder="GANNA"), row(2, holder="  ")])
    (fault,) = refused(contract, path, "--reserve", 0, "--by-address")
    assert fault.endswith(
        "holder is empty: with --by-address each investment needs the address of its holder"
    )

    run(
        contract,
        written(tmp_path, [row(1, holder="GANNA"), row(2, holder="GANNA")]),
        "--reserve",
        0,
        "--by-address",
    )

    comparison = comparison_of(contract, now=clock.now())
    assert comparison is not None
    assert any("overwritten by another one of the same address" in reason for reason in comparison.reasons)
    assert comparison.contract_units == INTEREST
    assert (
        "holder has 65 characters"
        in refused(contract, written(tmp_path, [row(holder="G" * 65)]), "--reserve", 0)[0]
    )


def test_a_failing_reading_leaves_what_was_imported(world: World, contract: Contract, file: Path) -> None:
    run(contract, file, "--reserve", 5)
    before = InvestmentBook.objects.get()

    refresh_book(contract.pk)

    after = InvestmentBook.objects.get()
    assert (after.source, after.reserve_units, after.read_at) == ("IMPORT", 5, before.read_at)
    assert after.problem.startswith("the reserve of this imported book could not be read: ")
    assert len(investments_of(contract)) == 1


def test_a_good_reading_follows_the_reserve_and_keeps_the_imported_investments(
    world: World, file: Path
) -> None:
    address = world.control.do_create_investment()["contract"]
    world.control.do_invest(address, 1_000_0000000)
    made: Contract = InvestmentContractFactory(address=address)
    run(made, file, "--reserve", 5)
    before = InvestmentBook.objects.get()
    world.control.do_set_investment_books(address, {"reserve": 99})

    refresh_book(made.pk)

    after = InvestmentBook.objects.get()
    assert (after.source, after.reserve_units, after.problem) == ("IMPORT", 99, "")
    assert (after.read_at, after.as_of_ledger is not None) == (before.read_at, True)
    assert [one.claimable_ts for one in investments_of(made)] == [START]


def test_an_import_can_be_forgotten_for_the_chain(world: World, file: Path) -> None:
    address = world.control.do_create_investment()["contract"]
    made: Contract = InvestmentContractFactory(address=address)
    assert "nothing was imported" in refused(made, "--forget", terms=())[0]
    run(made, file, "--reserve", 5)

    out = run(made, "--forget", "--reason", "the layout is known now", terms=())

    assert out.endswith("the import is forgotten; the next refresh reads the chain\n")
    assert comparison_of(made, now=clock.now()) is None
    refresh_book(made.pk)
    assert (InvestmentBook.objects.get().source, investments_of(made)) == ("CHAIN", ())
    assert AuditEvent.objects.filter(what="forget imported investments").count() == 1
