"""What waits: holds, transactions without an end, unsealed audit events."""

from datetime import timedelta

from config.doctor.findings import Finding, failed, ok, warning
from config.doctor.registry import check
from contracts import clock
from contracts.models import AuditEvent, ContractTransaction, Hold, Wallet
from contracts.services.identity import CLAIM

GROUP = "Work"
LONG_OPEN = timedelta(minutes=15)
LONG_UNSEALED = timedelta(minutes=2)
FIXES = {
    Hold.Cause.FENCE: f"find out who else signs with the wallet, then run {CLAIM}",
    Hold.Cause.CLOCK: "let NTP set this machine's clock; when the clocks agree the hold ends by itself",
}
LIFT = "when its reason is gone, lift it in the admin under Holds"


@check(GROUP, "holds", needs=("migrations",))
def holds() -> Finding | list[Finding]:
    """A hold on one distribution is its own business; these stop a wallet, or everything."""
    rows = list(Hold.objects.open().order_by("placed_at"))
    # A wallet that the fence stopped has a line of its own, and a hold on each of its contracts.
    is_said = Wallet.objects.filter(stopped_by_fence=True).exists()
    causes = {Hold.Cause.CLOCK} if is_said else set(FIXES)
    stopping = [row for row in rows if row.scope == Hold.Scope.GLOBAL or row.cause in causes]
    return [
        failed(f"{row} since {row.placed_at:%Y-%m-%d %H:%M} UTC: {row.reason}", FIXES.get(_cause(row), LIFT))
        for row in stopping
    ] or ok(f"{len(rows)} open, none of them stops everything" if rows else "none is open")


def _cause(row: Hold) -> Hold.Cause:
    return Hold.Cause(row.cause)


@check(GROUP, "transactions", needs=("migrations",))
def transactions() -> Finding:
    open_rows = ContractTransaction.objects.open()
    oldest = open_rows.order_by("planned_at").first()
    if oldest is None:
        return ok("none is open")
    age = clock.now() - oldest.planned_at
    count = open_rows.count()
    if age < LONG_OPEN:
        return ok(f"{count} open, the oldest for {age.total_seconds():.0f} s")
    why = oldest.waiting_reason or "no reason is stored"
    return warning(
        f"{oldest} is {oldest.status} for {age.total_seconds() / 60:.0f} min: {why} ({count} open)",
        "its page in the admin under Transactions says what it waits for; see docs/troubleshooting.md",
    )


@check(GROUP, "audit trail", needs=("migrations",))
def audit() -> Finding:
    unsealed = AuditEvent.objects.filter(sequence=None)
    oldest = unsealed.order_by("id").first()
    if oldest is None:
        return ok("sealed to its end")
    age = clock.now() - oldest.at
    if age < LONG_UNSEALED:
        return ok(
            f"{unsealed.count()} events wait for their seal, the oldest for {age.total_seconds():.0f} s"
        )
    return warning(
        f"{unsealed.count()} events wait for their seal, the oldest for {age.total_seconds() / 60:.0f} min",
        "see that beat and a worker run, and that beat's row 'contracts: seal audit events' is enabled",
    )
