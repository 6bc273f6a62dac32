"""What falls due in Paydate's own investment contract, as sums by day; so many days share an entry."""

from collections.abc import Mapping
from typing import Any

from stellar_sdk import scval, xdr

from devnet.soroban.exact_terms import due_ts, units_of_next
from devnet.soroban.host import Contract, i128
from devnet.soroban.terms import DAY

PAGE_DAYS = 32
Sums = dict[int, int]


def obligations(me: Contract) -> dict[str, int]:
    """`arrears` fell due through `through_day` and are not paid."""
    return dict(me.get("Obligations"))


def set_obligations(me: Contract, known: Mapping[str, int]) -> None:
    fields = {"arrears": i128(known["arrears"]), "through_day": scval.to_uint32(known["through_day"])}
    me.set("Obligations", scval.to_struct(fields))


def rolled(me: Contract) -> dict[str, int]:
    """With what is due today among the arrears; pages whose days have all passed are removed."""
    known, today = obligations(me), me.now // DAY
    if known["through_day"] >= today:
        return known
    arrears = known["arrears"]
    for page in range((known["through_day"] + 1) // PAGE_DAYS, today // PAGE_DAYS + 1):
        if (sums := _page(me, page)) is not None:
            arrears += _within(sums, known["through_day"], today)
            if today >= page * PAGE_DAYS + PAGE_DAYS - 1:
                me.remove_persistent(_key(page))
    return {"arrears": arrears, "through_day": today}


def needed(me: Contract, known: Mapping[str, int], until: int) -> int:
    """All that is due and not paid at `until`."""
    last, begin = until // DAY, known["through_day"]
    pages = range((begin + 1) // PAGE_DAYS, last // PAGE_DAYS + 1) if last > begin else range(0)
    return known["arrears"] + sum(_within(_page(me, page) or {}, begin, last) for page in pages)


def enter(me: Contract, known: dict[str, int], made: Mapping[str, Any], months: int) -> None:
    """Every instalment of a new investment on its day; `known` are the obligations of today."""
    pages: dict[int, Sums] = {}
    for number in range(1, months + 1):
        day = due_ts(made, number) // DAY
        units = units_of_next({**made, **_before(made, number)}, months, 1)
        if day <= known["through_day"]:
            known["arrears"] += units
            continue
        page = day // PAGE_DAYS
        sums = pages.setdefault(page, _page(me, page) or {})
        sums[day] = sums.get(day, 0) + units
    for page, sums in pages.items():
        me.set_persistent(_key(page), _map(sums))


def _before(made: Mapping[str, Any], number: int) -> dict[str, int]:
    return {"payments_transferred": number - 1, "paid": (number - 1) * made["regular_payment"]}


def _page(me: Contract, page: int) -> Sums | None:
    value = me.get_persistent(_key(page))
    return None if value is None else dict(scval.to_native(value))  # type: ignore[arg-type]


def _key(page: int) -> xdr.SCVal:
    return scval.to_enum("DuePage", scval.to_uint32(page))


def _map(sums: Sums) -> xdr.SCVal:
    return scval.to_map({scval.to_uint32(day): i128(sums[day]) for day in sorted(sums)})


def _within(sums: Sums, after: int, last: int) -> int:
    return sum(units for day, units in sums.items() if after < day <= last)
