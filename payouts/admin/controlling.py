"""Stopping, resuming, cancelling and accepting as unpaid, on the page of a distribution."""

from typing import Any

from django.http import HttpRequest
from unfold.enums import ActionVariant

from contracts.admin.buttons import button, who
from contracts.admin.holding import holds_for_people
from contracts.gateways.errors import GatewayError
from contracts.models import Hold
from contracts.services.holds import HoldRefused
from payouts.admin.foretelling import ForetellingForm, Will
from payouts.models import ACTIVE, Distribution
from payouts.services import cancelling, waiving
from payouts.services.cancelling import CANCELLABLE, NotCancelled, cancel_distribution
from payouts.services.choosing import CAN_BE_RETRIED, EVERYTHING, Wanted
from payouts.services.stopping import resume_distribution, stop_distribution, under_way_words
from payouts.services.waiving import NotWaived, waive_payments

Status = Distribution.Status
MAY_CANCEL, MAY_WAIVE = "payouts.cancel_distribution", "payouts.waive_payment"
# What does the same with less to say.
INSTEAD_OF = {"stop": "place_hold", "resume": "lift_hold"}


def _name(row: Distribution) -> str:
    return row.concept or row.uid


def _is_stoppable(row: Distribution) -> bool:
    return row.status in ACTIVE and not holds_for_people(row).filter(cause=Hold.Cause.OPERATOR).exists()


def _is_resumable(row: Distribution) -> bool:
    """Only by a person's stop: what else needs a person is lifted with the hold itself."""
    causes = set(holds_for_people(row).values_list("cause", flat=True))
    return row.status == Status.HELD and causes == {Hold.Cause.OPERATOR}


class StopForm(ForetellingForm):
    model = Distribution

    def will(self, row: Distribution) -> Will:
        return Will(_name(row), (under_way_words(row),))


class CancelForm(ForetellingForm):
    model = Distribution

    def will(self, row: Distribution) -> Will:
        try:
            return Will(_name(row), (cancelling.preview(row).words(row), "It cannot be started again."))
        except NotCancelled as error:
            return Will(_name(row), refusal=str(error))


class WaiveForm(ForetellingForm):
    model = Distribution

    def will(self, row: Distribution) -> Will:
        return foretell_waiver(row, EVERYTHING)


def foretell_waiver(row: Distribution, wanted: Wanted) -> Will:
    try:
        words = waiving.preview(row, wanted).words(row)
    except NotWaived as error:
        return Will(_name(row), refusal=str(error))
    return Will(
        _name(row), (f"{words}: accepted as unpaid. No money is moved, and nobody tries them again.",)
    )


def waive(request: HttpRequest, row: Distribution, wanted: Wanted, reason: str) -> str:
    """Raises NotWaived, also for a chain that does not answer."""
    try:
        waived = waive_payments(row, wanted, by=who(request), reason=reason)
    except GatewayError as error:
        raise NotWaived(
            f"the chain could not be asked: {error}. Nothing was changed; try again in a moment"
        ) from error
    return f"Accepted as unpaid: {waived.words(row)}."


class ControlButtons:
    """For the admin of distributions."""

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        shown = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        names = {one.path for one in shown}
        hidden = {other for one, other in INSTEAD_OF.items() if one in names}
        return [one for one in shown if one.path.replace("-", "_") not in hidden]

    @button(
        "Stop",
        permission="contracts.place_hold",
        available=_is_stoppable,
        explained="Nothing new is planned, signed or sent. What is on its way is settled.",
        refusals=(HoldRefused,),
        icon="stop_circle",
        variant=ActionVariant.DANGER,
        form=StopForm,
    )
    def stop(self, request: HttpRequest, row: Distribution, reason: str) -> str:
        return stop_distribution(row, by=who(request), reason=reason)

    @button(
        "Resume",
        permission="contracts.lift_hold",
        available=_is_resumable,
        explained="What was stopped goes on by itself, unless another hold covers it.",
        refusals=(HoldRefused,),
        icon="play_circle",
        variant=ActionVariant.SUCCESS,
        form=StopForm,
    )
    def resume(self, request: HttpRequest, row: Distribution, reason: str) -> str:
        return resume_distribution(row, by=who(request), reason=reason)

    @button(
        "Accept as unpaid",
        permission=MAY_WAIVE,
        available=lambda row: row.status in CAN_BE_RETRIED and row.failed_count > 0,
        explained="The contract's events are read first: who was paid meanwhile stays paid.",
        refusals=(NotWaived,),
        icon="money_off",
        form=WaiveForm,
    )
    def waive(self, request: HttpRequest, row: Distribution, reason: str) -> str:
        return waive(request, row, EVERYTHING, reason)

    @button(
        "Cancel",
        permission=MAY_CANCEL,
        available=lambda row: row.status in CANCELLABLE,
        explained="Only what has paid nobody is cancelled. Its reservation is freed, and its own holds are lifted.",
        refusals=(NotCancelled,),
        icon="cancel",
        variant=ActionVariant.DANGER,
        form=CancelForm,
    )
    def cancel(self, request: HttpRequest, row: Distribution, reason: str) -> str:
        cancel_distribution(row, by=who(request), reason=reason)
        return "Cancelled: nobody is paid by it."
