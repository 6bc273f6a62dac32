"""The first page: what runs, what waits, what is held, what failed, and whether the machinery is alive."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from config.health import OLDEST_HEARTBEAT, PROCESSES
from config.models import Heartbeat
from contracts import clock
from contracts.admin import cells
from contracts.admin.control import ends
from contracts.admin.holding import held_object
from contracts.admin.tables import Table
from contracts.admin.transactions import trouble
from contracts.models import Contract, ContractTransaction, Hold, Wallet
from contracts.services.holds import PAYDATE
from payouts.admin.words import asked_for
from payouts.models import ACTIVE, Distribution, Payment
from reserves.admin import standings
from reserves.services.showing import asking_for_attention

Status = Distribution.Status
NEWEST = 8
# Title, statuses, and whether a count above zero asks for a person.
CARDS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("Ready to start", (Status.PENDING,), False),
    ("Running", ACTIVE, False),
    ("Held", (Status.HELD,), True),
    ("Failed or in part", (Status.FAILED, Status.PARTIALLY_COMPLETED), True),
    ("Completed", (Status.COMPLETED,), False),
)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds to Unfold's context of the index page what this person may see."""
    user = request.user
    context |= {
        "network": f"Hedera {settings.HEDERA_NETWORK}, Stellar {settings.STELLAR_NETWORK}",
        "processes": _processes(),
        "now": cells.moment(clock.now()),
    }
    if user.has_perm("payouts.view_distribution"):
        given_up = [_given_up()] if user.has_perm("payouts.view_payment") else []
        context |= {"cards": _cards() + given_up, "attention": _attention(), "running": _running()}
    if user.has_perm("contracts.view_contract"):
        context |= {"cards": [*context.get("cards", []), _blocked_contracts()], "reserves": _reserves()}
    if user.has_perm("contracts.view_hold"):
        context |= {
            "holds": _holds(),
            "global_hold": Hold.objects.open().filter(scope=Hold.Scope.GLOBAL).first(),
        }
    if user.has_perm("contracts.view_contracttransaction"):
        context |= {"oldest": _oldest(), "stopped": list(Wallet.objects.exclude(stopped_reason=""))}
    return context


def _cards() -> list[dict[str, Any]]:
    found = Distribution.objects.values("status").annotate(count=Count("id"))
    count_of = {row["status"]: row["count"] for row in found}
    page = reverse("admin:payouts_distribution_changelist")
    return [
        {
            "title": title,
            "count": (count := sum(count_of.get(status, 0) for status in statuses)),
            "link": f"{page}?status__in={','.join(statuses)}",
            "is_alarming": is_alarming and count > 0,
        }
        for title, statuses, is_alarming in CARDS
    ]


def _given_up() -> dict[str, Any]:
    count = Payment.objects.given_up().count()
    page = reverse("admin:payouts_payment_changelist")
    return {
        "title": "Payments given up",
        "count": count,
        "link": f"{page}?retry=given_up",
        "is_alarming": count > 0,
    }


def _blocked_contracts() -> dict[str, Any]:
    count = Contract.objects.filter(status=Contract.Status.BLOCKED).count()
    page = reverse("admin:contracts_contract_changelist")
    return {
        "title": "Contracts blocked",
        "count": count,
        "link": f"{page}?status__exact={Contract.Status.BLOCKED}",
        "is_alarming": count > 0,
    }


def _reserves() -> Table:
    """What is blocked, short, or not known: silence about a reserve must never look like a good answer."""
    shown = [
        (
            cells.link(row, row.label),
            cells.badge(row.status),
            standings.missing(row),
            standings.last_check(row),
            cells.words(_why(row)),
        )
        for row in asking_for_attention()[:NEWEST]
    ]
    headers = ("Contract", "Status", "Missing", "Reserve checked", "Why")
    return Table(headers, shown, "No contract is blocked, lacks money or is without a fresh check.")


def _why(row: Any) -> str:
    """Besides what the other columns say."""
    if not row.blocked_at:
        return standings.standing_of(row).error
    since = f"blocked since {row.blocked_at:%Y-%m-%d %H:%M} UTC"
    return since if row.blocked_by == PAYDATE else f"{since} by {row.blocked_by}: {row.blocked_reason}"


def _distributions(statuses: tuple[str, ...], empty: str) -> Table:
    rows = Distribution.objects.filter(status__in=statuses).order_by("-pk")
    rows = rows.select_related("asset__payout_contract__payment_token")
    shown = [
        (
            cells.link(row, row.concept or row.uid),
            row.asset.symbol,
            cells.badge(row.status),
            asked_for(row),
            cells.bar(row.paid_count, row.holder_count or 0, failed=row.failed_count),
            cells.words(row.status_reason),
        )
        for row in rows[:NEWEST]
    ]
    return Table(("Distribution", "Asset", "Status", "Asked for", "Holders paid", "Why"), shown, empty)


def _running() -> Table:
    return _distributions((Status.PENDING, *ACTIVE), "Nothing is running or waiting to be started.")


def _attention() -> Table:
    statuses = (Status.HELD, Status.FAILED, Status.PARTIALLY_COMPLETED)
    return _distributions(statuses, "No distribution is held or has failed.")


def _holds() -> Table:
    rows = Hold.objects.open().order_by("-placed_at")[:NEWEST]
    shown = [
        (
            cells.link(row, _hold_name(row)),
            row.cause,
            cells.words(row.reason),
            cells.moment(row.placed_at),
            ends(row),
        )
        for row in rows
    ]
    return Table(("Hold on", "Cause", "Reason", "Since", "Ends"), shown, "No hold is open.")


def _hold_name(hold: Hold) -> str:
    return "everything" if hold.scope == Hold.Scope.GLOBAL else str(held_object(hold) or hold.object_uid)


def _oldest() -> Table:
    rows = ContractTransaction.objects.open().order_by("planned_at")[:3]
    shown = [
        (cells.link(row), cells.badge(row.status), cells.moment(row.planned_at), trouble(row)) for row in rows
    ]
    return Table(("Transaction", "Status", "Planned at", "Waits for"), shown, "No transaction is open.")


def _processes() -> Table:
    ages = Heartbeat.objects.all().ages()
    rows = [(process, *_sign_of_life(ages.get(process))) for process in PROCESSES]
    return Table(("Process", "State", "Last seen"), rows, "")


def _sign_of_life(age: timedelta | None) -> tuple[SafeString, str]:
    if age is None:
        return cells.badge("NEVER SEEN", tone="danger"), "never: is it started?"
    seconds = max(0, int(age.total_seconds()))
    if age > OLDEST_HEARTBEAT:
        return cells.badge("SILENT", tone="danger"), f"{seconds:,} s ago; restart it, or look into its log"
    return cells.badge("ALIVE", tone="success"), f"{seconds} s ago"
