"""`make bench`: how fast a payout runs, and on what it spends its time. One fresh local stack for each measurement.

Parts: `zero` pays n and 10 n holders with no latency anywhere; `latency` puts 200 ms on every call and compares
with the same batches one after another; `budget` watches custody's rate for five minutes; `planning` stops when
the plan is closed; `profile` pays n holders with a sampler in worker and signer; `pool` compares Celery's pools;
`checks` is about reserves: how many are checked in a second, and how long it takes to ask for all; `checks_profile`
has the sampler in the worker and the local network meanwhile. `due` starts a thousand distributions of a hundred
assets at the same moment, one of them broken. `events` reads events from an instant mirror, and
`events_profile` has the sampler in the reader; `holders` reads an asset with n and 10 n holders from one.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import events as following
from bench import pool, profiles, report
from bench.local import HOME, SOURCE, measure
from bench.machine import ROOT

USUAL = ("zero", "latency", "budget", "due", "checks", "events", "holders")
FULL_HOLDERS, SMALL_HOLDERS = 10_000, 1_000
FULL_SEQUENCE, SMALL_SEQUENCE = 100, 5
GROWTH = 10
# Enough batches for five minutes at five signatures a second, with a few holders each to keep the rest small.
BUDGET = {"CUSTODY_REQUESTS_PER_MINUTE": "900", "BATCH_SIZE": "10"}
FULL_BUDGET_HOLDERS, SMALL_BUDGET_HOLDERS = 16_000, 4_000
FOLDED = HOME / "folded"
# A process of Python uses one core; an operator with two gives them to two workers.
ONE_A_CORE = {"worker": 2}
# The other ticks of beat would ask for checks, too.
SIMULATE = {"RESERVE_CHECK_MODE": "simulate", "PAYMENT_AVAILABILITY_CRON": "0 0 0 1 1 *"}
FULL_CHECKS = {"contracts": 2_000, "rounds": 3, "sample": 100, "selected": 10_000, "signed": 13}
SMALL_CHECKS = {"contracts": 500, "rounds": 3, "sample": 20, "selected": 1_000, "signed": 4}
FULL_DUE, SMALL_DUE = {"assets": 100, "each": 10}, {"assets": 10, "each": 10}
PROFILED_CHECKS = {"contracts": 1_000, "rounds": 3, "sample": 0, "selected": 0, "signed": 0}


def zero(options: argparse.Namespace) -> dict[str, Any]:
    sizes = [options.holders, options.holders * GROWTH]
    runs = [measure("zero", {"holders": holders}, options.settings) for holders in sizes[: options.sizes]]
    return {"runs": runs}


def latency(options: argparse.Namespace) -> dict[str, Any]:
    turns = SMALL_SEQUENCE if options.small else FULL_SEQUENCE
    return measure("latency", {"holders": options.holders, "in_sequence": turns}, options.settings)


def budget(options: argparse.Namespace) -> dict[str, Any]:
    holders = SMALL_BUDGET_HOLDERS if options.small else FULL_BUDGET_HOLDERS
    return measure("budget", {"holders": holders}, BUDGET | options.settings)


def planning(options: argparse.Namespace) -> dict[str, Any]:
    return measure("planning", {"holders": options.holders}, options.settings)


def profile(options: argparse.Namespace) -> dict[str, Any]:
    """Slower than `zero` by what the sampler takes, so its times are not quoted."""
    run = measure("zero", {"holders": options.holders}, _sampler() | options.settings)
    return {"holders": options.holders, "machine": run["machine"], "processes": profiles.summary(FOLDED)}


def due(options: argparse.Namespace) -> dict[str, Any]:
    return measure("due", SMALL_DUE if options.small else FULL_DUE, options.settings)


def checks(options: argparse.Namespace) -> dict[str, Any]:
    wanted = SMALL_CHECKS if options.small else FULL_CHECKS
    return measure("checks", wanted, SIMULATE | options.settings, wallet=SOURCE, copies=ONE_A_CORE)


def checks_profile(options: argparse.Namespace) -> dict[str, Any]:
    run = measure("checks", PROFILED_CHECKS, SIMULATE | _sampler() | options.settings, wallet=SOURCE)
    return {"machine": run["machine"], "processes": profiles.summary(FOLDED)}


def events(options: argparse.Namespace) -> dict[str, Any]:
    return following.events(HOME / "events", _events(options))


def events_profile(options: argparse.Namespace) -> dict[str, Any]:
    """Slower than `events` by what sampling takes, so its times are not quoted."""
    shutil.rmtree(FOLDED, ignore_errors=True)
    run = following.events(HOME / "events", _events(options), rounds=1, profile=str(FOLDED))
    return {"machine": run["machine"], "processes": profiles.summary(FOLDED)}


def holders(options: argparse.Namespace) -> dict[str, Any]:
    sizes = following.SMALL_HOLDERS if options.small else following.FULL_HOLDERS
    return following.holders(HOME / "holders", sizes)


def _events(options: argparse.Namespace) -> int:
    return following.SMALL_EVENTS if options.small else following.FULL_EVENTS


def _sampler() -> dict[str, str]:
    shutil.rmtree(FOLDED, ignore_errors=True)
    return {"BENCH_PROFILE": str(FOLDED), "PYTHONPATH": str(ROOT / "bench" / "profiler")}


PARTS: Mapping[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "planning": planning,
    "zero": zero,
    "latency": latency,
    "budget": budget,
    "profile": profile,
    "due": due,
    "checks": checks,
    "checks_profile": checks_profile,
    "events": events,
    "events_profile": events_profile,
    "holders": holders,
}


def main() -> None:
    options = _arguments()
    for part in options.only:
        if part == "pool":
            pool.main()
            continue
        print(f"--- {part}", file=sys.stderr, flush=True)
        found = {"part": part, "at": f"{datetime.now(UTC):%Y-%m-%d}", **PARTS[part](options)}
        (options.results / f"{part}.json").write_text(json.dumps(found, indent=1) + "\n")
        print(report.text(part, found), flush=True)
    if options.docs:
        report.write_docs(options.results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.payouts", description=__doc__)
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=list(USUAL), help="parts, by commas"
    )
    parser.add_argument("--holders", type=int, help=f"n (default {FULL_HOLDERS}, small {SMALL_HOLDERS})")
    parser.add_argument("--sizes", type=int, choices=(1, 2), default=2, help="zero: only n, or 10 n, too")
    parser.add_argument("--small", action="store_true", help="a quick look; its figures never go to the docs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the stack"
    )
    parser.add_argument("--results", type=Path, help="folder of the JSON (default bench/results)")
    options = parser.parse_args()
    unknown = [part for part in options.only if part not in (*PARTS, "pool")]
    if unknown:
        parser.error(f"no part named {', '.join(unknown)}; there are {', '.join(PARTS)} and pool")
    options.settings = dict(pair.split("=", 1) for pair in options.set)
    options.docs = not (options.small or options.holders or options.set or options.results)
    options.holders = options.holders or (SMALL_HOLDERS if options.small else FULL_HOLDERS)
    options.results = options.results or (ROOT / "bench" / "results" if options.docs else HOME / "results")
    options.results.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    return options


if __name__ == "__main__":
    main()
