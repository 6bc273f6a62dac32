"""How a fact looks on a page. What is not known yet says so, and looks like nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from contracts import clock
from contracts.amounts import format_units

UNKNOWN = "unknown yet"
NONE = "none"
TONES = {
    "success": ("COMPLETED", "PAID", "SUCCEEDED", "SYNCED", "ACTIVE", "LIFTED"),
    "info": ("PLANNING", "PROCESSING", "RUNNING", "SIGNED", "SUBMITTED", "SYNCING", "FUNDS_REACHED"),
    "warning": ("HELD", "PAUSED", "AWAITING_APPROVAL", "PARTIALLY_COMPLETED", "EXPIRED", "OPEN", "WAIVED"),
    "danger": ("FAILED", "BLOCKED", "STOPPED"),
}
_TONE_OF = {status: tone for tone, statuses in TONES.items() for status in statuses}


class Unit(Protocol):
    """What a number of base units is counted in: a token, or an asset."""

    decimals: Any
    symbol: Any


class Hbar:
    decimals = 8
    symbol = "HBAR"


class Lumen:
    decimals = 7
    symbol = "XLM"


def badge(status: str, *, tone: str = "") -> SafeString:
    """A status in the colour of its meaning; the word is always there, too."""
    tone = tone or _TONE_OF.get(status, "quiet")
    return format_html('<span class="pd-badge pd-{}">{}</span>', tone, status.replace("_", " "))


def unknown() -> SafeString:
    return format_html('<span class="pd-unknown">{}</span>', UNKNOWN)


def money(units: int | None, unit: Unit, *, base: str = "base units") -> SafeString:
    """The amount, and under it the base units that it is exactly."""
    if units is None:
        return unknown()
    shown = format_units(units, decimals=unit.decimals, symbol=unit.symbol)
    return format_html('<span class="pd-money">{} <small>{} {}</small></span>', shown, units, base)


def fee(units: int | None, *, network: str = "") -> SafeString:
    """What a network took for a call, in its own money."""
    if network.startswith("stellar-"):
        return money(units, Lumen(), base="stroops")
    return money(units, Hbar(), base="tinybars")


def moment(at: datetime | None) -> SafeString:
    if at is None:
        return unknown()
    return format_html('<span class="pd-nowrap">{} UTC</span>', f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}")


def next_step(at: datetime) -> SafeString:
    """A planned moment; once it has passed, the step is simply due."""
    return moment(at) if at > clock.now() else format_html("<span>{}</span>", "due now")


def consensus(text: str) -> SafeString:
    """A consensus time to read, and under it as the chain writes it: transactions are told apart by its digits."""
    if not text:
        return unknown()
    at = f"{clock.from_ns(clock.consensus_ns(text)):%Y-%m-%d %H:%M:%S}"
    return format_html('<span class="pd-money">{} UTC <small>{}</small></span>', at, text)


def code(text: object) -> SafeString:
    """An address, an id or a hash, in letters of one width."""
    return format_html('<code class="pd-code">{}</code>', text) if text else unknown()


def explored(text: object, address: str | None) -> SafeString:
    """An id with its page in a public explorer, where there is one; nothing of Paydate's is sent along."""
    if not address:
        return code(text)
    link = '<a class="pd-link" href="{}" target="_blank" rel="noopener noreferrer">look it up</a>'
    return format_html("{} " + link, code(text), address)


def raw_bytes(data: bytes | memoryview | None, sha384_or_256: str) -> SafeString:
    """Bytes are evidence, not reading matter: how many, and the hash that names them."""
    if data is None:
        return unknown()
    return format_html('{} bytes, <code class="pd-code">{}</code>', len(data), sha384_or_256)


def titled(title: object, below: object) -> SafeString:
    """Two lines in one cell, the second one small."""
    return format_html('<span class="pd-titled">{} <small>{}</small></span>', title, below)


def words(text: str, *, empty: str = NONE) -> SafeString:
    kind = "pd-words" if text else "pd-nowrap"
    return format_html('<span class="{}">{}</span>', kind, text or empty)


def bar(part: int, whole: int, *, failed: int = 0) -> SafeString:
    """How much of the whole is done; thousandths keep the width exact enough without a float."""
    if not whole:
        return unknown()
    done, bad = part * 1000 // whole, failed * 1000 // whole
    return format_html(
        '<span class="pd-progress"><span class="pd-bar" role="img" aria-label="{} of {}">'
        '<i style="width:{}.{}%"></i><b style="width:{}.{}%"></b></span><small>{} of {}</small></span>',
        *(part, whole, done // 10, done % 10, bad // 10, bad % 10, part, whole),
    )


def link(row: Any, text: object = "") -> SafeString:
    """To the row's own page, where the admin has one."""
    try:
        address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return format_html("{}", text or row)
    return format_html('<a class="pd-link" href="{}">{}</a>', address, text or row)


def column(
    title: str, show: Callable[[Any], object], *, order: str | None = None
) -> Callable[[Any, Any], object]:
    """A column or read-only field of an admin, made of one of the functions above."""

    @display(description=title, ordering=order)
    def cell(_admin: Any, row: Any) -> object:
        return show(row)

    return cell  # type: ignore[no-any-return]
