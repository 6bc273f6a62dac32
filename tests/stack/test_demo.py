"""`make demo` on a stack that runs already: in a clone with a long path, behind proxies that do not answer."""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from devnet import holders
from tests.stack.installation import Installation, cloned

POOL = 125_000_500_000
# Nobody listens on the discard port.
DEAD_PROXY = "http://127.0.0.1:9"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
SIZES = (1, 100, 199, 201, 1000)
PHASES = ("planning", "signing", "submitting", "settling")
BACKED = 5
# An instalment is 87.1354166; a twentieth of what was invested is in the reserve.
MISSING, INSTALMENT_UNITS = "37.1354166 USDC", 871_354_166
RESERVES = (
    r"^making two investment contracts on the local Stellar network$",
    r"^Demo Solar \w{4} C\w{55}: 1,000\.00 USDC invested 24 days ago, 1,000\.00 USDC added to its reserve$",
    r"^Demo Wind \w{4} C\w{55}: 1,000\.00 USDC invested 24 days ago, nothing added$",
    r"^manage\.py check_payment_availability --contract C\w{55} --contract C\w{55}$",
    r"^Demo Solar \w{4} has capacity to serve payments, as of ledger \d+$",
    rf"^BLOCKED: Demo Wind \w{{4}} requires adding {MISSING} to the reserve fund to ensure investor payments, "
    r"as of ledger \d+$",
    rf"^evidence: signed and sent, the contract answered in ledger \d+: {MISSING} missing$",
    r"^ +transaction [0-9a-f]{64}$",
    r"^Demo Wind \w{4} backs PDW5 0\.0\.\d+, payout contract 0\.0\.\d+$",
    rf"^HELD, nothing signed: Demo Wind \w{{4}} requires adding {MISSING} to the reserve fund to ensure",
    rf"^adding exactly {MISSING} to the reserve of Demo Wind \w{{4}}$",
    r"^the block has lifted by itself after [.\d]+ s: ",
    r"^ +[.\d]+ s  COMPLETED ",
    rf"^proved: {BACKED} of {BACKED} balances on chain equal the database",
    r"^evidence: signed and sent, the contract answered in ledger \d+: nothing missing$",
    r"^ +transaction [0-9a-f]{64}$",
    r"^mail of .* UTC: Demo Wind \w{4} is blocked$",
    r"^mail of .* UTC: Demo Wind \w{4} was released by paydate, because the reserve covers the next payments$",
)
Demo = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def clone() -> Iterator[Installation]:
    """Its path is longer than a socket path may be."""
    folder: Path = (
        settings.TEST_HOME / "a-clone-with-a-long-name" / "and-more-of-it" / ("deep-down/" * 3) / "paydate"
    )
    clone = cloned(folder, dict.fromkeys(PROXIES, DEAD_PROXY))
    try:
        started = clone.make("up")
        assert started.returncode == 0, started.stdout
        yield clone
    finally:
        clone.make("down")


def balances(clone: Installation, payout_contract: str, count: int) -> list[int]:
    """Read from the chain, past Paydate's own database and past the demo's own proof."""
    (token,) = clone.devnet.view(payout_contract, "getPaymentToken")
    return list(clone.devnet.balances(token, holders.addresses(count, seed=1)).values())


@pytest.fixture(scope="module")
def demos(clone: Installation) -> dict[int, Demo]:
    """One after another would mostly wait; the first one registers the wallet for all."""
    first, *others = SIZES
    with ThreadPoolExecutor(len(others)) as pool:
        done = [pay(clone, first), *pool.map(partial(pay, clone), others)]
    return dict(zip(SIZES, done, strict=True))


def pay(clone: Installation, count: int) -> Demo:
    return clone.make("demo", f"HOLDERS={count}")


@pytest.mark.parametrize("count", SIZES)
def test_the_demo_pays_proves_and_says_how_many_seconds_each_phase_took(
    clone: Installation, demos: dict[int, Demo], count: int
) -> None:
    demo = demos[count]
    assert demo.returncode == 0, demo.stdout
    assert f"proved: {count} of {count} balances on chain equal the database" in demo.stdout
    paid, dust = (int(units) for units in found(r"(\d+) paid \+ (\d+) dust", demo.stdout))
    assert paid + dust == POOL
    spans = [f"{name} {found(rf'{name} ([.0-9]+) s', demo.stdout)[0]} s" for name in PHASES]
    print(f"{count} holders:", ", ".join(spans))
    (contract,) = found(r"payout contract (0\.0\.\d+)", demo.stdout)
    on_chain = balances(clone, contract, count)
    assert sum(on_chain) == paid
    assert all(on_chain)


@pytest.mark.parametrize("count", SIZES)
def test_a_short_reserve_is_blocked_holds_a_payout_and_is_released_by_the_money(
    demos: dict[int, Demo], count: int
) -> None:
    lines = iter(demos[count].stdout.splitlines())
    for pattern in RESERVES:
        assert any(re.search(pattern, line) for line in lines), f"no {pattern} in:\n{demos[count].stdout}"


