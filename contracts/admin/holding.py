"""Placing and lifting a person's hold from the page of what is to be held."""

from typing import Any

from django.contrib.admin import site
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.enums import ActionVariant

from contracts.admin.buttons import button, who
from contracts.models import Hold
from contracts.services.holds import HoldRefused, lift_hold, place_hold


def holds_for_people(row: Any) -> QuerySet[Hold]:
    """The open holds on exactly this object that only a person lifts; that of a block ends with the block."""
    of_people = Q(cause=Hold.Cause.OPERATOR) | Q(needs_operator=True)
    placed = Hold.objects.open().filter(of_people, scope=scope_of(row), object_uid=row.uid)
    return placed.exclude(cause=Hold.Cause.BLOCKED)


def scope_of(model: type[models.Model] | models.Model) -> str:
    """Scopes bear the names of the models whose rows they hold."""
    return str(model._meta.model_name).upper()


def held_object(hold: Hold) -> models.Model | None:
    """What a hold is on; the admins with hold buttons know the models, also of the apps above."""
    for model, admin in site._registry.items():
        if isinstance(admin, HoldButtons) and scope_of(model) == hold.scope:
            return model._default_manager.filter(uid=hold.object_uid).first()
    return None


def lift(hold: Hold, *, reason: str, by: str) -> str:
    if hold.cause == Hold.Cause.BLOCKED:
        raise HoldRefused("the contract is BLOCKED, and this hold ends with the block: unblock the contract")
    if lift_hold(hold, reason=reason, by=by):
        return "The hold is lifted. What it stopped goes on, unless another hold covers it."
    hold.refresh_from_db()
    return f"Nothing to do: {hold.lifted_by} had lifted the hold at {hold.lifted_at:%Y-%m-%d %H:%M:%S} UTC."


def _can_be_held(row: Any) -> bool:
    status = getattr(row, "status", None)
    is_over = status is not None and not row.TRANSITIONS.targets_of(status)
    return not is_over and not holds_for_people(row).filter(cause=Hold.Cause.OPERATOR).exists()


class HoldButtons:
    """For the admin of a model that a hold can be on: an asset, a contract, a distribution."""

    @button(
        "Place a hold",
        permission="contracts.place_hold",
        available=_can_be_held,
        explained="Nothing new is planned, signed or sent under it. What was sent already is settled.",
        refusals=(HoldRefused,),
        icon="pause_circle",
        variant=ActionVariant.DANGER,
    )
    def place_hold(self, request: HttpRequest, row: Any, reason: str) -> str:
        scope, by = scope_of(row), who(request)
        place_hold(scope=scope, object_uid=row.uid, cause=Hold.Cause.OPERATOR, reason=reason, by=by)
        return "The hold is placed: nothing new is planned, signed or sent under it."

    @button(
        "Lift the hold",
        permission="contracts.lift_hold",
        available=lambda row: holds_for_people(row).exists(),
        explained="What was stopped goes on by itself, unless another hold covers it.",
        refusals=(HoldRefused,),
        icon="play_circle",
        variant=ActionVariant.SUCCESS,
    )
    def lift_hold(self, request: HttpRequest, row: Any, reason: str) -> str:
        holds = list(holds_for_people(row))
        if not holds:
            raise HoldRefused("there is no hold on it any more that a person has to lift")
        return " ".join(lift(hold, reason=reason, by=who(request)) for hold in holds)
