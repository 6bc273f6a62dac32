"""Money counted on by runs, and what the chain paid of it."""

from django.contrib import admin

from contracts.admin import cells
from contracts.admin.base import EvidenceAdmin, EvidenceInline
from contracts.admin.cells import column
from contracts.clock import consensus_text
from reserves.models import Draw, Reservation


def _reserved(field: str, title: str) -> object:
    return column(title, lambda row: cells.money(getattr(row, field), row.contract.payment_token))


def _drawn(row: Draw) -> object:
    return cells.money(row.units, row.reservation.contract.payment_token)


def _at(row: Draw) -> object:
    return cells.consensus(consensus_text(row.consensus_ns))


class DrawInline(EvidenceInline):
    model = Draw
    fields = ("subject", "amount", "at")
    readonly_fields = fields
    per_page = 20
    ordering = ("consensus_ns",)

    amount = column("Paid", _drawn)
    at = column("Consensus time", _at)


@admin.register(Reservation)
class ReservationAdmin(EvidenceAdmin):
    list_display = ("distribution_uid", "contract", "reserved", "drawn", "remaining", "created_at", "closed")
    list_filter = ("contract", ("closed_at", admin.EmptyFieldListFilter))
    list_select_related = ("contract__payment_token",)
    search_fields = ("=distribution_uid",)
    ordering = ("-pk",)
    inlines = (DrawInline,)
    fields = ("distribution_uid", "contract", "reserved", "drawn", "remaining", "created_at", "closed")
    readonly_fields = ("reserved", "drawn", "remaining", "closed")

    reserved = _reserved("units", "Reserved")
    drawn = _reserved("drawn_units", "Paid of it")
    remaining = _reserved("remaining_units", "Still counted on")
    closed = column("Closed at", lambda row: cells.moment(row.closed_at) if row.closed_at else "open")


@admin.register(Draw)
class DrawAdmin(EvidenceAdmin):
    list_display = ("subject", "reservation", "amount", "at")
    list_select_related = ("reservation__contract__payment_token",)
    search_fields = ("subject", "=reservation__distribution_uid")
    ordering = ("-consensus_ns",)
    fields = ("subject", "reservation", "amount", "at")
    readonly_fields = ("amount", "at")

    amount = column("Paid", _drawn)
    at = column("Consensus time", _at)
