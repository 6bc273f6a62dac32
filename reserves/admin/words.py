"""What is known about a reserve, in words. Rules over plain values: nothing here asks a database or a chain.

Only a good answer that is fresh says that the reserve suffices; every other state says what is not known.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.amounts import format_units
from contracts.models import Contract
from contracts.services.holds import PAYDATE

Status = Contract.Status
LEDGERS_A_DAY = 17_280
TOP_UP = (
    "To fix it, send the missing amount to the reserve fund of the contract: top it up with add_company_transfer, "
    "or move funds to the reserve"
)


class Freshness(StrEnum):
    """How far the last answer can be trusted now."""

    NOT_CHECKED = "NOT CHECKED"
    NEVER = "NEVER CHECKED"
    FAILED = "FAILED"
    STALE = "STALE"
    FRESH = "FRESH"


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that decide what counts as fresh and as enough."""

    stale_minutes: int
    good_checks: int
    horizon_days: int
    least_life_days: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A contract's reserve as the database knows it; amounts in base units of its payment token.

    ``error`` is the class and text of the newest ended check, empty if that one was answered; ``failures`` counts
    the failed ones since the last answer. ``due_units`` are known for Hedera contracts only. ``unchecked_because``
    says why this installation checks it never, if so.
    """

    label: str
    status: str
    is_investment: bool
    symbol: str
    decimals: int
    missing_units: int = 0
    checked_at: datetime | None = None
    ledger: int | None = None
    good_checks: int = 0
    error: str = ""
    error_at: datetime | None = None
    failures: int = 0
    asked_at: datetime | None = None
    due_units: int | None = None
    blocked_at: datetime | None = None
    blocked_by: str = ""
    blocked_reason: str = ""
    accepted_units: int | None = None
    accepted_until: datetime | None = None
    accepted_by: str = ""
    accepted_reason: str = ""
    live_until_ledger: int | None = None
    unchecked_because: str = ""

    def money(self, units: int) -> str:
        return format_units(units, decimals=self.decimals, symbol=self.symbol)

    @property
    def requires(self) -> str:
        amount = self.money(self.missing_units)
        return f"{self.label} requires adding {amount} to the reserve fund to ensure investor payments"

    @property
    def as_of(self) -> str:
        """Of the last answer; only where there is one."""
        at = "" if self.checked_at is None else moment(self.checked_at)
        block = "ledger" if self.is_investment else "block"
        return f"as of {at}, {block} {self.ledger}"

    def has_accepted(self, now: datetime) -> bool:
        """Whether an accepted deficit is in force."""
        is_over = self.accepted_until is not None and self.accepted_until <= now
        return self.accepted_units is not None and not is_over

    def is_within_accepted(self, now: datetime) -> bool:
        return self.has_accepted(now) and self.missing_units <= (self.accepted_units or 0)


@dataclass(frozen=True, slots=True)
class Banner:
    """``tone`` is one of success, warning, danger and quiet; ``lines`` say why, since when and what to do."""

    tone: str
    headline: str
    lines: tuple[str, ...] = ()


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def length(span: timedelta) -> str:
    """``45 s``, ``12 min``, ``3 h 5 min``, ``2 days``: how long something took or lies back."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} days"


def freshness(standing: Standing, *, now: datetime, limits: Limits) -> Freshness:
    if standing.status in (Status.DRAFT, Status.FINISHED):
        return Freshness.NOT_CHECKED
    if standing.error:
        return Freshness.FAILED
    if standing.checked_at is None:
        return Freshness.NEVER
    is_old = now - standing.checked_at >= timedelta(minutes=limits.stale_minutes)
    return Freshness.STALE if is_old else Freshness.FRESH


def banner(standing: Standing, *, now: datetime, limits: Limits) -> Banner:
    """The one thing to know about the reserve now."""
    if standing.status == Status.DRAFT:
        return Banner("quiet", f"{standing.label} is a draft: its reserve is not checked yet.")
    if standing.status == Status.FINISHED:
        return Banner(
            "quiet", f"{standing.label} is finished: nothing is owed, and its reserve is not checked."
        )
    state = freshness(standing, now=now, limits=limits)
    if standing.status == Status.BLOCKED:
        return _blocked(standing, _doubts(standing, state, now), limits.good_checks)
    if state == Freshness.FRESH:
        return _answered(standing, now, limits)
    return _unsure(standing, state, now)


def _blocked(standing: Standing, doubts: tuple[str, ...], needed: int) -> Banner:
    since = f"BLOCKED since {moment(standing.blocked_at)}." if standing.blocked_at else "BLOCKED."
    if standing.blocked_by != PAYDATE:
        by = f"{standing.label} is BLOCKED by {standing.blocked_by}: {standing.blocked_reason}"
        ends = "Only a person lifts this block: Unblock, when its reason is gone."
        return Banner("danger", by, (since, ends, *_known(standing), *doubts))
    if not standing.missing_units:
        good = (
            f"The last check found nothing missing. Good checks in a row: {standing.good_checks} of {needed}."
        )
        ends = "It lifts by itself when all of them were good."
        return Banner(
            "warning", f"{standing.label} is BLOCKED until its checks stay good", (since, good, ends, *doubts)
        )
    fix = f"{TOP_UP}. The block lifts by itself at the next good check. Or accept the deficit: Unblock."
    return Banner("danger", standing.requires, (f"{since} {_as_of(standing)}", fix, *doubts))


