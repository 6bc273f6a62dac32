"""Money that came to payout contracts."""

from django.contrib import admin
from django.utils.safestring import SafeString

from chainsync.models import Deposit
from contracts.addresses import ZERO_ADDRESS
from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin
from contracts.admin.cells import column
from contracts.explorers import transaction_link


def _call(row: Deposit) -> SafeString | str:
    if not row.transaction_id:
        return "told by a log only"
    return cells.explored(row.transaction_id, transaction_link(row.contract.network, row.transaction_id))


def _sender(row: Deposit) -> SafeString | str:
    if row.sender == ZERO_ADDRESS:
        return "newly issued"
    return cells.code(row.sender) if row.sender else cells.unknown()


@admin.register(Deposit)
class DepositAdmin(EvidenceAdmin):
    list_display = ("received", "amount", "to", "sent_by", "call", "seen")
    list_display_links = ("received",)
    list_filter = ("contract", "token")
    list_select_related = ("contract", "token")
    search_fields = ("=contract__address", "=sender", "=transaction_id")
    search_help_text = "A payout contract, a sender or a transaction id"
    ordering = ("-consensus_at",)
    fields = ("received", "amount", "to", "sent_by", "call", "seen")
    readonly_fields = fields

    received = column("Received at", lambda row: cells.consensus(row.consensus_at), order="consensus_at")
    amount = column("Amount", lambda row: cells.money(row.units, row.token), order="units")
    to = column("Payout contract", lambda row: cells.link(row.contract))
    sent_by = column("Sent by", _sender)
    call = column("Transaction", _call)
    seen = column("Seen here at", lambda row: cells.moment(row.seen_at))
