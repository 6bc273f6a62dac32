"""Tables out of the figures: on the screen after a part, and in docs/benchmarks.md when all is measured."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.machine import ROOT
from bench.processes import OUTSIDE, PAYDATE

DOCS = ROOT / "docs" / "benchmarks.md"
BLOCK = re.compile(r"(<!-- figures: (?P<part>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MOST_TIME_RATIO, MOST_MEMORY_RATIO, MOST_MEMORY_MB = 12, 1.3, 300
LEAST_RATIO, LEAST_REQUESTS, LEAST_CHECKS, LEAST_EVENTS = 20, 810, 200, 5_000
MOST_START_SECONDS = 60
LARGEST_COSTS = 6
Row = tuple[str, ...]


def text(part: str, found: Mapping[str, Any]) -> str:
    return TABLES[part](found)


def write_docs(results: Path) -> None:
    """Renews each marked block whose part has figures; the words around them stay."""

    def renewed(block: re.Match[str]) -> str:
        file = results / f"{block['part']}.json"
        if not file.exists():
            return block[0]
        return f"{block[1]}{text(block['part'], json.loads(file.read_text()))}\n{block[3]}"

    DOCS.write_text(BLOCK.sub(renewed, DOCS.read_text()))


# --- the parts ---------------------------------------------------------------------------------------


def _zero(found: Mapping[str, Any]) -> str:
    runs = found["runs"]
    rows = [
        (
            _count(run["holders"]),
            _seconds(run["planning"]),
            _seconds(run["paying"]),
            f"{run['lines_per_second']:,.0f}",
            _seconds(run["total"]),
            f"{_peak(run):.0f} MB",
        )
        for run in runs
    ]
    head = ("holders", "planning", "paying", "lines/s while paying", "in all", "largest process")
    parts = [_origin(found, runs[0]), _table(head, rows)]
    if len(runs) == 2:
        parts.append(_growth(*runs))
    return "\n\n".join([*parts, _costs(runs[-1])])


def _growth(small: Mapping[str, Any], large: Mapping[str, Any]) -> str:
    time_ratio = large["total"] / small["total"]
    memory_ratio = max(large["peak_mb"][name] / small["peak_mb"][name] for name in PAYDATE)
    rows = [
        ("time in all", f"{time_ratio:.1f} times", f"at most {MOST_TIME_RATIO} times"),
        (
            "peak memory of any Paydate process",
            f"{memory_ratio:.2f} times",
            f"at most {MOST_MEMORY_RATIO} times",
        ),
        ("the largest", f"{_peak(large):.0f} MB", f"below {MOST_MEMORY_MB} MB"),
    ]
    return _table((f"from {_count(small['holders'])} to {_count(large['holders'])}", "measured", "aim"), rows)


def _costs(run: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{run['cpu'].get(name, 0):.1f} s", f"{per_batch:.1f} ms", f"{run['peak_mb'][name]:.0f} MB")
        for name, per_batch in run["cpu_ms_per_batch"].items()
        if name in (*PAYDATE, *OUTSIDE)
    ]
    total, per_batch = sum(run["cpu"].values()), sum(run["cpu_ms_per_batch"].values())
    rows.append(("together", f"{total:.1f} s", f"{per_batch:.1f} ms", ""))
    return _table((f"CPU for {_count(run['holders'])} holders", "in all", "per batch", "peak memory"), rows)


def _latency(found: Mapping[str, Any]) -> str:
    parallel, sequence = found["parallel"], found["sequence"]
    how = f"{sequence['batches']} of them measured, scaled" if found["is_scaled"] else "all measured"
    rows = [
        ("side by side", _count(parallel["batches"]), _seconds(parallel["paying"])),
        (f"one after another ({how})", _count(parallel["batches"]), _seconds(found["one_after_another"])),
        ("ratio", "", f"{found['ratio']} times (aim: at least {LEAST_RATIO})"),
    ]
    return "\n\n".join([_origin(found, found), _table(("paying", "batches", "seconds"), rows)])


def _budget(found: Mapping[str, Any]) -> str:
    rows = [
        ("requests a minute", f"{found['requests_per_minute']:.0f}", f"at least {LEAST_REQUESTS}"),
        ("most in any 60 s", _count(found["most_in_a_minute"]), "custody refuses the 1,001st"),
        ("answers 429", _count(found["refused"]), "0"),
        ("signatures that expired unsent", _count(found["expired_unsent"]), "0"),
    ]
    head = (f"over {found['minutes']:.1f} minutes, {_count(found['batches'])} batches", "measured", "aim")
    return "\n\n".join([_origin(found, found), _table(head, rows)])


def _due(found: Mapping[str, Any]) -> str:
    rows = [
        ("distributions due at once", _count(found["distributions"]), f"of {found['assets']} assets"),
        ("the first has left PENDING after", _seconds(found["first_after"]), ""),
        ("the last", _seconds(found["last_after"]), f"at most {MOST_START_SECONDS} s"),
        ("between them", f"{found['per_second']:,.0f} in a second", ""),
        ("all but the broken one are paid after", _seconds(found["all_paid_after"]), ""),
        ("the broken one", found["broken"].replace("|", "/"), ""),
    ]
    return "\n\n".join([_origin(found, found), _table(("", "measured", "aim"), rows)])


def _checks(found: Mapping[str, Any]) -> str:
    parts = [_origin(found, found), _speed(found), _check_costs(found)]
    return "\n\n".join([*parts, _signed(found["submitted"]), _selected(found["selection"])])


def _speed(found: Mapping[str, Any]) -> str:
    zero, latency, one = found["zero"], found["latency"], found["sequence"]
    rows = [
        ("no latency", *_pace(zero), f"at least {LEAST_CHECKS}"),
        ("200 ms", *_pace(latency), ""),
        (f"200 ms, one at a time ({one['checks']} measured)", "", f"{one['per_second']:.1f}", "", "", ""),
        ("ratio", "", f"{found['ratio']} times", "", "", f"at least {LEAST_RATIO} times"),
    ]
    return _table(("simulated", "checks", "checks/s", "median", "95 of 100 below", "aim"), rows)


def _pace(round: Mapping[str, Any]) -> Row:
    return (
        _count(round["checks"]),
        f"{round['per_second']:,.0f}",
        f"{round['p50_ms']:.0f} ms",
        f"{round['p95_ms']:.0f} ms",
    )


def _check_costs(found: Mapping[str, Any]) -> str:
    zero, latency = found["zero"]["cpu_ms_per_check"], found["latency"]["cpu_ms_per_check"]
    rows = [
        (name, f"{zero[name]:.1f} ms", f"{latency[name]:.1f} ms", f"{found['peak_mb'][name]:.0f} MB")
        for name in (*PAYDATE, *OUTSIDE)
    ]
    rows.append(("together", f"{sum(zero.values()):.1f} ms", f"{sum(latency.values()):.1f} ms", ""))
    return _table(("CPU per check", "no latency", "200 ms", "peak memory"), rows)


def _signed(run: Mapping[str, Any]) -> str:
    rows = [
        ("checks in one ledger, at most", _count(run["most_in_a_ledger"]), "1, whatever the machine"),
        ("checks per ledger", f"{run['per_ledger']}", "1"),
        ("checks a minute", f"{run['per_minute']}", "12: a ledger takes 5 s"),
    ]
    return _table((f"signed, {run['checks']} contracts of one source account", "measured", "bound"), rows)


def _selected(run: Mapping[str, Any]) -> str:
    command, answered = run["command"], run["answered"]
    rows = [
        ("`manage.py check_payment_availability`, its start included", _seconds(command["seconds"])),
        ("its most memory", f"{command['peak_mb']:.0f} MB"),
        ("the tick: selected, written", _seconds(run["written"])),
        ("the tick: committed, rung", _seconds(run["rung"])),
        ("all answered, no latency", f"{_seconds(answered['seconds'])}, {answered['per_second']:.0f}/s"),
    ]
    return _table((f"asking for {_count(run['contracts'])} contracts", "measured"), rows)


def _planning(found: Mapping[str, Any]) -> str:
    rows = [(name, f"{seconds:.1f} s") for name, seconds in found["cpu"].items()]
    head = (f"{_count(found['holders'])} holders planned in {found['planning']} s", "CPU")
    return "\n\n".join([_origin(found, found), _table(head, rows)])


def _profile(found: Mapping[str, Any]) -> str:
    return _sampled(found, "worker", "signer")


def _checks_profile(found: Mapping[str, Any]) -> str:
    return _sampled(found, "worker", "devnet")


def _sampled(found: Mapping[str, Any], *processes: str) -> str:
    parts = [_origin(found, found)]
    for process in processes:
        seen = found["processes"][process]
        pairs = list(zip(seen["functions"].items(), seen["libraries"].items(), strict=False))[:LARGEST_COSTS]
        rows = [(f"`{name}`", f"{share} %", library, f"{part} %") for (name, share), (library, part) in pairs]
        head = (f"{process}, {seen['cpu_seconds']} s of CPU", "share", "by library", "share")
        parts.append(_table(head, rows))
    return "\n\n".join(parts)


MIXES = {
    "payouts": "results of payouts, 100 holders each",
    "small": "results of payouts, one holder each",
    "transfers": "transfers of an asset",
    "unknown": "unknown events, stored raw",
}
READING = ("reader", "postgres", "redis", "mirror")


def _events(found: Mapping[str, Any]) -> str:
    mixes = found["mixes"]
    rows = [
        (
            MIXES[name],
            _count(round(mix["events"])),
            f"{mix['events_per_second']:,.0f}",
            f"{mix['lines_per_second']:,.0f}" if mix["lines"] else "",
            f"{mix['peak_mb']:.0f} MB",
            f"at least {_count(LEAST_EVENTS)}" if name != "payouts" else "",
        )
        for name, mix in mixes.items()
    ]
    head = ("ten at a time, 100 a page", "events", "events/s", "lines/s", "peak memory", "aim")
    return "\n\n".join([_origin(found, found), _table(head, rows), _event_costs(mixes)])


def _event_costs(mixes: Mapping[str, Any]) -> str:
    costs = {name: mix["cpu_us_per_event"] for name, mix in mixes.items()}
    rows = [(one, *(f"{cost[one]:,.0f} µs" for cost in costs.values())) for one in READING]
    rows.append(("together", *(f"{sum(cost.values()):,.0f} µs" for cost in costs.values())))
    return _table(("CPU per event", *costs), rows)


def _events_profile(found: Mapping[str, Any]) -> str:
    return _sampled(found, *MIXES)


def _holders(found: Mapping[str, Any]) -> str:
    small, large = found["runs"]
    rows = [
        (
            _count(run["holders"]),
            _seconds(run["seconds"]),
            f"{run['holders_per_second']:,.0f}",
            f"{run['start_mb']:.0f} MB",
            f"{run['peak_mb']:.0f} MB",
        )
        for run in (small, large)
    ]
    ratio = f"{large['peak_mb'] / small['peak_mb']:.2f} times (aim: at most {MOST_MEMORY_RATIO})"
    rows.append(("ratio", "", "", "", ratio))
    costs = [
        (one, *(f"{run['cpu_us_per_holder'][one]:,.0f} µs" for run in (small, large))) for one in READING
    ]
    parts = [_table(("holders", "read in", "holders/s", "memory before", "peak memory"), rows)]
    parts.append(_table(("CPU per holder", _count(small["holders"]), _count(large["holders"])), costs))
    return "\n\n".join([_origin(found, found), *parts])


TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "zero": _zero,
    "latency": _latency,
    "budget": _budget,
    "planning": _planning,
    "profile": _profile,
    "due": _due,
    "checks": _checks,
    "checks_profile": _checks_profile,
    "events": _events,
    "events_profile": _events_profile,
    "holders": _holders,
}

# --- how they look -----------------------------------------------------------------------------------


def _origin(found: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    machine = run["machine"]
    chosen = ", ".join(f"`{name}={value}`" for name, value in run.get("settings", {}).items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}, PostgreSQL {machine['postgresql']}; commit {machine['commit']}, {found['at']}"
        + (f"; with {chosen}" if chosen else "")
        + "."
    )


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _peak(run: Mapping[str, Any]) -> float:
    return max(float(run["peak_mb"][name]) for name in PAYDATE)


def _count(number: int) -> str:
    return f"{number:,}"


def _seconds(number: float) -> str:
    return f"{number:,.1f} s"
