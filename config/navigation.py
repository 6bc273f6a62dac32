"""The side bar: what operators do all day on top, processes and people below."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as DjangoUser
from django.http import HttpRequest
from django.urls import reverse

from contracts.models import Contract, Hold
from payouts.models import Approval, Distribution

Item = tuple[str, str, str]

GROUPS: dict[str, tuple[Item, ...]] = {
    "Payouts": (
        ("payouts.distribution", "Distributions", "payments"),
        ("payouts.schedule", "Series", "event_repeat"),
        ("payouts.corporateaction", "Corporate actions", "event_available"),
        ("payouts.deposittrigger", "Deposit triggers", "bolt"),
        ("payouts.batch", "Batches", "stacks"),
        ("payouts.payment", "Payments", "person_check"),
        ("payouts.planpage", "Plan pages", "list_alt"),
    ),
    "Money": (
        ("contracts.contract", "Contracts", "contract"),
        ("reserves.paymentavailability", "Reserve checks", "rule"),
        ("reserves.investmentbook", "Investment books", "menu_book"),
        ("reserves.reservation", "Reservations", "savings"),
        ("reserves.draw", "Draws", "output"),
        ("chainsync.deposit", "Deposits", "input"),
    ),
    "Control": (
        ("payouts.approval", "Approvals", "how_to_reg"),
        ("payouts.reissue", "Re-issued payments", "forward"),
        ("contracts.hold", "Holds", "front_hand"),
        ("contracts.notice", "Notices", "mail"),
        ("contracts.auditevent", "Audit trail", "history"),
    ),
    "On chain": (
        ("contracts.contracttransaction", "Transactions", "receipt_long"),
        ("contracts.signedbody", "Signed bodies", "signature"),
        ("chainsync.chainevent", "Chain events", "podcasts"),
        ("chainsync.eventlistener", "Listeners", "hearing"),
        ("chainsync.difference", "Differences", "difference"),
        ("contracts.asset", "Assets", "token"),
        ("contracts.wallet", "Wallets", "wallet"),
        ("contracts.token", "Tokens", "toll"),
        ("contracts.deployment", "Deployments", "rocket_launch"),
        ("contracts.investmentdeployment", "Investment deployments", "rocket"),
        ("contracts.holding", "Holdings", "groups"),
    ),
    "Processes": (
        ("config.heartbeat", "Heartbeats", "ecg_heart"),
        ("contracts.installation", "Installation", "fingerprint"),
        ("contracts.custodybudget", "Custody budget", "speed"),
        ("django_celery_beat.periodictask", "Periodic tasks", "schedule"),
        ("django_celery_beat.intervalschedule", "Intervals", "timer"),
        ("django_celery_beat.crontabschedule", "Crontabs", "calendar_month"),
    ),
    "People": (
        ("auth.user", "Users", "person"),
        ("auth.group", "Groups", "group"),
        ("otp_totp.totpdevice", "One-time code devices", "phonelink_lock"),
        ("otp_static.staticdevice", "Emergency codes", "password"),
        ("axes.accessattempt", "Failed log-ins", "lock"),
        ("axes.accesslog", "Log-ins", "login"),
    ),
}
SELDOM = ("Processes", "People")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What this person may see, with a count where something waits for people."""
    home = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [home]}]
    for title, items in GROUPS.items():
        shown = [_item(*item) for item in items if _may_see(request.user, item[0])]
        groups.append({"title": title, "items": shown, "collapsible": title in SELDOM})
    return groups


def _may_see(user: DjangoUser | AnonymousUser, label: str) -> bool:
    app, _, model = label.partition(".")
    return any(user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change"))


def _item(label: str, title: str, icon: str) -> dict[str, Any]:
    address = reverse(f"admin:{label.replace('.', '_')}_changelist")
    item: dict[str, Any] = {"title": title, "icon": icon, "link": address}
    if (count := _waiting(label)) is not None and count:
        item |= {"badge": str(count), "badge_variant": "warning"}
    return item


def _waiting(label: str) -> int | None:
    if label == "contracts.hold":
        return Hold.objects.open().count()
    if label == "payouts.approval":
        return Approval.objects.open().count()
    if label == "contracts.contract":
        return Contract.objects.filter(status=Contract.Status.BLOCKED).count()
    if label == "payouts.distribution":
        return Distribution.objects.filter(status=Distribution.Status.HELD).count()
    return None
