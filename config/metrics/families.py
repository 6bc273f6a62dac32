"""Every metric by name: its kind, its labels and what it says. docs/metrics.md shows this table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isinf
from typing import Literal

from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
Labels = tuple[str, ...]
Values = dict[Labels, float]


@dataclass(frozen=True, slots=True)
class Family:
    """`name` as Prometheus shows it, without the _bucket of a histogram."""

    name: str
    help: str
    labels: Labels = ()
    kind: Literal["gauge", "histogram", "info"] = "gauge"


FAMILIES = (
    Family("paydate_build_info", "The version of Paydate that answers.", ("version",), kind="info"),
    Family(
        "paydate_scrape_error",
        "1 where the figures of this part could not be read and are missing from the answer, else 0.",
        ("part",),
    ),
    Family("paydate_scrape_seconds", "How long reading all figures took; they are kept for two seconds."),
    Family(
        "paydate_heartbeat_age_seconds",
        "Since the process of this kind last did work; +Inf when it was never seen.",
        ("process",),
    ),
    Family(
        "paydate_distributions",
        "Distributions by status, as they are now; COMPLETED and CANCELLED count the last 24 hours.",
        ("status",),
    ),
    Family(
        "paydate_distribution_execution_seconds",
        "From start to end, holds and retries included, of the distributions that ended in the last 24 hours.",
        kind="histogram",
    ),
    Family(
        "paydate_distribution_age_seconds",
        "Since the start of each distribution under way; the twenty oldest.",
        ("distribution", "asset", "status"),
    ),
    Family(
        "paydate_batches",
        "Batches by status: PENDING and PROCESSING as they are now, the others settled in the last 24 hours. "
        "What was cut (SPLIT) is counted by its parts.",
        ("status",),
    ),
    Family(
        "paydate_batch_success_ratio",
        "Of the batches settled in the last 24 hours, the share in which every holder was paid; absent without any.",
    ),
    Family("paydate_failed_batches", "Batches that still hold lines which failed and wait for a retry."),
    Family("paydate_payments_failed", "Lines that failed and were not paid, waived or reissued since."),
    Family("paydate_payments_given_up", "Failed lines that nothing but a person will try again."),
    Family(
        "paydate_last_settled_age_seconds", "Since the newest batch was settled; absent before the first."
    ),
    Family(
        "paydate_transactions",
        "On-chain calls: open ones as they are now, ended ones of which the validity began in the last hour.",
        ("status", "purpose"),
    ),
    Family(
        "paydate_oldest_waiting_seconds",
        "Age of the oldest: open transaction, batch in PROCESSING, PENDING distribution past its time, "
        "approval awaited in custody, open hold, open reserve check; 0 without any.",
        ("noun",),
    ),
    Family(
        "paydate_overdue_seconds",
        "Since the sweep should have rung for the row that is due longest; 0 when none is due.",
        ("noun",),
    ),
    Family(
        "paydate_custody_seconds",
        "From the identity of a transaction to its stored signature, approvals included; of the last hour.",
        kind="histogram",
    ),
    Family(
        "paydate_custody_budget_tokens",
        "Requests to custody that are free at this moment; absent while there is no limit.",
        ("custodian",),
    ),
    Family(
        "paydate_custody_budget_per_minute",
        "The limit that the budget keeps (CUSTODY_REQUESTS_PER_MINUTE); 0 is no limit.",
    ),
    Family(
        "paydate_custody_paused",
        "1 while nothing is asked of this custodian because it answered 429, else 0.",
        ("custodian",),
    ),
    Family("paydate_custody_approvals_waiting", "Calls that wait for an approval in custody."),
    Family(
        "paydate_sync_lag_seconds",
        "How old the mirror node's newest block, or the Soroban RPC's newest ledger, was when the contract's events "
        "were last read.",
        ("contract",),
    ),
    Family("paydate_sync_age_seconds", "Since the contract's events were last read.", ("contract",)),
    Family(
        "paydate_sync_failing",
        "1 where the last reading of the contract's events failed, else 0.",
        ("contract",),
    ),
    Family(
        "paydate_events_unprocessed",
        "Events that no processor has taken: quarantined, not proved yet, or of a payout that is not known here.",
    ),
    Family(
        "paydate_events_quarantined",
        "Events that could not be read, or at which their processor failed, with the reason in their row.",
    ),
    Family(
        "paydate_event_differences_open",
        "Differences between stored events and the chain that nobody has resolved yet.",
    ),
    Family(
        "paydate_events_not_proved",
        "Events that a list of logs showed and no transaction's result has shown yet.",
    ),
    Family("paydate_events_per_second", "Events stored in the last minute, by the second."),
    Family(
        "paydate_last_look_age_seconds",
        "Of what is to be followed, the longest time since a look succeeded, or since its listener was made.",
        ("kind",),
    ),
    Family(
        "paydate_listeners_overdue",
        "Listeners that were not looked at with success for two intervals.",
        ("kind",),
    ),
    Family("paydate_wallets_stopped", "Wallets for which nothing is signed until a person has looked."),
    Family("paydate_contracts", "Contracts by status and kind.", ("status", "kind")),
    Family("paydate_holds", "Open holds.", ("cause", "scope")),
    Family("paydate_reservations_open", "Distributions for which money is reserved."),
    Family(
        "paydate_contracts_short",
        "Contracts at work of which the last answer found money missing, an accepted deficit included.",
        ("kind",),
    ),
    Family(
        "paydate_reserve_checks",
        "Reserve checks: open ones as they are now, ended ones of the last hour with what they did to the contract.",
        ("status", "outcome"),
    ),
    Family(
        "paydate_reserve_check_seconds",
        "From being asked for to its end, of the reserve checks that ended in the last hour.",
        kind="histogram",
    ),
    Family(
        "paydate_reserve_check_age_seconds",
        "Of the contracts that are checked, the oldest last answer; +Inf when one was never answered.",
        ("kind",),
    ),
    Family(
        "paydate_reserve_checks_failing",
        "Contracts of which the newest ended check FAILED.",
        ("kind",),
    ),
    Family(
        "paydate_listener_lag_seconds",
        "Of the contracts on Stellar, the most that the RPC's newest ledger was old at the last reading of events.",
    ),
    Family(
        "paydate_listener_age_seconds",
        "Of the contracts on Stellar, since the longest ago last reading of events; +Inf when one was never read.",
    ),
    Family("paydate_books_with_problems", "Contracts of which the investments could not be read last time."),
    Family("paydate_notices_unsent", "News for people of which the mail has not left yet."),
    Family("paydate_audit_unsealed", "Audit events that are not yet in the hash chain."),
)
BY_NAME = {family.name: family for family in FAMILIES}


def gauge(name: str, value: float | None) -> Metric:
    """A figure without labels; None is unknown, and leaves the figure out instead of showing a 0."""
    return gauges(name, {} if value is None else {(): value})


def gauges(name: str, values: Mapping[Labels, float]) -> Metric:
    """One figure for each combination of labels, in the order of the table."""
    family = BY_NAME[name]
    metric = GaugeMetricFamily(name, family.help, labels=family.labels)
    for labels, value in values.items():
        metric.add_metric(labels, value)
    return metric


def histogram(name: str, buckets: Sequence[tuple[float, int]], total: float) -> Metric:
    """`buckets` are cumulative, from the lowest bound to +Inf. A window, not a counter: it may fall."""
    written = [("+Inf" if isinf(bound) else str(float(bound)), float(count)) for bound, count in buckets]
    return GaugeHistogramMetricFamily(name, BY_NAME[name].help, buckets=written, gsum_value=total)


def info(name: str, values: Mapping[str, str]) -> Metric:
    return InfoMetricFamily(name.removesuffix("_info"), BY_NAME[name].help, value=dict(values))


def table() -> str:
    """The table of docs/metrics.md."""
    rows = [
        f"| `{family.name}` | {family.kind} | {', '.join(f'`{label}`' for label in family.labels)} | {family.help} |"
        for family in FAMILIES
    ]
    return "\n".join(["| name | kind | labels | says |", "|---|---|---|---|", *rows])
