"""Contracts that are being put on chain: how far each is, and what it waits for. Begun by command."""

from collections.abc import Callable

from django.contrib import admin

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column
from contracts.amounts import counted, format_units
from contracts.models import ContractTransaction, Deployment, InvestmentDeployment, Token
from contracts.services import deploying_investments
from contracts.services.deploying import RECIPE
from contracts.services.deployment_steps import steps
from contracts.services.stepping import steps_done


def _done(row: Deployment) -> str:
    return f"{steps_done(RECIPE, row)} of {len(steps())} transactions"


def _trouble(row: Deployment | InvestmentDeployment) -> object:
    return cells.words(row.error_text or row.waiting_reason or _held_up(row), empty="nothing")


def _held_up(row: Deployment | InvestmentDeployment) -> str:
    """Why the transaction under way waits, which the deployment itself does not know."""
    if row.status != row.Status.RUNNING:
        return ""
    under_way = ContractTransaction.objects.open().filter(group_uid=row.uid).first()
    return under_way.waiting_reason if under_way else ""


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
    return counted(steps_done(deploying_investments.RECIPE, row), "transaction")


def _promised(row: InvestmentDeployment) -> str:
    terms = row.terms
    kind = "coupon" if terms["return_type"] == deploying_investments.COUPON else "reverse loan"
    parts = (
        f"{format_units(terms['i_rate'], decimals=2)} % for the whole term",
        counted(terms["return_months"], "instalment"),
        f"blocked for {counted(terms['claim_block_days'], 'day')}",
    )
    return ", ".join((kind, *parts))


def _amount(name: str) -> Callable[[InvestmentDeployment], object]:
    """In the token's own money as soon as Paydate knows the token, which it does when the contract is registered."""

    def shown(row: InvestmentDeployment) -> object:
        units = int(row.terms[name])
        token = Token.objects.filter(network=row.network, address=row.token_address).first()
        return cells.money(units, token) if token else f"{units:,} base units"

    return shown


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
        "goal",
        "least",
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
        "goal",
        "least",
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
    goal = column("Goal", _amount("goal"))
    least = column("Smallest investment", _amount("min_per_investment"))
    token = column("Payment token", lambda row: cells.code(row.token_address))
    project = column("Project", lambda row: cells.code(row.project_address))
    made = column("Investment contract", _made)
    ended = column("Ended at", _ended)
