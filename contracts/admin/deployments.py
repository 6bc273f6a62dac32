"""Payout contracts that are being put on chain: how far each is, and what it waits for. Begun by command."""

from django.contrib import admin

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column
from contracts.models import Deployment
from contracts.services.deployment_steps import steps, steps_done


def _done(row: Deployment) -> str:
    return f"{steps_done(row)} of {len(steps())} transactions"


def _trouble(row: Deployment) -> object:
    return cells.words(row.error_text or row.waiting_reason, empty="nothing")


def _made(row: Deployment) -> object:
    return cells.link(row.contract) if row.contract else "not yet"


def _ended(row: Deployment) -> object:
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
