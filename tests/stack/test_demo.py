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
def test_the_demo_prints_no_log_lines_and_a_log_in_for_the_admin(demos: dict[int, Demo], count: int) -> None:
    text = demos[count].stdout
    assert "[info" not in text
    assert re.search(r"log in as demo-\w+ with the password \S+", text)
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
