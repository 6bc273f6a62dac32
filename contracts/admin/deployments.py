"""Contracts that are being put on chain: how far each is, and what it waits for. Begun by command."""

from django.contrib import admin

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column
from contracts.models import Deployment, InvestmentDeployment
from contracts.services import deploying_investments
from contracts.services.deploying import RECIPE
from contracts.services.deployment_steps import steps
from contracts.services.stepping import steps_done


def _done(row: Deployment) -> str:
    return f"{steps_done(RECIPE, row)} of {len(steps())} transactions"


def _trouble(row: Deployment | InvestmentDeployment) -> object:
    return cells.words(row.error_text or row.waiting_reason, empty="nothing")


def _made(row: Deployment | InvestmentDeployment) -> object:
    return cells.link(row.contract) if row.contract else "not yet"


def _ended(row: Deployment | InvestmentDeployment) -> object:
    return cells.moment(row.ended_at) if row.ended_at else "not ended"


@admin.register(Deployment)
class DeploymentAdmin(EvidenceAdmin):
    list_display = ("label", "state", "done", "problem", "asset", "token", "wallet", "created_at")
    list_filter = ("status", "network")
    list_select_related = ("wallet",)
    search_fields = ("label", "asset_address", "uid")
    ordering = ("-pk",)
    fields = (
        "label",
        "state",
        "done",
        "problem",
        "asset",
        "token",
        "wallet",
        "made",
        "uid",
        "created_by",
        "created_at",
        "ended",
    )
    readonly_fields = ("uid", "state", "done", "problem", "asset", "token", "made", "created_at", "ended")

    state = column("Status", lambda row: cells.badge(row.status), order="status")
    done = column("Done", _done)
    problem = column("Error, or what it waits for", _trouble)
    asset = column("Asset", lambda row: cells.code(row.asset_address))
    token = column("Payment token", lambda row: cells.code(row.token_address))
    made = column("Payout contract", _made)
    ended = column("Ended at", _ended)


def _sent(row: InvestmentDeployment) -> str:
    return f"{steps_done(deploying_investments.RECIPE, row)} transactions"


def _promised(row: InvestmentDeployment) -> str:
    kind = "coupon" if row.terms["return_type"] == deploying_investments.COUPON else "reverse loan"
    terms = row.terms
    return (
        f"{kind}, {terms['i_rate']} basis points, {terms['return_months']} instalments, blocked "
        f"{terms['claim_block_days']} days; goal {terms['goal']}, least {terms['min_per_investment']} base units"
    )


@admin.register(InvestmentDeployment)
class InvestmentDeploymentAdmin(EvidenceAdmin):
    list_display = ("label", "state", "done", "problem", "will_be", "wallet", "created_at")
    list_filter = ("status", "network")
    list_select_related = ("wallet",)
    search_fields = ("label", "address", "uid")
    ordering = ("-pk",)
    fields = (
        "label",
        "state",
        "done",
        "problem",
        "will_be",
        "terms_in_words",
        "token",
        "project",
        "wallet",
        "made",
        "uid",
        "created_by",
        "created_at",
        "ended",
    )
    readonly_fields = (
        "uid",
        "state",
        "done",
        "problem",
        "will_be",
        "terms_in_words",
        "token",
        "project",
        "made",
        "created_at",
        "ended",
    )

    state = column("Status", lambda row: cells.badge(row.status), order="status")
    done = column("Done", _sent)
    problem = column("Error, or what it waits for", _trouble)
    will_be = column("Address", lambda row: cells.code(row.address))
    terms_in_words = column("Terms", _promised)
    token = column("Payment token", lambda row: cells.code(row.token_address))
    project = column("Project", lambda row: cells.code(row.project_address))
    made = column("Investment contract", _made)
    ended = column("Ended at", _ended)
