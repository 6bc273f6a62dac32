"""Deposit triggers: what starts a payout when money comes in, and what they have started."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from unfold.enums import ActionVariant

from contracts.admin import cells
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.admin.tables import Sections, Table, audit_table, paged
from payouts.admin.forms import TriggerForm
from payouts.admin.pages import FactsPage
from payouts.admin.words import asked_for
from payouts.models import DepositTrigger, Distribution
from payouts.services.depositing import NotArmed, arm, create_trigger, disarm

PERMISSION = "payouts.arm_deposittrigger"
PAID_IN = "asset__payout_contract__payment_token"


def _state(row: DepositTrigger) -> object:
    return cells.badge("ARMED", tone="success") if row.armed_at else cells.badge("NOT ARMED", tone="quiet")


def _least(row: DepositTrigger) -> object:
    return cells.money(row.threshold_units, row.asset.payout_contract.payment_token)


def _headline(row: DepositTrigger) -> str:
    if row.armed_at is None:
        return "Not armed: no deposit starts anything until it is armed."
    if row.mode == DepositTrigger.Mode.ONCE:
        return "Armed: the first deposit that is large enough pays the holders, and then it has to be armed again."
    return "Armed: every deposit that is large enough pays the holders at once."


def _runs(row: DepositTrigger, request: HttpRequest) -> Table:
    headers = ("Distribution", "Status", "Deposit", "Received at", "Holders paid", "Why")
    token = row.asset.payout_contract.payment_token

    def show(made: Distribution) -> tuple[object, ...]:
        deposit = made.deposit
        return (
            cells.link(made, made.concept or made.uid),
            cells.badge(made.status),
            cells.money(deposit.units, token) if deposit else cells.unknown(),
            cells.consensus(deposit.consensus_at) if deposit else cells.unknown(),
            cells.bar(made.paid_count, made.holder_count or 0, failed=made.failed_count),
            cells.words(made.status_reason),
        )

    rows = row.distributions.select_related("deposit").order_by("-pk")
    return paged(rows, request, show, headers, "It has not started anything yet.")


def _audit(row: DepositTrigger, request: HttpRequest) -> Table:
    return audit_table(Q(noun="deposittrigger", object_id=row.pk), request)


@admin.register(DepositTrigger)
class DepositTriggerAdmin(FactsPage):
    list_display = ("name", "of", "state", "least", "mode", "asked", "since")
    list_filter = ("mode", "asset")
    list_select_related = (PAID_IN,)
    search_fields = ("uid", "concept", "asset__symbol", "asset__name", "created_by")
    search_help_text = "A uid, a concept, an asset's symbol or name, or who created it"
    ordering = ("-pk",)
    actions_detail = ("arm", "disarm")
    add_form = TriggerForm
    add_template = "admin/payouts/deposittrigger/add.html"
    add_title = "New deposit trigger"
    sections: Sections = {"runs": ("What it started", _runs), "audit": ("Audit trail", _audit)}

    name = column("Concept", lambda row: row.concept or row.uid, order="concept")
    of = column("Asset", lambda row: row.asset.symbol, order="asset__symbol")
    state = column("State", _state, order="armed_at")
    least = column("Least deposit", _least, order="threshold_units")
    asked = column("Pays", asked_for)
    since = column("Armed at", lambda row: cells.moment(row.armed_at) if row.armed_at else "not armed")

    def create(self, form: Any, by: str) -> DepositTrigger:
        return create_trigger(form.wanted(by=by))

    def created_words(self, row: Any) -> str:
        return "Created and armed: deposits from now on count."

    def facts(self, row: DepositTrigger) -> dict[str, Any]:
        facts: list[tuple[str, object]] = [
            ("Asset", cells.link(row.asset, row.asset.symbol)),
            ("Payout contract", cells.link(row.asset.payout_contract)),
            ("Least deposit", _least(row)),
            ("Pays", asked_for(row)),
            ("How often", row.get_mode_display()),
            ("Armed at", cells.moment(row.armed_at) if row.armed_at else "not armed"),
            ("How often it was armed", row.round),
            ("Created", cells.moment(row.created_at) + cells.words(f" by {row.created_by}")),
            ("Uid", cells.code(row.uid)),
        ]
        return {"badge": _state(row), "headline": _headline(row), "facts": facts}

    @button(
        "Arm",
        permission=PERMISSION,
        available=lambda row: row.armed_at is None,
        explained="Deposits from now on count, and start paying by themselves.",
        refusals=(NotArmed,),
        icon="bolt",
        variant=ActionVariant.PRIMARY,
    )
    def arm(self, request: HttpRequest, row: DepositTrigger, reason: str) -> str:
        arm(row, by=who(request), reason=reason)
        return "Armed: deposits from now on count."

    @button(
        "Disarm",
        permission=PERMISSION,
        available=lambda row: row.armed_at is not None,
        explained="No deposit starts anything until it is armed again. What was started goes on.",
        refusals=(NotArmed,),
        icon="block",
        variant=ActionVariant.DANGER,
    )
    def disarm(self, request: HttpRequest, row: DepositTrigger, reason: str) -> str:
        disarm(row, by=who(request), reason=reason)
        return "Disarmed: no deposit starts anything."
