"""Contracts: the list with what is short on top, and the page that says whether the money is there."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from unfold.enums import ActionVariant

from contracts import clock
from contracts.admin import cells
from contracts.admin.adding import AddContractView
from contracts.admin.base import EvidenceAdmin
from contracts.admin.buttons import PlainForm, button, who
from contracts.admin.cells import column
from contracts.admin.extending import ExtendButton
from contracts.admin.holding import HoldButtons
from contracts.admin.pausing import PauseButtons
from contracts.admin.tables import section_context
from contracts.explorers import contract_link
from contracts.models import Contract
from contracts.services.holds import PAYDATE
from reserves.admin import standings, words
from reserves.admin.forms import ACCEPT, DeficitForm, UnblockForm
from reserves.admin.sections import sections_of
from reserves.models import PaymentAvailability
from reserves.services import blocking
from reserves.services.blocking import CAN_BE_BLOCKED, NotDone
from reserves.services.showing import RANK, failures_in_a_row, with_checks
from reserves.services.ticketing import CHECKED, open_tickets

PAGE = "admin/reserves/contract/page.html"
Status = Contract.Status


def _address(contract: Contract) -> object:
    return cells.explored(contract.address, contract_link(contract.network, contract.address))


def _evm_address(contract: Contract) -> object:
    return "none on Stellar" if _is_investment(contract) else cells.code(contract.evm_address)


def _deficit(contract: Contract) -> object:
    if contract.accepted_deficit_units is None:
        return "none accepted"
    return cells.money(contract.accepted_deficit_units, contract.payment_token)


def _blocked(contract: Contract) -> object:
    return cells.moment(contract.blocked_at) if contract.blocked_at else "not blocked"


def _is_investment(contract: Contract) -> bool:
    return contract.kind == Contract.Kind.INVESTMENT


def _is_blocked_by_code(row: Contract) -> bool:
    """A person may take such a block over, so that it does not lift by itself."""
    return row.status == Status.BLOCKED and row.blocked_by == PAYDATE


@admin.register(Contract)
class ContractAdmin(AddContractView, PauseButtons, ExtendButton, HoldButtons, EvidenceAdmin):
    list_display: Any = (
        "label",
        "state",
        "missing",
        "last_check",
        "kind",
        "pays_in",
        "on_chain",
        "wallet",
    )
    list_filter = ("status", "kind", "network")
    search_fields = ("label", "address", "evm_address", "uid")
    ordering = (RANK.asc(), "label", "pk")
    actions_list: Any = ("check_all",)
    actions_detail: Any = (
        "check_now",
        "block",
        "keep_blocked",
        "unblock",
        "accept_deficit",
        "withdraw_acceptance",
        "pause",
        "unpause",
        "extend_life",
        "place_hold",
        "lift_hold",
    )
    fieldsets: Any = (
        (None, {"fields": ("label", "state", "kind", "network", "on_chain", "evm", "interface_version")}),
        ("Paying", {"fields": ("wallet", "payment_token", "batch_size")}),
        ("Reserve", {"fields": ("last_check", "missing", "blocked", "accepted_deficit")}),
        ("Registered", {"fields": ("uid", "created_at")}),
    )
    readonly_fields: Any = (
        "uid",
        "state",
        "on_chain",
        "evm",
        "batch_size",
        "last_check",
        "missing",
        "blocked",
        "accepted_deficit",
    )

    state = column("Status", lambda contract: cells.badge(contract.status), order="status")
    missing = column("Missing", standings.missing, order="required_funds_units")
    last_check = column("Reserve checked", standings.last_check, order="checked_at")
    pays_in = column("Pays in", lambda contract: contract.payment_token.symbol, order="payment_token__symbol")
    on_chain = column("Address", _address, order="address")
    evm = column("EVM address", _evm_address)
    batch_size = column(
        "Learned batch size", lambda contract: contract.learned_batch_size or "not learned yet"
    )
    blocked = column("Blocked at", _blocked)
    accepted_deficit = column("Accepted deficit", _deficit)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contract]:
        return with_checks(super().get_queryset(request))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        buttons = self.get_actions_detail(request, row.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": row.label,
            "original": row,
            "badge": cells.badge(row.status),
            "facts": _facts(row),
            "buttons": self._get_actions_navigation(self.actions_detail, buttons, str(row.pk)),
            **_standing(row),
            **section_context(sections_of(self), row, request),
        }
        return TemplateResponse(request, PAGE, context)

    @button(
        "Check now",
        permission="contracts.check_reserve",
        available=lambda row: row.status in CHECKED,
        explained="The chain is asked whether the reserve suffices. The answer may block the contract or release it.",
        refusals=(NotDone,),
        icon="refresh",
        variant=ActionVariant.PRIMARY,
        form=PlainForm,
    )
    def check_now(self, request: HttpRequest, row: Any) -> str:
        if open_tickets([row.address], by=who(request)):
            return "Asked for. The answer comes within seconds: look at this page again."
        found = PaymentAvailability.objects.open().filter(contract=row).first()
        if found is None:
            reason = standings.standing_of(row).unchecked_because
            raise NotDone(reason or "Nothing was asked: a check has just ended. Look at this page again.")
        return f"A check is under way already, asked for by {found.requested_by}: look at this page again."

    @button(
        "Check all now",
        permission="contracts.check_reserve",
        available=lambda _: True,
        explained="Every contract at work and every blocked one is asked for, except those whose check is under way.",
        icon="refresh",
        variant=ActionVariant.PRIMARY,
        form=PlainForm,
    )
    def check_all(self, request: HttpRequest, row: None) -> str:
        made = len(open_tickets(by=who(request)))
        under_way = PaymentAvailability.objects.open().count() - made
        return f"{made:,} checks are asked for; {max(0, under_way):,} were under way already."

    @button(
        "Block",
        permission="contracts.block_contract",
        available=lambda row: row.status in CAN_BE_BLOCKED,
        explained="Payouts of this contract and of the assets it backs are held, until a person unblocks it.",
        refusals=(NotDone,),
        icon="block",
        variant=ActionVariant.DANGER,
    )
    def block(self, request: HttpRequest, row: Any, reason: str) -> str:
        return self._block(request, row, reason)

    def _block(self, request: HttpRequest, row: Any, reason: str) -> str:
        blocking.block(row, reason=reason, by=who(request))
        return "It is BLOCKED: only a person lifts this block."

    @button(
        "Keep it blocked",
        permission="contracts.block_contract",
        available=_is_blocked_by_code,
        explained="The block becomes yours: it does not lift at a good check, only when a person unblocks it.",
        refusals=(NotDone,),
        icon="front_hand",
        variant=ActionVariant.DANGER,
    )
    def keep_blocked(self, request: HttpRequest, row: Any, reason: str) -> str:
        return self._block(request, row, reason)

    @button(
        "Unblock",
        permission="contracts.unblock_contract",
        available=lambda row: row.status == Status.BLOCKED,
        explained="What was held for it goes on. Where money is missing, the deficit has to be accepted with it.",
        refusals=(NotDone,),
        icon="lock_open",
        variant=ActionVariant.SUCCESS,
        form=UnblockForm,
    )
    def unblock(
        self,
        request: HttpRequest,
        row: Any,
        reason: str,
        units: int | None = None,
        until: datetime | None = None,
    ) -> str:
        if request.POST.get("units") and not request.user.has_perm(ACCEPT):
            raise PermissionDenied
        blocking.unblock(row, accepted_units=units, until=until, reason=reason, by=who(request))
        return "It is released: what was held for it goes on."

    @button(
        "Accept a deficit",
        permission=ACCEPT,
        available=lambda row: _is_investment(row) and row.status in CAN_BE_BLOCKED,
        explained="While checks find no more missing than that, the contract is not blocked. Checks still show it.",
        refusals=(NotDone,),
        icon="handshake",
        form=DeficitForm,
    )
    def accept_deficit(
        self, request: HttpRequest, row: Any, reason: str, units: int, until: datetime | None
    ) -> str:
        blocking.accept_deficit(row, units=units, until=until, reason=reason, by=who(request))
        return "The deficit is accepted: within it, checks do not block the contract."

    @button(
        "Withdraw the accepted deficit",
        permission=ACCEPT,
        available=lambda row: row.accepted_deficit_units is not None,
        explained="From now on every shortfall blocks the contract again. A check is asked for at once.",
        refusals=(NotDone,),
        icon="undo",
    )
    def withdraw_acceptance(self, request: HttpRequest, row: Any, reason: str) -> str:
        blocking.withdraw_acceptance(row, reason=reason, by=who(request))
        return "No deficit is accepted any more."


def _standing(row: Any) -> dict[str, Any]:
    """The upper part of the page."""
    now, limits = clock.now(), standings.limits()
    standing = standings.standing_of(row, failures=failures_in_a_row(row))
    warnings = (words.accepted(standing, now=now), words.short_life(standing, limits=limits))
    return {
        "banner": words.banner(standing, now=now, limits=limits),
        "warnings": [line for line in warnings if line],
        "under_way": words.under_way(standing, now=now),
    }


def _facts(row: Any) -> list[tuple[str, object]]:
    return [
        ("Missing", standings.missing(row)),
        ("Reserve checked", standings.last_check(row)),
        ("Pays in", row.payment_token.symbol),
        ("Kind", row.get_kind_display()),
        ("Address", _address(row)),
        ("Signs for it", cells.link(row.wallet)),
    ]
