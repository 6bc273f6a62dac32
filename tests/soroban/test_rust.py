"""Tests in Rust: the contracts' own, with random histories and what calls cost, and those of the host."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "contracts" / "sources" / "soroban"
TARGET = ROOT / ".local" / "cargo" / "contracts"
HOST = ROOT / "devnet" / "soroban-host"
# What `make soroban-host` has compiled is not compiled again.
HOST_TARGET = ROOT / ".local" / "cargo" / "soroban-host"
OLDEST = (1, 91)


def test_the_contracts_pass_their_own_tests() -> None:
    cargo = _cargo()
    subprocess.run([sys.executable, SOURCES / "crates.py", SOURCES], check=True)
    command = [cargo, "test", "--locked", "--no-fail-fast", "--target-dir", str(TARGET), "--", "--nocapture"]
    run = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    budget = [line for line in run.stdout.splitlines() if line.startswith("budget: ")]
    print("\n".join(budget))
    assert any("1000 investments" in line for line in budget)


@pytest.mark.skipif(
    not HOST_TARGET.exists(),
    reason="the real Soroban host is not built here: make soroban-host (needs cargo)",
)
def test_the_host_passes_its_own_tests() -> None:
    command = [_cargo(), "test", "--release", "--locked", "--target-dir", str(HOST_TARGET)]
    run = subprocess.run(command, cwd=HOST, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    assert "test result: ok." in run.stdout


def _cargo() -> str:
    cargo, rustc = shutil.which("cargo"), shutil.which("rustc")
    if not cargo or not rustc:
        pytest.skip("there is no cargo: the contracts' tests in Rust need Rust 1.91 or newer")
    said = subprocess.run([rustc, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"rustc (\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        pytest.skip(f"{said.strip()} is too old: the contracts' tests in Rust need Rust 1.91 or newer")
    return cargo