def test_the_contract_s_own_event_asks_for_the_check_that_releases_it(demos: dict[int, Demo]) -> None:
    """Of several demos: those of blocked contracts by the clock may be first once in a while."""
    said = "s: the contract's event CBUPDATED asked for the check\n"
    assert any(said in demo.stdout for demo in demos.values())


@pytest.mark.parametrize("count", SIZES)
def test_the_chain_says_of_that_story_what_the_demo_says(
    clone: Installation, demos: dict[int, Demo], count: int
) -> None:
    text = demos[count].stdout
    healthy, short = (found(rf"Demo {name} \w{{4}} (C\w{{55}}):", text)[0] for name in ("Solar", "Wind"))
    assert clone.devnet.investment(healthy)["balances"]["reserve"] == 10_500_000_000
    books = clone.devnet.investment(short)
    assert (books["balances"]["reserve"], books["required"]) == (INSTALMENT_UNITS, 0)
    (contract,) = found(r"backs PDW5 0\.0\.\d+, payout contract (0\.0\.\d+)", text)
    paid, dust = (int(units) for units in re.findall(r"(\d+) paid \+ (\d+) dust", text)[1])
    on_chain = balances(clone, contract, BACKED)
    assert (sum(on_chain), paid + dust) == (paid, 2_500_250_000)
    assert all(on_chain)


@pytest.mark.parametrize("count", SIZES)
def test_the_demo_prints_no_log_lines_and_a_log_in_for_the_admin(demos: dict[int, Demo], count: int) -> None:
    text = demos[count].stdout
    assert "[info" not in text
    assert re.search(r"log in as demo-\w+ with the password \S+", text)
    assert re.search(
        r"^block it again: +\S+ manage\.py devnet invest C\w{55} \d+ --days-ago 24$", text, re.MULTILINE
    )
    assert re.search(
        r"^contract blocked: +http://\S+/admin/contracts/contract/\d+/change/$", text, re.MULTILINE
    )
    assert "stop it with `make down`" in text


def found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    assert match is not None, f"no {pattern} in:\n{text}"
    return match.groups()


@pytest.mark.usefixtures("demos")
def test_the_doctor_finds_nothing_on_a_stack_that_has_paid(clone: Installation) -> None:
    report = clone.make("doctor", "SIGN=1")
    assert report.returncode == 0, report.stdout
    assert re.search(r"^\d+ ok$", report.stdout, re.MULTILINE), report.stdout
    assert "NOT sent" in " ".join(report.stdout.split())


def test_the_doctor_names_settings_that_are_refused(clone: Installation) -> None:
    report = clone.manage("doctor", BATCH_SIZE="0", HEDERA_NETWROK="testnet")
    assert report.returncode == 2
    assert "fix: did you mean HEDERA_NETWORK?" in report.stdout
    assert "Traceback" not in report.stdout


def test_the_demo_fails_when_one_balance_on_chain_is_not_what_the_database_says(clone: Installation) -> None:
    """Somebody else sends one unit to a holder while custody still waits for an approval."""
    richer = holders.addresses(3, seed=1)[1]
    clone.devnet.fault("custody.approval", {"mode": "pending"}, count=1)
    with clone.making("demo", "HOLDERS=3") as demo:
        contract = demo.until(r"payout contract (0\.0\.\d+)").group(1)
        (token,) = clone.devnet.view(contract, "getPaymentToken")
        clone.devnet.mint(token, richer, 1)
        demo.until(r"HELD .* 0/0 paid")
        clone.devnet.approve()
        assert demo.end() != 0
    assert "COMPLETED" in demo.text
    assert richer in demo.text
    assert "1 holders differ between the chain and the database" in demo.text
    assert "proved" not in demo.text


def test_the_demo_fails_when_the_chain_does_not_confirm_the_shortfall(clone: Installation) -> None:
    clone.devnet.fault("soroban.trap", {"phase": "execute", "code": 1}, count=1)
    demo = clone.make("demo", "HOLDERS=1")
    assert demo.returncode != 0
    assert f"requires adding {MISSING}" in demo.stdout
    assert "the signed check ended FAILED: INVOKE_HOST_FUNCTION_TRAPPED" in demo.stdout
    assert "evidence:" not in demo.stdout


def test_ctrl_c_of_a_demo_does_not_stop_a_stack_that_ran_before(clone: Installation) -> None:
    pids = clone.pids()
    with clone.making("demo", "HOLDERS=3") as demo:
        demo.until("^distribution ")
        demo.interrupt()
        assert demo.end() != 0
    assert "Traceback" not in demo.text
    assert "stopping" not in demo.text
    assert clone.pids() == pids


def test_a_second_up_finds_the_running_stack(clone: Installation) -> None:
    pids = clone.pids()
    again = clone.make("up")
    assert again.returncode == 0
    assert "starting" not in again.stdout
    assert clone.pids() == pids
    assert {"supervisor", "devnet", "web", "worker", "signer", "beat"} <= pids.keys()


def test_down_leaves_no_process_and_no_open_port(clone: Installation) -> None:
    assert clone.processes()
    stopped = clone.make("down")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert clone.processes() == []
    assert clone.open_ports() == []
    assert clone.make("down").stdout == "nothing was running\n"