def _answered(standing: Standing, now: datetime, limits: Limits) -> Banner:
    """Of a contract that is not blocked and was checked just now."""
    if not standing.missing_units:
        return Banner("success", f"{standing.label} has capacity to serve payments", (f"{_as_of(standing)}",))
    if not standing.is_investment:
        return Banner("warning", _short(standing, limits), (_as_of(standing), HELD_BY_THEMSELVES))
    if standing.is_within_accepted(now):
        within = "It is within the accepted deficit, so the contract is not blocked."
        return Banner("warning", standing.requires, (_as_of(standing), within, f"{TOP_UP}."))
    next_check = "It is not blocked yet: the next check that finds this blocks it."
    return Banner("danger", standing.requires, (_as_of(standing), next_check, f"{TOP_UP}."))


HELD_BY_THEMSELVES = (
    "Payouts that lack money are held by themselves before anything is signed, and go on when it is there; "
    "those that are funded run. Send the missing amount to the contract."
)


def _short(standing: Standing, limits: Limits) -> str:
    missing, within = standing.money(standing.missing_units), f"within {limits.horizon_days} days"
    if standing.due_units is None:
        return f"{standing.label} is missing {missing} of what is due {within}"
    return f"{standing.label} is missing {missing} of {standing.money(standing.due_units)} due {within}"


def _unsure(standing: Standing, state: Freshness, now: datetime) -> Banner:
    """Nothing newer is known; what was known before is told as such."""
    doubts = _doubts(standing, state, now)
    headlines = {
        Freshness.NEVER: f"The reserve of {standing.label} was never checked: whether it suffices is not known.",
        Freshness.FAILED: f"The newest check of {standing.label} FAILED: whether its reserve suffices is not known.",
        Freshness.STALE: f"The last answer about {standing.label} is stale: whether its reserve suffices now is not "
        "known.",
    }
    tone = "danger" if state == Freshness.FAILED else "warning"
    return Banner(tone, headlines[state], (*doubts, *_known(standing)))


def _doubts(standing: Standing, state: Freshness, now: datetime) -> tuple[str, ...]:
    """Why the last answer may not hold any more, and what to do."""
    if state == Freshness.FAILED:
        at = f" at {moment(standing.error_at)}" if standing.error_at else ""
        times = f"; failed in a row: {standing.failures}" if standing.failures > 1 else ""
        return (
            f"The newest check failed{at}: {standing.error}{times}. Checks go on by themselves; Check now asks again.",
        )
    if state == Freshness.STALE and standing.checked_at is not None:
        age = length(now - standing.checked_at)
        return (f"The last answer is {age} old and no check has ended since. {_not_running(standing)}",)
    if state == Freshness.NEVER:
        return (_not_running(standing),)
    return ()


def _not_running(standing: Standing) -> str:
    if standing.unchecked_because:
        return standing.unchecked_because
    if standing.asked_at is not None:
        return f"One was asked for at {moment(standing.asked_at)} and waits: if it stays so, see that a worker runs."
    return "Checks are not running: see on the overview that beat and worker are alive, or press Check now."


def _known(standing: Standing) -> tuple[str, ...]:
    if standing.checked_at is None:
        return ("Nothing was known before." if standing.error else "No answer is known.",)
    missing = (
        f"{standing.money(standing.missing_units)} missing" if standing.missing_units else "nothing missing"
    )
    return (f"The last answer: {missing}, {standing.as_of}.",)


def _as_of(standing: Standing) -> str:
    return f"{standing.as_of[:1].upper()}{standing.as_of[1:]}."


def accepted(standing: Standing, *, now: datetime) -> str:
    """The accepted deficit in force; empty without one."""
    if standing.accepted_units is None or not standing.has_accepted(now):
        return ""
    until = f"until {moment(standing.accepted_until)}" if standing.accepted_until else "until it is withdrawn"
    return (
        f"A deficit of up to {standing.money(standing.accepted_units)} is accepted {until}, "
        f"by {standing.accepted_by}: {standing.accepted_reason}"
    )


def short_life(standing: Standing, *, limits: Limits) -> str:
    """A warning when the contract's state will be archived soon; empty if it lives, or if that is not known."""
    if not standing.is_investment or standing.live_until_ledger is None or standing.ledger is None:
        return ""
    left = standing.live_until_ledger - standing.ledger
    fix = "Press Extend life."
    if left < 0:
        return f"The state of the contract is archived: a call has to restore it first. {fix}"
    if left >= limits.least_life_days * LEDGERS_A_DAY:
        return ""
    return (
        f"The state of the contract lives for {left // LEDGERS_A_DAY} more days, then it is archived. {fix}"
    )


def under_way(standing: Standing, *, now: datetime) -> str:
    if standing.asked_at is None:
        return ""
    return f"A check is under way, asked for {length(now - standing.asked_at)} ago."
