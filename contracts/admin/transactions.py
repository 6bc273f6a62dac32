"""The book of every on-chain call, and the bytes that were signed for it."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from contracts import clock
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin, EvidenceInline
from contracts.admin.buttons import button, who
from contracts.admin.cells import column
from contracts.explorers import transaction_link
from contracts.models import ContractTransaction, CustodyBudget, ExpiryDeclaration, SignedBody
from contracts.services.declaring import NotDeclared, declare_expired, may_be_declared


def _document(value: object) -> SafeString:
    """Call data and results as they are; a batch of holders is long, so it scrolls."""
    if value is None:
        return cells.unknown()
    return format_html('<pre class="pd-document">{}</pre>', json.dumps(value, indent=2))


def trouble(row: ContractTransaction) -> SafeString:
    """What went wrong, in words; for an open attempt what it waits for."""
    said = row.error_text or row.error_class or row.waiting_reason
    return cells.words(f"{row.error_class}: {said}" if row.error_class and said != row.error_class else said)


def gas_words(row: ContractTransaction) -> SafeString:
    used = f"{row.gas_used:,}" if row.gas_used is not None else cells.UNKNOWN
    return format_html(
        '<span class="pd-money">{} <small>of {} gas</small></span>', used, f"{row.gas_limit:,}"
    )


def chain_id(row: ContractTransaction) -> SafeString:
    return cells.explored(row.transaction_id, transaction_link(row.wallet.network, row.transaction_id))


def fee(row: ContractTransaction) -> SafeString:
    return cells.fee(row.fee_units, network=row.wallet.network)


def _most_fee(row: ContractTransaction) -> SafeString:
    return cells.fee(row.max_fee_units, network=row.wallet.network)


def _number(value: int | None) -> object:
    return cells.unknown() if value is None else str(value)


def _valid_until(row: ContractTransaction) -> SafeString:
    return cells.unknown() if row.valid_start_ns is None else cells.moment(clock.from_ns(row.valid_until_ns))


def _next(row: ContractTransaction) -> object:
    return cells.next_step(row.next_attempt_at) if row.is_open else "nothing: it has ended"


def _guard(row: ContractTransaction) -> str:
    return "yes: the chain refuses to do it twice" if row.has_guard else "no"


def _unresolved(row: ContractTransaction) -> object:
    if row.status == ContractTransaction.Status.SUBMITTED:
        return cells.moment(row.submitted_at)
    return "not sent yet" if row.is_open else "resolved"


def _adopted(row: ContractTransaction) -> object:
    return cells.moment(row.adopted_at) if row.adopted_at else "not adopted: it was planned here"


class SignedBodyInline(EvidenceInline):
    model = SignedBody
    verbose_name_plural = "signed bodies, one for each node"
    fields = ("node", "stored", "signed", "sends", "first_sent", "last_sent")
    readonly_fields = fields

    stored = column("Body", lambda row: cells.raw_bytes(row.body, row.body_hash))
    signed = column("Signed bytes", lambda row: cells.raw_bytes(row.signed_bytes, row.hash))
    first_sent = column("First sent", lambda row: _sent(row, "first_sent_at"))
    last_sent = column("Last sent", lambda row: _sent(row, "last_sent_at"))


def _sent(row: SignedBody, field: str) -> object:
    at = getattr(row, field)
    return cells.moment(at) if at else "not sent"


class ExpiryDeclarationInline(EvidenceInline):
    model = ExpiryDeclaration
    verbose_name_plural = "declared expired by, two different people being needed"
    fields = ("by", "reason", "at")
    readonly_fields = fields
    show_change_link = False


ON_HEDERA = ("chain_id", "consensus", "chain_hash", "valid_until", "gas", "fee", "most_fee")
# A hash is the id there, and the fee is for all resources: there is no gas to tell of.
ON_STELLAR = ("chain_id", "consensus", "in_ledger", "source_sequence", "valid_until", "fee", "most_fee")


@admin.register(ContractTransaction)
class ContractTransactionAdmin(EvidenceAdmin):
    list_display = (
        "subject_words",
        "function",
        "attempt",
        "state",
        "chain_id",
        "problem",
        "fee",
        "planned_at",
    )
    list_filter = ("status", "purpose", "function", "wallet", "planned_at")
    search_fields = ("=transaction_id", "subject", "hash", "error_class", "error_text")
    ordering = ("-pk",)
    inlines = (SignedBodyInline, ExpiryDeclarationInline)
    actions_detail = ("declare_expired",)
    fieldsets = (
        (
            None,
            {"fields": ("subject_words", "function", "attempt", "state", "waits", "next_step", "unresolved")},
        ),
        ("On chain", {"fields": ON_HEDERA}),
        ("Error", {"fields": ("error_class_words", "error_words")}),
        (
            "Call",
            {
                "fields": (
                    "wallet",
                    "contract",
                    "target",
                    "interface",
                    "purpose",
                    "guard",
                    "memo",
                    "adopted",
                    "call",
                    "answer",
                )
            },
        ),
        (
            "Steps",
            {
                "fields": (
                    "planned_at",
                    "identified_at",
                    "signed_at",
                    "broadcast_started_at",
                    "submitted_at",
                    "resolved_at",
                    "tries",
                    "absent_looks",
                )
            },
        ),
    )
    readonly_fields = (
        "subject_words",
        "state",
        "waits",
        "next_step",
        "unresolved",
        "chain_id",
        "consensus",
        "chain_hash",
        "valid_until",
        "gas",
        "fee",
        "most_fee",
        "source_sequence",
        "in_ledger",
        "error_class_words",
        "error_words",
        "guard",
        "adopted",
        "call",
        "answer",
    )

    subject_words = column("Subject", lambda row: cells.code(row.subject), order="subject")
    state = column("Status", lambda row: cells.badge(row.status), order="status")
    chain_id = column("Transaction id", chain_id)
    problem = column("Error, or what it waits for", trouble)
    waits = column("Waits for", lambda row: cells.words(row.waiting_reason, empty="nothing"))
    next_step = column("Next step", _next)
    unresolved = column("Unresolved since", _unresolved)
    consensus = column("Consensus time", lambda row: cells.consensus(row.consensus_at))
    chain_hash = column("Hash", lambda row: cells.code(row.hash))
    valid_until = column("Valid until", _valid_until)
    gas = column("Gas used", gas_words)
    fee = column("Fee", fee)
    most_fee = column("Highest fee allowed", _most_fee)
    source_sequence = column("Sequence number of the source", lambda row: _number(row.sequence))
    in_ledger = column("Ledger", lambda row: _number(row.ledger))
    error_class_words = column("Kind", lambda row: cells.words(row.error_class))
    error_words = column("In words", lambda row: cells.words(row.error_text))
    guard = column("Guarded on chain", _guard)
    call = column("Arguments", lambda row: _document(row.arguments))
    answer = column("Result", lambda row: _document(row.result))
    adopted = column("Found on chain at", _adopted)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContractTransaction]:
        rows: QuerySet[ContractTransaction] = super().get_queryset(request)
        return rows.select_related("wallet")

    def get_fieldsets(self, request: HttpRequest, obj: ContractTransaction | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not obj.is_on_stellar:
            return fieldsets
        return [
            (title, {"fields": ON_STELLAR} if title == "On chain" else options)
            for title, options in fieldsets
        ]

    @button(
        "Declare expired",
        permission="contracts.declare_expired",
        available=may_be_declared,
        explained="Your word that this call is not on chain and never will be, where no proof can be had. It takes two "
        "different people; then a new attempt may follow. The chain itself refuses to do its work twice.",
        refusals=(NotDeclared,),
        icon="gavel",
        variant=ActionVariant.DANGER,
    )
    def declare_expired(self, request: HttpRequest, row: ContractTransaction, reason: str) -> str:
        if declare_expired(row, by=who(request), reason=reason):
            return "It is EXPIRED: a new attempt may follow."
        return "Your declaration is kept. A second person has to declare it as well."


@admin.register(SignedBody)
class SignedBodyAdmin(EvidenceAdmin):
    list_display = ("transaction", "node", "stored", "signed", "sends", "last_sent")
    list_select_related = ("transaction",)
    search_fields = (
        "=transaction__transaction_id",
        "=hash",
        "=body_hash",
        "=external_id",
        "=custody_reference",
    )
    ordering = ("-pk",)
    fields = (
        "transaction",
        "node",
        "stored",
        "signed",
        "external_id",
        "custody",
        "created_at",
        "signed_at",
        "sends",
        "first_sent",
        "last_sent",
    )
    readonly_fields = ("stored", "signed", "custody", "first_sent", "last_sent")

    stored = column("Body", lambda row: cells.raw_bytes(row.body, row.body_hash))
    signed = column("Signed bytes", lambda row: cells.raw_bytes(row.signed_bytes, row.hash))
    custody = column("Custody's reference", lambda row: cells.code(row.custody_reference))
    first_sent = column("First sent", lambda row: _sent(row, "first_sent_at"))
    last_sent = column("Last sent", lambda row: _sent(row, "last_sent_at"))


def _pause(row: CustodyBudget) -> object:
    is_paused = row.paused_until is not None and row.paused_until > clock.now()
    return cells.moment(row.paused_until) if is_paused else "not paused"


@admin.register(CustodyBudget)
class CustodyBudgetAdmin(EvidenceAdmin):
    list_display = ("custodian", "left", "pause", "refilled_at")
    fields = ("custodian", "left", "pause", "refilled_at")
    readonly_fields = ("left", "pause")

    left = column("Requests left", lambda row: int(row.tokens))
    pause = column("Paused until", _pause)
