"""A distribution in one sentence and a dozen facts."""

from collections.abc import Callable
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from contracts import clock
from contracts.admin import cells
from payouts.models import DepositTrigger, Distribution, Schedule
from payouts.models.distributions import DistributionStatus
from payouts.services.choosing import CAN_BE_RETRIED
from payouts.services.creating import NewDistribution, time_columns
from payouts.services.showing import Progress
from payouts.services.times import shown

Status = Distribution.Status
Fact = tuple[str, object]


def headline(distribution: Distribution, progress: Progress) -> str:
    """What is going on, for somebody who has never seen the status names."""
    return _SENTENCES[Status(distribution.status)](distribution, progress)


def _pending(distribution: Distribution, progress: Progress) -> str:
    if distribution.starts_at is None:
        return "Ready to start. Nothing has been sent."
    return f"Starts by itself at {shown(distribution.starts_at, distribution.zone)}. Nothing has been sent."


def _planning(distribution: Distribution, progress: Progress) -> str:
    if distribution.snapshot_id is None:
        return "Being planned: the snapshot of the holders is taken on chain first."
    if distribution.execute_at is not None and distribution.execute_at > clock.now():
        return f"The snapshot is taken. Paying begins at {shown(distribution.execute_at, distribution.zone)}."
    pages = list(distribution.pages.values_list("done_at", flat=True))
    done = sum(at is not None for at in pages)
    if not pages:
        return "Being planned: the snapshot is taken, the money comes next."
    return f"Being planned: {done} of {len(pages)} pages of holders are read."


def _paying(distribution: Distribution, progress: Progress) -> str:
    return f"Being paid: {_paid(progress)}{_failed(progress)}."


def _held(distribution: Distribution, progress: Progress) -> str:
    so_far = f" So far {_paid(progress)}." if progress.total else ""
    return f"Held: nothing new is planned, signed or sent; what was sent is settled.{so_far}"


def _ended_in_part(distribution: Distribution, progress: Progress) -> str:
    return f"Ended in part: {_paid(progress)}{_failed(progress)}."


def _failed_whole(distribution: Distribution, progress: Progress) -> str:
    if not progress.total:
        return "Failed before anything was paid."
    return f"Failed: {_paid(progress)}{_failed(progress)}."


def _paid(progress: Progress) -> str:
    lines = progress.lines
    skipped = lines.get("SKIPPED", 0)
    aside = f", and {skipped:,} are owed nothing" if skipped else ""
    return f"{lines.get('PAID', 0):,} of {progress.total - skipped:,} holders are paid{aside}"


def _failed(progress: Progress) -> str:
    failed = progress.lines.get("FAILED", 0)
    return f"; {failed:,} could not be paid" if failed else ""


_SENTENCES: dict[DistributionStatus, Callable[[Distribution, Progress], str]] = {
    Status.DRAFT: lambda *_: "A draft: it is not complete yet.",
    Status.PENDING: _pending,
    Status.PLANNING: _planning,
    Status.AWAITING_APPROVAL: lambda *_: "Planned. It waits for the approval of a second person.",
    Status.PROCESSING: _paying,
    Status.HELD: _held,
    Status.COMPLETED: lambda _, progress: f"Completed: {_paid(progress)}.",
    Status.PARTIALLY_COMPLETED: _ended_in_part,
    Status.FAILED: _failed_whole,
    Status.CANCELLED: lambda *_: "Cancelled before anything was sent.",
}


def asked_for(row: Distribution | Schedule | DepositTrigger) -> SafeString:
    """The amount as it was ordered: a sum, a share that becomes a sum once, at planning, or what the asset says."""
    if row.amount_units is not None:
        return cells.money(row.amount_units, row.asset.payout_contract.payment_token)
    if row.percentage_bp is None:
        return cells.words(row.get_amount_type_display())
    return format_html(
        "{}.{} % of the free balance", row.percentage_bp // 100, f"{row.percentage_bp % 100:02d}"
    )


def money_facts(distribution: Distribution, progress: Progress) -> list[Fact]:
    token = distribution.asset.payout_contract.payment_token
    # Without lines nobody knows what is expected, and zero would be a number.
    expected = progress.expected_units if progress.total else None
    return [
        ("Asked for", asked_for(distribution)),
        ("Pool, frozen", cells.money(distribution.pool_units, token)),
        ("Expected, sum of all lines", cells.money(expected, token)),
        ("Dust, pool minus lines", cells.money(distribution.dust_units, token)),
        ("Paid, as read from the chain", cells.money(progress.paid_units, token)),
    ]


def time_facts(distribution: Distribution) -> list[Fact]:
    return [
        ("Created", _by(cells.moment(distribution.created_at), distribution.created_by)),
        (
            "Started",
            _by(cells.moment(distribution.started_at), distribution.started_by)
            if distribution.started_at
            else "not started",
        ),
        *_given_times(distribution),
        ("Snapshot", _snapshot(distribution)),
        ("First payment", cells.consensus(distribution.executed_at)),
        ("Last payment", cells.consensus(distribution.completed_at)),
        *_next_retry(distribution),
        ("Plan hash", cells.code(distribution.plan_hash)),
    ]


def _given_times(distribution: Distribution) -> list[Fact]:
    """With where it comes from, for what a series or a deposit has made."""
    facts: list[Fact] = []
    if distribution.schedule:
        facts.append(("Occurrence of", cells.link(distribution.schedule)))
    if distribution.trigger:
        facts.append(("Started by", cells.link(distribution.trigger)))
    if distribution.record_at:
        facts.append(("Record time", _in_both(distribution.record_at, distribution.zone)))
    if distribution.execute_at:
        facts.append(("Paid from", _in_both(distribution.execute_at, distribution.zone)))
        facts.append(("When that is missed", distribution.get_missed_policy_display()))
    return facts


def _in_both(at: datetime, zone: str) -> SafeString:
    return cells.moment(at) if zone == "UTC" else cells.titled(shown(at, zone), cells.moment(at))


def dates_of(wanted: NewDistribution) -> list[str]:
    """What a new distribution would do when, in its zone and in UTC. Raises BadInput."""
    columns = time_columns(wanted)
    execute_at, record_at, zone = columns["execute_at"], columns["record_at"], columns["zone"]
    given = {"Snapshot of the holders": record_at or execute_at, "Paid": execute_at}
    if wanted.snapshot_id is not None:
        given["Snapshot of the holders"] = record_at
    return [
        f"{what}: {_both_words(at, zone)}" if at else f"{what}: when a person starts it"
        for what, at in given.items()
    ]


def _both_words(at: datetime, zone: str) -> str:
    return shown(at, zone) if zone == "UTC" else f"{shown(at, zone)}, which is {shown(at, 'UTC')}"


def _next_retry(distribution: Distribution) -> list[Fact]:
    if distribution.status not in CAN_BE_RETRIED or not distribution.failed_count:
        return []
    at = distribution.next_retry_at
    return [("Next automatic retry", "none is left" if at is None else cells.next_step(at))]


def _by(at: SafeString, name: str) -> SafeString:
    return at + cells.words(f" by {name}")


def _snapshot(distribution: Distribution) -> SafeString:
    if distribution.snapshot_id is None:
        return cells.unknown()
    return cells.words(f"number {distribution.snapshot_id} at ") + cells.consensus(
        distribution.snapshot_consensus_at
    )


def counts(found: dict[str, int]) -> list[tuple[SafeString, int]]:
    return [(cells.badge(status), count) for status, count in sorted(found.items())]
