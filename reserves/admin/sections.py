"""The sections under a contract: each is read only when it is looked at."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.utils import label_for_field, lookup_field
from django.db.models import Q
from django.http import HttpRequest

from contracts.admin import cells
from contracts.admin.tables import Section, Table, audit_table, holds_table, paged
from contracts.admin.transactions import chain_id, fee, trouble
from contracts.models import Asset, Contract, ContractTransaction, Hold
from reserves.admin import dues
from reserves.admin.words import length
from reserves.models import PaymentAvailability
from reserves.services.showing import transactions_of

OUTCOME_TONES = {"BLOCKED": "danger", "SHORT": "warning", "STILL_BLOCKED": "warning", "ACCEPTED": "warning"}


def checks(contract: Contract, request: HttpRequest) -> Table:
    headers = (
        "Asked for",
        "Status",
        "Answer",
        "Effect",
        "Error",
        "Transaction",
        "As of ledger" if contract.kind == Contract.Kind.INVESTMENT else "As of block",
        "Waited, took",
        "Attempts",
    )
    rows = PaymentAvailability.objects.filter(contract=contract).order_by("-requested_at", "-pk")
    rows = rows.select_related("contract__payment_token", "transaction__wallet")
    return paged(rows, request, _check, headers, "It was never checked.")


def _check(row: PaymentAvailability) -> tuple[object, ...]:
    asked = cells.link(row, cells.moment(row.requested_at))
    return (
        cells.titled(asked, f"by {row.requested_by}, {row.mode.replace('_', ' ')}"),
        cells.badge(row.status),
        answer(row),
        effect(row),
        cells.words(error(row)),
        chain_id(row.transaction) if row.transaction else "none was sent",
        ledger(row),
        durations(row),
        row.attempts,
    )


def answer(row: PaymentAvailability) -> object:
    """What the chain said is missing. Nothing is said of an answer that never came."""
    if row.required_funds_units is None:
        return "no answer" if row.status == PaymentAvailability.Status.FAILED else cells.unknown()
    if not row.required_funds_units:
        return "nothing missing"
    return cells.money(row.required_funds_units, row.contract.payment_token)


def effect(row: PaymentAvailability) -> object:
    if row.status != PaymentAvailability.Status.PROCESSED:
        return "none" if row.status == PaymentAvailability.Status.FAILED else cells.unknown()
    shown = cells.words(row.get_outcome_display(), empty="nothing")
    tone = OUTCOME_TONES.get(row.outcome)
    return cells.badge(row.outcome, tone=tone) if tone else shown


def ledger(row: PaymentAvailability) -> object:
    if row.ledger is None:
        return "no answer" if row.status == PaymentAvailability.Status.FAILED else cells.unknown()
    return str(row.ledger)


def durations(row: PaymentAvailability) -> object:
    """How long it waited for somebody to take it up, and how long it took from there."""
    if row.started_at is None:
        return "not taken up" if row.status != PaymentAvailability.Status.PENDING else cells.unknown()
    waited = f"waited\N{NO-BREAK SPACE}{exact(row.started_at - row.requested_at)}"
    if row.ended_at is None:
        return cells.titled(waited, "not ended yet")
    return cells.titled(waited, f"took {exact(row.ended_at - row.started_at)}")


def exact(span: timedelta) -> str:
    """To the millisecond below a minute, where checks differ."""
    milliseconds = max(0, span // timedelta(milliseconds=1))
    if milliseconds >= 60_000:
        return length(span)
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}\N{NO-BREAK SPACE}s"


def error(row: PaymentAvailability) -> str:
    if not row.error_class:
        return row.note
    said = f"{row.error_class}: {row.error_text}"
    return said if row.status == PaymentAvailability.Status.FAILED else f"an attempt before: {said}"


def transactions(contract: Contract, request: HttpRequest) -> Table:
    headers = ("For", "Call", "Status", "Transaction id", "Error, or what it waits for", "Fee", "On chain at")
    return paged(
        transactions_of(contract), request, _transaction, headers, "No call of this contract was planned yet."
    )


def _transaction(row: ContractTransaction) -> tuple[object, ...]:
    return (
        cells.titled(cells.link(row, row.subject), f"attempt {row.attempt}"),
        row.function,
        cells.badge(row.status),
        chain_id(row),
        trouble(row),
        fee(row),
        cells.consensus(row.consensus_at),
    )


def obligations(contract: Contract, request: HttpRequest) -> Table:
    if contract.kind == Contract.Kind.INVESTMENT:
        return dues.of_investments(contract)
    return dues.of_payouts(contract, days=settings.RESERVE_HORIZON_DAYS)


def _covering(contract: Contract) -> Q:
    return Q(scope=Hold.Scope.GLOBAL) | Q(scope=Hold.Scope.CONTRACT, object_uid=contract.uid)


def holds(contract: Contract, request: HttpRequest) -> Table:
    return holds_table(_covering(contract), request)


def audit(contract: Contract, request: HttpRequest) -> Table:
    concerned = Q(noun="contract", object_id=contract.pk)
    concerned |= Q(noun="hold", object_id__in=Hold.objects.filter(_covering(contract)).values("pk"))
    checked = PaymentAvailability.objects.filter(contract=contract)
    concerned |= Q(noun="paymentavailability", object_id__in=checked.values("pk"))
    concerned |= Q(
        noun="contracttransaction", object_id__in=transactions_of(contract).order_by().values("pk")
    )
    return audit_table(concerned, request)


def assets(contract: Contract, request: HttpRequest) -> Table:
    headers = ("Asset", "Name", "This contract", "While it is BLOCKED")
    rows = [
        (cells.link(asset, asset.symbol), asset.name, role, "its payouts are held")
        for role, found in (
            ("backs it", contract.backed_assets.order_by("symbol")),
            ("pays it out", Asset.objects.filter(payout_contract=contract)),
        )
        for asset in found
    ]
    empty = "No asset is paid out by it or backed by it. The backing contract of an asset is set on the asset's page."
    return Table(headers, rows, empty)


def about(admin: Any) -> Section:
    """What is registered: the fields of the admin, so that the apps above can add theirs."""

    def section(contract: Contract, request: HttpRequest) -> Table:
        groups = [
            Table((), [], "", title=title or "", facts=_facts(admin, options["fields"], contract))
            for title, options in admin.get_fieldsets(request, contract)
        ]
        return Table((), [], "", more=groups)

    return section


def _facts(admin: Any, fields: Any, contract: Contract) -> list[tuple[str, object]]:
    return [(_title(admin, name), _value(admin, name, contract)) for name in fields]


def _title(admin: Any, name: str) -> str:
    title = str(label_for_field(name, Contract, model_admin=admin))
    return title[:1].upper() + title[1:]


def _value(admin: Any, name: str, contract: Contract) -> object:
    field, _, value = lookup_field(name, contract, admin)
    if field is None:
        return value
    shown: Callable[[], object] | None = getattr(contract, f"get_{name}_display", None)
    if shown:
        return shown()
    if field.is_relation:
        return cells.link(value)
    return cells.moment(value) if field.get_internal_type() == "DateTimeField" else value


def sections_of(admin: Any) -> dict[str, tuple[str, Section]]:
    return {
        "checks": ("Checks", checks),
        "transactions": ("Transactions", transactions),
        "obligations": ("Obligations", obligations),
        "holds": ("Holds", holds),
        "assets": ("Assets", assets),
        "audit": ("Audit trail", audit),
        "about": ("About the contract", about(admin)),
    }
