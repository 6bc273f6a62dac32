"""One fresh stack for one measurement: real processes in a folder of their own, driven from outside."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.machine import ROOT, describe
from devnet.services.stack import Stack

HOME = ROOT / ".local" / "bench"
# The log of a hundred thousand payments is itself a load; warnings are kept.
QUIET = {"LOG_LEVEL": "WARNING"}
REGISTER = (
    "from devnet.client import DevnetClient; from django.core.management import call_command;"
    "devnet = DevnetClient.of(); wallet = {wallet}; devnet.close_block();"
    "call_command('add_wallet', wallet['wallet_id'], account=wallet['account'], label='bench')"
)
PAYER, SOURCE = "devnet.wallet(hbar=10_000_000)", "devnet.stellar_wallet()"


def measure(
    part: str,
    options: Mapping[str, Any],
    settings: Mapping[str, str],
    *,
    wallet: str = PAYER,
    copies: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """What `bench.driver` reports of this part, on a stack with these settings, this wallet, and so many processes."""
    home = HOME / part
    shutil.rmtree(home, ignore_errors=True)
    with _running(home, settings, copies) as stack:
        machine = describe(stack.services["DATABASE_URL"].url)
        _register_wallet(wallet)
        report = _drive(home, part, options)
    shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(report), file=sys.stderr, flush=True)
    return {"machine": machine, "settings": dict(settings), "copies": dict(copies or {}), **report}


@contextmanager
def _running(home: Path, settings: Mapping[str, str], copies: Mapping[str, int] | None) -> Iterator[Stack]:
    """The processes read this process's environment; nothing of an outer Paydate leaks in."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("PAYDATE_", "DATABASE_", "REDIS_"))]:
        del os.environ[name]
    os.environ.update(
        {"DJANGO_SETTINGS_MODULE": "config.development", "PAYDATE_HOME": str(home), **QUIET, **settings}
    )
    stack = Stack(home)
    try:
        stack.up(copies)
        yield stack
    finally:
        stack.down()
        os.environ.clear()
        os.environ.update(before)


def _register_wallet(wallet: str) -> None:
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", REGISTER.format(wallet=wallet)]
    subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PAYDATE_PROCESS": "signer"}, stdout=sys.stderr, check=True
    )


def _drive(home: Path, part: str, options: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.driver", part, json.dumps(options)]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, check=True, text=True
    )
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
